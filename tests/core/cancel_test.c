/* cancel_test.c: cancelling somebody who waits, or who is just being woken, or has just ended. */
#include "core.h"

#include <coir/listener.h>
#include <coir/queue.h>
#include <coir/semaphore.h>
#include <coir/stream.h>
#include <errno.h>

/* ---- Cancelling somebody who waits ---- */

struct things {
    struct coir_event unset;
    struct coir_semaphore none;
    struct coir_queue *empty, *full;
    struct coir_stream *ends[2];
    struct coir_listener *listener;
};

enum place {
    AT_SLEEP,
    AT_EVENT,
    AT_SEMAPHORE,
    AT_PUT,
    AT_GET,
    AT_QUEUE_JOIN,
    AT_READ,
    AT_READ_LINE,
    AT_WRITE,
    AT_ACCEPT,
    PLACES
};

struct victim {
    struct things *things;
    enum place place;
    coir_time deadline;
};

static int
lie_down(void *arg)
{
    struct victim *victim = arg;
    struct things *things = victim->things;
    struct coir_stream *stream;
    static char large[1 << 22];
    char line[64] = "";
    switch (victim->place) {
    case AT_SLEEP:
        return coir_sleep(victim->deadline);
    case AT_EVENT:
        return coir_event_wait(&things->unset, victim->deadline);
    case AT_SEMAPHORE:
        return coir_semaphore_acquire(&things->none, victim->deadline);
    case AT_PUT:
        return coir_queue_put(things->full, line, victim->deadline);
    case AT_GET:
        return coir_queue_get(things->empty, line, victim->deadline);
    case AT_QUEUE_JOIN:
        return coir_queue_join(things->full, victim->deadline);
    case AT_READ:
        return (int)coir_stream_read(things->ends[0], line, sizeof line, victim->deadline);
    case AT_READ_LINE:
        return (int)coir_stream_read_line(things->ends[0], line, sizeof line, victim->deadline);
    case AT_WRITE:
        return coir_stream_write(things->ends[0], large, sizeof large, victim->deadline);
    case AT_ACCEPT:
        return coir_listener_accept(things->listener, &stream, victim->deadline);
    default:
        return -EINVAL;
    }
}

struct waiting_play {
    enum place place;
    bool by_deadline;
};

static int
end_a_wait(void *arg)
{
    const struct waiting_play *play = arg;
    struct things things = {.unset = COIR_EVENT_INIT};
    struct victim victim = {&things, play->place, play->by_deadline ? coir_after(2 * COIR_MS) : COIR_NEVER};
    struct core_actor actor;
    char item[16] = "";
    things.empty = coir_queue_new(16, 1, NULL);
    things.full = coir_queue_new(16, 1, NULL);
    MUST_BE(coir_queue_put(things.full, item, COIR_NOW), 0);
    MUST_BE(coir_stream_pair(things.ends), 0);
    MUST_BE(coir_listener_open("127.0.0.1:0", NULL, &things.listener), 0);
    core_start(&actor, lie_down, &victim);
    if (!play->by_deadline) {
        core_await_waiting(&actor);
        coir_cancel(actor.self);
    }
    MUST_BE(core_end(&actor), play->by_deadline ? play->place == AT_SLEEP ? 0 : -ETIMEDOUT : -ECANCELED);
    coir_queue_free(things.empty);
    coir_queue_free(things.full);
    coir_stream_close(things.ends[0]);
    coir_stream_close(things.ends[1]);
    coir_listener_close(things.listener);
    return 0;
}

START_TEST(cancel_ends_a_wait)
{
    for (enum core_cast cast = 0; cast < CORE_CASTS; cast++)
        core_play(cast, end_a_wait, &(struct waiting_play){(enum place)_i, false});
}
END_TEST

START_TEST(a_deadline_ends_a_wait)
{
    for (enum core_cast cast = 0; cast < CORE_CASTS; cast++)
        core_play(cast, end_a_wait, &(struct waiting_play){(enum place)_i, true});
}
END_TEST

/* A cancel that comes when the victim has been woken for one wait of a call, but has not run yet, must end the next wait
 * of the same call. The crowd keeps the victim in the run queue for longer than the worker goes without a look at its
 * notes (64 turns). */
enum { CROWD = 200 };
static struct coir_event crowd_leaves;
static int crowd_size;

static int
crowd(void *arg)
{
    (void)arg;
    crowd_size++; /* there is one worker */
    while (!coir_event_is_set(&crowd_leaves))
        (void)coir_yield();
    return 0;
}

static int
read_one(void *arg)
{
    char byte;
    ssize_t count = coir_stream_read(arg, &byte, 1, COIR_NEVER);
    return (int)count;
}

struct second_reader {
    struct coir_stream *stream;
    struct coir_task *next;
};

static int
read_and_cancel_the_next(void *arg)
{
    struct second_reader *own = arg;
    int result = read_one(own->stream);
    coir_cancel(own->next);
    return result;
}

