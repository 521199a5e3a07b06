/* sched/offload.c: helper threads for functions that block.
 *
 * A runtime has at most 64; they come when they are needed and go after 10 s without work. More jobs than threads wait in
 * order. The caller parks, shielded: its job lies on its stack and must end before it goes on. */
#include "base/memory.h"
#include "sched/graph.h"
#include "sched/quiet.h"
#include "sched/runtime.h"

enum { MOST = 64 };
#define IDLE_TIME (10 * COIR_SECOND)

struct job {
    struct job *next;
    coir_function *function;
    void *arg;
    int result;
    bool refused;        /* no thread could be had for it */
    struct cr_wait wait; /* the caller's */
};

struct helper {
    struct helper *next; /* among those that have gone and are to be joined */
    struct cr_thread *thread;
    struct cr_offload *offload;
    struct coir_runtime *runtime;
};

struct cr_offload {
    CR_ATOMIC(uintptr_t) word; /* the guard of all below */
    uintptr_t idle;            /* waits of idle helpers */
    struct job *jobs, **jobs_end;
    struct helper *gone;
    uint32_t helpers;
    bool stopping;
    uintptr_t emptied; /* the wait of who stops */
};

static const struct cr_edge_kind helping_kind = {.text = "a function on a helper thread"};
static const struct cr_edge helping = {.kind = &helping_kind};

/* The next job; NULL: it is time to go. The guard is free before and after. */
static struct job *
next_job(struct cr_offload *offload, struct helper *helper)
{
    for (;;) {
        struct cr_wait wait;
        struct job *job;
        int result;
        (void)cr_guard_take(&offload->word);
        job = offload->jobs;
        if (job) {
            offload->jobs = job->next;
            if (!offload->jobs)
                offload->jobs_end = &offload->jobs;
            cr_guard_release(&offload->word, 0);
            return job;
        }
        if (offload->stopping)
            break;
        cr_wait_begin(&wait, cr_task_self());
        cr_waiters_append(&offload->idle, &wait);
        cr_guard_release(&offload->word, 0);
        result = cr_park(&wait, cr_now() + IDLE_TIME);
        (void)cr_guard_take(&offload->word);
        cr_waiters_remove(&offload->idle, &wait);
        if (result == -ETIMEDOUT && !offload->jobs)
            break;
        cr_guard_release(&offload->word, 0);
    }
    helper->next = offload->gone;
    offload->gone = helper;
    offload->helpers--;
    {
        struct coir_task *stopper = offload->helpers ? NULL : cr_waiters_claim(&offload->emptied, 0);
        cr_guard_release(&offload->word, 0);
        if (stopper)
            cr_unpark(stopper);
    }
    return NULL;
}

static void
help(void *arg)
{
    struct helper *helper = arg;
    struct cr_offload *offload = helper->offload;
    struct job *job;
    cr_here.serving = helper->runtime; /* what it runs may log */
    while ((job = next_job(offload, helper))) {
        struct coir_task *caller = job->wait.task;
        job->result = job->function(job->arg);
        cr_always(cr_wait_claim(&job->wait, 0)); /* shielded, no deadline: nobody else ends it */
        cr_unpark(caller);
    }
    cr_quiet_know(-1);
}

static void
join_gone(struct helper *gone)
{
    while (gone) {
        struct helper *next = gone->next;
        cr_world.thread_join(gone->thread);
        cr_free(gone);
        gone = next;
    }
}

static struct cr_offload *
get(struct coir_runtime *runtime)
{
    struct cr_offload *offload = cr_load_acq(&runtime->offload), *none = NULL;
    if (offload)
        return offload;
    offload = cr_alloc_zero(sizeof *offload);
    if (!offload)
        return NULL;
    offload->jobs_end = &offload->jobs;
    if (cr_cas_ar(&runtime->offload, &none, offload))
        return offload;
    cr_free(offload);
    return none;
}

