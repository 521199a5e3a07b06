/* coir/inspect.h: which tasks there are, and what each waits for. A look costs those that are looked at next to nothing: a
 * task that waits is held in its wait while its line is written, one that runs is not. */
#ifndef COIR_INSPECT_H
#define COIR_INSPECT_H

#include <coir/base.h>
#include <coir/runtime.h>

COIR_BEGIN

enum coir_state {
    COIR_READY,   /* it has something to do, and waits for its turn */
    COIR_RUNNING, /* right now */
    COIR_BLOCKED, /* it waits for something */
    COIR_ENDED    /* and has not been joined or detached */
};

struct coir_task_info {
    uint64_t id; /* as coir_task_id */
    char name[32];
    enum coir_carrier carrier; /* COIR_ON_FIBER; COIR_ON_THREAD: that, or a thread coir did not make; COIR_ON_PROCESS */
    enum coir_state state;
    int worker;              /* the number of a fiber's, from 0; -1: none yet, or a thread */
    coir_time since;         /* blocked: since this moment, by a clock that is some milliseconds late; else 0 */
    char waits_for[160];     /* blocked: "the mutex made at bank.c:31, taken at bank+0x52c8"; else "" */
    uint64_t waits_for_task; /* the id of a task that has what this one waits for; 0: none is known */
    const void *waits_at;    /* blocked: the address in the program where it called what waits; NULL: not known */
};

/* How many tasks there are in the runtime (NULL: in all runtimes, and threads that have called coir); fills in at most
 * capacity of them. No moment's picture: tasks come and go while it is taken. Does not suspend. */
COIR_EXPORT size_t coir_inspect_tasks(struct coir_runtime *runtime, struct coir_task_info *tasks, size_t capacity);

/* The same for people, a line for each task, written to the descriptor. 0 or what the write failed with. Blocks the thread
 * while the descriptor does: give it a terminal or a file. */
COIR_EXPORT int coir_inspect_dump(struct coir_runtime *runtime, int fd);

COIR_END

#endif
