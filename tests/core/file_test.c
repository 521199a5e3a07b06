/* file_test.c: files as streams: a table of what happens to a file, and cases of their own for what fails late. Each case
 * plays as a fiber of one worker and of four, and under plain threads, in a directory of its own. */
#include "core.h"

#include <coir/file.h>
#include <coir/stream.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"

static char folder[64], path[128];

static void
set_up(void)
{
    strcpy(folder, "/tmp/coir-file-XXXXXX");
    MUST(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/f", folder);
}

static void
tear_down(void)
{
    unlink(path);
    MUST_BE(rmdir(folder), 0); /* nothing else is left */
}

static struct coir_stream *
open_mode(const char *mode)
{
    struct coir_stream *stream;
    MUST_BE(coir_file_open(NULL, path, mode, &stream, core_soon()), 0);
    return stream;
}

static void
put(struct coir_stream *stream, const char *text)
{
    MUST_BE(coir_stream_write(stream, text, strlen(text), core_soon()), 0);
}

static void
must_have(const char *wanted)
{
    char bytes[512];
    int fd = open(path, O_RDONLY);
    ssize_t count = fd < 0 ? -1 : read(fd, bytes, sizeof bytes - 1);
    MUST(count >= 0);
    bytes[count] = '\0';
    close(fd);
    if (strcmp(bytes, wanted))
        ck_abort_msg("'%s', not '%s'", bytes, wanted);
}

/* ---- The table ---- */

/* Steps, each a letter and what follows up to the next space: W text; P text: print it with "\n"; R n: read n bytes; L: a line;
 * A: all that is left, full; S n: seek there; E n: from the end; C n: from here; F: flush; D: what the disk has now. */
static const struct {
    const char *name, *before, *mode, *steps, *notes, *after;
} rows[] = {
    {"read", "abc\n", "r", "R2 R9 R1", "'ab' 'c|' 0", "abc\n"},
    {"read, not write", "abc", "r", "Wx R9", "-EBADF 'abc'", "abc"},
    {"write, not read", "abc", "w", "R1 Wx", "-EBADF 0", "x"},
    {"an empty file", "", "r", "R1 L R1", "0 -EPIPE 0", ""},
    {"write empties", "abc", "w", "D Wxy D F D", "'' 0 '' 0 'xy'", "xy"},
    {"write makes", NULL, "w", "Wone Wtwo", "0 0", "onetwo"},
    {"append", "abc", "a", "Wde F Wf", "0 0 0", "abcdef"},
    {"append makes", NULL, "a", "Wde", "0", "de"},
    {"append after a seek", "abc", "a", "S0 Wd", "0 0", "abcd"},
    {"append and read", "abc", "a+", "S1 R1 Wd S1 R9", "1 'b' 0 1 'bcd'", "abcd"},
    {"exclusive", NULL, "x", "Wabc", "0", "abc"},
    {"exclusive both", NULL, "x+", "Wabc S0 R9", "0 0 'abc'", "abc"},
    {"both", "abcdef", "r+", "R2 WXY R9", "'ab' 0 'ef'", "abXYef"},
    {"both, over the beginning", "abcdef", "r+b", "WXY R2", "0 'cd'", "XYcdef"},
    {"both, emptied", "abcdef", "w+", "R1 Wabc S1 R9", "0 0 1 'bc'", "abc"},
    {"a line, then a write", "one\ntwo\n", "r+", "L WX C0 L", "'one' 0 5 'wo'", "one\nXwo\n"},
    {"lines", "one\ntwo\r\n\nlast", "r", "L L L L L", "'one' 'two' '' 'last' -EPIPE", "one\ntwo\r\n\nlast"},
    {"a line too long", "0123456789012345678901234567890123456789\nx\n", "r", "L L", "-EMSGSIZE 'x'", NULL},
    {"a line too long, then a seek", "0123456789012345678901234567890123456789\nx\n", "r", "L S0 R3",
     "-EMSGSIZE 0 '012'", NULL},
    {"seek", "abcdef", "r", "S3 R1 C1 R1 C0 E-1 R1 C-2 R1", "3 'd' 5 'f' 6 5 'f' 4 'e'", NULL},
    {"seek before the beginning", "abc", "r", "S-1 R1 C-2 C0", "-EINVAL 'a' -EINVAL 1", NULL},
    {"tell what was read ahead", "one\ntwo\n", "r", "L C0 R1 C0 L C0", "'one' 4 't' 5 'wo' 8", NULL},
    {"tell what was collected", NULL, "w", "Wabc C0 Wd C0 S9 Wx", "0 3 0 4 9 0", "abcd"}, /* then NULs */
    {"the end moves", "abc", "r+", "R9 R9 Wde S3 R9 R9", "'abc' 0 0 3 'de' 0", "abcde"},
    {"line-buffered", NULL, "wl", "Wab D Wc\n D Wd D Pe D", "0 '' 0 'abc|' 0 'abc|' 0 'abc|de|'", "abc\nde\n"},
    {"line-buffered at the end", "a\n", "al", "Pb D", "0 'a|b|'", "a\nb\n"},
    {"flush twice", NULL, "w", "F Wa F F D", "0 0 0 0 'a'", "a"},
};
enum { ROWS = sizeof rows / sizeof rows[0] };

struct play {
    struct coir_stream *stream;
    char notes[512];
};

static void
note(struct play *play, long long result)
{
    const char *name = result < 0 ? strerrorname_np((int)-result) : NULL;
    const char *gap = *play->notes ? " " : "";
    size_t length = strlen(play->notes);
    if (name)
        snprintf(play->notes + length, sizeof play->notes - length, "%s-%s", gap, name);
    else
        snprintf(play->notes + length, sizeof play->notes - length, "%s%lld", gap, result);
}

/* Line ends as bars. */
static void
note_bytes(struct play *play, ssize_t count, const char *bytes)
{
    size_t length = strlen(play->notes);
    snprintf(play->notes + length, sizeof play->notes - length, "%s'%.*s'", length ? " " : "", (int)count, bytes);
    for (char *at = play->notes + length; *at; at++)
        if (*at == '\n')
            *at = '|';
}

static void
note_disk(struct play *play)
{
    char bytes[64];
    int fd = open(path, O_RDONLY);
    ssize_t count = read(fd, bytes, sizeof bytes);
    close(fd);
    note_bytes(play, count, bytes);
}

static void
do_step(struct play *play, char letter, const char *text)
{
    struct coir_stream *stream = play->stream;
    char bytes[32];
    ssize_t count;
    long number = atol(text);
    switch (letter) {
    case 'W':
        note(play, coir_stream_write(stream, text, strlen(text), core_soon()));
        break;
    case 'P':
        note(play, coir_stream_print(stream, core_soon(), "%s\n", text));
        break;
    case 'R':
    case 'L':
        count = letter == 'R' ? coir_stream_read(stream, bytes, (size_t)number, core_soon())
                              : coir_stream_read_line(stream, bytes, sizeof bytes, core_soon());
        if (count > 0 || (count == 0 && letter == 'L'))
            note_bytes(play, count, bytes);
        else
            note(play, count);
        break;
    case 'F':
        note(play, coir_file_flush(stream, core_soon()));
        break;
    case 'D':
        note_disk(play);
        break;
    default:
        note(play, coir_file_seek(stream, number,
                                  letter == 'S'   ? SEEK_SET
                                  : letter == 'E' ? SEEK_END
                                                  : SEEK_CUR,
                                  core_soon()));
    }
}

static int
play_row(void *arg)
{
    int row = *(const int *)arg;
    struct play play = {.notes = ""};
    char steps[256], *saved;
    set_up();
    if (rows[row].before) {
        int fd = open(path, O_WRONLY | O_CREAT, 0600);
        MUST_BE(write(fd, rows[row].before, strlen(rows[row].before)), strlen(rows[row].before));
        close(fd);
    }
    play.stream = open_mode(rows[row].mode);
    strcpy(steps, rows[row].steps);
    for (char *step = strtok_r(steps, " ", &saved); step; step = strtok_r(NULL, " ", &saved))
        do_step(&play, *step, step + 1);
    MUST_BE(coir_stream_close(play.stream), 0);
    if (strcmp(play.notes, rows[row].notes))
        ck_abort_msg("%s: %s\nnot %s", rows[row].name, play.notes, rows[row].notes);
    if (rows[row].after)
        must_have(rows[row].after);
    tear_down();
    return 0;
}

/* Under COIR_BACKEND, too, if it is set: COIR's default else. */
static const enum core_cast casts[] = {CORE_ONE, CORE_FOUR, CORE_THREADS};
enum { CASTS = sizeof casts / sizeof casts[0] };

START_TEST(a_row)
{
    int row = _i % ROWS;
    core_play(casts[_i / ROWS], play_row, &row);
}
END_TEST

/* ---- Modes and what cannot be opened ---- */

static int
open_in_vain(void *arg)
{
    static const char *const bad[] = {"", "q", "R", "rw", "r+x", "+", "b"};
    struct coir_stream *stream = arg;
    char below[160];
    (void)arg;
    set_up();
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        MUST_BE(coir_file_open(NULL, path, bad[i], &stream, core_soon()), -EINVAL);
        MUST(!stream && strstr(coir_error_detail(), "mode"));
    }
    MUST_BE(coir_file_open(NULL, path, "r", &stream, core_soon()), -ENOENT);
    MUST_BE(coir_file_open(NULL, path, "r", &stream, COIR_NOW), -EAGAIN);
    MUST_BE(coir_file_open(NULL, path, "w", &stream, core_past()), -ETIMEDOUT);
    MUST(access(path, F_OK) != 0);
    MUST_BE(coir_file_open(NULL, folder, "r", &stream, core_soon()), -EISDIR);
    MUST(!stream);
    MUST_BE(coir_file_open(NULL, folder, "w", &stream, core_soon()), -EISDIR);
    snprintf(below, sizeof below, "%s/f/g", folder);
    MUST_BE(coir_stream_close(open_mode("x")), 0);
    MUST_BE(coir_file_open(NULL, path, "x", &stream, core_soon()), -EEXIST);
    MUST_BE(coir_file_open(NULL, below, "r", &stream, core_soon()), -ENOTDIR);
    coir_cancel(coir_self());
    MUST_BE(coir_file_open(NULL, path, "r", &stream, core_soon()), -ECANCELED);
    tear_down();
    return 0;
}

