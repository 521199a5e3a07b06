/* stream_test.c: what coir/stream.h promises. The behaviours run over socket pairs, TCP, Unix sockets and descriptors
 * taken over, each from fibers of one worker, of four, from threads, and mixed: the loop number is cast and kind. */
#include "core.h"
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

static enum wire_kind kind;

enum { PLAYS = CORE_CASTS * WIRE_KINDS };

static void
play(int number, coir_function *director, void *arg)
{
    kind = (enum wire_kind)(number % WIRE_KINDS);
    core_play((enum core_cast)(number / WIRE_KINDS), director, arg);
}

static void
put(struct coir_stream *stream, const char *bytes, size_t size)
{
    MUST_BE(coir_stream_write(stream, bytes, size, core_soon()), 0);
}

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
            wire_open(kind, 0, ends);
            lines.stream = ends[0];
            core_start(&reader, read_lines, &lines);
            put(ends[1], line_table[i].in, cut);
            wire_await_taken(ends[0]);
            put(ends[1], line_table[i].in + cut, size - cut);
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
    play(_i, lines_cut_everywhere, NULL);
}
END_TEST

static int
write_long_lines(void *arg)
{
    static char text[20000];
    memset(text, 'x', sizeof text);
    for (size_t length = 16380; length < 16390; length++) {
        put(arg, text, length);
        put(arg, "\r\n", 2);
        put(arg, "next\n", 5);
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
    wire_open(kind, 1, ends);
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
    play(_i, long_lines, NULL);
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
        wire_open(kind, 0, ends);
        put(ends[1], "0123456789abc", 13); /* its end has not come yet */
        MUST_BE(coir_stream_read_line(ends[0], line, sizeof line, core_soon()), -EMSGSIZE);
        put(ends[1], "defghi\nnext\nlast\n", 17);
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
    play(_i, after_a_long_line, NULL);
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
    wire_open(kind, 0, ends);
    put(ends[1], "line\n12345abcde\r\nxyzrest and more", 33);
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
    put(ends[0], "back", 4); /* the other way is still open */
    MUST_BE(coir_stream_read_full(ends[1], bytes, 4, core_soon()), 4);
    MUST_BE(coir_stream_write(ends[1], "x", 1, core_soon()), -EPIPE);
    MUST_BE(coir_stream_write_parts(ends[1], &(struct iovec){bytes, 1}, 1, core_soon()), -EPIPE);
    MUST_BE(coir_stream_print(ends[1], core_soon(), "x"), -EPIPE);
    wire_close(ends);
    wire_open(kind, 0, ends);
    rest.limit = rest.size + 5;
    put(ends[1], "123456", 6);
    MUST_BE(coir_stream_shutdown(ends[1], core_soon()), 0);
    MUST_BE(coir_stream_read_rest(ends[0], &rest, core_soon()), -EMSGSIZE);
    wire_close(ends);
    coir_buffer_fini(&rest);
    return 0;
}

START_TEST(bytes_blocks_and_lines_in_turn)
{
    play(_i, in_turn, NULL);
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
        wire_open(kind, 0, ends);
        put(ends[1], "1234", 4);
        MUST_BE(coir_stream_shutdown(ends[1], core_soon()), 0);
        MUST_BE(coir_stream_read_full(ends[0], bytes, sizes[i], core_soon()), -EPIPE);
        wire_close(ends);
        wire_open(kind, 0, ends);
        MUST_BE(coir_stream_shutdown(ends[1], core_soon()), 0);
        MUST_BE(coir_stream_read_full(ends[0], bytes, sizes[i], core_soon()), 0);
        wire_close(ends);
    }
    return 0;
}

START_TEST(an_end_within_a_block)
{
    play(_i, end_in_a_block, NULL);
}
END_TEST

/* ---- Deadlines and cancels take nothing ---- */

static int
read_line_for_ever(void *arg)
{
    char line[64];
    return (int)coir_stream_read_line(arg, line, sizeof line, COIR_NEVER);
}

