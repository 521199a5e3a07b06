/* coir/barrier.h: nobody goes on before all have come. */
#ifndef COIR_BARRIER_H
#define COIR_BARRIER_H

#include <coir/base.h>

COIR_BEGIN

/* May be freed as soon as no call on it is to come. */
struct coir_barrier {
    uintptr_t words[3];        /* private */
    uint32_t parties, arrived; /* how many there are; how many wait now (private) */
};
/* clang-format off */
#define COIR_BARRIER_INIT(parties) {{0, 0, 0}, parties, 0}
/* clang-format on */

COIR_EXPORT void coir_barrier_init(struct coir_barrier *barrier, uint32_t parties);
COIR_EXPORT void coir_barrier_fini(struct coir_barrier *barrier); /* waited for: stops the process */

/* Until all parties (1 or more) have come: 0 to parties - 1, each to one, in the order in which they came; who comes last
 * does not wait. Then it begins anew. Who gives up breaks it (a deadline, a cancel, also one that comes canceled): all
 * others get -EPIPE, those that wait and those that come, until coir_barrier_reset. Either all of a round get through or
 * none. With COIR_NOW it gets through as the last or has not come at all: -EAGAIN breaks nothing. */
COIR_EXPORT int coir_barrier_wait(struct coir_barrier *barrier, coir_time deadline);

/* Breaks it: all that wait and that come get -EPIPE. Does not suspend. */
COIR_EXPORT void coir_barrier_abort(struct coir_barrier *barrier);

/* As new: those that wait get -EPIPE, those that come are a new round. Does not suspend. */
COIR_EXPORT void coir_barrier_reset(struct coir_barrier *barrier);

COIR_EXPORT bool coir_barrier_is_broken(const struct coir_barrier *barrier);

COIR_END

#endif
