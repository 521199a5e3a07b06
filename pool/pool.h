/* pool/pool.h: a pool from the inside: jobs in a line, workers that take them, and who carries those.
 *
 * A job is a future with something to run in it (sync/future.h); the pool holds a share of it until it is done. All that is
 * not constant is under the guard. While there are jobs there is a worker, or one is being started. */
#ifndef CR_POOL_H
#define CR_POOL_H

#include "sched/several.h"
#include "sync/future.h"
#include <coir/pool.h>

struct coir_runtime;
struct cr_pool_worker;

struct coir_pool {
    CR_ATOMIC(uintptr_t) word;
    struct coir_future *jobs, **jobs_end; /* submitted, not begun; through next */
    size_t count;                         /* of them */
    uintptr_t idle;                       /* waits of workers that have nothing to do; the last that came goes first */
    bool is_called;                       /* the thread last woken out of idle has not looked for a job since */
    uintptr_t submitters;                 /* waits of those that found capacity reached, their jobs as items */
    uintptr_t leavers;                    /* waits until no worker is left */
    struct coir_future *spares;           /* blocks of jobs that are over (pool/job.c); through next */
    size_t spare_count;
    size_t workers;                 /* there are, or are being started */
    size_t lost;                    /* have died, and are not replaced */
    struct cr_pool_worker *threads; /* all that were started; to be joined */
    bool is_shut;
    bool is_closed; /* also what comes back into the line is not run any more */
    int broken;     /* the failure of a start function */
    /* Constant. */
    size_t limit;                 /* of workers */
    struct coir_runtime *runtime; /* of fibers, or of those that look after processes; NULL: threads */
    struct coir_runtime *own;     /* the same, if it was started for this pool */
    bool on_processes;
    bool stay; /* workers wait for jobs */
    char name[32];
    struct coir_pool_options options;
    char start_arg[] __attribute__((aligned(16))); /* a copy, if it has a size */
};

enum { CR_POOL_IN_A_ROW = 16 }; /* jobs, after which a worker that is a fiber lets others run */

/* pool/worker.c */
/* Begins one that has been counted in workers; if it cannot, that is undone, and if it was the only one its jobs fail. */
void cr_pool_start_worker(struct coir_pool *pool);
/* The next job. NULL: there will be none; a worker that may leave has left the pool, another has to look once more. */
struct coir_future *cr_pool_next(struct coir_pool *pool, struct coir_task *self, bool may_leave);
/* One more, of at most so many bytes, for a worker that has some already; NULL: none now. */
struct coir_future *cr_pool_more(struct coir_pool *pool, int64_t size, size_t beside);
/* Under the guard, which it gives back: one worker less. */
void cr_pool_leave(struct coir_pool *pool);
/* The same, and the pool is of no use any more. */
void cr_pool_break(struct coir_pool *pool, const struct coir_task *self, int result);
/* Each of its items until one fails: the result. */
int cr_pool_run_items(coir_function *function, char *items, size_t each, size_t size);
/* Who is to come for a job that waits: found under the guard, sent for when that is given back. */
struct cr_pool_help {
    struct coir_task *idle; /* to be woken; NULL: none */
    bool start;             /* another worker, counted already */
};
struct cr_pool_help cr_pool_find_help(struct coir_pool *pool);
void cr_pool_send_for(struct coir_pool *pool, struct cr_pool_help help);
/* Joins the threads; all workers have left. */
void cr_pool_join_threads(struct coir_pool *pool);

/* pool/keeper.c: what looks after a worker that is a process, as a task. */
int cr_pool_keep(void *pool);

/* pool/job.c */
/* One that is handed in with cr_pool_submit and freed by the caller, too; each: bytes of an item, size: of all. NULL. */
struct coir_future *cr_pool_job(struct coir_pool *pool, coir_function *function, const void *arg, size_t size,
                                size_t each);
/* A worker's share of a job that is over. */
void cr_pool_end_job(struct coir_pool *pool, struct coir_future *job);
/* Under the guard. */
void cr_pool_free_spares(struct coir_pool *pool);

/* pool/pool.c */
int cr_pool_submit(struct coir_pool *pool, struct coir_future *job, coir_time deadline);
/* It is not wanted any more: canceled, if it has not begun; freed. */
void cr_pool_abandon(struct coir_future *job);
/* Under the guard, which it gives back: all jobs end with result (a detail, if any, is copied), and those that wait to
 * submit get refusal. */
void cr_pool_fail_all(struct coir_pool *pool, int result, const char *detail, int refusal);

static inline void
cr_pool_hold(struct coir_pool *pool)
{
    (void)cr_guard_take(&pool->word);
    (void)CR_SHARED_WRITE(pool->jobs); /* and all else under the guard */
}

static inline void
cr_pool_release(struct coir_pool *pool)
{
    cr_guard_release(&pool->word, 0);
}

/* Under the guard. */
static inline void
cr_pool_append(struct coir_pool *pool, struct coir_future *job)
{
    *pool->jobs_end = job;
    pool->jobs_end = &job->next;
    pool->count++;
}

#endif
