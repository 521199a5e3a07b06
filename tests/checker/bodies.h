/* bodies.h: what the interleaving checker plays: small programs of two or three threads for each structure, with what
 * must hold in them. Used by protocol_test.c and runtime_protocol_test.c (many schedules), mutant_test.c (each
 * planted fault is found) and orders_test.c (each weakened order is found, or its reason is written down). */
#ifndef TESTS_CHECKER_BODIES_H
#define TESTS_CHECKER_BODIES_H

#include "sim/search.h"
#include <coir/runtime.h>

struct body {
    const char *name;
    void (*play)(void *arg);
    bool restless; /* deadlines may pass at any time */
    /* Bounds of the exhaustive search; preemptions 0: only random schedules, because there are too many. */
    uint32_t preemptions, overlooked;
};

extern const struct body lockfree_bodies[], park_bodies[], sync_bodies[], crowd_bodies[], queue_bodies[],
    future_bodies[], select_bodies[], pool_bodies[], task_bodies[], worker_bodies[];
extern const uint32_t lockfree_count, park_count, sync_count, crowd_count, queue_count, future_count, select_count,
    pool_count, task_count, worker_count;

enum { BODIES_MOST = 128 };
/* Those between plain threads, those that run a runtime; how many. */
enum bodies_kind { BODIES_OF_THREADS = 1, BODIES_OF_RUNTIMES = 2, BODIES_OF_ALL = 3 };
uint32_t bodies_all(const struct body *all[BODIES_MOST], enum bodies_kind kind);
/* By name; fails if there is none. */
const struct body *body_named(const char *name);

/* A check of the body: exhaustive within its bounds, or pct. */
struct cr_check body_check(const struct body *body, enum cr_model model, enum cr_strategy_kind strategy,
                           uint64_t schedules);

/* Runs them together, each with arg. */
void play_two(void (*a)(void *arg), void (*b)(void *arg), void *arg);
void play_three(void (*a)(void *arg), void (*b)(void *arg), void (*c)(void *arg), void *arg);
/* In coir_run with so many workers, without a monitor, on a backend without descriptors: must answer 0. */
void play_run(int workers, int (*first)(void *arg), void *arg);
/* The same for coir_runtime_start. */
void play_start(int workers, struct coir_runtime **runtime);

/* An event of the kernel's: who waits is woken by a ring, also by one that came before. */
struct bell {
    bool rung;
};
void bell_ring(struct bell *bell);
void bell_await(struct bell *bell);

#endif
