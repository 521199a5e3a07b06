/* sched/graph.h: who waits for whom, and the call that would close a circle.
 *
 * A wait for something that another task has in its hands carries an edge. The task hangs itself on the object's list, and
 * then, before it sleeps, goes along the edges: from the owner of what it wants to what that one waits for, to its owner.
 * If it comes back to itself nobody in the circle would ever run again. An edge is created only by going to sleep
 * (ownership goes only to tasks that run or have been claimed), so the last to publish its edge closes the circle, and the
 * fence after publishing lets it see all others.
 *
 * No false report: the way is gone twice under one guard, and each task on it must be seen waiting in the same epoch both
 * times, so all of them were blocked all the time in between, and a blocked task neither takes nor gives. Edges with a
 * deadline open by themselves: a circle with one in it (other than the asker's own) is a correct program that tries again.
 *
 * A task is pinned (bits of its claim word) while its wait is read: it does not leave that wait, so the wait, the edge and
 * the object are alive. What is not seen: edges with several owners (readers of a lock, a barrier, a scope's tasks), and
 * circles longer than 1,024. */
#ifndef CR_GRAPH_H
#define CR_GRAPH_H

#include "sched/park.h"

/* A kind of thing that tasks wait for while another one has it. */
struct cr_edge_kind {
    /* Who has it: a task's id; 0: nobody. Read while whoever waits is pinned. */
    uint64_t (*owner)(const void *object);
    /* "the mutex made at F:L, taken at P": what is waited for, and where its owner got it. Only once a circle is sure. */
    void (*describe)(const void *object, char *text, size_t size);
};

/* On the stack of the call that waits. */
struct cr_edge {
    const struct cr_edge_kind *kind;
    const void *object;
    const void *where; /* the address the call returns to */
    bool timed;        /* it has a deadline, or cancel may end it soon */
};

/* After cr_wait_begin_for and after the guard was released, before the task sleeps: whether the wait closes a circle. Then
 * it is over (as after cr_wait_abandon), it has been reported, and the caller takes it off its list and answers -EDEADLK.
 * After false it sleeps. */
bool cr_graph_closes(struct cr_wait *wait);

#endif
