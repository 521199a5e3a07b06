/* race_test.c: waking, time-out and cancel of one wait at the same moment, for each thing that can be waited for: nothing is
 * lost, nothing is doubled. A thousand rounds with each cast; with COIR_TEST_LONG=1 a million in all, for each thing. Under
 * ThreadSanitizer, too, by hand:
 *
 *     COIR_TEST_LONG=1 build-tsan/tests/race_test
 *
 * All but the ends of fibers take less than 25 minutes on a processor that others use, too. An end takes a fiber for each round,
 * which is dear there: some ten minutes for the first of its six lines.
 *
 * In each round the giver makes ready, the waiter waits with a deadline of some microseconds or none, and the giver gives
 * while the canceler cancels, or lets it be. Then all three agree that the round is over, and the waiter settles: what it got
 * is gone, what it did not get is still there. */
#include "core.h"

#include <coir/barrier.h>
#include <coir/condition.h>
#include <coir/future.h>
#include <coir/mutex.h>
#include <coir/queue.h>
#include <coir/rwlock.h>
#include <coir/select.h>
#include <coir/semaphore.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/world.h"
#include "sched/task.h"

/* One thing, used in one way. */
struct thing {
    const char *name;
    void (*ready)(void); /* giver, before the round */
    int (*wait)(coir_time deadline);
    void (*give)(void);
    void (*settle)(int result); /* waiter, after it */
    enum { CANCELABLE, DEAF } manner;
};

static struct {
    struct coir_semaphore semaphore;
    struct coir_queue *queue, *other;
    struct coir_mutex mutex;
    struct coir_rwlock rwlock;
    struct coir_event event;
    struct coir_condition condition;
    struct coir_barrier barrier;
    struct coir_future *future, *never;
    struct coir_task *task;
    bool flag; /* under the mutex */
    int number, given;
} stage;

static void
nothing(void)
{
}

/* ---- The things ---- */

static int
wait_semaphore(coir_time deadline)
{
    return coir_semaphore_acquire(&stage.semaphore, deadline);
}

static void
give_semaphore(void)
{
    MUST_BE(coir_semaphore_release(&stage.semaphore), 0);
}

static void
settle_semaphore(int result)
{
    MUST_BE(coir_semaphore_acquire(&stage.semaphore, COIR_NOW), result ? 0 : -EAGAIN);
}

static int
wait_get(coir_time deadline)
{
    stage.number = -1;
    return coir_queue_get(stage.queue, &stage.number, deadline);
}

static void
give_item(void)
{
    stage.given++;
    MUST_BE(coir_queue_put(stage.queue, &stage.given, COIR_NOW), 0);
}

static void
settle_item(int result)
{
    MUST(result ? stage.number == -1 : stage.number == stage.given);
    MUST_BE(coir_queue_get(stage.queue, &stage.number, COIR_NOW), result ? 0 : -EAGAIN);
    MUST_BE(stage.number, stage.given);
}

static int
wait_select(coir_time deadline)
{
    int other = -1;
    struct coir_case cases[2] = {coir_case_get(stage.other, &other), coir_case_get(stage.queue, &stage.number)};
    int which;
    stage.number = -1;
    which = coir_select(cases, 2, deadline);
    MUST(which != 0 && other == -1);
    return which == 1 ? cases[1].result : which;
}

static void
fill_queue(void)
{
    MUST_BE(coir_queue_put(stage.queue, &(int){7}, COIR_NOW), 0);
}

static int
wait_put(coir_time deadline)
{
    return coir_queue_put(stage.queue, &(int){8}, deadline);
}

static void
give_room(void)
{
    int number;
    MUST_BE(coir_queue_get(stage.queue, &number, COIR_NOW), 0);
    MUST_BE(number, 7);
}

static void
settle_put(int result)
{
    int number = 0;
    MUST_BE(coir_queue_get(stage.queue, &number, COIR_NOW), result ? -EAGAIN : 0);
    MUST_BE(number, result ? 0 : 8);
}

static void
hold_mutex(void)
{
    MUST_BE(coir_mutex_lock(&stage.mutex, COIR_NOW), 0);
}

static int
wait_mutex(coir_time deadline)
{
    return coir_mutex_lock(&stage.mutex, deadline);
}

static void
give_mutex(void)
{
    coir_mutex_unlock(&stage.mutex);
}

static void
settle_mutex(int result)
{
    if (result)
        MUST_BE(coir_mutex_lock(&stage.mutex, COIR_NOW), 0);
    coir_mutex_unlock(&stage.mutex);
}

static void
hold_rwlock(void)
{
    MUST_BE(coir_rwlock_write(&stage.rwlock, COIR_NOW), 0);
}

static int
wait_read(coir_time deadline)
{
    return coir_rwlock_read(&stage.rwlock, deadline);
}

static int
wait_write(coir_time deadline)
{
    return coir_rwlock_write(&stage.rwlock, deadline);
}

