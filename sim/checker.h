/* sim/checker.h: one run of a body under the interleaving checker.
 *
 * In a build with CR_CHECKED every access of base/atomic.h comes here. The threads of the body are virtual ones
 * (sim/thread.h); before each access to a place that several of them touch another may go on, and what the access finds
 * is the memory model's business (sim/memory_model.h). Who goes on and what is found is decided by a strategy
 * (sim/strategy.h). Wrong are: a body's CR_CHECK_THAT, cr_always, a race (sim/race.h), the use of freed memory, all
 * threads waiting, a loop that waits for ever. sim/search.h makes many runs.
 *
 * A body starts threads with cr_check_start, or lets coir do so: cr_world's rows for threads and futexes come here. What
 * it does before the first start and after the last join is not interleaved with anything and costs no schedules. */
#ifndef CR_SIM_CHECKER_H
#define CR_SIM_CHECKER_H

#include "sim/memory_model.h"
#include "sim/strategy.h"
#include "sim/thread.h"

struct cr_run_options {
    enum cr_model model;
    bool placing;     /* memory_model.h */
    bool restless;    /* thread.h */
    bool every_point; /* others may go on before each access, also of places that are not known to be shared */
    bool unpruned;    /* also ways that are only other ways in another order */
    bool sleep_sets;  /* prunes more; for exhaustive search without a bound on preemptions */
    bool trace;       /* each access as a line on standard error */
    uint32_t steps;   /* accesses a run may make; 0: 20,000 */
};

struct cr_run_outcome {
    bool failed, redundant; /* redundant: from some step on it went a way that is gone elsewhere */
    bool learned;           /* places were found to be shared that were not known to be */
    uint32_t steps;
    uint64_t seen; /* what the body has told by cr_check_seen */
    char text[2200];
};

/* The deviations are written to schedule as they are made: they are there also if the run ends the process. */
void cr_run_once(const struct cr_run_options *options, void (*body)(void *arg), void *arg, struct cr_schedule *schedule,
                 struct cr_run_outcome *outcome);

/* ---- For bodies ---- */

/* A plain thread of coir's. */
struct cr_sim_thread *cr_check_start(void (*run)(void *arg), void *arg, const char *name);
void cr_check_join(struct cr_sim_thread *thread);
/* So many at once, run(args[i]); returns when all have ended. */
void cr_check_together(uint32_t count, void (*const run[])(void *arg), void *const args[]);
/* The calling thread is about to do something with place that is no access: others may go on before, and it counts as a
 * write. */
void cr_check_touch(const void *place);
/* The calling thread is alone for a while: nobody else goes on, and it finds the latest values. Calls may be nested. */
void cr_check_quiet(bool on);
/* Notes that this outcome (below 64) has been seen. */
void cr_check_seen(uint32_t outcome);

#define CR_CHECK_THAT(condition) \
    ((condition) ? (void)0 : cr_sim_fail("%s:%d: not true: %s", __FILE__, __LINE__, #condition))
#define CR_CHECK_IS(value, wanted) cr_check_is((long long)(value), (long long)(wanted), #value, __FILE__, __LINE__)
void cr_check_is(long long value, long long wanted, const char *text, const char *file, int line);

#endif
