/* coir/condition.h: until something that a mutex protects has changed. */
#ifndef COIR_CONDITION_H
#define COIR_CONDITION_H

#include <coir/base.h>
#include <coir/mutex.h>

COIR_BEGIN

/* May be freed as soon as no call on it is to come. */
struct coir_condition {
    uintptr_t words[2]; /* private */
};
/* clang-format off */
#define COIR_CONDITION_INIT {{0, 0}}
/* clang-format on */

COIR_EXPORT void coir_condition_init(struct coir_condition *condition);
COIR_EXPORT void coir_condition_fini(struct coir_condition *condition); /* waited for: stops the process */

/* Gives the mutex up (a recursive one wholly, however often it is held), waits for a signal, takes the mutex again: it is
 * held on every return, also on -ETIMEDOUT and -ECANCELED, and as often as before. Who does not hold it stops the process.
 * What the signal was about may have changed again until the mutex is held, so one waits in a loop:
 *
 *     while (!ready)
 *         if ((error = coir_condition_wait(&changed, &mutex, deadline)))
 *             break;                  (after -ETIMEDOUT ready may have become true all the same: look once more)
 *
 * No wake-up without a signal; a signal is not spent on one that gives up at the same moment. */
COIR_EXPORT int coir_condition_wait(struct coir_condition *condition, struct coir_mutex *mutex, coir_time deadline);

/* Wakes the one that has waited longest, if any does. Whoever changes what is waited for does so under the mutex; it may
 * signal after it has given it up. Does not suspend. */
COIR_EXPORT void coir_condition_signal(struct coir_condition *condition);

/* Wakes all that wait now. Does not suspend. */
COIR_EXPORT void coir_condition_broadcast(struct coir_condition *condition);

COIR_END

#endif
