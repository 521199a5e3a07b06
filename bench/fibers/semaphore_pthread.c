/* semaphore_pthread.c: an uncontended sem_wait and sem_post in a process with two threads: ns. */
#include "bench/measure.h"

#include <pthread.h>
#include <semaphore.h>
#include <unistd.h>

static sem_t semaphore;

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
    bench_check(!sem_init(&semaphore, 0, 1), "sem_init");
    const long enough = 4000000;
    int64_t start = bench_cpu();
    for (long i = 0; i < enough; i++) {
        bench_check(!sem_wait(&semaphore), "sem_wait");
        sem_post(&semaphore);
    }
    bench_report((double)(bench_cpu() - start) / (double)enough);
    return 0;
}
