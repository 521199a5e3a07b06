/* stream_test.c: what coir/stream.h promises: turns, much, text and parts, numbers that are used again, descriptors from
 * elsewhere. The behaviours run over every kind of connection (wire.h), each from fibers of one worker, of four, from
 * threads, and mixed: the loop number is cast and kind. */
#include "core.h"
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

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
    wire_open(wire_kind, 1, ends);
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
    wire_play(_i, take_turns, NULL);
}
END_TEST

/* ---- Much ---- */

enum { LARGE = 8 << 20 };
static char large[LARGE];

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
    wire_open(wire_kind, out.size > 32 << 20 ? 32768 : 1, ends);
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
    wire_play(_i, transfer_much, &size);
}
END_TEST

START_TEST(sixty_four_mebibytes)
{
    long size = 64 << 20;
    wire_kind = WIRE_TCP;
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
    wire_open(wire_kind, 1, ends);
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
    wire_put(ends[0], "", 0);
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
    wire_play(_i, print_and_parts, NULL);
}
END_TEST

/* ---- Numbers that are used again at once ---- */

static int
use_and_close(void *arg)
{
    struct coir_stream **ends = arg;
    char byte;
    MUST_BE(coir_stream_read(ends[0], &byte, 1, coir_after(10 * COIR_US)), -ETIMEDOUT); /* registers it */
    wire_put(ends[1], "x", 1);
    MUST_BE(coir_stream_read(ends[0], &byte, 1, core_soon()), 1);
    wire_put(ends[1], "left", 4);
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
        wire_open(wire_kind, 0, ends);
        core_start(&actor, use_and_close, ends);
        MUST_BE(core_end(&actor), 0);
    }
    /* A duplicate keeps the old description alive and reported: the new owner of the number must not be told. */
    wire_open(wire_kind, 0, first);
    MUST_BE(coir_stream_read(first[0], large, 1, coir_after(COIR_US)), -ETIMEDOUT);
    left = dup(coir_stream_fd(first[0]));
    MUST_BE(coir_stream_close(first[0]), 0);
    wire_open(wire_kind, 0, ends);
    wire_put(first[1], "old", 3);
    MUST_BE(coir_stream_read(ends[0], large, 8, coir_after(2 * COIR_MS)), -ETIMEDOUT);
    wire_put(ends[1], "new!", 4);
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
    wire_play(_i, reuse_numbers, NULL);
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
    wire_put(stream, "away", 4);
    MUST_BE(coir_stream_close(stream), 0);
    fd = mkstemp(path);
    MUST_BE(unlink(path), 0);
    MUST_BE(coir_stream_from(fd, &stream), 0);
    wire_put(stream, "one\ntwo\n", 8);
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
        MUST_BE(fcntl(ends[0], F_GETFL), flags | (core_backend_is("sigio") ? O_ASYNC : 0)); /* until it is closed */
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

static void
add(TCase *cases)
{
    tcase_add_loop_test(cases, writes_never_interleave_and_readers_take_turns, 0, WIRE_PLAYS);
    tcase_add_loop_test(cases, much_through_small_buffers, 0, WIRE_PLAYS);
    tcase_add_loop_test(cases, sixty_four_mebibytes, 0, CORE_CASTS);
    tcase_add_loop_test(cases, text_and_parts, 0, WIRE_PLAYS);
    tcase_add_loop_test(cases, a_number_is_used_again_at_once, 0, WIRE_PLAYS);
    tcase_add_loop_test(cases, null_files_and_pipes, 0, CORE_CASTS);
    tcase_add_test(cases, what_is_no_stream);
}

int
main(void)
{
    return core_main("stream", add);
}
