/* carrier/scope.c: tasks that cannot outlive a block.
 *
 * A scope is a guard word, the list of its tasks, and one wait: the owner's, until the list is empty. A task's end takes
 * it off the list under the guard; a failure cancels the others and the owner's own waits. The owner counts the canceled
 * scopes it is inside in its canceled word (above bit 0), so that its waits fail until coir_scope_wait has taken that
 * back; coir_cancel's own bit stays.
 *
 * The last task's end releases the guard before it wakes the owner, so the scope may vanish at once. */
#include <coir/scope.h>

#include "base/memory.h"
#include "sched/runtime.h"

enum { INSIDE = 2 }; /* what a canceled scope adds to its owner's canceled word */

enum { IS_CANCELED = 1, OWNER_OUT = 2, WAITED = 4, TIMED_OUT = 8, FAILED = 16, OWNER_TOLD = 32 };

struct scope {
    CR_ATOMIC(uintptr_t) word; /* the guard of all below */
    uintptr_t waiter;          /* the owner's wait for the end of all */
    struct cr_list tasks;
    struct coir_task *owner;
    struct coir_task *limiter; /* the task of coir_scope_limit; NULL */
    char *detail;              /* of the first failure */
    uint32_t flags;
    int32_t failure; /* the first */
    uint32_t count;
};
_Static_assert(sizeof(struct scope) <= sizeof(struct coir_scope), "struct coir_scope is large enough");

static struct scope *
of(struct coir_scope *public)
{
    return (struct scope *)public;
}

static void
lock(struct scope *scope)
{
    (void)cr_guard_take(&scope->word);
    (void)CR_SHARED_WRITE(scope->flags); /* and all else under the guard */
}

static void
unlock(struct scope *scope)
{
    cr_guard_release(&scope->word, 0);
}

void
coir_scope_init(struct coir_scope *public)
{
    struct scope *scope = of(public);
    *scope = (struct scope){.owner = cr_task_self()};
    cr_list_init(&scope->tasks);
}

/* Under the guard. Tells all tasks, and the owner while it is inside; tells are notes, nobody runs here. */
static void
cancel_all(struct scope *scope, const struct coir_task *except)
{
    if (scope->flags & IS_CANCELED)
        return;
    scope->flags |= IS_CANCELED;
    for (struct cr_list *link = scope->tasks.next; link != &scope->tasks; link = link->next) {
        struct coir_task *task = cr_container(link, struct coir_task, scope_link);
        if (task != except && !(cr_or_sc(&task->canceled, 1) & 1))
            cr_task_poke(task, -ECANCELED);
    }
    if (scope->flags & OWNER_OUT)
        return;
    scope->flags |= OWNER_TOLD;
    (void)cr_add_ar(&scope->owner->canceled, INSIDE);
    cr_fence_sc(); /* as coir_cancel: the flag, then whether it waits */
    if (scope->owner != cr_here.task)
        cr_task_poke(scope->owner, -ECANCELED);
}

/* Under the guard: only the limit's task is left, and the owner waits: it is told to go. */
static void
dismiss_limiter(struct scope *scope)
{
    if (scope->limiter && !(cr_or_sc(&scope->limiter->canceled, 1) & 1))
        cr_task_poke(scope->limiter, -ECANCELED);
}

/* A task's end, on its worker's loop. */
static void
task_ended(struct coir_task *task)
{
    struct scope *scope = task->scope;
    struct coir_task *waiter = NULL;
    bool was_canceled = cr_load_acq(&task->canceled) != 0;
    lock(scope);
    cr_list_remove(&task->scope_link);
    scope->count--;
    if (task == scope->limiter)
        scope->limiter = NULL;
    if (task->result < 0 && !(task->result == -ECANCELED && was_canceled)) {
        if (!(scope->flags & FAILED)) {
            scope->flags |= FAILED;
            scope->failure = task->result;
            scope->detail = task->detail;
            task->detail = NULL;
        }
        cancel_all(scope, task);
    }
    if (!scope->count)
        waiter = cr_waiters_claim(&scope->waiter, 0);
    else if (scope->count == 1 && scope->flags & OWNER_OUT)
        dismiss_limiter(scope);
    unlock(scope);
    if (waiter)
        cr_unpark(waiter);
}

static void
join_scope(struct coir_task *task, void *arg)
{
    struct scope *scope = arg;
    task->on_end = task_ended;
    task->scope = scope;
    lock(scope);
    cr_list_append(&scope->tasks, &task->scope_link);
    scope->count++;
    if (scope->flags & WAITED) /* a late comer: the scope is to be waited for again */
        scope->flags &= ~(uint32_t)(WAITED | OWNER_OUT);
    if (scope->flags & IS_CANCELED)
        cr_store_rlx(&task->canceled, 1);
    unlock(scope);
}

int
coir_scope_go(struct coir_scope *public, coir_function *function, void *arg, const struct coir_task_options *options)
{
    struct scope *scope = of(public);
    int error = cr_go(coir_runtime_self(), function, arg, options, CR_NEAR, join_scope, scope, NULL);
    if (!error)
        return 0;
    lock(scope);
    if (!(scope->flags & FAILED)) {
        scope->flags |= FAILED;
        scope->failure = error;
    }
    unlock(scope);
    return error;
}

