/* carrier_test.c: tasks on threads of their own: all that a fiber may do they may do, beside fibers and with them. */
#include "core.h"

#include <coir/barrier.h>
#include <coir/inspect.h>
#include <coir/mutex.h>
#include <coir/queue.h>
#include <coir/scope.h>
#include <coir/stream.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fault.h"

static const struct coir_task_options on_thread = {.name = "carried", .carrier = COIR_ON_THREAD},
                                      on_fiber = {.carrier = COIR_ON_FIBER};

static long
thread_id(void)
{
    return syscall(SYS_gettid);
}

/* ---- One task ---- */

static int
tell_thread(void *arg)
{
    *(long *)arg = thread_id();
    MUST(coir_runtime_self());
    MUST_BE(coir_worker_self(), -1);
    MUST(!strcmp(coir_task_name(coir_self()), "carried"));
    return 42;
}

static int
start_one(void *arg)
{
    struct coir_task *task;
    int result = 0;
    long id = 0;
    (void)arg;
    MUST_BE(coir_go(tell_thread, &id, &on_thread, &task), 0);
    MUST_BE(coir_join(task, &result, COIR_NEVER), 0);
    MUST_BE(result, 42);
    MUST(id && id != thread_id());
    return 0;
}

START_TEST(a_task_on_a_thread)
{
    core_run(1 + _i, start_one, NULL);
}
END_TEST

/* ---- The run ends after its tasks, however they run ---- */

static int counted; /* atomic */

static int
count_late(void *arg)
{
    MUST_BE(coir_sleep(coir_after((coir_time)(intptr_t)arg * COIR_MS)), 0);
    __atomic_add_fetch(&counted, 1, __ATOMIC_SEQ_CST);
    return 0;
}

static int
start_and_leave(void *arg)
{
    (void)arg;
    for (int i = 0; i < 10; i++)
        MUST_BE(coir_go(count_late, (void *)(intptr_t)(i % 3), i % 2 ? &on_thread : NULL, NULL), 0);
    return 7;
}

START_TEST(the_run_waits_for_them)
{
    long rounds = core_rounds(100);
    for (long i = 0; i < rounds; i++) {
        counted = 0;
        MUST_BE(coir_run(start_and_leave, NULL, &(struct coir_runtime_options){.workers = 1 + _i}), 7);
        MUST_BE(counted, 10);
    }
}
END_TEST

static int
wait_for_ever(void *arg)
{
    int result = coir_event_wait(arg, COIR_NEVER);
    __atomic_add_fetch(&counted, result == -ECANCELED, __ATOMIC_SEQ_CST);
    return result;
}

static int
leave_daemons(void *arg)
{
    struct coir_task_options options = {.carrier = COIR_ON_THREAD, .daemon = true};
    for (int i = 0; i < 5; i++)
        MUST_BE(coir_go(wait_for_ever, arg, &options, NULL), 0);
    return 0;
}

START_TEST(daemons_are_canceled)
{
    struct coir_event never = COIR_EVENT_INIT;
    core_run(1 + _i, leave_daemons, &never);
    MUST_BE(counted, 5);
}
END_TEST

START_TEST(a_runtime_that_is_stopped)
{
    struct coir_event never = COIR_EVENT_INIT;
    struct coir_runtime *runtime;
    MUST_BE(coir_runtime_start(&(struct coir_runtime_options){.workers = 2}, &runtime), 0);
    for (int i = 0; i < 20; i++)
        MUST_BE(coir_runtime_go(runtime, wait_for_ever, &never, i % 2 ? &on_thread : NULL, NULL), 0);
    MUST_BE(coir_runtime_stop(runtime, COIR_NEVER), 0);
    MUST_BE(counted, 20);
}
END_TEST

/* ---- With fibers ---- */

struct shared {
    struct coir_mutex mutex;
    struct coir_barrier barrier;
    struct coir_queue *queue;
    long sum;
};

