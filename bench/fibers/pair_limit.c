/* pair_limit.c: one turn between two fibers that are parked at different places, by the bare switch: ns. */
#include "bench/fibers/bare.h"
#include "bench/measure.h"

static uint64_t turns;

static BARE_OPAQUE void
somewhere(void)
{
    bare_yield();
    turns++;
}

static BARE_OPAQUE void
elsewhere(void)
{
    turns++;
    bare_yield();
    __asm__ volatile("");
}

static void
other(void *arg)
{
    (void)arg;
    for (;;)
        elsewhere();
}

static void
timekeeper(void *arg)
{
    (void)arg;
    for (int i = 0; i < 1000; i++)
        somewhere();
    int64_t start = bench_cpu();
    uint64_t before = turns;
    while (turns - before < 4000000)
        somewhere();
    bench_report((double)(bench_cpu() - start) / (double)(turns - before));
    bare_stop();
}

int
main(void)
{
    bare_open(2);
    bare_go(timekeeper, NULL);
    bare_go(other, NULL);
    bare_loop();
    return 0;
}