START_TEST(what_cannot_be_opened)
{
    core_play(casts[_i], open_in_vain, NULL);
}
END_TEST

/* As nobody, who may not. */
static int
open_forbidden(void *arg)
{
    struct coir_stream *stream;
    (void)arg;
    set_up();
    MUST_BE(coir_stream_close(open_mode("w")), 0);
    MUST_BE(chmod(path, 0400), 0);
    MUST_BE(chmod(folder, 0755), 0);
    if (geteuid() == 0 && seteuid(65534)) {
        printf("SKIP: no other user can be had\n");
        tear_down();
        return 0;
    }
    MUST_BE(coir_file_open(NULL, path, "w", &stream, core_soon()), -EACCES);
    MUST(!stream);
    if (getuid() == 0) {
        MUST_BE(coir_file_open(NULL, path, "r", &stream, core_soon()), -EACCES);
        MUST_BE(coir_file_remove(NULL, path, core_soon()), -EACCES);
        MUST_BE(seteuid(0), 0);
    }
    tear_down();
    return 0;
}

START_TEST(what_may_not_be_opened)
{
    core_play(CORE_THREADS, open_forbidden, NULL);
}
END_TEST

static int
open_without_numbers(void *arg)
{
    struct rlimit limit, low;
    struct coir_stream *stream, *held[64];
    int count = 0, error;
    (void)arg;
    set_up();
    MUST_BE(coir_stream_close(open_mode("w")), 0);
    MUST_BE(getrlimit(RLIMIT_NOFILE, &limit), 0);
    low = (struct rlimit){(rlim_t)core_open_descriptors() + 8, limit.rlim_max};
    MUST_BE(setrlimit(RLIMIT_NOFILE, &low), 0);
    while (count < 64 && !(error = coir_file_open(NULL, path, "r", &stream, core_soon())))
        held[count++] = stream;
    MUST_BE(error, -EMFILE);
    MUST(count > 0 && !stream);
    MUST_BE(coir_stream_close(held[--count]), 0);
    MUST_BE(coir_file_open(NULL, path, "r", &stream, core_soon()), 0); /* one is enough */
    held[count++] = stream;
    while (count)
        MUST_BE(coir_stream_close(held[--count]), 0);
    MUST_BE(setrlimit(RLIMIT_NOFILE, &limit), 0);
    tear_down();
    return 0;
}

