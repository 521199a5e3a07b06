/* parity_file.c: files, each row in a directory of its own, which is gone afterwards. In a virtual world, too: files are the real
 * ones there, and only the waiting is virtual; but it knows no devices. */
#include "parity.h"

#include <coir/file.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64], path[80];

static void
set_up(void)
{
    strcpy(folder, "/tmp/coir-parity-XXXXXX");
    MUST(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/f", folder);
}

static void
tear_down(void)
{
    unlink(path);
    MUST_BE(rmdir(folder), 0); /* nothing else is left */
}

/* Notes the answer, and what was opened is at hand, or NULL. */
static struct coir_stream *
open_as(struct parity *play, const char *mode)
{
    struct coir_stream *stream;
    char what[16];
    snprintf(what, sizeof what, "open %s", mode);
    parity_note(play, what, coir_file_open(NULL, path, mode, &stream, core_soon()));
    return stream;
}

static struct coir_stream *
must_open(const char *mode)
{
    struct coir_stream *stream;
    MUST_BE(coir_file_open(NULL, path, mode, &stream, core_soon()), 0);
    return stream;
}

static void
make(const char *text)
{
    struct coir_stream *stream = must_open("w");
    parity_put(stream, text);
    MUST_BE(coir_stream_close(stream), 0);
}

static void
close_and_note(struct parity *play, struct coir_stream *stream)
{
    parity_note(play, "close", coir_stream_close(stream));
}

static void
read_some(struct parity *play, struct coir_stream *stream, size_t size)
{
    char bytes[64];
    parity_got(play, "read", coir_stream_read(stream, bytes, size, core_soon()), bytes);
}

static void
read_line(struct parity *play, struct coir_stream *stream, size_t size)
{
    char line[64];
    parity_got(play, "line", coir_stream_read_line(stream, line, size, core_soon()), line);
}

static void
write_x(struct parity *play, struct coir_stream *stream)
{
    parity_note(play, "write", coir_stream_write(stream, "x", 1, core_soon()));
}

/* What everybody sees in it, by plain calls. */
static void
look(struct parity *play)
{
    char bytes[64];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t count = fd < 0 ? -1 : read(fd, bytes, sizeof bytes);
    if (fd >= 0)
        close(fd);
    parity_got(play, "there", count, bytes);
}

static void
modes(struct parity *play)
{
    struct coir_stream *stream;
    set_up();
    MUST(!open_as(play, "r"));
    MUST(!open_as(play, "r+"));
    MUST(!open_as(play, "q"));
    MUST(!open_as(play, "rw"));
    stream = open_as(play, "x");
    write_x(play, stream);
    read_some(play, stream, 1);
    close_and_note(play, stream);
    MUST(!open_as(play, "x"));
    stream = open_as(play, "r");
    write_x(play, stream);
    read_some(play, stream, 9);
    close_and_note(play, stream);
    stream = open_as(play, "w");
    look(play);
    close_and_note(play, stream);
    stream = open_as(play, "w+b");
    close_and_note(play, stream);
    unlink(path);
    MUST_BE(mkdir(path, 0700), 0);
    MUST(!open_as(play, "r"));
    MUST(!open_as(play, "w"));
    MUST_BE(rmdir(path), 0);
    tear_down();
}

static void
lines(struct parity *play)
{
    struct coir_stream *stream;
    set_up();
    make("one\ntwo is longer\r\n\nlast");
    stream = must_open("r");
    read_line(play, stream, 8);
    read_line(play, stream, 8);
    for (int i = 0; i < 3; i++)
        read_line(play, stream, 8);
    close_and_note(play, stream);
    stream = must_open("r");
    for (int i = 0; i < 5; i++)
        read_line(play, stream, 64);
    close_and_note(play, stream);
    tear_down();
}

/* All of a file with more lines than a buffer holds. */
static void
all_lines(struct parity *play)
{
    struct coir_stream *stream;
    char line[64], wanted[64];
    ssize_t length;
    int count = 0;
    set_up();
    stream = must_open("w");
    for (int i = 0; i < 5000; i++)
        MUST_BE(coir_stream_print(stream, core_soon(), "line %d of them\n", i), 0);
    close_and_note(play, stream);
    stream = must_open("r");
    while ((length = coir_stream_read_line(stream, line, sizeof line, core_soon())) >= 0) {
        snprintf(wanted, sizeof wanted, "line %d of them", count++);
        MUST(!strcmp(line, wanted) && length == (ssize_t)strlen(wanted));
    }
    parity_note(play, "lines", count);
    parity_note(play, "then", length);
    close_and_note(play, stream);
    tear_down();
}

static void
seek(struct parity *play, struct coir_stream *stream, int64_t offset, int whence)
{
    parity_note(play, "at", coir_file_seek(stream, offset, whence, core_soon()));
}

/* The place is where the next byte comes from or goes to, whatever has been read ahead or collected. */
static void
places(struct parity *play)
{
    struct coir_stream *stream, *ends[2];
    set_up();
    make("one\ntwo\n");
    stream = must_open("r+");
    read_line(play, stream, 8);
    seek(play, stream, 0, SEEK_CUR);
    parity_put(stream, "TWO");
    seek(play, stream, 0, SEEK_CUR);
    seek(play, stream, 1, SEEK_SET);
    read_some(play, stream, 9);
    seek(play, stream, -2, SEEK_END);
    read_some(play, stream, 9);
    seek(play, stream, -9, SEEK_CUR);
    seek(play, stream, -3, SEEK_CUR);
    seek(play, stream, 0, 77);
    read_some(play, stream, 1);
    close_and_note(play, stream);
    MUST_BE(coir_stream_pair(ends), 0);
    seek(play, ends[0], 0, SEEK_CUR);
    parity_close(ends);
    tear_down();
}

static void
append(struct parity *play)
{
    struct coir_stream *streams[2];
    set_up();
    make("old");
    streams[0] = must_open("a");
    streams[1] = must_open("a+");
    for (int i = 0; i < 2; i++) {
        parity_put(streams[i], i ? "-1" : "-0");
        parity_note(play, "flush", coir_file_flush(streams[i], core_soon()));
    }
    seek(play, streams[1], 0, SEEK_SET);
    read_some(play, streams[1], 2);
    parity_put(streams[1], "-2");
    for (int i = 0; i < 2; i++)
        close_and_note(play, streams[i]);
    look(play);
    tear_down();
}

static void
flush(struct parity *play)
{
    struct coir_stream *stream;
    set_up();
    stream = must_open("w");
    write_x(play, stream);
    look(play);
    parity_note(play, "flush", coir_file_flush(stream, core_soon()));
    look(play);
    write_x(play, stream);
    parity_note(play, "sync", coir_file_sync(stream, core_soon()));
    look(play);
    write_x(play, stream);
    close_and_note(play, stream);
    look(play);
    stream = must_open("wl");
    write_x(play, stream);
    look(play);
    parity_put(stream, "y\nz");
    parity_note(play, "there", lseek(coir_stream_fd(stream), 0, SEEK_END));
    close_and_note(play, stream);
    tear_down();
}

/* The failure of what was collected is told by the close, if nobody was told before. */
static void
a_full_disk(struct parity *play)
{
    struct coir_stream *stream;
    for (int i = 0; i < 2; i++) {
        MUST_BE(coir_file_open(NULL, "/dev/full", "w", &stream, core_soon()), 0);
        write_x(play, stream);
        if (i) {
            parity_note(play, "flush", coir_file_flush(stream, core_soon()));
            write_x(play, stream);
        }
        close_and_note(play, stream);
    }
}

/* A call that has not begun is not done; nothing that was taken is lost. */
static void
too_late(struct parity *play)
{
    struct coir_stream *stream;
    set_up();
    parity_note(play, "open", coir_file_open(NULL, path, "w", &stream, COIR_NOW));
    parity_note(play, "open", coir_file_open(NULL, path, "w", &stream, core_past()));
    look(play);
    stream = must_open("w");
    write_x(play, stream);
    parity_note(play, "sync", coir_file_sync(stream, COIR_NOW));
    parity_note(play, "sync", coir_file_sync(stream, core_past()));
    write_x(play, stream);
    close_and_note(play, stream);
    look(play);
    tear_down();
}

static int
wait_and_write(void *stream)
{
    struct coir_stream *other;
    int error = coir_sleep(COIR_NEVER);
    MUST_BE(error, -ECANCELED);
    MUST_BE(coir_file_open(NULL, path, "r", &other, core_soon()), -ECANCELED);
    return coir_stream_write(stream, "never", 5, core_soon());
}

static void
canceled(struct parity *play)
{
    struct coir_stream *stream;
    struct core_actor writer;
    set_up();
    stream = must_open("w");
    write_x(play, stream);
    core_start(&writer, wait_and_write, stream);
    core_await_waiting(&writer);
    core_cancel(&writer);
    parity_note(play, "write", core_end(&writer));
    write_x(play, stream);
    close_and_note(play, stream);
    look(play);
    tear_down();
}

static void
replaced(struct parity *play)
{
    struct coir_stream *stream;
    set_up();
    make("old");
    MUST_BE(coir_file_replace(NULL, path, &stream, core_soon()), 0);
    parity_put(stream, "given up");
    close_and_note(play, stream);
    look(play);
    MUST_BE(coir_file_replace(NULL, path, &stream, core_soon()), 0);
    parity_put(stream, "new");
    parity_note(play, "flush", coir_file_flush(stream, core_soon()));
    look(play);
    parity_note(play, "commit", coir_file_commit(stream, COIR_NOW));
    parity_note(play, "commit", coir_file_commit(stream, core_soon()));
    look(play);
    parity_note(play, "commit", coir_file_commit(stream, core_soon()));
    write_x(play, stream);
    close_and_note(play, stream);
    tear_down();
}

const struct parity_row parity_file[] = {
    {"how a file is opened", modes,
     "open r -ENOENT, open r+ -ENOENT, open q -EINVAL, open rw -EINVAL, open x 0, write 0, read -EBADF, close 0, "
     "open x -EEXIST, open r 0, write -EBADF, read 'x', close 0, open w 0, there 0, close 0, open w+b 0, close 0, "
     "open r -EISDIR, open w -EISDIR",
     0},
    {"lines of a file", lines,
     "line 'one', line -EMSGSIZE, line 0, line 'last', line -EPIPE, close 0, "
     "line 'one', line 'two is longer', line 0, line 'last', line -EPIPE, close 0",
     0},
    {"all lines of a large file", all_lines, "close 0, lines 5000, then -EPIPE, close 0", 0},
    {"places in a file", places,
     "line 'one', at 4, at 7, at 1, read 'ne\nTWO\n', at 6, read 'O\n', at -EINVAL, at 5, at -EINVAL, read 'W', close "
     "0, "
     "at -ESPIPE",
     0},
    {"two that append to a file", append, "flush 0, flush 0, at 0, read 'ol', close 0, close 0, there 'old-0-1-2'", 0},
    {"flush, sync and close of a file", flush,
     "write 0, there 0, flush 0, there 'x', write 0, sync 0, there 'xx', write 0, close 0, there 'xxx', "
     "write 0, there 0, there 4, close 0",
     0},
    {"a disk that is full", a_full_disk, "write 0, close -ENOSPC, write 0, flush -ENOSPC, write -EPIPE, close 0",
     PARITY_REAL},
    {"files, too late", too_late,
     "open -EAGAIN, open -ETIMEDOUT, there -EPERM, write 0, sync -EAGAIN, sync -ETIMEDOUT, write 0, close 0, there "
     "'xx'",
     0},
    {"files, canceled", canceled, "write 0, write -ECANCELED, write 0, close 0, there 'xx'", 0},
    {"a file that is replaced", replaced,
     "close 0, there 'old', flush 0, there 'old', commit -EAGAIN, commit 0, there 'new', commit -EINVAL, "
     "write -EPIPE, close 0",
     0},
    {0},
};
