/* mutex_limit.c: an uncontended lock and unlock as two locked instructions on one word: ns. */
#include "bench/fibers/bare.h"
#include "bench/measure.h"

static uint64_t word;

static BARE_OPAQUE int
lock(uint64_t *mutex)
{
    uint64_t seen = 0;
    return !__atomic_compare_exchange_n(mutex, &seen, 4, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static BARE_OPAQUE void
unlock(uint64_t *mutex)
{
    uint64_t seen = 4;
    bench_check(__atomic_compare_exchange_n(mutex, &seen, 0, 0, __ATOMIC_RELEASE, __ATOMIC_RELAXED), "unlock");
}

int
main(void)
{
    const long enough = 4000000;
    int64_t start = bench_cpu();
    for (long i = 0; i < enough; i++) {
        bench_check(!lock(&word), "lock");
        unlock(&word);
    }
    bench_report((double)(bench_cpu() - start) / (double)enough);
    return 0;
}
