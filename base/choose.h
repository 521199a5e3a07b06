/* base/choose.h: every choice that the library leaves to chance goes through here, so that a simulation can make it. */
#ifndef CR_CHOOSE_H
#define CR_CHOOSE_H

#include <stdint.h>

/* A number below n (n of at least 1). label says what is chosen, for traces; it is a literal. */
uint32_t cr_choose(uint32_t n, const char *label);

/* From now on the generators begin anew: the calling thread's, and those of threads that have not chosen yet in the order
 * of their first choice. The same seed, the same choices. */
void cr_choose_seed(uint64_t seed);

/* In a new process: the calling thread's generator begins anew, else it would go on as in the one it was forked from. */
void cr_choose_anew(void);

/* Who chooses instead of the thread's own generator; NULL: that again. Before runtimes start. */
void cr_choose_install(uint32_t (*chooser)(uint32_t n, const char *label));

#endif
