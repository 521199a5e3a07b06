/* condition_test.c: what coir/condition.h promises, for fibers of one worker, of four, for threads, and mixed. */
#include "core.h"

#include <coir/condition.h>
#include <coir/queue.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

static void *
try_lock(void *mutex)
{
    int result = coir_mutex_lock(mutex, COIR_NOW);
    if (!result)
        coir_mutex_unlock(mutex);
    return result == -EAGAIN ? mutex : NULL;
}

/* Whether somebody holds it, as a thread sees it that has nothing to do with the play. */
static bool
is_held(struct coir_mutex *mutex)
{
    pthread_t thread;
    void *held;
    MUST_BE(pthread_create(&thread, NULL, try_lock, mutex), 0);
    MUST_BE(pthread_join(thread, &held), 0);
    return held;
}

/* ---- The mutex: given up meanwhile, held again on every return ---- */

struct room {
    struct coir_mutex mutex;
    struct coir_condition changed;
    int ready, came, woken; /* under the mutex; came: atomic, too */
};

#define ROOM                                          \
    {                                                 \
        COIR_MUTEX_INIT, COIR_CONDITION_INIT, 0, 0, 0 \
    }

static int
wait_canceled(void *arg)
{
    struct room *room = arg;
    int result;
    coir_cancel(coir_self());
    MUST_BE(coir_mutex_lock(&room->mutex, COIR_NEVER), 0);
    result = coir_condition_wait(&room->changed, &room->mutex, core_soon());
    MUST(is_held(&room->mutex));
    MUST_BE(coir_condition_wait(&room->changed, &room->mutex, COIR_NOW), -EAGAIN);
    coir_mutex_unlock(&room->mutex);
    return result;
}

static int
wait_once(void *arg)
{
    struct room *room = arg;
    int result;
    MUST_BE(coir_mutex_lock(&room->mutex, COIR_NEVER), 0);
    __atomic_add_fetch(&room->came, 1, __ATOMIC_SEQ_CST);
    result = coir_condition_wait(&room->changed, &room->mutex, COIR_NEVER);
    room->woken++;
    MUST_BE(coir_mutex_lock(&room->mutex, COIR_NOW), -EDEADLK); /* it is ours */
    coir_mutex_unlock(&room->mutex);
    return result;
}

static int
ways_to_return(void *arg)
{
    struct room room = ROOM;
    struct core_actor actor;
    (void)arg;
    MUST_BE(coir_mutex_lock(&room.mutex, COIR_NEVER), 0);
    MUST_BE(coir_condition_wait(&room.changed, &room.mutex, COIR_NOW), -EAGAIN);
    MUST(is_held(&room.mutex));
    MUST_BE(coir_condition_wait(&room.changed, &room.mutex, core_past()), -ETIMEDOUT);
    MUST(is_held(&room.mutex));
    MUST_BE(coir_condition_wait(&room.changed, &room.mutex, coir_after(COIR_MS)), -ETIMEDOUT);
    MUST(is_held(&room.mutex));
    coir_mutex_unlock(&room.mutex);
    core_start(&actor, wait_canceled, &room);
    MUST_BE(core_end(&actor), -ECANCELED);

    core_start(&actor, wait_once, &room);
    core_await_waiting(&actor);
    MUST_BE(coir_mutex_lock(&room.mutex, core_soon()), 0); /* it has given it up */
    coir_cancel(actor.self);
    for (int i = 0; i < 50; i++)
        MUST_BE(coir_yield(), 0);
    MUST_BE(room.woken, 0); /* it wants the mutex first */
    coir_mutex_unlock(&room.mutex);
    MUST_BE(core_end(&actor), -ECANCELED);
    coir_condition_fini(&room.changed);
    coir_mutex_fini(&room.mutex);
    return 0;
}

START_TEST(the_mutex_is_held_again_on_every_return)
{
    core_play((enum core_cast)_i, ways_to_return, NULL);
}
END_TEST

/* ---- Signal and broadcast ---- */

