/* sched/order.h: COIR_LOCKDEP=1: orders of locks that may meet in a deadlock one day, told when they are first seen.
 *
 * Whenever a task takes a lock (for ever, not by a try or with a deadline) while it holds others, an edge is noted from each
 * of those to it, with both places. A circle of edges is an order that may meet another one. It cannot if one task alone has
 * made all of them, or if all were made under one more lock, the gate. A circle is told once, whatever becomes of it.
 *
 * Locks are known by their address, from their init (or first use) to their fini: one that is freed without that, and another
 * made at its place, may be taken for the same. Read locks are not watched. Costs nothing while it is off but a look at a
 * flag, and that only by who holds another lock already. */
#ifndef CR_ORDER_H
#define CR_ORDER_H

#include "sched/graph.h"

extern CR_ATOMIC(uint32_t) cr_order_is_on;

/* By the environment. */
void cr_order_begin(void);

void cr_order_note(const struct coir_task *self, const struct cr_held *taken);
void cr_order_forget_it(const struct cr_held *held);

/* After cr_held_push. */
static inline void
cr_order_taken(const struct coir_task *self, const struct cr_held *taken, coir_time deadline)
{
    if (cr_unlikely(taken->next != NULL) && cr_unlikely(cr_load_rlx(&cr_order_is_on)) && deadline == COIR_NEVER)
        cr_order_note(self, taken);
}

/* At the lock's init and fini. */
static inline void
cr_order_forget(const struct cr_held *held)
{
    if (cr_unlikely(cr_load_rlx(&cr_order_is_on)))
        cr_order_forget_it(held);
}

#endif
