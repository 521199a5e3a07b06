/* task_test.c: what coir/task.h promises: beginning, joining, cancelling, yielding, sleeping, helpers, locals. */
#include "core.h"

#include <coir/listener.h>
#include <coir/mutex.h>
#include <coir/queue.h>
#include <coir/scope.h>
#include <coir/semaphore.h>
#include <coir/stream.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- Results ---- */

static const int results[] = {0, 1, 42, INT_MAX, -1, -ETIMEDOUT, -(COIR_KILLED + 9), INT_MIN};

static int
answer(void *arg)
{
    return *(const int *)arg;
}

static int
join_each(void *arg)
{
    int (*go[2])(coir_function *, void *, const struct coir_task_options *, struct coir_task **) = {coir_go,
                                                                                                    coir_go_spread};
    (void)arg;
    for (size_t i = 0; i < sizeof results / sizeof results[0] * 2; i++) {
        int wanted = results[i / 2], result = 77;
        struct coir_task *task;
        MUST_BE(go[i % 2](answer, &wanted, NULL, &task), 0);
        MUST_BE(coir_join(task, &result, core_soon()), 0);
        MUST_BE(result, wanted);
    }
    return 0;
}

START_TEST(joins_with_the_result)
{
    core_run(_i, join_each, NULL);
}
END_TEST

static int
wait_for(void *event)
{
    return coir_event_wait(event, COIR_NEVER);
}

static int
join_with_deadlines(void *arg)
{
    struct coir_event event = COIR_EVENT_INIT;
    struct coir_task *task;
    int result = 77;
    (void)arg;
    MUST_BE(coir_go(wait_for, &event, NULL, &task), 0);
    MUST_BE(coir_join(task, &result, COIR_NOW), -EAGAIN);
    MUST_BE(coir_join(task, &result, core_past()), -ETIMEDOUT);
    MUST_BE(coir_join(task, &result, coir_after(COIR_MS)), -ETIMEDOUT);
    MUST(coir_task_is_alive(task));
    MUST_BE(result, 77);
    coir_event_set(&event);
    MUST_BE(coir_join(task, &result, core_soon()), 0);
    MUST_BE(result, 0);
    MUST_BE(coir_go(wait_for, &event, NULL, &task), 0);
    while (coir_task_is_alive(task))
        MUST_BE(coir_yield(), 0);
    MUST_BE(coir_join(task, NULL, COIR_NOW), 0);
    return 0;
}

START_TEST(join_keeps_the_handle_when_it_fails)
{
    core_run(_i, join_with_deadlines, NULL);
}
END_TEST

static int
detach_some(void *arg)
{
    struct coir_event event = COIR_EVENT_INIT;
    struct coir_task *task;
    int zero = 0;
    (void)arg;
    coir_detach(NULL);
    MUST_BE(coir_go(answer, &zero, NULL, &task), 0);
    coir_detach(task);
    for (int i = 0; i < 1000; i++) {
        MUST_BE(coir_go(answer, &zero, NULL, NULL), 0);
        MUST_BE(coir_go(answer, &zero, NULL, &task), 0);
        while (coir_task_is_alive(task))
            MUST_BE(coir_yield(), 0);
        coir_detach(task);
    }
    coir_event_set(&event);
    return 0;
}

START_TEST(detaches_before_and_after_the_end)
{
    core_run(_i, detach_some, NULL);
}
END_TEST

START_TEST(needs_a_runtime)
{
    struct coir_task *task = (struct coir_task *)&task;
    int zero = 0;
    ck_assert_int_eq(coir_go(answer, &zero, NULL, &task), -EINVAL);
    ck_assert_ptr_null(task);
    ck_assert_str_ne(coir_error_detail(), "");
    ck_assert_int_eq(coir_yield(), 0);
    ck_assert_uint_eq(coir_stack_used(), 0);
    ck_assert_ptr_nonnull(coir_self());
    ck_assert_str_eq(coir_task_name(coir_self()), "");
    ck_assert_ptr_null(coir_runtime_self());
    ck_assert_int_eq(coir_worker_self(), -1);
}
END_TEST

static int
join_itself(void *arg)
{
    (void)arg;
    MUST_BE(coir_join(coir_self(), NULL, COIR_NEVER), -EDEADLK);
    MUST(*coir_error_detail());
    return 0;
}

START_TEST(refuses_to_join_itself)
{
    core_run(1, join_itself, NULL);
    ck_assert_int_eq(join_itself(NULL), 0);
}
END_TEST

/* ---- Cancelling: every call with a deadline, in one table ---- */

