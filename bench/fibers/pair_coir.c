/* pair_coir.c: one turn between two fibers that are parked at different places, by coir_yield: ns. */
#include "bench/measure.h"

#include <coir/runtime.h>

static uint64_t turns;
static bool done;

static __attribute__((noinline)) void
somewhere(void)
{
    coir_yield();
    turns++;
}

static __attribute__((noinline)) void
elsewhere(void)
{
    turns++;
    coir_yield();
    __asm__ volatile("");
}

static int
other(void *arg)
{
    (void)arg;
    while (!done)
        elsewhere();
    return 0;
}

static int
timekeeper(void *arg)
{
    (void)arg;
    bench_check(!coir_go(other, NULL, NULL, NULL), "coir_go");
    while (turns < 1000)
        somewhere();
    int64_t start = bench_cpu();
    uint64_t before = turns;
    while (turns - before < 4000000)
        somewhere();
    bench_report((double)(bench_cpu() - start) / (double)(turns - before));
    done = true;
    return 0;
}

int
main(void)
{
    return coir_run(timekeeper, NULL, &(struct coir_runtime_options){.workers = 1}) != 0;
}
