/* sim/search.h: many schedules of a body, in a process of their own.
 *
 * A check runs its body again and again under the interleaving checker (sim/checker.h) until the strategy has no more
 * schedules, the limit is reached, or one fails. That one is made shorter, and told with what was wrong and the command
 * that repeats it with a trace:
 *
 *     COIR_CHECK_REPLAY=NAME.MODEL:SCHEDULE build-checked/tests/PROGRAM
 *
 * Environment: COIR_CHECK_REPLAY leaves out all other checks; COIR_CHECK_TIMES multiplies the limits on schedules. */
#ifndef CR_SIM_SEARCH_H
#define CR_SIM_SEARCH_H

#include "sim/checker.h"

enum { CR_CHECK_TEXT = 2200, CR_CHECK_REPLAY = 4096 };

struct cr_check {
    const char *name; /* without a colon; reports add the model */
    void (*body)(void *arg);
    void *arg;
    struct cr_run_options run;
    enum cr_strategy_kind strategy;
    uint32_t depth;       /* pct; 0: 2 to 5 in turn */
    uint32_t preemptions; /* exhaustive: bounds; */
    uint32_t overlooked;
    uint64_t schedules; /* at most; 0: no limit */
    uint64_t seed;
    bool is_expected_to_fail; /* says nothing, and does not look for a shorter one */
};

struct cr_check_result {
    bool failed, complete; /* complete: there was no other schedule within the bounds */
    uint64_t schedules, redundant;
    uint32_t longest; /* steps */
    uint64_t seen;
    char text[CR_CHECK_TEXT], replay[CR_CHECK_REPLAY];
};

struct cr_check_result cr_check(const struct cr_check *check);

#endif
