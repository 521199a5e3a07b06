/* stage.h: small programs of some actors and what they share, each played by several casts in a process of its own. */
#ifndef TESTS_STAGE_H
#define TESTS_STAGE_H

#include "core.h"

#include <coir/barrier.h>
#include <coir/condition.h>
#include <coir/mutex.h>
#include <coir/once.h>
#include <coir/queue.h>
#include <coir/rwlock.h>
#include <coir/semaphore.h>

enum { STAGE_ACTORS = 8 };

struct stage {
    int count; /* of actors */
    struct coir_mutex mutexes[STAGE_ACTORS];
    struct coir_rwlock rwlock;
    struct coir_semaphore semaphores[2];
    struct coir_event events[STAGE_ACTORS];
    struct coir_condition condition;
    struct coir_barrier barrier;
    struct coir_once once;
    struct coir_queue *queues[2]; /* of int, one place each */
    int number;                   /* under mutexes[0] */

    /* Private. */
    struct coir_barrier meeting;
    struct coir_semaphore ended;
    int told; /* atomic: how often a call answered -EDEADLK */
};

/* One actor's part. */
typedef void stage_part(struct stage *stage, int me);

struct stage_program {
    const char *name;
    int actors; /* 0: one that is no actor, but the director */
    stage_part *part;
    bool fibers_only;
    const char *says; /* what its report names; NULL: it is correct, and nothing is said */
    bool for_ever;    /* nobody is told: everyone waits, and the process ends with 3. Else one call answers -EDEADLK */
};

/* Until all actors have come here. */
void stage_meet(struct stage *stage);
/* Locks; a circle that was closed is counted: whether it has it. */
bool stage_lock(struct stage *stage, struct coir_mutex *mutex);
/* What a call answered that may be told of a circle: whether it was not. */
bool stage_went(struct stage *stage, int result);

/* Plays it and fails unless it ends as the program says. */
void stage_play(const struct stage_program *program, enum core_cast cast);

#endif
