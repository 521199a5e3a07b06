/* pool_scale_coir.c WORKERS: computing work as a map on a pool ("threads:2", "processes:2"): wall time in ns of one item. */
#include "bench/measure.h"
#include "bench/pools/work.h"

#include <coir/pool.h>

static int
compute(void *arg)
{
    work_item(arg);
    return 0;
}

int
main(int argc, char **argv)
{
    static struct work items[WORK_ITEMS];
    struct coir_pool *pool;
    bench_check(!coir_pool_open(argc > 1 ? argv[1] : "threads:2", NULL, &pool), "coir_pool_open");
    bench_check(!coir_pool_map(pool, compute, items, sizeof items[0], WORK_ITEMS, COIR_NEVER), "coir_pool_map");
    int64_t start = bench_wall();
    bench_check(!coir_pool_map(pool, compute, items, sizeof items[0], WORK_ITEMS, COIR_NEVER), "coir_pool_map");
    bench_report((double)(bench_wall() - start) / WORK_ITEMS);
    coir_pool_close(pool);
    return 0;
}
