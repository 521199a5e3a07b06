/* cross_coir.c busy|asleep: a message between two fibers of two workers through queues of capacity 1, there and back: ns
 * of CPU time of both per message. busy: beside each of the two another fiber yields all the time, so that no worker sleeps. */
#include "bench/measure.h"

#include <coir/queue.h>
#include <coir/runtime.h>

static struct coir_queue *there, *back;
static bool busy, over;

/* A fiber stays where it first ran; each of these that finds itself elsewhere than wanted ends. */
static int
keep_busy(void *wanted)
{
    if (coir_worker_self() != *(int *)wanted)
        return 0;
    while (!__atomic_load_n(&over, __ATOMIC_RELAXED))
        bench_check(!coir_yield(), "coir_yield");
    return 1;
}

static int
echo(void *wanted)
{
    uint64_t message;
    if (coir_worker_self() != *(int *)wanted)
        return 0;
    bench_check(!coir_queue_put(back, &message, COIR_NEVER), "coir_queue_put"); /* here is one */
    while (!coir_queue_get(there, &message, COIR_NEVER))
        bench_check(!coir_queue_put(back, &message, COIR_NEVER), "coir_queue_put");
    return 1;
}

static void
round_trip(uint64_t i)
{
    uint64_t answer = 0;
    bench_check(!coir_queue_put(there, &i, COIR_NEVER), "coir_queue_put");
    bench_check(!coir_queue_get(back, &answer, COIR_NEVER) && answer == i, "coir_queue_get");
}

static struct coir_task *
start_echo(int *wanted)
{
    struct coir_task *task;
    uint64_t message;
    int result;
    for (;;) {
        bench_check(!coir_go_spread(echo, wanted, NULL, &task), "coir_go_spread");
        if (!coir_queue_get(back, &message, coir_after(10 * COIR_MS)))
            return task;
        bench_check(!coir_join(task, &result, COIR_NEVER) && !result, "coir_join");
    }
}

static void
start_busy(int *wanted)
{
    struct coir_task *task;
    int result = 0;
    while (!coir_go_spread(keep_busy, wanted, NULL, &task) && !coir_join(task, &result, coir_after(10 * COIR_MS)))
        ;
    coir_detach(task);
}

static int
measure(void *arg)
{
    static int places[2];
    const uint64_t enough = busy ? 200000 : 20000;
    struct coir_task *task;
    (void)arg;
    there = coir_queue_new(sizeof(uint64_t), 1, NULL);
    back = coir_queue_new(sizeof(uint64_t), 1, NULL);
    places[0] = coir_worker_self();
    places[1] = !places[0];
    task = start_echo(&places[1]);
    for (int i = 0; busy && i < 2; i++)
        start_busy(&places[i]);
    for (uint64_t i = 0; i < 1000; i++)
        round_trip(i);
    int64_t start = bench_cpu();
    for (uint64_t i = 0; i < enough; i++)
        round_trip(i);
    bench_report((double)(bench_cpu() - start) / (double)(2 * enough));
    __atomic_store_n(&over, true, __ATOMIC_RELAXED);
    coir_queue_shutdown(there);
    bench_check(!coir_join(task, NULL, COIR_NEVER), "coir_join");
    coir_queue_free(there);
    coir_queue_free(back);
    return 0;
}

int
main(int argc, char **argv)
{
    busy = argc > 1 && !strcmp(argv[1], "busy");
    return coir_run(measure, NULL, &(struct coir_runtime_options){.workers = 2}) != 0;
}
