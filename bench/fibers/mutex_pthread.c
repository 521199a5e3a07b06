/* mutex_pthread.c: an uncontended pthread_mutex_lock and unlock: ns. A second thread is there and sleeps, so that libc
 * does not leave out the locked instructions. */
#include "bench/measure.h"

#include <pthread.h>
#include <unistd.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void *
sleeper(void *arg)
{
    pause();
    return arg;
}

int
main(void)
{
    pthread_t thread;
    bench_check(!pthread_create(&thread, NULL, sleeper, NULL), "pthread_create");
    const long enough = 4000000;
    int64_t start = bench_cpu();
    for (long i = 0; i < enough; i++) {
        bench_check(!pthread_mutex_lock(&mutex), "pthread_mutex_lock");
        pthread_mutex_unlock(&mutex);
    }
    bench_report((double)(bench_cpu() - start) / (double)enough);
    return 0;
}
