/* passing_test.c: descriptors passed over Unix sockets, and who the peer is; over pairs and dialled sockets, from fibers of one
 * worker, of four, from threads, and mixed: the loop number is cast and kind (wire.h). */
#include <coir/frame.h>
#include <coir/stream.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core.h"
#include "wire.h"

/* A pipe's two ends, told from others by what was written into it. */
static void
new_pipe(int fds[2], char byte)
{
    MUST_BE(pipe(fds), 0);
    MUST_BE(write(fds[1], &byte, 1), 1);
}

static void
must_be_pipe(int fd, char byte)
{
    char got = 0;
    MUST(fd >= 0);
    MUST(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    MUST_BE(read(fd, &got, 1), 1);
    MUST_BE(got, byte);
    MUST_BE(close(fd), 0);
}

static void
send_pipe(struct coir_stream *stream, char byte)
{
    int fds[2];
    new_pipe(fds, byte);
    MUST_BE(coir_stream_send_fd(stream, fds[0], core_soon()), 0);
    MUST_BE(close(fds[0]) | close(fds[1]), 0); /* what travels is a duplicate */
}

/* Once the first listener has its reserve, and a plain thread what it waits with. */
static int
count_open(void)
{
    struct coir_stream *ends[2];
    char none;
    wire_open(wire_kind, 0, ends);
    MUST_BE(coir_stream_read(ends[0], &none, 1, coir_after(COIR_MS)), -ETIMEDOUT);
    wire_close(ends);
    return core_open_descriptors();
}

/* Among bytes, blocks, lines and frames: each at its place, however much is read ahead. */
static int
in_order(void *arg)
{
    static const struct coir_framing framing = COIR_FRAMES_PREFIXED(1, COIR_BIG_ENDIAN);
    struct coir_stream *ends[2];
    char text[8];
    int open_before = count_open();
    (void)arg;
    wire_open(wire_kind, 0, ends);
    wire_put(ends[1], "first\n", 6);
    send_pipe(ends[1], 'a');
    wire_put(ends[1], "block", 5);
    send_pipe(ends[1], 'b');
    send_pipe(ends[1], 'c');
    wire_put(ends[1], "\2fr", 3);
    send_pipe(ends[1], 'd');
    wire_put(ends[1], "x", 1);
    MUST_BE(coir_stream_shutdown(ends[1], core_soon()), 0);
    MUST_BE(coir_stream_read_line(ends[0], text, sizeof text, core_soon()), 5);
    must_be_pipe(coir_stream_receive_fd(ends[0], core_soon()), 'a');
    MUST_BE(coir_stream_receive_fd(ends[0], core_soon()), -EPROTO); /* bytes, which stay */
    MUST_BE(coir_stream_read_full(ends[0], text, 5, core_soon()), 5);
    MUST(!memcmp(text, "block", 5));
    must_be_pipe(coir_stream_receive_fd(ends[0], core_soon()), 'b');
    must_be_pipe(coir_stream_receive_fd(ends[0], core_soon()), 'c');
    MUST_BE(coir_frame_read(ends[0], &framing, text, sizeof text, core_soon()), 2);
    MUST_BE(coir_stream_read(ends[0], text, 1, core_soon()), 1); /* as a byte: its descriptor is gone */
    MUST_BE(text[0], 0);
    MUST_BE(coir_stream_receive_fd(ends[0], core_soon()), -EPROTO);
    MUST_BE(coir_stream_read(ends[0], text, sizeof text, core_soon()), 1);
    MUST_BE(coir_stream_receive_fd(ends[0], core_soon()), -EPIPE);
    wire_close(ends);
    MUST_BE(core_open_descriptors(), open_before);
    return 0;
}

/* Read ahead and never asked for: closed with the stream, or when reading goes on. */
static int
unwanted(void *arg)
{
    struct coir_stream *ends[2];
    char text[8];
    int open_before = count_open();
    (void)arg;
    wire_open(wire_kind, 0, ends);
    wire_put(ends[1], "a\n", 2);
    send_pipe(ends[1], '1');
    wire_put(ends[1], "b\n", 2);
    send_pipe(ends[1], '2');
    MUST_BE(coir_stream_read_line(ends[0], text, sizeof text, core_soon()), 1);
    MUST_BE(coir_stream_read_line(ends[0], text, sizeof text, core_soon()), 2);
    MUST(!memcmp(text, "\0b", 3));
    must_be_pipe(coir_stream_receive_fd(ends[0], core_soon()), '2');
    wire_put(ends[1], "c\n", 2);
    send_pipe(ends[1], '3');
    MUST_BE(coir_stream_read_line(ends[0], text, sizeof text, core_soon()), 1);
    wire_close(ends);
    MUST_BE(core_open_descriptors(), open_before);
    return 0;
}

static int
receive(void *arg)
{
    int fd = coir_stream_receive_fd(arg, COIR_NEVER);
    if (fd >= 0)
        must_be_pipe(fd, 'p');
    return fd < 0 ? fd : 0;
}

static int
waits(void *arg)
{
    struct coir_stream *ends[2];
    struct core_actor receiver;
    int fds[2];
    (void)arg;
    wire_open(wire_kind, 0, ends);
    MUST_BE(coir_stream_receive_fd(ends[0], COIR_NOW), -EAGAIN);
    MUST_BE(coir_stream_receive_fd(ends[0], core_past()), -ETIMEDOUT);
    core_start(&receiver, receive, ends[0]);
    core_await_waiting(&receiver);
    core_cancel(&receiver);
    MUST_BE(core_end(&receiver), -ECANCELED);
    core_start(&receiver, receive, ends[0]);
    core_await_waiting(&receiver);
    send_pipe(ends[1], 'p');
    MUST_BE(core_end(&receiver), 0);
    core_start(&receiver, receive, ends[0]);
    core_await_waiting(&receiver);
    coir_stream_abort(ends[0]);
    MUST_BE(core_end(&receiver), -EPIPE);
    new_pipe(fds, 'x');
    MUST_BE(coir_stream_send_fd(ends[0], fds[0], core_soon()), -EPIPE);
    MUST_BE(coir_stream_close(ends[0]), 0);
    MUST_BE(coir_stream_send_fd(ends[1], fds[0], core_soon()), -EPIPE);
    MUST_BE(close(fds[0]), 0);
    MUST_BE(close(fds[1]), 0);
    MUST_BE(coir_stream_send_fd(ends[1], -1, core_soon()), -EBADF);
    MUST_BE(coir_stream_close(ends[1]), 0);
    return 0;
}

static void
play(int number, coir_function *director)
{
    if (number % WIRE_KINDS != WIRE_TCP)
        wire_play(number, director, NULL);
}

START_TEST(descriptors_keep_their_place)
{
    play(_i, in_order);
}
END_TEST

START_TEST(nobody_wants_it)
{
    play(_i, unwanted);
}
END_TEST

START_TEST(waiting_for_one)
{
    play(_i, waits);
}
END_TEST

START_TEST(who_the_peer_is)
{
    struct coir_stream *ends[2];
    for (int kind = 0; kind < WIRE_KINDS; kind++) {
        struct coir_credentials peer = {.pid = 0};
        wire_open((enum wire_kind)kind, 0, ends);
        if (kind == WIRE_TCP) {
            MUST_BE(coir_stream_credentials(ends[0], &peer), -EOPNOTSUPP);
            MUST_BE(coir_stream_receive_fd(ends[0], COIR_NOW), -EOPNOTSUPP);
            MUST_BE(coir_stream_send_fd(ends[0], 0, COIR_NOW), -EOPNOTSUPP);
            MUST(strstr(coir_error_detail(), "coir_stream_send_fd: the stream is no Unix socket"));
        } else {
            for (int i = 0; i < 2; i++) {
                MUST_BE(coir_stream_credentials(ends[i], &peer), 0);
                MUST(peer.pid == getpid() && peer.uid == getuid() && peer.gid == getgid());
            }
        }
        wire_close(ends);
    }
}
END_TEST

START_TEST(options_of_a_socket)
{
    struct coir_stream_options options = {.keepalive = 90 * COIR_SECOND + 1};
    struct coir_listener *listener;
    struct coir_stream *stream, *file;
    char address[COIR_ADDRESS_TEXT];
    int value = 0, fd;
    socklen_t size = sizeof value;
    listener = wire_listen("127.0.0.1:0", address);
    MUST_BE(coir_stream_dial(address, &options, &stream, core_soon()), 0);
    MUST_BE(coir_stream_get_option(stream, SOL_SOCKET, SO_KEEPALIVE, &value, &size), 0);
    MUST(value);
    MUST_BE(coir_stream_get_option(stream, IPPROTO_TCP, TCP_KEEPIDLE, &value, &size), 0);
    MUST_BE(value, 91);
    MUST_BE(coir_stream_get_option(stream, IPPROTO_TCP, TCP_NODELAY, &value, &size), 0);
    MUST(value);
    value = 0;
    MUST_BE(coir_stream_set_option(stream, IPPROTO_TCP, TCP_NODELAY, &value, sizeof value), 0);
    MUST_BE(coir_stream_get_option(stream, IPPROTO_TCP, TCP_NODELAY, &value, &size), 0);
    MUST(!value);
    MUST_BE(coir_stream_set_option(stream, IPPROTO_TCP, 9999, &value, sizeof value), -ENOPROTOOPT);
    MUST_BE(coir_stream_set_option(stream, IPPROTO_TCP, TCP_NODELAY, &value, 1), -EINVAL);
    fd = open("/dev/null", O_RDONLY);
    MUST_BE(coir_stream_from(fd, &file), 0);
    MUST_BE(coir_stream_set_option(file, SOL_SOCKET, SO_KEEPALIVE, &value, sizeof value), -ENOTSOCK);
    coir_stream_close(file);
    coir_stream_close(stream);
    coir_listener_close(listener);
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_loop_test(cases, descriptors_keep_their_place, 0, WIRE_PLAYS);
    tcase_add_loop_test(cases, nobody_wants_it, 0, WIRE_PLAYS);
    tcase_add_loop_test(cases, waiting_for_one, 0, WIRE_PLAYS);
    tcase_add_test(cases, who_the_peer_is);
    tcase_add_test(cases, options_of_a_socket);
}

int
main(void)
{
    return core_main("passing", add);
}
