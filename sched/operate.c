/* sched/operate.c: a fiber gives its operation to its worker's backend and parks; a plain thread tries, and sleeps in
 * ppoll between tries. What cannot be waited for (regular files) is done on a helper thread.
 *
 * The end of a wait by deadline, cancel or abort goes through the backend: cancel asks, and the operation comes back
 * through reap like any other; only then the task is made ready. So a record never outlives its frame. */
#include "sched/operate.h"
#include "backend/block.h"
#include "backend/file_call.h"
#include "base/fault.h"
#include "sched/feed.h"
#include "sched/runtime.h"

#include <stdio.h>

/* Owner only, while the task is parked. The first reason stands. */
static void
interrupt(struct cr_wait *wait, int why)
{
    struct cr_pending *pending = cr_container(wait, struct cr_pending, wait);
    if (pending->why)
        return;
    pending->why = why;
    cr_here.worker->backend->cancel(cr_here.worker->backend_self, &pending->op);
}

void
cr_operation_done(struct cr_worker *worker, struct cr_op *op)
{
    struct cr_pending *pending = cr_container(op, struct cr_pending, op);
    struct coir_task *task = pending->wait.task;
    cr_always(cr_wait_claim(&pending->wait, 0)); /* nobody else may: interrupt only asks */
    worker->returned++;
    cr_worker_ready(worker, task);
}

static int
block(void *arg)
{
    return cr_operation_block(arg);
}

static int
by_kernel(struct cr_pending *pending, int result)
{
    pending->kernel_failed = result < 0;
    return result;
}

/* What start answers when the backend cannot wait for this descriptor. */
static int
not_by_backend(struct cr_worker *worker, struct cr_op *op, int answer)
{
    static const char *const calls[CR_OP_KINDS] = {
        [CR_OP_RECEIVE] = "read",
        [CR_OP_SEND] = "write",
        [CR_OP_READ] = "read",
        [CR_OP_WRITE] = "write",
        [CR_OP_ACCEPT] = "accept",
        [CR_OP_CONNECT] = "dial",
        [CR_OP_RECEIVE_MESSAGE] = "receive",
        [CR_OP_SEND_MESSAGE] = "send",
        [CR_OP_READABLE] = "wait",
        [CR_OP_WRITABLE] = "wait",
        [CR_OP_FILE] = "file",
    };
    if (answer == CR_BLOCKS)
        return cr_offload(block, op);
    return cr_fail(-ERANGE,
                   "%s: the %s backend cannot wait for descriptor %d, only for numbers below %d; another backend can "
                   "(COIR_BACKEND=epoll)",
                   calls[op->kind], worker->backend->name, op->fd, worker->backend->numbers);
}

static inline bool
has_feed(const struct cr_op *op)
{
    return op->feeding && cr_load_rlx(&op->feeding->feed);
}

static int
operate_fiber(struct cr_pending *pending, const struct cr_lock *side, coir_time deadline)
{
    struct cr_worker *worker = cr_here.worker;
    pending->why = 0;
    pending->op.try_only = deadline == COIR_NOW;
    for (;;) {
        int result;
        if (has_feed(&pending->op)) {
            result = cr_feed_come_first(pending, side, pending->op.try_only ? COIR_NOW : deadline);
            if (result != CR_PENDING)
                return result == -EAGAIN && pending->why ? pending->why : result;
        }
        result = worker->backend->start(worker->backend_self, &pending->op);
        if (cr_unlikely(result == CR_BLOCKS || result == CR_BEYOND))
            return not_by_backend(worker, &pending->op, result);
        if (result != CR_PENDING)
            return result == -EAGAIN && pending->why ? pending->why : by_kernel(pending, result);
        cr_wait_begin_for(&pending->wait, cr_here.task, &pending->edge);
        pending->wait.interrupt = interrupt;
        pending->wait.closed = side ? &side->word : NULL;
        pending->wait.closed_bit = CR_LOCK_CLOSED;
        worker->in_flight++;
        CR_STEP(1); /* JOURNEY 1: the backend has the operation; the fiber parks */
        (void)cr_park(&pending->wait, deadline);
        CR_STEP(4); /* JOURNEY 4: the fiber goes on; unless the backend has received already, it does so now */
        worker->in_flight--;
        worker->returned--;
        result = pending->op.result;
        if (pending->why == -EPIPE) {
            if (pending->op.kind == CR_OP_ACCEPT && result >= 0)
                (void)cr_world.close(result); /* the kernel was faster, and nobody wants it any more */
            return -EPIPE;
        }
        if (result != CR_AGAIN && result != -ECANCELED)
            return by_kernel(pending, result);
        pending->op.try_only = pending->why != 0; /* once more: what has arrived is not left behind */
    }
}

