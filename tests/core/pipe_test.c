/* pipe_test.c: streams over the ends of a pipe. The way out of one can only be ended by closing its descriptor. */
#include "core.h"

#include <coir/stream.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static void
open_pipe(struct coir_stream **in, struct coir_stream **out)
{
    int fds[2];
    MUST_BE(pipe(fds), 0);
    MUST_BE(coir_stream_from(fds[0], in), 0);
    MUST_BE(coir_stream_from(fds[1], out), 0);
}

/* ---- Shutting down ---- */

static int
read_to_the_end(void *stream)
{
    char bytes[1000];
    ssize_t count;
    int sum = 0;
    while ((count = coir_stream_read(stream, bytes, sizeof bytes, core_soon())) > 0)
        sum += (int)count;
    return count ? (int)count : sum;
}

/* Its number is somebody else's from now on. (A thread that begins has it for a moment, perhaps: malloc opens files.) */
static int
take_number(int number)
{
    coir_time end = core_soon();
    for (;;) {
        int held = fcntl(0, F_DUPFD, number);
        if (held == number)
            return held;
        close(held);
        MUST(coir_now() < end);
        (void)coir_yield();
    }
}

static int
shut_down(void *arg)
{
    int number, held;
    struct coir_stream *in, *out;
    struct core_actor reader;
    char byte;
    (void)arg;
    open_pipe(&in, &out);
    number = coir_stream_fd(out);
    core_start(&reader, read_to_the_end, in);
    MUST_BE(coir_stream_write(out, "12345", 5, core_soon()), 0);
    MUST_BE(coir_stream_read(out, &byte, 1, core_soon()), -EBADF);
    MUST_BE(coir_stream_shutdown(out, core_soon()), 0);
    MUST_BE(core_end(&reader), 5);
    held = take_number(number);
    MUST_BE(coir_stream_fd(out), -EBADF);
    MUST_BE(coir_stream_shutdown(out, core_soon()), 0);
    MUST_BE(coir_stream_write(out, "6", 1, core_soon()), -EPIPE);
    MUST_BE(coir_stream_read(out, &byte, 1, core_soon()), -EBADF);
    MUST_BE(coir_stream_read(out, &byte, 1, COIR_NOW), -EBADF);
    MUST_BE(coir_stream_close(out), 0);
    MUST_BE(fcntl(held, F_GETFD), 0);
    close(held);
    coir_stream_close(in);
    return 0;
}

START_TEST(the_reader_of_a_pipe_learns_the_end)
{
    core_play((enum core_cast)_i, shut_down, NULL);
}
END_TEST

static int
write_much(void *stream)
{
    static char bytes[1 << 20];
    return coir_stream_write(stream, bytes, sizeof bytes, core_soon());
}

/* While a write is under way, a shutdown waits; after a deadline nothing has changed. */
static int
shut_down_late(void *arg)
{
    struct coir_stream *in, *out;
    struct core_actor writer, reader;
    (void)arg;
    open_pipe(&in, &out);
    core_start(&writer, write_much, out);
    core_await_waiting(&writer);
    MUST_BE(coir_stream_shutdown(out, COIR_NOW), -EAGAIN);
    MUST_BE(coir_stream_shutdown(out, coir_after(COIR_MS)), -ETIMEDOUT);
    core_start(&reader, read_to_the_end, in);
    MUST_BE(coir_stream_shutdown(out, core_soon()), 0);
    MUST_BE(core_end(&writer), 0);
    MUST_BE(core_end(&reader), 1 << 20);
    coir_stream_close(in);
    coir_stream_close(out);
    return 0;
}

START_TEST(a_shutdown_waits_for_the_write_under_way)
{
    core_play((enum core_cast)_i, shut_down_late, NULL);
}
END_TEST

/* ---- The reader goes ---- */

static char large[1 << 20];

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

static void
add(TCase *cases)
{
    tcase_add_loop_test(cases, the_reader_of_a_pipe_learns_the_end, 0, CORE_CASTS);
    tcase_add_loop_test(cases, a_shutdown_waits_for_the_write_under_way, 0, CORE_CASTS);
    tcase_add_loop_test(cases, a_pipe_whose_reader_is_gone_is_no_signal, 0, CORE_CASTS);
}

int
main(void)
{
    return core_main("pipe", add);
}
