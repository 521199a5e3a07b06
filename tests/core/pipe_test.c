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

static int
shut_down(void *arg)
{
    int descriptors = core_open_descriptors(), number, held;
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
    /* Its number may be somebody else's from now on. */
    held = open("/dev/null", O_RDONLY);
    MUST_BE(held, number);
    MUST_BE(coir_stream_fd(out), -EBADF);
    MUST_BE(coir_stream_shutdown(out, core_soon()), 0);
    MUST_BE(coir_stream_write(out, "6", 1, core_soon()), -EPIPE);
    MUST_BE(coir_stream_read(out, &byte, 1, core_soon()), -EBADF);
    MUST_BE(coir_stream_read(out, &byte, 1, COIR_NOW), -EBADF);
    MUST_BE(coir_stream_close(out), 0);
    MUST_BE(fcntl(held, F_GETFD), 0);
    close(held);
    coir_stream_close(in);
    MUST_BE(core_open_descriptors(), descriptors);
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

static void
add(TCase *cases)
{
    tcase_add_loop_test(cases, the_reader_of_a_pipe_learns_the_end, 0, CORE_CASTS);
    tcase_add_loop_test(cases, a_shutdown_waits_for_the_write_under_way, 0, CORE_CASTS);
}

int
main(void)
{
    return core_main("pipe", add);
}