static int
wake_some(void *arg)
{
    enum { MANY = 12 };
    struct room room;
    struct core_actor actors[MANY];
    (void)arg;
    coir_mutex_init(&room.mutex, COIR_MUTEX_PLAIN);
    coir_condition_init(&room.changed);
    room.came = room.woken = 0;
    coir_condition_signal(&room.changed); /* nobody waits: it is not kept */
    coir_condition_broadcast(&room.changed);
    for (int i = 0; i < MANY; i++) {
        core_start(&actors[i], wait_once, &room);
        core_await_waiting(&actors[i]);
    }
    for (int i = 0; i < 3; i++) {
        coir_condition_signal(&room.changed);
        MUST_BE(core_end(&actors[i]), 0); /* who has waited longest */
    }
    MUST_BE(coir_mutex_lock(&room.mutex, COIR_NEVER), 0);
    coir_condition_broadcast(&room.changed);
    for (int i = 0; i < 50; i++)
        MUST_BE(coir_yield(), 0);
    MUST_BE(room.woken, 3); /* a woken one does not return until the mutex is its own */
    coir_mutex_unlock(&room.mutex);
    for (int i = 3; i < MANY; i++)
        MUST_BE(core_end(&actors[i]), 0);
    MUST_BE(room.woken, MANY);
    coir_condition_fini(&room.changed);
    coir_mutex_fini(&room.mutex);
    return 0;
}

START_TEST(signal_wakes_one_and_broadcast_all)
{
    core_play((enum core_cast)_i, wake_some, NULL);
}
END_TEST

/* ---- A recursive mutex is given up wholly ---- */

static int
wait_deep(void *arg)
{
    struct room *room = arg;
    for (int i = 0; i < 3; i++)
        MUST_BE(coir_mutex_lock(&room->mutex, COIR_NEVER), 0);
    while (!room->ready)
        MUST_BE(coir_condition_wait(&room->changed, &room->mutex, core_soon()), 0);
    for (int i = 0; i < 3; i++) {
        MUST(is_held(&room->mutex));
        coir_mutex_unlock(&room->mutex);
    }
    return 0;
}

static int
recurse(void *arg)
{
    struct room room = {COIR_MUTEX_INIT_RECURSIVE, COIR_CONDITION_INIT, 0, 0, 0};
    struct core_actor actor;
    (void)arg;
    core_start(&actor, wait_deep, &room);
    core_await_waiting(&actor);
    MUST_BE(coir_mutex_lock(&room.mutex, core_soon()), 0);
    MUST_BE(coir_mutex_lock(&room.mutex, core_soon()), 0);
    room.ready = 1;
    coir_condition_signal(&room.changed);
    coir_mutex_unlock(&room.mutex);
    coir_mutex_unlock(&room.mutex);
    MUST_BE(core_end(&actor), 0);
    coir_mutex_fini(&room.mutex);
    return 0;
}

START_TEST(a_recursive_mutex_is_given_up_wholly_and_got_back_as_deep)
{
    core_play((enum core_cast)_i, recurse, NULL);
}
END_TEST

/* ---- Waiting for a predicate ---- */

/* The loop of the header: 0 once it is ready. */
static int
wait_until_ready(struct room *room, coir_time deadline)
{
    int error = 0;
    MUST_BE(coir_mutex_lock(&room->mutex, COIR_NEVER), 0);
    while (!room->ready && !error)
        error = coir_condition_wait(&room->changed, &room->mutex, deadline);
    if (room->ready)
        error = 0;
    coir_mutex_unlock(&room->mutex);
    return error;
}

static int
wait_long(void *room)
{
    return wait_until_ready(room, core_soon());
}

static int
wait_short(void *room)
{
    return wait_until_ready(room, coir_after((coir_time)coir_random(40) * COIR_US));
}

