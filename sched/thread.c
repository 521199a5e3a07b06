/* sched/thread.c: tasks that have a thread of their own instead of a worker's.
 *
 * Such a task is to all others what a plain thread is (it sleeps on a futex, its cancel claims its wait where it is), but it
 * belongs to a runtime: it can be joined, canceled, be in a scope, and the runtime does not end before it. The record of the
 * thread is in the runtime's list as long as it runs, so that stopping finds it, and then among those that have gone, where
 * the next start, or the runtime's end, joins it.
 *
 * A thread that cannot be had is the task's result: -EAGAIN. The last touch of the runtime is the end of a call (runtime.c):
 * until then it stays, and its workers look whether it is over. */
#include "backend/block.h"
#include "base/memory.h"
#include "sched/debt.h"
#include "sched/graph.h"
#include "sched/quiet.h"
#include "sched/runtime.h"

#include <stdio.h>

struct cr_carried {
    struct cr_list link; /* among those that run */
    struct cr_carried *next_gone;
    struct coir_task *task;
    struct coir_runtime *runtime;
    struct cr_thread *thread;
    CR_ATOMIC(uint32_t) done; /* flags below: whoever sets the second one puts it among those that have gone */
};
enum { STARTED = 1, ENDED = 2 };

static void
hold(struct coir_runtime *runtime)
{
    (void)cr_guard_take(&runtime->carried_word);
    if (!runtime->carried.next)
        cr_list_init(&runtime->carried);
}

static void
let(struct coir_runtime *runtime)
{
    cr_guard_release(&runtime->carried_word, 0);
}

static void
one_of_two(struct cr_carried *carried, uint32_t mine)
{
    struct coir_runtime *runtime = carried->runtime;
    if (!cr_or_ar(&carried->done, mine))
        return;
    hold(runtime);
    carried->next_gone = runtime->gone;
    runtime->gone = carried; /* who joins it waits for the rest of its thread */
    let(runtime);
}

/* After this the runtime may be gone. */
static void
end(struct coir_runtime *runtime, struct coir_task *task)
{
    bool daemon = cr_load_rlx(&task->flags) & CR_TASK_DAEMON;
    cr_always(cr_runtime_begin_call(runtime)); /* its task counts still */
    if (runtime->options.task_limit)
        (void)cr_sub_ar(&runtime->live, 1);
    if (task->on_end)
        task->on_end(task);
    cr_task_tell_end(task);
    (void)cr_add_ar(daemon ? &runtime->outside_daemons_ended : &runtime->outside_ended, 1);
    cr_runtime_look(runtime);
    cr_runtime_end_call(runtime);
}

static void
finish(struct coir_task *task, int result)
{
    void *bottom;
    size_t size;
    if (task->locals)
        cr_locals_end(task);
    if (cr_held_any(task) && cr_world.thread_bounds(&bottom, &size) == 0)
        cr_held_check(task, bottom, (char *)bottom + size);
    cr_debts_before_end(task);
    if (task->bell >= 0)
        cr_block.bell_close(task->bell);
    CR_SHARED_WRITE(task->result) = result;
}

/* The thread's own function. */
static void
run(void *arg)
{
    struct cr_carried *carried = arg;
    struct coir_task *task = carried->task;
    struct coir_runtime *runtime = carried->runtime;
    int result;
    cr_here = (struct cr_here){.task = task, .serving = runtime};
    result = CR_SHARED_READ(task->function)(task->arg);
    (void)cr_task_self(); /* stops a forked child, whose runtime is not there */
    finish(task, result);
    hold(runtime);
    cr_list_remove(&carried->link);
    let(runtime);
    one_of_two(carried, ENDED);
    end(runtime, task);
    cr_here = (struct cr_here){.task = NULL};
    cr_quiet_out();
    cr_quiet_know(-1);
}

static void
join_all(struct cr_carried *gone)
{
    while (gone) {
        struct cr_carried *next = gone->next_gone;
        cr_world.thread_join(gone->thread);
        cr_free(gone);
        gone = next;
    }
}

static int
start(struct coir_runtime *runtime, struct coir_task *task)
{
    struct cr_carried *carried = cr_alloc_zero(sizeof *carried), *gone;
    char name[16];
    int error;
    if (!carried)
        return -ENOMEM;
    carried->task = task;
    carried->runtime = runtime;
    hold(runtime);
    gone = runtime->gone;
    runtime->gone = NULL;
    cr_list_append(&runtime->carried, &carried->link);
    if (cr_load_acq(&runtime->state) == CR_RUNTIME_STOPPING)
        (void)cr_or_ar(&task->canceled, 1);
    let(runtime);
    join_all(gone);
    cr_quiet_know(1);
    cr_quiet_in();
    snprintf(name, sizeof name, "%.15s", task->name[0] ? task->name : "coir-task"); /* the task may end at once */
    error = cr_world.thread_start(run, carried, name, &carried->thread);
    if (!error) {
        one_of_two(carried, STARTED);
        return 0;
    }
    cr_quiet_out();
    cr_quiet_know(-1);
    hold(runtime);
    cr_list_remove(&carried->link);
    let(runtime);
    cr_free(carried);
    return error;
}

void
cr_thread_go(struct coir_runtime *runtime, struct coir_task *task)
{
    int error = start(runtime, task);
    if (!error)
        return;
    coir_log(COIR_LOG_ERROR, "task '%s' could not start: no thread for it: %s; see ulimit -u", task->name,
             coir_error_text(error));
    CR_SHARED_WRITE(task->result) = error;
    end(runtime, task);
}

void
cr_threads_cancel(struct coir_runtime *runtime)
{
    hold(runtime);
    for (struct cr_list *link = runtime->carried.next; link != &runtime->carried; link = link->next) {
        struct coir_task *task = cr_container(link, struct cr_carried, link)->task;
        if (!(cr_or_sc(&task->canceled, 1) & 1)) /* in the list: it has not ended */
            cr_task_poke(task, -ECANCELED);
    }
    let(runtime);
}

void
cr_threads_join(struct coir_runtime *runtime)
{
    join_all(runtime->gone);
    runtime->gone = NULL;
}
