/* stop_test.c: how a runtime ends: what is canceled, what is waited for, and who may still be on his way into it. */
#include "core.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sched/park.h"
#include "sched/worker.h"

static int
sleep_for_ever(void *arg)
{
    (void)arg;
    return coir_sleep(COIR_NEVER);
}

static int
sleep_shielded(void *event)
{
    COIR_SHIELD();
    return coir_event_wait(event, COIR_NEVER);
}

/* ---- Tasks ---- */

START_TEST(stop_cancels_and_waits)
{
    struct coir_event event = COIR_EVENT_INIT;
    struct coir_runtime *runtime;
    struct coir_task *task;
    int before = core_open_descriptors();
    ck_assert_int_eq(coir_runtime_start(&(struct coir_runtime_options){.workers = _i}, &runtime), 0);
    for (int i = 0; i < 10; i++)
        ck_assert_int_eq(
            coir_runtime_go(runtime, sleep_for_ever, NULL, &(struct coir_task_options){.daemon = i % 2}, NULL), 0);
    ck_assert_int_eq(coir_runtime_go(runtime, sleep_shielded, &event, NULL, &task), 0);
    core_await_parked(task);
    ck_assert_int_eq(coir_runtime_stop(runtime, COIR_NOW), -EAGAIN);
    ck_assert_int_eq(coir_runtime_stop(runtime, coir_after(2 * COIR_MS)), -ETIMEDOUT);
    ck_assert_int_eq(coir_runtime_go(runtime, sleep_for_ever, NULL, NULL, NULL), -EPIPE); /* it is being stopped */
    ck_assert_ptr_nonnull(strstr(coir_error_detail(), "stopped"));
    coir_event_set(&event);
    ck_assert_int_eq(coir_join(task, NULL, core_soon()), 0);
    ck_assert_int_eq(coir_runtime_stop(runtime, core_soon()), 0);
    ck_assert_int_eq(core_open_descriptors(), before);
}
END_TEST

/* ---- Calls ---- */

/* A call of coir_runtime_go that is held up: it copies its argument, and the argument's page cannot be read before the
 * test says so. */
static struct held_up {
    char *page;
    int inside[2], go_on[2]; /* pipes */
    struct coir_runtime *runtime;
    struct coir_task *task;
    int result;
} held_up;

static void
on_read(int number)
{
    char byte = 0;
    (void)number;
    if (write(held_up.inside[1], &byte, 1) != 1 || read(held_up.go_on[0], &byte, 1) != 1 ||
        mprotect(held_up.page, 4096, PROT_READ | PROT_WRITE))
        _exit(97);
}

static void *
call_and_be_held_up(void *arg)
{
    struct coir_task_options options = {.arg_size = 64};
    held_up.result = coir_runtime_go(held_up.runtime, sleep_for_ever, held_up.page, &options, &held_up.task);
    return arg;
}

/* It has found the runtime open: so it is waited for, and its task is canceled. */
START_TEST(a_call_under_way_holds_the_stop)
{
    struct sigaction action = {.sa_handler = on_read};
    struct coir_runtime_options options = {.workers = _i, .no_overflow_report = true};
    pthread_t caller;
    char byte;
    int result;
    held_up.page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert(held_up.page != MAP_FAILED && !pipe(held_up.inside) && !pipe(held_up.go_on));
    ck_assert_int_eq(sigaction(SIGSEGV, &action, NULL), 0);
    ck_assert_int_eq(coir_runtime_start(&options, &held_up.runtime), 0);
    ck_assert_int_eq(pthread_create(&caller, NULL, call_and_be_held_up, NULL), 0);
    ck_assert_int_eq(read(held_up.inside[0], &byte, 1), 1);
    ck_assert_int_eq(coir_runtime_stop(held_up.runtime, coir_after(50 * COIR_MS)), -ETIMEDOUT);
    ck_assert_int_eq(write(held_up.go_on[1], &byte, 1), 1);
    ck_assert_int_eq(pthread_join(caller, NULL), 0);
    ck_assert_int_eq(held_up.result, 0);
    ck_assert_int_eq(coir_join(held_up.task, &result, core_soon()), 0);
    ck_assert_int_eq(result, -ECANCELED);
    ck_assert_int_eq(coir_runtime_stop(held_up.runtime, core_soon()), 0);
}
END_TEST

