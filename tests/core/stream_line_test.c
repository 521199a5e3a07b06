/* stream_line_test.c: lines, blocks, and plain reads in turn. The behaviours run over every kind of connection (wire.h),
 * each from fibers of one worker, of four, from threads, and mixed: the loop number is cast and kind. */
#include "core.h"
#include "wire.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>

/* ---- Lines ---- */

#define LONG16 "0123456789abcdef"

/* What goes in, the size asked for, and what comes out: lines joined by '|', '!' for one that was too long; then -EPIPE. */
static const struct {
    const char *in;
    size_t size;
    const char *out;
} line_table[] = {
    {"", 16, ""},
    {"\n", 16, "|"},
    {"\r\n", 16, "|"},
    {"\n\n\r\n", 16, "|||"},
    {"one\n", 16, "one|"},
    {"one\r\n", 16, "one|"},
    {"one\ntwo\r\nthree", 16, "one|two|three|"},
    {"one\rtwo\n", 16, "one\rtwo|"},
    {"one\r\r\n", 16, "one\r|"},
    {"one\r", 16, "one\r|"},
    {"0123456789abcde\nx\n", 16, "0123456789abcde|x|"},
    {"0123456789abcde\r\nx\n", 16, "0123456789abcde|x|"},
    {"0123456789abcde", 16, "0123456789abcde|"},
    {LONG16 "\nx\n", 16, "!|x|"},
    {LONG16 "\r\nx\n", 16, "!|x|"},
    {LONG16, 16, "!|"},
    {LONG16 LONG16 LONG16 "\r\nx\ny", 16, "!|x|y|"},
    {LONG16 LONG16 "\n" LONG16 LONG16 "\nx\n", 16, "!|!|x|"},
    {LONG16 LONG16, 16, "!|"},
    {"\n\na\n", 1, "||!|"},
    {"a\nb\r\n", 2, "a|b|"},
};

struct lines {
    struct coir_stream *stream;
    size_t size;
    char out[256];
};

static int
read_lines(void *arg)
{
    struct lines *lines = arg;
    for (;;) {
        char line[64];
        ssize_t length;
        memset(line, 'Z', sizeof line);
        length = coir_stream_read_line(lines->stream, line, lines->size, core_soon());
        if (length == -EPIPE)
            break;
        if (length == -EMSGSIZE) {
            strcat(lines->out, "!|");
            continue;
        }
        MUST(length >= 0 && (size_t)length < lines->size && !line[length] && line[length + 1] == 'Z');
        strncat(lines->out, line, (size_t)length);
        strcat(lines->out, "|");
    }
    MUST_BE(coir_stream_read_line(lines->stream, (char[4]){0}, 4, COIR_NEVER), -EPIPE);
    MUST_BE(coir_stream_read(lines->stream, (char[4]){0}, 4, COIR_NEVER), 0);
    return 0;
}

static int
lines_cut_everywhere(void *arg)
{
    (void)arg;
    for (size_t i = 0; i < sizeof line_table / sizeof line_table[0]; i++) {
        size_t size = strlen(line_table[i].in);
        for (size_t cut = 0; cut <= size; cut += core_cast() == CORE_ONE || size < 8 ? 1 : 5) {
            struct coir_stream *ends[2];
            struct lines lines = {.size = line_table[i].size};
            struct core_actor reader;
            wire_open(wire_kind, 0, ends);
            lines.stream = ends[0];
            core_start(&reader, read_lines, &lines);
            wire_put(ends[1], line_table[i].in, cut);
            wire_await_taken(ends[0]);
            wire_put(ends[1], line_table[i].in + cut, size - cut);
            MUST_BE(coir_stream_shutdown(ends[1], core_soon()), 0);
            MUST_BE(core_end(&reader), 0);
            if (strcmp(lines.out, line_table[i].out))
                ck_abort_msg("row %zu, cut at %zu: '%s', not '%s'", i, cut, lines.out, line_table[i].out);
            wire_close(ends);
        }
    }
    return 0;
}

START_TEST(lines_cut_at_each_byte)
{
    wire_play(_i, lines_cut_everywhere, NULL);
}
END_TEST

static int
write_long_lines(void *arg)
{
    static char text[20000];
    memset(text, 'x', sizeof text);
    for (size_t length = 16380; length < 16390; length++) {
        wire_put(arg, text, length);
        wire_put(arg, "\r\n", 2);
        wire_put(arg, "next\n", 5);
    }
    return 0;
}