static int
take_nothing(void *arg)
{
    struct coir_stream *ends[2];
    struct core_actor actor;
    char bytes[64] = "";
    (void)arg;
    wire_open(kind, 0, ends);
    MUST_BE(coir_stream_read(ends[0], bytes, 4, COIR_NOW), -EAGAIN);
    MUST_BE(coir_stream_read(ends[0], bytes, 4, core_past()), -ETIMEDOUT);
    MUST_BE(coir_stream_read(ends[0], bytes, 4, coir_after(COIR_MS)), -ETIMEDOUT);
    put(ends[1], "123", 3);
    MUST_BE(coir_stream_read_full(ends[0], bytes, 5, coir_after(COIR_MS)), -ETIMEDOUT);
    MUST_BE(coir_stream_read_full(ends[0], bytes, 5, COIR_NOW), -EAGAIN);
    MUST_BE(coir_stream_read_line(ends[0], bytes, sizeof bytes, coir_after(COIR_MS)), -ETIMEDOUT);
    MUST_BE(coir_stream_read_line(ends[0], bytes, sizeof bytes, COIR_NOW), -EAGAIN);
    core_start(&actor, read_line_for_ever, ends[0]);
    core_await_waiting(&actor);
    coir_cancel(actor.self);
    MUST_BE(core_end(&actor), -ECANCELED);
    put(ends[1], "45\nx", 4);
    MUST_BE(coir_stream_read_line(ends[0], bytes, sizeof bytes, core_soon()), 5);
    MUST(!strcmp(bytes, "12345"));
    MUST_BE(coir_stream_read(ends[0], bytes, 4, COIR_NOW), 1);
    put(ends[1], "past", 4);
    wire_close(ends);
    return 0;
}

START_TEST(a_deadline_or_a_cancel_takes_nothing)
{
    play(_i, take_nothing, NULL);
}
END_TEST

enum { LARGE = 8 << 20 };
static char large[LARGE];

static int
write_large(void *arg)
{
    return coir_stream_write(arg, large, sizeof large, COIR_NEVER);
}

static int
write_small(void *arg)
{
    return coir_stream_write(arg, "small", 5, COIR_NEVER);
}

static int
stop_half_way(void *arg)
{
    struct coir_stream *ends[2];
    struct core_actor actor, other;
    char byte;
    (void)arg;
    wire_open(kind, 1, ends);
    MUST_BE(coir_stream_write(ends[0], large, sizeof large, coir_after(5 * COIR_MS)), -ETIMEDOUT);
    MUST_BE(coir_stream_write(ends[0], "x", 1, core_soon()), -EPIPE); /* nothing follows half a message */
    MUST_BE(coir_stream_read(ends[1], &byte, 1, core_soon()), 1);
    put(ends[1], "x", 1);
    wire_close(ends);
    wire_open(kind, 1, ends);
    core_start(&actor, write_large, ends[0]);
    core_await_waiting(&actor);
    MUST_BE(coir_stream_write(ends[0], "x", 1, coir_after(COIR_MS)), -ETIMEDOUT); /* its turn did not come */
    MUST_BE(coir_stream_write(ends[0], "x", 1, COIR_NOW), -EAGAIN);
    core_start(&other, write_small, ends[0]);
    core_await_waiting(&other);
    coir_cancel(actor.self);
    MUST_BE(core_end(&actor), -ECANCELED);
    MUST_BE(core_end(&other), -EPIPE);
    wire_close(ends);
    return 0;
}

START_TEST(a_write_that_stops_half_way_closes_the_way_out)
{
    play(_i, stop_half_way, NULL);
}
END_TEST

/* ---- Abort ---- */

static int
read_for_ever(void *arg)
{
    char byte;
    return (int)coir_stream_read(arg, &byte, 1, COIR_NEVER);
}