struct things {
    struct coir_event set, unset;
    struct coir_semaphore some, none;
    struct coir_queue *half, *empty, *full;
    struct coir_stream *ends[2];
    struct coir_listener *listener;
    struct coir_task *ended, *waiting;
    struct coir_runtime *runtime;
    char address[COIR_ADDRESS_TEXT];
    char bytes[16];
    struct coir_buffer buffer;
};

static int
call_sleep(struct things *things, coir_time deadline)
{
    (void)things;
    return coir_sleep(deadline);
}

static int
call_event_set(struct things *things, coir_time deadline)
{
    return coir_event_wait(&things->set, deadline);
}

static int
call_event_unset(struct things *things, coir_time deadline)
{
    return coir_event_wait(&things->unset, deadline);
}

static int
call_acquire_some(struct things *things, coir_time deadline)
{
    return coir_semaphore_acquire(&things->some, deadline);
}

static int
call_acquire_none(struct things *things, coir_time deadline)
{
    return coir_semaphore_acquire(&things->none, deadline);
}

static int
call_put(struct things *things, coir_time deadline)
{
    return coir_queue_put(things->half, things->bytes, deadline);
}

static int
call_put_full(struct things *things, coir_time deadline)
{
    return coir_queue_put(things->full, things->bytes, deadline);
}

static int
call_get(struct things *things, coir_time deadline)
{
    return coir_queue_get(things->half, things->bytes, deadline);
}

static int
call_get_empty(struct things *things, coir_time deadline)
{
    return coir_queue_get(things->empty, things->bytes, deadline);
}

static int
call_queue_join(struct things *things, coir_time deadline)
{
    return coir_queue_join(things->full, deadline);
}

static int
call_join_ended(struct things *things, coir_time deadline)
{
    int result = coir_join(things->ended, NULL, deadline);
    if (!result) { /* the next call needs another one */
        int zero = 0;
        MUST_BE(coir_go(answer, &zero, &(struct coir_task_options){.arg_size = sizeof zero}, &things->ended), 0);
        while (coir_task_is_alive(things->ended))
            (void)coir_yield();
    }
    return result;
}

static int
call_join_waiting(struct things *things, coir_time deadline)
{
    return coir_join(things->waiting, NULL, deadline);
}

static int
call_read(struct things *things, coir_time deadline)
{
    return (int)coir_stream_read(things->ends[0], things->bytes, 4, deadline);
}

static int
call_read_full(struct things *things, coir_time deadline)
{
    return (int)coir_stream_read_full(things->ends[0], things->bytes, 4, deadline);
}

static int
call_read_line(struct things *things, coir_time deadline)
{
    return (int)coir_stream_read_line(things->ends[0], things->bytes, 16, deadline);
}

static int
call_read_rest(struct things *things, coir_time deadline)
{
    return coir_stream_read_rest(things->ends[0], &things->buffer, deadline);
}

static int
call_write(struct things *things, coir_time deadline)
{
    return coir_stream_write(things->ends[0], "x", 1, deadline);
}

static int
call_write_parts(struct things *things, coir_time deadline)
{
    struct iovec part = {things->bytes, 1};
    return coir_stream_write_parts(things->ends[0], &part, 1, deadline);
}

static int
call_print(struct things *things, coir_time deadline)
{
    return coir_stream_print(things->ends[0], deadline, "%d", 5);
}

static int
call_accept(struct things *things, coir_time deadline)
{
    struct coir_stream *stream;
    return coir_listener_accept(things->listener, &stream, deadline);
}

static int
call_dial(struct things *things, coir_time deadline)
{
    struct coir_stream *stream;
    int result = coir_stream_dial(things->address, NULL, &stream, deadline);
    coir_stream_close(stream);
    return result;
}

static int
call_resolve(struct things *things, coir_time deadline)
{
    struct coir_address address;
    int count = coir_address_resolve("127.0.0.1:1", &address, 1, deadline);
    (void)things;
    return count < 0 ? count : 0;
}

static int
call_stop(struct things *things, coir_time deadline)
{
    (void)things;
    return deadline == COIR_NOW ? 0 : coir_runtime_stop(things->runtime, deadline);
}

/* The last one, because it leaves nothing to send. */
static int
call_shutdown(struct things *things, coir_time deadline)
{
    return coir_stream_shutdown(things->ends[0], deadline);
}

