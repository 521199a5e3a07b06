/* sched/lock.h: a lock with an owner, in two words: what a mutex and each direction of a stream are made of.
 *
 *     word = owner's id << 3 | CLOSED | WAITERS | GUARD
 *
 * Free is 0 (or CLOSED). Locking a free one is one compare-and-swap, unlocking one that nobody waits for another; all
 * else happens under the guard bit. Hand-over: the next owner is claimed first and published by the store that releases
 * the guard, so the lock may be freed by it at once. To a waiter that runs on this worker, or that has waited for more
 * than a millisecond, the lock is handed over; a younger one elsewhere is woken to compete, because a lock that waits for
 * another thread to wake up is a lock that nobody uses (5 us a turn). It queues again at the head.
 *
 * A closed lock lets nobody in any more: those that wait and those that come get -EPIPE, and the owner's waits end. */
#ifndef CR_LOCK_H
#define CR_LOCK_H

#include "sched/park.h"

enum { CR_LOCK_WAITERS = 2, CR_LOCK_CLOSED = 4, CR_LOCK_SHIFT = 3 };

struct cr_lock {
    CR_ATOMIC(uintptr_t) word;
    uintptr_t first; /* of the waits; under the guard */
};

enum cr_lock_manner { CR_LOCK_CANCELABLE, CR_LOCK_DEAF }; /* deaf: cancel does not end the waiting */

/* The slow path of cr_lock_take. edge: what others are told we wait for (graph.h); -EDEADLK if that has owners and closes a circle. */
int cr_lock_wait(struct cr_lock *lock, struct coir_task *self, coir_time deadline, enum cr_lock_manner manner,
                 const struct cr_edge *edge);
void cr_lock_hand_over(struct cr_lock *lock); /* by its owner */

/* If it is free and nobody waits. */
static inline bool
cr_lock_try(struct cr_lock *lock, const struct coir_task *self)
{
    uintptr_t none = 0;
    return cr_cas_acq(&lock->word, &none, cr_load_rlx(&self->id) << CR_LOCK_SHIFT); /* pairs with give */
}

/* 0, -EAGAIN, -ETIMEDOUT, -ECANCELED, -EPIPE (closed), -EDEADLK (held by the caller). */
static inline int
cr_lock_take(struct cr_lock *lock, struct coir_task *self, coir_time deadline, enum cr_lock_manner manner,
             const struct cr_edge *edge)
{
    return cr_likely(cr_lock_try(lock, self)) ? 0 : cr_lock_wait(lock, self, deadline, manner, edge);
}

static inline bool
cr_lock_is_mine(const struct cr_lock *lock, const struct coir_task *self)
{
    return cr_load_rlx(&lock->word) >> CR_LOCK_SHIFT == cr_load_rlx(&self->id);
}

/* By its owner. */
static inline void
cr_lock_give(struct cr_lock *lock, struct coir_task *self)
{
    uintptr_t mine = cr_load_rlx(&self->id) << CR_LOCK_SHIFT;
    if (CR_MUTANT(GIVE_BY_STORE) && cr_load_acq(&lock->word) == mine)
        cr_store_rel(&lock->word, 0);
    else if (cr_unlikely(!cr_cas_rel(&lock->word, &mine, 0))) /* pairs with take; after this the lock is not touched */
        cr_lock_hand_over(lock);
}

static inline bool
cr_lock_is_closed(const struct cr_lock *lock)
{
    return cr_load_acq(&lock->word) & CR_LOCK_CLOSED;
}

/* For good, from any task. */
void cr_lock_close(struct cr_lock *lock);

#endif
