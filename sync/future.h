/* sync/future.h: what a pool needs of a future: a job is one that has something to run in it. */
#ifndef CR_FUTURE_H
#define CR_FUTURE_H

#include "sched/debt.h"
#include <coir/future.h>

struct cr_callback;

struct coir_future {
    CR_ATOMIC(uintptr_t) word; /* CR_GUARD, the flags below; DONE is set by the store that gives the guard back */
    uintptr_t waiters;         /* under the guard; none when it is done */
    CR_ATOMIC(uint32_t) holders;
    CR_ATOMIC(uint32_t) looked; /* somebody got the result */
    struct cr_debt debt;        /* a job's has an owner, but does not hang: it is always paid */
    const void *made;           /* the address coir_future_new returned to; NULL: a job */
    /* Under the guard until it is done. */
    struct cr_callback *callbacks, **callbacks_end;
    /* Written before it is done, constant then. */
    int result;
    char *detail; /* the failure as a sentence; owned */
    size_t size;  /* of the value */
    /* A pool's: the job; arg is the value, unless that has no size. A chunk of a map is several items of each bytes. */
    struct coir_future *next;
    coir_function *function;
    void *arg;
    size_t each;
    char value[] __attribute__((aligned(16)));
};

/* The flags of word. RUNS: its job has begun, and will set it; DONE: for good; CANCELED: by coir_future_cancel. */
enum { CR_FUTURE_RUNS = 2, CR_FUTURE_DONE = 4, CR_FUTURE_CANCELED = 8 };

/* What coir_future_new does, in a block that is there; made and value are the caller's. */
void cr_future_init(struct coir_future *future, size_t size);
/* Gives the caller's share up: whether it was the last, so that the block is the caller's. */
bool cr_future_let_go(struct coir_future *future);
/* From now on only cr_future_end sets it: owner owes it. false: it is done already. */
bool cr_future_begin(struct coir_future *future, uint64_t owner);
/* It has not begun, after all. */
void cr_future_put_back(struct coir_future *future);
/* Makes one that has begun done, its value being there; takes detail (may be NULL) over. */
void cr_future_end(struct coir_future *future, int result, char *detail);

#endif
