/* timer_cancel_libevent.c [TIMERS]: evtimer_add and evtimer_del, 100,000 others being armed: ns. */
#include "bench/measure.h"

#include <event2/event.h>

enum { TURNS = 500000 };

static struct timeval
chance(void)
{
    static uint64_t state = 88172645463325252u;
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return (struct timeval){.tv_sec = (time_t)(60 + state % 60), .tv_usec = (suseconds_t)((state >> 32) % 1000000)};
}

static void
never(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
    abort();
}

int
main(int argc, char **argv)
{
    long timers = bench_argument(argc, argv, 1, 100000);
    struct event_base *base = event_base_new();
    bench_check(base != NULL, "event_base_new");
    for (long i = 0; i < timers; i++) {
        struct timeval span = chance();
        evtimer_add(evtimer_new(base, never, NULL), &span);
    }
    struct event *mine = evtimer_new(base, never, NULL);
    int64_t start = bench_cpu();
    for (int i = 0; i < TURNS; i++) {
        struct timeval span = chance();
        evtimer_add(mine, &span);
        evtimer_del(mine);
    }
    bench_report((double)(bench_cpu() - start) / TURNS);
    return 0;
}
