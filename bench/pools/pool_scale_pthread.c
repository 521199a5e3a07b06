/* pool_scale_pthread.c THREADS: the same work on bare threads, an equal share for each: wall time in ns of one item. */
#include "bench/measure.h"
#include "bench/pools/work.h"

#include <pthread.h>

enum { MOST = 64 };

static struct work items[WORK_ITEMS];
static long threads;

static void *
compute(void *arg)
{
    for (long i = *(const long *)arg; i < WORK_ITEMS; i += threads)
        work_item(&items[i]);
    return NULL;
}

static void
compute_all(void)
{
    pthread_t ids[MOST];
    long numbers[MOST];
    for (long i = 0; i < threads; i++) {
        numbers[i] = i;
        bench_check(!pthread_create(&ids[i], NULL, compute, &numbers[i]), "pthread_create");
    }
    for (long i = 0; i < threads; i++)
        pthread_join(ids[i], NULL);
}

int
main(int argc, char **argv)
{
    threads = bench_argument(argc, argv, 1, 2);
    bench_check(threads > 0 && threads <= MOST, "1 to 64 threads");
    compute_all();
    int64_t start = bench_wall();
    compute_all();
    bench_report((double)(bench_wall() - start) / WORK_ITEMS);
    return 0;
}
