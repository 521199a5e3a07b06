/* backend/block.h: the blocking model, for plain threads: try, and if that would wait, sleep in ppoll.
 *
 * A plain thread has no loop and no ring. While it waits for a descriptor it must still be reachable by cancel and
 * abort: so it sleeps on two descriptors, its own and a bell that others ring. */
#ifndef CR_BLOCK_H
#define CR_BLOCK_H

#include "backend/operation.h"

struct cr_block {
    int (*bell_open)(void); /* a descriptor, or -errno */
    void (*bell_ring)(int bell);
    void (*bell_hush)(int bell); /* takes the rings back */
    void (*bell_close)(int bell);
    /* Until the operation may be worth a try, the bell rang, or the deadline: 0, or -ETIMEDOUT. */
    int (*wait)(const struct cr_op *op, int bell, coir_time until);
};

extern struct cr_block cr_block; /* a simulation exchanges it before runtimes start */

#endif
