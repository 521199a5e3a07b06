/* backend/feed.h: bytes of a stream that the kernel brings without being asked each time.
 *
 * A backend may make one for a stream whose reads wait, and keep it armed: what arrives is handed to the operation that
 * waits, or kept here until one comes. A feed belongs to the instance that armed it, its home: while it is armed only
 * that thread touches what is in it. Anybody else who wants the stream's bytes has it ended first (a wish, which the
 * home grants at its next look), and then finds in it what nobody has read yet, and how it ended.
 *
 *     armed -> asked (its cancel is on its way) -> over: slot is CR_FEED_OVER, by the home's last store
 *
 *     who                 may
 *     home's thread       everything while it is armed
 *     holder of the way   look whether it is over; when it is: read it, free it
 *     in of the stream
 *     closer              let it be ended and its descriptor be closed by its home
 */
#ifndef CR_FEED_H
#define CR_FEED_H

#include "base/atomic.h"
#include "base/list.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cr_op;
struct cr_feed;

enum { CR_FEED_OVER = -1 };

/* A stream's place for one. Under its way in, but for shown. */
struct cr_feeding {
    CR_ATOMIC(struct cr_feed *) feed; /* NULL: none */
    CR_ATOMIC(bool) shown;            /* the descriptor is in other hands, too: nothing is read ahead any more */
    bool calm;                        /* the last wait brought less than was asked for: a feed is worth it */
};

/* Where an instance is told what others wish. */
struct cr_feeds {
    struct cr_list wishes; /* under the lock of feed.c */
    CR_ATOMIC(bool) wished;
    int slot;
    void *self;
    void (*wake)(void *self);
};

struct cr_feed {
    CR_ATOMIC(int) slot;     /* of its home; pairs: what the home wrote before CR_FEED_OVER is seen by who reads that */
    struct cr_list link;     /* the home's */
    struct cr_op *reader;    /* the operation that waits; NULL */
    char *bytes;             /* what nobody has read yet; NULL: nothing */
    size_t begin, end, room; /* in it */
    int result;              /* what comes after the bytes, when it is over: 0 the end, -errno, or CR_AGAIN: more */
    unsigned full;           /* how many pieces in a row were as large as can be */
    bool wanted, asked;      /* its cancel is to be handed in; is on its way */
    struct cr_feeds *home;   /* these under the lock */
    struct cr_list wish;     /* in the home's wishes, or alone */
    int close_fd;            /* the stream is gone: to be closed, and the feed freed, at the end; else -1 */
    void (*over)(struct cr_feed *feed); /* called at its end, under the lock; NULL */
    CR_ATOMIC(uintptr_t) word;          /* guard, and who waits for the end: sched/feed.c's */
    uintptr_t first;
};

static inline bool
cr_feed_is_over(const struct cr_feed *feed)
{
    return cr_load_acq(&feed->slot) == CR_FEED_OVER; /* pairs with cr_feed_end */
}

/* ---- The home's part ---- */

void cr_feeds_init(struct cr_feeds *feeds, unsigned slot, void *self, void (*wake)(void *self));
/* An armed one, without anything in it; NULL: no memory. */
struct cr_feed *cr_feed_new(struct cr_feeds *home);
/* Keeps bytes that nobody waits for. Without memory they are lost, and the feed's result says so: -ENOMEM. */
void cr_feed_keep(struct cr_feed *feed, const char *bytes, size_t size);
/* It is over. If its stream is gone it is freed and the descriptor closed. The home's last touch. */
void cr_feed_end(struct cr_feed *feed, int result);
/* The next feed that somebody wants to be over; NULL: no more. */
struct cr_feed *cr_feeds_next_wish(struct cr_feeds *feeds);

/* ---- The reader's part: the home's thread, or after the end who holds the way in ---- */

/* Into op's memory, from the feed in op->feeding: how many bytes; -EAGAIN: none yet; when it is over and empty it is freed,
 * and the answer is its result. */
int cr_feed_take(struct cr_op *op);

/* ---- Anybody's ---- */

/* Has it ended soon; over is called then, if it is not over already. */
void cr_feed_wish(struct cr_feed *feed, void (*over)(struct cr_feed *feed));
/* Its stream is being closed. True: its home will close fd. False: it was over and is freed; the caller closes. */
bool cr_feed_abandon(struct cr_feed *feed, int fd);

#endif
