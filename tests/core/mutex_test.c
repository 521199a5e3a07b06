/* mutex_test.c: what coir/mutex.h promises, for fibers of one worker, of four, for threads, and mixed: exclusion, order,
 * deadlines, deafness to cancel, freeing it at once, and what is misuse. */
#include "core.h"

#include <coir/mutex.h>
#include <coir/queue.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "sched/task.h"

/* ---- Exclusion ---- */

struct counter {
    struct coir_mutex mutex;
    long rounds, value, inside;
};

static int
count_up(void *arg)
{
    struct counter *counter = arg;
    for (long i = 0; i < counter->rounds; i++) {
        COIR_HOLD(&counter->mutex);
        MUST(++counter->inside == 1);
        if (i % 16 == 0)
            (void)coir_yield();
        counter->value++;
        counter->inside--;
    }
    return 0;
}

static int
count_together(void *arg)
{
    struct counter counter = {.mutex = COIR_MUTEX_INIT, .rounds = core_rounds(5000)};
    struct core_actor actors[8];
    (void)arg;
    core_start_all(actors, 8, count_up, &counter);
    for (int i = 0; i < 8; i++)
        MUST_BE(core_end(&actors[i]), 0);
    MUST_BE(counter.value, 8 * counter.rounds);
    coir_mutex_fini(&counter.mutex);
    return 0;
}

START_TEST(one_at_a_time)
{
    core_play((enum core_cast)_i, count_together, NULL);
}
END_TEST

/* ---- Order ---- */

struct order {
    struct coir_mutex mutex;
    int next;
};

struct place {
    struct order *order;
    int number;
};

static int
lock_and_note(void *arg)
{
    struct place *place = arg;
    MUST_BE(coir_mutex_lock(&place->order->mutex, core_soon()), 0);
    MUST_BE(place->order->next++, place->number);
    coir_mutex_unlock(&place->order->mutex);
    return 0;
}

static int
lock_in_order(void *arg)
{
    struct order order = {.mutex = COIR_MUTEX_INIT};
    struct core_actor actors[16];
    struct place places[16];
    (void)arg;
    MUST_BE(coir_mutex_lock(&order.mutex, core_soon()), 0);
    for (int i = 0; i < 16; i++) {
        places[i] = (struct place){&order, i};
        core_start(&actors[i], lock_and_note, &places[i]);
        core_await_waiting(&actors[i]);
    }
    coir_mutex_unlock(&order.mutex);
    for (int i = 0; i < 16; i++)
        MUST_BE(core_end(&actors[i]), 0);
    MUST_BE(order.next, 16);
    coir_mutex_fini(&order.mutex);
    return 0;
}

START_TEST(first_come_first_served)
{
    core_play((enum core_cast)_i, lock_in_order, NULL);
}
END_TEST

/* ---- Deadlines and cancels ---- */

struct attempt {
    struct coir_mutex *mutex;
    coir_time deadline;
};

static int
attempt(void *arg)
{
    struct attempt *own = arg;
    int result = coir_mutex_lock(own->mutex, own->deadline);
    if (!result)
        coir_mutex_unlock(own->mutex);
    return result;
}

static int
try_held(void *arg)
{
    struct coir_mutex mutex = COIR_MUTEX_INIT;
    struct core_actor actor;
    (void)arg;
    MUST_BE(coir_mutex_lock(&mutex, COIR_NOW), 0);
    core_start(&actor, attempt, &(struct attempt){&mutex, COIR_NOW});
    MUST_BE(core_end(&actor), -EAGAIN);
    core_start(&actor, attempt, &(struct attempt){&mutex, core_past()});
    MUST_BE(core_end(&actor), -ETIMEDOUT);
    core_start(&actor, attempt, &(struct attempt){&mutex, coir_after(COIR_MS)});
    MUST_BE(core_end(&actor), -ETIMEDOUT);
    core_start(&actor, attempt, &(struct attempt){&mutex, COIR_NEVER});
    core_await_waiting(&actor);
    coir_cancel(actor.self);
    for (int i = 0; i < 100; i++)
        MUST_BE(coir_yield(), 0);
    MUST(!coir_event_is_set(&actor.done) && (!actor.task || coir_task_is_alive(actor.task))); /* it waits on */
    coir_mutex_unlock(&mutex);
    MUST_BE(core_end(&actor), 0);
    coir_mutex_fini(&mutex);
    return 0;
}

