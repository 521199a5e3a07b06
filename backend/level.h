/* backend/level.h: what the sources share that name their descriptors anew at each wait: poll and select.
 *
 * These are level-triggered: what is readable is told again and again until it has been read. A direction is therefore
 * asked about only while an operation waits in it (cr_ready_interest); then each report hands one over, and none spins.
 * For the same reason neither out-of-band data nor a peer's half-close is asked about: both stay true for long without
 * ending any wait, and what ends a wait shows as readable, writable, error or hang-up anyhow.
 *
 * Closing: the kernel holds on to a descriptor that a sleeping poll or select was given, and would end its connection
 * only when that call returns. That cannot happen here: a worker sleeps with those descriptors only for which operations
 * of its are pending; only it takes them back, being awake; and close comes after all of them (descriptor.h). So detach
 * has nothing to do, and a row whose generation is over falls out at the next wait. It is not asked about meanwhile, even
 * when its number already belongs to somebody else.
 *
 * Cost: a wait looks at all descriptors that were ever waited for here and are still open. A worker that is busy wants to
 * look every few microseconds; so a look in passing (COIR_NOW) is followed by a rest of four times its own length, but of
 * no more than 10 ms; so such looks take a fifth of the worker's time, up to some ten thousand descriptors. */
#ifndef CR_LEVEL_H
#define CR_LEVEL_H

#include "backend/ready.h"

#include <time.h>

struct cr_watched {
    int fd;
    uint32_t generation;
};

/* A source embeds this first. */
struct cr_level {
    struct cr_ready ready;
    int bell;                   /* an eventfd */
    struct cr_watched *watched; /* in no order; count of them, and those that are closed leave at the next wait */
    size_t count, room;
    coir_time rest; /* until then no look in passing */
};

int cr_level_open(struct cr_level *level, const struct cr_source *source, unsigned slot);
void cr_level_close(struct cr_level *level);

int cr_level_attach(struct cr_ready *ready, int fd, uint32_t generation);
void cr_level_detach(struct cr_ready *ready, int fd);
void cr_level_wake(struct cr_ready *ready);

/* The directions in which somebody waits for the descriptor at this place of watched, as CR_EVENT_IN | CR_EVENT_OUT; those
 * that are closed are taken out before. -1: there are no more. */
int cr_level_interest(struct cr_level *level, size_t at);
/* Whether this wait may look at all. */
bool cr_level_may_look(const struct cr_level *level, coir_time until);
/* It has, since began. */
void cr_level_looked(struct cr_level *level, coir_time began, coir_time until);
void cr_level_hush(struct cr_level *level);
/* What ppoll and pselect want to know; NULL: for ever. */
const struct timespec *cr_level_limit(coir_time until, coir_time now, struct timespec *limit);

#endif
