/* sched/worker.h: a thread with a loop: what is ready, what is new, what time it is, what came back from the kernel.
 *
 *   run queue, timers, stacks, free blocks, backend   owner only
 *   inbox                                             pushed by anybody, drained by the owner
 *   newborns                                          pushed by the owner, taken by the owner and by thieves
 *
 * A fiber belongs to the worker that first ran it, for good; newborns have no stack yet and may be stolen. */
#ifndef CR_WORKER_H
#define CR_WORKER_H

#include "backend/backend.h"
#include "context/stack.h"
#include "lockfree/inbox.h"
#include "lockfree/ring.h"
#include "sched/task.h"
#include "sched/timer.h"

enum { CR_WORKERS = 64, CR_CACHE_LINE = 64 };

struct cr_worker {
    /* Owner only. */
    struct cr_context loop;
    CR_ATOMIC(struct coir_task *) current; /* the fiber that runs; NULL. The monitor looks at it */
    struct cr_note *ready, **ready_end;    /* the run queue, through coir_task.ready */
    int32_t turns;                         /* until a newborn goes first */
    uint32_t ticks; /* how often that has been; every fourth time inbox, timers and backend are looked at */
    bool once;      /* cr_step: come back after one fiber */
    bool searching; /* this worker was woken to find work and has not found any yet */
    bool stopping;  /* its tasks have been canceled because the runtime is being stopped */
    struct cr_timers timers;
    struct cr_stacks stacks;
    struct cr_task_cache blocks;
    struct coir_task *overflow, *overflow_last; /* newborns that did not fit the ring, through ready.next */
    const struct cr_backend *backend;
    void *backend_self;
    uint64_t handed_back; /* operations, by the backend */
    uint32_t in_flight;   /* operations that fibers wait for */
    uint32_t returned;    /* operations that have come back, whose fibers have not run since */
    struct coir_runtime *runtime;
    struct cr_thread *thread; /* NULL: the caller of coir_run */
    unsigned index, slot;
    uint32_t quick_sleeps;            /* how many sleeps in a row were ended by a note at once */
    uint32_t quick_wanted;            /* how many it takes until it spins instead */
    struct cr_exceptions *exceptions; /* of its thread; NULL: there is no C++ here */

    /* Written by the owner, read by others. */
    CR_ATOMIC(uint64_t) started __attribute__((aligned(64))); /* tasks that count (no daemons), begun by coir_go here */
    CR_ATOMIC(uint64_t) ended;                                /* and ended here */
    CR_ATOMIC(uint64_t) daemons_started, daemons_ended;
    CR_ATOMIC(uint64_t) slices; /* fibers entered so far: a clock for the monitor */
    CR_ATOMIC(uint32_t) load;   /* tasks bound or on their way: for placement */

    /* Written by others. */
    CR_ATOMIC(uint32_t) overdue __attribute__((aligned(64))); /* by the monitor: look around first */
    CR_ATOMIC(uint32_t) nudged, stop_posted;                  /* its nudge and stop notes are queued */
    struct cr_note nudge, stop;
    struct cr_inbox inbox __attribute__((aligned(64)));
    struct cr_ring newborns __attribute__((aligned(64)));
};

int cr_worker_init(struct cr_worker *worker, struct coir_runtime *runtime, unsigned index,
                   const struct cr_backend *backend);
void cr_worker_fini(struct cr_worker *worker);
/* On the thread that is to be the worker: runs until the runtime is done. */
void cr_worker_run(struct cr_worker *worker);

/* One step of a worker: enters one fiber, or does one round of looking for something to do (and sleeps, if wait). Whether a
 * fiber ran. The production loop is the same without coming back in between. */
bool cr_step(struct cr_worker *worker);

/* A note for the worker, from any thread; wakes it if it sleeps. */
void cr_worker_post(struct cr_worker *worker, struct cr_note *note);

/* Owner only: appends a claimed task to the run queue. */
static inline void
cr_worker_ready(struct cr_worker *worker, struct coir_task *task)
{
    CR_SHARED_WRITE(task->ready.next) = NULL;
    *worker->ready_end = &task->ready;
    worker->ready_end = &task->ready.next;
}

/* sched/spawn.c */
void cr_newborn_push(struct cr_worker *worker, struct coir_task *task); /* owner only */
struct coir_task *cr_newborn_take(struct cr_worker *worker);            /* its own; NULL */
struct coir_task *cr_newborn_steal(struct cr_worker *worker);           /* from others; NULL */
bool cr_newborns_anywhere(struct coir_runtime *runtime);
void cr_nudge(struct coir_runtime *runtime); /* wakes one idle worker to look for newborns */

/* sched/finish.c: what happens to a task at its beginning and its end on a worker. */
/* Gives a newborn its stack; < 0: it has ended so. */
int cr_task_bind(struct cr_worker *worker, struct coir_task *task);
void cr_task_over(struct cr_worker *worker, struct coir_task *task);
void cr_task_noticed(struct cr_worker *worker, struct coir_task *task); /* its look note has come */
/* No note of it is queued any more; whether it has ended. If nobody else knows the block, it goes. */
bool cr_task_unnote(struct coir_task *task);

#endif
