/* frame_test.c: frames over every kind of connection (wire.h), each from fibers of one worker, of four, from threads, and
 * mixed: the loop number is cast and kind. What is read must not depend on how the bytes were cut. */
#include <coir/frame.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core.h"
#include "wire.h"

#define BYTES(text) text, sizeof(text) - 1

/* What goes in, the size asked for, and what comes out: frames each ended by '|', '!' for one that was too long, and how it
 * ends: '.' after the last (-EPIPE), '~' inside one (-EPROTO). */
static const struct row {
    struct coir_framing framing;
    const char *in;
    size_t in_size, size;
    const char *out;
} table[] = {
    {COIR_FRAMES_PREFIXED(1, COIR_BIG_ENDIAN), BYTES(""), 8, "."},
    {COIR_FRAMES_PREFIXED(1, COIR_BIG_ENDIAN), BYTES("\3abc\0\1d"), 8, "abc||d|."},
    {COIR_FRAMES_PREFIXED(1, COIR_LITTLE_ENDIAN), BYTES("\3abc\2d"), 8, "abc|~"},
    {COIR_FRAMES_PREFIXED(2, COIR_BIG_ENDIAN), BYTES("\0\2ab\0\0\0"), 8, "ab||~"},
    {COIR_FRAMES_PREFIXED(2, COIR_LITTLE_ENDIAN), BYTES("\2\0ab\1\0c"), 2, "ab|c|."},
    {COIR_FRAMES_PREFIXED(2, COIR_BIG_ENDIAN), BYTES("\0\3abc\0\2de\0\5fghij\0\1k"), 2, "!|de|!|k|."},
    {COIR_FRAMES_PREFIXED(2, COIR_BIG_ENDIAN), BYTES("\0\1a\0\6bcd"), 2, "a|!|~"},
    {COIR_FRAMES_PREFIXED(4, COIR_BIG_ENDIAN), BYTES("\0\0\0\4abcd\0\0\0\1e"), 4, "abcd|e|."},
    {COIR_FRAMES_PREFIXED(4, COIR_LITTLE_ENDIAN), BYTES("\4\0\0\0abcd\377\377\377\377e"), 4, "abcd|!|~"},
    {COIR_FRAMES_PREFIXED(8, COIR_BIG_ENDIAN), BYTES("\0\0\0\0\0\0\0\2ab\0\0\0\0\0\0\0\0"), 4, "ab||."},
    {COIR_FRAMES_PREFIXED(8, COIR_LITTLE_ENDIAN), BYTES("\1\0\0\0\0\0\0\0a\0\0\0\0\0\0\0\200b"), 4, "a|!|~"},
    {COIR_FRAMES_PREFIXED(1, COIR_BIG_ENDIAN), BYTES("\0\0\1a\0"), 0, "||!||."},
    {COIR_FRAMES_DELIMITED("\n"), BYTES("one\n\ntwo\n"), 8, "one||two|."},
    {COIR_FRAMES_DELIMITED("\n"), BYTES("one\ntwo"), 8, "one|~"},
    {COIR_FRAMES_DELIMITED("\r\n"), BYTES("a\rb\r\n\r\nc\n\r\r\n"), 8, "a\rb||c\n\r|."},
    {COIR_FRAMES_DELIMITED("aab"), BYTES("xaaabyaab"), 3, "xa|y|."},
    {COIR_FRAMES_DELIMITED("aab"), BYTES("aaaaaabaabz"), 3, "!||~"},
    {COIR_FRAMES_DELIMITED("--"), BYTES("1234--12345--123456789-0--1--"), 4, "1234|!|!|1|."},
    {COIR_FRAMES_DELIMITED("--"), BYTES("123456-"), 4, "!|~"},
    {COIR_FRAMES_DELIMITED("\0"), BYTES("a\0\0bc\0"), 2, "a||bc|."},
    {COIR_FRAMES_DELIMITED("0123456789abcdef"), BYTES("x0123456789abcdefyz0123456789abcde"), 2, "x|~"},
    {COIR_FRAMES_DELIMITED("0123456789abcdef"), BYTES("xyz0123456789abcdef0123456789abcdef"), 2, "!||."},
    {COIR_FRAMES_FIXED(1), BYTES("abc"), 1, "a|b|c|."},
    {COIR_FRAMES_FIXED(3), BYTES("abcdefgh"), 8, "abc|def|~"},
    {COIR_FRAMES_FIXED(3), BYTES("abcdef"), 3, "abc|def|."},
    {COIR_FRAMES_FIXED(3), BYTES("abcdefg"), 2, "!|!|!|~"},
};
enum { ROWS = sizeof table / sizeof table[0] };

