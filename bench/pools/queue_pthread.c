/* queue_pthread.c SIDES: so many producers and as many consumers at a queue of 1,024 pointers under a mutex and two
 * conditions: ns of CPU time of all for one item. */
#include "bench/measure.h"
#include "bench/pools/line.h"

enum { ITEMS = 400000, MOST = 16 };

static struct line line = LINE_INIT;
static long sides;

static void *
produce(void *arg)
{
    for (long i = 0; i < ITEMS / sides; i++)
        line_put(&line, arg);
    return NULL;
}

static void *
consume(void *arg)
{
    for (long i = 0; i < ITEMS / sides; i++)
        bench_check(line_get(&line) == arg, "line_get");
    return NULL;
}

int
main(int argc, char **argv)
{
    pthread_t ids[2 * MOST];
    sides = bench_argument(argc, argv, 1, 1);
    bench_check(sides > 0 && sides <= MOST, "1 to 16 of each");
    int64_t start = bench_cpu();
    for (long i = 0; i < 2 * sides; i++)
        bench_check(!pthread_create(&ids[i], NULL, i % 2 ? consume : produce, &line), "pthread_create");
    for (long i = 0; i < 2 * sides; i++)
        pthread_join(ids[i], NULL);
    bench_report((double)(bench_cpu() - start) / ITEMS);
    return 0;
}
