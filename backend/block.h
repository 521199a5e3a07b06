/* backend/block.h: the blocking model, for plain threads: try, and if that would wait, sleep in ppoll.
 *
 * A plain thread has no loop and no ring. While it waits for a descriptor it must still be reachable by cancel and
 * abort: so it sleeps on two descriptors, its own and a bell that others ring. */
#ifndef CR_BLOCK_H
#define CR_BLOCK_H

#include "backend/operation.h"

int cr_block_bell_open(void); /* a descriptor, or -errno */
void cr_block_bell_ring(int bell);
void cr_block_bell_hush(int bell); /* takes the rings back */
void cr_block_bell_close(int bell);

/* Until the operation may be worth a try, the bell rang, or the deadline: 0, or -ETIMEDOUT. */
int cr_block_wait(const struct cr_op *op, int bell, coir_time until);

#endif
