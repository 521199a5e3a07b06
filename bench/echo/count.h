/* count.h: how every echo server here measures itself. The first messages (a tenth, and at least one for each
 * connection) only warm up; then the CPU time of the whole server process is read around a fixed count of messages, so
 * that connecting is not in it, nor how long the client took. The number is printed and the server ends. */
#ifndef BENCH_ECHO_COUNT_H
#define BENCH_ECHO_COUNT_H

#include "bench/measure.h"

#include <unistd.h>

enum { ECHO_BUFFER = 1024 }; /* room to read into; messages are 64 bytes, so that one read drains */

static uint64_t echo_seen, echo_warm, echo_last;
static int64_t echo_start;

/* Arguments of every server: CONNECTIONS MESSAGES. */
static inline void
echo_expect(int argc, char **argv)
{
    uint64_t connections = (uint64_t)bench_argument(argc, argv, 1, 64);
    uint64_t messages = (uint64_t)bench_argument(argc, argv, 2, 100000);
    echo_warm = connections + messages / 10;
    echo_last = echo_warm + messages;
}

/* Tells echo_load the port. */
static inline void
echo_port(unsigned port)
{
    printf("%u\n", port);
    fflush(stdout);
}

/* One message was answered. */
static inline void
echo_answered(void)
{
    if (++echo_seen == echo_warm)
        echo_start = bench_cpu();
    else if (echo_seen == echo_last) {
        bench_report((double)(bench_cpu() - echo_start) / (double)(echo_last - echo_warm));
        _exit(0);
    }
}

#endif