static const struct {
    const char *name;
    int (*call)(struct things *things, coir_time deadline);
    bool must_wait; /* it would have to wait: with COIR_NOW -EAGAIN */
} calls[] = {
    {"sleep", call_sleep, false},
    {"event_wait, set", call_event_set, false},
    {"event_wait", call_event_unset, true},
    {"semaphore_acquire, free", call_acquire_some, false},
    {"semaphore_acquire", call_acquire_none, true},
    {"queue_put, room", call_put, false},
    {"queue_put", call_put_full, true},
    {"queue_get, items", call_get, false},
    {"queue_get", call_get_empty, true},
    {"queue_join", call_queue_join, true},
    {"join, ended", call_join_ended, false},
    {"join", call_join_waiting, true},
    {"read", call_read, true},
    {"read_full", call_read_full, true},
    {"read_line", call_read_line, true},
    {"read_rest", call_read_rest, true},
    {"write", call_write, false},
    {"write_parts", call_write_parts, false},
    {"print", call_print, false},
    {"accept", call_accept, true},
    {"resolve", call_resolve, false},
    {"runtime_stop", call_stop, false},
    {"shutdown", call_shutdown, false},
};

static void
set_up(struct things *things)
{
    struct coir_address address;
    int zero = 0;
    *things = (struct things){.set = COIR_EVENT_INIT, .some = COIR_SEMAPHORE_INIT(100, 0)};
    things->buffer = (struct coir_buffer)COIR_BUFFER_INIT(100);
    coir_event_set(&things->set);
    things->half = coir_queue_new(16, 100, NULL);
    things->empty = coir_queue_new(16, 1, NULL);
    things->full = coir_queue_new(16, 1, NULL);
    for (int i = 0; i < 20; i++)
        MUST_BE(coir_queue_put(things->half, things->bytes, COIR_NOW), 0);
    MUST_BE(coir_queue_put(things->full, things->bytes, COIR_NOW), 0);
    MUST_BE(coir_stream_pair(things->ends), 0);
    MUST_BE(coir_listener_open("127.0.0.1:0", NULL, &things->listener), 0);
    MUST_BE(coir_listener_local(things->listener, &address), 0);
    coir_address_text(&address, things->address, sizeof things->address);
    MUST_BE(coir_runtime_start(&(struct coir_runtime_options){.workers = 1}, &things->runtime), 0);
    MUST_BE(coir_go(wait_for, &things->unset, NULL, &things->waiting), 0);
    MUST_BE(coir_go(answer, &zero, &(struct coir_task_options){.arg_size = sizeof zero}, &things->ended), 0);
    while (coir_task_is_alive(things->ended))
        (void)coir_yield();
}

static void
tear_down(struct things *things)
{
    COIR_SHIELD();
    coir_event_set(&things->unset);
    MUST_BE(coir_join(things->waiting, NULL, core_soon()), 0);
    MUST_BE(coir_join(things->ended, NULL, core_soon()), 0);
    MUST_BE(coir_runtime_stop(things->runtime, core_soon()), 0);
    coir_queue_free(things->half);
    coir_queue_free(things->empty);
    coir_queue_free(things->full);
    coir_stream_close(things->ends[0]);
    coir_stream_close(things->ends[1]);
    coir_listener_close(things->listener);
    coir_buffer_fini(&things->buffer);
}

static void
must_answer(const char *name, const char *when, int result, int wanted)
{
    if (result != wanted)
        ck_abort_msg("%s, %s: %d (%s), not %d", name, when, result, coir_error_text(result), wanted);
}

static int
every_call_canceled(void *arg)
{
    struct things things;
    (void)arg;
    set_up(&things);
    coir_cancel(coir_self());
    MUST(coir_is_canceled());
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        const char *name = calls[i].name;
        for (int again = 0; again < 2; again++) {
            must_answer(name, "never", calls[i].call(&things, COIR_NEVER), -ECANCELED);
            must_answer(name, "past", calls[i].call(&things, core_past()), -ECANCELED);
            must_answer(name, "now", calls[i].call(&things, COIR_NOW), calls[i].must_wait ? -EAGAIN : 0);
        }
    }
    MUST_BE(coir_yield(), -ECANCELED);
    MUST_BE(coir_yield(), -ECANCELED);
    tear_down(&things);
    return 0;
}

START_TEST(every_call_sees_the_cancel_each_time)
{
    core_run(_i, every_call_canceled, NULL);
}
END_TEST

static int
every_call_shielded(void *arg)
{
    struct things things;
    (void)arg;
    set_up(&things);
    coir_cancel(coir_self());
    {
        COIR_SHIELD();
        MUST(coir_is_canceled());
        MUST_BE(coir_yield(), 0);
        for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
            if (strcmp(calls[i].name, "runtime_stop")) {
                COIR_SHIELD();
                must_answer(calls[i].name, "shielded", calls[i].call(&things, coir_after(COIR_MS)),
                            calls[i].must_wait ? -ETIMEDOUT : 0);
            }
        MUST_BE(coir_yield(), 0);
    }
    MUST_BE(coir_yield(), -ECANCELED);
    tear_down(&things);
    return 0;
}

