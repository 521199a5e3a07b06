/* sched/feed.c: a stream's feed is armed at one worker; here is what happens when another one, a plain thread, or another
 * runtime wants the stream, when its descriptor is shown, and when it is closed.
 *
 * Who comes from elsewhere has the feed ended and waits for that as for an event: the home wakes it when the kernel has
 * given back what it had. Then what the feed had already brought is read first, in order. With COIR_NOW that would have to be
 * waited for, so the answer is -EAGAIN, and the end is on its way for the next try. A stream that goes back and forth
 * between workers has it so each time; one that is handed over once, once. */
#include "sched/feed.h"
#include "sched/quiet.h"

#include <errno.h>

static bool
is_here(const struct cr_feed *feed)
{
    return cr_here.worker && cr_load_rlx(&feed->slot) == (int)cr_here.worker->slot;
}

static void
end_here(struct cr_feed *feed)
{
    cr_here.worker->backend->end_feed(cr_here.worker->backend_self, feed);
}

/* By the home, when it is over. */
static void
wake_waiter(struct cr_feed *feed)
{
    uintptr_t state = cr_guard_take(&feed->word);
    struct cr_note *chain = cr_waiters_claim_all(&feed->first, 0);
    cr_guard_release(&feed->word, state);
    cr_unpark_all(chain);
}

/* Until it is over, which has been asked for: 0, or why not. */
static int
await_end(struct cr_pending *pending, struct cr_feed *feed, const struct cr_lock *side, coir_time deadline)
{
    struct cr_wait *wait = &pending->wait;
    uintptr_t state;
    int result;
    state = cr_guard_take(&feed->word);
    result = cr_may_wait(deadline);
    if (result || cr_feed_is_over(feed)) {
        cr_guard_release(&feed->word, state);
        return cr_feed_is_over(feed) ? 0 : result;
    }
    cr_wait_begin_for(wait, cr_task_self(), &pending->edge);
    wait->closed = side ? &side->word : NULL;
    wait->closed_bit = CR_LOCK_CLOSED;
    cr_waiters_append(&feed->first, wait);
    cr_guard_release(&feed->word, state);
    result = cr_park(wait, deadline);
    if (cr_wait_is_linked(wait))
        cr_wait_withdraw(wait, &feed->word, &feed->first, 0);
    return result;
}

int
cr_feed_come_first(struct cr_pending *pending, const struct cr_lock *side, coir_time deadline)
{
    struct cr_feeding *feeding = pending->op.feeding;
    struct cr_feed *feed = cr_load_rlx(&feeding->feed);
    int result;
    if (is_here(feed)) {
        if (!cr_load_rlx(&feeding->shown))
            return CR_PENDING;
        end_here(feed);
    }
    if (!cr_feed_is_over(feed)) {
        cr_quiet_in(); /* the home may sleep, and what will wake it is in no inbox */
        cr_feed_wish(feed, wake_waiter);
        result = await_end(pending, feed, side, deadline);
        cr_quiet_out();
        if (result)
            return result;
    }
    result = cr_feed_take(&pending->op);
    if (result == CR_AGAIN)
        return CR_PENDING;
    pending->kernel_failed = result < 0;
    return result;
}

void
cr_feed_stop(struct cr_feeding *feeding)
{
    struct cr_feed *feed = cr_load_rlx(&feeding->feed);
    if (!feed)
        return;
    if (is_here(feed))
        end_here(feed);
    else
        cr_feed_wish(feed, wake_waiter);
}

bool
cr_feed_leave(struct cr_feeding *feeding, int fd)
{
    struct cr_feed *feed = cr_load_rlx(&feeding->feed);
    if (!feed)
        return false;
    if (is_here(feed))
        end_here(feed);
    return cr_feed_abandon(feed, fd);
}