/* Threads that start tasks until they are refused; a shielded task keeps the runtime there for the last call of each. */
static long begun, ended; /* atomic */

static int
count_end(void *arg)
{
    (void)arg;
    __atomic_add_fetch(&ended, 1, __ATOMIC_SEQ_CST);
    return 0;
}

static void *
call_until_refused(void *runtime)
{
    for (long i = 0;; i++) {
        int error = coir_runtime_go(runtime, count_end, NULL, &(struct coir_task_options){.daemon = i % 2}, NULL);
        if (error)
            return (void *)(intptr_t)error;
        __atomic_add_fetch(&begun, 1, __ATOMIC_SEQ_CST);
        while (__atomic_load_n(&begun, __ATOMIC_SEQ_CST) > __atomic_load_n(&ended, __ATOMIC_SEQ_CST) + 100)
            sched_yield();
    }
}

START_TEST(calls_race_with_the_stop)
{
    for (long round = 0; round < core_rounds(60); round++) {
        struct coir_event event = COIR_EVENT_INIT;
        struct coir_runtime *runtime;
        pthread_t callers[3];
        void *error;
        begun = ended = 0;
        ck_assert_int_eq(coir_runtime_start(&(struct coir_runtime_options){.workers = _i}, &runtime), 0);
        ck_assert_int_eq(coir_runtime_go(runtime, sleep_shielded, &event, NULL, NULL), 0);
        for (int i = 0; i < 3; i++)
            ck_assert_int_eq(pthread_create(&callers[i], NULL, call_until_refused, runtime), 0);
        while (__atomic_load_n(&ended, __ATOMIC_SEQ_CST) < 5 * round)
            sched_yield();
        ck_assert_int_eq(coir_runtime_stop(runtime, COIR_NOW), -EAGAIN);
        for (int i = 0; i < 3; i++) {
            ck_assert_int_eq(pthread_join(callers[i], &error), 0);
            ck_assert_int_eq((intptr_t)error, -EPIPE);
        }
        coir_event_set(&event);
        ck_assert_int_eq(coir_runtime_stop(runtime, core_soon()), 0);
        ck_assert_int_eq(ended, begun);
    }
}
END_TEST

/* ---- Cancels ---- */

/* The test is a canceler in two halves: it has marked the task, and its note is not queued yet when the task has ended. */
START_TEST(a_note_on_its_way_holds_the_stop)
{
    struct coir_event event = COIR_EVENT_INIT;
    struct coir_runtime *runtime;
    struct cr_worker *worker;
    struct coir_task *task;
    ck_assert_int_eq(coir_runtime_start(&(struct coir_runtime_options){.workers = _i}, &runtime), 0);
    ck_assert_int_eq(coir_runtime_go(runtime, sleep_shielded, &event, NULL, &task), 0);
    core_await_parked(task);
    worker = cr_load_acq(&task->worker);
    ck_assert(!(cr_or_ar(&task->life, CR_NOTED) & CR_NOTED));
    coir_event_set(&event);
    ck_assert_int_eq(coir_join(task, NULL, core_soon()), 0);
    ck_assert_int_eq(coir_runtime_stop(runtime, coir_after(50 * COIR_MS)), -ETIMEDOUT);
    task->look.kind = CR_NOTE_LOOK;
    cr_worker_post(worker, &task->look);
    ck_assert_int_eq(coir_runtime_stop(runtime, core_soon()), 0);
    ck_assert_uint_eq(coir_task_id(task), 0); /* its block is free */
}
END_TEST

