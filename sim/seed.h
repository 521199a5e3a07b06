/* sim/seed.h: many runs of one scenario, each from its own seed, in processes of their own.
 *
 * A scenario is a function that plays in a virtual world (cr_sim_run's first thread) and fails by cr_sim_fail, by an
 * assertion, or by not ending. Its seeds run in child processes, some hundred in each, so that one that crashes takes
 * nothing along; the parent knows from shared memory which seed it was. A failure is told with the seed, what was wrong,
 * and the command that repeats it. */
#ifndef CR_SIM_SEED_H
#define CR_SIM_SEED_H

#include "sim/thread.h"

enum { CR_SIM_TEXT = 2200 };

struct cr_sim_scenario {
    const char *name;        /* one word: COIR_SIM_SCENARIO names it */
    void (*play)(void *arg); /* the first thread */
    /* On the real thread, before each run and after the last: a new state, what the last run left freed. NULL: none. */
    void (*before)(uint64_t seed, void *arg);
    /* What must hold when all threads have ended: NULL, or a sentence about what does not. */
    const char *(*after)(void *arg);
    void *arg;
    coir_time limit; /* as in struct cr_sim_options */
};

struct cr_sim_tally {
    uint64_t runs, failures, first_failure; /* the last only if there are any */
    uint64_t choices, hash;                 /* of all runs; the hash of their hashes in the order of the seeds */
    coir_time virtual_time, cpu_time;
    char text[CR_SIM_TEXT]; /* about the first failure */
};

/* Runs so many seeds from first on; stops after the first failure if so told. Environment: COIR_SIM_SCENARIO=name
 * leaves all others out; COIR_SIM_SEED=N runs only that one, in this process, for a debugger; COIR_SIM_TRACE=1 with it
 * writes every choice to standard error. */
struct cr_sim_tally cr_sim_seeds(const struct cr_sim_scenario *scenario, uint64_t first, uint64_t count, bool stop);

/* The same run twice: whether the hashes are the same. In this process. */
bool cr_sim_repeats(const struct cr_sim_scenario *scenario, uint64_t seed);

#endif
