/* echo_epoll.c CONNECTIONS MESSAGES: the limit: epoll by hand, edge-triggered, registered once. A read that came back
 * short has drained the socket, so no second one follows; what is read is sent at once. No time limits, no state, no
 * write that could not be finished. */
#include "bench/echo/listen.h"

#include <errno.h>
#include <sys/epoll.h>

static void
answer(int fd)
{
    char bytes[ECHO_BUFFER];
    ssize_t got;
    do {
        got = recv(fd, bytes, sizeof bytes, 0);
        if (got < 0 && errno == EAGAIN)
            return;
        if (got <= 0) {
            close(fd);
            return;
        }
        bench_check(send(fd, bytes, (size_t)got, MSG_NOSIGNAL) == got, "send");
        echo_answered();
    } while (got == sizeof bytes);
}

int
main(int argc, char **argv)
{
    echo_expect(argc, argv);
    int listener = echo_listen(), poller = epoll_create1(EPOLL_CLOEXEC), fd;
    bench_check(!epoll_ctl(poller, EPOLL_CTL_ADD, listener, &(struct epoll_event){EPOLLIN, {.fd = listener}}),
                "epoll_ctl");
    for (;;) {
        struct epoll_event events[256];
        int ready = epoll_wait(poller, events, 256, -1);
        for (int i = 0; i < ready; i++) {
            if (events[i].data.fd != listener) {
                answer(events[i].data.fd);
                continue;
            }
            while ((fd = echo_accept(listener)) >= 0) {
                struct epoll_event event = {EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, {.fd = fd}};
                bench_check(!epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
            }
        }
    }
}
