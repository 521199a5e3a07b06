/* spawn_coir.c [WORKERS [BATCH]]: start, run and join an empty fiber: ns of CPU time of all workers. BATCH of them are
 * started before the first is joined (1). */
#include "bench/measure.h"

#include <coir/runtime.h>

enum { BATCH_MOST = 256 };

static long batch;

static int
empty(void *arg)
{
    (void)arg;
    return 0;
}

static void
spawn(void)
{
    struct coir_task *tasks[BATCH_MOST];
    for (long i = 0; i < batch; i++)
        bench_check(!coir_go(empty, NULL, NULL, &tasks[i]), "coir_go");
    for (long i = 0; i < batch; i++)
        bench_check(!coir_join(tasks[i], NULL, COIR_NEVER), "coir_join");
}

static int
measure(void *arg)
{
    (void)arg;
    for (long i = 0; i < 10000; i += batch)
        spawn();
    long fibers = 0;
    int64_t start = bench_cpu(), limit = bench_wall() + 300000000;
    while (fibers < 1000000 && bench_wall() < limit)
        for (int i = 0; i < 1000; i++, fibers += batch)
            spawn();
    bench_report((double)(bench_cpu() - start) / (double)fibers);
    return 0;
}

int
main(int argc, char **argv)
{
    int workers = (int)bench_argument(argc, argv, 1, 1);
    batch = bench_argument(argc, argv, 2, 1);
    bench_check(batch > 0 && batch <= BATCH_MOST, "a batch from 1 to 256");
    return coir_run(measure, NULL, &(struct coir_runtime_options){.workers = workers}) != 0;
}
