/* backend/uring.h: what the files of the backend uring share, and what tests may turn. */
#ifndef CR_URING_H
#define CR_URING_H

#include "backend/backend.h"
#include "backend/file_call.h"

#include <liburing.h>

/* How large the rings of instances opened from now on are: entries, powers of two. Tests make them tiny, so that they run
 * full. */
struct cr_uring_sizes {
    unsigned submissions, completions;
    unsigned buffers; /* for feeds */
};
extern struct cr_uring_sizes cr_uring_sizes;

/* How often what is rare has happened in this process: operations and cancels that found no room, fetches of completions
 * that had found none, how many feeds have been armed and how many pieces found no buffer; what is done with files and
 * the ring would not wait for. */
struct cr_uring_counts {
    CR_ATOMIC(uint64_t) backlogged, cancels_backlogged, overflows, feeds, starved, by_thread;
};
extern struct cr_uring_counts cr_uring_counts;

enum { CR_URING_BUFFER = 2048 }; /* bytes: the largest piece a feed brings */

struct cr_uring {
    struct io_uring ring;
    struct cr_list done;    /* operations to hand over */
    struct cr_list backlog; /* operations without room in the submission ring */
    struct cr_list to_ask;  /* operations whose cancel has none */
    uint64_t rings;         /* what the read of the bell brings: how often it rang */
    int bell;               /* an eventfd; while the ring is used it always has a read waiting for it */
    bool bell_is_read;
    bool is_enabled;
    /* uring_feed.c's. */
    struct cr_feeds feeds;
    struct cr_list armed;              /* all feeds of this instance that are not over */
    struct io_uring_buf_ring *buffers; /* NULL: none yet */
    char *memory;                      /* theirs */
    unsigned buffer_count;
    CR_ATOMIC(uint64_t) pieces; /* that feeds have brought; written by the owner only */
    bool no_feeds;              /* the kernel has said that it has none */
    bool wanting;               /* a feed's cancel has found no room */
    /* uring_file.c's. */
    bool calls_known;
    bool calls[CR_CALL_KINDS];
};

/* Where an operation is; an operation's token is its address. */
enum cr_uring_stage {
    CR_URING_IDLE,
    CR_URING_QUEUED,
    CR_URING_ASKED,
    CR_URING_TO_ASK,
    CR_URING_BACKLOG,
    CR_URING_FED,       /* it waits for what a feed brings */
    CR_URING_FED_ASKED, /* and is to end */
};
enum { CR_URING_NOBODY = 0, CR_URING_BELL = 1, CR_URING_FEED = 2 }; /* tokens; a feed's is its address and this bit */

/* ---- uring.c ---- */

/* NULL: no room, and the kernel takes nothing at present. */
struct io_uring_sqe *cr_uring_entry(struct cr_uring *self);
/* Hands in what is queued and takes what has come, without waiting. */
void cr_uring_look(struct cr_uring *self);
/* Whether a look could find something: user memory only. */
bool cr_uring_has_news(const struct cr_uring *self);
/* op will be handed over with this result. */
void cr_uring_hand_over(struct cr_uring *self, struct cr_op *op, int result);

/* ---- uring_feed.c ---- */

void cr_uring_feeds_open(struct cr_uring *self, unsigned slot, void (*wake)(void *self));
void cr_uring_feeds_close(struct cr_uring *self);
/* A receive whose stream has a feed armed here: its result, or CR_PENDING. */
int cr_uring_feed_start(struct cr_uring *self, struct cr_op *op);
/* Arms a feed with op as its reader; false: not to be had. */
bool cr_uring_feed_arm(struct cr_uring *self, struct cr_op *op);
/* The reader of a feed is to end. */
void cr_uring_feed_cancel(struct cr_uring *self, struct cr_op *op);
/* A completion of a feed's. */
void cr_uring_feed_came(struct cr_uring *self, uint64_t token, int result, unsigned flags);
/* What others wish, and what has found no room before. */
void cr_uring_feeds_catch_up(struct cr_uring *self);
/* The backend's end_feed and leave. */
void cr_uring_feed_end(void *self, struct cr_feed *feed);
void cr_uring_feeds_leave(void *self);

/* ---- uring_file.c ---- */

/* Whether the ring can carry out this call. Asks the kernel once. On the ring's own thread. */
bool cr_uring_has_call(struct cr_uring *self, const struct cr_file_call *call);
void cr_uring_fill_call(struct io_uring_sqe *entry, struct cr_op *op);

/* backend/uring_probe.c: whether a ring may be asked for at all: 0, or -errno. */
int cr_uring_probe(void);

#endif
