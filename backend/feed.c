/* backend/feed.c: what all feeds share: kept bytes, the end, wishes. See feed.h.
 *
 * Kept bytes are copied out of the kernel's buffers at once, so that a slow reader keeps no buffer from others. One lock
 * for all feeds of the process: it is taken when a feed ends or is wished to end, not for bytes. */
#include "backend/feed.h"
#include "backend/descriptor.h"
#include "backend/operation.h"
#include "base/check.h"
#include "base/memory.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

enum { FIRST_ROOM = 256 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void
cr_feeds_init(struct cr_feeds *feeds, unsigned slot, void *self, void (*wake)(void *self))
{
    *feeds = (struct cr_feeds){.slot = (int)slot, .self = self, .wake = wake};
    cr_list_init(&feeds->wishes);
}

struct cr_feed *
cr_feed_new(struct cr_feeds *home)
{
    struct cr_feed *feed = cr_alloc_zero(sizeof *feed);
    if (!feed)
        return NULL;
    feed->home = home;
    feed->close_fd = -1;
    feed->result = CR_AGAIN;
    cr_list_init(&feed->link);
    cr_list_init(&feed->wish);
    cr_store_rlx(&feed->slot, home->slot);
    return feed;
}

void
cr_feed_keep(struct cr_feed *feed, const char *bytes, size_t size)
{
    if (feed->result == -ENOMEM)
        return; /* behind a hole */
    if (feed->room - feed->end < size) {
        size_t room = feed->room ? feed->room : FIRST_ROOM;
        char *more;
        while (room - feed->end < size)
            room *= 2;
        more = cr_realloc(feed->bytes, room);
        if (!more) {
            feed->result = -ENOMEM;
            return;
        }
        feed->bytes = more;
        feed->room = room;
    }
    memcpy(feed->bytes + feed->end, bytes, size);
    feed->end += size;
}

static void
release(struct cr_feed *feed)
{
    cr_free(feed->bytes);
    cr_free(feed);
}

void
cr_feed_end(struct cr_feed *feed, int result)
{
    int fd;
    if (feed->result == CR_AGAIN)
        feed->result = result;
    pthread_mutex_lock(&lock);
    cr_list_remove(&feed->wish);
    fd = feed->close_fd;
    cr_store_rel(&feed->slot, CR_FEED_OVER); /* pairs with cr_feed_is_over */
    if (feed->over)
        feed->over(feed);
    pthread_mutex_unlock(&lock);
    if (fd >= 0) {
        release(feed);
        (void)cr_descriptor_close(fd);
    }
}

struct cr_feed *
cr_feeds_next_wish(struct cr_feeds *feeds)
{
    struct cr_feed *feed = NULL;
    if (cr_likely(!cr_load_rlx(&feeds->wished)))
        return NULL;
    pthread_mutex_lock(&lock);
    if (cr_list_is_empty(&feeds->wishes)) {
        cr_store_rlx(&feeds->wished, false);
    } else {
        feed = cr_container(feeds->wishes.next, struct cr_feed, wish);
        cr_list_remove(&feed->wish);
    }
    pthread_mutex_unlock(&lock);
    return feed;
}

/* Its end may still be under way at its home, under the lock. */
static void
release_after_end(struct cr_feed *feed)
{
    pthread_mutex_lock(&lock);
    pthread_mutex_unlock(&lock);
    release(feed);
}

int
cr_feed_take(struct cr_op *op)
{
    struct cr_feed *feed = cr_load_rlx(&op->feeding->feed);
    size_t count = feed->end - feed->begin;
    int result;
    if (count) {
        count = count < op->length ? count : op->length;
        memcpy(op->data, feed->bytes + feed->begin, count);
        feed->begin += count;
        if (feed->begin < feed->end)
            return (int)count;
        /* Silent connections keep no memory. */
        cr_free(feed->bytes);
        feed->bytes = NULL;
        feed->begin = feed->end = feed->room = 0;
        return (int)count;
    }
    if (!cr_feed_is_over(feed))
        return -EAGAIN;
    result = feed->result;
    op->feeding->calm = feed->full == 0;
    cr_store_rlx(&op->feeding->feed, NULL);
    release_after_end(feed);
    return result;
}

/* Under the lock. */
static void
wish(struct cr_feed *feed)
{
    if (cr_list_is_empty(&feed->wish))
        cr_list_append(&feed->home->wishes, &feed->wish);
    cr_store_rlx(&feed->home->wished, true);
    feed->home->wake(feed->home->self);
}

void
cr_feed_wish(struct cr_feed *feed, void (*over)(struct cr_feed *feed))
{
    pthread_mutex_lock(&lock);
    if (!cr_feed_is_over(feed)) {
        feed->over = over;
        wish(feed);
    }
    pthread_mutex_unlock(&lock);
}

bool
cr_feed_abandon(struct cr_feed *feed, int fd)
{
    bool is_armed;
    pthread_mutex_lock(&lock);
    is_armed = !cr_feed_is_over(feed);
    if (is_armed) {
        feed->close_fd = fd;
        wish(feed);
    }
    pthread_mutex_unlock(&lock);
    if (!is_armed)
        release(feed);
    return is_armed;
}