/* It has looked up the worker, and the task has ended before it is marked. */
START_TEST(a_note_that_comes_too_late_is_not_posted)
{
    struct coir_event event = COIR_EVENT_INIT;
    struct coir_runtime *runtime;
    struct cr_worker *worker;
    struct coir_task *task;
    ck_assert_int_eq(coir_runtime_start(&(struct coir_runtime_options){.workers = 1}, &runtime), 0);
    for (int released = 0; released < 2; released++) {
        ck_assert_int_eq(coir_runtime_go(runtime, sleep_shielded, &event, NULL, &task), 0);
        core_await_parked(task);
        worker = cr_load_acq(&task->worker);
        coir_event_set(&event);
        while (coir_task_is_alive(task))
            (void)coir_yield();
        coir_event_clear(&event);
        if (released) { /* by its other owner, who leaves the block to the note */
            (void)cr_or_ar(&task->life, CR_NOTED);
            coir_detach(task);
            ck_assert_uint_ne(coir_task_id(task), 0);
            (void)cr_and_ar(&task->life, ~(uintptr_t)CR_NOTED);
            cr_task_note(task, worker);
        } else {
            cr_task_note(task, worker);
            ck_assert_uint_eq(cr_load_acq(&task->life), CR_ENDED);
            coir_detach(task);
        }
        ck_assert_uint_eq(coir_task_id(task), 0);
    }
    ck_assert_int_eq(coir_runtime_stop(runtime, core_soon()), 0);
}
END_TEST

enum { VICTIMS = 8 };

struct cancels {
    struct coir_event event;
    struct coir_task *tasks[VICTIMS];
};

static int
wait_shortly(void *arg)
{
    struct cancels *cancels = arg;
    return coir_event_wait(&cancels->event, COIR_NEVER);
}

static void *
cancel_each(void *arg)
{
    struct cancels *cancels = arg;
    for (int i = 0; i < VICTIMS; i++) {
        coir_cancel(cancels->tasks[i]);
        coir_detach(cancels->tasks[i]);
    }
    return NULL;
}

START_TEST(cancels_race_with_the_stop)
{
    for (long round = 0; round < core_rounds(300); round++) {
        struct cancels cancels = {.event = COIR_EVENT_INIT};
        struct coir_runtime *runtime;
        pthread_t canceler;
        ck_assert_int_eq(coir_runtime_start(&(struct coir_runtime_options){.workers = _i}, &runtime), 0);
        for (int i = 0; i < VICTIMS; i++)
            ck_assert_int_eq(coir_runtime_go(runtime, wait_shortly, &cancels, NULL, &cancels.tasks[i]), 0);
        ck_assert_int_eq(pthread_create(&canceler, NULL, cancel_each, &cancels), 0);
        if (round % 2)
            coir_event_set(&cancels.event);
        ck_assert_int_eq(coir_runtime_stop(runtime, core_soon()), 0);
        ck_assert_int_eq(pthread_join(canceler, NULL), 0);
        for (int i = 0; i < VICTIMS; i++)
            ck_assert_uint_eq(coir_task_id(cancels.tasks[i]), 0);
    }
}
END_TEST

/* ---- Daemons ---- */

static int
yield_for_ever(void *arg)
{
    (void)arg;
    while (!coir_yield())
        continue;
    return 0;
}

static int
leave_a_busy_daemon(void *arg)
{
    (void)arg;
    for (int i = 0; i < 3; i++)
        MUST_BE(coir_go(yield_for_ever, NULL, &(struct coir_task_options){.daemon = true}, NULL), 0);
    return 0;
}

/* No worker is ever idle, and the runtime ends all the same. */
START_TEST(busy_daemons_do_not_keep_it)
{
    core_run(_i, leave_a_busy_daemon, NULL);
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_loop_test(cases, stop_cancels_and_waits, 1, 5);
    tcase_add_loop_test(cases, a_call_under_way_holds_the_stop, 1, 4);
    tcase_add_loop_test(cases, calls_race_with_the_stop, 1, 4);
    tcase_add_loop_test(cases, a_note_on_its_way_holds_the_stop, 1, 4);
    tcase_add_test(cases, a_note_that_comes_too_late_is_not_posted);
    tcase_add_loop_test(cases, cancels_race_with_the_stop, 1, 4);
    tcase_add_loop_test(cases, busy_daemons_do_not_keep_it, 1, 5);
}

int
main(void)
{
    return core_main("stop", add);
}
