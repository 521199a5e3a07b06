/* pool/pool.c: opening a pool, handing jobs in, and its end. Maps are in pool/map.c, workers in pool/worker.c. */
#include "pool/pool.h"
#include "base/memory.h"
#include "pool/process.h"
#include "sched/graph.h"
#include "sched/runtime.h"

#include <stdio.h>
#include <string.h>

enum { WORKERS_MOST = 4096, FIBERS_EACH = 16, CAPACITY = 1024, START_ARG_MOST = 65536 };

static const struct cr_edge_kind room_kind = {.text = "room for a job in a pool"},
                                 leaving_kind = {.text = "the end of a pool's workers"};
static const struct cr_edge room = {.kind = &room_kind}, leaving = {.kind = &leaving_kind};

/* ---- Opening ---- */

/* The number behind the colon, all of it; 0: none such. */
static size_t
number_in(const char *text)
{
    size_t number = 0;
    for (; *text >= '0' && *text <= '9' && number <= WORKERS_MOST; text++)
        number = number * 10 + (size_t)(*text - '0');
    return *text || number > WORKERS_MOST ? 0 : number;
}

static bool
is_word(const char *workers, size_t length, const char *word)
{
    return length == strlen(word) && strncmp(workers, word, length) == 0;
}

/* Which workers, and how many. */
static int
parse(const char *workers, struct coir_pool *pool)
{
    size_t length = strcspn(workers, ":");
    bool fibers = is_word(workers, length, "fibers");
    pool->on_processes = is_word(workers, length, "processes");
    if (is_word(workers, length, "ranks"))
        return cr_fail(-ENOTSUP, "coir_pool_open: there are no pools of ranks yet");
    if (!fibers && !pool->on_processes && !is_word(workers, length, "threads"))
        return cr_fail(-EINVAL, "coir_pool_open: '%s' is none of \"threads\", \"fibers\" and \"processes\"", workers);
    if (fibers && !(pool->runtime = coir_runtime_self()))
        return cr_fail(-EINVAL, "coir_pool_open: fibers need a runtime: call from coir_run, or use threads");
    pool->limit = workers[length] ? number_in(workers + length + 1)
                  : pool->runtime ? (size_t)pool->runtime->count * FIBERS_EACH
                                  : (size_t)cr_world.processors();
    if (!pool->limit)
        return cr_fail(-EINVAL, "coir_pool_open: '%s': the number of workers is 1 to %d", workers, WORKERS_MOST);
    return 0;
}

/* The runtime whose helper makes the processes, and whose fibers look after them: the caller's, or one of the pool's own. */
static int
find_helper(struct coir_pool *pool)
{
    static const struct coir_runtime_options options = {.name = "coir-pool", .workers = 1, .processes = true};
    int error;
    pool->runtime = coir_runtime_self();
    if (pool->runtime)
        return pool->runtime->options.processes
                   ? 0
                   : cr_fail(-ENOTSUP,
                             "coir_pool_open: processes: this runtime was started without the option processes");
    error = coir_runtime_start(&options, &pool->own);
    pool->runtime = pool->own;
    return error == -EBUSY ? -ENOTSUP : error;
}

int
coir_pool_open(const char *workers, const struct coir_pool_options *options, struct coir_pool **opened)
{
    static const struct coir_pool_options standard;
    const struct coir_pool_options *wanted = options ? options : &standard;
    struct coir_pool *pool;
    int error;
    *opened = NULL;
    if (wanted->start_arg_size > START_ARG_MOST)
        return cr_fail(-EINVAL, "start_arg_size %zu is more than %d: pass a pointer", wanted->start_arg_size,
                       START_ARG_MOST);
    pool = cr_alloc_zero(sizeof *pool + wanted->start_arg_size);
    if (!pool)
        return -ENOMEM;
    error = parse(workers, pool);
    if (!error && pool->on_processes && wanted->start_arg && !wanted->start_arg_size)
        error = cr_fail(-EINVAL, "coir_pool_open: processes do not share memory: start_arg needs its start_arg_size");
    if (!error && pool->on_processes)
        error = find_helper(pool);
    if (error) {
        cr_free(pool);
        return error;
    }
    pool->options = *wanted;
    pool->jobs_end = &pool->jobs;
    pool->stay = !pool->runtime || pool->on_processes || wanted->start;
    if (!wanted->capacity)
        pool->options.capacity = CAPACITY;
    if (wanted->start_arg_size)
        memcpy(pool->start_arg, wanted->start_arg, wanted->start_arg_size);
    if (wanted->name)
        snprintf(pool->name, sizeof pool->name, "%s", wanted->name);
    *opened = pool;
    return 0;
}

size_t
coir_pool_workers(const struct coir_pool *pool)
{
    return pool->limit;
}

/* ---- Jobs in ---- */

/* Puts the job into the line and sees to it that somebody comes. The guard is held, and given back. */
static void
enqueue(struct coir_pool *pool, struct coir_future *job)
{
    struct cr_pool_help help;
    cr_pool_append(pool, job);
    help = cr_pool_find_help(pool);
    cr_pool_release(pool);
    cr_pool_send_for(pool, help);
}

