/* future_test.c: what coir/future.h promises, for fibers of one worker, of four, for threads, and mixed: a result once, for
 * all that wait; callbacks; cancel; a failure that nobody looked at. Several futures, and several tasks at one, are in
 * future_several_test.c. What Python's concurrent.futures.Future and wait say of the same is a case here or there, by its name. */
#include "core.h"

#include <coir/future.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/fault.h"

/* ---- One task ---- */

static int
set_and_get(void *arg)
{
    static const size_t sizes[] = {0, 1, 8, 100, 70000};
    static char in[70000], out[70001];
    (void)arg;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct coir_future *future = coir_future_new(sizes[i]);
        MUST(future && !coir_future_is_done(future));
        MUST_BE(coir_future_get(future, out, sizes[i], COIR_NOW), -EAGAIN);
        MUST_BE(coir_future_wait(future, core_past()), -ETIMEDOUT);
        MUST_BE(coir_future_wait(future, coir_after(COIR_MS)), -ETIMEDOUT);
        memset(in, (int)i + 1, sizeof in);
        MUST_BE(coir_future_set(future, 7, in), 0);
        MUST(coir_future_is_done(future));
        for (int again = 0; again < 2; again++) {
            memset(out, 0, sizeof out);
            MUST_BE(coir_future_wait(future, COIR_NOW), 0);
            MUST_BE(coir_future_get(future, out, sizes[i], again ? COIR_NOW : COIR_NEVER), 7);
            MUST(memcmp(in, out, sizes[i]) == 0 && out[sizes[i]] == 0);
            MUST_BE(coir_future_get(future, NULL, 0, core_past()), 7);
        }
        if (sizes[i] > 1) { /* the first of its bytes */
            memset(out, 0, sizeof out);
            MUST_BE(coir_future_get(future, out, 1, COIR_NOW), 7);
            MUST(out[0] == in[0] && out[1] == 0);
        }
        coir_future_free(future);
    }
    coir_future_free(NULL);
    return 0;
}

START_TEST(a_result_is_set_once_and_read_often)
{
    core_play((enum core_cast)_i, set_and_get, NULL);
}
END_TEST

static int
set_again(void *arg)
{
    struct coir_future *future = coir_future_new(sizeof(int));
    int value = 1, more = 2, got = 0;
    (void)arg;
    MUST_BE(coir_future_set(future, 0, &value), 0);
    MUST_BE(coir_future_set(future, 5, &more), -EALREADY);
    MUST_BE(coir_future_cancel(future), -EALREADY);
    MUST_BE(coir_future_get(future, &got, sizeof got, COIR_NOW), 0);
    MUST_BE(got, 1);
    coir_future_free(future);

    future = coir_future_new(sizeof(int)); /* without a value: zeros */
    MUST_BE(coir_future_set(future, 3, NULL), 0);
    MUST_BE(coir_future_get(future, &got, sizeof got, COIR_NOW), 3);
    MUST_BE(got, 0);
    coir_future_free(future);
    return 0;
}

START_TEST(the_second_to_set_is_refused)
{
    core_play((enum core_cast)_i, set_again, NULL);
}
END_TEST

static int
fail_it(void *arg)
{
    struct coir_future *future = coir_future_new(sizeof(int));
    int got = 9;
    (void)arg;
    MUST_BE(coir_future_set(future, -EIO, &got), 0);
    MUST_BE(coir_future_wait(future, COIR_NEVER), 0); /* it is done, well or not */
    got = 5;
    MUST_BE(coir_future_get(future, &got, sizeof got, COIR_NEVER), -EIO);
    MUST_BE(got, 5); /* no value comes with a failure */
    coir_future_free(future);
    return 0;
}

START_TEST(a_failure_is_a_result)
{
    core_play((enum core_cast)_i, fail_it, NULL);
}
END_TEST

static int
cancel_it(void *arg)
{
    struct coir_future *future = coir_future_new(0);
    (void)arg;
    MUST_BE(coir_future_cancel(future), 0);
    MUST_BE(coir_future_cancel(future), 0); /* it is what was asked for */
    MUST(coir_future_is_done(future));
    MUST_BE(coir_future_set(future, 1, NULL), -ECANCELED);
    MUST_BE(coir_future_wait(future, COIR_NEVER), 0);
    MUST_BE(coir_future_get(future, NULL, 0, COIR_NEVER), -ECANCELED);
    coir_future_free(future);
    return 0;
}

START_TEST(a_canceled_one_is_done)
{
    core_play((enum core_cast)_i, cancel_it, NULL);
}
END_TEST