static int
predicates(void *arg)
{
    long rounds = core_rounds(1500);
    (void)arg;
    for (long i = 0; i < rounds; i++) {
        struct room room = ROOM;
        struct core_actor patient[2], hasty[2];
        core_start_all(patient, 2, wait_long, &room);
        core_start_all(hasty, 2, wait_short, &room);
        if (i % 2)
            coir_condition_broadcast(&room.changed); /* about nothing: they look and wait on */
        if (i % 3 == 0)
            (void)coir_yield();
        MUST_BE(coir_mutex_lock(&room.mutex, core_soon()), 0);
        room.ready = 1;
        if (i % 4)
            coir_condition_broadcast(&room.changed);
        coir_mutex_unlock(&room.mutex);
        if (i % 4 == 0)
            coir_condition_broadcast(&room.changed);
        for (int k = 0; k < 2; k++) {
            int result = core_end(&hasty[k]);
            MUST(result == 0 || result == -ETIMEDOUT);
            MUST_BE(core_end(&patient[k]), 0);
        }
        coir_condition_fini(&room.changed);
        coir_mutex_fini(&room.mutex);
    }
    return 0;
}

START_TEST(waiting_for_a_predicate)
{
    core_play((enum core_cast)_i, predicates, NULL);
}
END_TEST

/* ---- A signal is not lost with one that gives up ---- */

static int
wait_briefly(void *arg)
{
    struct room *room = arg;
    int result;
    MUST_BE(coir_mutex_lock(&room->mutex, COIR_NEVER), 0);
    result = coir_condition_wait(&room->changed, &room->mutex, coir_after((coir_time)coir_random(30) * COIR_US));
    coir_mutex_unlock(&room->mutex);
    return result;
}

/* Until so many are in wait_once's wait: they have come, and then the mutex was free. */
static void
await_came(struct room *room, int count)
{
    while (__atomic_load_n(&room->came, __ATOMIC_SEQ_CST) < count)
        (void)coir_yield();
    MUST_BE(coir_mutex_lock(&room->mutex, core_soon()), 0);
    coir_mutex_unlock(&room->mutex);
}

static int
signal_while_one_gives_up(void *arg)
{
    long rounds = core_rounds(2000);
    (void)arg;
    for (long i = 0; i < rounds; i++) {
        struct room room = ROOM;
        struct core_actor leaver, stayer;
        int result;
        core_start(&leaver, i % 2 ? wait_briefly : wait_once, &room);
        core_start(&stayer, wait_once, &room);
        await_came(&room, i % 2 ? 1 : 2);
        if (i % 2 == 0)
            core_cancel(&leaver);
        coir_condition_signal(&room.changed);
        result = core_end(&leaver);
        if (result) { /* then the signal was the other's */
            MUST_BE(result, i % 2 ? -ETIMEDOUT : -ECANCELED);
            MUST_BE(core_end(&stayer), 0);
        } else {
            core_cancel(&stayer);
            MUST_BE(core_end(&stayer), -ECANCELED);
        }
        coir_condition_fini(&room.changed);
        coir_mutex_fini(&room.mutex);
    }
    return 0;
}

START_TEST(a_signal_is_not_spent_on_one_that_gives_up)
{
    core_play((enum core_cast)_i, signal_while_one_gives_up, NULL);
}
END_TEST

/* ---- A bounded buffer as textbooks have it: each item once ---- */

enum { ROOM_FOR = 3, SIDES = 3 };

struct buffer {
    struct coir_mutex mutex;
    struct coir_condition filled, emptied;
    long items[ROOM_FOR];
    int count;
    long next, last, sum; /* the number put last; the last there is to be; of those got */
    bool over;
};

static int
fill(void *arg)
{
    struct buffer *buffer = arg;
    COIR_HOLD(&buffer->mutex);
    while (buffer->next < buffer->last) {
        if (buffer->count == ROOM_FOR) {
            int error = coir_condition_wait(&buffer->emptied, &buffer->mutex, core_soon());
            if (error)
                return error;
            continue;
        }
        buffer->items[buffer->count++] = ++buffer->next;
        coir_condition_signal(&buffer->filled);
    }
    buffer->over = true;
    coir_condition_broadcast(&buffer->filled);
    coir_condition_broadcast(&buffer->emptied);
    return 0;
}

static int
empty(void *arg)
{
    struct buffer *buffer = arg;
    for (;;) {
        COIR_HOLD(&buffer->mutex);
        while (!buffer->count && !buffer->over)
            MUST_BE(coir_condition_wait(&buffer->filled, &buffer->mutex, core_soon()), 0);
        if (!buffer->count)
            return 0;
        buffer->sum += buffer->items[--buffer->count];
        coir_condition_signal(&buffer->emptied);
    }
}

