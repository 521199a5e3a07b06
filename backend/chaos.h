/* backend/chaos.h: connections that behave as badly as a kernel may, when the environment asks for it.
 *
 *     COIR_CHAOS="again=10 short_read=30 short_write=30 seed=7"
 *
 * in percent of the attempts: "not now" although it could be done (receive, send, read, write, accept), fewer bytes asked
 * for than wanted, fewer offered. A program that is right does not notice. Each choice is made by cr_choose, so a seed or
 * a simulation repeats them. */
#ifndef CR_CHAOS_H
#define CR_CHAOS_H

#include <stddef.h>

enum { CR_CHAOS_WHY = 256 };

/* Once in a process, whoever comes first: reads COIR_CHAOS and, if it asks for something, puts chaos before the
 * operations' attempts. 0; -EINVAL: why has the sentence. */
int cr_chaos_begin(char why[CR_CHAOS_WHY]);

#endif
