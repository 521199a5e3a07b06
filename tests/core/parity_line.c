/* parity_line.c: lines. */
#include "parity.h"

#include <stdio.h>
#include <string.h>

enum { SIZE = 8 }; /* bytes a line may have with its NUL */

static void
line_and_note(struct parity *play, struct coir_stream *stream, coir_time deadline)
{
    char line[SIZE];
    ssize_t length = coir_stream_read_line(stream, line, sizeof line, deadline);
    if (length == 0)
        parity_say(play, "line ''");
    else
        parity_got(play, "line", length, line);
}

/* Puts this in, and the end, and notes all lines. */
static void
lines_of(struct parity *play, const char *in)
{
    struct coir_stream *ends[2];
    char line[SIZE];
    parity_open(play, PARITY_USUAL, ends);
    parity_put(ends[1], in);
    MUST_BE(coir_stream_shutdown(ends[1], core_soon()), 0);
    for (;;) {
        ssize_t length = coir_stream_read_line(ends[0], line, sizeof line, core_soon());
        if (length == -EPIPE)
            break;
        if (length == 0)
            parity_say(play, "''");
        else
            parity_got(play, "line", length, line);
    }
    parity_note(play, "then", coir_stream_read_line(ends[0], line, sizeof line, core_soon()));
    parity_note(play, "bytes", coir_stream_read(ends[0], line, 1, core_soon()));
    parity_close(ends);
}

static void
with_lf_and_crlf(struct parity *play)
{
    lines_of(play, "one\ntwo\r\n\n\r\nx\ry\r\r\n");
}

static void
without_an_end(struct parity *play)
{
    lines_of(play, "one\nlast");
}

static void
with_a_nul(struct parity *play)
{
    struct coir_stream *ends[2];
    char line[SIZE];
    parity_open(play, PARITY_USUAL, ends);
    MUST_BE(coir_stream_write(ends[1], "a\0b\n", 4, core_soon()), 0);
    parity_note(play, "line", coir_stream_read_line(ends[0], line, sizeof line, core_soon()));
    parity_say(play, !memcmp(line, "a\0b", 4) ? "with its NUL" : "without");
    parity_close(ends);
}

static void
too_long(struct parity *play)
{
    lines_of(play, "1234567\n12345678\n1234567890123456789012345\r\nnext\n");
}

static void
too_long_to_the_end(struct parity *play)
{
    lines_of(play, "12345678901234567890");
}

/* Its end comes later: whoever reads next does not see the rest of it. */
static void
too_long_in_pieces(struct parity *play)
{
    struct coir_stream *ends[2];
    char block[4];
    parity_open(play, PARITY_USUAL, ends);
    parity_put(ends[1], "1234567890");
    line_and_note(play, ends[0], core_soon());
    line_and_note(play, ends[0], coir_after(COIR_MS));
    parity_put(ends[1], "more of it\nnext");
    parity_got(play, "block", coir_stream_read_full(ends[0], block, 4, core_soon()), block);
    parity_close(ends);
}

static int
put_byte_by_byte(void *stream)
{
    const char *text = "one\r\ntwo\n\nlonger than it may be\nend\r\n";
    for (; *text; text++)
        MUST_BE(coir_stream_write(stream, text, 1, core_soon()), 0);
    return coir_stream_shutdown(stream, core_soon());
}

static void
byte_by_byte(struct parity *play)
{
    struct coir_stream *ends[2];
    struct core_actor writer;
    parity_open(play, PARITY_USUAL, ends);
    core_start(&writer, put_byte_by_byte, ends[1]);
    for (int i = 0; i < 6; i++)
        line_and_note(play, ends[0], core_soon());
    MUST_BE(core_end(&writer), 0);
    parity_close(ends);
}

static void
crlf_in_two(struct parity *play)
{
    struct coir_stream *ends[2];
    struct core_actor reader;
    parity_open(play, PARITY_USUAL, ends);
    core_start(&reader, parity_read_line, ends[0]);
    core_await_waiting(&reader);
    parity_put(ends[1], "four\r");
    parity_wire->await_arrived(ends[0], 0);
    core_await_waiting(&reader);
    parity_put(ends[1], "\n");
    parity_note(play, "length", core_end(&reader));
    parity_close(ends);
}

