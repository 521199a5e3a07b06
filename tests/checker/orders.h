/* orders.h: each memory order of the core made weaker, one at a time, by one step: sequentially consistent to acquire and
 * release, those to one of both, that to relaxed; a fence is left out. Nothing is built anew for that: in a checked build
 * each use of base/atomic.h has a record (struct cr_site) in which parts of its order can be switched off. A site of an
 * inline function is one in each file that includes it; they are weakened together. */
#ifndef TESTS_CHECKER_ORDERS_H
#define TESTS_CHECKER_ORDERS_H

#include "bodies.h"

enum { ORDERS_MOST = 512, ORDERS_TEXT = 256 };

struct weakening {
    char name[ORDERS_TEXT];     /* file, function, access and what is left out, with tabs between: as in orders.tsv */
    const struct cr_site *site; /* one of those */
    uint8_t parts;              /* enum cr_weaker */
};

/* All there are in base/, lockfree/, sched/, sync/, queue/, carrier/, sorted by file and line: how many. */
uint32_t orders_all(struct weakening all[ORDERS_MOST]);
/* Weakens the order, or puts all orders back (NULL). */
void orders_weaken(const struct weakening *weakening);
/* Which of them the body meets, by some schedules: reached[i] for all[i]. */
void orders_reached(const struct body *body, const struct weakening *all, uint32_t count, bool *reached);

#endif