/* ---- Many that wait ---- */

static int
get_int(void *future)
{
    int value = 0, result = coir_future_get(future, &value, sizeof value, core_soon());
    return result ? result : value;
}

static int
get_for_ever(void *future)
{
    int value = 0, result = coir_future_get(future, &value, sizeof value, COIR_NEVER);
    return result ? result : value;
}

static int
wait_together(void *arg)
{
    enum { MANY = 12 };
    bool cancel = *(bool *)arg;
    struct coir_future *future = coir_future_new(sizeof(int));
    struct core_actor actors[MANY];
    int value = 42;
    core_start_all(actors, MANY, get_for_ever, future);
    for (int i = 0; i < MANY; i++)
        core_await_waiting(&actors[i]);
    core_cancel(&actors[3]); /* two give up: the others are served all the same */
    core_cancel(&actors[7]);
    MUST_BE(core_end(&actors[3]), -ECANCELED);
    MUST_BE(core_end(&actors[7]), -ECANCELED);
    MUST_BE(cancel ? coir_future_cancel(future) : coir_future_set(future, 0, &value), 0);
    for (int i = 0; i < MANY; i++)
        if (i != 3 && i != 7)
            MUST_BE(core_end(&actors[i]), cancel ? -ECANCELED : 42);
    coir_future_free(future);
    return 0;
}

START_TEST(all_that_wait_get_it)
{
    bool cancel = false;
    core_play((enum core_cast)_i, wait_together, &cancel);
}
END_TEST

START_TEST(a_cancel_wakes_all_that_wait)
{
    bool cancel = true;
    core_play((enum core_cast)_i, wait_together, &cancel);
}
END_TEST

static int
see_cancel(void *arg)
{
    struct coir_future *future = arg, *futures[1] = {future};
    while (!coir_is_canceled())
        (void)coir_yield();
    /* It is done: yet with any deadline a canceled task is told so, with COIR_NOW it is not. */
    MUST_BE(coir_future_wait(future, COIR_NEVER), -ECANCELED);
    MUST_BE(coir_future_get(future, NULL, 0, core_soon()), -ECANCELED);
    MUST_BE(coir_future_wait_all(futures, 1, COIR_NEVER), -ECANCELED);
    MUST_BE(coir_future_wait_any(futures, 1, COIR_NEVER), -ECANCELED);
    MUST_BE(coir_future_get(future, NULL, 0, COIR_NOW), 4);
    {
        COIR_SHIELD();
        MUST_BE(coir_future_get(future, NULL, 0, COIR_NEVER), 4);
    }
    return 0;
}

static int
cancel_a_getter(void *arg)
{
    struct coir_future *future = coir_future_new(0);
    struct core_actor actor;
    (void)arg;
    MUST_BE(coir_future_set(future, 4, NULL), 0);
    core_start(&actor, see_cancel, future);
    core_cancel(&actor);
    MUST_BE(core_end(&actor), 0);
    coir_future_free(future);
    return 0;
}

START_TEST(a_canceled_task_is_told_so_first)
{
    core_play((enum core_cast)_i, cancel_a_getter, NULL);
}
END_TEST

/* ---- Callbacks ---- */

struct calls {
    int count, order[8];
    struct coir_task *by;
    struct coir_future *mine; /* to be freed by a callback */
};

struct call {
    struct calls *calls;
    int number;
};

static void
note_call(struct coir_future *future, void *arg)
{
    const struct call *call = arg;
    MUST(coir_future_is_done(future));
    call->calls->order[call->calls->count++] = call->number;
    call->calls->by = coir_self();
}

static void
add_another(struct coir_future *future, void *arg)
{
    struct call *call = arg;
    note_call(future, call);
    MUST_BE(coir_future_on_done(future, note_call, call + 1), 0);
}

static void
free_mine(struct coir_future *future, void *arg)
{
    struct calls *calls = arg;
    MUST(future == calls->mine);
    coir_future_free(calls->mine);
    calls->mine = NULL;
    MUST_BE(coir_future_get(future, NULL, 0, COIR_NOW), 6); /* valid to the end of the callback */
}

