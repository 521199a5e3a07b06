/* timer_rearm_coir.c [SLEEPERS]: what a deadline costs that moves forward with every wait, as a server's read limit does:
 * ns for each wait. Two fibers wake each other by events, in turn with deadlines and without; the difference is the
 * cost. Meanwhile 100,000 others sleep. */
#include "bench/measure.h"

#include <coir/event.h>
#include <coir/runtime.h>

enum { BLOCKS = 41, TURNS = 10000 };

static struct coir_event there = COIR_EVENT_INIT, back = COIR_EVENT_INIT;
static coir_time deadline, step;
static long sleepers, asleep;
static bool done;

static void
wait_for(struct coir_event *event)
{
    deadline += step;
    bench_check(!coir_event_wait(event, step ? deadline : COIR_NEVER), "coir_event_wait");
    coir_event_clear(event);
}

static int
other(void *arg)
{
    (void)arg;
    while (!done) {
        wait_for(&there);
        coir_event_set(&back);
    }
    return 0;
}

static int
sleeper(void *arg)
{
    asleep++;
    (void)coir_sleep(coir_after(COIR_MINUTE + (coir_time)coir_random(60000) * COIR_MS));
    (void)arg;
    return 0;
}

static double
block(coir_time with_step)
{
    step = with_step;
    int64_t start = bench_cpu();
    for (int i = 0; i < TURNS; i++) {
        coir_event_set(&there);
        wait_for(&back);
    }
    return (double)(bench_cpu() - start) / (2 * TURNS);
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
    struct coir_task *task;
    bench_check(!coir_go(other, NULL, NULL, &task), "coir_go");
    deadline = coir_after(90 * COIR_SECOND);
    block(0);
    block(COIR_US);
    double cost[BLOCKS];
    for (int i = 0; i < BLOCKS; i++) {
        double without = block(0);
        cost[i] = block(COIR_US) - without;
    }
    qsort(cost, BLOCKS, sizeof cost[0], ascending);
    bench_report(cost[BLOCKS / 2]);
    done = true;
    coir_event_set(&there);
    return coir_join(task, NULL, COIR_NEVER);
}

int
main(int argc, char **argv)
{
    sleepers = bench_argument(argc, argv, 1, 100000);
    return coir_run(measure, NULL, &(struct coir_runtime_options){.workers = 1}) != 0;
}
