/* queue_coir.c SIDES [threads]: so many producers and as many consumers at a queue of 1,024 pointers, as fibers on two
 * workers or as plain threads: ns of CPU time of all for one item. */
#include "bench/measure.h"

#include <coir/queue.h>
#include <coir/runtime.h>
#include <pthread.h>

enum { ITEMS = 400000, MOST = 16 };

static struct coir_queue *queue;
static long sides;

static int
produce(void *arg)
{
    for (long i = 0; i < ITEMS / sides; i++)
        bench_check(!coir_queue_put(queue, &arg, COIR_NEVER), "coir_queue_put");
    return 0;
}

static int
consume(void *arg)
{
    for (long i = 0; i < ITEMS / sides; i++)
        bench_check(!coir_queue_get(queue, &arg, COIR_NEVER), "coir_queue_get");
    return 0;
}

static int
as_fibers(void *arg)
{
    struct coir_task *tasks[2 * MOST];
    for (long i = 0; i < 2 * sides; i++)
        bench_check(!coir_go_spread(i % 2 ? consume : produce, arg, NULL, &tasks[i]), "coir_go_spread");
    for (long i = 0; i < 2 * sides; i++)
        bench_check(!coir_join(tasks[i], NULL, COIR_NEVER), "coir_join");
    return 0;
}

static void *
produce_in_thread(void *arg)
{
    (void)produce(arg);
    return NULL;
}

static void *
consume_in_thread(void *arg)
{
    (void)consume(arg);
    return NULL;
}

static void
as_threads(void)
{
    pthread_t ids[2 * MOST];
    for (long i = 0; i < 2 * sides; i++)
        bench_check(!pthread_create(&ids[i], NULL, i % 2 ? consume_in_thread : produce_in_thread, NULL),
                    "pthread_create");
    for (long i = 0; i < 2 * sides; i++)
        pthread_join(ids[i], NULL);
}

int
main(int argc, char **argv)
{
    sides = bench_argument(argc, argv, 1, 1);
    bench_check(sides > 0 && sides <= MOST, "1 to 16 of each");
    queue = coir_queue_new(sizeof(void *), 1024, NULL);
    int64_t start = bench_cpu();
    if (argc > 2)
        as_threads();
    else
        bench_check(!coir_run(as_fibers, NULL, &(struct coir_runtime_options){.workers = 2}), "coir_run");
    bench_report((double)(bench_cpu() - start) / ITEMS);
    coir_queue_free(queue);
    return 0;
}