static int
abort_all(void *arg)
{
    struct coir_stream *ends[2];
    char bytes[8];
    (void)arg;
    for (int round = 0; round < 5; round++) {
        struct core_actor actors[6];
        wire_open(kind, 1, ends);
        for (int i = 0; i < 6; i++) {
            core_start(&actors[i], i % 2 ? write_large : i == 2 ? read_line_for_ever : read_for_ever, ends[0]);
            core_await_waiting(&actors[i]);
        }
        coir_stream_abort(ends[0]);
        for (int i = 0; i < 6; i++)
            MUST_BE(core_end(&actors[i]), -EPIPE);
        coir_stream_abort(ends[0]);
        MUST_BE(coir_stream_read(ends[0], bytes, 4, COIR_NOW), -EPIPE);
        MUST_BE(coir_stream_read_full(ends[0], bytes, 4, core_past()), -EPIPE);
        MUST_BE(coir_stream_read_line(ends[0], bytes, 4, COIR_NEVER), -EPIPE);
        MUST_BE(coir_stream_write(ends[0], bytes, 4, COIR_NEVER), -EPIPE);
        MUST_BE(coir_stream_shutdown(ends[0], COIR_NEVER), -EPIPE);
        wire_close(ends);
    }
    return 0;
}

START_TEST(abort_wakes_all)
{
    play(_i, abort_all, NULL);
}
END_TEST

/* The abort comes at any moment of the reading. */
static int
abort_soon(void *arg)
{
    long rounds = core_rounds(2000);
    struct coir_stream *ends[2];
    (void)arg;
    for (long i = 0; i < rounds; i++) {
        struct core_actor reader;
        wire_open(kind == WIRE_TCP ? WIRE_UNIX : kind, 0, ends);
        core_start(&reader, read_for_ever, ends[0]);
        MUST_BE(coir_event_wait(&reader.begun, core_soon()), 0);
        for (uint64_t k = coir_random(2000); k > 0; k--)
            __asm__ volatile("");
        if (i % 2)
            coir_stream_abort(ends[0]);
        else
            coir_cancel(reader.self);
        MUST_BE(core_end(&reader), i % 2 ? -EPIPE : -ECANCELED);
        wire_close(ends);
    }
    return 0;
}

START_TEST(abort_or_cancel_at_any_moment)
{
    play(_i, abort_soon, NULL);
}
END_TEST

/* ---- Peers that go ---- */

static int
peer_goes(void *arg)
{
    struct coir_stream *ends[2];
    struct core_actor writer;
    int result;
    (void)arg;
    wire_open(kind, 0, ends);
    MUST_BE(coir_stream_close(ends[1]), 0);
    do
        result = coir_stream_write(ends[0], large, 100, core_soon());
    while (!result);
    MUST_BE(result, -EPIPE);
    MUST_BE(coir_stream_write(ends[0], large, 100, core_soon()), -EPIPE);
    MUST_BE(coir_stream_close(ends[0]), 0);
    wire_open(kind, 1, ends); /* one that goes while we wait to write */
    core_start(&writer, write_large, ends[0]);
    core_await_waiting(&writer);
    MUST_BE(coir_stream_close(ends[1]), 0);
    MUST_BE(core_end(&writer), -EPIPE);
    MUST_BE(coir_stream_close(ends[0]), 0);
    return 0;
}

START_TEST(a_peer_that_is_gone_is_no_signal)
{
    play(_i, peer_goes, NULL);
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
        wire_open(kind, 0, ends);
        lines.stream = ends[0];
        if (i % 3) {
            core_start(&reader, read_lines, &lines);
            if (i % 3 == 2)
                core_await_waiting(&reader);
        }
        put(ends[1], "one\ntwo", 7);
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
    play(_i, data_and_end, NULL);
}
END_TEST

static int
read_to_the_reset(void *arg)
{
    char bytes[64];
    ssize_t count;
    int sum = 0;
    while ((count = coir_stream_read(arg, bytes, sizeof bytes, core_soon())) > 0)
        sum += (int)count;
    return count == -ECONNRESET ? sum : (int)count - 1000;
}

static int
data_and_reset(void *arg)
{
    struct coir_stream *ends[2];
    (void)arg;
    for (int i = 0; i < 60; i++) {
        struct core_actor reader;
        int sum;
        wire_open(WIRE_TCP, 0, ends);
        core_start(&reader, read_to_the_reset, ends[0]);
        if (i % 2)
            core_await_waiting(&reader);
        put(ends[1], "data", 4);
        coir_stream_abort(ends[1]); /* makes its close a reset */
        MUST_BE(coir_stream_close(ends[1]), 0);
        sum = core_end(&reader);
        MUST(sum == 4 || sum == 0);
        MUST_BE(coir_stream_close(ends[0]), 0);
    }
    return 0;
}

