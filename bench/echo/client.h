/* client.h: what the clients of the echo servers share: the server as a child, pinned, and connections to it. */
#ifndef BENCH_ECHO_CLIENT_H
#define BENCH_ECHO_CLIENT_H

#include "bench/measure.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MESSAGE = 64 };

static char message[MESSAGE], *server_cpu, *client_cpu;
static long connections, idle; /* idle: how many more have nothing to say */
static pid_t server;
static FILE *output; /* of the server */

static inline void
fail(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    kill(server, SIGKILL);
    exit(1);
}

static inline void
pin(const char *cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((size_t)strtol(cpu, NULL, 10), &set);
    if (sched_setaffinity(0, sizeof set, &set))
        fail("sched_setaffinity");
}

static inline void
raise_descriptors(void)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static inline void
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
    output = fdopen(ends[0], "r");
}

/* The command line of all of them: SERVER_CPU CLIENT_CPU CONNECTIONS[+IDLE] MESSAGES SERVER [ARG...]. Starts SERVER ALL
 * MESSAGES ARG..., ALL being how many connections there will be, pins itself, and answers the port. */
static inline in_port_t
client_open(int argc, char **argv)
{
    static char all[24];
    unsigned port;
    char *rest;
    if (argc < 6) {
        fprintf(stderr, "usage: %s SERVER_CPU CLIENT_CPU CONNECTIONS[+IDLE] MESSAGES SERVER [ARG...]\n", argv[0]);
        exit(2);
    }
    server_cpu = argv[1], client_cpu = argv[2];
    connections = strtol(argv[3], &rest, 10);
    idle = *rest == '+' ? strtol(rest + 1, NULL, 10) : 0;
    snprintf(all, sizeof all, "%ld", connections + idle);
    memset(message, 'x', sizeof message);
    raise_descriptors();
    char *program = argv[5]; /* to the front of its command */
    argv[5] = argv[4], argv[4] = all, argv[3] = program;
    start(argv + 3);
    if (!output || fscanf(output, "%u", &port) != 1)
        errno = 0, fail("the server did not name its port");
    pin(client_cpu);
    return (in_port_t)port;
}

static inline void
client_close(void)
{
    kill(server, SIGKILL);
    waitpid(server, NULL, 0);
}

static inline int
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

static inline void
put_message(int fd)
{
    if (send(fd, message, sizeof message, MSG_NOSIGNAL) != MESSAGE)
        fail("a message");
}

static inline void
await_answer(int fd)
{
    char bytes[MESSAGE];
    if (recv(fd, bytes, sizeof bytes, MSG_WAITALL) != MESSAGE)
        fail("an answer");
}

#endif
