/* sim/stamp.h: what a virtual thread knows of the others, as vectors of their clocks.
 *
 * A thread's clock counts its accesses. before[t]: what thread t did up to there happened before (synchronizes, in C11's
 * words); so a plain field may be touched. seen[t] is at least as much: what must not be overlooked any more, though
 * nothing orders it otherwise: a sequentially consistent fence hands that on without making anything happen before. */
#ifndef CR_SIM_STAMP_H
#define CR_SIM_STAMP_H

#include <stdbool.h>
#include <stdint.h>

enum { CR_CHECK_THREADS = 8 };

struct cr_stamp {
    uint32_t before[CR_CHECK_THREADS], seen[CR_CHECK_THREADS];
    uint32_t fenced; /* the number of the latest sequentially consistent fence that happened before */
};

static inline uint32_t
cr_stamp_later(uint32_t one, uint32_t other)
{
    return one > other ? one : other;
}

static inline void
cr_stamp_join(struct cr_stamp *to, const struct cr_stamp *from)
{
    for (int i = 0; i < CR_CHECK_THREADS; i++) {
        to->before[i] = cr_stamp_later(to->before[i], from->before[i]);
        to->seen[i] = cr_stamp_later(to->seen[i], from->seen[i]);
    }
    to->fenced = cr_stamp_later(to->fenced, from->fenced);
}

static inline void
cr_stamp_join_seen(struct cr_stamp *to, const struct cr_stamp *from)
{
    for (int i = 0; i < CR_CHECK_THREADS; i++)
        to->seen[i] = cr_stamp_later(to->seen[i], from->seen[i]);
}

#endif
