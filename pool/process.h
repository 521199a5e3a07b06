/* pool/process.h: a worker of a pool that is a process, as the task that hands it its jobs sees it (pool/keeper.c). */
#ifndef CR_POOL_PROCESS_H
#define CR_POOL_PROCESS_H

#include "pool/channel.h"
#include "pool/pool.h"

struct coir_task;

enum { CR_POOL_AHEAD = 16 }; /* jobs that a process has at most */

struct cr_pool_process {
    struct coir_pool *pool;
    struct cr_channel channel; /* no memory: there is no process */
    struct coir_task *task;    /* it; the watcher joins it, */
    struct coir_task *watcher; /* which ends the channel when it ends */
    int32_t pid;
    int how; /* it has ended; the watcher's until that is joined */
    CR_ATOMIC(bool) has_ended;
    bool is_dismissed;    /* its keeper has ended it, as there was nothing to do */
    coir_function *known; /* the function it was told of last */

    struct coir_future *jobs[CR_POOL_AHEAD]; /* that it has and has not answered, in their order: a ring */
    unsigned first, count, begun;            /* begun: so many of them it had begun when others were taken back */
    size_t bytes;                            /* that they are in the channel */
    uint64_t ticket;                         /* of the last order: see process.c */
    coir_time usual;                         /* how long a job takes */
};

/* Begins it, and lets it run the pool's start function: >= 0; or the failure, and there is none. */
int cr_pool_process_begin(struct cr_pool_process *process);
/* Whether there is one to give a job to. */
bool cr_pool_process_lives(const struct cr_pool_process *process);
/* It has some: how many bytes one may have that is given to it beside those; < 0: none is. */
int64_t cr_pool_process_room(const struct cr_pool_process *process);
/* Gives it a job that has been begun. < 0: nobody can run it, and it is the caller's. If the process dies, the next answer says
 * so. */
int cr_pool_process_give(struct cr_pool_process *process, struct coir_future *job);
/* The answer to the first job that it has: 0; *detail is what it said of a failure, or NULL; to be freed. *result is
 * -EOWNERDEAD if it has died with it. -ETIMEDOUT: it has several, and takes long for this one; -EPIPE: it has died, with no job
 * begun. */
int cr_pool_process_answer(struct cr_pool_process *process, struct coir_future **job, int *result, char **detail);
/* The jobs that it has not begun, in their order; it will not begin them: how many. Of one that has died, too. */
unsigned cr_pool_process_take_back(struct cr_pool_process *process, struct coir_future *jobs[CR_POOL_AHEAD]);
/* Until it is no more; of one that is not nothing. */
void cr_pool_process_end(struct cr_pool_process *process);

#endif