START_TEST(no_descriptor_is_free)
{
    core_play(casts[_i], open_without_numbers, NULL);
}
END_TEST

/* ---- What fails, and who is told ---- */

static char large[300000];

static struct coir_stream *
open_full(const char *mode)
{
    struct coir_stream *stream;
    MUST_BE(coir_file_open(NULL, "/dev/full", mode, &stream, core_soon()), 0);
    return stream;
}

/* /dev/full takes nothing: -ENOSPC. Exactly one call says so. */
static int
fill_up(void *arg)
{
    struct coir_stream *stream = open_full("w");
    (void)arg;
    put(stream, "kept");
    MUST_BE(coir_stream_close(stream), -ENOSPC); /* by the end */
    stream = open_full("w");
    put(stream, "kept");
    MUST_BE(coir_file_flush(stream, core_soon()), -ENOSPC); /* by a flush */
    MUST_BE(coir_file_flush(stream, core_soon()), 0);       /* nothing is left of it */
    MUST_BE(coir_stream_write(stream, "x", 1, core_soon()), -EPIPE);
    MUST_BE(coir_stream_close(stream), 0);
    stream = open_full("w");
    put(stream, "kept");
    MUST_BE(coir_stream_write(stream, large, sizeof large, core_soon()), -ENOSPC); /* by another write */
    MUST_BE(coir_stream_write(stream, "x", 1, core_soon()), -EPIPE);
    MUST_BE(coir_stream_close(stream), 0);
    stream = open_full("w");
    MUST_BE(coir_stream_write(stream, large, sizeof large, core_soon()), -ENOSPC);
    MUST_BE(coir_stream_write(stream, "x", 1, core_soon()), -EPIPE);
    MUST_BE(coir_stream_close(stream), 0);
    stream = open_full("wl");
    put(stream, "no line");
    MUST_BE(coir_stream_print(stream, core_soon(), "now\n"), -ENOSPC); /* by a line end */
    MUST_BE(coir_stream_close(stream), 0);
    stream = open_full("w");
    put(stream, "kept");
    MUST_BE(coir_stream_shutdown(stream, core_soon()), -ENOSPC);
    MUST_BE(coir_stream_close(stream), 0);
    stream = open_full("r+");
    MUST_BE(coir_file_seek(stream, 0, SEEK_SET, core_soon()), -ESPIPE);
    put(stream, "dropped");
    coir_stream_abort(stream);
    MUST_BE(coir_stream_close(stream), 0); /* nobody wants it */
    return 0;
}

