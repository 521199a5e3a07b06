/* cross_pthread.c: a message between two threads through a place for one under a mutex with two conditions, there and
 * back: ns of CPU time of both per message. */
#include "bench/measure.h"

#include <pthread.h>

struct place {
    pthread_mutex_t mutex;
    pthread_cond_t filled, emptied;
    bool full;
    uint64_t message;
};

static struct place there = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, PTHREAD_COND_INITIALIZER, false, 0};
static struct place back = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, PTHREAD_COND_INITIALIZER, false, 0};
enum { ENOUGH = 20000 };

static void
put(struct place *place, uint64_t message)
{
    pthread_mutex_lock(&place->mutex);
    while (place->full)
        pthread_cond_wait(&place->emptied, &place->mutex);
    place->message = message;
    place->full = true;
    pthread_cond_signal(&place->filled);
    pthread_mutex_unlock(&place->mutex);
}

static uint64_t
get(struct place *place)
{
    pthread_mutex_lock(&place->mutex);
    while (!place->full)
        pthread_cond_wait(&place->filled, &place->mutex);
    uint64_t message = place->message;
    place->full = false;
    pthread_cond_signal(&place->emptied);
    pthread_mutex_unlock(&place->mutex);
    return message;
}

static void *
other(void *arg)
{
    for (int i = 0; i < ENOUGH; i++)
        put(&back, get(&there));
    return arg;
}

int
main(void)
{
    pthread_t thread;
    bench_check(!pthread_create(&thread, NULL, other, NULL), "pthread_create");
    int64_t start = bench_cpu();
    for (uint64_t i = 0; i < ENOUGH; i++) {
        put(&there, i);
        bench_check(get(&back) == i, "the message");
    }
    bench_report((double)(bench_cpu() - start) / (2. * ENOUGH));
    pthread_join(thread, NULL);
    return 0;
}
