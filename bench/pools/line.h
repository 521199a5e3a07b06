/* line.h: what a peer made of pthreads waits in: a bounded queue of pointers under a mutex and two conditions. */
#ifndef BENCH_LINE_H
#define BENCH_LINE_H

#include <pthread.h>

enum { LINE_PLACES = 1024 };

struct line {
    pthread_mutex_t mutex;
    pthread_cond_t some, room;
    void *items[LINE_PLACES];
    unsigned first, count;
};

#define LINE_INIT                                                                                \
    {                                                                                            \
        PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, PTHREAD_COND_INITIALIZER, {0}, 0, 0 \
    }

static inline void
line_put(struct line *line, void *item)
{
    pthread_mutex_lock(&line->mutex);
    while (line->count == LINE_PLACES)
        pthread_cond_wait(&line->room, &line->mutex);
    line->items[(line->first + line->count++) % LINE_PLACES] = item;
    pthread_cond_signal(&line->some);
    pthread_mutex_unlock(&line->mutex);
}

static inline void *
line_get(struct line *line)
{
    pthread_mutex_lock(&line->mutex);
    while (!line->count)
        pthread_cond_wait(&line->some, &line->mutex);
    void *item = line->items[line->first];
    line->first = (line->first + 1) % LINE_PLACES;
    line->count--;
    pthread_cond_signal(&line->room);
    pthread_mutex_unlock(&line->mutex);
    return item;
}

#endif
