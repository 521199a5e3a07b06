/* wire.c: see wire.h. */
#include "wire.h"

#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "core.h"

struct coir_listener *
wire_listen(const char *where, char text[COIR_ADDRESS_TEXT])
{
    struct coir_listener *listener;
    struct coir_address address;
    MUST_BE(coir_listener_open(where, NULL, &listener), 0);
    MUST_BE(coir_listener_local(listener, &address), 0);
    coir_address_text(&address, text, COIR_ADDRESS_TEXT);
    return listener;
}

static void
by_listener(const char *where, const struct coir_stream_options *options, struct coir_stream *ends[2])
{
    char text[COIR_ADDRESS_TEXT];
    struct coir_listener *listener;
    struct coir_address address;
    MUST_BE(coir_listener_open(where, &(struct coir_listener_options){.stream = *options}, &listener), 0);
    MUST_BE(coir_listener_local(listener, &address), 0);
    coir_address_text(&address, text, sizeof text);
    MUST_BE(coir_stream_dial(text, options, &ends[0], core_soon()), 0);
    MUST_BE(coir_listener_accept(listener, &ends[1], core_soon()), 0);
    coir_listener_close(listener);
}

void
wire_open(enum wire_kind kind, int buffer, struct coir_stream *ends[2])
{
    struct coir_stream_options options = {.receive_buffer = buffer, .send_buffer = buffer};
    static int number;
    char name[64];
    int fds[2];
    switch (kind) {
    case WIRE_PAIR:
        MUST_BE(coir_stream_pair(ends), 0);
        break;
    case WIRE_TCP:
        by_listener("127.0.0.1:0", &options, ends);
        return;
    case WIRE_UNIX:
        snprintf(name, sizeof name, "unix:@coir-wire-%d-%d", (int)getpid(), number++);
        by_listener(name, &options, ends);
        return;
    default:
        MUST_BE(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
        for (int i = 0; i < 2; i++)
            MUST_BE(coir_stream_from(fds[i], &ends[i]), 0);
    }
    for (int i = 0; buffer && i < 2; i++) {
        MUST_BE(setsockopt(coir_stream_fd(ends[i]), SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer), 0);
        MUST_BE(setsockopt(coir_stream_fd(ends[i]), SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer), 0);
    }
}

void
wire_close(struct coir_stream *ends[2])
{
    for (int i = 0; i < 2; i++)
        MUST_BE(coir_stream_close(ends[i]), 0);
}

void
wire_await_taken(struct coir_stream *stream)
{
    coir_time end = core_soon();
    int left;
    do {
        MUST_BE(ioctl(coir_stream_fd(stream), FIONREAD, &left), 0);
        MUST(coir_now() < end);
    } while (left && (coir_yield(), true));
}

enum wire_kind wire_kind;

void
wire_play(int number, coir_function *director, void *arg)
{
    wire_kind = (enum wire_kind)(number % WIRE_KINDS);
    core_play((enum core_cast)(number / WIRE_KINDS), director, arg);
}

void
wire_put(struct coir_stream *stream, const char *bytes, size_t size)
{
    MUST_BE(coir_stream_write(stream, bytes, size, core_soon()), 0);
}