static void
give_rwlock(void)
{
    coir_rwlock_unlock(&stage.rwlock);
}

static void
settle_rwlock(int result)
{
    if (result)
        MUST_BE(coir_rwlock_write(&stage.rwlock, COIR_NOW), 0);
    coir_rwlock_unlock(&stage.rwlock);
}

static void
clear_event(void)
{
    coir_event_clear(&stage.event);
}

static int
wait_event(coir_time deadline)
{
    return coir_event_wait(&stage.event, deadline);
}

static void
give_event(void)
{
    coir_event_set(&stage.event);
}

static void
settle_event(int result)
{
    (void)result;
    MUST_BE(coir_event_wait(&stage.event, COIR_NOW), 0);
}

static int
wait_condition(coir_time deadline)
{
    int result = coir_mutex_lock(&stage.mutex, COIR_NEVER);
    while (!result && !stage.flag)
        result = coir_condition_wait(&stage.condition, &stage.mutex, deadline);
    if (!result)
        stage.flag = false;
    coir_mutex_unlock(&stage.mutex);
    return result;
}

static void
give_condition(void)
{
    MUST_BE(coir_mutex_lock(&stage.mutex, COIR_NEVER), 0);
    stage.flag = true;
    coir_condition_signal(&stage.condition);
    coir_mutex_unlock(&stage.mutex);
}

static void
settle_condition(int result)
{
    MUST_BE(stage.flag, result != 0);
    stage.flag = false;
}

static void
new_barrier(void)
{
    coir_barrier_init(&stage.barrier, 2);
}

static int
wait_barrier(coir_time deadline)
{
    int result = coir_barrier_wait(&stage.barrier, deadline);
    stage.number = result;
    return result < 0 ? result : 0;
}

static void
give_barrier(void)
{
    stage.given = coir_barrier_wait(&stage.barrier, core_soon());
}

static void
settle_barrier(int result)
{
    if (result)
        MUST_BE(stage.given, -EPIPE); /* both have come, or both know that it is broken */
    else
        MUST(stage.given >= 0 && stage.given + stage.number == 1);
    coir_barrier_fini(&stage.barrier);
}

static void
new_future(void)
{
    stage.future = coir_future_new(sizeof(int));
}

static int
wait_future(coir_time deadline)
{
    return coir_future_wait(stage.future, deadline);
}

static int
wait_any_future(coir_time deadline)
{
    struct coir_future *futures[2] = {stage.never, stage.future};
    int which = coir_future_wait_any(futures, 2, deadline);
    MUST(which);
    return which == 1 ? 0 : which;
}

static void
give_future(void)
{
    MUST_BE(coir_future_set(stage.future, 3, &(int){9}), 0);
}

static void
settle_future(int result)
{
    (void)result;
    MUST_BE(coir_future_get(stage.future, &stage.number, sizeof stage.number, COIR_NOW), 3);
    MUST_BE(stage.number, 9);
    coir_future_free(stage.future);
}

static int
end_at_event(void *arg)
{
    (void)arg;
    return coir_event_wait(&stage.event, COIR_NEVER) ? -1 : 5;
}

static void
start_task(void)
{
    coir_event_clear(&stage.event);
    MUST_BE(coir_go_spread(end_at_event, NULL, NULL, &stage.task), 0);
}

static int
wait_join(coir_time deadline)
{
    return coir_join(stage.task, &stage.number, deadline);
}

static int
wait_end(coir_time deadline)
{
    struct coir_case one = coir_case_task(stage.task);
    return coir_select(&one, 1, deadline);
}

static void
settle_join(int result)
{
    if (result)
        MUST_BE(coir_join(stage.task, &stage.number, core_soon()), 0);
    MUST_BE(stage.number, 5);
}

static void
settle_end(int result)
{
    (void)result;
    settle_join(-ETIMEDOUT);
}

static const struct thing things[] = {
    {"semaphore", nothing, wait_semaphore, give_semaphore, settle_semaphore, CANCELABLE},
    {"queue, get", nothing, wait_get, give_item, settle_item, CANCELABLE},
    {"queue, put", fill_queue, wait_put, give_room, settle_put, CANCELABLE},
    {"select", nothing, wait_select, give_item, settle_item, CANCELABLE},
    {"mutex", hold_mutex, wait_mutex, give_mutex, settle_mutex, DEAF},
    {"rwlock, read", hold_rwlock, wait_read, give_rwlock, settle_rwlock, DEAF},
    {"rwlock, write", hold_rwlock, wait_write, give_rwlock, settle_rwlock, DEAF},
    {"event", clear_event, wait_event, give_event, settle_event, CANCELABLE},
    {"condition", nothing, wait_condition, give_condition, settle_condition, CANCELABLE},
    {"barrier", new_barrier, wait_barrier, give_barrier, settle_barrier, CANCELABLE},
    {"future", new_future, wait_future, give_future, settle_future, CANCELABLE},
    {"any future", new_future, wait_any_future, give_future, settle_future, CANCELABLE},
};
static const struct thing ends[] = {
    {"join", start_task, wait_join, give_event, settle_join, CANCELABLE},
    {"end, by select", start_task, wait_end, give_event, settle_end, CANCELABLE},
};
enum { THINGS = sizeof things / sizeof things[0], ENDS = sizeof ends / sizeof ends[0] };

