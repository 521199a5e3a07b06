/* sched/finish.c: the beginning of a task's life on a worker, and its end: who is told, and who frees the block. */
#include "sched/debt.h"
#include "sched/graph.h"
#include "sched/runtime.h"
#include "sched/several.h"

#include <stdio.h>

/* ---- Beginning ---- */

/* The first frame of every fiber. */
static void
fiber_main(void *arg)
{
    struct coir_task *task = arg;
    int result;
    cr_context_arrived(&task->context);
    result = CR_SHARED_READ(task->function)(task->arg);
    if (cr_unlikely(!cr_here.worker))
        (void)cr_task_self(); /* stops a forked child, which has no loop to go back to */
    if (task->locals)
        cr_locals_end(task);
    if (cr_unlikely(task->held != NULL))
        cr_held_check(task, cr_stack_bottom(&cr_here.worker->stacks, &task->stack),
                      cr_stack_top(&cr_here.worker->stacks, &task->stack));
    cr_debts_before_end(task);
    CR_SHARED_WRITE(task->result) = result;
    cr_store_rlx(&task->flags, cr_load_rlx(&task->flags) | CR_TASK_OVER);
    cr_context_end(&task->context, &cr_here.worker->loop);
}

/* A newborn that could not get what it needs ends at once. */
static int
stillborn(struct cr_worker *worker, struct coir_task *task, const char *why)
{
    coir_log(COIR_LOG_ERROR, "task '%s' could not start: %s", task->name, why);
    CR_SHARED_WRITE(task->result) = -ENOMEM;
    cr_task_over(worker, task);
    return -ENOMEM;
}

int
cr_task_bind(struct cr_worker *worker, struct coir_task *task)
{
    const char *why = "no memory for its timer";
    (void)cr_swap_sc(&task->worker, worker); /* against cancel: it sees us, or we see its flag, */
    (void)cr_load_sc(&task->canceled);       /* from here on: whoever looks later finds no older value */
    if (cr_unlikely(worker->stopping))
        (void)cr_or_ar(&task->canceled, 1);
    if (cr_timers_bind(&worker->timers))
        return stillborn(worker, task, why);
    if (cr_stack_get(&worker->stacks, &task->stack, &why)) {
        cr_timers_unbind(&worker->timers, task);
        return stillborn(worker, task, why);
    }
    cr_context_init(&task->context, cr_stack_bottom(&worker->stacks, &task->stack),
                    cr_stack_top(&worker->stacks, &task->stack), fiber_main, task);
    return 0;
}

/* ---- End ---- */

static void
free_block(struct coir_task *task)
{
    struct cr_worker *worker = cr_here.worker;
    cr_task_free(worker ? &worker->blocks : NULL, task);
}

/* Publishes the end: whether a note of it is queued, or about to be, which keeps the block. Else after this the block
 * belongs to whoever holds the handle, or is gone. */
static bool
publish_end(struct coir_task *task)
{
    uintptr_t old = cr_load_acq(&task->life), waiting;
    struct cr_wait *joiner;
    struct coir_task *who;
    do
        waiting = old & ~(uintptr_t)CR_LIFE_FLAGS;
    while (!cr_cas_ar(&task->life, &old, (old & CR_LIFE_FLAGS) | CR_ENDED | (waiting ? (uintptr_t)CR_TELLING : 0)));
    if (!waiting) {
        if ((old & (CR_RELEASED | CR_NOTED)) == CR_RELEASED)
            free_block(task);
        return old & CR_NOTED;
    }
    joiner = (struct cr_wait *)waiting;
    who = CR_SHARED_READ(joiner->task);
    if (!cr_wait_claim(joiner, 0))
        who = NULL;
    (void)cr_and_ar(&task->life, ~(uintptr_t)CR_TELLING); /* a joiner that gave up waits for this */
    if (who)
        cr_unpark(who);
    return old & CR_NOTED;
}

bool
cr_task_tell_end(struct coir_task *task)
{
    uint64_t id = cr_load_rlx(&task->id);
    bool noted = publish_end(task);
    if (cr_unlikely(cr_debts_any())) {
        if (cr_here.task == task) /* its block may be another's */
            cr_here.task = NULL;
        cr_debts_after_end(id);
    }
    return noted;
}

static void
count_end(struct cr_worker *worker, bool daemon)
{
    cr_bump_rel(daemon ? &worker->daemons_ended
                       : &worker->ended); /* pairs with take_census: what began it is seen, too */
}

void
cr_task_over(struct cr_worker *worker, struct coir_task *task)
{
    struct coir_runtime *runtime = task->runtime;
    bool daemon = cr_load_rlx(&task->flags) & CR_TASK_DAEMON;
    if (task->stack.slab) {
        cr_timers_unbind(&worker->timers, task);
        cr_context_fini(&task->context);
        cr_stack_put(&worker->stacks, &task->stack);
    }
    if (cr_load_rlx(&task->flags) & CR_TASK_PLACED)
        (void)cr_add_rlx(&worker->load, UINT32_MAX);
    if (runtime->options.task_limit)
        (void)cr_sub_ar(&runtime->live, 1);
    cr_store_rel(&task->worker, NULL); /* cancel leaves it alone from now on */
    if (task->on_end)
        task->on_end(task);
    if (!cr_task_tell_end(task)) /* a note on its way to this worker must still find it: the task counts until then */
        count_end(worker, daemon);
}