START_TEST(a_full_disk_is_told_once)
{
    core_play(casts[_i], fill_up, NULL);
}
END_TEST

/* The same with a regular file that may not become larger. */
static int
grow_too_large(void *arg)
{
    struct rlimit before, low = {100000, RLIM_INFINITY};
    struct coir_stream *stream;
    struct stat status;
    (void)arg;
    set_up();
    signal(SIGXFSZ, SIG_IGN);
    MUST_BE(getrlimit(RLIMIT_FSIZE, &before), 0);
    low.rlim_max = before.rlim_max;
    MUST_BE(setrlimit(RLIMIT_FSIZE, &low), 0);
    stream = open_mode("w");
    MUST_BE(coir_stream_write(stream, large, sizeof large, core_soon()), -EFBIG);
    MUST_BE(coir_stream_write(stream, "x", 1, core_soon()), -EPIPE);
    MUST_BE(coir_stream_close(stream), 0);
    MUST_BE(setrlimit(RLIMIT_FSIZE, &before), 0);
    MUST_BE(stat(path, &status), 0);
    MUST_BE(status.st_size, 100000);
    tear_down();
    return 0;
}

START_TEST(a_file_may_not_grow)
{
    core_play(casts[_i], grow_too_large, NULL);
}
END_TEST

/* What was collected before a cancel is not lost: close writes it; nor by a deadline that has passed. */
static int
close_canceled(void *arg)
{
    struct coir_stream *stream;
    (void)arg;
    set_up();
    stream = open_mode("w");
    put(stream, "taken");
    MUST_BE(coir_stream_write(stream, ", too", 5, core_past()), 0);
    coir_cancel(coir_self());
    MUST_BE(coir_stream_write(stream, "not", 3, core_soon()), -ECANCELED);
    MUST_BE(coir_file_flush(stream, core_soon()), -ECANCELED);
    MUST_BE(coir_file_sync(stream, core_soon()), -ECANCELED);
    MUST_BE(coir_file_seek(stream, 0, SEEK_CUR, core_soon()), -ECANCELED);
    MUST_BE(coir_stream_close(stream), 0);
    must_have("taken, too");
    tear_down();
    return 0;
}

START_TEST(what_was_taken_is_written_at_the_end)
{
    core_play(casts[_i], close_canceled, NULL);
}
END_TEST

static int
do_not_wait(void *arg)
{
    struct coir_stream *stream;
    char byte;
    ssize_t count;
    (void)arg;
    set_up();
    stream = open_mode("w+");
    MUST_BE(coir_stream_write(stream, "abc", 3, COIR_NOW), 0);
    MUST_BE(coir_file_sync(stream, COIR_NOW), -EAGAIN);
    MUST_BE(coir_file_sync(stream, core_past()), -ETIMEDOUT);
    MUST_BE(coir_file_sync(stream, core_soon()), 0);
    MUST_BE(coir_file_flush(stream, COIR_NOW), 0);
    MUST_BE(coir_file_flush(stream, core_past()), 0);
    MUST_BE(coir_file_seek(stream, 0, SEEK_SET, COIR_NOW), 0);
    MUST_BE(coir_file_seek(stream, 0, SEEK_END, COIR_NOW), -EAGAIN);
    count = coir_stream_read(stream, &byte, 1, COIR_NOW); /* what is in memory; not every file system tells */
    MUST(count == -EAGAIN || (count == 1 && byte == 'a'));
    MUST_BE(coir_file_seek(stream, 0, 7, core_soon()), -EINVAL);
    coir_stream_abort(stream);
    MUST_BE(coir_stream_read(stream, &byte, 1, core_soon()), -EPIPE);
    MUST_BE(coir_stream_write(stream, "d", 1, core_soon()), -EPIPE);
    MUST_BE(coir_file_seek(stream, 0, SEEK_SET, core_soon()), -EPIPE);
    MUST_BE(coir_stream_close(stream), 0);
    tear_down();
    return 0;
}

