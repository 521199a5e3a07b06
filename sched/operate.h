/* sched/operate.h: an operation as something to wait for. */
#ifndef CR_OPERATE_H
#define CR_OPERATE_H

#include "backend/operation.h"
#include "sched/graph.h"
#include "sched/lock.h"
#include "sched/worker.h"

/* An operation, the wait for it, and why the wait was ended before it was done. In the frame of the call. */
struct cr_pending {
    struct cr_op op; /* filled in by the caller; the rest is cr_operate's */
    struct cr_wait wait;
    struct cr_edge edge; /* what it is about */
    int why;
    bool kernel_failed; /* the result is the kernel's own, not about our waiting */
};

/* Carries the operation out and waits for it: its result, or -EAGAIN, -ETIMEDOUT, -ECANCELED, or -EPIPE once side (held by
 * the caller; may be NULL) is closed. The kernel's result wins: what arrived is returned even when it is late. The caller
 * has done cr_enter. */
int cr_operate(struct cr_pending *pending, const struct cr_lock *side, coir_time deadline);
/* The same, for what others are told by this edge; NULL: by the descriptor. */
int cr_operate_for(struct cr_pending *pending, const struct cr_edge *edge, const struct cr_lock *side,
                   coir_time deadline);

/* The loop's part: what came back from the backend. */
void cr_operation_done(struct cr_worker *worker, struct cr_op *op);

#endif
