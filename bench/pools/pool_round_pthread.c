/* pool_round_pthread.c: hand a tiny job to a thread and wait for it, by a mutex and conditions: ns of CPU time of both. */
#include "bench/measure.h"
#include "bench/pools/line.h"

static struct line there = LINE_INIT, back = LINE_INIT;

static void *
work(void *arg)
{
    int *value;
    while ((value = line_get(&there))) {
        ++*value;
        line_put(&back, value);
    }
    return arg;
}

int
main(void)
{
    int value = 0;
    long rounds = 0;
    pthread_t thread;
    bench_check(!pthread_create(&thread, NULL, work, NULL), "pthread_create");
    int64_t start = bench_cpu(), limit = bench_wall() + 200000000;
    for (; rounds < 300000 && bench_wall() < limit; rounds += 100)
        for (int i = 0; i < 100; i++) {
            line_put(&there, &value);
            bench_check(line_get(&back) == &value, "line_get");
        }
    bench_report((double)(bench_cpu() - start) / (double)rounds);
    line_put(&there, NULL);
    pthread_join(thread, NULL);
    return 0;
}
