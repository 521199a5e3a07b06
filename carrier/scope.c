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
#include "sched/graph.h"
#include "sched/runtime.h"

#include <stdio.h>

enum { INSIDE = 2 }; /* what a canceled scope adds to its owner's canceled word */

enum {
    IS_CANCELED = 1,
    OWNER_OUT = 2,
    WAITED = 4,
    TIMED_OUT = 8,
    FAILED = 16,
    OWNER_TOLD = 32,
    HAS_LIMIT = 64,     /* its tasks are going to be canceled, */
    OWNER_LIMITED = 128 /* and its owner, who was not before */
};

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

static bool is_limited(const struct coir_task *task);

void
coir_scope_init(struct coir_scope *public)
{
    struct scope *scope = of(public);
    *scope = (struct scope){.owner = cr_task_self()};
    cr_list_init(&scope->tasks);
    if (cr_unlikely(!cr_load_rlx(&cr_graph_is_limited))) /* always the same: whoever is first */
        cr_store_rlx(&cr_graph_is_limited, is_limited);
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

/* Until the owner leaves, its waits will be ended. */
static void
begin_limit(struct scope *scope)
{
    uint32_t flags = cr_load_rlx(&scope->owner->flags);
    lock(scope);
    scope->flags |= HAS_LIMIT | (flags & CR_TASK_LIMITED ? 0 : OWNER_LIMITED);
    unlock(scope);
    cr_store_rel(&scope->owner->flags, flags | CR_TASK_LIMITED);
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
    begin_limit(scope);
    if (cr_go(coir_runtime_self(), limit, &own, &options, CR_NEAR, join_as_limiter, scope, NULL)) {
        /* No task for it: the limit counts as passed at once, rather than never. */
        lock(scope);
        scope->flags |= TIMED_OUT;
        cancel_all(scope, NULL);
        unlock(scope);
    }
}

/* ---- What others see of the owner's wait (sched/graph.h) ---- */

static uint32_t
tasks_of(const void *object, uint64_t *ids, uint32_t most)
{
    struct scope *scope = (struct scope *)(uintptr_t)object;
    uint32_t count = 0;
    lock(scope);
    for (struct cr_list *link = scope->tasks.next; link != &scope->tasks && count < most; link = link->next)
        ids[count++] = cr_load_rlx(&cr_container(link, struct coir_task, scope_link)->id);
    unlock(scope);
    return count;
}

static void
describe(const void *object, char *text, size_t size)
{
    struct scope *scope = (struct scope *)(uintptr_t)object;
    uint32_t count;
    lock(scope);
    count = scope->count;
    unlock(scope);
    snprintf(text, size, "the end of all tasks of its scope (%u are left)", count);
}

static const struct cr_edge_kind kind = {.owners = tasks_of, .describe = describe};

/* The owner, who is inside; the tasks; and those in scopes of theirs. */
static bool
is_limited(const struct coir_task *task)
{
    while (!(cr_load_acq(&task->flags) & CR_TASK_LIMITED)) {
        struct scope *scope = task->scope;
        bool limited;
        if (task->on_end != task_ended)
            return false;
        lock(scope);
        limited = scope->flags & HAS_LIMIT;
        task = scope->owner;
        unlock(scope);
        if (limited)
            return true;
    }
    return true;
}

/* ---- Waiting ---- */

/* Until no task is left; deaf: cancel does not end it. */
static int
wait_for_tasks(struct scope *scope, coir_time deadline, bool deaf, const void *where)
{
    struct coir_task *self = scope->owner;
    struct cr_edge edge = {.kind = &kind,
                           .object = scope,
                           .where = where,
                           .timed = deadline != COIR_NEVER || (!deaf && scope->flags & HAS_LIMIT),
                           .cancelable = !deaf};
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
    result = cr_wait_in_circle(&wait, self, &edge, &scope->word, 0, &scope->waiter, 0, deadline);
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
    if (scope->flags & OWNER_LIMITED)
        cr_store_rel(&scope->owner->flags, cr_load_rlx(&scope->owner->flags) & ~(uint32_t)CR_TASK_LIMITED);
    scope->flags = (scope->flags & ~(uint32_t)(OWNER_TOLD | OWNER_LIMITED)) | OWNER_OUT;
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

static int
in_a_circle(const char *call)
{
    return cr_fail(
        -EDEADLK, "%s: task '%s' would wait for itself: a circle of waiting tasks leads back to it; the log names them",
        call, cr_here.task->name);
}

int
coir_scope_wait(struct coir_scope *public, coir_time deadline)
{
    const void *where = __builtin_return_address(0);
    struct scope *scope = of(public);
    int result;
    check_owner(scope, "coir_scope_wait");
    cr_check_deadline(deadline);
    owner_leaves(scope);
    result = cr_enter(scope->owner, deadline);
    if (!result)
        result = wait_for_tasks(scope, deadline, false, where);
    if (result == -EAGAIN || result == -EDEADLK) { /* COIR_NOW: they run; nothing has happened */
        owner_returns(scope);
        return result == -EDEADLK ? in_a_circle("coir_scope_wait") : result;
    }
    if (result) {
        lock(scope);
        if (result == -ETIMEDOUT)
            scope->flags |= TIMED_OUT;
        cancel_all(scope, NULL);
        unlock(scope);
        if (wait_for_tasks(scope, COIR_NEVER, true, where) == -EDEADLK) {
            owner_returns(scope);
            return in_a_circle("coir_scope_wait");
        }
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
        if (wait_for_tasks(scope, COIR_NEVER, true, __builtin_return_address(0)) == -EDEADLK)
            cr_misuse(
                "coir_scope_fini: the scope's tasks wait for what task '%s' has, and it waits for their end; the log "
                "names them",
                scope->owner->name);
    }
    cr_free(scope->detail);
    scope->detail = NULL;
}
