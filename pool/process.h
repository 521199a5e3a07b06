/* pool/process.h: a worker of a pool that is a process, as the task that hands it its jobs sees it. */
#ifndef CR_POOL_PROCESS_H
#define CR_POOL_PROCESS_H

#include "base/atomic.h"
#include <coir/base.h>

struct coir_future;
struct coir_pool;
struct coir_stream;
struct coir_task;

struct cr_pool_process {
    struct coir_pool *pool;
    struct coir_stream *orders;  /* to it; NULL: there is no process */
    struct coir_stream *answers; /* from it */
    struct coir_task *task;      /* it; the watcher joins it, */
    struct coir_task *watcher;   /* which ends the streams when it ends */
    int32_t pid;
    int how; /* it has ended; the watcher's until that is joined */
    CR_ATOMIC(bool) has_ended;
    coir_function *known; /* the function it was told of last */
};

/* Begins it, and lets it run the pool's start function: >= 0; or the failure, and there is none. */
int cr_pool_process_begin(struct cr_pool_process *process);
/* Whether there is one to give a job to. */
bool cr_pool_process_lives(const struct cr_pool_process *process);
/* Its result. -EOWNERDEAD: it has died, and is no more. *detail is what it said of a failure, or NULL; to be freed. */
int cr_pool_process_run(struct cr_pool_process *process, struct coir_future *job, char **detail);
/* Until it is no more; of one that is not nothing. */
void cr_pool_process_end(struct cr_pool_process *process);

#endif
