/* sched/lock.c: the slow paths of lock.h. */
#include "sched/lock.h"
#include "sched/graph.h"
#include "sched/worker.h"

enum { OLD = 1000000 }; /* ns: who waits longer is handed the lock wherever it is */

/* A wait's result: not the lock, but a chance to take it. */
enum { COMPETE = 1 };

/* A wait for a lock, and since when. */
struct lock_wait {
    struct cr_wait wait;
    coir_time since;
};

/* Takes the guard, or the lock itself if it is free: true. */
static bool
take_lock_or_guard(struct cr_lock *lock, uintptr_t mine, uintptr_t *seen)
{
    uintptr_t old = cr_load_rlx(&lock->word);
    for (uint32_t round = 0;; round++) {
        if (old & CR_GUARD) {
            cr_guard_spin(round);
            old = cr_load_rlx(&lock->word);
        } else if (!(old >> CR_LOCK_SHIFT) && !(old & CR_LOCK_CLOSED)) {
            if (cr_cas_acq(&lock->word, &old, mine | (old & CR_LOCK_WAITERS)))
                return true;
        } else if (cr_cas_acq(&lock->word, &old, old | CR_GUARD)) {
            *seen = old;
            return false;
        }
    }
}

static uintptr_t
with_waiters(const struct cr_lock *lock, uintptr_t state)
{
    return lock->first ? state | CR_LOCK_WAITERS : state & ~(uintptr_t)CR_LOCK_WAITERS;
}

int
cr_lock_wait(struct cr_lock *lock, struct coir_task *self, coir_time deadline, enum cr_lock_manner manner,
             const struct cr_edge *edge)
{
    uintptr_t mine = cr_load_rlx(&self->id) << CR_LOCK_SHIFT, seen;
    struct lock_wait waiting = {.since = 0};
    struct cr_wait *wait = &waiting.wait;
    for (bool again = false;; again = true) {
        int result;
        if (take_lock_or_guard(lock, mine, &seen))
            return 0;
        result = seen & CR_LOCK_CLOSED                            ? -EPIPE
                 : seen >> CR_LOCK_SHIFT == mine >> CR_LOCK_SHIFT ? -EDEADLK
                                                                  : cr_may_wait(deadline);
        if (result) {
            cr_guard_release(&lock->word, seen);
            return result;
        }
        /* Before the wait begins: from then on a plain thread's can be claimed by a canceler. */
        if (manner == CR_LOCK_DEAF)
            cr_store_rlx(&self->shield, cr_load_rlx(&self->shield) + 1);
        cr_wait_begin_for(wait, self, edge);
        if (again) {
            cr_waiters_prepend(&lock->first, wait);
        } else {
            CR_SHARED_WRITE(waiting.since) = cr_now();
            cr_waiters_append(&lock->first, wait);
        }
        cr_guard_release(&lock->word, seen | CR_LOCK_WAITERS);
        result = edge->kind->owners && cr_graph_closes(wait) ? -EDEADLK : cr_park(wait, deadline);
        if (manner == CR_LOCK_DEAF)
            cr_store_rlx(&self->shield, cr_load_rlx(&self->shield) - 1);
        if (cr_wait_is_linked(wait))
            cr_wait_withdraw(wait, &lock->word, &lock->first, CR_LOCK_WAITERS);
        if (result != COMPETE)
            return result;
    }
}

/* Whether the waiter gets the lock itself, or only a chance. */
static bool
deserves_it(const struct cr_wait *wait)
{
    const struct lock_wait *waiting = cr_container(wait, const struct lock_wait, wait);
    return cr_load_rlx(&wait->task->worker) == cr_here.worker || cr_now() - CR_SHARED_READ(waiting->since) > OLD;
}

void
cr_lock_hand_over(struct cr_lock *lock)
{
    uintptr_t state = cr_guard_take(&lock->word) & CR_LOCK_CLOSED;
    struct coir_task *next = NULL;
    struct cr_wait *wait;
    bool given = false;
    cr_always(cr_load_rlx(&lock->word) >> CR_LOCK_SHIFT == cr_load_rlx(&cr_here.task->id));
    while (!next && (wait = cr_waiters_first(&lock->first))) {
        given = deserves_it(wait);
        if (cr_wait_claim(wait, given ? 0 : COMPETE))
            next = CR_SHARED_READ(wait->task);
        cr_waiters_remove(&lock->first, wait);
    }
    if (next && given)
        state |= cr_load_rlx(&next->id) << CR_LOCK_SHIFT;
    cr_guard_release(&lock->word, with_waiters(lock, state));
    if (next)
        cr_unpark(next);
}

void
cr_lock_close(struct cr_lock *lock)
{
    uintptr_t state = cr_guard_take(&lock->word);
    struct cr_note *chain = cr_waiters_claim_all(&lock->first, -EPIPE);
    uint64_t owner = state >> CR_LOCK_SHIFT;
    struct coir_task *holder = owner ? cr_task_of_id(owner) : NULL;
    /* Visible before the holder is poked; it cannot give the lock back while the guard is held. */
    (void)cr_swap_sc(&lock->word, (state & ~(uintptr_t)CR_LOCK_WAITERS) | CR_LOCK_CLOSED | CR_GUARD);
    if (holder && holder != cr_here.task)
        cr_task_poke(holder, -EPIPE);
    cr_guard_release(&lock->word, (state & ~(uintptr_t)CR_LOCK_WAITERS) | CR_LOCK_CLOSED);
    cr_unpark_all(chain);
}
