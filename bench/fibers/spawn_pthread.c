/* spawn_pthread.c: create, run and join an empty thread: ns. */
#include "bench/measure.h"

#include <pthread.h>

static void *
empty(void *arg)
{
    return arg;
}

int
main(void)
{
    const int enough = 5000;
    int64_t start = bench_cpu();
    for (int i = 0; i < enough; i++) {
        pthread_t thread;
        bench_check(!pthread_create(&thread, NULL, empty, NULL), "pthread_create");
        pthread_join(thread, NULL);
    }
    bench_report((double)(bench_cpu() - start) / (double)enough);
    return 0;
}
