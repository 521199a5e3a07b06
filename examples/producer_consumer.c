/* producer_consumer.c: two producers and three consumers share a queue of four places. Who is slower makes the others
 * wait; the end is said by shutdown, and every item is dealt with exactly once. */
#include <coir/queue.h>
#include <coir/runtime.h>
#include <coir/scope.h>
#include <errno.h>
#include <stdio.h>

enum { ITEMS = 500 };

struct work {
    struct coir_queue *queue;
    int sum; /* atomic */
};

static int
produce(void *arg)
{
    struct work *work = arg;
    int error = 0;
    for (int item = 1; !error && item <= ITEMS; item++)
        error = coir_queue_put(work->queue, &item, COIR_NEVER);
    return error;
}

static int
consume(void *arg)
{
    struct work *work = arg;
    int item, error;
    while ((error = coir_queue_get(work->queue, &item, COIR_NEVER)) == 0) {
        __atomic_add_fetch(&work->sum, item, __ATOMIC_RELAXED);
        coir_queue_done(work->queue);
    }
    return error == -EPIPE ? 0 : error; /* shut down and empty */
}

static int
trade(void *arg)
{
    struct work work = {.queue = coir_queue_new(sizeof(int), 4, NULL)};
    int error;
    (void)arg;
    if (!work.queue)
        return -ENOMEM;
    {
        COIR_SCOPE(producers);
        COIR_SCOPE(consumers);
        for (int i = 0; i < 3; i++)
            coir_scope_go(&consumers, consume, &work, NULL);
        for (int i = 0; i < 2; i++)
            coir_scope_go(&producers, produce, &work, NULL);
        error = coir_scope_wait(&producers, coir_after(COIR_MINUTE));
        if (!error)
            error = coir_queue_join(work.queue, coir_after(COIR_MINUTE)); /* all is done */
        coir_queue_shutdown(work.queue);
        if (!error)
            error = coir_scope_wait(&consumers, coir_after(COIR_MINUTE));
    }
    printf("%d items, sum %d\n", 2 * ITEMS, work.sum);
    coir_queue_free(work.queue);
    return error;
}

int
main(void)
{
    return coir_run(trade, NULL, NULL) != 0;
}
