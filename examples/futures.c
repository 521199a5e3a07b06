/* futures.c: jobs whose results come later: a callback for each, any of them, all of them; one that fails, and one
 * that is canceled before a worker comes to it. */
#include <coir/event.h>
#include <coir/future.h>
#include <coir/pool.h>
#include <coir/runtime.h>
#include <errno.h>
#include <stdio.h>

struct delivery {
    int weight;
    coir_time time;
};

static struct coir_event road_is_open = COIR_EVENT_INIT;

static int
deliver(void *arg)
{
    const struct delivery *delivery = arg;
    int error = coir_event_wait(&road_is_open, COIR_NEVER);
    if (!error)
        error = coir_sleep(coir_after(delivery->time));
    return error ? error : delivery->weight > 100 ? -EFBIG : delivery->weight;
}

/* By the worker that has done it, or by whoever cancels it. */
static void
ring(struct coir_future *future, void *arg)
{
    int result = coir_future_get(future, NULL, 0, COIR_NOW);
    if (result > 0)
        __atomic_add_fetch((int *)arg, result, __ATOMIC_RELAXED);
}

static void
await(struct coir_future *futures[])
{
    if (coir_future_wait_any(futures, 3, COIR_NEVER) >= 0)
        printf("one has come\n");
    coir_future_wait_all(futures, 4, COIR_NEVER);
    for (int i = 0; i < 4; i++) {
        int result = coir_future_get(futures[i], NULL, 0, COIR_NOW);
        printf("number %d: %s\n", i, result < 0 ? coir_error_text(result) : "arrived");
    }
}

static int
order(void *arg)
{
    static const struct delivery deliveries[4] = {
        {20, 60 * COIR_MS}, {5, 5 * COIR_MS}, {500, 30 * COIR_MS}, {7, 1 * COIR_MS}};
    struct coir_future *futures[4] = {NULL};
    struct coir_pool *pool;
    int weight = 0, error = coir_pool_open("fibers:3", NULL, &pool);
    (void)arg;
    for (int i = 0; !error && i < 4; i++) {
        error = coir_pool_submit(pool, deliver, &deliveries[i], sizeof deliveries[i], &futures[i], COIR_NEVER);
        if (!error)
            error = coir_future_on_done(futures[i], ring, &weight);
    }
    if (!error) {
        coir_future_cancel(futures[3]); /* three are on their way; for the fourth there is nobody yet */
        coir_event_set(&road_is_open);
        await(futures);
    }
    coir_pool_close(pool); /* now all callbacks are over, too */
    printf("%d kg have come\n", weight);
    for (int i = 0; i < 4; i++)
        coir_future_free(futures[i]);
    return error;
}

int
main(void)
{
    return coir_run(order, NULL, NULL) != 0;
}
