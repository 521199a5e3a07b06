/* process_flight_coir.c [WORKERS]: a stream of tiny jobs through a pool ("processes:2"), 32 of them under way, each with a future
 * that is looked at: ns by the clock for one. */
#include "bench/measure.h"

#include <coir/future.h>
#include <coir/pool.h>
#include <coir/runtime.h>

enum { IN_FLIGHT = 32 };

static int
tiny(void *arg)
{
    ++*(uint64_t *)arg;
    return 0;
}

static int
measure(void *workers)
{
    struct coir_future *flight[IN_FLIGHT] = {NULL};
    struct coir_pool *pool;
    uint64_t next = 0, value;
    int64_t start = 0, limit = INT64_MAX;
    bench_check(!coir_pool_open(workers, NULL, &pool), "coir_pool_open");
    for (; next % IN_FLIGHT || bench_wall() < limit; next++) {
        struct coir_future **place = &flight[next % IN_FLIGHT];
        if (next == 1024)
            start = bench_wall(), limit = start + 300000000;
        if (*place) {
            bench_check(!coir_future_get(*place, &value, sizeof value, COIR_NEVER), "coir_future_get");
            bench_check(value == next - IN_FLIGHT + 1, "the value of a job");
            coir_future_free(*place);
        }
        bench_check(!coir_pool_submit(pool, tiny, &next, sizeof next, place, COIR_NEVER), "coir_pool_submit");
    }
    bench_report((double)(bench_wall() - start) / (double)(next - 1024));
    for (int i = 0; i < IN_FLIGHT; i++)
        coir_future_free(flight[i]);
    coir_pool_close(pool);
    return 0;
}

int
main(int argc, char **argv)
{
    return coir_run(measure, argc > 1 ? argv[1] : "processes:2", &(struct coir_runtime_options){.processes = true}) !=
           0;
}
