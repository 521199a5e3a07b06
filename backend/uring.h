/* backend/uring.h: what the files of the backend uring share, and what tests may turn. */
#ifndef CR_URING_H
#define CR_URING_H

#include "backend/backend.h"

#include <liburing.h>

/* How large the rings of instances opened from now on are: entries, rounded up to powers of two by the kernel. Tests make
 * them tiny, so that they run full. */
struct cr_uring_sizes {
    unsigned submissions, completions;
};
extern struct cr_uring_sizes cr_uring_sizes;

/* How often what is rare has happened in this process: operations and cancels that found no room, and fetches of
 * completions that had found none. */
struct cr_uring_counts {
    CR_ATOMIC(uint64_t) backlogged, cancels_backlogged, overflows;
};
extern struct cr_uring_counts cr_uring_counts;

/* backend/uring_probe.c: whether a ring may be asked for at all: 0, or -errno. */
int cr_uring_probe(void);

#endif
