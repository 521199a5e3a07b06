/* coir/pool.h: a number of workers, threads, fibers or processes, for any number of jobs.
 *
 * A job for a process goes there as bytes, and comes back as bytes: what it is to work on must be in them, without pointers. Its
 * function may be any of the program's or of a library's (static, too; also of a library that was loaded later, by the same
 * name). A worker sees all other memory as it was when the runtime was started, or without one when the pool was opened. */
#ifndef COIR_POOL_H
#define COIR_POOL_H

#include <coir/base.h>

COIR_BEGIN

struct coir_pool;
struct coir_future;

/* Zero in every member is the default; so is NULL for the options. */
struct coir_pool_options {
    const char *name; /* copied; 31 bytes are kept */
    /* Runs first in each worker, on the task that will run its jobs, so that it may set that one's coir_local. A failure (< 0)
     * breaks the pool: what has not begun ends with that result, and all later calls answer so. */
    coir_function *start;
    void *start_arg;
    size_t start_arg_size; /* 0: start gets start_arg itself; n (at most 65,536): its own copy of the n bytes there */
    size_t
        capacity; /* jobs submitted and not begun; 0: 1,024. A canceled one keeps its place until a worker comes to it */
    size_t chunk; /* items of a map that travel together; 0: so many that each worker gets about four times some */
    bool no_replacement; /* of a process that has died; when all have, the pool is broken: -EOWNERDEAD */
    uint64_t reserved[4];
};

/* "threads": one for each CPU this process may use; "processes": likewise; "fibers", of the calling task's runtime: 16 for each
 * of its workers; "threads:8", "fibers:100": so many, 1 to 4,096. They are started when there is something to do for them: an idle one is
 * used before another is begun. Threads and processes then stay until the pool ends; fibers only if there is a start
 * function, else each leaves as soon as there is no job for it. Processes are made by the runtime's helper (its option
 * processes), or without a runtime by one of the pool's own, before the program has threads. -EINVAL; -ENOMEM; -ENOTSUP:
 * processes, and the runtime has no helper, or without a runtime there are other threads already; "ranks". */
COIR_EXPORT int coir_pool_open(const char *workers, const struct coir_pool_options *options, struct coir_pool **pool);

/* Runs function on a copy of the size bytes at arg, aligned to 16; what it leaves there becomes the future's value. Size 0:
 * function gets arg itself, which for processes must be NULL. future may be NULL; else it is the caller's to free. Begun in the order of submitting
 * (but for what a process is given and gives back, see below). Waits
 * while capacity is reached. -EPIPE after shutdown; -ENOMEM. The future's result is function's; -ECANCELED: canceled before
 * it began (one that runs cannot be); -EAGAIN, -ENOMEM: no worker could be started; -EOWNERDEAD: the process it was given to
 * has died, or called exit, and the log says how; -ENOEXEC: that process does not have the function. A job that waits for another of its own
 * pool needs a second worker.
 *
 * A process whose jobs take microseconds is given several at once (bench/run proc-flight); when one of them takes longer than a
 * millisecond, those that it has not begun are taken back. Until then they count as begun: coir_future_cancel says -EBUSY. */
COIR_EXPORT int coir_pool_submit(struct coir_pool *pool, coir_function *function, const void *arg, size_t size,
                                 struct coir_future **future, coir_time deadline);

/* Submits, waits, changes arg in place: the result. At the deadline, or canceled, it gives up: a job that has not begun is
 * canceled, one that runs goes on with its copy. After any failure arg is as it was. */
COIR_EXPORT int coir_pool_call(struct coir_pool *pool, coir_function *function, void *arg, size_t size,
                               coir_time deadline);

/* Runs function on a copy of each of count items, in chunks of which at most two for each worker are under way, and copies
 * them back: 0; or the first failure in the order of the items, which cancels the rest; at the deadline, or canceled, it
 * gives up as a call does. Then each chunk is wholly done or as it was. */
COIR_EXPORT int coir_pool_map(struct coir_pool *pool, coir_function *function, void *items, size_t item_size,
                              size_t count, coir_time deadline);

/* Takes no more, also not from those that wait to submit (-EPIPE), and waits until all that it has is done and the workers
 * have left: 0. After a failure it is shut down all the same, and may be waited for again. */
COIR_EXPORT int coir_pool_shutdown(struct coir_pool *pool, coir_time deadline);

/* Suspends; of NULL nothing. Cancels what has not begun, waits for what runs, ends the workers, frees the pool. Not from one
 * of its own jobs. A pool of fibers is closed before its runtime ends. Futures outlive it. */
COIR_EXPORT void coir_pool_close(struct coir_pool *pool);

/* How many workers it may have. */
COIR_EXPORT size_t coir_pool_workers(const struct coir_pool *pool);

COIR_END

#endif