START_TEST(a_reset_after_data)
{
    core_play((enum core_cast)_i, data_and_reset, NULL);
}
END_TEST

/* ---- Turns ---- */

enum { RECORD = 3000, RECORDS = 40 };

static int
write_records(void *arg)
{
    static char marks = 'a'; /* atomic */
    char record[RECORD];
    memset(record, __atomic_fetch_add(&marks, 1, __ATOMIC_SEQ_CST), sizeof record);
    for (int i = 0; i < RECORDS; i++) {
        struct iovec parts[3] = {{record, 10}, {record + 10, 0}, {record + 10, RECORD - 10}};
        if (i % 2)
            MUST_BE(coir_stream_write(arg, record, sizeof record, core_soon()), 0);
        else
            MUST_BE(coir_stream_write_parts(arg, parts, 3, core_soon()), 0);
    }
    return 0;
}

static int
read_records(void *arg)
{
    char record[RECORD];
    ssize_t count;
    int records = 0;
    while ((count = coir_stream_read_full(arg, record, sizeof record, core_soon())) > 0) {
        for (int i = 1; i < RECORD; i++)
            MUST(record[i] == record[0]);
        records++;
    }
    MUST_BE(count, 0);
    return records;
}

static int
take_turns(void *arg)
{
    struct coir_stream *ends[2];
    struct core_actor writers[4], readers[3];
    int records = 0;
    (void)arg;
    wire_open(kind, 1, ends);
    core_start_all(readers, 3, read_records, ends[1]);
    core_start_all(writers, 4, write_records, ends[0]);
    for (int i = 0; i < 4; i++)
        MUST_BE(core_end(&writers[i]), 0);
    MUST_BE(coir_stream_shutdown(ends[0], core_soon()), 0);
    for (int i = 0; i < 3; i++)
        records += core_end(&readers[i]);
    MUST_BE(records, 4 * RECORDS);
    wire_close(ends);
    return 0;
}

START_TEST(writes_never_interleave_and_readers_take_turns)
{
    play(_i, take_turns, NULL);
}
END_TEST

/* ---- Much ---- */

struct transfer {
    struct coir_stream *stream;
    size_t size;
    uint64_t sum;
};

static void
add_up(uint64_t *sum, const unsigned char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        *sum = *sum * 31 + bytes[i];
}

static int
send_much(void *arg)
{
    struct transfer *own = arg;
    unsigned char *bytes = malloc(200000);
    uint64_t state = 88172645463325252u;
    for (size_t done = 0; done < own->size;) {
        size_t size = 1 + (size_t)(state % 199999);
        if (size > own->size - done)
            size = own->size - done;
        for (size_t i = 0; i < size; i++) {
            state ^= state << 13, state ^= state >> 7, state ^= state << 17;
            bytes[i] = (unsigned char)state;
        }
        add_up(&own->sum, bytes, size);
        MUST_BE(coir_stream_write(own->stream, bytes, size, core_soon()), 0);
        done += size;
    }
    free(bytes);
    return coir_stream_shutdown(own->stream, core_soon());
}

static int
transfer_much(void *arg)
{
    struct coir_stream *ends[2];
    struct transfer out = {.size = (size_t)core_rounds(*(long *)arg)};
    struct core_actor sender;
    unsigned char *bytes = malloc(100000);
    size_t done = 0;
    uint64_t sum = 0;
    ssize_t count;
    wire_open(kind, out.size > 32 << 20 ? 32768 : 1, ends);
    out.stream = ends[0];
    core_start(&sender, send_much, &out);
    while ((count = coir_stream_read(ends[1], bytes, 1 + coir_random(99999), core_soon())) > 0) {
        add_up(&sum, bytes, (size_t)count);
        done += (size_t)count;
    }
    MUST_BE(count, 0);
    MUST_BE(core_end(&sender), 0);
    MUST(done == out.size && sum == out.sum);
    free(bytes);
    wire_close(ends);
    return 0;
}