START_TEST(not_now_and_too_late)
{
    core_play(casts[_i], do_not_wait, NULL);
}
END_TEST

/* ---- Size ---- */

/* A hole of 5 GiB. */
static int
go_far(void *arg)
{
    const int64_t far = INT64_C(5) << 30;
    struct coir_stream *stream;
    struct coir_entry entry;
    char bytes[8];
    (void)arg;
    set_up();
    stream = open_mode("w+");
    MUST_BE(coir_file_seek(stream, far, SEEK_SET, core_soon()), far);
    put(stream, "far");
    MUST_BE(coir_file_seek(stream, 0, SEEK_CUR, core_soon()), far + 3);
    MUST_BE(coir_file_seek(stream, -2, SEEK_CUR, core_soon()), far + 1);
    MUST_BE(coir_stream_read_full(stream, bytes, 2, core_soon()), 2);
    MUST(!memcmp(bytes, "ar", 2));
    MUST_BE(coir_file_seek(stream, 0, SEEK_END, core_soon()), far + 3);
    MUST_BE(coir_file_look(NULL, path, &entry, core_soon()), 0);
    MUST_BE(entry.size, far + 3);
    MUST_BE(coir_stream_close(stream), 0);
    tear_down();
    return 0;
}

START_TEST(places_have_64_bits)
{
    core_play(casts[_i], go_far, NULL);
}
END_TEST

/* Large and small pieces, through and past the buffer. */
static int
write_and_read_much(void *arg)
{
    enum { PIECES = 60 };
    struct coir_stream *stream;
    static char got[sizeof large];
    int64_t size = 0;
    (void)arg;
    set_up();
    for (size_t i = 0; i < sizeof large; i++)
        large[i] = (char)(i * 7 + i / 251);
    stream = open_mode("w+");
    for (int i = 1; i <= PIECES; i++) {
        struct iovec parts[3] = {{large, (size_t)i}, {NULL, 0}, {large, (size_t)i * 5000}};
        MUST_BE(coir_stream_write_parts(stream, parts, 3, core_soon()), 0);
        size += i + i * 5000;
    }
    MUST_BE(coir_file_seek(stream, 0, SEEK_CUR, core_soon()), size);
    MUST_BE(coir_file_seek(stream, 0, SEEK_SET, core_soon()), 0);
    for (int i = 1; i <= PIECES; i++) {
        MUST_BE(coir_stream_read_full(stream, got, (size_t)i, core_soon()), i);
        MUST(!memcmp(got, large, (size_t)i));
        MUST_BE(coir_stream_read_full(stream, got, (size_t)i * 5000, core_soon()), i * 5000);
        MUST(!memcmp(got, large, (size_t)i * 5000));
    }
    MUST_BE(coir_stream_read(stream, got, 1, core_soon()), 0);
    MUST_BE(coir_stream_close(stream), 0);
    tear_down();
    return 0;
}

START_TEST(pieces_of_all_sizes)
{
    core_play(casts[_i], write_and_read_much, NULL);
}
END_TEST

static int
rest(void *arg)
{
    struct coir_buffer all, little;
    struct coir_stream *stream;
    char line[64];
    (void)arg;
    set_up();
    stream = open_mode("w+");
    put(stream, "head\n");
    MUST_BE(coir_stream_write(stream, large, 100000, core_soon()), 0);
    MUST_BE(coir_file_seek(stream, 0, SEEK_SET, core_soon()), 0);
    coir_buffer_init(&all, 200000);
    coir_buffer_init(&little, 50000);
    MUST_BE(coir_stream_read_line(stream, line, sizeof line, core_soon()), 4);
    MUST_BE(coir_stream_read_rest(stream, &all, core_soon()), 0);
    MUST_BE(all.size, 100000);
    MUST(!memcmp(all.bytes, large, 100000));
    MUST_BE(coir_file_seek(stream, 0, SEEK_SET, core_soon()), 0);
    MUST_BE(coir_stream_read_rest(stream, &little, core_soon()), -EMSGSIZE);
    coir_buffer_fini(&all);
    coir_buffer_fini(&little);
    MUST_BE(coir_stream_close(stream), 0);
    tear_down();
    return 0;
}

START_TEST(all_that_is_left)
{
    core_play(casts[_i], rest, NULL);
}
END_TEST

/* ---- Several at once ---- */

enum { WRITERS = 4, LINES = 200 };

struct writer {
    struct coir_stream *stream; /* NULL: one of its own */
    int number;
};

