/* coir/mutex.h: one at a time.
 *
 * COIR_LOCKDEP=1 in the environment: the log tells of locks (mutexes, and read-write locks for writing) that are taken in orders
 * that can meet in a deadlock one day, once, with the places of all of them; not of a try or a deadline, not of orders that one
 * task alone uses or that one more lock keeps apart. A lock's fini ends what is known of it. */
#ifndef COIR_MUTEX_H
#define COIR_MUTEX_H

#include <coir/base.h>

COIR_BEGIN

enum coir_mutex_kind { COIR_MUTEX_PLAIN, COIR_MUTEX_RECURSIVE };

/* May be freed as soon as no call on it is to come: a task that has got or given it up no longer looks at it. */
struct coir_mutex {
    uintptr_t words[2]; /* private, as all words */
    uint32_t depth, kind;
    const char *place; /* where it was made, and where it was taken, for reports */
    const void *taken;
    uintptr_t held[2];
};
/* clang-format off */
#define COIR_MUTEX_INIT {{0, 0}, 0, COIR_MUTEX_PLAIN, COIR_HERE, 0, {0, 0}}
#define COIR_MUTEX_INIT_RECURSIVE {{0, 0}, 0, COIR_MUTEX_RECURSIVE, COIR_HERE, 0, {0, 0}}
/* clang-format on */

COIR_EXPORT void coir_mutex_init(struct coir_mutex *mutex, enum coir_mutex_kind kind);
COIR_EXPORT void coir_mutex_fini(struct coir_mutex *mutex); /* held or waited for: stops the process */

/* First come, first served; cannot be canceled, so that clean-up can lock. -EDEADLK: the caller holds it already (plain
 * kind), or waiting for it would close a circle of tasks that wait for each other without a deadline; the log then names
 * them, what each waits for, and where that was taken. */
COIR_EXPORT COIR_MUSTCHECK int coir_mutex_lock(struct coir_mutex *mutex, coir_time deadline);

/* Its owner only: another task stops the process. */
COIR_EXPORT void coir_mutex_unlock(struct coir_mutex *mutex);

COIR_EXPORT struct coir_mutex *coir_mutex_hold(struct coir_mutex *mutex);
COIR_EXPORT void coir_mutex_drop(struct coir_mutex **mutex);
/* Suspends. Locked to the end of the block, on every way out. A deadlock stops the process here. */
#define COIR_HOLD(mutex) struct coir_mutex *COIR_UNIQUE(hold) COIR_UNTIL_END(coir_mutex_drop) = coir_mutex_hold(mutex)

COIR_END

#endif