static int
long_lines(void *arg)
{
    struct coir_stream *ends[2];
    static char line[16384];
    struct core_actor writer;
    (void)arg;
    wire_open(wire_kind, 1, ends);
    core_start(&writer, write_long_lines, ends[1]);
    for (ssize_t length = 16380; length < 16390; length++) {
        MUST_BE(coir_stream_read_line(ends[0], line, sizeof line, core_soon()), length < 16384 ? length : -EMSGSIZE);
        MUST_BE(coir_stream_read_line(ends[0], line, sizeof line, core_soon()), 4);
        MUST(!strcmp(line, "next"));
    }
    MUST_BE(core_end(&writer), 0);
    wire_close(ends);
    return 0;
}

START_TEST(lines_of_16_kib)
{
    wire_play(_i, long_lines, NULL);
}
END_TEST

/* "It is longer, and is skipped; the next call gets the next": whatever call that is. */
static int
after_a_long_line(void *arg)
{
    struct coir_stream *ends[2];
    char line[8] = "";
    (void)arg;
    for (int by = 0; by < 3; by++) {
        wire_open(wire_kind, 0, ends);
        wire_put(ends[1], "0123456789abc", 13); /* its end has not come yet */
        MUST_BE(coir_stream_read_line(ends[0], line, sizeof line, core_soon()), -EMSGSIZE);
        wire_put(ends[1], "defghi\nnext\nlast\n", 17);
        if (by == 0)
            MUST_BE(coir_stream_read_line(ends[0], line, sizeof line, core_soon()), 4);
        else if (by == 1)
            MUST_BE(coir_stream_read_full(ends[0], line, 5, core_soon()), 5);
        else /* one byte: how many more would come at once is the kernel's to say */
            MUST_BE(coir_stream_read(ends[0], line, 1, core_soon()) +
                        coir_stream_read_full(ends[0], line + 1, 4, core_soon()),
                    5);
        MUST(!memcmp(line, "next", 4));
        MUST_BE(coir_stream_read_line(ends[0], line, sizeof line, core_soon()), 4);
        MUST(!memcmp(line, "last", 5));
        wire_close(ends);
    }
    return 0;
}

START_TEST(a_line_too_long_is_skipped_for_every_call)
{
    wire_play(_i, after_a_long_line, NULL);
}
END_TEST

/* ---- Blocks, and all kinds in turn ---- */

static int
in_turn(void *arg)
{
    struct coir_stream *ends[2];
    struct coir_buffer rest = COIR_BUFFER_INIT(100);
    char bytes[64];
    (void)arg;
    wire_open(wire_kind, 0, ends);
    wire_put(ends[1], "line\n12345abcde\r\nxyzrest and more", 33);
    MUST_BE(coir_stream_read_line(ends[0], bytes, sizeof bytes, core_soon()), 4);
    MUST_BE(coir_stream_read_full(ends[0], bytes, 5, core_soon()), 5);
    MUST(!memcmp(bytes, "12345", 5));
    MUST_BE(coir_stream_read_line(ends[0], bytes, sizeof bytes, COIR_NOW), 5);
    MUST(!strcmp(bytes, "abcde"));
    MUST_BE(coir_stream_read(ends[0], bytes, 3, COIR_NOW), 3);
    MUST(!memcmp(bytes, "xyz", 3));
    MUST_BE(coir_stream_read(ends[0], bytes, 0, COIR_NOW), 0);
    MUST_BE(coir_stream_shutdown(ends[1], core_soon()), 0);
    MUST_BE(coir_stream_read_rest(ends[0], &rest, core_soon()), 0);
    MUST(!strcmp(rest.bytes, "rest and more"));
    MUST_BE(coir_stream_read(ends[0], bytes, 3, COIR_NOW), 0);
    MUST_BE(coir_stream_read_full(ends[0], bytes, 3, core_past()), 0);
    MUST_BE(coir_stream_read_rest(ends[0], &rest, core_soon()), 0);
    wire_put(ends[0], "back", 4); /* the other way is still open */
    MUST_BE(coir_stream_read_full(ends[1], bytes, 4, core_soon()), 4);
    MUST_BE(coir_stream_write(ends[1], "x", 1, core_soon()), -EPIPE);
    MUST_BE(coir_stream_write_parts(ends[1], &(struct iovec){bytes, 1}, 1, core_soon()), -EPIPE);
    MUST_BE(coir_stream_print(ends[1], core_soon(), "x"), -EPIPE);
    wire_close(ends);
    wire_open(wire_kind, 0, ends);
    rest.limit = rest.size + 5;
    wire_put(ends[1], "123456", 6);
    MUST_BE(coir_stream_shutdown(ends[1], core_soon()), 0);
    MUST_BE(coir_stream_read_rest(ends[0], &rest, core_soon()), -EMSGSIZE);
    wire_close(ends);
    coir_buffer_fini(&rest);
    return 0;
}

START_TEST(bytes_blocks_and_lines_in_turn)
{
    wire_play(_i, in_turn, NULL);
}
END_TEST