START_TEST(deadlines_end_the_waiting_and_cancels_do_not)
{
    core_play((enum core_cast)_i, try_held, NULL);
}
END_TEST

/* The cancel comes at any moment of the locking. */
static int
lock_while_canceled(void *arg)
{
    long rounds = core_rounds(3000);
    struct coir_mutex mutex = COIR_MUTEX_INIT;
    (void)arg;
    for (long i = 0; i < rounds; i++) {
        struct core_actor actor;
        MUST_BE(coir_mutex_lock(&mutex, COIR_NEVER), 0);
        core_start(&actor, attempt, &(struct attempt){&mutex, COIR_NEVER});
        MUST_BE(coir_event_wait(&actor.begun, core_soon()), 0);
        for (uint64_t k = coir_random(200); k > 0; k--)
            __asm__ volatile("");
        coir_cancel(actor.self);
        coir_mutex_unlock(&mutex);
        MUST_BE(core_end(&actor), 0);
    }
    coir_mutex_fini(&mutex);
    return 0;
}

START_TEST(a_cancel_at_any_moment_leaves_the_locking_alone)
{
    core_play((enum core_cast)_i, lock_while_canceled, NULL);
}
END_TEST

static int
try_for_a_while(void *arg)
{
    struct counter *counter = arg;
    long got = 0;
    for (long i = 0; i < counter->rounds; i++) {
        coir_time deadline = i % 3 ? coir_after((coir_time)coir_random(50) * COIR_US) : COIR_NOW;
        int result = coir_mutex_lock(&counter->mutex, deadline);
        if (result) {
            MUST(result == -ETIMEDOUT || result == -EAGAIN);
            (void)coir_yield();
            continue;
        }
        MUST(++counter->inside == 1);
        counter->value++;
        got++;
        if (i % 4 == 0)
            (void)coir_yield();
        counter->inside--;
        coir_mutex_unlock(&counter->mutex);
    }
    return (int)got;
}

static int
race_deadlines(void *arg)
{
    struct counter counter = {.mutex = COIR_MUTEX_INIT, .rounds = core_rounds(5000)};
    struct core_actor actors[8];
    long got = 0;
    (void)arg;
    core_start_all(actors, 8, try_for_a_while, &counter);
    for (int i = 0; i < 8; i++)
        got += core_end(&actors[i]);
    MUST(got > 0);
    MUST_BE(counter.value, got);
    coir_mutex_fini(&counter.mutex); /* neither held nor waited for */
    return 0;
}

START_TEST(deadlines_race_with_unlocking)
{
    core_play((enum core_cast)_i, race_deadlines, NULL);
}
END_TEST

/* ---- Freed at once ---- */

struct shared {
    struct coir_mutex mutex;
    int users;
};

static int
use_and_free(void *arg)
{
    struct coir_queue *queue = arg;
    struct shared *shared;
    while (coir_queue_get(queue, &shared, COIR_NEVER) == 0) {
        int left;
        MUST_BE(coir_mutex_lock(&shared->mutex, COIR_NEVER), 0);
        left = --shared->users;
        coir_mutex_unlock(&shared->mutex);
        if (!left)
            free(shared);
    }
    return 0;
}

