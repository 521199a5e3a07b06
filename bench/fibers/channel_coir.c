/* channel_coir.c: a message between two fibers of one worker through queues of capacity 1, there and back: ns per
 * message. */
#include "bench/measure.h"

#include <coir/queue.h>
#include <coir/runtime.h>

static struct coir_queue *there, *back;

static int
echo(void *arg)
{
    (void)arg;
    uint64_t message;
    while (!coir_queue_get(there, &message, COIR_NEVER))
        bench_check(!coir_queue_put(back, &message, COIR_NEVER), "coir_queue_put");
    return 0;
}

static void
round_trip(uint64_t i)
{
    uint64_t answer = 0;
    bench_check(!coir_queue_put(there, &i, COIR_NEVER), "coir_queue_put");
    bench_check(!coir_queue_get(back, &answer, COIR_NEVER) && answer == i, "coir_queue_get");
}

static int
measure(void *arg)
{
    (void)arg;
    there = coir_queue_new(sizeof(uint64_t), 1, NULL);
    back = coir_queue_new(sizeof(uint64_t), 1, NULL);
    struct coir_task *task;
    bench_check(!coir_go(echo, NULL, NULL, &task), "coir_go");
    const uint64_t enough = 500000;
    for (uint64_t i = 0; i < 1000; i++)
        round_trip(i);
    int64_t start = bench_cpu();
    for (uint64_t i = 0; i < enough; i++)
        round_trip(i);
    bench_report((double)(bench_cpu() - start) / (double)(2 * enough));
    coir_queue_shutdown(there);
    bench_check(!coir_join(task, NULL, COIR_NEVER), "coir_join");
    coir_queue_free(there);
    coir_queue_free(back);
    return 0;
}

int
main(void)
{
    return coir_run(measure, NULL, &(struct coir_runtime_options){.workers = 1}) != 0;
}