static void
half_a_line(struct parity *play)
{
    struct coir_stream *ends[2];
    struct core_actor reader;
    parity_open(play, PARITY_USUAL, ends);
    parity_put(ends[1], "ha");
    parity_wire->await_arrived(ends[0], 2);
    line_and_note(play, ends[0], COIR_NOW);
    line_and_note(play, ends[0], coir_after(COIR_MS));
    line_and_note(play, ends[0], core_past());
    core_start(&reader, parity_read_line, ends[0]);
    core_await_waiting(&reader);
    coir_cancel(reader.self);
    parity_note(play, "canceled", core_end(&reader));
    parity_put(ends[1], "lf\n");
    line_and_note(play, ends[0], core_soon());
    parity_close(ends);
}

static void
in_turn_with_bytes(struct parity *play)
{
    struct coir_stream *ends[2];
    char bytes[8];
    parity_open(play, PARITY_USUAL, ends);
    parity_put(ends[1], "line\n12345abc\r\nxyz");
    line_and_note(play, ends[0], core_soon());
    parity_got(play, "block", coir_stream_read_full(ends[0], bytes, 5, core_soon()), bytes);
    line_and_note(play, ends[0], core_soon());
    parity_got(play, "byte", coir_stream_read(ends[0], bytes, 1, core_soon()), bytes);
    parity_got(play, "block", coir_stream_read_full(ends[0], bytes, 2, core_soon()), bytes);
    parity_note(play, "byte", coir_stream_read(ends[0], bytes, 1, COIR_NOW));
    parity_close(ends);
}

static void
for_two_readers(struct parity *play)
{
    struct coir_stream *ends[2];
    struct core_actor readers[2];
    parity_open(play, PARITY_USUAL, ends);
    for (int i = 0; i < 2; i++) {
        core_start(&readers[i], parity_read_line, ends[0]);
        core_await_waiting(&readers[i]);
    }
    parity_put(ends[1], "1\n22\n");
    for (int i = 0; i < 2; i++)
        parity_note(play, "length", core_end(&readers[i]));
    parity_close(ends);
}

static void
the_longest(struct parity *play)
{
    static char line[16384];
    struct coir_stream *ends[2];
    parity_open(play, PARITY_USUAL, ends);
    for (size_t length = 16382; length < 16385; length++) {
        MUST_BE(coir_stream_print(ends[1], core_soon(), "%0*d\r\nnext\n", (int)length, 0), 0);
        parity_note(play, "line", coir_stream_read_line(ends[0], line, sizeof line, core_soon()));
        MUST_BE(coir_stream_read_line(ends[0], line, sizeof line, core_soon()), 4);
    }
    parity_note(play, "no room", coir_stream_read_line(ends[0], line, 0, core_soon()));
    parity_close(ends);
}

const struct parity_row parity_line[] = {
    {"lines end with LF or CRLF", with_lf_and_crlf,
     "line 'one', line 'two', '', '', line 'x\ry\r', then -EPIPE, bytes 0", PARITY_ANY},
    {"a last line without an end", without_an_end, "line 'one', line 'last', then -EPIPE, bytes 0", PARITY_ANY},
    {"a line with a NUL", with_a_nul, "line 3, with its NUL", PARITY_ANY},
    {"lines that are too long", too_long,
     "line '1234567', line -EMSGSIZE, line -EMSGSIZE, line 'next', then -EPIPE, bytes 0", PARITY_ANY},
    {"a line too long to the end", too_long_to_the_end, "line -EMSGSIZE, then -EPIPE, bytes 0", PARITY_ANY},
    {"a line too long in pieces", too_long_in_pieces, "line -EMSGSIZE, line -ETIMEDOUT, block 'next'", PARITY_ANY},
    {"lines byte by byte", byte_by_byte, "line 'one', line 'two', line '', line -EMSGSIZE, line 'end', line -EPIPE",
     PARITY_ANY},
    {"CRLF in two pieces", crlf_in_two, "length 4", PARITY_ANY},
    {"nothing is taken of half a line", half_a_line,
     "line -EAGAIN, line -ETIMEDOUT, line -ETIMEDOUT, canceled -ECANCELED, line 'half'", PARITY_ANY},
    {"lines, blocks and bytes in turn", in_turn_with_bytes,
     "line 'line', block '12345', line 'abc', byte 'x', block 'yz', byte -EAGAIN", PARITY_ANY},
    {"lines for two readers", for_two_readers, "length 1, length 2", PARITY_ANY},
    {"the longest lines", the_longest, "line 16382, line 16383, line -EMSGSIZE, no room -EINVAL", PARITY_ANY},
    {0}};