START_TEST(a_shield_lets_every_call_work)
{
    core_run(_i, every_call_shielded, NULL);
}
END_TEST

static int
dial_canceled(void *arg)
{
    struct things things;
    (void)arg;
    set_up(&things);
    coir_cancel(coir_self());
    MUST_BE(call_dial(&things, COIR_NEVER), -ECANCELED);
    {
        COIR_SHIELD();
        MUST_BE(call_dial(&things, core_soon()), 0);
    }
    tear_down(&things);
    return 0;
}

START_TEST(a_dial_sees_the_cancel)
{
    core_run(1, dial_canceled, NULL);
}
END_TEST

static int
lock_canceled(void *arg)
{
    static struct coir_mutex mutex = COIR_MUTEX_INIT;
    (void)arg;
    coir_cancel(coir_self());
    for (int i = 0; i < 3; i++) {
        COIR_HOLD(&mutex);
        MUST_BE(coir_yield(), -ECANCELED);
    }
    MUST_BE(coir_mutex_lock(&mutex, core_past()), 0);
    coir_mutex_unlock(&mutex);
    return 0;
}

START_TEST(locks_do_not_see_the_cancel)
{
    core_run(1, lock_canceled, NULL);
}
END_TEST

/* ---- Cancelling somebody who waits ---- */

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
    struct things things = {.set = COIR_EVENT_INIT};
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

/* ---- Yield and sleep ---- */

struct turn {
    char *text;
    char mark;
    struct coir_event *start;
};

static int
write_marks(void *arg)
{
    struct turn *turn = arg;
    MUST_BE(coir_event_wait(turn->start, core_soon()), 0);
    for (int i = 0; i < 5; i++) {
        size_t length = strlen(turn->text);
        turn->text[length] = turn->mark;
        MUST_BE(coir_yield(), 0);
    }
    return 0;
}

static int
take_turns(void *arg)
{
    char text[32] = "";
    struct coir_event start = COIR_EVENT_INIT;
    struct turn turns[3] = {{text, 'a', &start}, {text, 'b', &start}, {text, 'c', &start}};
    struct coir_task *tasks[3];
    (void)arg;
    for (int i = 0; i < 3; i++) {
        MUST_BE(coir_go(write_marks, &turns[i], NULL, &tasks[i]), 0);
        core_await_parked(tasks[i]);
    }
    coir_event_set(&start);
    for (int i = 0; i < 3; i++)
        MUST_BE(coir_join(tasks[i], NULL, core_soon()), 0);
    MUST(!strcmp(text, "abcabcabcabcabc"));
    return 0;
}

START_TEST(yield_lets_others_run)
{
    core_run(1, take_turns, NULL);
}
END_TEST

static const coir_time spans[] = {-COIR_SECOND, 0,           1,       COIR_US,      50 * COIR_US,
                                  COIR_MS,      3 * COIR_MS, 3333333, 20 * COIR_MS, 300};

static int
sleep_spans(void *arg)
{
    (void)arg;
    for (size_t i = 0; i < sizeof spans / sizeof spans[0]; i++)
        for (int k = 0; k < 10; k++) {
            coir_time deadline = coir_after(spans[i]);
            MUST_BE(coir_sleep(deadline), 0);
            MUST(coir_now() >= deadline);
        }
    MUST_BE(coir_sleep(COIR_NOW), 0);
    return 0;
}

static int
four_sleep(void *arg)
{
    struct core_actor actors[4];
    core_start_all(actors, 4, sleep_spans, arg);
    for (int i = 0; i < 4; i++)
        MUST_BE(core_end(&actors[i]), 0);
    return 0;
}

START_TEST(sleep_is_never_early)
{
    core_play((enum core_cast)_i, four_sleep, NULL);
}
END_TEST

static int
sleep_at_random(void *arg)
{
    (void)arg;
    for (int i = 0; i < 20; i++) {
        coir_time deadline = coir_after((coir_time)coir_random(5 * COIR_MS));
        MUST_BE(coir_sleep(deadline), 0);
        MUST(coir_now() >= deadline);
    }
    return 0;
}

static int
many_sleep(void *arg)
{
    enum { MANY = 1000 };
    static struct coir_task *tasks[MANY];
    (void)arg;
    for (int i = 0; i < MANY; i++)
        MUST_BE((i % 2 ? coir_go : coir_go_spread)(sleep_at_random, NULL, NULL, &tasks[i]), 0);
    for (int i = 0; i < MANY; i++)
        MUST_BE(coir_join(tasks[i], NULL, core_soon()), 0);
    return 0;
}