static int
work(void *arg)
{
    struct shared *shared = arg;
    for (int i = 0; i < 50; i++) {
        int item = i;
        COIR_HOLD(&shared->mutex);
        shared->sum += item;
    }
    for (int i = 0; i < 50; i++) {
        int item = 1;
        MUST_BE(coir_queue_put(shared->queue, &item, COIR_NEVER), 0);
        MUST_BE(coir_queue_get(shared->queue, &item, COIR_NEVER), 0);
        MUST_BE(item, 1);
    }
    return coir_barrier_wait(&shared->barrier, COIR_NEVER) < 0;
}

static int
work_together(void *arg)
{
    struct shared shared = {COIR_MUTEX_INIT, COIR_BARRIER_INIT(8), coir_queue_new(sizeof(int), 8, NULL), 0};
    COIR_SCOPE(scope);
    (void)arg;
    for (int i = 0; i < 8; i++)
        MUST_BE(coir_scope_go(&scope, work, &shared, i % 2 ? &on_thread : &on_fiber), 0);
    MUST_BE(coir_scope_wait(&scope, COIR_NEVER), 0);
    MUST_BE(shared.sum, 8 * 49 * 50 / 2);
    coir_queue_free(shared.queue);
    return 0;
}

START_TEST(fibers_and_threads_together)
{
    long rounds = core_rounds(40);
    for (long i = 0; i < rounds; i++)
        core_run(1 + _i, work_together, NULL);
}
END_TEST

static int
fail_at_once(void *arg)
{
    (void)arg;
    return -EIO;
}

/* One fails on a thread: the others are canceled, wherever they run, and so is the owner. */
static int
fail_among_others(void *arg)
{
    struct coir_event never = COIR_EVENT_INIT;
    COIR_SCOPE(scope);
    (void)arg;
    for (int i = 0; i < 6; i++)
        MUST_BE(coir_scope_go(&scope, wait_for_ever, &never, i % 2 ? &on_thread : NULL), 0);
    MUST_BE(coir_scope_go(&scope, fail_at_once, NULL, &on_thread), 0);
    MUST_BE(coir_event_wait(&never, COIR_NEVER), -ECANCELED);
    MUST_BE(coir_scope_wait(&scope, COIR_NEVER), -EIO);
    MUST_BE(counted, 6);
    return 0;
}

START_TEST(a_scope_with_both)
{
    core_run(1 + _i, fail_among_others, NULL);
}
END_TEST

/* Started by one, with a fiber of its own; bytes go between them. */
static int
answer(void *arg)
{
    char byte;
    MUST_BE(coir_stream_read(arg, &byte, 1, COIR_NEVER), 1);
    return coir_stream_write(arg, &byte, 1, COIR_NEVER);
}

static int
ask(void *arg)
{
    struct coir_stream *ends[2];
    struct coir_task *task;
    char byte = '?';
    (void)arg;
    MUST_BE(coir_stream_pair(ends), 0);
    MUST_BE(coir_go(answer, ends[1], &on_fiber, &task), 0);
    MUST_BE(coir_stream_read(ends[0], &byte, 1, coir_after(COIR_MS)), -ETIMEDOUT);
    MUST_BE(coir_stream_write(ends[0], "!", 1, COIR_NEVER), 0);
    MUST_BE(coir_stream_read(ends[0], &byte, 1, COIR_NEVER), 1);
    MUST_BE(byte, '!');
    MUST_BE(coir_join(task, NULL, COIR_NEVER), 0);
    coir_stream_close(ends[0]);
    coir_stream_close(ends[1]);
    return 0;
}

static int
ask_from_thread(void *arg)
{
    struct coir_task *task;
    int result;
    MUST_BE(coir_go(ask, arg, &on_thread, &task), 0);
    MUST_BE(coir_join(task, &result, COIR_NEVER), 0);
    return result;
}