/* Adds what a read answered. False: it was the last. */
static bool
note(char out[64], ssize_t length, const char *frame, size_t size)
{
    if (length == -EPIPE || length == -EPROTO) {
        strcat(out, length == -EPIPE ? "." : "~");
        return false;
    }
    if (length == -EMSGSIZE) {
        strcat(out, "!|");
        return true;
    }
    MUST(length >= 0 && (size_t)length <= size);
    strncat(out, frame, (size_t)length);
    strcat(out, "|");
    return true;
}

static void
compare(const struct row *row, size_t cut, const char *out)
{
    if (strcmp(out, row->out))
        ck_abort_msg("row %d, cut at %d: '%s', not '%s'", (int)(row - table), (int)cut, out, row->out);
}

struct reading {
    const struct row *row;
    struct coir_stream *stream;
    char out[64];
};

static int
read_frames(void *arg)
{
    struct reading *reading = arg;
    const struct row *row = reading->row;
    char frame[16];
    ssize_t length;
    do {
        memset(frame, 'Z', sizeof frame);
        length = coir_frame_read(reading->stream, &row->framing, frame, row->size, core_soon());
        MUST_BE(frame[row->size], 'Z');
    } while (note(reading->out, length, frame, row->size));
    MUST_BE(coir_frame_read(reading->stream, &row->framing, frame, row->size, COIR_NEVER), length); /* and again */
    return 0;
}

static void
read_one_cut(const struct row *row, size_t cut)
{
    struct coir_stream *ends[2];
    struct reading reading = {.row = row};
    struct core_actor reader;
    wire_open(wire_kind, 0, ends);
    reading.stream = ends[0];
    core_start(&reader, read_frames, &reading);
    wire_put(ends[1], row->in, cut);
    wire_await_taken(ends[0]);
    wire_put(ends[1], row->in + cut, row->in_size - cut);
    MUST_BE(coir_stream_shutdown(ends[1], core_soon()), 0);
    MUST_BE(core_end(&reader), 0);
    compare(row, cut, reading.out);
    wire_close(ends);
}

static int
cut_everywhere(void *arg)
{
    (void)arg;
    for (const struct row *row = table; row < table + ROWS; row++)
        for (size_t cut = 0; cut <= row->in_size; cut += core_cast() != CORE_ONE ? 5 : CORE_TSAN ? 3 : 1)
            read_one_cut(row, cut);
    return 0;
}

START_TEST(frames_cut_at_each_byte)
{
    wire_play(_i, cut_everywhere, NULL);
}
END_TEST

/* Byte by byte, and before each a read that is too late or must not wait: nothing is lost by them. */
static int
late_after_each_byte(void *arg)
{
    (void)arg;
    for (const struct row *row = table; row < table + ROWS; row++) {
        struct coir_stream *ends[2];
        char out[64] = "", frame[16];
        bool more = true;
        wire_open(wire_kind, 0, ends);
        for (size_t at = 0; more; at++) {
            coir_time deadline = at % 2 ? COIR_NOW : core_past();
            ssize_t length;
            while ((length = coir_frame_read(ends[0], &row->framing, frame, row->size, deadline)) !=
                   (at % 2 ? -EAGAIN : -ETIMEDOUT)) {
                more = note(out, length, frame, row->size);
                if (!more)
                    break;
            }
            if (at < row->in_size)
                wire_put(ends[1], row->in + at, 1);
            else if (at == row->in_size)
                MUST_BE(coir_stream_shutdown(ends[1], core_soon()), 0);
        }
        compare(row, row->in_size, out);
        wire_close(ends);
    }
    return 0;
}