START_TEST(much_through_small_buffers)
{
    long size = 4 << 20;
    play(_i, transfer_much, &size);
}
END_TEST

START_TEST(sixty_four_mebibytes)
{
    long size = 64 << 20;
    kind = WIRE_TCP;
    core_play((enum core_cast)_i, transfer_much, &size);
}
END_TEST

static int
print_long(void *arg)
{
    return coir_stream_print(arg, core_soon(), "%s%05d%s", "begin ", 7, large);
}

static int
write_two_hundred_parts(void *arg)
{
    struct iovec parts[200];
    for (int i = 0; i < 200; i++)
        parts[i] = (struct iovec){(char *)(uintptr_t) "0123456789abc" + i % 10, (size_t)(i % 4)};
    return coir_stream_write_parts(arg, parts, 200, core_soon());
}

static int
print_and_parts(void *arg)
{
    struct coir_stream *ends[2];
    struct core_actor writer;
    char bytes[700];
    static char got[100000];
    (void)arg;
    wire_open(kind, 1, ends);
    memset(large, 'L', 99988);
    large[99988] = '\0';
    core_start(&writer, print_long, ends[0]);
    MUST_BE(coir_stream_read_full(ends[1], got, 99999, core_soon()), 99999);
    MUST(!memcmp(got, "begin 00007LLL", 14) && got[99998] == 'L');
    MUST_BE(core_end(&writer), 0);
    core_start(&writer, write_two_hundred_parts, ends[0]); /* the buffers are too small to take it while nobody reads */
    MUST_BE(coir_stream_read_full(ends[1], bytes, 300, core_soon()), 300);
    MUST_BE(core_end(&writer), 0);
    MUST_BE(coir_stream_write_parts(ends[0], NULL, 0, core_soon()), 0);
    put(ends[0], "", 0);
    MUST_BE(coir_stream_print(ends[0], core_soon(), "%s", ""), 0);
    for (int i = 0, at = 0; i < 200; i++)
        for (int k = 0; k < i % 4; k++)
            MUST(bytes[at++] == "0123456789abc"[i % 10 + k]);
    MUST_BE(coir_stream_read(ends[1], bytes, 1, COIR_NOW), -EAGAIN);
    wire_close(ends);
    return 0;
}

START_TEST(text_and_parts)
{
    play(_i, print_and_parts, NULL);
}
END_TEST

/* ---- Numbers that are used again at once ---- */

static int
use_and_close(void *arg)
{
    struct coir_stream **ends = arg;
    char byte;
    MUST_BE(coir_stream_read(ends[0], &byte, 1, coir_after(10 * COIR_US)), -ETIMEDOUT); /* registers it */
    put(ends[1], "x", 1);
    MUST_BE(coir_stream_read(ends[0], &byte, 1, core_soon()), 1);
    put(ends[1], "left", 4);
    wire_close(ends);
    return 0;
}

static int
reuse_numbers(void *arg)
{
    struct coir_stream *ends[2], *first[2];
    int left;
    (void)arg;
    for (int i = 0; i < 200; i++) {
        struct core_actor actor;
        wire_open(kind, 0, ends);
        core_start(&actor, use_and_close, ends);
        MUST_BE(core_end(&actor), 0);
    }
    /* A duplicate keeps the old description alive and reported: the new owner of the number must not be told. */
    wire_open(kind, 0, first);
    MUST_BE(coir_stream_read(first[0], large, 1, coir_after(COIR_US)), -ETIMEDOUT);
    left = dup(coir_stream_fd(first[0]));
    MUST_BE(coir_stream_close(first[0]), 0);
    wire_open(kind, 0, ends);
    put(first[1], "old", 3);
    MUST_BE(coir_stream_read(ends[0], large, 8, coir_after(2 * COIR_MS)), -ETIMEDOUT);
    put(ends[1], "new!", 4);
    MUST_BE(coir_stream_read_full(ends[0], large, 4, core_soon()), 4);
    MUST(!memcmp(large, "new!", 4));
    wire_close(ends);
    MUST_BE(coir_stream_close(first[1]), 0);
    close(left);
    return 0;
}