START_TEST(a_thousand_sleep_at_random)
{
    core_run(_i, many_sleep, NULL);
}
END_TEST

/* Sleepers wake in the order of their deadlines, whatever order they lay down in. */
struct sleeper {
    struct coir_event *start;
    const coir_time *begin;
    coir_time span;
    int *woken, place;
};

static int
sleep_and_count(void *arg)
{
    struct sleeper *own = arg;
    MUST_BE(coir_event_wait(own->start, core_soon()), 0);
    MUST_BE(coir_sleep(*own->begin + own->span), 0);
    own->place = (*own->woken)++;
    return 0;
}

static int
sleep_in_order(void *arg)
{
    enum { MANY = 500 };
    static struct sleeper sleepers[MANY];
    static struct coir_task *tasks[MANY];
    struct coir_event start = COIR_EVENT_INIT;
    coir_time begin;
    int woken = 0;
    (void)arg;
    for (int i = 0; i < MANY; i++) {
        sleepers[i] = (struct sleeper){&start, &begin, (i * 277 % MANY) * 20 * COIR_US, &woken, -1};
        MUST_BE(coir_go(sleep_and_count, &sleepers[i], NULL, &tasks[i]), 0);
        core_await_parked(tasks[i]);
    }
    begin = coir_after(100 * COIR_MS); /* all have lain down by then */
    coir_event_set(&start);
    for (int i = 0; i < MANY; i++)
        MUST_BE(coir_join(tasks[i], NULL, core_soon()), 0);
    for (int i = 0; i < MANY; i++)
        MUST_BE(sleepers[i].place, i * 277 % MANY);
    return 0;
}

START_TEST(sleepers_wake_in_order)
{
    core_run(1, sleep_in_order, NULL);
}
END_TEST

/* ---- Helpers ---- */

static int
block_and_tell(void *arg)
{
    *(pid_t *)arg = gettid();
    return 17;
}

static int
offload_one(void *arg)
{
    pid_t there = 0;
    (void)arg;
    MUST_BE(coir_offload(block_and_tell, &there), 17);
    MUST(there && there != gettid());
    coir_cancel(coir_self());
    there = 0;
    MUST_BE(coir_offload(block_and_tell, &there), 17);
    MUST(there && there != gettid());
    return 0;
}

START_TEST(offload_runs_elsewhere_and_cannot_be_canceled)
{
    core_run(_i, offload_one, NULL);
}
END_TEST

START_TEST(offload_outside_a_runtime_runs_in_place)
{
    pid_t there = 0;
    ck_assert_int_eq(coir_offload(block_and_tell, &there), 17);
    ck_assert_int_eq(there, gettid());
}
END_TEST

/* More jobs than helpers: all of them wait for the last. */
static int
wait_for_read(void *arg)
{
    char byte;
    return read(*(int *)arg, &byte, 1) == 1 ? 0 : -errno;
}

static int
offload_wait(void *arg)
{
    return coir_offload(wait_for_read, arg);
}

static int
offload_many(void *arg)
{
    enum { JOBS = 100 };
    struct coir_task *tasks[JOBS];
    int ends[2];
    char bytes[JOBS] = "";
    (void)arg;
    MUST_BE(pipe(ends), 0);
    for (int i = 0; i < JOBS; i++)
        MUST_BE(coir_go_spread(offload_wait, &ends[0], NULL, &tasks[i]), 0);
    for (int i = 0; i < 100; i++)
        MUST_BE(coir_yield(), 0);
    MUST_BE(write(ends[1], bytes, JOBS), JOBS);
    for (int i = 0; i < JOBS; i++) {
        int result;
        MUST_BE(coir_join(tasks[i], &result, core_soon()), 0);
        MUST_BE(result, 0);
    }
    close(ends[0]);
    close(ends[1]);
    return 0;
}

START_TEST(more_jobs_than_helpers)
{
    core_run(_i, offload_many, NULL);
}
END_TEST

/* ---- Names, numbers, arguments ---- */

static int
same_name(void *arg)
{
    return strcmp(coir_task_name(coir_self()), arg);
}