static int
write_lines(void *arg)
{
    const struct writer *writer = arg;
    struct coir_stream *stream = writer->stream ? writer->stream : open_mode("al");
    for (int i = 0; i < LINES; i++) {
        MUST_BE(coir_stream_print(stream, core_soon(), "writer %d line %d\n", writer->number, i), 0);
        if (i % 16 == 0)
            MUST_BE(coir_yield(), 0);
    }
    return writer->stream ? 0 : coir_stream_close(stream);
}

static void
must_have_all_lines(void)
{
    int next[WRITERS] = {0}, number, line, count = 0;
    struct coir_stream *stream = open_mode("r");
    char text[64];
    ssize_t length;
    while ((length = coir_stream_read_line(stream, text, sizeof text, core_soon())) >= 0) {
        MUST_BE(sscanf(text, "writer %d line %d", &number, &line), 2);
        MUST_BE(line, next[number]++);
        count++;
    }
    MUST_BE(length, -EPIPE);
    MUST_BE(count, WRITERS * LINES);
    MUST_BE(coir_stream_close(stream), 0);
}

/* All through one stream, or each with its own. */
static int
append_together(void *arg)
{
    bool is_one = *(const int *)arg;
    struct coir_stream *stream = NULL;
    struct core_actor actors[WRITERS];
    struct writer writers[WRITERS];
    set_up();
    if (is_one)
        stream = open_mode("a");
    for (int i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){stream, i};
        core_start(&actors[i], write_lines, &writers[i]);
    }
    for (int i = 0; i < WRITERS; i++)
        MUST_BE(core_end(&actors[i]), 0);
    if (is_one)
        MUST_BE(coir_stream_close(stream), 0);
    must_have_all_lines();
    tear_down();
    return 0;
}

START_TEST(lines_of_several_are_not_torn)
{
    int is_one = _i % 2;
    core_play((enum core_cast)(_i / 2), append_together, &is_one);
}
END_TEST

/* ---- What is no file ---- */

static int
be_no_file(void *arg)
{
    struct coir_stream *ends[2], *stream;
    char fifo[160], bytes[8];
    (void)arg;
    set_up();
    MUST_BE(coir_stream_pair(ends), 0);
    MUST_BE(coir_file_flush(ends[0], core_soon()), 0);
    MUST_BE(coir_file_sync(ends[0], core_soon()), -EINVAL);
    MUST_BE(coir_file_seek(ends[0], 0, SEEK_CUR, core_soon()), -ESPIPE);
    MUST_BE(coir_file_commit(ends[0], core_soon()), -EINVAL);
    for (int i = 0; i < 2; i++)
        MUST_BE(coir_stream_close(ends[i]), 0);
    MUST_BE(coir_file_open(NULL, "/dev/null", "r+", &stream, core_soon()), 0);
    MUST_BE(coir_stream_write(stream, large, sizeof large, core_soon()), 0);
    MUST_BE(coir_stream_read(stream, bytes, 1, core_soon()), 0);
    MUST_BE(coir_stream_close(stream), 0);
    snprintf(fifo, sizeof fifo, "%s/fifo", folder);
    MUST_BE(mkfifo(fifo, 0600), 0);
    MUST_BE(coir_file_open(NULL, fifo, "w", &stream, core_soon()), -ENXIO);
    MUST_BE(coir_file_open(NULL, fifo, "r", &ends[0], core_soon()), 0);
    MUST_BE(coir_file_open(NULL, fifo, "w", &ends[1], core_soon()), 0);
    put(ends[1], "fifo");
    MUST_BE(coir_stream_read(ends[0], bytes, 8, coir_after(COIR_MS)), -ETIMEDOUT); /* it is collected */
    MUST_BE(coir_file_flush(ends[1], core_soon()), 0);
    MUST_BE(coir_stream_read(ends[0], bytes, 8, core_soon()), 4);
    put(ends[1], "end");
    MUST_BE(coir_stream_close(ends[1]), 0);
    MUST_BE(coir_stream_read(ends[0], bytes, 8, core_soon()), 3);
    MUST_BE(coir_stream_read(ends[0], bytes, 8, core_soon()), 0);
    MUST_BE(coir_stream_close(ends[0]), 0);
    unlink(fifo);
    tear_down();
    return 0;
}

START_TEST(devices_fifos_and_sockets)
{
    core_play(casts[_i], be_no_file, NULL);
}
END_TEST

/* A file that came as a descriptor: unbuffered, and else the same. */
static int
come_as_descriptor(void *arg)
{
    struct coir_stream *stream;
    char line[16];
    (void)arg;
    set_up();
    MUST_BE(coir_stream_from(open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600), &stream), 0);
    put(stream, "one\ntwo\n");
    must_have("one\ntwo\n");
    MUST_BE(coir_file_seek(stream, 0, SEEK_SET, core_soon()), 0);
    MUST_BE(coir_stream_read_line(stream, line, sizeof line, core_soon()), 3);
    put(stream, "TWO");
    must_have("one\nTWO\n");
    MUST_BE(coir_file_sync(stream, core_soon()), 0);
    MUST_BE(coir_stream_close(stream), 0);
    tear_down();
    return 0;
}