static int
free_at_once(void *arg)
{
    long rounds = core_freed(40000, CORE_CASTS);
    struct coir_queue *queues[2];
    struct core_actor actors[2];
    (void)arg;
    for (int k = 0; k < 2; k++) {
        queues[k] = coir_queue_new(sizeof(struct shared *), 16, NULL);
        core_start(&actors[k], use_and_free, queues[k]);
    }
    for (long i = 0; i < rounds; i++) {
        struct shared *shared = malloc(sizeof *shared);
        MUST(shared);
        *shared = (struct shared){COIR_MUTEX_INIT, 2};
        for (int k = 0; k < 2; k++)
            MUST_BE(coir_queue_put(queues[k], &shared, core_soon()), 0);
    }
    for (int k = 0; k < 2; k++)
        coir_queue_shutdown(queues[k]);
    for (int k = 0; k < 2; k++) {
        MUST_BE(core_end(&actors[k]), 0);
        coir_queue_free(queues[k]);
    }
    return 0;
}

START_TEST(the_last_user_frees_it)
{
    core_play((enum core_cast)_i, free_at_once, NULL);
}
END_TEST

/* ---- Kinds ---- */

static int
kinds(void *arg)
{
    struct coir_mutex plain = COIR_MUTEX_INIT, recursive = COIR_MUTEX_INIT_RECURSIVE, made;
    struct core_actor actor;
    (void)arg;
    MUST_BE(coir_mutex_lock(&plain, COIR_NEVER), 0);
    MUST_BE(coir_mutex_lock(&plain, COIR_NEVER), -EDEADLK);
    MUST(*coir_error_detail());
    MUST_BE(coir_mutex_lock(&plain, COIR_NOW), -EDEADLK);
    coir_mutex_unlock(&plain);
    coir_mutex_fini(&plain);
    for (int i = 0; i < 3; i++)
        MUST_BE(coir_mutex_lock(&recursive, i ? COIR_NOW : COIR_NEVER), 0);
    for (int i = 0; i < 3; i++) {
        core_start(&actor, attempt, &(struct attempt){&recursive, COIR_NOW});
        MUST_BE(core_end(&actor), -EAGAIN);
        coir_mutex_unlock(&recursive);
    }
    core_start(&actor, attempt, &(struct attempt){&recursive, COIR_NOW});
    MUST_BE(core_end(&actor), 0);
    coir_mutex_fini(&recursive);
    coir_mutex_init(&made, COIR_MUTEX_RECURSIVE);
    {
        COIR_HOLD(&made);
        COIR_HOLD(&made);
        core_start(&actor, attempt, &(struct attempt){&made, COIR_NOW});
        MUST_BE(core_end(&actor), -EAGAIN);
    }
    coir_mutex_fini(&made);
    return 0;
}

START_TEST(plain_and_recursive)
{
    core_play((enum core_cast)_i, kinds, NULL);
}
END_TEST

/* Python's RLock: one release for each acquire; others get in after the last. */
static int
go_deep(void *arg)
{
    enum { DEEP = 1000 };
    struct coir_mutex mutex = COIR_MUTEX_INIT_RECURSIVE;
    struct attempt patient = {&mutex, core_soon()};
    struct core_actor actor;
    (void)arg;
    for (int i = 0; i < DEEP; i++)
        MUST_BE(coir_mutex_lock(&mutex, i % 2 ? COIR_NEVER : core_past()), 0); /* its own: never waits */
    core_start(&actor, attempt, &patient);
    core_await_waiting(&actor);
    for (int i = 1; i < DEEP; i++)
        coir_mutex_unlock(&mutex);
    for (int i = 0; i < 50; i++)
        MUST_BE(coir_yield(), 0);
    MUST((cr_load_acq(&actor.self->claim) & CR_CLAIM_STATE) == CR_WAITING); /* held once more */
    coir_mutex_unlock(&mutex);
    MUST_BE(core_end(&actor), 0);
    coir_mutex_fini(&mutex);
    return 0;
}

START_TEST(recursive_as_many_unlocks_as_locks)
{
    core_play((enum core_cast)_i, go_deep, NULL);
}
END_TEST