static int
cancel_between_two_waits(void *arg)
{
    struct coir_stream *ends[2];
    struct coir_task *first, *second, *others[CROWD];
    struct second_reader own;
    int result;
    (void)arg;
    MUST_BE(coir_stream_pair(ends), 0);
    own = (struct second_reader){ends[0], NULL};
    MUST_BE(coir_go(read_and_cancel_the_next, &own, NULL, &first), 0);
    core_await_parked(first);
    MUST_BE(coir_go(read_one, ends[0], NULL, &second), 0);
    core_await_parked(second); /* for its turn */
    own.next = second;
    for (int i = 0; i < CROWD; i++)
        MUST_BE(coir_go(crowd, NULL, NULL, &others[i]), 0);
    while (crowd_size < CROWD)
        MUST_BE(coir_yield(), 0);
    MUST_BE(coir_stream_write(ends[1], "x", 1, core_soon()), 0);
    MUST_BE(coir_join(first, &result, core_soon()), 0);
    MUST_BE(result, 1);
    result = 0;
    MUST_BE(coir_join(second, &result, coir_after(2 * COIR_SECOND)), 0);
    MUST_BE(result, -ECANCELED);
    coir_event_set(&crowd_leaves);
    for (int i = 0; i < CROWD; i++)
        MUST_BE(coir_join(others[i], NULL, core_soon()), 0);
    coir_stream_close(ends[0]);
    coir_stream_close(ends[1]);
    return 0;
}

START_TEST(cancel_between_two_waits_of_a_call)
{
    core_run(1, cancel_between_two_waits, NULL);
}
END_TEST

/* ---- Cancel races with wake-up, with the deadline, with the end ---- */

struct race {
    struct coir_event event;
    coir_time deadline;
};

static int
race_runner(void *arg)
{
    struct race *race = arg;
    return coir_event_wait(&race->event, race->deadline);
}

static int
set_event(void *arg)
{
    coir_event_set(arg);
    return 0;
}

static int
race_cancel(void *arg)
{
    long rounds = core_rounds(*(const long *)arg), woken = 0, canceled = 0;
    for (long i = 0; i < rounds; i++) {
        struct race race = {COIR_EVENT_INIT,
                            i % 5 == 4 ? coir_after((coir_time)coir_random(20) * COIR_US) : COIR_NEVER};
        struct coir_task *task, *waker;
        int result;
        MUST_BE((i % 2 ? coir_go_spread : coir_go)(race_runner, &race, NULL, &task), 0);
        MUST_BE((i % 3 ? coir_go_spread : coir_go)(set_event, &race.event, NULL, &waker), 0);
        for (uint64_t k = coir_random(3); k > 0; k--)
            MUST_BE(coir_yield(), 0);
        coir_cancel(task);
        MUST_BE(coir_join(task, &result, core_soon()), 0);
        MUST_BE(coir_join(waker, NULL, core_soon()), 0);
        MUST(result == 0 || result == -ECANCELED || (result == -ETIMEDOUT && i % 5 == 4));
        woken += result == 0;
        canceled += result == -ECANCELED;
    }
    MUST(woken + canceled > 0);
    return 0;
}

START_TEST(cancel_races_with_the_end)
{
    long rounds = 25000;
    core_run(_i, race_cancel, &rounds);
}
END_TEST

static int
nothing(void *arg)
{
    (void)arg;
    return 0;
}

static int
race_end(void *arg)
{
    long rounds = core_freed(25000, 5);
    (void)arg;
    for (long i = 0; i < rounds; i++) {
        struct coir_task *task;
        int result;
        MUST_BE((i % 2 ? coir_go_spread : coir_go)(nothing, NULL, NULL, &task), 0);
        if (i % 3 == 0)
            MUST_BE(coir_yield(), 0);
        coir_cancel(task);
        if (i % 4 == 3) {
            coir_detach(task);
            continue;
        }
        result = coir_join(task, NULL, i % 4 == 2 ? COIR_NOW : i % 4 ? coir_after(COIR_US) : core_soon());
        if (result == -EAGAIN || result == -ETIMEDOUT)
            coir_detach(task);
        else
            MUST_BE(result, 0);
    }
    return 0;
}

START_TEST(cancel_and_join_race_with_the_end)
{
    core_run(_i, race_end, NULL);
}
END_TEST

/* Loop numbers of those that take one are counts of workers; 0 is the default. */
static void
add(TCase *cases)
{
    tcase_add_loop_test(cases, cancel_ends_a_wait, 0, PLACES);
    tcase_add_loop_test(cases, a_deadline_ends_a_wait, 0, PLACES);
    tcase_add_test(cases, cancel_between_two_waits_of_a_call);
    tcase_add_loop_test(cases, cancel_races_with_the_end, 0, 5);
    tcase_add_loop_test(cases, cancel_and_join_race_with_the_end, 0, 5);
}

int
main(void)
{
    return core_main("cancel", add);
}