static int
call_in_order(void *arg)
{
    struct calls calls = {0};
    struct call each[5] = {{&calls, 0}, {&calls, 1}, {&calls, 2}, {&calls, 3}, {&calls, 4}};
    struct coir_future *future = coir_future_new(0);
    (void)arg;
    MUST_BE(coir_future_on_done(future, note_call, &each[0]), 0);
    MUST_BE(coir_future_on_done(future, add_another, &each[1]), 0);
    MUST_BE(coir_future_on_done(future, note_call, &each[3]), 0);
    MUST_BE(calls.count, 0);
    MUST_BE(coir_future_set(future, 0, NULL), 0);
    MUST_BE(calls.count, 4);
    for (int i = 0; i < 4; i++)
        MUST_BE(calls.order[i], i);
    MUST(calls.by == coir_self());
    MUST_BE(coir_future_on_done(future, note_call, &each[4]), 0); /* it is done: at once */
    MUST(calls.count == 5 && calls.order[4] == 4);
    coir_future_free(future);
    return 0;
}

START_TEST(callbacks_come_in_the_order_they_were_added)
{
    core_play((enum core_cast)_i, call_in_order, NULL);
}
END_TEST

static int
call_other_ways(void *arg)
{
    struct calls calls = {0};
    struct call call = {&calls, 1};
    struct coir_future *future = coir_future_new(0);
    (void)arg;
    MUST_BE(coir_future_on_done(future, note_call, &call), 0);
    MUST_BE(coir_future_cancel(future), 0); /* canceled is done */
    MUST_BE(calls.count, 1);
    MUST_BE(coir_future_cancel(future), 0);
    MUST_BE(calls.count, 1);
    coir_future_free(future);

    calls.mine = coir_future_new(0);
    MUST_BE(coir_future_on_done(calls.mine, free_mine, &calls), 0);
    MUST_BE(coir_future_set(calls.mine, 6, NULL), 0);
    MUST(!calls.mine);

    future = coir_future_new(0); /* never done: never called */
    MUST_BE(coir_future_on_done(future, note_call, &call), 0);
    coir_future_free(future);
    MUST_BE(calls.count, 1);
    return 0;
}

START_TEST(callbacks_of_canceled_freed_and_forgotten_ones)
{
    core_play((enum core_cast)_i, call_other_ways, NULL);
}
END_TEST

/* Added while it is being completed: each is called, once. */
struct additions {
    struct coir_future *future;
    int calls; /* atomic */
};

static void
count_call(struct coir_future *future, void *arg)
{
    (void)future;
    __atomic_add_fetch(&((struct additions *)arg)->calls, 1, __ATOMIC_SEQ_CST);
}

static int
add_callbacks(void *arg)
{
    struct additions *additions = arg;
    for (int i = 0; i < 5; i++) {
        MUST_BE(coir_future_on_done(additions->future, count_call, additions), 0);
        (void)coir_yield();
    }
    return 0;
}

static int
add_while_done(void *arg)
{
    (void)arg;
    for (long i = 0; i < core_rounds(2000); i++) {
        struct additions additions = {coir_future_new(0), 0};
        struct core_actor actors[2];
        core_start_all(actors, 2, add_callbacks, &additions);
        for (uint64_t pauses = coir_random(6); pauses; pauses--)
            (void)coir_yield();
        MUST_BE(coir_future_set(additions.future, 0, NULL), 0);
        for (int k = 0; k < 2; k++)
            MUST_BE(core_end(&actors[k]), 0);
        MUST_BE(additions.calls, 10);
        coir_future_free(additions.future);
    }
    return 0;
}

START_TEST(a_callback_added_meanwhile_is_called_once)
{
    core_play((enum core_cast)_i, add_while_done, NULL);
}
END_TEST

/* ---- A failure that nobody got ---- */

static struct {
    int lines;
    char last[256];
} log_seen;

static void
see_log(enum coir_log_level level, const char *line, void *arg)
{
    (void)arg;
    MUST_BE(level, COIR_LOG_WARN);
    log_seen.lines++;
    snprintf(log_seen.last, sizeof log_seen.last, "%s", line);
}

static int
fail_unseen(void *arg)
{
    struct coir_future *future;
    (void)arg;
    log_seen.lines = 0;
    for (int result = -2; result <= 1; result++)
        for (int how = 0; how < 4; how++) { /* nobody, a wait, a get, a cancel before */
            bool reported = result < 0 && how < 2;
            int before = log_seen.lines;
            future = coir_future_new(0);
            if (how == 3)
                MUST_BE(coir_future_cancel(future), 0);
            MUST_BE(coir_future_set(future, result, NULL), how == 3 ? -ECANCELED : 0);
            if (how == 1)
                MUST_BE(coir_future_wait(future, COIR_NOW), 0);
            else if (how == 2)
                MUST_BE(coir_future_get(future, NULL, 0, COIR_NOW), result);
            (void)coir_future_share(future);
            coir_future_free(future);
            MUST_BE(log_seen.lines, before);
            coir_future_free(future);
            MUST_BE(log_seen.lines, before + reported);
            MUST(!reported || strstr(log_seen.last, coir_error_text(result)));
        }
    future = coir_future_new(0); /* never set: no failure */
    coir_future_free(future);
    MUST_BE(log_seen.lines, 4);
    return 0;
}