/* ---- The round ---- */

static struct {
    const struct thing *thing;
    long rounds;
    long open, given, canceled, settled; /* atomic: rounds that have come so far */
    struct coir_task *waiter;
    long outcomes[3]; /* woken, too late, canceled */
} play;

static void
come_to(const long *counter, long round)
{
    while (__atomic_load_n(counter, __ATOMIC_ACQUIRE) < round) {
        (void)coir_yield();
        cr_world.thread_pause(); /* there may be more workers than processors */
    }
}

static void
say(long *counter, long round)
{
    __atomic_store_n(counter, round, __ATOMIC_RELEASE);
}

static void
dawdle(void)
{
    for (uint64_t i = coir_random(60); i; i--)
        cr_relax();
    if (!coir_random(3))
        (void)coir_yield();
}

static int
give(void *arg)
{
    (void)arg;
    for (long round = 1; round <= play.rounds; round++) {
        come_to(&play.settled, round - 1);
        play.thing->ready();
        say(&play.open, round);
        dawdle();
        play.thing->give();
        say(&play.given, round);
    }
    return 0;
}

static int
cancel(void *arg)
{
    (void)arg;
    for (long round = 1; round <= play.rounds; round++) {
        come_to(&play.open, round);
        dawdle();
        if (coir_random(3) == 0)
            coir_cancel(play.waiter);
        say(&play.canceled, round);
    }
    return 0;
}

static int
wait_each(void *arg)
{
    struct coir_task *self = coir_self();
    (void)arg;
    for (long round = 1; round <= play.rounds; round++) {
        coir_time deadline = coir_random(3) ? coir_after((coir_time)coir_random(8) * COIR_US) : COIR_NEVER;
        int result;
        come_to(&play.open, round);
        result = play.thing->wait(deadline);
        MUST(result == 0 || (result == -ETIMEDOUT && deadline != COIR_NEVER) ||
             (result == -ECANCELED && play.thing->manner != DEAF));
        play.outcomes[result == 0 ? 0 : result == -ETIMEDOUT ? 1 : 2]++;
        come_to(&play.given, round);
        come_to(&play.canceled, round);
        (void)cr_and_ar(&self->canceled, ~1u); /* it is over, and nobody cancels now */
        play.thing->settle(result);
        say(&play.settled, round);
    }
    return 0;
}

static int
race(void *arg)
{
    struct core_actor giver, canceler, waiter;
    (void)arg;
    stage.queue = coir_queue_new(sizeof(int), 1, NULL);
    stage.other = coir_queue_new(sizeof(int), 1, NULL);
    stage.never = coir_future_new(0);
    play.rounds = core_is_long() ? 1000000 / CORE_CASTS : CORE_TSAN ? 500 : 1000;
    core_start(&waiter, wait_each, NULL);
    MUST_BE(coir_event_wait(&waiter.begun, core_soon()), 0);
    play.waiter = waiter.self;
    core_start(&giver, give, NULL);
    core_start(&canceler, cancel, NULL);
    come_to(&play.settled, play.rounds);
    MUST_BE(core_end(&giver), 0);
    MUST_BE(core_end(&canceler), 0);
    MUST_BE(core_end(&waiter), 0);
    coir_queue_free(stage.queue);
    coir_queue_free(stage.other);
    coir_future_free(stage.never);
    return 0;
}

static const char *const casts[CORE_CASTS] = {"one worker", "four", "default", "threads", "mixed"};

static void
race_for(const struct thing *thing, enum core_cast cast)
{
    play.thing = thing;
    core_play(cast, race, NULL);
    printf("%s, %s: %ld woken, %ld too late, %ld canceled\n", play.thing->name, casts[cast], play.outcomes[0],
           play.outcomes[1], play.outcomes[2]);
}

START_TEST(nothing_is_lost_or_doubled)
{
    race_for(&things[_i / CORE_CASTS], (enum core_cast)(_i % CORE_CASTS));
}
END_TEST

/* Plain threads start no tasks. */
START_TEST(nor_is_the_end_of_a_fiber)
{
    race_for(&ends[_i / CORE_THREADS], (enum core_cast)(_i % CORE_THREADS));
}
END_TEST

static void
add(TCase *cases)
{
    if (core_is_long())
        tcase_set_timeout(cases, 600);
    tcase_add_loop_test(cases, nothing_is_lost_or_doubled, 0, THINGS * CORE_CASTS);
    tcase_add_loop_test(cases, nor_is_the_end_of_a_fiber, 0, ENDS * CORE_THREADS);
}

int
main(void)
{
    return core_main("race", add);
}
