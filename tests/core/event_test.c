/* event_test.c: what coir/event.h promises, for fibers of one worker, of four, for threads, and mixed. */
#include "core.h"

#include <coir/queue.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>

static int
states(void *arg)
{
    struct coir_event event = COIR_EVENT_INIT;
    (void)arg;
    MUST(!coir_event_is_set(&event));
    MUST_BE(coir_event_wait(&event, COIR_NOW), -EAGAIN);
    MUST_BE(coir_event_wait(&event, core_past()), -ETIMEDOUT);
    MUST_BE(coir_event_wait(&event, coir_after(COIR_MS)), -ETIMEDOUT);
    for (int i = 0; i < 3; i++) {
        coir_event_set(&event);
        MUST(coir_event_is_set(&event));
        MUST_BE(coir_event_wait(&event, COIR_NOW), 0);
        MUST_BE(coir_event_wait(&event, core_past()), 0);
        MUST_BE(coir_event_wait(&event, COIR_NEVER), 0);
    }
    coir_event_clear(&event);
    coir_event_clear(&event);
    MUST(!coir_event_is_set(&event));
    MUST_BE(coir_event_wait(&event, COIR_NOW), -EAGAIN);
    coir_event_fini(&event);
    coir_event_init(&event);
    MUST(!coir_event_is_set(&event));
    coir_event_fini(&event);
    return 0;
}

START_TEST(set_and_clear)
{
    core_play((enum core_cast)_i, states, NULL);
}
END_TEST

static int
wait_for(void *event)
{
    return coir_event_wait(event, core_soon());
}

/* Who waited when it was set gets 0 also if it is cleared at once. */
static int
wake_all(void *arg)
{
    struct coir_event event = COIR_EVENT_INIT;
    struct core_actor actors[20];
    (void)arg;
    for (int round = 0; round < 10; round++) {
        core_start_all(actors, 20, wait_for, &event);
        for (int i = 0; i < 20; i++)
            core_await_waiting(&actors[i]);
        coir_event_set(&event);
        coir_event_clear(&event);
        for (int i = 0; i < 20; i++)
            MUST_BE(core_end(&actors[i]), 0);
    }
    coir_event_fini(&event);
    return 0;
}

START_TEST(set_wakes_all_that_wait)
{
    core_play((enum core_cast)_i, wake_all, NULL);
}
END_TEST

/* ---- Freed at once by the woken ---- */

static int
set_each(void *queue)
{
    struct coir_event *event;
    while (coir_queue_get(queue, &event, COIR_NEVER) == 0)
        coir_event_set(event);
    return 0;
}

static int
wait_and_free(void *arg)
{
    struct coir_queue *queue = arg;
    long rounds = core_freed(40000, 2 * CORE_CASTS);
    for (long i = 0; i < rounds; i++) {
        struct coir_event *event = malloc(sizeof *event);
        MUST(event);
        *event = (struct coir_event)COIR_EVENT_INIT;
        MUST_BE(coir_queue_put(queue, &event, core_soon()), 0);
        if (i % 3 == 0)
            while (!coir_event_is_set(event))
                (void)coir_yield();
        MUST_BE(coir_event_wait(event, core_soon()), 0);
        free(event);
    }
    return 0;
}

static int
free_at_once(void *arg)
{
    struct coir_queue *queue = coir_queue_new(sizeof(struct coir_event *), 4, NULL);
    struct core_actor setter, waiters[2];
    (void)arg;
    core_start_all(waiters, 2, wait_and_free, queue);
    core_start(&setter, set_each, queue);
    for (int i = 0; i < 2; i++)
        MUST_BE(coir_event_wait(&waiters[i].begun, core_soon()), 0);
    for (int i = 0; i < 2; i++)
        MUST_BE(core_end(&waiters[i]), 0);
    coir_queue_shutdown(queue);
    MUST_BE(core_end(&setter), 0);
    coir_queue_free(queue);
    return 0;
}

START_TEST(the_woken_frees_it)
{
    core_play((enum core_cast)_i, free_at_once, NULL);
}
END_TEST

/* ---- Races: a set is never lost, whatever deadlines and cancels come with it ---- */

struct round {
    struct coir_event event, heard;
};

static int
wait_in_bits(void *arg)
{
    struct round *round = arg;
    int result;
    do
        result = coir_event_wait(&round->event, coir_after((coir_time)coir_random(20) * COIR_US));
    while (result == -ETIMEDOUT);
    coir_event_set(&round->heard);
    return result == -ECANCELED ? 0 : result;
}

static int
race(void *arg)
{
    long rounds = core_rounds(4000);
    (void)arg;
    for (long i = 0; i < rounds; i++) {
        struct round round = {COIR_EVENT_INIT, COIR_EVENT_INIT};
        struct core_actor actors[2];
        core_start_all(actors, 2, wait_in_bits, &round);
        if (i % 2)
            (void)coir_yield();
        if (i % 3 == 0)
            core_cancel(&actors[0]);
        coir_event_set(&round.event);
        MUST_BE(coir_event_wait(&round.heard, core_soon()), 0);
        for (int k = 0; k < 2; k++)
            MUST_BE(core_end(&actors[k]), 0);
        coir_event_fini(&round.event);
    }
    return 0;
}

START_TEST(a_set_is_never_lost)
{
    core_play((enum core_cast)_i, race, NULL);
}
END_TEST

/* Two events, back and forth: a lost wake-up hangs. */
struct table {
    struct coir_event ping, pong;
    long rounds;
};

static int
answer_pings(void *arg)
{
    struct table *table = arg;
    for (long i = 0; i < table->rounds; i++) {
        MUST_BE(coir_event_wait(&table->ping, core_soon()), 0);
        coir_event_clear(&table->ping);
        coir_event_set(&table->pong);
    }
    return 0;
}

static int
ping_pong(void *arg)
{
    struct table table = {COIR_EVENT_INIT, COIR_EVENT_INIT, core_rounds(20000)};
    struct core_actor actor;
    (void)arg;
    core_start(&actor, answer_pings, &table);
    for (long i = 0; i < table.rounds; i++) {
        coir_event_set(&table.ping);
        MUST_BE(coir_event_wait(&table.pong, core_soon()), 0);
        coir_event_clear(&table.pong);
    }
    MUST_BE(core_end(&actor), 0);
    return 0;
}

START_TEST(back_and_forth)
{
    core_play((enum core_cast)_i, ping_pong, NULL);
}
END_TEST

static int
fini_waited_for(void *arg)
{
    struct coir_event event = COIR_EVENT_INIT;
    struct core_actor actor;
    (void)arg;
    core_start(&actor, wait_for, &event);
    core_await_waiting(&actor);
    coir_event_fini(&event);
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
    core_must_die(play_fini, &cast, SIGABRT, "coir_event_fini");
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_loop_test(cases, set_and_clear, 0, CORE_CASTS);
    tcase_add_loop_test(cases, set_wakes_all_that_wait, 0, CORE_CASTS);
    tcase_add_loop_test(cases, the_woken_frees_it, 0, CORE_CASTS);
    tcase_add_loop_test(cases, a_set_is_never_lost, 0, CORE_CASTS);
    tcase_add_loop_test(cases, back_and_forth, 0, CORE_CASTS);
    tcase_add_loop_test(cases, misuse_stops_the_process, 0, CORE_CASTS);
}

int
main(void)
{
    return core_main("event", add);
}
