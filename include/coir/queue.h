/* coir/queue.h: items handed from task to task, by value: first in, first out; last in, first out; or by priority. */
#ifndef COIR_QUEUE_H
#define COIR_QUEUE_H

#include <coir/base.h>

COIR_BEGIN

struct coir_queue;

/* What is got next: what was put first; last; or the smallest, among equals what was put first. */
enum coir_queue_order { COIR_FIFO, COIR_LIFO, COIR_PRIORITY };

/* Zero in every member is the default; so is NULL for the options. */
struct coir_queue_options {
    const char *name; /* copied, for reports; 31 bytes are kept */
    enum coir_queue_order order;
    /* For COIR_PRIORITY: < 0, 0 or > 0 as one comes before, beside or after other, as qsort's. Called with the queue
     * locked, a few times for each item: must not wait and must not use the queue. */
    int (*compare)(const void *one, const void *other);
    uint64_t reserved[4];
};

/* A queue of at most capacity (1 or more) items of item_size (0 or more) bytes each; NULL: no memory. */
COIR_EXPORT struct coir_queue *coir_queue_new(size_t item_size, size_t capacity,
                                              const struct coir_queue_options *options);

/* Frees it with what is inside; of NULL nothing. As soon as no call on it is to come; waited for: stops the process. */
COIR_EXPORT void coir_queue_free(struct coir_queue *queue);

/* Copies the item in; waits while the queue is full; those that wait get in in the order in which they came, whatever the
 * queue's order. -EPIPE after shutdown. */
COIR_EXPORT int coir_queue_put(struct coir_queue *queue, const void *item, coir_time deadline);

/* Copies the next item out; waits while the queue is empty. After shutdown what is inside, then -EPIPE. */
COIR_EXPORT COIR_MUSTCHECK int coir_queue_get(struct coir_queue *queue, void *item, coir_time deadline);

/* One that was got has been dealt with. More often than items were put: stops the process. */
COIR_EXPORT void coir_queue_done(struct coir_queue *queue);

/* Until all that were put are done; at once if there is none. Shutdown changes nothing about that: what is inside is still
 * to be got and done. */
COIR_EXPORT int coir_queue_join(struct coir_queue *queue, coir_time deadline);

/* Nothing more goes in, what is inside still comes out: those that wait to put get -EPIPE, those that wait to get -EPIPE when it is empty. */
COIR_EXPORT void coir_queue_shutdown(struct coir_queue *queue);

/* Advice: old at once. */
COIR_EXPORT size_t coir_queue_size(const struct coir_queue *queue);
COIR_EXPORT bool coir_queue_is_empty(const struct coir_queue *queue);
COIR_EXPORT bool coir_queue_is_full(const struct coir_queue *queue);

COIR_END

#endif
