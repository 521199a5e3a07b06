/* task_bodies.c: tasks on workers: join, release, cancel and scopes against ends, and deadlines that move. */
#include <coir/event.h>
#include <coir/runtime.h>
#include <coir/scope.h>
#include <coir/task.h>
#include <errno.h>
#include <string.h>

#include "bodies.h"
#include "sched/lock.h"

static struct {
    struct coir_event event, begun;
    struct cr_lock lock;
    uint32_t ran, value;
} desk;

static void
clear_desk(void)
{
    memset(&desk, 0, sizeof desk);
}

/* ---- Join ---- */

static int
end_with_7(void *arg)
{
    (void)arg;
    CR_SHARED_WRITE(desk.value) = 7;
    return 7;
}

static int
join_one(void *arg)
{
    struct coir_task *task;
    int result = 0;
    (void)arg;
    CR_CHECK_IS(coir_go_spread(end_with_7, NULL, NULL, &task), 0);
    CR_CHECK_IS(coir_join(task, &result, COIR_NEVER), 0);
    CR_CHECK_IS(result, 7);
    CR_CHECK_IS(CR_SHARED_READ(desk.value), 7);
    return 0;
}

static void
join(void *arg)
{
    (void)arg;
    clear_desk();
    play_run(2, join_one, NULL);
}

/* Joins with deadlines that may pass, then for good. */
static int
join_in_bits(void *arg)
{
    struct coir_task *task;
    int result = 0, error;
    (void)arg;
    CR_CHECK_IS(coir_go_spread(end_with_7, NULL, NULL, &task), 0);
    for (int i = 0; i < 2; i++) {
        error = coir_join(task, &result, coir_after(COIR_MS));
        if (!error)
            return result != 7;
        CR_CHECK_IS(error, -ETIMEDOUT);
    }
    CR_CHECK_IS(coir_join(task, &result, COIR_NEVER), 0);
    CR_CHECK_IS(result, 7);
    return 0;
}

static void
join_late(void *arg)
{
    (void)arg;
    clear_desk();
    play_run(2, join_in_bits, NULL);
}

/* A handle that is let go while its task ends: the block is freed once, and serves again. */
static int
end_quietly(void *arg)
{
    (void)arg;
    return 0;
}

static int
detach_and_go(void *arg)
{
    struct coir_task *task;
    (void)arg;
    for (int i = 0; i < 2; i++) {
        CR_CHECK_IS(coir_go_spread(end_quietly, NULL, NULL, &task), 0);
        coir_detach(task);
    }
    return 0;
}

static void
detach(void *arg)
{
    (void)arg;
    clear_desk();
    play_run(2, detach_and_go, NULL);
}

/* ---- Cancel ---- */

static int
wait_for_ever(void *arg)
{
    int result = coir_event_wait(&desk.event, COIR_NEVER);
    (void)arg;
    CR_CHECK_IS(result, -ECANCELED);
    return result;
}

static int
cancel_waiting(void *arg)
{
    struct coir_task *task;
    int result = 0;
    (void)arg;
    CR_CHECK_IS(coir_go_spread(wait_for_ever, NULL, NULL, &task), 0);
    coir_cancel(task);
    CR_CHECK_IS(coir_join(task, &result, COIR_NEVER), 0);
    CR_CHECK_IS(result, -ECANCELED);
    return 0;
}

/* Newborn, just bound, running, parked: a cancel is never lost. */
static void
task_cancel(void *arg)
{
    (void)arg;
    clear_desk();
    play_run(2, cancel_waiting, NULL);
}

/* Waits twice: a cancel whose note comes between the two is found before the second. */
static int
wait_twice(void *arg)
{
    (void)arg;
    {
        COIR_SHIELD();
        (void)coir_event_wait(&desk.event, COIR_NEVER);
    }
    coir_event_clear(&desk.event);
    CR_CHECK_IS(coir_event_wait(&desk.event, COIR_NEVER), -ECANCELED);
    return 0;
}

static int
cancel_between(void *arg)
{
    struct coir_task *task;
    (void)arg;
    CR_CHECK_IS(coir_go_spread(wait_twice, NULL, NULL, &task), 0);
    coir_cancel(task);
    coir_event_set(&desk.event);
    CR_CHECK_IS(coir_join(task, NULL, COIR_NEVER), 0);
    return 0;
}

static void
task_cancel_between(void *arg)
{
    (void)arg;
    clear_desk();
    play_run(2, cancel_between, NULL);
}

static int
lock_once(void *arg)
{
    struct coir_task *self = coir_self();
    int result = cr_lock_take(&desk.lock, self, COIR_NEVER, CR_LOCK_CANCELABLE, NULL);
    (void)arg;
    CR_CHECK_THAT(result == 0 || result == -ECANCELED);
    if (!result)
        cr_lock_give(&desk.lock, self);
    return 0;
}

static int
cancel_competitor(void *arg)
{
    struct coir_task *task, *self = coir_self();
    (void)arg;
    CR_CHECK_IS(cr_lock_take(&desk.lock, self, COIR_NEVER, CR_LOCK_CANCELABLE, NULL), 0);
    CR_CHECK_IS(coir_go_spread(lock_once, NULL, NULL, &task), 0);
    (void)coir_yield();
    cr_lock_give(&desk.lock, self);
    CR_CHECK_IS(cr_lock_take(&desk.lock, self, COIR_NEVER, CR_LOCK_CANCELABLE, NULL), 0);
    coir_cancel(task);
    CR_CHECK_IS(coir_join(task, NULL, COIR_NEVER), 0); /* so it was canceled, or had the lock in between */
    cr_lock_give(&desk.lock, self);
    return 0;
}

