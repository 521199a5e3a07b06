/* sched/task.h: the block behind every task, whatever carries it, and the word that decides who wakes it.
 *
 * Blocks of 256 bytes lie in dense slabs that are never unmapped, so an old pointer or id may always be read; ids carry
 * a generation. The claim word (epoch, state) makes wake-up, time-out and cancel race by one compare-and-swap:
 *
 *   RUNNING(e)   -> WAITING(e + 1)  by the task itself, a plain release store (cr_wait_begin)
 *   WAITING(e)   -> CLAIMED(e)      by one of {a waker on any thread, the owner's timer or cancel, the task itself}
 *   CLAIMED(e)   -> RUNNING(e)      by the task when it runs again
 *
 * Losers do nothing. "Owner" is the thread of the worker a fiber is pinned to from its first run on.
 *
 * The life word says when a block may be reused: ENDED (its function has returned; by the owner), RELEASED (no handle is
 * left), NOTED (a cancel note of it is queued, or about to be), TELLING (its end is just being told to a joiner), and the
 * one joiner's wait as a pointer. Who makes ENDED, RELEASED and not NOTED true frees the block. A task that was NOTED when
 * it ended counts as alive until the note has come: so the worker is there for it. */
#ifndef CR_TASK_H
#define CR_TASK_H

#include "base/atomic.h"
#include "base/check.h"
#include "base/list.h"
#include "context/context.h"
#include "context/exceptions.h"
#include "context/stack.h"
#include "lockfree/inbox.h"
#include <coir/task.h>

#include <errno.h>

struct cr_worker;
struct cr_wait;
struct cr_held;
struct cr_locals;
struct coir_runtime;

enum { CR_RUNNING, CR_WAITING, CR_CLAIMED }; /* states of the claim word */
/* epoch:48, pins:14, state:2. A pin is a walker's (graph.h): it changes only while the task waits or has been claimed, and
 * keeps it from leaving that wait. */
enum { CR_CLAIM_STATE = 3, CR_CLAIM_PIN = 4, CR_CLAIM_PINS = 0xfffc, CR_CLAIM_SHIFT = 16 };
enum { CR_ENDED = 1, CR_RELEASED = 2, CR_NOTED = 4, CR_TELLING = 8, CR_LIFE_FLAGS = 15 };
/* task->flags; IN_FLIGHT: it does not run, and its in_flight holds what it has thrown. LIMITED: a scope it is inside will
 * cancel it at a deadline. SERVANT: a thread of coir's own, or one that is lent to a runtime as a worker. PARCEL: its copy is a
 * struct cr_parcel (process.h), PROCESS: and that a struct cr_process. */
enum {
    CR_TASK_THREAD = 1,
    CR_TASK_DAEMON = 2,
    CR_TASK_OVER = 4,
    CR_TASK_PLACED = 8,
    CR_TASK_IN_FLIGHT = 16,
    CR_TASK_LIMITED = 32,
    CR_TASK_SERVANT = 64,
    CR_TASK_PARCEL = 128,
    CR_TASK_PROCESS = 256
};
enum { CR_NAME = 32 };
enum { CR_SLOT_BITS = 24, CR_ID_BITS = 60 };

/* Kinds of notes in a worker's inbox. */
enum cr_note_kind { CR_NOTE_READY, CR_NOTE_LOOK, CR_NOTE_NEWBORN, CR_NOTE_NUDGE, CR_NOTE_STOP };

struct coir_task {
    /* All that a turn through the run queue touches, and whoever wakes: one cache line. */
    CR_ATOMIC(uint64_t) claim;
    struct cr_note ready;                 /* link in a run queue or inbox; belongs to the winner of the claim */
    CR_ATOMIC(struct cr_worker *) worker; /* set once, at first run; NULL: plain thread, newborn, or ended */
    struct cr_context context;            /* owner only */
    int32_t result;               /* of the wait; written by the winner before it pushes. At the end: the task's */
    CR_ATOMIC(uint32_t) futex;    /* plain threads: enum below */
    CR_ATOMIC(uint32_t) canceled; /* bit 0: coir_cancel; the rest: how many scopes it is inside are canceled, times 2 */
    CR_ATOMIC(uint32_t) shield;   /* how deep; while > 0 its waits ignore cancel. Written by the task itself */
    CR_ATOMIC(uint32_t) flags;    /* CR_TASK_...; written by the owner only once it runs */
    uint32_t heap_at;             /* its place in the worker's timer heap */

