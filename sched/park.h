/* sched/park.h: the one place where tasks sleep, and the one where they are woken.
 *
 * A primitive that has to make its caller wait does so by cr_wait_in, which is:
 *
 *     under its guard, after it has seen that the caller must wait:
 *         cr_wait_begin(&wait, task);  put &wait.link on its list;  release the guard
 *     result = cr_park(&wait, deadline);
 *     if (cr_wait_is_linked(&wait)) under the guard: take it off the list      (only after a time-out or cancel)
 *
 * A primitive that wakes:
 *
 *     under its guard: find a wait; cr_wait_claim(wait, result); if that succeeds take it off its list, else try the next;
 *     publish the new state with the same store that releases the guard; cr_unpark(task)
 *
 * After the guard is released the waker touches only the task, never the object: so an object may be freed as soon as a
 * call on it has returned. A fiber needs no handshake against being woken before its switch is done: only its own worker's
 * thread can resume it, and that thread is inside the switch. */
#ifndef CR_PARK_H
#define CR_PARK_H

#include "base/mutant.h"
#include "base/time.h"
#include "sched/task.h"

/* What a task leaves behind while it waits; on its stack. */
struct cr_wait {
    struct cr_list link; /* in the object's list; under its guard */
    struct coir_task *task;
    uint64_t epoch;
    /* Owner only: ends the wait with why. NULL: claims it and makes the task ready. */
    void (*interrupt)(struct cr_wait *wait, int why);
    const CR_ATOMIC(uintptr_t) *
        closed; /* a word that says so by the bit closed_bit: the wait ends with -EPIPE; or NULL */
    uintptr_t closed_bit;
    /* What it waits for (graph.h), where, and since when, roughly. Read by who has pinned us. */
    const struct cr_edge *edge; /* NULL: nothing to speak of */
    const void *where;          /* the address our caller returns to */
    coir_time since;            /* by cr_here.now; a plain thread's is in its task */
    CR_ATOMIC(bool) linked;     /* set and cleared under the guard; clearing is the last that a waker does to a wait */
    bool won; /* the claim was made through it; of use where a task waits in several places (several.h) */
} __attribute__((aligned(16)));

/* What a call with a deadline answers before it does anything: 0 or -ECANCELED. A span stops the process. */
static inline int
cr_enter(const struct coir_task *task, coir_time deadline)
{
    cr_check_deadline(deadline);
    if (cr_unlikely(cr_load_acq(&task->canceled)) && deadline != COIR_NOW && !cr_load_rlx(&task->shield))
        return -ECANCELED;
    return 0;
}

/* What it answers instead of waiting: 0: it may wait. A moment that has passed is found by the timer. */
static inline int
cr_may_wait(coir_time deadline)
{
    return deadline == COIR_NOW ? -EAGAIN : 0;
}

struct cr_edge;

/* edge: of graph.h, or NULL; read by others from here on. Part of its caller, whose own caller's place is noted. */
static inline __attribute__((always_inline)) void
cr_wait_begin_for(struct cr_wait *wait, struct coir_task *task, const struct cr_edge *edge)
{
    uint64_t epoch = (cr_load_rlx(&task->claim) >> CR_CLAIM_SHIFT) + !CR_MUTANT(NO_EPOCH);
    CR_SHARED_WRITE(wait->task) = task;
    CR_SHARED_WRITE(wait->epoch) = epoch;
    wait->interrupt = NULL;
    wait->closed = NULL;
    CR_SHARED_WRITE(wait->edge) = edge;
    CR_SHARED_WRITE(wait->where) = __builtin_return_address(0);
    CR_SHARED_WRITE(wait->since) = cr_here.now;
    cr_store_rlx(&wait->linked, false);
    CR_SHARED_WRITE(task->wait) = wait;
    cr_store_rel(&task->claim, epoch << CR_CLAIM_SHIFT | CR_WAITING); /* pairs with cr_wait_claim, and pin in graph.c */
}

static inline __attribute__((always_inline)) void
cr_wait_begin(struct cr_wait *wait, struct coir_task *task)
{
    cr_wait_begin_for(wait, task, NULL);
}

/* Whether the caller is the one who ends this wait. wait is alive: found on its list under the guard, or the caller is the
 * task's owner and it is parked. */