static int
names(void *arg)
{
    static const struct {
        const char *given, *kept;
    } table[] = {{NULL, ""},
                 {"", ""},
                 {"reader", "reader"},
                 {"1234567890123456789012345678901", "1234567890123456789012345678901"},
                 {"12345678901234567890123456789012345", "1234567890123456789012345678901"}};
    (void)arg;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        char given[64] = "";
        struct coir_task *task;
        int result;
        if (table[i].given)
            strcpy(given, table[i].given);
        MUST_BE(coir_go(same_name, (void *)(uintptr_t)table[i].kept,
                        &(struct coir_task_options){.name = table[i].given ? given : NULL}, &task),
                0);
        memset(given, 'x', sizeof given - 1);
        MUST(!strcmp(coir_task_name(task), table[i].kept));
        MUST_BE(coir_join(task, &result, core_soon()), 0);
        MUST_BE(result, 0);
    }
    return 0;
}

START_TEST(names_are_copied_and_cut)
{
    core_run(1, names, NULL);
}
END_TEST

static int
compare_ids(const void *one, const void *other)
{
    uint64_t a = *(const uint64_t *)one, b = *(const uint64_t *)other;
    return a < b ? -1 : a > b;
}

static int
own_id(void *arg)
{
    *(uint64_t *)arg = coir_task_id(coir_self());
    return 0;
}

static int
ids(void *arg)
{
    enum { MANY = 10000 };
    static uint64_t seen[MANY];
    (void)arg;
    for (int i = 0; i < MANY; i += 10) {
        struct coir_task *tasks[10];
        for (int k = 0; k < 10; k++)
            MUST_BE((k % 2 ? coir_go : coir_go_spread)(own_id, &seen[i + k], NULL, &tasks[k]), 0);
        for (int k = 0; k < 10; k++) {
            uint64_t before = coir_task_id(tasks[k]);
            while (coir_task_is_alive(tasks[k]))
                MUST_BE(coir_yield(), 0);
            MUST(before == seen[i + k] && before == coir_task_id(tasks[k]));
            MUST_BE(coir_join(tasks[k], NULL, core_soon()), 0);
        }
    }
    qsort(seen, MANY, sizeof seen[0], compare_ids);
    for (int i = 1; i < MANY; i++)
        MUST(seen[i] && seen[i - 1] != seen[i]);
    return 0;
}

START_TEST(no_id_comes_twice)
{
    core_run(_i, ids, NULL);
}
END_TEST

static int
sum_bytes(void *arg)
{
    const unsigned char *bytes = arg;
    int sum = 0;
    for (int i = 0; i < 65536; i++)
        sum += bytes[i];
    return sum;
}

static int
copies(void *arg)
{
    struct coir_task *tasks[10], *task;
    static unsigned char large[65536];
    struct coir_task_options options = {.arg_size = sizeof(int)};
    int result;
    (void)arg;
    for (int i = 0; i < 10; i++)
        MUST_BE(coir_go(answer, &i, &options, &tasks[i]), 0);
    for (int i = 0; i < 10; i++) {
        MUST_BE(coir_join(tasks[i], &result, core_soon()), 0);
        MUST_BE(result, i);
    }
    memset(large, 1, sizeof large);
    options.arg_size = sizeof large;
    MUST_BE(coir_go(sum_bytes, large, &options, &task), 0);
    memset(large, 9, sizeof large);
    MUST_BE(coir_join(task, &result, core_soon()), 0);
    MUST_BE(result, 65536);
    options.arg_size = 65537;
    MUST_BE(coir_go(sum_bytes, large, &options, &task), -EINVAL);
    MUST(!task && *coir_error_detail());
    return 0;
}

START_TEST(copies_its_argument)
{
    core_run(_i, copies, NULL);
}
END_TEST

/* ---- Daemons ---- */

static int daemons_canceled;

static int
serve_for_ever(void *arg)
{
    (void)arg;
    while (coir_sleep(coir_after(COIR_MS)) == 0)
        continue;
    __atomic_add_fetch(&daemons_canceled, 1, __ATOMIC_SEQ_CST);
    return -ECANCELED;
}

static int
leave_daemons(void *arg)
{
    struct coir_task_options options = {.daemon = true};
    (void)arg;
    for (int i = 0; i < 10; i++)
        MUST_BE((i % 2 ? coir_go : coir_go_spread)(serve_for_ever, NULL, &options, NULL), 0);
    return 0;
}

START_TEST(daemons_do_not_hold_the_run)
{
    core_run(_i, leave_daemons, NULL);
    ck_assert_int_eq(daemons_canceled, 10);
}
END_TEST

static int
end_late(void *arg)
{
    MUST_BE(coir_sleep(coir_after(5 * COIR_MS)), 0);
    *(int *)arg = 1;
    return 0;
}

static int
leave_others(void *arg)
{
    MUST_BE(coir_go_spread(end_late, arg, NULL, NULL), 0);
    return 0;
}

START_TEST(the_run_waits_for_detached_tasks)
{
    int ended = 0;
    core_run(_i, leave_others, &ended);
    ck_assert_int_eq(ended, 1);
}
END_TEST

