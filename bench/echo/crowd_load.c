/* crowd_load.c SERVER_CPU CLIENT_CPU CONNECTIONS MESSAGES SERVER [ARG...]: what connections cost an echo server that do nothing,
 * or come and go. Two lines:
 *
 *   memory  bytes of the server's (resident, with page tables) for each of the connections that are all open and idle, after
 *           one message each
 *   accept  ns of the server's CPU time for a connection that comes, sends one message, gets it back and goes; as many of
 *           them one after the other, after the crowd has left
 *
 * MESSAGES has to be more than will come, so that the server does not end by itself. */
#include "bench/echo/client.h"

#include <time.h>

static void
exchange(int fd)
{
    put_message(fd);
    await_answer(fd);
}

static double
server_memory(void)
{
    char path[64], line[256];
    double kilobytes = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)server);
    FILE *file = fopen(path, "r");
    if (!file)
        fail(path);
    while (fgets(line, sizeof line, file))
        if (!strncmp(line, "VmRSS:", 6) || !strncmp(line, "VmPTE:", 6))
            kilobytes += strtod(line + 6, NULL);
    fclose(file);
    return 1024 * kilobytes;
}

int
main(int argc, char **argv)
{
    in_port_t port = client_open(argc, argv);
    int *fds = calloc((size_t)connections, sizeof *fds);
    clockid_t clock;
    bench_check(fds != NULL, "calloc");
    exchange(fds[0] = dial(port)); /* what it makes for the first one only */
    double before = server_memory();
    for (long i = 1; i < connections; i++)
        exchange(fds[i] = dial(port));
    double after = server_memory();
    for (long i = 0; i < connections; i++)
        close(fds[i]);
    if ((errno = clock_getcpuclockid(server, &clock)))
        fail("clock_getcpuclockid");
    for (long i = 0; i < connections / 10; i++) { /* the crowd has been seen off by then */
        int fd = dial(port);
        exchange(fd);
        close(fd);
    }
    int64_t start = bench_clock(clock);
    for (long i = 0; i < connections; i++) {
        int fd = dial(port);
        exchange(fd);
        close(fd);
    }
    int64_t end = bench_clock(clock);
    client_close();
    bench_report_named("memory", (after - before) / (double)(connections - 1));
    bench_report_named("accept", (double)(end - start) / (double)connections);
    return 0;
}
