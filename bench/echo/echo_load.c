/* echo_load.c SERVER_CPU CLIENT_CPU CONNECTIONS MESSAGES SERVER [ARG...]: the one client all echo servers are measured with.
 *
 * It starts SERVER CONNECTIONS MESSAGES ARG... pinned to one CPU, reads the port from its standard output, opens all
 * connections (on its own CPU), and then keeps one message of 64 bytes in flight on each (closed loop) until the server
 * has counted enough, prints its number and ends; that number is passed on. Connections are all open before the first
 * message and stay: their count is constant. A connection that breaks before the end is a failure. It works as the
 * fastest server does (edge-triggered, one read and one send a message), and never sleeps: a server whose send has to
 * wake another CPU pays for that, more in a virtual machine, and how often would depend on chance. */
#include "bench/measure.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MESSAGE = 64, EVENTS = 256 };
#define PATIENCE INT64_C(20000000000) /* ns without an answer, after which it gives up */

static char message[MESSAGE], *server_cpu, *client_cpu;
static int *got_bytes; /* of the answer that is coming, by descriptor */
static pid_t server;

static void
fail(const char *what)
{
    fprintf(stderr, "echo_load: %s: %s\n", what, strerror(errno));
    kill(server, SIGKILL);
    exit(1);
}

static void
pin(const char *cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((size_t)strtol(cpu, NULL, 10), &set);
    if (sched_setaffinity(0, sizeof set, &set))
        fail("sched_setaffinity");
}

static void
raise_descriptors(void)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

/* Starts the server; its standard output. */
static FILE *
start(char **command)
{
    int ends[2];
    if (pipe(ends))
        fail("pipe");
    server = fork();
    if (server < 0)
        fail("fork");
    if (server == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        pin(server_cpu);
        dup2(ends[1], 1);
        close(ends[0]);
        close(ends[1]);
        execv(command[0], command);
        _exit(127);
    }
    close(ends[1]);
    return fdopen(ends[0], "r");
}

static int
dial(in_port_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct linger reset = {1, 0}; /* no TIME_WAIT is left to the next run */
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address))
        fail("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    return fd;
}

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

int
main(int argc, char **argv)
{
    if (argc < 6) {
        fprintf(stderr, "usage: echo_load SERVER_CPU CLIENT_CPU CONNECTIONS MESSAGES SERVER [ARG...]\n");
        return 2;
    }
    server_cpu = argv[1], client_cpu = argv[2];
    long connections = strtol(argv[3], NULL, 10);
    raise_descriptors();
    char *program = argv[5]; /* to the front of its command */
    argv[5] = argv[4], argv[4] = argv[3], argv[3] = program;
    FILE *output = start(argv + 3);
    unsigned port;
    double number;
    if (!output || fscanf(output, "%u", &port) != 1)
        errno = 0, fail("the server did not name its port");
    pin(client_cpu);

    int poller = epoll_create1(EPOLL_CLOEXEC), *fds = calloc((size_t)connections, sizeof *fds);
    got_bytes = calloc((size_t)connections + 64, sizeof *got_bytes);
    bench_check(fds && got_bytes, "calloc");
    for (long i = 0; i < connections; i++) {
        fds[i] = dial((in_port_t)port);
        bench_check(fds[i] < connections + 64, "a small descriptor");
        struct epoll_event event = {EPOLLIN | EPOLLET, {.fd = fds[i]}};
        if (epoll_ctl(poller, EPOLL_CTL_ADD, fds[i], &event))
            fail("epoll_ctl");
    }
    memset(message, 'x', sizeof message);
    for (long i = 0; i < connections; i++)
        if (send(fds[i], message, sizeof message, MSG_NOSIGNAL) != MESSAGE)
            fail("send");
    drive(poller);
    int told = fscanf(output, "%lf", &number);
    kill(server, SIGKILL);
    waitpid(server, NULL, 0);
    if (told != 1)
        errno = 0, fail("a connection broke before the end");
    bench_report(number);
    return 0;
}