/* ---- Locals ---- */

static char destroyed[32];

static void
destroy_slowly(void *value)
{
    COIR_SHIELD();
    MUST_BE(coir_sleep(coir_after(COIR_MS)), 0);
    destroyed[strlen(destroyed)] = *(const char *)value;
}

static struct coir_local first_local = COIR_LOCAL_INIT(destroy_slowly), second_local = COIR_LOCAL_INIT(destroy_slowly),
                         third_local = COIR_LOCAL_INIT(NULL), fourth_local = COIR_LOCAL_INIT(destroy_slowly);

static int
use_locals(void *arg)
{
    (void)arg;
    MUST(!coir_local_get(&first_local));
    MUST_BE(coir_local_set(&first_local, "1"), 0);
    MUST_BE(coir_local_set(&second_local, "x"), 0);
    MUST_BE(coir_local_set(&second_local, "2"), 0);
    MUST_BE(coir_local_set(&third_local, "3"), 0);
    MUST_BE(coir_local_set(&fourth_local, "4"), 0);
    MUST_BE(coir_yield(), 0);
    MUST(*(char *)coir_local_get(&second_local) == '2' && *(char *)coir_local_get(&third_local) == '3');
    MUST_BE(coir_local_set(&fourth_local, NULL), 0);
    return 0;
}

static int
locals(void *arg)
{
    struct core_actor actor;
    (void)arg;
    memset(destroyed, 0, sizeof destroyed);
    MUST_BE(coir_local_set(&first_local, NULL), 0);
    MUST_BE(coir_local_set(&third_local, "mine"), 0);
    core_start(&actor, use_locals, NULL);
    MUST_BE(core_end(&actor), 0);
    MUST(!strcmp(destroyed, "21")); /* newest first; the fourth was taken back */
    MUST(!strcmp(coir_local_get(&third_local), "mine"));
    return 0;
}

START_TEST(locals_are_destroyed_before_the_join)
{
    core_play((enum core_cast)_i, locals, NULL);
}
END_TEST

static void set_again(void *value);
static struct coir_local again_local = COIR_LOCAL_INIT(set_again);
static int agains;

static void
set_again(void *value)
{
    if (++agains < 3)
        MUST_BE(coir_local_set(&again_local, value), 0);
}

static int
use_again(void *arg)
{
    return coir_local_set(&again_local, arg);
}

START_TEST(a_destroy_function_may_set_locals)
{
    core_run(1, use_again, "again");
    ck_assert_int_eq(agains, 3);
}
END_TEST

/* ---- What a switch must leave alone ---- */

static _Thread_local int thread_number;

static int
switch_and_look(void *arg)
{
    for (int i = 0; i < 1000; i++) {
        int *place = &thread_number, before;
        errno = (int)(uintptr_t)arg;
        before = ++thread_number;
        MUST(coir_yield() == 0);
        MUST(place == &thread_number); /* fibers do not move */
        MUST(thread_number >= before);
    }
    return 0;
}

static int
look_across_switches(void *arg)
{
    struct coir_task *tasks[8];
    (void)arg;
    for (int i = 0; i < 8; i++)
        MUST_BE(coir_go_spread(switch_and_look, (void *)(uintptr_t)(i + 1), NULL, &tasks[i]), 0);
    for (int i = 0; i < 8; i++)
        MUST_BE(coir_join(tasks[i], NULL, core_soon()), 0);
    return 0;
}

START_TEST(a_fiber_stays_on_its_thread)
{
    core_run(_i, look_across_switches, NULL);
}
END_TEST

/* A double in a register and the rounding mode's neighbours must survive. */
static int
compute(void *arg)
{
    double sum = 0;
    for (int i = 0; i < 1000; i++) {
        sum += (double)(uintptr_t)arg * 0.5;
        (void)coir_yield();
    }
    return sum == (double)(uintptr_t)arg * 500 ? 0 : -1;
}

static int
compute_together(void *arg)
{
    struct coir_task *tasks[8];
    (void)arg;
    for (int i = 0; i < 8; i++)
        MUST_BE(coir_go(compute, (void *)(uintptr_t)(i + 1), NULL, &tasks[i]), 0);
    for (int i = 0; i < 8; i++) {
        int result;
        MUST_BE(coir_join(tasks[i], &result, core_soon()), 0);
        MUST_BE(result, 0);
    }
    return 0;
}

START_TEST(registers_survive_switches)
{
    core_run(1, compute_together, NULL);
}
END_TEST