void
coir_scope_cancel(struct coir_scope *public)
{
    struct scope *scope = of(public);
    lock(scope);
    cancel_all(scope, NULL);
    unlock(scope);
}

/* ---- The limit: a task inside that sleeps until then ---- */

struct limit {
    struct scope *scope;
    coir_time deadline;
};

static int
limit(void *arg)
{
    struct limit *own = arg;
    struct scope *scope = own->scope;
    if (coir_sleep(own->deadline))
        return 0; /* the scope ended before */
    lock(scope);
    if (!(scope->flags & IS_CANCELED) && (!(scope->flags & OWNER_OUT) || scope->count > 1)) {
        scope->flags |= TIMED_OUT;
        cancel_all(scope, scope->limiter);
    }
    unlock(scope);
    return 0;
}

static void
join_as_limiter(struct coir_task *task, void *arg)
{
    struct scope *scope = arg;
    join_scope(task, scope);
    lock(scope);
    scope->limiter = task;
    unlock(scope);
}

void
coir_scope_limit(struct coir_scope *public, coir_time deadline)
{
    struct scope *scope = of(public);
    struct limit own = {scope, deadline};
    struct coir_task_options options = {.name = "scope limit", .arg_size = sizeof own};
    cr_check_deadline(deadline);
    if (deadline == COIR_NEVER)
        return;
    if (scope->limiter)
        cr_misuse("coir_scope_limit: the scope has a limit already");
    if (cr_go(coir_runtime_self(), limit, &own, &options, CR_NEAR, join_as_limiter, scope, NULL)) {
        /* No task for it: the limit counts as passed at once, rather than never. */
        lock(scope);
        scope->flags |= TIMED_OUT;
        cancel_all(scope, NULL);
        unlock(scope);
    }
}

/* ---- Waiting ---- */

/* Until no task is left; deaf: cancel does not end it. */
static int
wait_for_tasks(struct scope *scope, coir_time deadline, bool deaf)
{
    struct coir_task *self = scope->owner;
    struct cr_wait wait;
    int result;
    lock(scope);
    if (scope->limiter && scope->count == 1)
        dismiss_limiter(scope);
    if (!scope->count) {
        unlock(scope);
        return 0;
    }
    if (deaf) /* before the wait begins: from then on a plain thread's can be claimed by a canceler */
        cr_store_rlx(&self->shield, cr_load_rlx(&self->shield) + 1);
    result = cr_wait_in(&wait, self, &scope->word, 0, &scope->waiter, 0, deadline);
    if (deaf)
        cr_store_rlx(&self->shield, cr_load_rlx(&self->shield) - 1);
    return result;
}

/* The owner's waits are its own again. */
static void
owner_leaves(struct scope *scope)
{
    lock(scope);
    if (scope->flags & OWNER_TOLD)
        (void)cr_sub_ar(&scope->owner->canceled, INSIDE);
    scope->flags = (scope->flags & ~(uint32_t)OWNER_TOLD) | OWNER_OUT;
    unlock(scope);
}

/* Nobody can have canceled it meanwhile without the flag. */
static void
owner_returns(struct scope *scope)
{
    lock(scope);
    scope->flags &= ~(uint32_t)OWNER_OUT;
    if (scope->flags & IS_CANCELED) {
        scope->flags |= OWNER_TOLD;
        (void)cr_add_ar(&scope->owner->canceled, INSIDE);
    }
    unlock(scope);
}

static void
check_owner(const struct scope *scope, const char *call)
{
    if (scope->owner != cr_task_self())
        cr_misuse("%s: only the task that made the scope may call it", call);
}

int
coir_scope_wait(struct coir_scope *public, coir_time deadline)
{
    struct scope *scope = of(public);
    int result;
    check_owner(scope, "coir_scope_wait");
    cr_check_deadline(deadline);
    owner_leaves(scope);
    result = cr_enter(scope->owner, deadline);
    if (!result)
        result = wait_for_tasks(scope, deadline, false);
    if (result == -EAGAIN) { /* COIR_NOW: they run; nothing has happened */
        owner_returns(scope);
        return result;
    }
    if (result) {
        lock(scope);
        if (result == -ETIMEDOUT)
            scope->flags |= TIMED_OUT;
        cancel_all(scope, NULL);
        unlock(scope);
        (void)wait_for_tasks(scope, COIR_NEVER, true);
    }
    CR_SHARED_WRITE(scope->flags) |= WAITED;
    if (scope->flags & FAILED) {
        if (scope->detail)
            (void)cr_fail(scope->failure, "%s", scope->detail);
        return scope->failure;
    }
    return scope->flags & TIMED_OUT ? -ETIMEDOUT : result;
}

void
coir_scope_fini(struct coir_scope *public)
{
    struct scope *scope = of(public);
    bool waited;
    check_owner(scope, "coir_scope_fini");
    lock(scope);
    waited = scope->flags & WAITED;
    unlock(scope);
    if (!waited) {
        owner_leaves(scope);
        coir_scope_cancel(public);
        (void)wait_for_tasks(scope, COIR_NEVER, true);
    }
    cr_free(scope->detail);
    scope->detail = NULL;
}
