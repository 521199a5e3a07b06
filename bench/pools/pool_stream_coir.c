/* pool_stream_coir.c [WORKERS]: a stream of tiny jobs through a pool ("threads:2"), nobody waits for each: ns of CPU time of
 * all threads for one. */
#include "bench/measure.h"

#include <coir/pool.h>
#include <coir/runtime.h>

enum { JOBS = 300000 };

static int
tiny(void *arg)
{
    __atomic_add_fetch(*(long **)arg, 1, __ATOMIC_RELAXED);
    return 0;
}

static int
measure(void *workers)
{
    struct coir_pool *pool;
    long count = 0, *pointer = &count;
    int64_t start = 0;
    bench_check(!coir_pool_open(workers, NULL, &pool), "coir_pool_open");
    for (int i = -JOBS / 10; i < JOBS; i++) {
        if (!i)
            start = bench_cpu();
        bench_check(!coir_pool_submit(pool, tiny, &pointer, sizeof pointer, NULL, COIR_NEVER), "coir_pool_submit");
    }
    bench_check(!coir_pool_shutdown(pool, COIR_NEVER), "coir_pool_shutdown");
    bench_report((double)(bench_cpu() - start) / JOBS);
    coir_pool_close(pool);
    return count != JOBS + JOBS / 10;
}

int
main(int argc, char **argv)
{
    return coir_run(measure, argc > 1 ? argv[1] : "threads:2", NULL) != 0;
}