    /* Owner only. */
    struct cr_wait *wait; /* while it waits */
    coir_time deadline;   /* of the wait; COIR_NEVER while it runs */
    CR_ATOMIC(coir_time)
    heap_key; /* of its entry in the worker's timer heap; COIR_NEVER: it has none. A plain thread's:
                                      since when it sleeps */
    union {
        struct { /* until it runs first */
            coir_function *function;
            void *arg;
        };
        struct cr_exceptions in_flight; /* then; while it does not run */
    };
    CR_ATOMIC(struct coir_runtime *) runtime; /* NULL: a plain thread */
    CR_ATOMIC(uint64_t) id;                   /* generation:36 | slot:24; 0: free. Read by others */
    CR_ATOMIC(uintptr_t) life;

    /* Rarely touched. */
    struct cr_note look; /* the note of cr_task_poke */
    union {
        struct cr_stack stack; /* fibers */
        int32_t bell;          /* plain threads: backend/block.h's descriptor; -1 */
    };
    void (*on_end)(struct coir_task *task); /* a scope's; NULL. Called by the owner's loop; must not wait */
    void *scope;
    struct cr_list scope_link;
    struct cr_locals *locals;
    char *detail;         /* the last failure as a sentence; owned */
    void *copy;           /* of its argument; owned */
    struct cr_held *held; /* the locks it has, the last taken first (graph.h). Read by who has pinned it */
    union {
        char name[CR_NAME]; /* written before others know the task; */
        CR_ATOMIC(uint64_t)
        name_words[CR_NAME / sizeof(uint64_t)]; /* in these, as who lists all tasks reads them at any time */
    };
} __attribute__((aligned(64)));

/* A plain thread's futex word. LISTENING: it sleeps in ppoll and is woken by its bell. */
enum { CR_AWAKE, CR_ASLEEP, CR_NOTIFIED, CR_LISTENING };

/* Where the calling thread is. Fibers never move, so compilers may keep its address. */
struct cr_here {
    struct coir_task *task;
    struct cr_worker *worker;     /* NULL: not a worker's thread */
    struct coir_runtime *serving; /* a helper's or a monitor's; else NULL */
    coir_time now;                /* a worker's: the time when it last looked, some milliseconds ago at most */
};
extern _Thread_local struct cr_here cr_here __attribute__((tls_model("initial-exec")));

/* A free block, its id set and all else cleared but the claim's epoch; NULL: no memory, or 16,777,215 live. cache: the
 * calling worker's own list of free blocks, NULL for other threads. */
struct cr_task_cache {
    struct coir_task *free; /* through scope */
    uint32_t count;
};
struct coir_task *cr_task_new(struct cr_task_cache *cache);
void cr_task_free(struct cr_task_cache *cache, struct coir_task *task);
/* Gives all but a few free blocks back to the process; slabs that become wholly free give their pages back. */
void cr_task_cache_trim(struct cr_task_cache *cache, uint32_t keep);
/* The block with this id's slot. */
struct coir_task *cr_task_of_id(uint64_t id);
/* Calls see(task) for every block there is, free ones too. */
void cr_task_each(void (*see)(struct coir_task *task, void *arg), void *arg);

void cr_task_name_set(struct coir_task *task, const char *name);
void cr_task_name_get(const struct coir_task *task, char *name); /* CR_NAME bytes, from any thread */

struct coir_task *cr_task_attach(void); /* makes one for a thread that coir did not make */

/* This is a child of a plain fork in a program with a runtime: whatever of coir comes here stops it. */
extern bool cr_task_forked;

static inline struct coir_task *
cr_task_self(void)
{
    struct coir_task *task = cr_here.task;
    return cr_likely(task != NULL) ? task : cr_task_attach();
}

static inline bool
cr_task_is_thread(const struct coir_task *task)
{
    return cr_load_rlx(&task->flags) & CR_TASK_THREAD;
}

/* Sets the calling task's last failure in words and returns the failure. */
__attribute__((cold, format(printf, 2, 3))) int cr_fail(int failure, const char *format, ...);
/* Passes the sentence of from (whose failure becomes to's) on. */
void cr_detail_move(struct coir_task *from, struct coir_task *to);
/* Before something whose failure alone is to be told: no sentence of an earlier one is left. */
void cr_detail_clear(struct coir_task *task);

/* sched/local.c: destroys its locals, as itself; may wait. */
void cr_locals_end(struct coir_task *task);

#endif