START_TEST(a_number_is_used_again_at_once)
{
    int before = core_open_descriptors();
    play(_i, reuse_numbers, NULL);
    MUST_BE(core_open_descriptors() - before <= 2, 1); /* the reserve of listeners, a thread's bell */
}
END_TEST

/* ---- Descriptors from elsewhere ---- */

static int
other_kinds(void *arg)
{
    struct coir_stream *stream = (struct coir_stream *)arg;
    char bytes[64], path[] = "/tmp/coir-stream-XXXXXX";
    int fd, ends[2];
    (void)arg;
    MUST_BE(coir_stream_from(-1, &stream), -EBADF);
    MUST(!stream);
    MUST_BE(coir_stream_from(9999, &stream), -EBADF);
    fd = open("/dev/null", O_RDWR);
    MUST_BE(coir_stream_from(fd, &stream), 0);
    MUST_BE(coir_stream_read(stream, bytes, 8, core_soon()), 0);
    put(stream, "away", 4);
    MUST_BE(coir_stream_close(stream), 0);
    fd = mkstemp(path);
    MUST_BE(unlink(path), 0);
    MUST_BE(coir_stream_from(fd, &stream), 0);
    put(stream, "one\ntwo\n", 8);
    MUST_BE(lseek(fd, 0, SEEK_SET), 0);
    MUST_BE(coir_stream_read_line(stream, bytes, sizeof bytes, core_soon()), 3);
    MUST_BE(coir_stream_read(stream, bytes, sizeof bytes, core_soon()), 4);
    MUST_BE(coir_stream_read(stream, bytes, sizeof bytes, core_soon()), 0);
    MUST_BE(coir_stream_close(stream), 0);
    MUST_BE(pipe(ends), 0);
    for (int i = 0; i < 2; i++) { /* with and without O_NONBLOCK: as it was */
        int flags = fcntl(ends[0], F_GETFL) | (i ? O_NONBLOCK : 0);
        int copy = dup(ends[0]);
        MUST_BE(fcntl(copy, F_SETFL, flags), 0);
        MUST_BE(coir_stream_from(copy, &stream), 0);
        MUST_BE(coir_stream_read(stream, bytes, 4, COIR_NOW), -EAGAIN);
        MUST_BE(coir_stream_read(stream, bytes, 4, coir_after(COIR_MS)), -ETIMEDOUT);
        MUST_BE(write(ends[1], "pipe", 4), 4);
        MUST_BE(coir_stream_read_full(stream, bytes, 4, core_soon()), 4);
        MUST_BE(fcntl(ends[0], F_GETFL), flags);
        MUST_BE(coir_stream_close(stream), 0);
        MUST_BE(fcntl(ends[0], F_GETFL), flags);
    }
    close(ends[0]);
    close(ends[1]);
    return 0;
}

START_TEST(null_files_and_pipes)
{
    core_play((enum core_cast)_i, other_kinds, NULL);
}
END_TEST

static int
refused_kinds(void *arg)
{
    struct coir_stream *stream;
    char text[COIR_ADDRESS_TEXT];
    struct coir_listener *listener = wire_listen("127.0.0.1:0", text);
    int poller = epoll_create1(0), datagrams = socket(AF_INET, SOCK_DGRAM, 0);
    (void)arg;
    MUST_BE(coir_stream_from(coir_listener_fd(listener), &stream), -EINVAL);
    MUST(!stream);
    MUST_BE(coir_stream_from(datagrams, &stream), -EINVAL);
    MUST_BE(coir_stream_from(poller, &stream), -EINVAL);
    MUST(!stream);
    coir_listener_close(listener);
    close(poller);
    close(datagrams);
    return 0;
}

START_TEST(what_is_no_stream)
{
    ck_assert_int_eq(refused_kinds(NULL), 0);
}
END_TEST

static int
write_into_pipe(void *arg)
{
    return coir_stream_write(arg, large, 1 << 20, core_soon());
}

