/* backend/uring_feed.c: feeds (feed.h) by multishot receives into a ring of buffers.
 *
 * One receive is handed in for a stream whose reads wait again and again; it stays, and each arrival is a completion with
 * a buffer of the worker's, which is copied to the reader that waits, or kept for the next one, and given back at once:
 * so slow readers keep no buffers from others. That saves 4 % of an echo server's time against a receive handed in for
 * each message (docs/decisions/0015-feeds.md).
 *
 * It ends by itself with the stream, by an error, and when no buffer was left (then the reader comes again and arms
 * it again); and it is ended by a cancel when its reader is to end, when somebody else wants the stream, and when feeding
 * is not worth it: two pieces in a row as large as a buffer (the next receives go straight into the reader's memory), or
 * more bytes kept than anybody reads (the kernel's window holds the peer back then).
 *
 * The kernel's token for a feed is its address and a bit. A feed lives until its last completion. */
#include "backend/descriptor.h"
#include "backend/uring.h"
#include "base/check.h"
#include "base/memory.h"

#include <errno.h>
#include <string.h>

enum {
    KEPT_MOST = 65536,  /* bytes that wait for a reader in one feed, before it is ended */
    FULL_MOST = 2,      /* pieces */
    LOOKS = 64,         /* at what has come, for one stream */
    LAST_LOOKS = 100000 /* before the thread goes: nothing may be left */
};
enum { GROUP = 0, PAGE = 4096 };

void
cr_uring_feeds_open(struct cr_uring *self, unsigned slot, void (*wake)(void *self))
{
    cr_feeds_init(&self->feeds, slot, self, wake);
    cr_list_init(&self->armed);
}

/* When the ring is gone. */
void
cr_uring_feeds_close(struct cr_uring *self)
{
    cr_always(cr_list_is_empty(&self->armed));
    cr_free(self->buffers);
    cr_free(self->memory);
}

/* ---- Buffers ---- */

static char *
buffer(const struct cr_uring *self, unsigned number)
{
    return self->memory + (size_t)number * CR_URING_BUFFER;
}

static void
give_back(struct cr_uring *self, unsigned number)
{
    io_uring_buf_ring_add(self->buffers, buffer(self, number), CR_URING_BUFFER, (unsigned short)number,
                          io_uring_buf_ring_mask(self->buffer_count), 0);
    io_uring_buf_ring_advance(self->buffers, 1);
}

/* At the first feed: a worker that reads nothing has none. */
static bool
make_buffers(struct cr_uring *self)
{
    struct io_uring_buf_reg place = {.ring_entries = cr_uring_sizes.buffers, .bgid = GROUP};
    size_t size = cr_uring_sizes.buffers * sizeof(struct io_uring_buf);
    self->buffers = cr_alloc_aligned(PAGE, (size + PAGE - 1) & ~(size_t)(PAGE - 1));
    self->memory = cr_alloc((size_t)cr_uring_sizes.buffers * CR_URING_BUFFER);
    if (!self->buffers || !self->memory)
        goto fail;
    place.ring_addr = (uintptr_t)self->buffers;
    if (io_uring_register_buf_ring(&self->ring, &place, 0)) {
        self->no_feeds = true;
        goto fail;
    }
    self->buffer_count = cr_uring_sizes.buffers;
    io_uring_buf_ring_init(self->buffers);
    for (unsigned i = 0; i < self->buffer_count; i++)
        give_back(self, i);
    return true;

fail:
    cr_free(self->buffers);
    cr_free(self->memory);
    self->buffers = NULL;
    self->memory = NULL;
    return false;
}

/* ---- Arming and ending ---- */

static void
wait_for_it(struct cr_feed *feed, struct cr_op *op)
{
    feed->reader = op;
    op->stage = CR_URING_FED;
    op->result = CR_PENDING;
    cr_list_init(&op->link);
}

bool
cr_uring_feed_arm(struct cr_uring *self, struct cr_op *op)
{
    struct io_uring_sqe *entry;
    struct cr_feed *feed;
    if (cr_load_rlx(&op->feeding->shown) || self->no_feeds)
        return false;
    entry = cr_uring_entry(self); /* by which the ring is this thread's */
    if (!entry)
        return false;
    io_uring_prep_nop(entry); /* if it comes to nothing */
    io_uring_sqe_set_data64(entry, CR_URING_NOBODY);
    if (!self->buffers && !make_buffers(self))
        return false;
    feed = cr_feed_new(&self->feeds);
    if (!feed)
        return false;
    /* Not IORING_RECVSEND_POLL_FIRST: with it the end is never told of a Unix socket where bytes and the end are there
     * already (Linux 6.18). */
    io_uring_prep_recv_multishot(entry, op->fd, NULL, 0, 0);
    io_uring_sqe_set_data64(entry, (uintptr_t)feed | CR_URING_FEED);
    entry->flags |= IOSQE_BUFFER_SELECT;
    entry->buf_group = GROUP;
    cr_list_append(&self->armed, &feed->link);
    cr_store_rlx(&op->feeding->feed, feed);
    (void)cr_add_rlx(&cr_uring_counts.feeds, 1);
    wait_for_it(feed, op);
    return true;
}