static int
end_in_a_block(void *arg)
{
    struct coir_stream *ends[2];
    static const size_t sizes[] = {5, 3000, 16384, 16385, 70000};
    static char bytes[70000];
    (void)arg;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        wire_open(wire_kind, 0, ends);
        wire_put(ends[1], "1234", 4);
        MUST_BE(coir_stream_shutdown(ends[1], core_soon()), 0);
        MUST_BE(coir_stream_read_full(ends[0], bytes, sizes[i], core_soon()), -EPIPE);
        wire_close(ends);
        wire_open(wire_kind, 0, ends);
        MUST_BE(coir_stream_shutdown(ends[1], core_soon()), 0);
        MUST_BE(coir_stream_read_full(ends[0], bytes, sizes[i], core_soon()), 0);
        wire_close(ends);
    }
    return 0;
}

START_TEST(an_end_within_a_block)
{
    wire_play(_i, end_in_a_block, NULL);
}
END_TEST

static int
data_and_end(void *arg)
{
    struct coir_stream *ends[2];
    (void)arg;
    for (int i = 0; i < 60; i++) {
        struct lines lines = {.size = 16};
        struct core_actor reader;
        wire_open(wire_kind, 0, ends);
        lines.stream = ends[0];
        if (i % 3) {
            core_start(&reader, read_lines, &lines);
            if (i % 3 == 2)
                core_await_waiting(&reader);
        }
        wire_put(ends[1], "one\ntwo", 7);
        MUST_BE(coir_stream_close(ends[1]), 0);
        if (i % 3 == 0)
            core_start(&reader, read_lines, &lines);
        MUST_BE(core_end(&reader), 0);
        MUST(!strcmp(lines.out, "one|two|"));
        MUST_BE(coir_stream_close(ends[0]), 0);
    }
    return 0;
}

START_TEST(data_and_the_end_together)
{
    wire_play(_i, data_and_end, NULL);
}
END_TEST

/* Reads a line, and whether all that was sent has been taken with it: a socket that misbehaves (COIR_CHAOS) gives less. */
static bool
takes_all_with_a_line(struct coir_stream *ends[2], const char *bytes, size_t size)
{
    char line[16];
    int left;
    wire_put(ends[1], bytes, size);
    MUST_BE(coir_stream_read_line(ends[0], line, sizeof line, core_soon()), 3);
    MUST_BE(ioctl(coir_stream_fd(ends[0]), FIONREAD, &left), 0);
    return !left;
}

/* The descriptor is shown while bytes lie in the buffer: there nothing is left to read, and who asks the stream gets what is
 * queued, at once, and only then what has come meanwhile. */
static int
descriptor_with_bytes_queued(void *arg)
{
    struct coir_stream *ends[2];
    struct lines rest = {.size = 16};
    struct core_actor reader;
    char line[16];
    struct pollfd shown = {.events = POLLIN};
    (void)arg;
    for (int i = 0; wire_open(wire_kind, 0, ends), !takes_all_with_a_line(ends, "one\ntwo\nth", 10); i++) {
        MUST(i < 100);
        wire_close(ends);
    }
    shown.fd = coir_stream_fd(ends[0]);
    MUST_BE(poll(&shown, 1, 0), 0);
    MUST_BE(coir_stream_read_line(ends[0], line, sizeof line, COIR_NOW), 3);
    MUST(!strcmp(line, "two"));
    rest.stream = ends[0];
    core_start(&reader, read_lines, &rest); /* it has two bytes, and waits for more */
    core_await_waiting(&reader);
    wire_put(ends[1], "ree\nfour", 8);
    MUST_BE(coir_stream_shutdown(ends[1], core_soon()), 0);
    MUST_BE(core_end(&reader), 0);
    MUST(!strcmp(rest.out, "three|four|"));
    wire_close(ends);
    return 0;
}

START_TEST(a_descriptor_shown_with_bytes_queued)
{
    wire_play(_i, descriptor_with_bytes_queued, NULL);
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_loop_test(cases, lines_cut_at_each_byte, 0, WIRE_PLAYS);
    tcase_add_loop_test(cases, lines_of_16_kib, 0, WIRE_PLAYS);
    tcase_add_loop_test(cases, a_line_too_long_is_skipped_for_every_call, 0, WIRE_PLAYS);
    tcase_add_loop_test(cases, bytes_blocks_and_lines_in_turn, 0, WIRE_PLAYS);
    tcase_add_loop_test(cases, an_end_within_a_block, 0, WIRE_PLAYS);
    tcase_add_loop_test(cases, data_and_the_end_together, 0, WIRE_PLAYS);
    tcase_add_loop_test(cases, a_descriptor_shown_with_bytes_queued, 0, WIRE_PLAYS);
}

int
main(void)
{
    return core_main("stream_line", add);
}