static int
pipes(void *arg)
{
    struct coir_stream *ends[2];
    struct core_actor writer;
    static char got[1 << 20];
    int fds[2];
    (void)arg;
    MUST_BE(pipe(fds), 0);
    for (int i = 0; i < 2; i++)
        MUST_BE(coir_stream_from(fds[i], &ends[i]), 0);
    memset(large, 'p', 1 << 20);
    core_start(&writer, write_into_pipe, ends[1]);
    MUST_BE(coir_stream_read_full(ends[0], got, 1 << 20, core_soon()), 1 << 20);
    MUST(!memcmp(got, large, 1 << 20));
    MUST_BE(core_end(&writer), 0);
    core_start(&writer, write_into_pipe, ends[1]);
    core_await_waiting(&writer);
    MUST_BE(coir_stream_close(ends[0]), 0); /* the reader goes */
    MUST_BE(core_end(&writer), -EPIPE);
    MUST_BE(coir_stream_write(ends[1], "x", 1, core_soon()), -EPIPE);
    MUST_BE(coir_stream_close(ends[1]), 0);
    return 0;
}

START_TEST(a_pipe_whose_reader_is_gone_is_no_signal)
{
    core_play((enum core_cast)_i, pipes, NULL);
}
END_TEST

/* ---- Dialling ---- */

static int
dial_in_vain(void *arg)
{
    struct coir_stream *stream;
    char text[COIR_ADDRESS_TEXT];
    int result;
    (void)arg;
    coir_listener_close(wire_listen("127.0.0.1:0", text)); /* nobody is there any more */
    MUST_BE(coir_stream_dial(text, NULL, &stream, core_soon()), -ECONNREFUSED);
    MUST(!stream && strstr(coir_error_detail(), text));
    MUST_BE(coir_stream_dial("unix:/tmp/coir-nobody-here", NULL, &stream, core_soon()), -ECONNREFUSED);
    MUST_BE(coir_stream_dial("no port", NULL, &stream, core_soon()), -EINVAL);
    MUST(!stream && *coir_error_detail());
    MUST_BE(coir_stream_dial("http://127.0.0.1:80", NULL, &stream, core_soon()), -EINVAL);
    result = coir_stream_dial("nobody.invalid:80", NULL, &stream, core_soon());
    MUST(result == -ENOENT || result == -EHOSTUNREACH); /* the second: no resolver here */
    MUST(!stream && strstr(coir_error_detail(), "nobody.invalid"));
    return 0;
}

START_TEST(dials_in_vain)
{
    core_play((enum core_cast)_i, dial_in_vain, NULL);
}
END_TEST

/* A full backlog answers nothing: the deadline ends it. */
static int
dial_the_silent(void *arg)
{
    int silent = socket(AF_INET, SOCK_STREAM, 0), others[4];
    struct sockaddr_storage place = {.ss_family = AF_INET};
    socklen_t size = sizeof(struct sockaddr_storage);
    struct coir_address address = {.type = SOCK_STREAM};
    char text[COIR_ADDRESS_TEXT];
    struct coir_stream *stream;
    coir_time deadline;
    (void)arg;
    MUST_BE(coir_address_parse("127.0.0.1:0", &address), 0);
    MUST_BE(bind(silent, (struct sockaddr *)&address.storage, address.size), 0);
    MUST_BE(listen(silent, 0), 0);
    MUST_BE(getsockname(silent, (struct sockaddr *)&place, &size), 0);
    address.storage = place;
    for (int i = 0; i < 4; i++) {
        others[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)!connect(others[i], (struct sockaddr *)&place, size);
    }
    deadline = coir_after(20 * COIR_MS);
    MUST_BE(coir_stream_dial(coir_address_text(&address, text, sizeof text), NULL, &stream, deadline), -ETIMEDOUT);
    MUST(!stream && coir_now() >= deadline);
    for (int i = 0; i < 4; i++)
        close(others[i]);
    close(silent);
    return 0;
}

START_TEST(a_deadline_ends_a_dial)
{
    core_play((enum core_cast)_i, dial_the_silent, NULL);
}
END_TEST