START_TEST(nothing_is_lost_by_a_deadline)
{
    wire_play(_i, late_after_each_byte, NULL);
}
END_TEST

/* ---- Large frames ---- */

enum { LARGE = 100000 };
static const struct coir_framing large_framings[] = {COIR_FRAMES_PREFIXED(4, COIR_BIG_ENDIAN),
                                                     COIR_FRAMES_DELIMITED("END"), COIR_FRAMES_FIXED(LARGE)};

static int
write_large(void *arg)
{
    char *bytes = malloc(LARGE);
    for (int i = 0; i < 3; i++)
        for (int n = 0; n < 3;
             n++) { /* 'a', 'b', 'c', of LARGE bytes; the middle one is too long but where all are alike */
            memset(bytes, 'a' + n, LARGE);
            MUST_BE(coir_frame_write(arg, &large_framings[i], bytes, LARGE, core_soon()), 0);
        }
    free(bytes);
    return 0;
}

static int
large_frames(void *arg)
{
    struct coir_stream *ends[2];
    struct core_actor writer;
    char *bytes = malloc(LARGE);
    (void)arg;
    wire_open(wire_kind, 1, ends);
    core_start(&writer, write_large, ends[1]);
    for (int i = 0; i < 3; i++)
        for (int n = 0; n < 3; n++) {
            size_t size = n == 1 ? LARGE - 1 : LARGE;
            ssize_t length;
            do /* some of it has come each time, and stays */
                length = coir_frame_read(ends[0], &large_framings[i], bytes, size, coir_after(COIR_MS / 10));
            while (length == -ETIMEDOUT);
            MUST_BE(length, n == 1 ? -EMSGSIZE : LARGE);
            MUST(n == 1 || (bytes[0] == 'a' + n && !memcmp(bytes, bytes + 1, LARGE - 1)));
        }
    MUST_BE(core_end(&writer), 0);
    wire_close(ends);
    free(bytes);
    return 0;
}

START_TEST(frames_larger_than_any_buffer)
{
    wire_play(_i, large_frames, NULL);
}
END_TEST

/* ---- In turn, and together ---- */

static int
in_turn(void *arg)
{
    static const struct coir_framing prefixed = COIR_FRAMES_PREFIXED(2, COIR_BIG_ENDIAN);
    static const struct coir_framing delimited = COIR_FRAMES_DELIMITED("::");
    struct coir_stream *ends[2];
    char text[16];
    (void)arg;
    wire_open(wire_kind, 0, ends);
    wire_put(ends[1], BYTES("\0\3abcline\r\nd::xy\0\5toolonglines\nz\0\1e"));
    MUST_BE(coir_stream_shutdown(ends[1], core_soon()), 0);
    MUST_BE(coir_frame_read(ends[0], &prefixed, text, 8, core_soon()), 3);
    MUST_BE(coir_stream_read_line(ends[0], text, 8, core_soon()), 4);
    MUST_BE(coir_frame_read(ends[0], &delimited, text, 8, core_soon()), 1);
    MUST_BE(coir_stream_read_full(ends[0], text, 2, core_soon()), 2);
    MUST_BE(coir_frame_read(ends[0], &prefixed, text, 4, core_soon()), -EMSGSIZE); /* "toolo" */
    MUST_BE(coir_stream_read_line(ends[0], text, 4, core_soon()), -EMSGSIZE);      /* "nglines" */
    MUST_BE(coir_stream_read(ends[0], text, 1, core_soon()), 1);
    MUST_BE(text[0], 'z');
    MUST_BE(coir_frame_read(ends[0], &prefixed, text, 4, core_soon()), 1);
    MUST_BE(text[0], 'e');
    MUST_BE(coir_frame_read(ends[0], &prefixed, text, 4, core_soon()), -EPIPE);
    wire_close(ends);
    return 0;
}