START_TEST(a_failure_that_nobody_got_is_reported)
{
    MUST_BE(coir_run(fail_unseen, NULL, &(struct coir_runtime_options){.workers = _i + 1, .log = see_log}), 0);
}
END_TEST

/* ---- Faults and misuse ---- */

static void
nothing(struct coir_future *future, void *arg)
{
    (void)future;
    (void)arg;
}

static int
lack_memory(void *arg)
{
    struct coir_future *future, *futures[9];
    (void)arg;
    (void)coir_self(); /* a plain thread's block is there */
    cr_fault_arm(1u << CR_FAULT_MEMORY, 1, false);
    MUST(!coir_future_new(8));
    (void)cr_fault_disarm();
    MUST(!coir_future_new(SIZE_MAX) && !coir_future_new(SIZE_MAX / 2));
    future = coir_future_new(8);
    for (int i = 0; i < 9; i++)
        futures[i] = future;
    cr_fault_arm(1u << CR_FAULT_MEMORY, 1, true);
    MUST_BE(coir_future_on_done(future, nothing, NULL), -ENOMEM);
    MUST_BE(coir_future_wait_any(futures, 9, COIR_NEVER), -ENOMEM);
    MUST_BE(coir_future_wait_any(futures, 8, coir_after(COIR_MS)), -ETIMEDOUT);
    MUST_BE(coir_future_set(future, 1, NULL), 0);
    MUST_BE(coir_future_on_done(future, nothing, NULL), 0); /* at once, without memory */
    (void)cr_fault_disarm();
    coir_future_free(future);
    return 0;
}

START_TEST(without_memory)
{
    core_play((enum core_cast)_i, lack_memory, NULL);
}
END_TEST

static int
free_waited_for(void *arg)
{
    struct coir_future *future = coir_future_new(sizeof(int));
    struct core_actor actor;
    (void)arg;
    core_start(&actor, get_int, future);
    core_await_waiting(&actor);
    coir_future_free(future);
    return 0;
}

static int
play_free(void *arg)
{
    core_play(*(enum core_cast *)arg, free_waited_for, NULL);
    return 0;
}

static int
get_too_much(void *arg)
{
    char bytes[5];
    (void)arg;
    return coir_future_get(coir_future_new(4), bytes, 5, COIR_NOW);
}

START_TEST(misuse_stops_the_process)
{
    enum core_cast one = CORE_ONE, threads = CORE_THREADS;
    core_must_die(play_free, &one, SIGABRT, "waited for");
    core_must_die(play_free, &threads, SIGABRT, "waited for");
    core_must_die(get_too_much, NULL, SIGABRT, "5 bytes of a value of 4");
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_loop_test(cases, a_result_is_set_once_and_read_often, 0, CORE_CASTS);
    tcase_add_loop_test(cases, the_second_to_set_is_refused, 0, CORE_CASTS);
    tcase_add_loop_test(cases, a_failure_is_a_result, 0, CORE_CASTS);
    tcase_add_loop_test(cases, a_canceled_one_is_done, 0, CORE_CASTS);
    tcase_add_loop_test(cases, all_that_wait_get_it, 0, CORE_CASTS);
    tcase_add_loop_test(cases, a_cancel_wakes_all_that_wait, 0, CORE_CASTS);
    tcase_add_loop_test(cases, a_canceled_task_is_told_so_first, 0, CORE_CASTS);
    tcase_add_loop_test(cases, callbacks_come_in_the_order_they_were_added, 0, CORE_CASTS);
    tcase_add_loop_test(cases, callbacks_of_canceled_freed_and_forgotten_ones, 0, CORE_CASTS);
    tcase_add_loop_test(cases, a_callback_added_meanwhile_is_called_once, 0, CORE_CASTS);
    tcase_add_loop_test(cases, a_failure_that_nobody_got_is_reported, 0, 2);
    tcase_add_loop_test(cases, without_memory, 0, CORE_CASTS);
    tcase_add_test(cases, misuse_stops_the_process);
}

int
main(void)
{
    return core_main("future", add);
}
