/* sched/quiet.h: "everyone waits": the moment from which nothing in the process can wake any task.
 *
 * Counted are those that may wake others: threads that have called coir, while they do anything but wait in it without a
 * deadline; workers, unless they sleep with no timer running and no operation under way; jobs of helper threads. Who leaves
 * the count as the last looks whether it is true: everybody it counted out must still sleep unwoken, and nobody may have come
 * back meanwhile. Who was woken but has not counted himself in yet shows by what woke him: his inbox is not ASLEEP any more,
 * his futex or claim is not as he left it. So one look is enough if the count has not changed in it.
 *
 * Threads that coir does not know may wake others, too: the process's threads are counted, and if there are more than coir
 * knows of, it is only a suspicion, told once. A thread that coir has forgotten and that the system has
 * not, because it is just ending, makes a suspicion of a certainty, never the other way round. Signalling from a signal handler is not foreseen (and not allowed). */
#ifndef CR_QUIET_H
#define CR_QUIET_H

#include <stdint.h>

/* One more who may wake others. Before he does. */
void cr_quiet_in(void);
/* One less, after what would show that he has been woken is in place. If that was the last the process may end here. */
void cr_quiet_out(void);
/* In a new process: nobody has come in, and no thread is known. */
void cr_quiet_begin(void);
/* So many more (less) threads of the process are known. */
void cr_quiet_know(int32_t more);

#endif
