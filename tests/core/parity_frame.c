/* parity_frame.c: frames. */
#include "parity.h"

#include <coir/frame.h>
#include <string.h>

static const struct coir_framing prefixed = COIR_FRAMES_PREFIXED(2, COIR_BIG_ENDIAN);
static const struct coir_framing delimited = COIR_FRAMES_DELIMITED("\r\n");

static void
read_frame(struct parity *play, struct coir_stream *stream, const struct coir_framing *framing, size_t size,
           coir_time deadline)
{
    char bytes[64];
    parity_got(play, "frame", coir_frame_read(stream, framing, bytes, size, deadline), bytes);
}

static void
put_bytes(struct coir_stream *stream, const char *bytes, size_t size)
{
    MUST_BE(coir_stream_write(stream, bytes, size, core_soon()), 0);
}

/* Two in one write, one in three; what a wait that was too short has seen of one is still there. */
static void
pieces(struct parity *play)
{
    struct coir_stream *ends[2];
    parity_open(play, PARITY_USUAL, ends);
    put_bytes(ends[1], "\0\3one\0\0\0", 8);
    read_frame(play, ends[0], &prefixed, 8, core_soon());
    read_frame(play, ends[0], &prefixed, 8, core_soon());
    read_frame(play, ends[0], &prefixed, 8, COIR_NOW);
    put_bytes(ends[1], "\5th", 3);
    read_frame(play, ends[0], &prefixed, 8, coir_after(COIR_MS));
    read_frame(play, ends[0], &prefixed, 8, core_past());
    put_bytes(ends[1], "ree", 3);
    read_frame(play, ends[0], &prefixed, 8, core_soon());
    MUST_BE(coir_stream_shutdown(ends[1], core_soon()), 0);
    read_frame(play, ends[0], &prefixed, 8, core_soon());
    read_frame(play, ends[0], &prefixed, 8, COIR_NEVER);
    parity_close(ends);
}

static void
too_long(struct parity *play)
{
    struct coir_stream *ends[2];
    char line[8];
    parity_open(play, PARITY_USUAL, ends);
    put_bytes(ends[1], "12345\r\n1234\r\n123456789\rline\r\n\0\5abcdeline\n\0\1x\0\3y", 47);
    MUST_BE(coir_stream_shutdown(ends[1], core_soon()), 0);
    read_frame(play, ends[0], &delimited, 4, core_soon());
    read_frame(play, ends[0], &delimited, 4, core_soon());
    read_frame(play, ends[0], &delimited, 4, core_soon());
    read_frame(play, ends[0], &prefixed, 4, core_soon());
    parity_got(play, "line", coir_stream_read_line(ends[0], line, sizeof line, core_soon()), line);
    read_frame(play, ends[0], &prefixed, 4, core_soon());
    read_frame(play, ends[0], &prefixed, 4, core_soon());
    read_frame(play, ends[0], &prefixed, 4, core_soon());
    parity_close(ends);
}

static int
read_one(void *stream)
{
    char bytes[8];
    return (int)coir_frame_read(stream, &prefixed, bytes, sizeof bytes, COIR_NEVER);
}

static void
ended_waits(struct parity *play)
{
    struct coir_stream *ends[2];
    struct core_actor reader;
    parity_open(play, PARITY_USUAL, ends);
    put_bytes(ends[1], "\0\3ab", 4);
    core_start(&reader, read_one, ends[0]);
    core_await_waiting(&reader);
    core_cancel(&reader);
    parity_note(play, "frame", core_end(&reader));
    put_bytes(ends[1], "c\0", 2);
    read_frame(play, ends[0], &prefixed, 8, core_soon());
    core_start(&reader, read_one, ends[0]);
    core_await_waiting(&reader);
    coir_stream_abort(ends[0]);
    parity_note(play, "frame", core_end(&reader));
    read_frame(play, ends[0], &prefixed, 8, COIR_NOW);
    parity_close(ends);
}

static int
write_large_frames(void *stream)
{
    static const struct coir_framing four = COIR_FRAMES_PREFIXED(4, COIR_LITTLE_ENDIAN);
    for (int i = 0; i < 3; i++)
        MUST_BE(coir_frame_write(stream, &four, parity_large, 100000, core_soon()), 0);
    return coir_stream_shutdown(stream, core_soon());
}

static void
large(struct parity *play)
{
    static const struct coir_framing four = COIR_FRAMES_PREFIXED(4, COIR_LITTLE_ENDIAN);
    static char bytes[100000];
    struct coir_stream *ends[2];
    struct core_actor writer;
    memset(parity_large, 'l', PARITY_LARGE);
    parity_open(play, PARITY_LITTLE, ends);
    core_start(&writer, write_large_frames, ends[1]);
    parity_note(play, "frame", coir_frame_read(ends[0], &four, bytes, sizeof bytes, core_soon()));
    MUST(bytes[0] == 'l' && !memcmp(bytes, bytes + 1, sizeof bytes - 1));
    parity_note(play, "frame", coir_frame_read(ends[0], &four, bytes, sizeof bytes - 1, core_soon()));
    parity_note(play, "frame", coir_frame_read(ends[0], &four, bytes, sizeof bytes, core_soon()));
    parity_note(play, "frame", coir_frame_read(ends[0], &four, bytes, sizeof bytes, core_soon()));
    parity_note(play, "writer", core_end(&writer));
    parity_close(ends);
}

const struct parity_row parity_frame[] = {
    {"frames in pieces", pieces,
     "frame 'one', frame 0, frame -EAGAIN, frame -ETIMEDOUT, frame -ETIMEDOUT, frame 'three', frame -EPIPE, frame "
     "-EPIPE",
     PARITY_ANY},
    {"frames that are too long", too_long,
     "frame -EMSGSIZE, frame '1234', frame -EMSGSIZE, frame -EMSGSIZE, line 'line', frame 'x', frame -EPROTO, "
     "frame -EPROTO",
     PARITY_ANY},
    {"cancel and abort in the middle of a frame", ended_waits,
     "frame -ECANCELED, frame 'abc', frame -EPIPE, frame -EPIPE", PARITY_ANY},
    {"frames larger than any buffer", large, "frame 100000, frame -EMSGSIZE, frame 100000, frame -EPIPE, writer 0",
     PARITY_ANY},
    {0},
};