__attribute__((noinline)) static int
use_stack(void *arg)
{
    volatile char large[40000];
    for (size_t i = 0; i < sizeof large; i++)
        large[i] = 1;
    (void)coir_yield();
    (void)arg;
    return large[0] + (coir_stack_used() >= sizeof large ? 0 : 1) - 1;
}

START_TEST(stack_used_is_a_high_water_mark)
{
    core_run(1, use_stack, NULL);
}
END_TEST

/* ---- Misuse ---- */

static int
sleep_a_span(void *arg)
{
    return coir_sleep(*(const coir_time *)arg);
}

static int
join_twice_at_once(void *arg)
{
    struct coir_task *task = arg;
    return coir_join(task, NULL, COIR_NEVER);
}

static int
two_joiners(void *arg)
{
    struct coir_event event = COIR_EVENT_INIT;
    struct coir_task *task, *joiner;
    (void)arg;
    MUST_BE(coir_go(wait_for, &event, NULL, &task), 0);
    MUST_BE(coir_go(join_twice_at_once, task, NULL, &joiner), 0);
    core_await_parked(joiner);
    (void)coir_join(task, NULL, COIR_NEVER);
    return 0;
}

static int
run_two_joiners(void *arg)
{
    (void)arg;
    return coir_run(two_joiners, NULL, &(struct coir_runtime_options){.workers = 1});
}

static int
after_a_moment(void *arg)
{
    (void)arg;
    return coir_sleep(coir_after(coir_now()));
}

START_TEST(misuse_stops_the_process)
{
    coir_time span = 500000000, negative = -1;
    core_must_die(sleep_a_span, &span, SIGABRT, "500000000 is a span; write coir_after(500000000)");
    core_must_die(sleep_a_span, &negative, SIGABRT, "span");
    core_must_die(after_a_moment, NULL, SIGABRT, "coir_after");
    core_must_die(run_two_joiners, NULL, SIGABRT, "join");
}
END_TEST

/* Loop numbers of those that take one are counts of workers; 0 is the default. */
static void
add(TCase *cases)
{
    tcase_add_loop_test(cases, joins_with_the_result, 0, 4);
    tcase_add_loop_test(cases, join_keeps_the_handle_when_it_fails, 0, 4);
    tcase_add_loop_test(cases, detaches_before_and_after_the_end, 0, 4);
    tcase_add_test(cases, needs_a_runtime);
    tcase_add_test(cases, refuses_to_join_itself);
    tcase_add_loop_test(cases, every_call_sees_the_cancel_each_time, 0, 3);
    tcase_add_loop_test(cases, a_shield_lets_every_call_work, 0, 3);
    tcase_add_test(cases, a_dial_sees_the_cancel);
    tcase_add_test(cases, locks_do_not_see_the_cancel);
    tcase_add_loop_test(cases, cancel_ends_a_wait, 0, PLACES);
    tcase_add_loop_test(cases, a_deadline_ends_a_wait, 0, PLACES);
    tcase_add_test(cases, cancel_between_two_waits_of_a_call);
    tcase_add_loop_test(cases, cancel_races_with_the_end, 0, 5);
    tcase_add_loop_test(cases, cancel_and_join_race_with_the_end, 0, 5);
    tcase_add_test(cases, yield_lets_others_run);
    tcase_add_loop_test(cases, sleep_is_never_early, 0, CORE_CASTS);
    tcase_add_loop_test(cases, a_thousand_sleep_at_random, 0, 3);
    tcase_add_test(cases, sleepers_wake_in_order);
    tcase_add_loop_test(cases, offload_runs_elsewhere_and_cannot_be_canceled, 0, 3);
    tcase_add_test(cases, offload_outside_a_runtime_runs_in_place);
    tcase_add_loop_test(cases, more_jobs_than_helpers, 0, 3);
    tcase_add_test(cases, names_are_copied_and_cut);
    tcase_add_loop_test(cases, no_id_comes_twice, 0, 3);
    tcase_add_loop_test(cases, copies_its_argument, 0, 3);
    tcase_add_loop_test(cases, daemons_do_not_hold_the_run, 0, 3);
    tcase_add_loop_test(cases, the_run_waits_for_detached_tasks, 0, 3);
    tcase_add_loop_test(cases, locals_are_destroyed_before_the_join, 0, CORE_CASTS);
    tcase_add_test(cases, a_destroy_function_may_set_locals);
    tcase_add_loop_test(cases, a_fiber_stays_on_its_thread, 0, 3);
    tcase_add_test(cases, registers_survive_switches);
    tcase_add_test(cases, stack_used_is_a_high_water_mark);
    tcase_add_test(cases, misuse_stops_the_process);
}

int
main(void)
{
    return core_main("task", add);
}