START_TEST(frames_lines_and_bytes_in_turn)
{
    wire_play(_i, in_turn, NULL);
}
END_TEST

enum { WRITERS = 3, FRAMES = 60, LONGEST = 3000 };
static const struct coir_framing shared = COIR_FRAMES_PREFIXED(2, COIR_LITTLE_ENDIAN);

static int
write_some(void *arg)
{
    char bytes[LONGEST];
    struct coir_stream *stream = arg;
    for (int i = 0; i < FRAMES; i++) {
        size_t size = (size_t)(i * 997) % LONGEST + 1;
        memset(bytes, 'A' + i, size);
        MUST_BE(coir_frame_write(stream, &shared, bytes, size, core_soon()), 0);
    }
    return 0;
}

static int
several_writers(void *arg)
{
    struct coir_stream *ends[2];
    struct core_actor writers[WRITERS];
    char bytes[LONGEST];
    int seen[FRAMES] = {0};
    (void)arg;
    wire_open(wire_kind, 1, ends);
    core_start_all(writers, WRITERS, write_some, ends[1]);
    for (int i = 0; i < WRITERS * FRAMES; i++) {
        ssize_t length = coir_frame_read(ends[0], &shared, bytes, sizeof bytes, core_soon());
        MUST(length > 0 && !memcmp(bytes, bytes + 1, (size_t)length - 1));
        MUST_BE(length, (bytes[0] - 'A') * 997 % LONGEST + 1);
        seen[bytes[0] - 'A']++;
    }
    for (int i = 0; i < FRAMES; i++)
        MUST_BE(seen[i], WRITERS);
    for (int i = 0; i < WRITERS; i++)
        MUST_BE(core_end(&writers[i]), 0);
    wire_close(ends);
    return 0;
}

START_TEST(frames_of_several_writers_never_interleave)
{
    wire_play(_i, several_writers, NULL);
}
END_TEST

static int
read_one(void *arg)
{
    char bytes[8];
    return (int)coir_frame_read(arg, &shared, bytes, sizeof bytes, COIR_NEVER);
}

static int
ended_waits(void *arg)
{
    struct coir_stream *ends[2];
    struct core_actor reader;
    char bytes[8];
    (void)arg;
    wire_open(wire_kind, 0, ends);
    wire_put(ends[1], "\3", 1);
    core_start(&reader, read_one, ends[0]);
    core_await_waiting(&reader);
    core_cancel(&reader);
    MUST_BE(core_end(&reader), -ECANCELED);
    wire_put(ends[1], BYTES("\0abc\1")); /* it has taken nothing away */
    MUST_BE(coir_frame_read(ends[0], &shared, bytes, sizeof bytes, core_soon()), 3);
    core_start(&reader, read_one, ends[0]);
    core_await_waiting(&reader);
    coir_stream_abort(ends[0]);
    MUST_BE(core_end(&reader), -EPIPE);
    MUST_BE(coir_frame_read(ends[0], &shared, bytes, sizeof bytes, core_soon()), -EPIPE);
    wire_close(ends);
    return 0;
}

START_TEST(cancel_and_abort_end_the_wait)
{
    wire_play(_i, ended_waits, NULL);
}
END_TEST

/* ---- What is refused ---- */

static void
refused(struct coir_stream *stream, struct coir_framing framing, const char *sentence)
{
    char bytes[4];
    MUST_BE(coir_frame_read(stream, &framing, bytes, sizeof bytes, COIR_NOW), -EINVAL);
    MUST(!strcmp(coir_error_detail(), sentence));
    MUST_BE(coir_frame_write(stream, &framing, bytes, 1, COIR_NOW), -EINVAL);
    MUST(!strcmp(coir_error_detail(), sentence));
}

