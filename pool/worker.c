/* pool/worker.c: a pool's worker: takes jobs in the order in which they came until there are none, then waits or leaves.
 *
 * A thread's last touch of the pool is the store that gives the guard back after it has counted itself out; who closes the
 * pool joins it. A fiber is a task of the runtime, whose end nobody awaits. A worker that is a process has a fiber, too, its
 * keeper (pool/keeper.c). */
#include "base/memory.h"
#include "pool/pool.h"
#include "sched/graph.h"
#include <coir/log.h>
#include <coir/runtime.h>
#include <coir/task.h>

#include <stdio.h>
#include <string.h>

static const struct cr_edge_kind work_kind = {.text = "a job for its pool"};
static const struct cr_edge for_work = {.kind = &work_kind};

struct cr_pool_worker {
    struct cr_pool_worker *next;
    struct coir_pool *pool;
    struct cr_thread *thread;
};

/* Under the guard: the first of those that wait for room, its job being moved in; NULL. */
static struct coir_task *
let_one_in(struct coir_pool *pool)
{
    struct cr_wait *wait;
    while (pool->count < pool->options.capacity && (wait = cr_waiters_first(&pool->submitters))) {
        struct coir_task *task = CR_SHARED_READ(wait->task);
        struct coir_future *job = CR_SHARED_READ(cr_container(wait, struct cr_item_wait, wait)->item);
        bool won = cr_wait_claim(wait, 0) || CR_MUTANT(LATE_JOB_LET_IN);
        if (won)
            cr_pool_append(pool, job);
        cr_waiters_remove(&pool->submitters, wait);
        if (won)
            return task;
    }
    return NULL;
}

/* Under the guard. */
static struct coir_future *
take_job(struct coir_pool *pool)
{
    struct coir_future *job = pool->jobs;
    if (!job)
        return NULL;
    pool->jobs = job->next;
    if (!pool->jobs)
        pool->jobs_end = &pool->jobs;
    pool->count--;
    return job;
}

void
cr_pool_leave(struct coir_pool *pool)
{
    struct cr_note *waiting = --pool->workers ? NULL : cr_waiters_claim_all(&pool->leavers, 0);
    cr_pool_release(pool);
    cr_unpark_all(waiting);
}

/* A thread that is woken takes 5 to 50 us until it looks for a job; of a stream of small ones tens have come by then. So while
 * one is on its way no other is woken: it sends for the next itself if it leaves a job in the line. Not before all have been
 * started: it would start them one after the other. A fiber costs next to nothing to wake, and may be long in coming if
 * another keeps its runtime's worker. */
struct cr_pool_help
cr_pool_find_help(struct coir_pool *pool)
{
    struct cr_pool_help help = {NULL, false};
    if (pool->is_called && pool->workers == pool->limit)
        return help;
    help.idle = cr_waiters_claim(&pool->idle, 0);
    help.start = !help.idle && pool->workers + pool->lost < pool->limit;
    pool->is_called = help.idle && !pool->runtime;
    if (help.start)
        pool->workers++;
    return help;
}

void
cr_pool_send_for(struct coir_pool *pool, struct cr_pool_help help)
{
    if (help.idle)
        cr_unpark(help.idle);
    if (help.start)
        cr_pool_start_worker(pool);
}

/* Under the guard, which it gives back, by a worker that has taken a job: others can go on because of that. */
static void
let_others_on(struct coir_pool *pool, bool was_called)
{
    struct coir_task *submitter = CR_MUTANT(ROOM_FORGOTTEN) ? NULL : let_one_in(pool);
    struct cr_pool_help help = {NULL, false};
    if ((submitter || was_called) && pool->jobs && !CR_MUTANT(NEXT_NOT_CALLED))
        help = cr_pool_find_help(pool);
    cr_pool_release(pool);
    if (submitter)
        cr_unpark(submitter);
    cr_pool_send_for(pool, help);
}

/* Under the guard, which it gives back. Until there may be a job; whether to look again. */
static bool
rest(struct coir_pool *pool, struct coir_task *self)
{
    struct cr_wait wait;
    int result;
    if (CR_MUTANT(REST_UNGUARDED)) {
        cr_pool_release(pool);
        cr_pool_hold(pool);
    }
    cr_wait_begin_for(&wait, self, &for_work);
    cr_waiters_prepend(&pool->idle, &wait);
    cr_pool_release(pool);
    result = cr_park(&wait, COIR_NEVER);
    if (cr_wait_is_linked(&wait))
        cr_wait_withdraw(&wait, &pool->word, &pool->idle, 0);
    return !result;
}

struct coir_future *
cr_pool_more(struct coir_pool *pool, int64_t size, size_t beside)
{
    struct coir_future *job = NULL;
    cr_pool_hold(pool);
    /* Not more than its share: what others could do at the same time is theirs. */
    if (pool->jobs && (uint64_t)size >= pool->jobs->size && beside <= pool->count / pool->workers)
        job = take_job(pool);
    if (job)
        let_others_on(pool, false);
    else
        cr_pool_release(pool);
    return job;
}