START_TEST(a_file_that_came_as_a_descriptor)
{
    core_play(casts[_i], come_as_descriptor, NULL);
}
END_TEST

/* ---- Replacing ---- */

static int
entries_here(void)
{
    struct coir_directory *listing;
    struct coir_entry entry;
    int count = 0;
    MUST_BE(coir_directory_open(NULL, folder, &listing, core_soon()), 0);
    while (coir_directory_next(listing, &entry, core_soon()) == 0)
        count++;
    coir_directory_close(listing);
    return count;
}

static int
replace(void *arg)
{
    struct coir_stream *stream;
    struct stat status;
    (void)arg;
    set_up();
    MUST_BE(coir_file_replace(NULL, path, &stream, core_soon()), 0);
    put(stream, "first");
    MUST(access(path, F_OK) != 0);
    MUST_BE(coir_stream_close(stream), 0); /* not committed: gone */
    MUST_BE(entries_here(), 0);
    MUST_BE(coir_file_replace(NULL, path, &stream, core_soon()), 0);
    put(stream, "second");
    MUST_BE(coir_file_commit(stream, COIR_NOW), -EAGAIN);
    MUST_BE(coir_file_commit(stream, core_past()), -ETIMEDOUT);
    MUST(access(path, F_OK) != 0);
    MUST_BE(coir_file_commit(stream, core_soon()), 0); /* tried again */
    must_have("second");
    MUST_BE(coir_file_commit(stream, core_soon()), -EINVAL);
    MUST_BE(coir_stream_write(stream, "x", 1, core_soon()), -EPIPE);
    MUST_BE(coir_stream_close(stream), 0);
    must_have("second");
    MUST_BE(chmod(path, 0640), 0);
    MUST_BE(coir_file_replace(NULL, path, &stream, core_soon()), 0);
    put(stream, "third");
    MUST_BE(coir_file_flush(stream, core_soon()), 0);
    must_have("second");
    MUST_BE(coir_file_commit(stream, core_soon()), 0);
    must_have("third");
    MUST_BE(coir_stream_close(stream), 0);
    MUST_BE(stat(path, &status), 0);
    MUST_BE(status.st_mode & 0777, 0640 & ~022);
    MUST_BE(entries_here(), 1);
    MUST_BE(coir_file_replace(NULL, folder, &stream, core_soon()), -EISDIR);
    MUST_BE(coir_file_replace(NULL, "/tmp/..", &stream, core_soon()), -EINVAL);
    MUST_BE(coir_file_replace(NULL, "", &stream, core_soon()), -ENOENT);
    stream = open_mode("r+");
    MUST_BE(coir_file_commit(stream, core_soon()), -EINVAL);
    MUST_BE(coir_stream_close(stream), 0);
    tear_down();
    return 0;
}

START_TEST(a_replacement_is_whole_or_not_there)
{
    umask(022);
    core_play(casts[_i], replace, NULL);
}
END_TEST

/* A link at the path is itself replaced; a write or a sync that failed is not committed. */
static int
replace_badly(void *arg)
{
    struct coir_stream *stream;
    char link[160];
    struct stat status;
    (void)arg;
    set_up();
    stream = open_mode("w");
    put(stream, "target");
    MUST_BE(coir_stream_close(stream), 0);
    snprintf(link, sizeof link, "%s/link", folder);
    MUST_BE(symlink("f", link), 0);
    MUST_BE(coir_file_replace(NULL, link, &stream, core_soon()), 0);
    put(stream, "instead");
    MUST_BE(coir_file_commit(stream, core_soon()), 0);
    MUST_BE(coir_stream_close(stream), 0);
    MUST_BE(lstat(link, &status), 0);
    MUST(S_ISREG(status.st_mode));
    must_have("target");
    MUST_BE(coir_file_replace(NULL, path, &stream, core_soon()), 0);
    put(stream, "bad");
    cr_fault_arm(UINT64_C(1) << CR_FAULT_SEND, 1, false);
    MUST_BE(coir_file_flush(stream, core_soon()), -EIO);
    cr_fault_disarm();
    MUST_BE(coir_file_commit(stream, core_soon()), -EPIPE);
    MUST_BE(coir_stream_close(stream), 0);
    must_have("target");
    MUST_BE(coir_file_replace(NULL, path, &stream, core_soon()), 0);
    put(stream, "bad");
    cr_fault_arm(UINT64_C(1) << CR_FAULT_FILE, 1, false);
    MUST_BE(coir_file_commit(stream, core_soon()), -EIO); /* by its sync; the kernel may not know of it any more */
    cr_fault_disarm();
    MUST_BE(coir_file_commit(stream, core_soon()), -EPIPE);
    MUST_BE(coir_stream_close(stream), 0);
    must_have("target");
    MUST_BE(coir_file_replace(NULL, path, &stream, core_soon()), 0);
    put(stream, "bad");
    cr_fault_arm(UINT64_C(1) << CR_FAULT_FILE, 1, false);
    MUST_BE(coir_file_sync(stream, core_soon()), -EIO);
    cr_fault_disarm();
    MUST_BE(coir_file_sync(stream, core_soon()), -EPIPE);
    MUST_BE(coir_stream_write(stream, "x", 1, core_soon()), -EPIPE);
    MUST_BE(coir_file_commit(stream, core_soon()), -EPIPE);
    MUST_BE(coir_stream_close(stream), 0);
    must_have("target");
    unlink(link);
    tear_down();
    return 0;
}

