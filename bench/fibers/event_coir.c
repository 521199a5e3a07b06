/* event_coir.c: two fibers that wake each other by events: one wait that parks, one set, one clear and the switches
 * between: ns. */
#include "bench/measure.h"

#include <coir/event.h>
#include <coir/runtime.h>

static struct coir_event there = COIR_EVENT_INIT, back = COIR_EVENT_INIT;
static bool done;

static int
other(void *arg)
{
    (void)arg;
    while (!done) {
        bench_check(!coir_event_wait(&there, COIR_NEVER), "coir_event_wait");
        coir_event_clear(&there);
        coir_event_set(&back);
    }
    return 0;
}

static void
round_trip(void)
{
    coir_event_set(&there);
    bench_check(!coir_event_wait(&back, COIR_NEVER), "coir_event_wait");
    coir_event_clear(&back);
}

static int
measure(void *arg)
{
    (void)arg;
    struct coir_task *task;
    bench_check(!coir_go(other, NULL, NULL, &task), "coir_go");
    const long enough = 500000;
    for (long i = 0; i < 1000; i++)
        round_trip();
    int64_t start = bench_cpu();
    for (long i = 0; i < enough; i++)
        round_trip();
    bench_report((double)(bench_cpu() - start) / (double)(2 * enough));
    done = true;
    coir_event_set(&there);
    return coir_join(task, NULL, COIR_NEVER);
}

int
main(void)
{
    return coir_run(measure, NULL, &(struct coir_runtime_options){.workers = 1}) != 0;
}
