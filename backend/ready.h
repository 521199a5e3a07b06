/* backend/ready.h: makes operations of readiness, once for all readiness sources.
 *
 * A source (epoll, poll, select, sigio) only says which descriptors have become readable or writable. This layer keeps, for each
 * descriptor a worker uses, what is known (readable, writable, nearing its end) and who waits in each direction, first
 * come, first served. An operation is tried at once where the bit allows; -EAGAIN clears the bit and the operation waits
 * for the next event. A task woken tries again itself: its receive and its answering send then follow each other while
 * the socket is in the cache. */
#ifndef CR_READY_H
#define CR_READY_H

#include "backend/backend.h"

/* final: an error, a hang-up or out-of-band data is there; more: this source cannot tell, and never will */
enum { CR_EVENT_IN = 1, CR_EVENT_OUT = 2, CR_EVENT_FINAL = 4, CR_EVENT_MORE = 8 };

struct cr_ready;

/* Edge-triggered: an event tells of a change, and attach tells of the present. Or level-triggered: an event tells of the
 * present, and only of directions for which cr_ready_interest says, just before the wait, that an operation waits there:
 * what nobody takes would be told again for ever. Or it tells of nothing, and tries what waits there (cr_ready_try). */
struct cr_source {
    /* -EPERM: it cannot be waited for; CR_BEYOND: its number is too large */
    int (*attach)(struct cr_ready *ready, int fd, uint32_t generation);
    /* An operation is going to wait in this direction of what is attached; NULL: it need not know. 0 or -errno. */
    int (*expect)(struct cr_ready *ready, int fd, uint32_t generation, enum cr_op_direction direction);
    void (*detach)(struct cr_ready *ready, int fd);       /* any thread */
    int (*wait)(struct cr_ready *ready, coir_time until); /* calls cr_ready_event for each event */
    void (*wake)(struct cr_ready *ready);                 /* any thread */
};

struct cr_ready_row;

/* A source embeds this first. */
struct cr_ready {
    const struct cr_source *source;
    struct cr_ready_row **chunks;
    struct cr_list done; /* operations to hand over */
    unsigned slot;
    uint32_t pending; /* operations waiting for an event */
};

int cr_ready_init(struct cr_ready *ready, const struct cr_source *source, unsigned slot);
void cr_ready_fini(struct cr_ready *ready);
void cr_ready_event(struct cr_ready *ready, int fd, uint32_t generation, unsigned events);
/* Tries the first that waits in each direction: whether one has a result. */
bool cr_ready_try(struct cr_ready *ready, int fd, uint32_t generation);
/* All that are attached and not closed. */
void cr_ready_each(struct cr_ready *ready, void (*each)(struct cr_ready *ready, int fd, uint32_t generation));
/* Who waits there, CR_EVENT_IN | CR_EVENT_OUT; -1: the descriptor that was attached has been closed. */
int cr_ready_interest(const struct cr_ready *ready, int fd, uint32_t generation);

/* The rows of a backend's table that are the same for all sources. */
int cr_ready_start(void *self, struct cr_op *op);
void cr_ready_cancel(void *self, struct cr_op *op);
void cr_ready_detach(void *self, int fd);
bool cr_ready_maybe(void *self);
int cr_ready_reap(void *self, coir_time until, struct cr_list *done);
void cr_ready_wake(void *self);

#endif
