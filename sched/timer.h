/* sched/timer.h: the deadlines of a worker's tasks: a heap with at most one entry a task, touched as rarely as possible.
 *
 * Parking with a deadline touches the heap only if it is earlier than the entry the task has; waking leaves the entry. An
 * entry that comes up is dropped, set to the later deadline its task has now, or ends the wait. So a read deadline that
 * moves forward costs two stores. Owner only. Arming never fails: room is made when a task is bound to the worker. */
#ifndef CR_TIMER_H
#define CR_TIMER_H

#include "sched/task.h"

struct cr_timer {
    coir_time key;
    struct coir_task *task;
};

struct cr_timers {
    struct cr_timer *heap;       /* four children a node; heap[0] is the earliest */
    uint32_t count, room, bound; /* entries; allocated; tasks that may need one */
};

int cr_timers_bind(struct cr_timers *timers);                            /* one more task; -ENOMEM */
void cr_timers_unbind(struct cr_timers *timers, struct coir_task *task); /* it has ended */
void cr_timers_fini(struct cr_timers *timers);
void cr_timers_arm(struct cr_timers *timers, struct coir_task *task); /* by task->deadline, earlier than its entry */

/* Ends the waits whose deadline is not after now. Entries that speak of no present wait are dropped on the way. */
void cr_timers_expire(struct cr_timers *timers, coir_time now);
/* The earliest deadline of a waiting task, COIR_NEVER if none. */
coir_time cr_timers_next(struct cr_timers *timers);

#endif
