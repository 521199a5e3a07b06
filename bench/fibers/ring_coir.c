/* ring_coir.c [FIBERS]: one turn of a ring of equal fibers, three frames deep, by coir_yield: ns. The first fiber lets
 * the ring warm up, takes the time over some millions of turns, and ends it. */
#include "bench/measure.h"

#include <coir/runtime.h>

static long fibers;
static uint64_t turns;
static bool done;

static __attribute__((noinline)) void
third(void)
{
    coir_yield();
    turns++;
}

static __attribute__((noinline)) void
second(void)
{
    third();
    __asm__ volatile("");
}

static __attribute__((noinline)) void
first(void)
{
    second();
    __asm__ volatile("");
}

static int
other(void *arg)
{
    (void)arg;
    while (!done)
        first();
    return 0;
}

static int
timekeeper(void *arg)
{
    (void)arg;
    for (long i = 1; i < fibers; i++)
        bench_check(!coir_go(other, NULL, NULL, NULL), "coir_go");
    while (turns < 40 * (uint64_t)fibers) /* newborns come in between, one in sixteen turns */
        first();
    uint64_t enough = 4000000 + 8 * (uint64_t)fibers;
    int64_t start = bench_cpu();
    uint64_t before = turns;
    while (turns - before < enough)
        first();
    bench_report((double)(bench_cpu() - start) / (double)(turns - before));
    done = true;
    return 0;
}

int
main(int argc, char **argv)
{
    fibers = bench_argument(argc, argv, 1, 64);
    return coir_run(timekeeper, NULL, &(struct coir_runtime_options){.workers = 1}) != 0;
}
