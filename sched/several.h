/* sched/several.h: a task that waits in several places at once, and goes on with the first that wakes it.
 *
 * A branch is one of the places. The task begins one wait, and hangs one more record on the list of each object; all of them
 * name the same epoch, so the claim word that decides between wake-up, time-out and cancel decides between wakers, too: one
 * of them wins, the others find the claim taken, and what they have to give goes to the next in line. The record through
 * which the claim was made says so, and the task takes all others off their lists before it goes on. An object may be freed
 * when no call on it is to come, as ever: this one is on all of its objects until it returns.
 *
 * Nothing is locked twice at once, so there is no order of objects to keep. An object that has what is wanted is not hung
 * on: then the wait ends at once, and the caller tries each again. That somebody else takes it meanwhile is progress, too. */
#ifndef CR_SEVERAL_H
#define CR_SEVERAL_H

#include "sched/park.h"

/* A wait with an item's place: where to put it, or where it is. */
struct cr_item_wait {
    struct cr_wait wait;
    void *item;
};

struct cr_branch {
    struct cr_item_wait hook;
    void *object;
    const struct cr_branch_kind *kind; /* NULL: this one is skipped */
    uint32_t order;                    /* the caller's */
};

struct cr_branch_kind {
    /* Puts the record on the object's list, under its guard; false: there is no need to wait, and nothing hangs. */
    bool (*hang)(struct cr_branch *branch);
    /* Takes it off, if it still hangs. After it nobody else looks at the record. */
    void (*unhang)(struct cr_branch *branch);
};

/* The end of a task, whose handle is the object; as in coir_join one at a time waits for it. sched/finish.c */
extern const struct cr_branch_kind cr_branch_end;

enum { CR_BRANCHES_FEW = 8 }; /* so many without memory */

/* count branches, few if they are enough: to be given back. NULL: no memory. */
struct cr_branch *cr_branches_new(struct cr_branch few[CR_BRANCHES_FEW], size_t count);
void cr_branches_free(struct cr_branch few[CR_BRANCHES_FEW], struct cr_branch *branches);

enum { CR_BRANCH_READY = -EINTR };

/* Waits in all of them; the caller has seen that none has what is wanted. Which one woke it, and *result what its waker
 * said; CR_BRANCH_READY: one of them need not wait any more; -ETIMEDOUT, -ECANCELED. Nothing hangs then. */
int cr_await_first(struct coir_task *self, struct cr_branch *branches, size_t count, coir_time deadline, int *result);

#endif
