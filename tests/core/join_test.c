/* join_test.c: what coir_join and coir_detach promise. */
#include "core.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>

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

/* ---- Misuse ---- */

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

START_TEST(misuse_stops_the_process)
{
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
    tcase_add_test(cases, misuse_stops_the_process);
}

int
main(void)
{
    return core_main("join", add);
}
