/* echo_libevent.c CONNECTIONS MESSAGES: libevent; one persistent read event for each connection, recv and send in it. */
#include "bench/echo/listen.h"

#include <event2/event.h>

static struct event_base *base;

static void
readable(evutil_socket_t fd, short what, void *arg)
{
    char bytes[ECHO_BUFFER];
    struct event **event = arg;
    ssize_t got = recv(fd, bytes, sizeof bytes, 0);
    (void)what;
    if (got > 0) {
        bench_check(send(fd, bytes, (size_t)got, MSG_NOSIGNAL) == got, "send");
        echo_answered();
    } else if (got == 0) {
        event_free(*event);
        close(fd);
        free(event);
    }
}

static void
connected(evutil_socket_t listener, short what, void *arg)
{
    (void)what, (void)arg;
    for (int fd; (fd = echo_accept(listener)) >= 0;) {
        struct event **event = malloc(sizeof(struct event *));
        bench_check(event != NULL, "malloc");
        *event = event_new(base, fd, EV_READ | EV_PERSIST, readable, event);
        bench_check(*event && !event_add(*event, NULL), "event_add");
    }
}

int
main(int argc, char **argv)
{
    echo_expect(argc, argv);
    base = event_base_new();
    bench_check(base != NULL, "event_base_new");
    event_add(event_new(base, echo_listen(), EV_READ | EV_PERSIST, connected, NULL), NULL);
    return event_base_dispatch(base);
}