/* One more helper; the place was counted under the guard. */
static int
start_helper(struct cr_offload *offload, struct coir_runtime *runtime)
{
    struct helper *helper = cr_alloc_zero(sizeof *helper), *gone;
    int error = -ENOMEM;
    if (helper) {
        helper->offload = offload;
        helper->runtime = runtime;
        cr_quiet_know(1);
        error = cr_world.thread_start(help, helper, "coir-helper", &helper->thread);
    }
    (void)cr_guard_take(&offload->word);
    gone = offload->gone;
    offload->gone = NULL;
    if (error)
        offload->helpers--;
    cr_guard_release(&offload->word, 0);
    if (error && helper)
        cr_quiet_know(-1);
    if (error)
        cr_free(helper);
    join_gone(gone);
    return error;
}

/* Under the guard, which it gives back: the last helper could not be started, so all that wait for one are refused. own is
 * the caller's job: whether it was among them. */
static bool
refuse_all(struct cr_offload *offload, struct job *own)
{
    struct job *job = offload->jobs, *next;
    bool found = false;
    offload->jobs = NULL;
    offload->jobs_end = &offload->jobs;
    cr_guard_release(&offload->word, 0);
    for (; job; job = next) {
        struct coir_task *caller = job->wait.task;
        next = job->next;
        found |= job == own;
        if (job == own)
            continue;
        job->refused = true;
        cr_always(cr_wait_claim(&job->wait, 0));
        cr_unpark(caller);
    }
    return found;
}

/* After a helper could not be started: true if nobody will do the job, whose wait is then over. */
static bool
is_refused(struct cr_offload *offload, struct job *own)
{
    bool refused = false;
    (void)cr_guard_take(&offload->word);
    if (offload->helpers)
        cr_guard_release(&offload->word, 0); /* one of them will do it, or fail and refuse it */
    else
        refused = refuse_all(offload, own);
    if (refused)
        cr_wait_abandon(&own->wait);
    else
        (void)cr_park(&own->wait, COIR_NEVER);
    return refused || own->refused;
}

int
cr_offload(coir_function *function, void *arg)
{
    struct coir_task *self = cr_task_self(), *helper;
    struct job job = {.function = function, .arg = arg};
    struct cr_offload *offload;
    bool start;
    if (!cr_here.worker)
        return function(arg);
    offload = get(self->runtime);
    if (!offload)
        return -ENOMEM;
    cr_store_rlx(&self->shield, cr_load_rlx(&self->shield) + 1);
    cr_quiet_in(); /* its job may wake others */
    (void)cr_guard_take(&offload->word);
    cr_wait_begin_for(&job.wait, self, &helping);
    *offload->jobs_end = &job;
    offload->jobs_end = &job.next;
    helper = cr_waiters_claim(&offload->idle, 0);
    start = !helper && offload->helpers < MOST;
    if (start)
        offload->helpers++;
    cr_guard_release(&offload->word, 0);
    if (helper)
        cr_unpark(helper);
    if (start && start_helper(offload, self->runtime))
        job.refused = is_refused(offload, &job);
    else
        (void)cr_park(&job.wait, COIR_NEVER);
    cr_quiet_out();
    cr_store_rlx(&self->shield, cr_load_rlx(&self->shield) - 1);
    return job.refused ? cr_fail(-EAGAIN, "no helper thread can be started: see ulimit -u") : job.result;
}

void
cr_offload_stop(struct coir_runtime *runtime)
{
    struct cr_offload *offload = runtime->offload;
    struct cr_note *idle;
    struct cr_wait wait;
    if (!offload)
        return;
    (void)cr_guard_take(&offload->word);
    offload->stopping = true;
    idle = cr_waiters_claim_all(&offload->idle, 0);
    if (offload->helpers) {
        cr_wait_begin(&wait, cr_task_self());
        cr_waiters_append(&offload->emptied, &wait);
        cr_guard_release(&offload->word, 0);
        cr_unpark_all(idle);
        (void)cr_park(&wait, COIR_NEVER);
    } else {
        cr_guard_release(&offload->word, 0);
    }
    join_gone(offload->gone);
    cr_free(offload);
    runtime->offload = NULL;
}
