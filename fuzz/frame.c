/* fuzz/frame.c: libFuzzer target for frames. The first bytes choose the framing, the limit and the cuts, the rest is what comes
 * over the stream. It is fed whole and cut, to streams of the calling thread; frames, refusals and the end must be the same. */
#include <coir/frame.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum { STREAM_LIMIT = 1024, CHOICES = 4 + COIR_DELIMITER_MOST };

struct told {
    char bytes[16 * STREAM_LIMIT];
    size_t size;
    ssize_t end; /* 0: not yet */
};

static void
hold(bool condition)
{
    if (!condition)
        abort();
}

static void
tell(struct told *told, const void *bytes, size_t size)
{
    hold(size <= sizeof told->bytes - told->size);
    memcpy(told->bytes + told->size, bytes, size);
    told->size += size;
}

/* All that can be read at present. */
static void
drain(struct coir_stream *stream, const struct coir_framing *framing, size_t limit, struct told *told)
{
    char frame[256];
    ssize_t length;
    while ((length = coir_frame_read(stream, framing, frame, limit, COIR_NOW)) >= 0 || length == -EMSGSIZE) {
        hold(length <= (ssize_t)limit);
        tell(told, &length, sizeof length);
        if (length > 0)
            tell(told, frame, (size_t)length);
    }
    hold(length == -EAGAIN || length == -EPIPE || length == -EPROTO);
    if (length != -EAGAIN)
        told->end = length;
}

/* In pieces, the first of steps[0] bytes, the next of steps[1], and so on in turn. */
static void
feed(const struct coir_framing *framing, size_t limit, const uint8_t *bytes, size_t size, const size_t steps[2],
     struct told *told)
{
    struct coir_stream *ends[2];
    size_t step;
    told->size = 0;
    told->end = 0;
    hold(coir_stream_pair(ends) == 0);
    for (size_t at = 0, turn = 0; at < size; at += step) {
        step = steps[turn++ % 2];
        hold(coir_stream_write(ends[1], bytes + at, size - at < step ? size - at : step, COIR_NOW) == 0);
        drain(ends[0], framing, limit, told);
        hold(told->end == 0);
    }
    hold(coir_stream_shutdown(ends[1], COIR_NOW) == 0);
    drain(ends[0], framing, limit, told);
    hold(told->end != 0);
    coir_stream_close(ends[0]);
    coir_stream_close(ends[1]);
}

/* A frame of these bytes, if it can be written, is read as it was. */
static void
there_and_back(const struct coir_framing *framing, const uint8_t *bytes, size_t size)
{
    static char back[STREAM_LIMIT];
    struct coir_stream *ends[2];
    hold(coir_stream_pair(ends) == 0);
    if (coir_frame_write(ends[1], framing, bytes, size, COIR_NOW) == 0) {
        hold(coir_frame_read(ends[0], framing, back, sizeof back, COIR_NOW) == (ssize_t)size);
        hold(!size || !memcmp(back, bytes, size));
        hold(coir_frame_read(ends[0], framing, back, sizeof back, COIR_NOW) == -EAGAIN);
    }
    coir_stream_close(ends[0]);
    coir_stream_close(ends[1]);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static struct told whole, cut;
    if (size < CHOICES || size - CHOICES > STREAM_LIMIT)
        return 0;
    struct coir_framing framing = {.kind = (enum coir_framing_kind)(bytes[0] % 3),
                                   .order = (enum coir_byte_order)(bytes[0] / 3 % 2)};
    const size_t one_piece[2] = {STREAM_LIMIT, STREAM_LIMIT};
    const size_t steps[2] = {(size_t)bytes[2] % 16 + 1, (size_t)bytes[2] / 16 * 7 + 1}; /* to 16 and to 106 bytes */
    size_t limit = bytes[1];
    framing.delimiter = (const char *)bytes + 4;
    framing.size = framing.kind == COIR_FRAMING_PREFIXED    ? (size_t)1 << bytes[3] % 4
                   : framing.kind == COIR_FRAMING_DELIMITED ? (size_t)bytes[3] % COIR_DELIMITER_MOST + 1
                                                            : (size_t)bytes[3] + 1;
    bytes += CHOICES;
    size -= CHOICES;
    feed(&framing, limit, bytes, size, one_piece, &whole);
    feed(&framing, limit, bytes, size, steps, &cut);
    hold(whole.size == cut.size && whole.end == cut.end && !memcmp(whole.bytes, cut.bytes, whole.size));
    there_and_back(&framing, bytes, size < STREAM_LIMIT ? size : STREAM_LIMIT);
    return 0;
}