static int
look_at_addresses(void *arg)
{
    struct coir_stream *ends[2];
    struct coir_address one, other;
    char text[2][COIR_ADDRESS_TEXT];
    (void)arg;
    wire_open(WIRE_TCP, 0, ends);
    MUST_BE(coir_stream_local(ends[0], &one), 0);
    MUST_BE(coir_stream_peer(ends[1], &other), 0);
    MUST(!strcmp(coir_address_text(&one, text[0], sizeof text[0]), coir_address_text(&other, text[1], sizeof text[1])));
    MUST(!strncmp(text[0], "tcp://127.0.0.1:", 16));
    wire_close(ends);
    wire_open(WIRE_PAIR, 0, ends);
    MUST_BE(coir_stream_local(ends[0], &one), 0);
    MUST(coir_stream_fd(ends[0]) != coir_stream_fd(ends[1]));
    MUST(fcntl(coir_stream_fd(ends[0]), F_GETFD) & FD_CLOEXEC);
    wire_close(ends);
    MUST_BE(coir_stream_close(NULL), 0);
    return 0;
}

START_TEST(addresses_of_both_ends)
{
    core_run(1, look_at_addresses, NULL);
}
END_TEST

static int
close_in_use(void *arg)
{
    struct coir_stream *ends[2];
    struct core_actor reader;
    (void)arg;
    wire_open(WIRE_PAIR, 0, ends);
    core_start(&reader, read_for_ever, ends[0]);
    core_await_waiting(&reader);
    return coir_stream_close(ends[0]);
}

static int
play_close_in_use(void *arg)
{
    core_play(*(enum core_cast *)arg, close_in_use, NULL);
    return 0;
}

START_TEST(misuse_stops_the_process)
{
    enum core_cast cast = (enum core_cast)_i;
    core_must_die(play_close_in_use, &cast, SIGABRT, "coir_stream_close");
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_loop_test(cases, lines_cut_at_each_byte, 0, PLAYS);
    tcase_add_loop_test(cases, lines_of_16_kib, 0, PLAYS);
    tcase_add_loop_test(cases, a_line_too_long_is_skipped_for_every_call, 0, PLAYS);
    tcase_add_loop_test(cases, bytes_blocks_and_lines_in_turn, 0, PLAYS);
    tcase_add_loop_test(cases, an_end_within_a_block, 0, PLAYS);
    tcase_add_loop_test(cases, a_deadline_or_a_cancel_takes_nothing, 0, PLAYS);
    tcase_add_loop_test(cases, a_write_that_stops_half_way_closes_the_way_out, 0, PLAYS);
    tcase_add_loop_test(cases, abort_wakes_all, 0, PLAYS);
    tcase_add_loop_test(cases, abort_or_cancel_at_any_moment, 0, PLAYS);
    tcase_add_loop_test(cases, a_peer_that_is_gone_is_no_signal, 0, PLAYS);
    tcase_add_loop_test(cases, data_and_the_end_together, 0, PLAYS);
    tcase_add_loop_test(cases, a_reset_after_data, 0, CORE_CASTS);
    tcase_add_loop_test(cases, writes_never_interleave_and_readers_take_turns, 0, PLAYS);
    tcase_add_loop_test(cases, much_through_small_buffers, 0, PLAYS);
    tcase_add_loop_test(cases, sixty_four_mebibytes, 0, CORE_CASTS);
    tcase_add_loop_test(cases, text_and_parts, 0, PLAYS);
    tcase_add_loop_test(cases, a_number_is_used_again_at_once, 0, PLAYS);
    tcase_add_loop_test(cases, null_files_and_pipes, 0, CORE_CASTS);
    tcase_add_test(cases, what_is_no_stream);
    tcase_add_loop_test(cases, a_pipe_whose_reader_is_gone_is_no_signal, 0, CORE_CASTS);
    tcase_add_loop_test(cases, dials_in_vain, 0, CORE_CASTS);
    tcase_add_loop_test(cases, a_deadline_ends_a_dial, 0, CORE_CASTS);
    tcase_add_test(cases, addresses_of_both_ends);
    tcase_add_loop_test(cases, misuse_stops_the_process, 0, CORE_CASTS);
}

int
main(void)
{
    return core_main("stream", add);
}
