/* timer_cancel_limit.c [TIMERS]: a timer goes into a heap of 100,000 with random moments and is taken out again, by hand:
 * ns. Four children each, the moment stored in the heap, each entry knowing its place. */
#include "bench/measure.h"

enum { MOST = 1 << 20, TURNS = 2000000 };

struct entry {
    int64_t moment;
    uint32_t *place;
};

static struct entry heap[MOST];
static uint32_t places[MOST], size;

static uint64_t
chance(void)
{
    static uint64_t state = 88172645463325252u;
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return state;
}

static void
set(uint32_t at, struct entry entry)
{
    heap[at] = entry;
    *entry.place = at;
}

static void
up(uint32_t at, struct entry entry)
{
    for (; at && heap[(at - 1) / 4].moment > entry.moment; at = (at - 1) / 4)
        set(at, heap[(at - 1) / 4]);
    set(at, entry);
}

static void
down(uint32_t at, struct entry entry)
{
    for (;;) {
        uint32_t child = 4 * at + 1, least = child;
        if (child >= size)
            break;
        for (uint32_t i = child + 1; i < child + 4 && i < size; i++)
            if (heap[i].moment < heap[least].moment)
                least = i;
        if (heap[least].moment >= entry.moment)
            break;
        set(at, heap[least]);
        at = least;
    }
    set(at, entry);
}

static __attribute__((noinline)) void
arm(struct entry entry)
{
    up(size++, entry);
}

static __attribute__((noinline)) void
cancel(const uint32_t *place)
{
    uint32_t at = *place;
    struct entry last = heap[--size];
    if (at == size)
        return;
    if (at && heap[(at - 1) / 4].moment > last.moment)
        up(at, last);
    else
        down(at, last);
}

int
main(int argc, char **argv)
{
    long timers = bench_argument(argc, argv, 1, 100000);
    bench_check(timers > 0 && timers < MOST - 1, "fewer than 1,048,575 timers");
    for (long i = 0; i < timers; i++)
        arm((struct entry){(int64_t)(chance() >> 8), &places[i]});
    int64_t start = bench_cpu();
    for (int i = 0; i < TURNS; i++) {
        arm((struct entry){(int64_t)(chance() >> 8), &places[timers]});
        cancel(&places[timers]);
    }
    bench_report((double)(bench_cpu() - start) / TURNS);
    return 0;
}
