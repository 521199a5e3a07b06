/* echo_load.c SERVER_CPU CLIENT_CPU CONNECTIONS[+IDLE] MESSAGES SERVER [ARG...]: the one client all echo servers are measured
 * with.
 *
 * It starts SERVER CONNECTIONS MESSAGES ARG... pinned to one CPU, reads the port from its standard output, opens all
 * connections (on its own CPU), and then keeps one message of 64 bytes in flight on each (closed loop) until the server
 * has counted enough, prints its number and ends; that number is passed on. Connections are all open before the first
 * message and stay: their count is constant. IDLE more have come before them and have had one message each. A connection that breaks before the end is a failure. It works as the
 * fastest server does (edge-triggered, one read and one send a message), and never sleeps: a server whose send has to
 * wake another CPU pays for that, more in a virtual machine, and how often would depend on chance. */
#include "bench/echo/client.h"

#include <sys/epoll.h>

enum { EVENTS = 256 };
#define PATIENCE INT64_C(20000000000) /* ns without an answer, after which it gives up */

static int *got_bytes; /* of the answer that is coming, by descriptor */

/* Reads what came on fd and sends the next message when the answer is whole; false: the connection ended. */
static int
turn(int fd)
{
    char bytes[2 * MESSAGE];
    ssize_t got = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN)
        return 1;
    if (got <= 0)
        return 0;
    got_bytes[fd] += (int)got;
    if (got_bytes[fd] < MESSAGE)
        return 1;
    got_bytes[fd] = 0;
    return send(fd, message, sizeof message, MSG_NOSIGNAL) == MESSAGE;
}

static void
drive(int poller)
{
    struct epoll_event events[EVENTS];
    int64_t silent_since = 0;
    for (;;) {
        int ready = epoll_wait(poller, events, EVENTS, 0);
        if (ready > 0)
            silent_since = 0;
        else if (!silent_since)
            silent_since = bench_wall();
        else if (bench_wall() - silent_since > PATIENCE)
            errno = ETIMEDOUT, fail("the server does not answer");
        for (int i = 0; i < ready; i++)
            if (!turn(events[i].data.fd))
                return; /* it has ended, or fails: its output tells */
    }
}

/* When each has its answer the server knows them all and waits for the next message. Together, as a server that looks at
 * all it has for each message of one would take a minute. */
static void
make_idle(in_port_t port)
{
    int *fds = calloc((size_t)idle + 1, sizeof *fds);
    bench_check(fds != NULL, "calloc");
    for (long i = 0; i < idle; i++)
        put_message(fds[i] = dial(port));
    for (long i = 0; i < idle; i++)
        await_answer(fds[i]);
    free(fds);
}

int
main(int argc, char **argv)
{
    in_port_t port = client_open(argc, argv);
    double number;
    long most = connections + idle + 64; /* descriptors */
    int poller = epoll_create1(EPOLL_CLOEXEC), *fds = calloc((size_t)connections, sizeof *fds);
    got_bytes = calloc((size_t)most, sizeof *got_bytes);
    bench_check(fds && got_bytes, "calloc");
    make_idle(port);
    for (long i = 0; i < connections; i++) {
        fds[i] = dial(port);
        bench_check(fds[i] < most, "a small descriptor");
        struct epoll_event event = {EPOLLIN | EPOLLET, {.fd = fds[i]}};
        if (epoll_ctl(poller, EPOLL_CTL_ADD, fds[i], &event))
            fail("epoll_ctl");
    }
    for (long i = 0; i < connections; i++)
        put_message(fds[i]);
    drive(poller);
    int told = fscanf(output, "%lf", &number);
    client_close();
    if (told != 1)
        errno = 0, fail("a connection broke before the end");
    bench_report(number);
    return 0;
}
