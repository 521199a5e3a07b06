/* work.h: an item of computing work, about 50 us of it. */
#ifndef BENCH_WORK_H
#define BENCH_WORK_H

#include <stdint.h>

enum { WORK_ITEMS = 2000 };

struct work {
    uint64_t value;
};

static inline void
work_item(struct work *work)
{
    uint64_t x = work->value + 88172645463325252u;
    for (int i = 0; i < 25000; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
    }
    work->value = x;
}

#endif