/* Sleeps until the operation may be worth another try: 0, or why not to try any more. */
static int
wait_as_thread(struct cr_pending *pending, const struct cr_lock *side, struct coir_task *self, coir_time deadline)
{
    struct cr_wait *wait = &pending->wait;
    int result;
    if (self->bell < 0) {
        int bell = cr_block.bell_open();
        if (bell < 0)
            return bell;
        self->bell = bell;
    }
    cr_store_rlx(&self->heap_key, cr_now());
    cr_store_rlx(&self->futex, CR_LISTENING); /* before it can be claimed: who claims it finds this and rings */
    cr_wait_begin_for(wait, self, &pending->edge);
    wait->closed = side ? &side->word : NULL;
    wait->closed_bit = CR_LOCK_CLOSED;
    cr_fence_sc(); /* as in park_thread */
    result = cr_wait_reason(wait);
    if (!result)
        result = cr_block.wait(&pending->op, self->bell, deadline);
    if (!cr_wait_claim(wait, result)) {                      /* somebody ended it: the ring is coming */
        cr_block.bell_hush(self->bell);                      /* a ring left behind would end the next wait, for ever */
        cr_always(cr_load_acq(&self->futex) == CR_NOTIFIED); /* pairs with the swap in cr_unpark */
        result = self->result;
    }
    cr_store_rlx(&self->futex, CR_AWAKE);
    cr_wait_over(wait);
    return result;
}

static int
operate_thread(struct cr_pending *pending, const struct cr_lock *side, coir_time deadline)
{
    struct coir_task *self = cr_task_self();
    pending->op.try_only = deadline == COIR_NOW;
    if (has_feed(&pending->op)) {
        int result = cr_feed_come_first(pending, side, deadline);
        if (result != CR_PENDING)
            return result;
    }
    for (;;) {
        int result = cr_operation_try(&pending->op);
        if ((result != -EAGAIN && result != CR_AGAIN) || deadline == COIR_NOW)
            return by_kernel(pending, result);
        result = wait_as_thread(pending, side, self, deadline);
        if (result == -EPIPE)
            return result;
        if (result) {
            int late;
            pending->op.try_only = true;
            late = cr_operation_try(&pending->op);
            return late == -EAGAIN ? result : by_kernel(pending, late);
        }
    }
}

static void
describe(const void *object, char *text, size_t size)
{
    static const char *const kinds[CR_OP_KINDS] = {
        [CR_OP_RECEIVE] = "bytes from",
        [CR_OP_SEND] = "room to write to",
        [CR_OP_READ] = "bytes from",
        [CR_OP_WRITE] = "room to write to",
        [CR_OP_ACCEPT] = "a connection at",
        [CR_OP_CONNECT] = "the peer's answer on",
        [CR_OP_RECEIVE_MESSAGE] = "a message at",
        [CR_OP_SEND_MESSAGE] = "room to send to",
        [CR_OP_READABLE] = "news on",
        [CR_OP_WRITABLE] = "room on",
    };
    const struct cr_op *op = object;
    if (op->kind == CR_OP_FILE) {
        snprintf(text, size, "the file system, to %s", cr_file_call_name(op->data));
        return;
    }
    snprintf(text, size, "%s descriptor %d", kinds[op->kind], op->fd);
}

static const struct cr_edge_kind kind = {.describe = describe};

int
cr_operate(struct cr_pending *pending, const struct cr_lock *side, coir_time deadline)
{
    return cr_operate_for(pending, NULL, side, deadline);
}

int
cr_operate_for(struct cr_pending *pending, const struct cr_edge *edge, const struct cr_lock *side, coir_time deadline)
{
    pending->kernel_failed = false;
    pending->edge = edge ? *edge : (struct cr_edge){.kind = &kind, .object = &pending->op};
    if (side && cr_lock_is_closed(side))
        return -EPIPE;
    return cr_here.worker ? operate_fiber(pending, side, deadline) : operate_thread(pending, side, deadline);
}
