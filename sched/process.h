/* sched/process.h: tasks that are processes; what goes along with a task; and being such a process. */
#ifndef CR_SCHED_PROCESS_H
#define CR_SCHED_PROCESS_H

#include "sched/watch.h"

/* What goes along with a task besides a plain argument; its block's copy then is this (CR_TASK_PARCEL). Duplicates of
 * descriptors are the task's own: those it has not asked for are closed when it ends. */
struct cr_parcel {
    coir_function *function;
    void *arg;
    int *descriptors; /* count of them; -1: sent on */
    bool *taken;      /* count of them: the task has asked for it */
    uint32_t size, count;
};

/* Makes the task's parcel of the options: 0, or what failed, and then nothing is held. is_process: its function becomes the
 * one that looks after a process. */
int cr_parcel_make(struct coir_task *task, coir_function *function, void *arg, const struct coir_task_options *options,
                   bool is_process);
void cr_parcel_drop(struct cr_parcel *parcel); /* before its memory is freed */

/* A process that a task looks after; its block's copy, too. */
struct cr_process {
    struct cr_parcel parcel;
    struct cr_watched watched; /* it; its guard is also that of the following */
    int line;                  /* to the child's helper, and from there; -1: none */
    bool kept;                 /* its helper waits for it */
    /* Its task only. */
    struct cr_words words; /* from the line */
    bool orphan, daemon;
    bool has_returned; /* with this: */
    int returned;
};

/* sched/child.c: the child's part: never returns. */
void cr_child_run(const struct cr_errand *errand);
/* In such a child: SIGTERM now cancels this task, which is alive until the next call. */
void cr_child_first(struct coir_task *task);
bool cr_child_is(void);

#endif