/* Its cancel is on its way, or will be. */
static void
ask(struct cr_uring *self, struct cr_feed *feed)
{
    struct io_uring_sqe *entry = feed->asked ? NULL : cr_uring_entry(self);
    feed->wanted = true;
    if (feed->asked)
        return;
    if (!entry) {
        self->wanting = true;
        (void)cr_add_rlx(&cr_uring_counts.cancels_backlogged, 1);
        return;
    }
    io_uring_prep_cancel64(entry, (uintptr_t)feed | CR_URING_FEED, 0);
    io_uring_sqe_set_data64(entry, CR_URING_NOBODY);
    entry->flags |= IOSQE_CQE_SKIP_SUCCESS;
    feed->asked = true;
}

void
cr_uring_feeds_catch_up(struct cr_uring *self)
{
    struct cr_feed *feed;
    if (cr_unlikely(self->wanting)) {
        self->wanting = false;
        for (struct cr_list *link = self->armed.next; link != &self->armed; link = link->next) {
            feed = cr_container(link, struct cr_feed, link);
            if (feed->wanted)
                ask(self, feed);
        }
    }
    while ((feed = cr_feeds_next_wish(&self->feeds)))
        ask(self, feed);
}

void
cr_uring_feed_end(void *opened, struct cr_feed *feed)
{
    struct cr_uring *self = opened;
    ask(self, feed);
    for (int i = 0; i < LOOKS && !cr_feed_is_over(feed); i++)
        cr_uring_look(self);
}

void
cr_uring_feeds_leave(void *opened)
{
    struct cr_uring *self = opened;
    for (struct cr_list *link = self->armed.next; link != &self->armed; link = link->next)
        ask(self, cr_container(link, struct cr_feed, link));
    for (int i = 0; !cr_list_is_empty(&self->armed); i++) {
        cr_always(i < LAST_LOOKS);
        cr_uring_look(self);
    }
}

/* ---- Readers ---- */

int
cr_uring_feed_start(struct cr_uring *self, struct cr_op *op)
{
    int result = cr_feed_take(op);
    if (result != -EAGAIN)
        return result;
    if (!op->try_only) {
        wait_for_it(cr_load_rlx(&op->feeding->feed), op);
        return CR_PENDING;
    }
    /* Who only tries is told of what has arrived, not only of what has been looked at. */
    for (int i = 0; !op->known_only && result == -EAGAIN && i < LOOKS && cr_uring_has_news(self); i++) {
        cr_uring_look(self);
        result = cr_feed_take(op);
    }
    return result;
}

void
cr_uring_feed_cancel(struct cr_uring *self, struct cr_op *op)
{
    op->stage = CR_URING_FED_ASKED;
    ask(self, cr_load_rlx(&op->feeding->feed));
}

/* Bytes: for the reader, and what it has no room for to be kept. How many it got. */
static int
bring(struct cr_feed *feed, const char *bytes, size_t size)
{
    struct cr_op *op = feed->reader;
    size_t count = 0;
    if (op && feed->result == CR_AGAIN) {
        count = size < op->length ? size : op->length;
        memcpy(op->data, bytes, count);
    }
    if (count < size)
        cr_feed_keep(feed, bytes + count, size - count);
    return (int)count;
}

/* How it ended, for who reads next. */
static int
outcome(int result)
{
    return result > 0 || result == -ENOBUFS || result == -ECANCELED || result == -EINTR || result == -EAGAIN ? CR_AGAIN
                                                                                                             : result;
}

void
cr_uring_feed_came(struct cr_uring *self, uint64_t token, int result, unsigned flags)
{
    struct cr_feed *feed = (struct cr_feed *)(uintptr_t)(token & ~(uint64_t)CR_URING_FEED);
    struct cr_op *op = feed->reader;
    bool is_last = !(flags & IORING_CQE_F_MORE);
    int count = 0;
    if (flags & IORING_CQE_F_BUFFER) {
        unsigned number = flags >> IORING_CQE_BUFFER_SHIFT;
        if (result > 0)
            count = bring(feed, buffer(self, number), (size_t)result);
        give_back(self, number);
        cr_bump(&self->pieces);
        feed->full = result == CR_URING_BUFFER ? feed->full + 1 : feed->full < FULL_MOST ? 0 : feed->full;
    } else if (result == -ENOBUFS) {
        (void)cr_add_rlx(&cr_uring_counts.starved, 1);
    }
    if (op && (count || is_last)) {
        int answer = outcome(result);
        feed->reader = NULL;
        if (!count && answer == CR_AGAIN && op->stage == CR_URING_FED_ASKED)
            answer = -ECANCELED;
        op->eager = false;
        cr_uring_hand_over(self, op, count ? count : answer);
    }
    if (is_last) {
        cr_list_remove(&feed->link);
        cr_feed_end(feed, outcome(result));
    } else if (feed->full >= FULL_MOST || feed->end - feed->begin > KEPT_MOST || feed->result != CR_AGAIN) {
        ask(self, feed);
    }
}
