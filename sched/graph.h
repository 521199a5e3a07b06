/* sched/graph.h: who waits for whom, and the call that would close a circle.
 *
 * A wait for something that other tasks have in their hands carries an edge. The task hangs itself on the object's list, and
 * then, before it sleeps, goes along the edges: from the owners of what it wants to what those wait for, to its owners.
 * If it comes back to itself nobody in the circle would ever run again. An edge is created only by going to sleep
 * (ownership goes only to tasks that run or have been claimed), so the last to publish its edge closes the circle, and the
 * fence after publishing lets it see all others.
 *
 * A wait with several owners (a scope's tasks, the readers of a lock) ends when all of them have let go, so each single
 * one of them may close a circle. (Waits that end when any of several does have no edge.)
 *
 * No false report: the way is gone twice under one guard, and each task on it must be seen waiting in the same epoch both
 * times, so all of them were blocked all the time in between, and a blocked task neither takes nor gives. Edges with a
 * deadline open by themselves: a circle with one in it (other than the asker's own) is a correct program that tries again;
 * and so is one with a wait that a cancel on its way, or the limit of a scope, is going to end.
 *
 * A task is pinned (bits of its claim word) while its wait is read: it does not leave that wait, so the wait, the edge and
 * the object are alive, and what it holds it goes on holding. What is not seen: more than four readers of a lock, barriers, and
 * more than 1,024 tasks on the way. */
#ifndef CR_GRAPH_H
#define CR_GRAPH_H

#include "sched/park.h"

/* A kind of thing that tasks wait for while others have it. */
struct cr_edge_kind {
    /* Who has it: their ids, at most so many; how many. NULL: a wait that belongs to nobody. Read while whoever waits is
     * pinned. */
    uint32_t (*owners)(const void *object, uint64_t *ids, uint32_t most);
    /* "the mutex made at F:L, taken at P": what is waited for, and where its owner got it. Also of one that is held. */
    void (*describe)(const void *object, char *text, size_t size);
    const char *text; /* instead, if there is nothing to find out */
    uint32_t held_at; /* of locks: where in the object its struct cr_held is */
};

/* On the stack of the call that waits; static if all of it is. */
struct cr_edge {
    const struct cr_edge_kind *kind;
    const void *object;
    const void *where; /* the address the call returns to; NULL: the wait knows */
    bool timed;        /* it has a deadline */
    bool cancelable;   /* cancel ends it, unless the task is shielded */
    bool must;         /* the call cannot answer -EDEADLK: it is reported and sleeps */
};

/* After cr_wait_begin_for and after the guard was released, before the task sleeps: whether the wait closes a circle. Then
 * it is over (as after cr_wait_abandon), it has been reported, and the caller takes it off its list and answers -EDEADLK.
 * After false it sleeps. */
bool cr_graph_closes(struct cr_wait *wait);

/* cr_wait_in (park.h) for what has owners: -EDEADLK, too. */
int cr_wait_in_circle(struct cr_wait *wait, struct coir_task *self, const struct cr_edge *edge,
                      CR_ATOMIC(uintptr_t) * word, uintptr_t state, uintptr_t *first, uintptr_t mark,
                      coir_time deadline);

/* Keeps the task with this id in the wait it is in, so that task->wait and all it points to may be read: its claim word
 * without pins; 0: it does not wait. Not for long: it cannot go on meanwhile. */
uint64_t cr_task_pin(struct coir_task *task, uint64_t id);
void cr_task_unpin(struct coir_task *task);

/* "the mutex made at ..." or the kind's text. text. */
char *cr_edge_text(const struct cr_edge_kind *kind, const void *object, char *text, size_t size);

/* carrier/scope.c says whether a scope's limit, or the limit of one around it, will cancel the task, which is pinned or
 * inside; NULL: there are no scopes. */
typedef bool cr_graph_limited(const struct coir_task *task);
extern CR_ATOMIC(cr_graph_limited *) cr_graph_is_limited;

/* ---- What a task holds ----
 *
 * A lock has one of these in it while it is held; the task links them, the last taken first. The owner's own business, but
 * that the list of a pinned task may be read: a task that waits neither takes nor gives. */
struct cr_held {
    struct cr_held *next;
    const struct cr_edge_kind *kind;
};

static inline void
cr_held_push(struct coir_task *self, struct cr_held *held, const struct cr_edge_kind *kind)
{
    CR_SHARED_WRITE(held->kind) = kind;
    CR_SHARED_WRITE(held->next) = self->held;
    CR_SHARED_WRITE(self->held) = held;
}

/* Whether it is the one taken last, so that it is surely the task's. */
static inline bool
cr_held_is_last(const struct coir_task *self, const struct cr_held *held)
{
    return self->held == held;
}

void cr_held_drop_other(struct coir_task *self, struct cr_held *held);

/* Before the lock is given up. */
static inline void
cr_held_drop(struct coir_task *self, struct cr_held *held)
{
    if (cr_likely(cr_held_is_last(self, held)))
        CR_SHARED_WRITE(self->held) = held->next;
    else
        cr_held_drop_other(self, held);
}

/* sync/rwlock.c says the same as cr_held_check of the task's read locks. Set before main. */
typedef void cr_graph_tell(const struct coir_task *task, const char *bottom, const char *top);
extern cr_graph_tell *cr_graph_tell_reads;

/* Whether cr_held_check may have something to say. */
static inline bool
cr_held_any(const struct coir_task *self)
{
    return self->held || cr_here.reads;
}

/* At a task's end: says what it holds, if anything. What lay on its stack, from bottom up to top, is no more. */
void cr_held_check(const struct coir_task *task, const void *bottom, const void *top);

#endif