START_TEST(a_thread_that_starts_a_fiber)
{
    core_run(1, ask_from_thread, NULL);
}
END_TEST

/* ---- All of them ---- */

static int
see_thread(void *arg)
{
    *(long *)arg = thread_id();
    return 0;
}

static int
start_some(void *arg)
{
    long ids[4] = {0};
    struct coir_task_info all[16];
    COIR_SCOPE(scope);
    (void)arg;
    MUST_BE(coir_worker_self(), -1);
    for (int i = 0; i < 4; i++)
        MUST_BE(coir_scope_go(&scope, see_thread, &ids[i], i % 2 ? &on_fiber : NULL), 0);
    MUST_BE(coir_scope_wait(&scope, COIR_NEVER), 0);
    for (int i = 0; i < 4; i++)
        MUST(ids[i] && ids[i] != thread_id() && ids[i] != getpid());
    /* Who has told its end may be listed for a moment more. */
    for (coir_time end = core_soon(); coir_inspect_tasks(coir_runtime_self(), all, 16) != 1;) {
        MUST(coir_now() < end);
        (void)coir_yield();
    }
    MUST_BE(all[0].carrier, COIR_ON_THREAD);
    MUST_BE(all[0].state, COIR_RUNNING);
    return 3;
}

START_TEST(the_environment_moves_them_all)
{
    MUST_BE(setenv("COIR_CARRIER", "thread", 1), 0);
    MUST_BE(coir_run(start_some, NULL, NULL), 3);
    MUST_BE(setenv("COIR_CARRIER", "horse", 1), 0);
    MUST_BE(coir_run(start_some, NULL, NULL), -EINVAL);
    MUST(strstr(coir_error_detail(), "COIR_CARRIER=horse"));
}
END_TEST

static int
start_by_default(void *arg)
{
    MUST_BE(coir_worker_self(), -1);
    return start_one(arg);
}

START_TEST(the_runtimes_default)
{
    MUST_BE(coir_run(start_by_default, NULL, &(struct coir_runtime_options){.carrier = COIR_ON_THREAD}), 0);
    MUST_BE(coir_run(start_by_default, NULL, &(struct coir_runtime_options){.carrier = (enum coir_carrier)9}), -EINVAL);
}
END_TEST

/* ---- No thread to be had ---- */

static int
start_in_vain(void *arg)
{
    struct coir_task *task;
    int result;
    (void)arg;
    MUST_BE(coir_go(see_thread, &(long){0}, &(struct coir_task_options){.carrier = (enum coir_carrier)9}, &task),
            -EINVAL);
    cr_fault_arm(1u << CR_FAULT_THREAD, 1, true);
    MUST_BE(coir_go(see_thread, &(long){0}, &on_thread, &task), 0);
    (void)cr_fault_disarm();
    MUST_BE(coir_join(task, &result, COIR_NEVER), 0);
    return result;
}

START_TEST(a_thread_that_cannot_be_had)
{
    coir_log_set_level((enum coir_log_level)0);
    MUST_BE(coir_run(start_in_vain, NULL, &(struct coir_runtime_options){.workers = 1}), -EAGAIN);
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_loop_test(cases, a_task_on_a_thread, 0, 3);
    tcase_add_loop_test(cases, the_run_waits_for_them, 0, 3);
    tcase_add_loop_test(cases, daemons_are_canceled, 0, 3);
    tcase_add_test(cases, a_runtime_that_is_stopped);
    tcase_add_loop_test(cases, fibers_and_threads_together, 0, 3);
    tcase_add_loop_test(cases, a_scope_with_both, 0, 3);
    tcase_add_test(cases, a_thread_that_starts_a_fiber);
    tcase_add_test(cases, the_environment_moves_them_all);
    tcase_add_test(cases, the_runtimes_default);
    tcase_add_test(cases, a_thread_that_cannot_be_had);
}

int
main(void)
{
    return core_main("carrier", add);
}
