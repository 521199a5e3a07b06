/* pool_round_coir.c [WORKERS [plain]]: hand a tiny job to a pool and wait for its result, from a fiber or a plain thread: ns
 * of CPU time of all threads for one; if the workers are processes ns by the clock. */
#include "bench/measure.h"

#include <coir/pool.h>
#include <coir/runtime.h>

static int
tiny(void *arg)
{
    return ++*(int *)arg;
}

static bool
on_processes(const char *workers)
{
    return !strncmp(workers, "processes", 9);
}

static int
measure(void *workers)
{
    int64_t (*clock)(void) = on_processes(workers) ? bench_wall : bench_cpu;
    struct coir_pool *pool;
    int value = 0;
    long rounds = 0;
    int64_t start, limit;
    bench_check(!coir_pool_open(workers, NULL, &pool), "coir_pool_open");
    for (int i = 0; i < 1000; i++)
        bench_check(coir_pool_call(pool, tiny, &value, sizeof value, COIR_NEVER) > 0, "coir_pool_call");
    start = clock(), limit = bench_wall() + 200000000;
    for (; rounds < 300000 && bench_wall() < limit; rounds += 100)
        for (int i = 0; i < 100; i++)
            bench_check(coir_pool_call(pool, tiny, &value, sizeof value, COIR_NEVER) > 0, "coir_pool_call");
    bench_report((double)(clock() - start) / (double)rounds);
    coir_pool_close(pool);
    return 0;
}

int
main(int argc, char **argv)
{
    void *workers = argc > 1 ? argv[1] : "threads:2";
    struct coir_runtime_options options = {.processes = on_processes(workers)};
    return (argc > 2 ? measure(workers) : coir_run(measure, workers, &options)) != 0;
}