START_TEST(what_failed_is_not_committed)
{
    core_play(casts[_i], replace_badly, NULL);
}
END_TEST

/* Who looks sees one of the versions, whole, at any time. */
enum { VERSIONS = 30, VERSION_SIZE = 5000 };

static int
replace_again_and_again(void *arg)
{
    char text[VERSION_SIZE];
    (void)arg;
    for (int i = 0; i < VERSIONS; i++) {
        struct coir_stream *stream;
        memset(text, 'a' + i % 26, sizeof text);
        MUST_BE(coir_file_replace(NULL, path, &stream, core_soon()), 0);
        MUST_BE(coir_stream_write(stream, text, sizeof text, core_soon()), 0);
        MUST_BE(coir_file_commit(stream, core_soon()), 0);
        MUST_BE(coir_stream_close(stream), 0);
    }
    return 0;
}

static int
look_meanwhile(void *arg)
{
    char text[VERSION_SIZE];
    (void)arg;
    for (int i = 0; i < VERSIONS; i++) {
        struct coir_stream *stream;
        MUST_BE(coir_file_open(NULL, path, "r", &stream, core_soon()), 0);
        MUST_BE(coir_stream_read_full(stream, text, sizeof text, core_soon()), VERSION_SIZE);
        for (int k = 1; k < VERSION_SIZE; k++)
            MUST(text[k] == text[0]);
        MUST_BE(coir_stream_read(stream, text, 1, core_soon()), 0);
        MUST_BE(coir_stream_close(stream), 0);
    }
    return 0;
}

static int
replace_under_eyes(void *arg)
{
    struct core_actor writers[2], reader;
    char text[VERSION_SIZE];
    struct coir_stream *stream;
    (void)arg;
    set_up();
    stream = open_mode("w");
    memset(text, '-', sizeof text);
    MUST_BE(coir_stream_write(stream, text, sizeof text, core_soon()), 0);
    MUST_BE(coir_stream_close(stream), 0);
    core_start_all(writers, 2, replace_again_and_again, NULL);
    core_start(&reader, look_meanwhile, NULL);
    for (int i = 0; i < 2; i++)
        MUST_BE(core_end(&writers[i]), 0);
    MUST_BE(core_end(&reader), 0);
    tear_down();
    return 0;
}

START_TEST(who_looks_sees_a_whole_file)
{
    core_play((enum core_cast)_i, replace_under_eyes, NULL);
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_loop_test(cases, a_row, 0, ROWS * CASTS);
    tcase_add_loop_test(cases, what_cannot_be_opened, 0, CASTS);
    tcase_add_test(cases, what_may_not_be_opened);
    tcase_add_loop_test(cases, no_descriptor_is_free, 0, CASTS);
    tcase_add_loop_test(cases, a_full_disk_is_told_once, 0, CASTS);
    tcase_add_loop_test(cases, a_file_may_not_grow, 0, CASTS);
    tcase_add_loop_test(cases, what_was_taken_is_written_at_the_end, 0, CASTS);
    tcase_add_loop_test(cases, not_now_and_too_late, 0, CASTS);
    tcase_add_loop_test(cases, places_have_64_bits, 0, CASTS);
    tcase_add_loop_test(cases, pieces_of_all_sizes, 0, CASTS);
    tcase_add_loop_test(cases, all_that_is_left, 0, CASTS);
    tcase_add_loop_test(cases, lines_of_several_are_not_torn, 0, 2 * CORE_CASTS);
    tcase_add_loop_test(cases, devices_fifos_and_sockets, 0, CASTS);
    tcase_add_loop_test(cases, a_file_that_came_as_a_descriptor, 0, CASTS);
    tcase_add_loop_test(cases, a_replacement_is_whole_or_not_there, 0, CASTS);
    tcase_add_loop_test(cases, what_failed_is_not_committed, 0, CASTS);
    tcase_add_loop_test(cases, who_looks_sees_a_whole_file, 0, CORE_CASTS);
}

int
main(void)
{
    return core_main("file", add);
}
