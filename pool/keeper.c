/* pool/keeper.c: the task that looks after a worker that is a process: gives it jobs, several at once while they are short, and
 * hands out what it answers. A process that has died is replaced when there is a job for it, and is no more when its keeper
 * leaves the pool. */
#include "base/memory.h"
#include "pool/process.h"
#include "sched/task.h"
#include <coir/task.h>

#include <errno.h>

/* The job is the next again; but not if its pool is closed, or who waited for it has given up (cr_pool_abandon). */
static void
give_back(struct coir_pool *pool, struct coir_future *job)
{
    struct cr_pool_help help;
    cr_pool_hold(pool);
    if (pool->is_closed || cr_load_rlx(&job->looked)) {
        cr_pool_release(pool);
        (void)coir_future_cancel(job);
        cr_pool_end_job(pool, job);
        return;
    }
    job->next = pool->jobs;
    if (!pool->jobs)
        pool->jobs_end = &job->next;
    pool->jobs = job;
    pool->count++;
    help = cr_pool_find_help(pool);
    cr_pool_release(pool);
    cr_pool_send_for(pool, help);
}

/* What the process has and has not begun is for others, or for later. */
static void
take_back(struct coir_pool *pool, struct cr_pool_process *process)
{
    struct coir_future *jobs[CR_POOL_AHEAD];
    for (unsigned count = cr_pool_process_take_back(process, jobs); count-- > 0;) {
        cr_future_put_back(jobs[count]);
        give_back(pool, jobs[count]);
    }
}

/* ---- Processes that have died ---- */

/* Whether there is to be another process for one that has died. */
static bool
is_replaced(struct coir_pool *pool)
{
    bool replaced = !pool->options.no_replacement;
    if (replaced)
        return true;
    cr_pool_hold(pool);
    pool->lost++;
    replaced = pool->workers - 1 < pool->limit - pool->lost; /* one that has not been begun so far */
    cr_pool_release(pool);
    return replaced;
}

/* No other process; the job is for other workers, if there are some. */
static void
leave_for_good(struct coir_pool *pool, struct coir_task *self, struct coir_future *job)
{
    give_back(pool, job);
    cr_pool_hold(pool);
    if (pool->workers > 1) {
        cr_pool_leave(pool);
        return;
    }
    (void)cr_fail(-EOWNERDEAD, "all workers of the pool have died");
    cr_pool_break(pool, self, -EOWNERDEAD);
}

/* The process has died, or was dismissed, and there is a job for it: another process. false: there is none, and the keeper has left the pool. */
static bool
replace(struct coir_pool *pool, struct coir_task *self, struct cr_pool_process *process, struct coir_future *job)
{
    int result;
    cr_pool_process_end(process);
    cr_detail_clear(self);
    if (!process->is_dismissed && !is_replaced(pool)) {
        leave_for_good(pool, self, job);
        return false;
    }
    process->is_dismissed = false;
    result = cr_pool_process_begin(process);
    if (result >= 0)
        return true;
    give_back(pool, job);
    cr_pool_hold(pool);
    cr_pool_break(pool, self, result);
    return false;
}

/* ---- Jobs ---- */

static void
end_job(struct coir_pool *pool, struct coir_future *job, int result, char *detail)
{
    cr_future_end(job, result, detail);
    cr_pool_end_job(pool, job);
}

static void
give(struct coir_pool *pool, struct coir_task *self, struct cr_pool_process *process, struct coir_future *job)
{
    int error;
    if (!cr_future_begin(job, cr_load_rlx(&self->id))) { /* it is canceled */
        cr_pool_end_job(pool, job);
        return;
    }
    cr_detail_clear(self);
    error = cr_pool_process_give(process, job);
    if (error) {
        char *detail = self->detail;
        self->detail = NULL;
        end_job(pool, job, error, detail);
    }
}

static void
hand_out(struct coir_pool *pool, struct cr_pool_process *process)
{
    struct coir_future *job;
    char *detail;
    int result, error = cr_pool_process_answer(process, &job, &result, &detail);
    if (!error)
        end_job(pool, job, result, detail);
    if (error || !process->channel.memory)
        take_back(pool, process);
}

/* A job for a process that has none. NULL: the keeper has left the pool. */
static struct coir_future *
first_job(struct coir_pool *pool, struct coir_task *self, struct cr_pool_process *process)
{
    struct coir_future *job = cr_pool_next(pool, self, !process->channel.memory);
    if (job || !process->channel.memory)
        return job;
    cr_pool_process_end(process);
    process->is_dismissed = true;
    return cr_pool_next(pool, self, true); /* some may have come meanwhile, trusting in this worker */
}

/* Gives it what it may have: false: the keeper has left the pool. */
static bool
give_some(struct coir_pool *pool, struct coir_task *self, struct cr_pool_process *process)
{
    struct coir_future *job;
    int64_t room;
    if (!process->count) {
        job = first_job(pool, self, process);
        if (!job || (!cr_pool_process_lives(process) && !replace(pool, self, process, job)))
            return false;
        give(pool, self, process, job);
    }
    while (process->count && (room = cr_pool_process_room(process)) >= 0 &&
           (job = cr_pool_more(pool, room, process->count)))
        give(pool, self, process, job);
    return true;
}

int
cr_pool_keep(void *arg)
{
    struct coir_pool *pool = arg;
    struct coir_task *self = cr_task_self();
    struct cr_pool_process process = {.pool = pool};
    int result = cr_pool_process_begin(&process);
    if (result < 0) {
        cr_pool_hold(pool);
        cr_pool_break(pool, self, result);
        return 0;
    }
    for (uint32_t count = 1; give_some(pool, self, &process); count++) {
        if (process.count)
            hand_out(pool, &process);
        if (count % CR_POOL_IN_A_ROW == 0) {
            if (process.channel.memory)
                cr_channel_tell(&process.channel);
            (void)coir_yield(); /* a line that never ends must not keep other fibers from running */
        }
    }
    return 0;
}