static int
fill_and_empty(void *arg)
{
    struct buffer buffer = {.mutex = COIR_MUTEX_INIT, .last = core_rounds(20000)};
    struct core_actor fillers[SIDES], emptiers[SIDES];
    (void)arg;
    coir_condition_init(&buffer.filled);
    coir_condition_init(&buffer.emptied);
    core_start_all(fillers, SIDES, fill, &buffer);
    core_start_all(emptiers, SIDES, empty, &buffer);
    for (int i = 0; i < SIDES; i++) {
        MUST_BE(core_end(&fillers[i]), 0);
        MUST_BE(core_end(&emptiers[i]), 0);
    }
    MUST_BE(buffer.sum, buffer.last * (buffer.last + 1) / 2);
    coir_condition_fini(&buffer.filled);
    coir_condition_fini(&buffer.emptied);
    coir_mutex_fini(&buffer.mutex);
    return 0;
}

START_TEST(a_bounded_buffer)
{
    core_play((enum core_cast)_i, fill_and_empty, NULL);
}
END_TEST

/* ---- Freed at once by the woken ---- */

static int
make_ready(void *queue)
{
    struct room *room;
    while (coir_queue_get(queue, &room, COIR_NEVER) == 0) {
        COIR_HOLD(&room->mutex);
        room->ready = 1;
        coir_condition_signal(&room->changed);
    }
    return 0;
}

static int
free_at_once(void *arg)
{
    struct coir_queue *queue = coir_queue_new(sizeof(struct room *), 4, NULL);
    long rounds = core_rounds(40000);
    struct core_actor actor;
    (void)arg;
    core_start(&actor, make_ready, queue);
    for (long i = 0; i < rounds; i++) {
        struct room *room = malloc(sizeof *room);
        MUST(room);
        *room = (struct room)ROOM;
        MUST_BE(coir_queue_put(queue, &room, core_soon()), 0);
        MUST_BE(wait_until_ready(room, core_soon()), 0);
        memset(room, 0xee, sizeof *room);
        free(room);
    }
    coir_queue_shutdown(queue);
    MUST_BE(core_end(&actor), 0);
    coir_queue_free(queue);
    return 0;
}

START_TEST(the_woken_frees_it)
{
    core_play((enum core_cast)_i, free_at_once, NULL);
}
END_TEST

/* ---- Misuse ---- */

static int
wait_without(void *arg)
{
    struct room room = ROOM;
    (void)arg;
    return coir_condition_wait(&room.changed, &room.mutex, COIR_NEVER);
}

static int
fini_waited_for(void *arg)
{
    struct room room = ROOM;
    struct core_actor actor;
    (void)arg;
    core_start(&actor, wait_once, &room);
    core_await_waiting(&actor);
    coir_condition_fini(&room.changed);
    return 0;
}

static int
play_fini(void *arg)
{
    core_play(*(enum core_cast *)arg, fini_waited_for, NULL);
    return 0;
}

START_TEST(misuse_stops_the_process)
{
    enum core_cast cast = (enum core_cast)_i;
    core_must_die(wait_without, NULL, SIGABRT, "coir_condition_wait");
    core_must_die(play_fini, &cast, SIGABRT, "coir_condition_fini");
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_loop_test(cases, the_mutex_is_held_again_on_every_return, 0, CORE_CASTS);
    tcase_add_loop_test(cases, signal_wakes_one_and_broadcast_all, 0, CORE_CASTS);
    tcase_add_loop_test(cases, a_recursive_mutex_is_given_up_wholly_and_got_back_as_deep, 0, CORE_CASTS);
    tcase_add_loop_test(cases, waiting_for_a_predicate, 0, CORE_CASTS);
    tcase_add_loop_test(cases, a_signal_is_not_spent_on_one_that_gives_up, 0, CORE_CASTS);
    tcase_add_loop_test(cases, a_bounded_buffer, 0, CORE_CASTS);
    tcase_add_loop_test(cases, the_woken_frees_it, 0, CORE_CASTS);
    tcase_add_loop_test(cases, misuse_stops_the_process, 0, CORE_CASTS);
}

int
main(void)
{
    return core_main("condition", add);
}
