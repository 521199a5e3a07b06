/* sim/strategy.h: which way a schedule goes at each place where it could go several ways.
 *
 *   random       any way, each as likely.
 *   pct          probabilistic concurrency testing (Burckhardt, Kothari, Musuvathi, Nagarakatte 2010): threads have
 *                random priorities, the highest that can run does; at depth - 1 random moments the one that runs falls
 *                behind all others. Finds each fault that needs depth ordered events with a known least probability.
 *   exhaustive   every way there is, depth first, with at most so many preemptions (a thread that could go on does not)
 *                and so many overlooked values in one schedule.
 *   replay       a given schedule.
 *
 * A schedule is written down as its decisions that were not the first option: numbers of steps in base 36, each
 * followed by the option as a capital letter (A is 1; beyond Z in parentheses). */
#ifndef CR_SIM_STRATEGY_H
#define CR_SIM_STRATEGY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cr_strategy_kind { CR_RANDOM, CR_PCT, CR_EXHAUSTIVE, CR_REPLAY };
enum cr_decision_kind { CR_DECIDE_THREAD, CR_DECIDE_VALUE, CR_DECIDE_CHANCE, CR_DECISIONS };
enum { CR_AGENTS = 10, CR_UNBOUNDED = 1 << 30, CR_OPTIONS = 64, CR_DEVIATIONS = 16384 };

/* One deviation from the first option. */
struct cr_deviation {
    uint32_t step, option;
};
/* A schedule; in memory that a parent process can read. */
struct cr_schedule {
    uint32_t count; /* CR_DEVIATIONS: it was too long to be written down */
    struct cr_deviation deviations[CR_DEVIATIONS];
};

struct cr_decision {
    enum cr_decision_kind kind;
    uint32_t step;
    uint32_t count;         /* options; at most CR_OPTIONS unless CR_DECIDE_CHANCE */
    uint64_t allowed;       /* bits: those that are not redundant */
    uint64_t dear;          /* bits: those that count as a preemption or as an overlooked value */
    const uint32_t *agents; /* CR_DECIDE_THREAD: who they are, below CR_AGENTS */
    bool runs;              /* CR_DECIDE_THREAD: the first is the one that runs, and could go on */
};

struct cr_strategy_options {
    enum cr_strategy_kind kind;
    uint64_t seed;
    uint32_t depth;                   /* pct */
    uint32_t bounds[CR_DECISIONS];    /* exhaustive: on dear options of each kind; CR_UNBOUNDED */
    const struct cr_schedule *replay; /* replay */
};

void cr_strategy_begin(const struct cr_strategy_options *options);
/* Prepares the next schedule; false: there is none. */
bool cr_strategy_next(void);
uint32_t cr_strategy_decide(const struct cr_decision *decision);
/* pct: another depth for the next schedules. */
void cr_strategy_deepen(uint32_t depth);
/* Exhaustive: what was found out changes what decisions there are; begins anew. */
void cr_strategy_restart(void);
/* Replay: whether something is to be decided at this step. */
bool cr_strategy_wants(uint32_t step);
/* Exhaustive: whether a decision came differently the second time: the body does not repeat itself. */
bool cr_strategy_is_confused(void);

/* The schedule as a line, at most size bytes; and back: false: not one. */
void cr_schedule_write(const struct cr_schedule *schedule, char *text, size_t size);
bool cr_schedule_read(struct cr_schedule *schedule, const char *text);

#endif