static inline bool
cr_wait_claim(struct cr_wait *wait, int result)
{
    struct coir_task *task = CR_SHARED_READ(wait->task);
    uint64_t waiting = CR_SHARED_READ(wait->epoch) << CR_CLAIM_SHIFT | CR_WAITING, old = waiting;
    if (CR_MUTANT(CLAIM_BY_STORE) && cr_load_acq(&task->claim) == old)
        cr_store_rel(&task->claim, old ^ CR_WAITING ^ CR_CLAIMED);
    else
        while (cr_unlikely(!cr_cas_ar(&task->claim, &old, old ^ CR_WAITING ^ CR_CLAIMED)))
            if ((old & ~(uint64_t)CR_CLAIM_PINS) != waiting) /* else somebody has just pinned it, or let it go */
                return false;
    CR_SHARED_WRITE(task->result) = result;
    CR_SHARED_WRITE(wait->won) = true;
    return true;
}

static inline bool
cr_wait_is_linked(const struct cr_wait *wait)
{
    return cr_load_acq(&wait->linked); /* pairs with cr_waiters_remove */
}

/* Makes a claimed task ready. Only by the winner, after the guard was released. */
void cr_unpark(struct coir_task *task);

/* Until nobody reads our wait any more. */
void cr_wait_unpinned(struct coir_task *task);

/* The task runs again. */
static inline void
cr_wait_over(struct cr_wait *wait)
{
    if (cr_unlikely(cr_load_acq(&wait->task->claim) & CR_CLAIM_PINS) &&
        !CR_MUTANT(PINS_OVERLOOKED)) /* pairs with unpin in graph.c */
        cr_wait_unpinned(wait->task);
    wait->task->wait = NULL;
    cr_store_rel(&wait->task->claim, wait->epoch << CR_CLAIM_SHIFT | CR_RUNNING);
}

/* cr_park in all cases but the usual one. */
int cr_park_carefully(struct cr_wait *wait, coir_time deadline);

/* After cr_wait_begin: sleeps until claimed; what the winner said. The usual case (a fiber, not canceled, whose timer need
 * not move) is part of the caller, and nothing is kept in a register over the switch: the switch saves all registers a
 * caller may rely on, so every function between that keeps some, too, saves them twice. */
static inline int
cr_park(struct cr_wait *wait, coir_time deadline)
{
    struct cr_worker *worker = cr_here.worker;
    struct coir_task *task = wait->task;
    if (cr_unlikely(!worker || wait->closed || (cr_load_rlx(&task->canceled) && !CR_MUTANT(NO_LOOK_BEFORE_SLEEP)) ||
                    deadline < task->heap_key))
        return cr_park_carefully(wait, deadline);
    task->deadline = deadline;
    cr_context_leave(&task->context, (struct cr_context *)worker); /* its first member is the loop */
    task = cr_here.task;
    task->deadline = COIR_NEVER;
    cr_wait_over(task->wait);
    return CR_SHARED_READ(task->result);
}

/* After cr_wait_begin, before the wait is on any list: it need not be after all. */
void cr_wait_abandon(struct cr_wait *wait);

/* Why the wait should end: 0, -ECANCELED or -EPIPE. By the task itself or its owner. */
int cr_wait_reason(const struct cr_wait *wait);

/* "Look at yourself": the task's owner ends its wait if it is canceled (-ECANCELED) or what it waits in is closed
 * (-EPIPE); why is the caller's reason. The caller has made the reason visible before (sequentially consistent), and keeps the block alive: by a
 * handle, a scope's guard, or a guard under which the task holds something. */
void cr_task_poke(struct coir_task *task, int why);

/* The second half for a fiber: worker is where it was when that was looked up; it may have ended since. */
void cr_task_note(struct coir_task *task, struct cr_worker *worker);

/* The owner's part of that, between two fibers. */
void cr_task_look(struct coir_task *task);

/* ---- Guards: a bit of a word under which an object's list and state change. Never held over a park. ---- */

enum { CR_GUARD = 1 };

void cr_guard_spin(uint32_t round); /* pauses; from time to time lets other threads run */

