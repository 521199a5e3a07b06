/* listen.h: a listening socket on a free port of the loopback, for the servers that make their own. */
#ifndef BENCH_ECHO_LISTEN_H
#define BENCH_ECHO_LISTEN_H

#include "bench/echo/count.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

static inline int
echo_listen(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bench_check(fd >= 0 && !bind(fd, (struct sockaddr *)&address, size) && !listen(fd, 4096), "listen");
    bench_check(!getsockname(fd, (struct sockaddr *)&address, &size), "getsockname");
    echo_port(ntohs(address.sin_port));
    return fd;
}

/* The next connection, or -1. */
static inline int
echo_accept(int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), on = 1;
    if (fd >= 0)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

#endif