/* One call that waits again, because another one was faster: a cancel whose note came between the two waits is found before
 * the second. */
static void
task_cancel_competing(void *arg)
{
    (void)arg;
    clear_desk();
    play_run(2, cancel_competitor, NULL);
}

/* The end of a task against a cancel of it, with the handle given back at once. */
static int
cancel_and_detach(void *arg)
{
    struct coir_task *task;
    (void)arg;
    CR_CHECK_IS(coir_go_spread(end_quietly, NULL, NULL, &task), 0);
    coir_cancel(task);
    coir_detach(task);
    CR_CHECK_IS(coir_go_spread(end_quietly, NULL, NULL, &task), 0);
    coir_cancel(task);
    CR_CHECK_IS(coir_join(task, NULL, COIR_NEVER), 0);
    return 0;
}

static void
task_cancel_end(void *arg)
{
    (void)arg;
    clear_desk();
    play_run(2, cancel_and_detach, NULL);
}

/* ---- Scopes ---- */

static int
fail_with_5(void *arg)
{
    (void)arg;
    return -EIO;
}

static int
scope_of_two(void *arg)
{
    struct coir_scope scope;
    int result;
    (void)arg;
    coir_scope_init(&scope);
    CR_CHECK_IS(coir_scope_go(&scope, wait_for_ever, NULL, NULL), 0);
    CR_CHECK_IS(coir_scope_go(&scope, fail_with_5, NULL, NULL), 0);
    result = coir_scope_wait(&scope, COIR_NEVER);
    coir_scope_fini(&scope);
    cr_tell_freed(&scope, sizeof scope);
    CR_CHECK_IS(result, -EIO);
    return 0;
}

/* A failure cancels the sibling, wherever it is; the last end wakes the owner, whose scope goes at once. */
static void
scope_failure(void *arg)
{
    (void)arg;
    clear_desk();
    play_run(2, scope_of_two, NULL);
}

static int
scope_canceled(void *arg)
{
    struct coir_scope scope;
    int result;
    (void)arg;
    coir_scope_init(&scope);
    CR_CHECK_IS(coir_scope_go(&scope, wait_for_ever, NULL, NULL), 0);
    CR_CHECK_IS(coir_scope_go(&scope, end_quietly, NULL, NULL), 0);
    coir_scope_cancel(&scope);
    result = coir_scope_wait(&scope, COIR_NEVER);
    coir_scope_fini(&scope);
    cr_tell_freed(&scope, sizeof scope);
    return result == 0 || result == -ECANCELED ? 0 : result;
}

static void
scope_cancel(void *arg)
{
    (void)arg;
    clear_desk();
    play_run(2, scope_canceled, NULL);
}

static int
wait_or_die(void *arg)
{
    int result = coir_event_wait(&desk.event, COIR_NEVER);
    (void)arg;
    return result;
}

/* The scope's deadline against the end of its task. */
static int
scope_in_time(void *arg)
{
    struct coir_scope scope;
    int result;
    (void)arg;
    coir_scope_init(&scope);
    CR_CHECK_IS(coir_scope_go(&scope, wait_or_die, NULL, NULL), 0);
    coir_event_set(&desk.event);
    result = coir_scope_wait(&scope, coir_after(COIR_MS));
    coir_scope_fini(&scope);
    cr_tell_freed(&scope, sizeof scope);
    CR_CHECK_THAT(result == 0 || result == -ETIMEDOUT);
    return 0;
}

static void
scope_late(void *arg)
{
    (void)arg;
    clear_desk();
    play_run(2, scope_in_time, NULL);
}

/* ---- Deadlines of one fiber, one after the other ---- */

static int
sleep_longer(void *arg)
{
    coir_time start = coir_now();
    (void)arg;
    coir_event_set(&desk.begun);
    CR_CHECK_IS(coir_event_wait(&desk.event, coir_after(COIR_MS)), 0); /* is set before */
    coir_event_clear(&desk.event);
    CR_CHECK_IS(coir_event_wait(&desk.event, start + 3 * COIR_MS), -ETIMEDOUT);
    CR_CHECK_THAT(coir_now() >= start + 3 * COIR_MS);
    CR_CHECK_IS(coir_sleep(start + 4 * COIR_MS), 0);
    return 0;
}

static int
set_and_join(void *arg)
{
    struct coir_task *task;
    (void)arg;
    CR_CHECK_IS(coir_go(sleep_longer, NULL, NULL, &task), 0);
    CR_CHECK_IS(coir_event_wait(&desk.begun, COIR_NEVER), 0); /* on one worker: it waits with its first deadline now */
    coir_event_set(&desk.event);
    CR_CHECK_IS(coir_join(task, NULL, COIR_NEVER), 0);
    return 0;
}

static void
deadlines(void *arg)
{
    (void)arg;
    clear_desk();
    play_run(1, set_and_join, NULL);
}

const struct body task_bodies[] = {
    {"join", join, false, 1, 1},
    {"join-late", join_late, true, 1, 0},
    {"detach", detach, false, 1, 1},
    {"task-cancel", task_cancel, false, 1, 1},
    {"task-cancel-between", task_cancel_between, false, 1, 1},
    {"task-cancel-competing", task_cancel_competing, false, 1, 1},
    {"task-cancel-end", task_cancel_end, false, 1, 1},
    {"scope-failure", scope_failure, false, 1, 1},
    {"scope-cancel", scope_cancel, false, 1, 1},
    {"scope-late", scope_late, true, 1, 0},
    {"deadlines", deadlines, false, 1, 1},
};
const uint32_t task_count = sizeof task_bodies / sizeof task_bodies[0];