void
cr_task_noticed(struct cr_worker *worker, struct coir_task *task)
{
    bool daemon = cr_load_rlx(&task->flags) & CR_TASK_DAEMON;
    if (cr_task_unnote(task))
        count_end(worker, daemon);
    else
        cr_task_look(task);
}

bool
cr_task_unnote(struct coir_task *task)
{
    uintptr_t old = cr_and_ar(&task->life, ~(uintptr_t)CR_NOTED);
    if ((old & (CR_ENDED | CR_RELEASED)) == (CR_ENDED | CR_RELEASED))
        free_block(task);
    return old & CR_ENDED;
}

/* ---- Joining ---- */

void
cr_release(struct coir_task *task)
{
    uintptr_t old = cr_load_acq(&task->life);
    /* Ended and no note queued: the handle was the last that knew the block. */
    if (old != CR_ENDED) {
        old = cr_or_ar(&task->life, CR_RELEASED);
        if ((old & (CR_ENDED | CR_NOTED)) != CR_ENDED)
            return; /* freed by its end, or with its note */
    }
    free_block(task);
}

/* Puts the wait into the life word; false: it has ended. */
static bool
hang_on(struct coir_task *task, struct cr_wait *wait)
{
    uintptr_t old = cr_load_acq(&task->life);
    do {
        if (old & CR_ENDED)
            return false;
        if (old & ~(uintptr_t)CR_LIFE_FLAGS)
            cr_misuse("coir_join: two tasks join task '%s'; one handle is for one of them", task->name);
    } while (!cr_cas_ar(&task->life, &old, old | (uintptr_t)wait));
    return true;
}

/* After a time-out or cancel. */
static void
let_go(struct coir_task *task, struct cr_wait *wait)
{
    uintptr_t old = cr_load_acq(&task->life);
    for (uint32_t round = 0;; round++) {
        if (old & CR_TELLING && !CR_MUTANT(JOINER_NOT_AWAITED)) { /* its end is looking at our wait */
            cr_guard_spin(round);
            old = cr_load_acq(&task->life);
        } else if ((old & ~(uintptr_t)CR_LIFE_FLAGS) != (uintptr_t)wait ||
                   cr_cas_ar(&task->life, &old, old & CR_LIFE_FLAGS)) {
            CR_SHARED_WRITE(wait->task) = NULL; /* its frame goes: whoever still read it would race with this */
            return;
        }
    }
}

static bool
hang_on_end(struct cr_branch *branch)
{
    return hang_on(branch->object, &branch->hook.wait);
}

static void
let_go_of_end(struct cr_branch *branch)
{
    let_go(branch->object, &branch->hook.wait);
}

const struct cr_branch_kind cr_branch_end = {hang_on_end, let_go_of_end};

/* Whose end it is that a joiner waits for: the task's own. */
static uint32_t
ends_by(const void *object, uint64_t *ids, uint32_t most)
{
    const struct coir_task *task = object;
    (void)most;
    ids[0] = cr_load_rlx(&task->id);
    return !(cr_load_acq(&task->life) & CR_ENDED);
}

static void
describe_end(const void *object, char *text, size_t size)
{
    const struct coir_task *task = object;
    snprintf(text, size, "the end of task %llu '%s'", (unsigned long long)cr_load_rlx(&task->id), task->name);
}

static const struct cr_edge_kind kind_end = {.owners = ends_by, .describe = describe_end};

static int
await_end(struct coir_task *task, struct coir_task *self, coir_time deadline, const void *where)
{
    struct cr_edge edge = {
        .kind = &kind_end, .object = task, .where = where, .timed = deadline != COIR_NEVER, .cancelable = true};
    struct cr_wait wait;
    int result = cr_may_wait(deadline);
    if (result)
        return result;
    cr_wait_begin_for(&wait, self, &edge);
    if (!hang_on(task, &wait)) {
        cr_wait_abandon(&wait);
        return 0;
    }
    if (cr_graph_closes(&wait))
        result = cr_fail(-EDEADLK,
                         "coir_join: task '%s' would wait for itself: a circle of waiting tasks leads back to it; "
                         "the log names them",
                         self->name);
    else
        result = cr_park(&wait, deadline);
    if (result)
        let_go(task, &wait);
    return result;
}

int
cr_join(struct coir_task *task, int *result, coir_time deadline, const void *where)
{
    struct coir_task *self = cr_task_self();
    int error = cr_enter(self, deadline);
    if (!error && task == self)
        error = cr_fail(-EDEADLK, "coir_join: task '%s' joins itself", task->name);
    if (!error && !(cr_load_acq(&task->life) & CR_ENDED))
        error = await_end(task, self, deadline, where);
    if (error)
        return error;
    if (result)
        *result = CR_SHARED_READ(task->result);
    if (cr_unlikely(task->detail != NULL) && task->result < 0)
        cr_detail_move(task, self);
    cr_release(task);
    return 0;
}
