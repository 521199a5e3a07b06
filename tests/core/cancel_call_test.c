/* cancel_call_test.c: every call with a deadline, by a task that has been canceled: each sees it, each time; none inside a
 * shield. */
#include "core.h"

#include <coir/listener.h>
#include <coir/mutex.h>
#include <coir/queue.h>
#include <coir/semaphore.h>
#include <coir/stream.h>
#include <errno.h>
#include <string.h>

static int
answer(void *arg)
{
    return *(const int *)arg;
}

static int
wait_for(void *event)
{
    return coir_event_wait(event, COIR_NEVER);
}

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

/* Loop numbers of those that take one are counts of workers; 0 is the default. */
static void
add(TCase *cases)
{
    tcase_add_loop_test(cases, every_call_sees_the_cancel_each_time, 0, 3);
    tcase_add_loop_test(cases, a_shield_lets_every_call_work, 0, 3);
    tcase_add_test(cases, a_dial_sees_the_cancel);
    tcase_add_test(cases, locks_do_not_see_the_cancel);
}

int
main(void)
{
    return core_main("cancel_call", add);
}