struct coir_future *
cr_pool_next(struct coir_pool *pool, struct coir_task *self, bool may_leave)
{
    for (bool stay = pool->stay, has_rested = false;; has_rested = true) {
        struct coir_future *job;
        bool was_called;
        cr_pool_hold(pool);
        was_called = has_rested && pool->is_called;
        if (was_called)
            pool->is_called = false;
        job = take_job(pool);
        if (job) {
            let_others_on(pool, was_called);
            return job;
        }
        if (!stay || pool->is_shut || pool->broken) {
            if (may_leave)
                cr_pool_leave(pool);
            else
                cr_pool_release(pool);
            return NULL;
        }
        stay = rest(pool, self); /* false: its runtime is being stopped */
    }
}

int
cr_pool_run_items(coir_function *function, char *items, size_t each, size_t size)
{
    int result = function(items);
    for (size_t done = each; result >= 0 && done < size; done += each)
        result = function(items + done);
    return result;
}

static void
run(struct coir_pool *pool, struct coir_future *job, struct coir_task *self)
{
    if (cr_future_begin(job, cr_load_rlx(&self->id)) || CR_MUTANT(CANCELED_IS_RUN)) {
        char *detail = NULL;
        int result;
        cr_detail_clear(self);
        result = cr_pool_run_items(job->function, job->arg, job->each, job->size);
        if (result < 0) {
            detail = self->detail;
            self->detail = NULL;
        }
        cr_future_end(job, result, detail);
    }
    cr_pool_end_job(pool, job);
}

/* Runs the start function. */
static int
start(struct coir_pool *pool, struct coir_task *self)
{
    size_t size = pool->options.start_arg_size;
    void *arg = pool->options.start_arg, *copy = NULL;
    int result = -ENOMEM;
    if (!pool->options.start)
        return 0;
    cr_detail_clear(self);
    if (size && (copy = cr_alloc(size)))
        arg = memcpy(copy, pool->start_arg, size);
    if (!size || copy)
        result = pool->options.start(arg);
    cr_free(copy);
    return result;
}

void
cr_pool_break(struct coir_pool *pool, const struct coir_task *self, int result)
{
    pool->broken = result;
    cr_pool_release(pool);
    coir_log(COIR_LOG_ERROR, "pool '%s': a worker could not start: %s%s%s", pool->name, coir_error_text(result),
             self->detail ? ": " : "", self->detail ? self->detail : "");
    cr_pool_hold(pool);
    cr_pool_fail_all(pool, result, self->detail, result);
    cr_pool_hold(pool);
    cr_pool_leave(pool);
}

static int
work(void *arg)
{
    struct coir_pool *pool = arg;
    struct coir_task *self = cr_task_self();
    struct coir_future *job;
    int result = start(pool, self);
    if (result < 0) {
        cr_pool_hold(pool);
        cr_pool_break(pool, self, result);
        return 0;
    }
    for (uint32_t count = 1; (job = cr_pool_next(pool, self, true)); count++) {
        run(pool, job, self);
        if (pool->runtime && count % CR_POOL_IN_A_ROW == 0)
            (void)coir_yield(); /* a line that never ends must not keep other fibers from running */
    }
    return 0;
}

static void
work_as_thread(void *arg)
{
    struct cr_pool_worker *worker = arg;
    struct coir_task *self = cr_task_self();
    snprintf(self->name, sizeof self->name, "%s", worker->pool->name);
    (void)work(worker->pool);
}

static int
start_fiber(struct coir_pool *pool)
{
    struct coir_task_options options = {.name = pool->name};
    coir_function *function = pool->on_processes ? cr_pool_keep : work;
    if (coir_runtime_self() == pool->runtime)
        return coir_go(function, pool, &options, NULL);
    return coir_runtime_go(pool->runtime, function, pool, &options, NULL);
}

static int
start_thread(struct coir_pool *pool)
{
    struct cr_pool_worker *worker = cr_alloc_zero(sizeof *worker);
    int error;
    if (!worker)
        return -ENOMEM;
    worker->pool = pool;
    error = cr_world.thread_start(work_as_thread, worker, *pool->name ? pool->name : "coir-pool", &worker->thread);
    if (error) {
        cr_free(worker);
        return error;
    }
    cr_pool_hold(pool);
    worker->next = pool->threads;
    pool->threads = worker;
    cr_pool_release(pool);
    return 0;
}

void
cr_pool_start_worker(struct coir_pool *pool)
{
    int error = pool->runtime ? start_fiber(pool) : start_thread(pool);
    if (!error)
        return;
    cr_pool_hold(pool);
    while (pool->workers == 1 && pool->jobs) { /* some may come, trusting in this worker, while the others are told */
        cr_pool_fail_all(pool, error, "no worker of the pool could be started", error);
        cr_pool_hold(pool);
    }
    cr_pool_leave(pool);
}

void
cr_pool_join_threads(struct coir_pool *pool)
{
    while (pool->threads) {
        struct cr_pool_worker *worker = pool->threads;
        pool->threads = worker->next;
        cr_world.thread_join(worker->thread);
        cr_free(worker);
    }
}