/* Takes the guard: what else was in the word. */
static inline uintptr_t
cr_guard_take(CR_ATOMIC(uintptr_t) * word)
{
    uintptr_t old = cr_load_rlx(word) & ~(uintptr_t)CR_GUARD;
    for (uint32_t round = 0; !cr_cas_acq(word, &old, old | CR_GUARD);
         round++) { /* pairs with release and with fast paths */
        if (old & CR_GUARD) {
            cr_guard_spin(round);
            old = cr_load_rlx(word);
        }
        old &= ~(uintptr_t)CR_GUARD;
    }
    return old;
}

/* Publishes the new state and with it gives the guard back: the last touch of the object. */
static inline void
cr_guard_release(CR_ATOMIC(uintptr_t) * word, uintptr_t state)
{
    cr_store_rel(word, state);
}

/* At an object's end: whether somebody waits for it, also if that one is just beginning to. */
static inline bool
cr_is_waited_for(CR_ATOMIC(uintptr_t) * word, uintptr_t mark)
{
    uintptr_t state = cr_guard_take(word);
    cr_guard_release(word, state);
    return state & mark;
}

/* Lists of waits hang by a pointer to the first, so that zero is an empty list in a static initialiser. Under the guard. */
static inline void
cr_waiters_append(uintptr_t *first, struct cr_wait *wait)
{
    (void)CR_SHARED_WRITE(wait->link);
    if (CR_SHARED_WRITE(*first)) {
        cr_list_append((struct cr_list *)*first, &wait->link);
    } else {
        cr_list_init(&wait->link);
        *first = (uintptr_t)&wait->link;
    }
    cr_store_rlx(&wait->linked, true);
}

static inline void
cr_waiters_prepend(uintptr_t *first, struct cr_wait *wait)
{
    cr_waiters_append(first, wait);
    *first = (uintptr_t)&wait->link;
}

static inline void
cr_waiters_remove(uintptr_t *first, struct cr_wait *wait)
{
    if (!cr_load_rlx(&wait->linked))
        return;
    (void)CR_SHARED_WRITE(wait->link);
    if (CR_SHARED_WRITE(*first) == (uintptr_t)&wait->link)
        *first = wait->link.next == &wait->link ? 0 : (uintptr_t)wait->link.next;
    cr_list_remove(&wait->link);
    cr_store_rel(&wait->linked, false); /* pairs with cr_wait_is_linked */
}

static inline struct cr_wait *
cr_waiters_first(const uintptr_t *first)
{
    return CR_SHARED_READ(*first) ? cr_container(*first, struct cr_wait, link) : NULL;
}

/* After a time-out or cancel: takes the wait off the list, under the guard; when nobody is left there the word loses mark. */
void cr_wait_withdraw(struct cr_wait *wait, CR_ATOMIC(uintptr_t) * word, uintptr_t *first, uintptr_t mark);

/* Waits at the end of the list of an object whose guard the caller holds, and gives the guard back: state is what else is
 * to be in the word. While somebody is on the list the word has the bits mark, too (0: the object has no use for that).
 * What ended the wait, or why it may not wait at all. wait is the caller's because it may have more to it. edge says what
 * it is for; one that has owners goes through cr_wait_in_circle (graph.h) instead. */
static inline __attribute__((always_inline)) int
cr_wait_in(struct cr_wait *wait, struct coir_task *self, const struct cr_edge *edge, CR_ATOMIC(uintptr_t) * word,
           uintptr_t state, uintptr_t *first, uintptr_t mark, coir_time deadline)
{
    int result = cr_may_wait(deadline);
    if (result) {
        cr_guard_release(word, state);
        return result;
    }
    cr_wait_begin_for(wait, self, edge);
    cr_waiters_append(first, wait);
    cr_guard_release(word, state | mark);
    result = cr_park(wait, deadline);
    if (cr_wait_is_linked(wait) && !CR_MUTANT(UNLINK_SKIPPED))
        cr_wait_withdraw(wait, word, first, mark);
    return result;
}

/* Takes waits off until one of them could be claimed with result: its task, to be unparked after the guard; NULL: none. */
struct coir_task *cr_waiters_claim(uintptr_t *first, int result);

/* Claims all; the tasks as a chain for cr_unpark_all. */
struct cr_note *cr_waiters_claim_all(uintptr_t *first, int result);
void cr_unpark_all(struct cr_note *chain);

#endif
