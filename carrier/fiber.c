/* carrier/fiber.c: the task interface on fibers: starting, joining, cancelling, yielding, sleeping. */
#include "sched/graph.h"
#include "sched/runtime.h"

static const struct cr_edge_kind wake_up_kind = {.text = "the time to come"};
static const struct cr_edge wake_up = {.kind = &wake_up_kind};

int
coir_go(coir_function *function, void *arg, const struct coir_task_options *options, struct coir_task **task)
{
    return cr_go(coir_runtime_self(), function, arg, options, CR_NEAR, NULL, NULL, task);
}

int
coir_go_spread(coir_function *function, void *arg, const struct coir_task_options *options, struct coir_task **task)
{
    return cr_go(coir_runtime_self(), function, arg, options, CR_SPREAD, NULL, NULL, task);
}

int
coir_join(struct coir_task *task, int *result, coir_time deadline)
{
    return cr_join(task, result, deadline, __builtin_return_address(0));
}

void
coir_detach(struct coir_task *task)
{
    if (task)
        cr_release(task);
}

void
coir_cancel(struct coir_task *task)
{
    if (CR_MUTANT(CANCEL_BEFORE_FLAG))
        cr_task_poke(task, -ECANCELED);
    /* Sequentially consistent: the flag, then the worker; against cr_task_bind's worker, then flag. */
    if (!(cr_or_sc(&task->canceled, 1) & 1) && !CR_MUTANT(CANCEL_BEFORE_FLAG))
        cr_task_poke(task, -ECANCELED);
}

bool
coir_is_canceled(void)
{
    return cr_load_acq(&cr_task_self()->canceled) != 0;
}

int
coir_yield(void)
{
    struct coir_task *self = cr_task_self();
    struct cr_worker *worker = cr_here.worker;
    if (worker) {
        cr_worker_ready(worker, self);
        cr_context_leave(&self->context, &worker->loop);
    } else {
        cr_world.thread_pause();
    }
    return cr_enter(self, COIR_NEVER);
}

int
coir_sleep(coir_time deadline)
{
    struct coir_task *self = cr_task_self();
    struct cr_wait wait;
    int result = cr_enter(self, deadline);
    if (result || deadline <= cr_now())
        return result;
    cr_wait_begin_for(&wait, self, &wake_up);
    result = cr_park(&wait, deadline);
    return result == -ETIMEDOUT ? 0 : result;
}

int
coir_offload(coir_function *function, void *arg)
{
    return cr_offload(function, arg);
}

int
coir_shield_enter(void)
{
    struct coir_task *self = cr_task_self();
    cr_store_rlx(&self->shield, cr_load_rlx(&self->shield) + 1);
    return 0;
}

void
coir_shield_leave(const int *shield)
{
    struct coir_task *self = cr_task_self();
    (void)shield;
    cr_store_rlx(&self->shield, cr_load_rlx(&self->shield) - 1);
}

size_t
coir_stack_used(void)
{
    struct cr_worker *worker = cr_here.worker;
    return worker ? cr_stack_used(&worker->stacks, &cr_task_self()->stack) : 0;
}
