/* crew.h: pools of every kind for the tests of pools, and jobs for them. */
#ifndef TESTS_CREW_H
#define TESTS_CREW_H

#include "core.h"

#include <coir/pool.h>
#include <coir/semaphore.h>
#include <errno.h>

/* The argument of a play: a kind of pool. */
struct crew {
    const char *kind; /* "threads", "fibers" */
};

/* So many workers; 0: as many as it likes. */
struct coir_pool *crew_open(const struct crew *crew, int workers, const struct coir_pool_options *options);

/* Plays of every kind of pool with every cast, but fibers for plain threads. number: 0 to CREW_PLAYS - 1. */
enum { CREW_KINDS = 2, CREW_PLAYS = CREW_KINDS * CORE_CASTS };
void crew_play(int number, coir_function *director);

/* A job that works on its argument: the answer, or -ERANGE. */
struct crew_sum {
    int a, b, answer;
};
int crew_add_up(void *arg);

/* A job that stays until the door is opened; 7. */
struct crew_door {
    struct coir_event open;
    struct coir_semaphore inside; /* a permit for each that has come */
    int now, most;                /* atomic: that are there at once */
};
void crew_door_init(struct crew_door *door);
int crew_wait_at_door(void *arg);

#endif
