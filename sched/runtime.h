/* sched/runtime.h: some workers and what they share. */
#ifndef CR_RUNTIME_H
#define CR_RUNTIME_H

#include "backend/helper.h"
#include "sched/park.h"
#include "sched/worker.h"
#include <coir/runtime.h>

struct coir_runtime {
    struct coir_runtime_options options; /* as resolved; strings are ours */
    char name[CR_NAME];
    unsigned count; /* of workers */
    int processors; /* that they may use */

    CR_ATOMIC(uint64_t) idle __attribute__((aligned(64))); /* a bit for each worker that sleeps or is about to */
    CR_ATOMIC(uint32_t) searching;                         /* one worker at a time is woken for newborns */
    CR_ATOMIC(uint32_t) state;                             /* enum below; only grows */
    CR_ATOMIC(uint32_t) live;                              /* tasks, if there is a limit */
    CR_ATOMIC(uint64_t) outside_started;                   /* tasks that threads without a worker have begun */
    CR_ATOMIC(uint64_t) outside_daemons;
    CR_ATOMIC(uint64_t) outside_ended; /* tasks on threads, and those that are daemons */
    CR_ATOMIC(uint64_t) outside_daemons_ended;
    CR_ATOMIC(uint64_t) calls;      /* of coir_runtime_go, begun, times CR_ONE_CALL; CR_NO_MORE: none may begin */
    CR_ATOMIC(uint64_t) calls_left; /* and over */

    CR_ATOMIC(uintptr_t) left_word; /* guard; how many workers' threads have left their loops, times CR_ONE_LEFT */
    uintptr_t left_waiters;         /* who waits in coir_runtime_stop */
    int result;                     /* of the first task */

    bool all_on_threads;               /* COIR_CARRIER=thread */
    CR_ATOMIC(uintptr_t) carried_word; /* the guard of the two below, which are sched/thread.c's */
    struct cr_list carried;
    struct cr_carried *gone;

    struct coir_runtime *next; /* of all there are; under cr_runtimes_hold */
    struct cr_helper helper;   /* of process tasks */
    struct cr_monitor *monitor;
    CR_ATOMIC(struct cr_offload *) offload;
    struct cr_worker workers[]; /* count of them */
};

enum {
    CR_RUNTIME_OPEN,     /* until it is told to stop; coir_run's until its first task has ended */
    CR_RUNTIME_ENDING,   /* ends when no task but daemons is left */
    CR_RUNTIME_STOPPING, /* all tasks are canceled; ends when none is left */
    CR_RUNTIME_DONE      /* workers leave their loops */
};
enum { CR_ONE_LEFT = 2, CR_NO_MORE = 1, CR_ONE_CALL = 2 };

/* Makes state at least so. */
void cr_runtime_advance(struct coir_runtime *runtime, uint32_t state);
/* Called by an idle worker: goes on to the next state if nothing is left that holds it. Whether it is done; if not, *again
 * is when to look once more (COIR_NEVER: what holds it will lead to a look at its end). */
bool cr_runtime_check(struct coir_runtime *runtime, coir_time *again);

/* As long as a call lasts the runtime stays. false: it is done already. */
bool cr_runtime_begin_call(struct coir_runtime *runtime);
void cr_runtime_end_call(struct coir_runtime *runtime); /* after this it may be gone */
/* A worker of it looks whether it is over, soon. */
void cr_runtime_look(struct coir_runtime *runtime);

/* Meanwhile no runtime comes or goes. Not over anything that waits. */
void cr_runtimes_hold(void);
void cr_runtimes_let(void);
struct coir_runtime *cr_runtimes_first(void);

/* sched/spawn.c */
enum cr_place { CR_NEAR, CR_SPREAD };
int cr_go(struct coir_runtime *runtime, coir_function *function, void *arg, const struct coir_task_options *options,
          enum cr_place place, void (*prepare)(struct coir_task *task, void *arg), void *prepare_arg,
          struct coir_task **task);

/* sched/finish.c */
int cr_join(struct coir_task *task, int *result, coir_time deadline, const void *where); /* the caller's caller */
void cr_release(struct coir_task *task); /* one's handle; the block goes when it has ended, too */

/* The end of a task: tells who waits for it, and frees the block or leaves it to whoever has the handle. Whether a note of it
 * is queued, which keeps the block. */
bool cr_task_tell_end(struct coir_task *task);

/* sched/thread.c */
/* A new task begins on a thread of its own. One that cannot has ended with the failure. */
void cr_thread_go(struct coir_runtime *runtime, struct coir_task *task);
void cr_threads_cancel(struct coir_runtime *runtime); /* all that run, and those to come once it is stopping */
void cr_threads_join(struct coir_runtime *runtime);   /* all have ended */

/* sched/overflow.c: in the handler of a fault at this address: says whose guard it is, if it is one. */
void cr_overflow_report(const void *address);

/* sched/monitor.c */
int cr_monitor_start(struct coir_runtime *runtime);
void cr_monitor_stop(struct coir_runtime *runtime);
void cr_monitor_wake(struct coir_runtime *runtime); /* a worker is busy; cheap if it knows */

/* sched/offload.c */
int cr_offload(coir_function *function, void *arg);
void cr_offload_stop(struct coir_runtime *runtime);

#endif