static void
unwritten(struct coir_stream *stream, struct coir_framing framing, const char *bytes, size_t size, int error)
{
    MUST_BE(coir_frame_write(stream, &framing, bytes, size, COIR_NOW), error);
}

#define UNWRITTEN(error, text, ...) unwritten(ends[1], (struct coir_framing)__VA_ARGS__, text, sizeof(text) - 1, error)

START_TEST(what_is_no_frame)
{
    static const char zeros[65536];
    struct coir_stream *ends[2];
    char bytes[8];
    MUST_BE(coir_stream_pair(ends), 0);
    refused(ends[0], (struct coir_framing)COIR_FRAMES_PREFIXED(3, COIR_BIG_ENDIAN),
            "framing: a prefix has 1, 2, 4 or 8 bytes, not 3");
    refused(ends[0], (struct coir_framing)COIR_FRAMES_DELIMITED(""), "framing: a delimiter has 1 to 16 bytes, not 0");
    refused(ends[0], (struct coir_framing)COIR_FRAMES_DELIMITED("0123456789abcdefg"),
            "framing: a delimiter has 1 to 16 bytes, not 17");
    refused(ends[0], (struct coir_framing){COIR_FRAMING_DELIMITED, COIR_BIG_ENDIAN, 1, NULL},
            "framing: a delimiter has 1 to 16 bytes, not 1");
    refused(ends[0], (struct coir_framing)COIR_FRAMES_FIXED(0), "framing: frames of 0 bytes cannot be told apart");
    refused(ends[0], (struct coir_framing){.kind = (enum coir_framing_kind)7}, "framing: there is no kind 7");
    unwritten(ends[1], (struct coir_framing)COIR_FRAMES_PREFIXED(1, COIR_BIG_ENDIAN), zeros, 256, -EMSGSIZE);
    unwritten(ends[1], (struct coir_framing)COIR_FRAMES_PREFIXED(2, COIR_BIG_ENDIAN), zeros, 65536, -EMSGSIZE);
    UNWRITTEN(-EINVAL, "ab", COIR_FRAMES_FIXED(3));
    UNWRITTEN(-EINVAL, "abcd", COIR_FRAMES_FIXED(3));
    UNWRITTEN(-EINVAL, "a\nb", COIR_FRAMES_DELIMITED("\n"));
    UNWRITTEN(-EINVAL, "a-", COIR_FRAMES_DELIMITED("--")); /* "a---" would be read as "a" */
    UNWRITTEN(-EINVAL, "xab", COIR_FRAMES_DELIMITED("abab"));
    UNWRITTEN(0, "xaba", COIR_FRAMES_DELIMITED("bc")); /* the first that is good, and all that is written */
    MUST_BE(coir_stream_shutdown(ends[1], COIR_NOW), 0);
    MUST_BE(coir_stream_read_full(ends[0], bytes, 6, COIR_NOW), 6);
    MUST(!memcmp(bytes, "xababc", 6));
    MUST_BE(coir_stream_read(ends[0], bytes, sizeof bytes, COIR_NOW), 0);
    wire_close(ends);
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_loop_test(cases, frames_cut_at_each_byte, 0, WIRE_PLAYS);
    tcase_add_loop_test(cases, nothing_is_lost_by_a_deadline, 0, WIRE_PLAYS);
    tcase_add_loop_test(cases, frames_larger_than_any_buffer, 0, WIRE_PLAYS);
    tcase_add_loop_test(cases, frames_lines_and_bytes_in_turn, 0, WIRE_PLAYS);
    tcase_add_loop_test(cases, frames_of_several_writers_never_interleave, 0, WIRE_PLAYS);
    tcase_add_loop_test(cases, cancel_and_abort_end_the_wait, 0, WIRE_PLAYS);
    tcase_add_test(cases, what_is_no_frame);
}

int
main(void)
{
    return core_main("frame", add);
}