/* Hands the job in; the pool has a share of it then. */
static int
hand_in(struct coir_pool *pool, struct coir_future *job, coir_time deadline)
{
    struct coir_task *self = cr_task_self();
    struct cr_item_wait waiting;
    int result = cr_enter(self, deadline);
    if (result)
        return result;
    cr_pool_hold(pool);
    result = pool->is_shut ? -EPIPE : pool->broken;
    if (result) {
        cr_pool_release(pool);
        return result == -EPIPE ? result : cr_fail(result, "the workers of pool '%s' cannot start", pool->name);
    }
    if (pool->count >= pool->options.capacity) {
        CR_SHARED_WRITE(waiting.item) = job;
        return cr_wait_in(&waiting.wait, self, &room, &pool->word, 0, &pool->submitters, 0, deadline);
    }
    enqueue(pool, job);
    return 0;
}

int
cr_pool_submit(struct coir_pool *pool, struct coir_future *job, coir_time deadline)
{
    int error;
    (void)coir_future_share(job); /* before it may run */
    error = hand_in(pool, job, deadline);
    if (error)
        coir_future_free(job);
    return error;
}

int
coir_pool_submit(struct coir_pool *pool, coir_function *function, const void *arg, size_t size,
                 struct coir_future **future, coir_time deadline)
{
    struct coir_future *job;
    int error;
    if (pool->on_processes && arg && !size)
        cr_misuse(
            "coir_pool_submit: the workers of pool '%s' are processes, which cannot follow a pointer: give its size",
            pool->name);
    job = cr_pool_job(pool, function, arg, size, size);
    error = job ? cr_pool_submit(pool, job, deadline) : -ENOMEM;
    if (future)
        *future = error ? NULL : job;
    if (error || !future)
        coir_future_free(job);
    return error;
}

int
coir_pool_call(struct coir_pool *pool, coir_function *function, void *arg, size_t size, coir_time deadline)
{
    struct coir_future *job;
    int result = coir_pool_submit(pool, function, arg, size, &job, deadline);
    if (result)
        return result;
    result = coir_future_wait(job, deadline);
    if (result) {
        cr_pool_abandon(job);
        return result;
    }
    result = coir_future_get(job, arg, size, COIR_NOW);
    coir_future_free(job);
    return result;
}

void
cr_pool_abandon(struct coir_future *job)
{
    cr_store_rlx(&job->looked, 1); /* a failure is no surprise to be logged; before the cancel, see pool/keeper.c */
    (void)coir_future_cancel(job);
    coir_future_free(job);
}

/* ---- The end ---- */

static void
end_unrun(struct coir_future *job, int result, const char *detail)
{
    if (result == -ECANCELED) {
        (void)coir_future_cancel(job);
    } else if (cr_future_begin(job, 0)) {
        cr_future_end(job, result, cr_alloc_text(detail));
    }
    coir_future_free(job);
}

void
cr_pool_fail_all(struct coir_pool *pool, int result, const char *detail, int refused)
{
    struct coir_future *job = pool->jobs;
    struct cr_note *submitters = cr_waiters_claim_all(&pool->submitters, refused);
    pool->jobs = NULL;
    pool->jobs_end = &pool->jobs;
    pool->count = 0;
    cr_pool_release(pool);
    cr_unpark_all(submitters);
    while (job) {
        struct coir_future *next = job->next;
        end_unrun(job, result, detail);
        job = next;
    }
}

/* Under the guard, which it gives back. Until all workers have left. */
static int
await_leaving(struct coir_pool *pool, coir_time deadline)
{
    struct cr_wait wait;
    if (pool->workers)
        return cr_wait_in(&wait, cr_task_self(), &leaving, &pool->word, 0, &pool->leavers, 0, deadline);
    cr_pool_release(pool);
    return 0;
}

/* Under the guard: nothing more comes in; workers without a job may leave. What cr_unpark_all is to be given then. */
static struct cr_note *
shut(struct coir_pool *pool)
{
    pool->is_shut = true;
    return cr_waiters_claim_all(&pool->idle, 0);
}

int
coir_pool_shutdown(struct coir_pool *pool, coir_time deadline)
{
    struct cr_note *idle, *submitters;
    int result;
    cr_pool_hold(pool);
    idle = shut(pool);
    submitters = cr_waiters_claim_all(&pool->submitters, -EPIPE);
    cr_pool_release(pool);
    cr_unpark_all(idle);
    cr_unpark_all(submitters);
    result = cr_enter(cr_task_self(), deadline);
    if (result)
        return result;
    cr_pool_hold(pool);
    return await_leaving(pool, deadline);
}

void
coir_pool_close(struct coir_pool *pool)
{
    struct cr_note *idle;
    COIR_SHIELD();
    if (!pool)
        return;
    cr_pool_hold(pool);
    idle = shut(pool);
    pool->is_closed = true;
    cr_pool_fail_all(pool, -ECANCELED, NULL, -EPIPE);
    cr_unpark_all(idle);
    cr_pool_hold(pool);
    (void)await_leaving(pool, COIR_NEVER);
    (void)cr_guard_take(&pool->word); /* whoever left last may still be giving it back */
    cr_pool_join_threads(pool);
    cr_pool_free_spares(pool);
    if (pool->own)
        (void)coir_runtime_stop(pool->own, COIR_NEVER);
    cr_free(pool);
}
