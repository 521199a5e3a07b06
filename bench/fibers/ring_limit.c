/* ring_limit.c [FIBERS]: one turn of a ring of equal fibers, three frames deep, by the bare switch: ns. The first fiber
 * lets the ring warm up, takes the time over some millions of turns, and stops it. */
#include "bench/fibers/bare.h"
#include "bench/measure.h"

static long fibers;
static uint64_t turns;

static BARE_OPAQUE void
third(void)
{
    bare_yield();
    turns++;
}

static BARE_OPAQUE void
second(void)
{
    third();
    __asm__ volatile("");
}

static BARE_OPAQUE void
first(void)
{
    second();
    __asm__ volatile("");
}

static void
others(void *arg)
{
    (void)arg;
    for (;;)
        first();
}

static void
timekeeper(void *arg)
{
    (void)arg;
    uint64_t enough = 4000000 + 8 * (uint64_t)fibers;
    for (int i = 0; i < 3; i++)
        first();
    int64_t start = bench_cpu();
    uint64_t before = turns;
    while (turns - before < enough)
        first();
    bench_report((double)(bench_cpu() - start) / (double)(turns - before));
    bare_stop();
}

int
main(int argc, char **argv)
{
    fibers = bench_argument(argc, argv, 1, 64);
    bare_open((size_t)fibers);
    bare_go(timekeeper, NULL);
    for (long i = 1; i < fibers; i++)
        bare_go(others, NULL);
    bare_loop();
    return 0;
}
