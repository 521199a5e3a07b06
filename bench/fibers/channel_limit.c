/* channel_limit.c: a message between two fibers as two bare switches (fiber, loop, fiber) and three locked instructions,
 * which are the guard of the put, the claim of the sleeper and the guard of the get: ns. */
#include "bench/fibers/bare.h"
#include "bench/measure.h"

static uint64_t guard, claim;
static uint64_t slot, messages;

static BARE_OPAQUE void
pass(uint64_t *word)
{
    uint64_t seen = 0;
    __atomic_compare_exchange_n(word, &seen, 1, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
    __atomic_store_n(word, 0, __ATOMIC_RELEASE);
}

static BARE_OPAQUE void
hand_over(void)
{
    pass(&guard);
    slot = messages;
    pass(&claim);
    bare_yield();
    pass(&guard);
    messages = slot + 1;
}

static void
other(void *arg)
{
    (void)arg;
    for (;;)
        hand_over();
}

static void
timekeeper(void *arg)
{
    (void)arg;
    hand_over();
    int64_t start = bench_cpu();
    const long enough = 1000000;
    for (long i = 0; i < enough; i++)
        hand_over();
    bench_report((double)(bench_cpu() - start) / (double)(2 * enough));
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
