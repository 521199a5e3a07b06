/* coir/semaphore.h: so many at a time. */
#ifndef COIR_SEMAPHORE_H
#define COIR_SEMAPHORE_H

#include <coir/base.h>

COIR_BEGIN

/* May be freed as soon as no call on it is to come. */
struct coir_semaphore {
    uintptr_t words[2];      /* private */
    uint32_t permits, limit; /* free permits now (private); the most there may be, 0: no limit */
};
/* clang-format off */
#define COIR_SEMAPHORE_INIT(permits, limit) {{0, 0}, permits, limit}
/* clang-format on */

COIR_EXPORT void coir_semaphore_init(struct coir_semaphore *semaphore, uint32_t permits, uint32_t limit);
COIR_EXPORT void coir_semaphore_fini(struct coir_semaphore *semaphore); /* waited for: stops the process */

/* Takes a permit, first come, first served. */
COIR_EXPORT COIR_MUSTCHECK int coir_semaphore_acquire(struct coir_semaphore *semaphore, coir_time deadline);

/* Gives one back, or a new one. -EOVERFLOW beyond its limit (nothing changes). Does not suspend. */
COIR_EXPORT int coir_semaphore_release(struct coir_semaphore *semaphore);

COIR_END

#endif
