/* timer_cancel_coir.c [SLEEPERS]: what it costs to arm a timer and to give it up, 100,000 others being armed: ns. A fresh
 * fiber waits for an event, until a random moment amid the others' or for ever, is woken and ends; the difference is
 * the cost. Fresh, because a fiber that waited before already has its place among the timers (timer_rearm_coir.c). */
#include "bench/measure.h"

#include <coir/event.h>
#include <coir/runtime.h>

enum { BLOCKS = 41, TURNS = 5000 };

static struct coir_event event = COIR_EVENT_INIT, about_to_wait = COIR_EVENT_INIT;
static coir_time deadlines[TURNS], until;
static long sleepers, asleep;

static coir_time
random_moment(void)
{
    return coir_after(COIR_MINUTE + (coir_time)coir_random(60000000) * COIR_US);
}

static int
sleeper(void *arg)
{
    asleep++;
    (void)coir_sleep(random_moment());
    (void)arg;
    return 0;
}

static int
waiter(void *arg)
{
    (void)arg;
    coir_event_set(&about_to_wait); /* who waits for it runs after this fiber has parked */
    return coir_event_wait(&event, until);
}

static double
block(bool armed)
{
    for (int i = 0; i < TURNS; i++)
        deadlines[i] = armed ? random_moment() : COIR_NEVER;
    int64_t start = bench_cpu();
    for (int i = 0; i < TURNS; i++) {
        struct coir_task *task;
        int result;
        until = deadlines[i];
        bench_check(!coir_go(waiter, NULL, NULL, &task), "coir_go");
        bench_check(!coir_event_wait(&about_to_wait, COIR_NEVER), "coir_event_wait");
        coir_event_clear(&about_to_wait);
        coir_event_set(&event);
        bench_check(!coir_join(task, &result, COIR_NEVER) && !result, "coir_join");
        coir_event_clear(&event);
    }
    return (double)(bench_cpu() - start) / TURNS;
}

static int
ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int
measure(void *arg)
{
    (void)arg;
    static const struct coir_task_options daemon = {.daemon = true};
    for (long i = 0; i < sleepers; i++)
        bench_check(!coir_go(sleeper, NULL, &daemon, NULL), "coir_go");
    while (asleep < sleepers)
        (void)coir_sleep(coir_after(COIR_MS));
    block(false);
    block(true);
    double cost[BLOCKS];
    for (int i = 0; i < BLOCKS; i++) {
        double without = block(false);
        cost[i] = block(true) - without;
    }
    qsort(cost, BLOCKS, sizeof cost[0], ascending);
    bench_report(cost[BLOCKS / 2]);
    return 0;
}

int
main(int argc, char **argv)
{
    sleepers = bench_argument(argc, argv, 1, 100000);
    return coir_run(measure, NULL, &(struct coir_runtime_options){.workers = 1}) != 0;
}