static int
leave_by(int way, struct coir_mutex *mutex)
{
    for (int i = 0; i < 2; i++) {
        COIR_HOLD(mutex);
        if (way == 0)
            return 0;
        if (way == 1)
            break;
        if (way == 2)
            continue;
        if (way == 3)
            goto out;
    }
out:
    return 0;
}

static int
leave_each_way(void *arg)
{
    (void)arg;
    for (int way = 0; way < 5; way++) {
        struct coir_mutex mutex = COIR_MUTEX_INIT;
        MUST_BE(leave_by(way, &mutex), 0);
        coir_mutex_fini(&mutex); /* held: stops the process */
    }
    return 0;
}

START_TEST(hold_unlocks_on_every_way_out)
{
    core_play((enum core_cast)_i, leave_each_way, NULL);
}
END_TEST

/* ---- Misuse ---- */

static int
hold_twice(void *arg)
{
    struct coir_mutex mutex = COIR_MUTEX_INIT;
    COIR_HOLD(&mutex);
    COIR_HOLD(&mutex);
    (void)arg;
    return 0;
}

static int
unlock_free(void *arg)
{
    struct coir_mutex mutex = COIR_MUTEX_INIT;
    (void)arg;
    coir_mutex_unlock(&mutex);
    return 0;
}

static int
unlock_it(void *arg)
{
    coir_mutex_unlock(arg);
    return 0;
}

static int
unlock_anothers(void *arg)
{
    struct coir_mutex mutex = COIR_MUTEX_INIT;
    struct core_actor actor;
    (void)arg;
    MUST_BE(coir_mutex_lock(&mutex, COIR_NEVER), 0);
    core_start(&actor, unlock_it, &mutex);
    return core_end(&actor);
}

static int
play_unlock_anothers(void *arg)
{
    core_play(*(enum core_cast *)arg, unlock_anothers, NULL);
    return 0;
}

static int
fini_held(void *arg)
{
    struct coir_mutex mutex = COIR_MUTEX_INIT;
    (void)arg;
    MUST_BE(coir_mutex_lock(&mutex, COIR_NEVER), 0);
    coir_mutex_fini(&mutex);
    return 0;
}

START_TEST(misuse_stops_the_process)
{
    enum core_cast one = CORE_ONE, threads = CORE_THREADS;
    core_must_die(hold_twice, NULL, SIGABRT, "mutex_test.c:"); /* where it was made */
    core_must_die(unlock_free, NULL, SIGABRT, "coir_mutex_unlock");
    core_must_die(play_unlock_anothers, &one, SIGABRT, "coir_mutex_unlock");
    core_must_die(play_unlock_anothers, &threads, SIGABRT, "coir_mutex_unlock");
    core_must_die(fini_held, NULL, SIGABRT, "coir_mutex_fini");
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_loop_test(cases, one_at_a_time, 0, CORE_CASTS);
    tcase_add_loop_test(cases, first_come_first_served, 0, CORE_CASTS);
    tcase_add_loop_test(cases, deadlines_end_the_waiting_and_cancels_do_not, 0, CORE_CASTS);
    tcase_add_loop_test(cases, a_cancel_at_any_moment_leaves_the_locking_alone, 0, CORE_CASTS);
    tcase_add_loop_test(cases, deadlines_race_with_unlocking, 0, CORE_CASTS);
    tcase_add_loop_test(cases, the_last_user_frees_it, 0, CORE_CASTS);
    tcase_add_loop_test(cases, plain_and_recursive, 0, CORE_CASTS);
    tcase_add_loop_test(cases, recursive_as_many_unlocks_as_locks, 0, CORE_CASTS);
    tcase_add_loop_test(cases, hold_unlocks_on_every_way_out, 0, CORE_CASTS);
    tcase_add_test(cases, misuse_stops_the_process);
}

int
main(void)
{
    return core_main("mutex", add);
}
