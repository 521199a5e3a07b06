/* scope_test.c: what coir/scope.h promises: who is canceled by whom, what coir_scope_wait answers, and that nothing
 * outlives the block. A task's end is counted in ends, so that each case can see that all have ended. Loop numbers are
 * counts of workers; 0 is the default. */
#include "core.h"

#include <coir/scope.h>
#include <coir/stream.h>
#include <errno.h>
#include <signal.h>
#include <string.h>

static int ends; /* atomic */

static int
ended_with(int result)
{
    __atomic_add_fetch(&ends, 1, __ATOMIC_SEQ_CST);
    return result;
}

static int
count_ends(void)
{
    return __atomic_load_n(&ends, __ATOMIC_SEQ_CST);
}

static int
sleep_for_ever(void *arg)
{
    (void)arg;
    return ended_with(coir_sleep(COIR_NEVER));
}

static int
end_with(void *arg)
{
    return ended_with((int)(intptr_t)arg);
}

/* Ends late although it is canceled. */
static int
end_late(void *arg)
{
    COIR_SHIELD();
    (void)arg;
    MUST_BE(coir_sleep(coir_after(3 * COIR_MS)), 0);
    return ended_with(0);
}

static void *
number(int value)
{
    return (void *)(intptr_t)value;
}

/* ---- Results ---- */

static int
all_succeed(void *arg)
{
    COIR_SCOPE(scope);
    (void)arg;
    for (int i = 0; i < 100; i++)
        MUST_BE(coir_scope_go(&scope, end_with, number(i), NULL), 0);
    MUST_BE(coir_scope_wait(&scope, core_soon()), 0);
    MUST_BE(count_ends(), 100);
    MUST_BE(coir_yield(), 0);
    return 0;
}

START_TEST(success)
{
    core_run(_i, all_succeed, NULL);
}
END_TEST

static int
empty(void *arg)
{
    COIR_SCOPE(scope);
    (void)arg;
    MUST_BE(coir_scope_wait(&scope, COIR_NOW), 0);
    MUST_BE(coir_scope_wait(&scope, core_soon()), 0);
    return 0;
}

START_TEST(an_empty_scope)
{
    core_run(1, empty, NULL);
    ck_assert_int_eq(empty(NULL), 0); /* a thread may own one, too */
}
END_TEST

static int
fail_with_words(void *arg)
{
    struct coir_stream *stream;
    (void)arg;
    return ended_with(coir_stream_dial("nonsense", NULL, &stream, COIR_NEVER));
}

static int
one_fails(void *arg)
{
    COIR_SCOPE(scope);
    (void)arg;
    for (int i = 0; i < 10; i++)
        MUST_BE(coir_scope_go(&scope, sleep_for_ever, NULL, NULL), 0);
    MUST_BE(coir_scope_go(&scope, fail_with_words, NULL, NULL), 0);
    for (int i = 0; i < 10; i++)
        MUST_BE(coir_scope_go(&scope, sleep_for_ever, NULL, NULL), 0);
    MUST_BE(coir_scope_wait(&scope, core_soon()), -EINVAL);
    MUST(strstr(coir_error_detail(), "nonsense"));
    MUST_BE(count_ends(), 21);
    MUST_BE(coir_yield(), 0); /* what the scope canceled in us is over */
    MUST(!coir_is_canceled());
    return 0;
}

START_TEST(the_first_failure_cancels_the_others)
{
    core_run(_i, one_fails, NULL);
}
END_TEST

static int
cancel_on_purpose(void *arg)
{
    COIR_SCOPE(scope);
    (void)arg;
    for (int i = 0; i < 20; i++)
        MUST_BE(coir_scope_go(&scope, sleep_for_ever, NULL, NULL), 0);
    coir_scope_cancel(&scope);
    MUST_BE(coir_scope_go(&scope, sleep_for_ever, NULL, NULL), 0); /* comes too late: is canceled from the start */
    MUST_BE(coir_yield(), -ECANCELED);
    MUST_BE(coir_sleep(COIR_NEVER), -ECANCELED);
    MUST_BE(coir_scope_wait(&scope, core_soon()), 0);
    MUST_BE(count_ends(), 21);
    MUST_BE(coir_yield(), 0);
    return 0;
}

START_TEST(a_cancel_on_purpose_is_no_failure)
{
    core_run(_i, cancel_on_purpose, NULL);
}
END_TEST

static int
cancel_its_scope(void *arg)
{
    coir_scope_cancel(arg);
    return ended_with(0);
}

static int
cancel_from_inside(void *arg)
{
    COIR_SCOPE(scope);
    (void)arg;
    MUST_BE(coir_scope_go(&scope, sleep_for_ever, NULL, NULL), 0);
    MUST_BE(coir_scope_go(&scope, cancel_its_scope, &scope, NULL), 0);
    MUST_BE(coir_sleep(COIR_NEVER), -ECANCELED); /* the owner's own wait, too */
    MUST_BE(coir_scope_wait(&scope, core_soon()), 0);
    MUST_BE(count_ends(), 2);
    return 0;
}

START_TEST(a_task_inside_may_cancel)
{
    core_run(_i, cancel_from_inside, NULL);
}
END_TEST

/* -ECANCELED from a task that nobody has canceled is a failure like any other. */
static int
uncanceled_says_canceled(void *arg)
{
    COIR_SCOPE(scope);
    (void)arg;
    MUST_BE(coir_scope_go(&scope, end_with, number(-ECANCELED), NULL), 0);
    MUST_BE(coir_scope_wait(&scope, core_soon()), -ECANCELED);
    return 0;
}

START_TEST(canceled_without_a_cancel_is_a_failure)
{
    core_run(_i, uncanceled_says_canceled, NULL);
}
END_TEST

/* ---- Limits and deadlines ---- */

static int
limited(void *arg)
{
    COIR_SCOPE(scope);
    (void)arg;
    coir_scope_limit(&scope, coir_after(5 * COIR_MS));
    for (int i = 0; i < 10; i++)
        MUST_BE(coir_scope_go(&scope, sleep_for_ever, NULL, NULL), 0);
    MUST_BE(coir_sleep(COIR_NEVER), -ECANCELED);
    MUST_BE(coir_scope_wait(&scope, core_soon()), -ETIMEDOUT);
    MUST_BE(count_ends(), 10);
    MUST_BE(coir_yield(), 0);
    return 0;
}

START_TEST(a_limit_cancels_all_and_the_owner)
{
    core_run(_i, limited, NULL);
}
END_TEST

static int
limited_in_wait(void *arg)
{
    COIR_SCOPE(scope);
    (void)arg;
    coir_scope_limit(&scope, coir_after(5 * COIR_MS));
    MUST_BE(coir_scope_go(&scope, sleep_for_ever, NULL, NULL), 0);
    MUST_BE(coir_scope_wait(&scope, COIR_NEVER), -ETIMEDOUT);
    MUST_BE(count_ends(), 1);
    return 0;
}

START_TEST(a_limit_ends_the_wait)
{
    core_run(_i, limited_in_wait, NULL);
}
END_TEST

static int
limit_not_reached(void *arg)
{
    coir_time begin = coir_now();
    COIR_SCOPE(scope);
    (void)arg;
    coir_scope_limit(&scope, coir_after(COIR_MINUTE));
    MUST_BE(coir_scope_go(&scope, end_with, number(0), NULL), 0);
    MUST_BE(coir_scope_wait(&scope, COIR_NEVER), 0);
    MUST_BE(coir_scope_wait(&scope, COIR_NEVER), 0);
    MUST(coir_now() - begin < 10 * COIR_SECOND);
    return 0;
}

START_TEST(a_limit_that_is_not_reached)
{
    core_run(_i, limit_not_reached, NULL);
}
END_TEST

static int
limit_past(void *arg)
{
    COIR_SCOPE(scope);
    (void)arg;
    coir_scope_limit(&scope, core_past());
    MUST_BE(coir_scope_go(&scope, sleep_for_ever, NULL, NULL), 0);
    MUST_BE(coir_scope_wait(&scope, COIR_NEVER), -ETIMEDOUT);
    return 0;
}

START_TEST(a_limit_in_the_past)
{
    core_run(_i, limit_past, NULL);
}
END_TEST

static int
wait_until(void *arg)
{
    COIR_SCOPE(scope);
    (void)arg;
    MUST_BE(coir_scope_go(&scope, sleep_for_ever, NULL, NULL), 0);
    MUST_BE(coir_scope_go(&scope, end_late, NULL, NULL), 0);
    MUST_BE(coir_scope_wait(&scope, COIR_NOW), -EAGAIN);
    MUST_BE(coir_yield(), 0); /* nothing has happened */
    MUST_BE(coir_scope_wait(&scope, coir_after(COIR_MS)), -ETIMEDOUT);
    MUST_BE(count_ends(), 2); /* it goes on waiting for those that clean up */
    return 0;
}

START_TEST(a_deadline_cancels_and_goes_on_waiting)
{
    core_run(_i, wait_until, NULL);
}
END_TEST

/* ---- The owner ---- */

static int
owner_sleeps(void *arg)
{
    COIR_SCOPE(scope);
    (void)arg;
    MUST_BE(coir_scope_go(&scope, end_late, NULL, NULL), 0);
    MUST_BE(coir_scope_go(&scope, sleep_for_ever, NULL, NULL), 0);
    MUST_BE(coir_scope_wait(&scope, COIR_NEVER), -ECANCELED);
    MUST_BE(count_ends(), 2);
    MUST_BE(coir_yield(), -ECANCELED); /* that cancel is the owner's own, and stays */
    return -ECANCELED;
}

static int
cancel_owner(void *arg)
{
    struct coir_task *owner;
    int result;
    (void)arg;
    MUST_BE(coir_go(owner_sleeps, NULL, NULL, &owner), 0);
    core_await_parked(owner);
    coir_cancel(owner);
    MUST_BE(coir_join(owner, &result, core_soon()), 0);
    MUST_BE(result, -ECANCELED);
    MUST_BE(count_ends(), 2);
    return 0;
}

START_TEST(a_canceled_owner_cancels_its_tasks)
{
    core_run(_i, cancel_owner, NULL);
}
END_TEST

static int
leave_the_block(void *arg)
{
    (void)arg;
    {
        COIR_SCOPE(scope);
        MUST_BE(coir_scope_go(&scope, sleep_for_ever, NULL, NULL), 0);
        MUST_BE(coir_scope_go(&scope, end_late, NULL, NULL), 0);
    }
    MUST_BE(count_ends(), 2);
    MUST_BE(coir_yield(), 0);
    return 0;
}

START_TEST(the_end_of_the_block_waits)
{
    core_run(_i, leave_the_block, NULL);
}
END_TEST

/* Tasks that are started after a wait belong to the scope, too. */
static int
go_after_wait(void *arg)
{
    (void)arg;
    {
        COIR_SCOPE(scope);
        MUST_BE(coir_scope_go(&scope, end_with, number(0), NULL), 0);
        MUST_BE(coir_scope_wait(&scope, core_soon()), 0);
        MUST_BE(coir_scope_go(&scope, end_late, NULL, NULL), 0);
    }
    MUST_BE(count_ends(), 2);
    return 0;
}

START_TEST(the_end_of_the_block_waits_for_late_comers)
{
    core_run(_i, go_after_wait, NULL);
}
END_TEST

static int
fail_while_owner_reads(void *arg)
{
    struct coir_stream *pair[2];
    char byte;
    (void)arg;
    MUST_BE(coir_stream_pair(pair), 0);
    for (int i = 0; i < 100; i++) {
        COIR_SCOPE(scope);
        MUST_BE(coir_scope_go(&scope, end_with, number(-EIO), NULL), 0);
        MUST_BE(coir_stream_read(pair[0], &byte, 1, COIR_NEVER), -ECANCELED);
        MUST_BE(coir_stream_read_line(pair[0], &byte, 1, COIR_NEVER), -ECANCELED);
        MUST_BE(coir_stream_read(pair[0], &byte, 1, COIR_NOW), -EAGAIN);
        MUST_BE(coir_scope_wait(&scope, core_soon()), -EIO);
        MUST_BE(coir_stream_read(pair[0], &byte, 1, coir_after(COIR_US)), -ETIMEDOUT);
    }
    coir_stream_close(pair[0]);
    coir_stream_close(pair[1]);
    return 0;
}

START_TEST(a_failure_ends_the_owners_read)
{
    core_run(_i, fail_while_owner_reads, NULL);
}
END_TEST

/* ---- Nesting ---- */

static int
inner(void *arg)
{
    COIR_SCOPE(scope);
    for (int i = 0; i < 3; i++)
        MUST_BE(coir_scope_go(&scope, sleep_for_ever, NULL, NULL), 0);
    if (arg)
        MUST_BE(coir_scope_go(&scope, end_with, arg, NULL), 0);
    return ended_with(coir_scope_wait(&scope, COIR_NEVER));
}

static int
nested(void *arg)
{
    COIR_SCOPE(scope);
    (void)arg;
    for (int i = 0; i < 3; i++)
        MUST_BE(coir_scope_go(&scope, inner, NULL, NULL), 0);
    MUST_BE(coir_scope_go(&scope, inner, number(-EIO), NULL), 0);
    MUST_BE(coir_scope_wait(&scope, core_soon()), -EIO);
    MUST_BE(count_ends(), 17);
    return 0;
}

START_TEST(a_failure_climbs_and_a_cancel_descends)
{
    core_run(_i, nested, NULL);
}
END_TEST

static int
two_levels_of_one_owner(void *arg)
{
    COIR_SCOPE(outer);
    (void)arg;
    MUST_BE(coir_scope_go(&outer, sleep_for_ever, NULL, NULL), 0);
    {
        COIR_SCOPE(scope);
        MUST_BE(coir_scope_go(&scope, end_with, number(-EIO), NULL), 0);
        MUST_BE(coir_scope_go(&scope, sleep_for_ever, NULL, NULL), 0);
        MUST_BE(coir_sleep(COIR_NEVER), -ECANCELED);
        MUST_BE(coir_scope_wait(&scope, core_soon()), -EIO);
    }
    MUST_BE(coir_yield(), 0); /* the inner failure has not reached the outer scope */
    MUST_BE(count_ends(), 2);
    {
        COIR_SCOPE(scope);
        MUST_BE(coir_scope_go(&scope, sleep_for_ever, NULL, NULL), 0);
        MUST_BE(coir_scope_go(&outer, end_with, number(-EBUSY), NULL), 0);
        MUST_BE(coir_scope_wait(&scope, COIR_NEVER), -ECANCELED); /* an outer failure ends the inner scope */
    }
    MUST_BE(coir_yield(), -ECANCELED);
    MUST_BE(coir_scope_wait(&outer, core_soon()), -EBUSY);
    MUST_BE(coir_yield(), 0);
    MUST_BE(count_ends(), 5);
    return 0;
}

START_TEST(scopes_of_one_owner)
{
    core_run(_i, two_levels_of_one_owner, NULL);
}
END_TEST

static int
go_inside(void *arg)
{
    MUST_BE(coir_scope_go(arg, end_late, NULL, NULL), 0);
    return ended_with(0);
}

static int
go_from_inside(void *arg)
{
    COIR_SCOPE(scope);
    (void)arg;
    for (int i = 0; i < 10; i++)
        MUST_BE(coir_scope_go(&scope, go_inside, &scope, NULL), 0);
    MUST_BE(coir_scope_wait(&scope, core_soon()), 0);
    MUST_BE(count_ends(), 20);
    return 0;
}

START_TEST(a_task_inside_may_start_more)
{
    core_run(_i, go_from_inside, NULL);
}
END_TEST

/* ---- One that cannot start ---- */

static int
one_too_many(void *arg)
{
    COIR_SCOPE(scope);
    (void)arg;
    MUST_BE(coir_scope_go(&scope, end_late, NULL, NULL), 0);
    MUST_BE(coir_scope_go(&scope, end_late, NULL, NULL), 0);
    MUST_BE(coir_scope_go(&scope, end_late, NULL, NULL), -EAGAIN); /* the limit is three, with us */
    MUST_BE(coir_yield(), 0);                                      /* nothing is canceled */
    MUST_BE(coir_scope_wait(&scope, core_soon()), -EAGAIN);
    MUST_BE(count_ends(), 2);
    return 0;
}

START_TEST(one_that_cannot_start_is_an_answer)
{
    struct coir_runtime_options options = {.workers = _i, .task_limit = 3};
    ck_assert_int_eq(coir_run(one_too_many, NULL, &options), 0);
}
END_TEST

static int
one_too_many_and_a_failure(void *arg)
{
    COIR_SCOPE(scope);
    (void)arg;
    MUST_BE(coir_scope_go(&scope, sleep_for_ever, NULL, NULL), 0);
    MUST_BE(coir_scope_go(&scope, end_with, number(-EIO), NULL), 0);
    MUST_BE(coir_scope_go(&scope, end_late, NULL, NULL), -EAGAIN);
    MUST_BE(coir_sleep(core_soon()), -ECANCELED); /* the failure of a task cancels all the same */
    MUST(coir_scope_wait(&scope, core_soon()) < 0);
    return 0;
}

START_TEST(a_failure_after_one_that_could_not_start)
{
    struct coir_runtime_options options = {.workers = 1, .task_limit = 3};
    ck_assert_int_eq(coir_run(one_too_many_and_a_failure, NULL, &options), 0);
}
END_TEST

/* ---- Races ---- */

static int
fail_or_not(void *arg)
{
    if (coir_random(2))
        (void)coir_yield();
    return ended_with((int)(intptr_t)arg);
}

static int
churn(void *arg)
{
    long rounds = core_freed(20000, 5);
    (void)arg;
    for (long i = 0; i < rounds; i++) {
        int wanted = i % 3 == 0 ? -EIO : 0;
        COIR_SCOPE(scope);
        MUST_BE(coir_scope_go(&scope, fail_or_not, number(wanted), NULL), 0);
        MUST_BE(coir_scope_go(&scope, fail_or_not, NULL, NULL), 0);
        if (i % 3 == 0 && i % 2 == 0)
            MUST_BE(coir_scope_go(&scope, sleep_for_ever, NULL, NULL), 0);
        if (i % 16 == 1)
            coir_scope_limit(&scope, core_soon());
        if (i % 5 == 1 && wanted == 0)
            coir_scope_cancel(&scope);
        if (i % 7)
            MUST_BE(coir_scope_wait(&scope, core_soon()), wanted);
    }
    MUST_BE(coir_yield(), 0);
    return 0;
}

START_TEST(scopes_come_and_go)
{
    core_run(_i, churn, NULL);
}
END_TEST

/* ---- Misuse ---- */

static int
wait_for_another(void *arg)
{
    return coir_scope_wait(arg, COIR_NEVER);
}

static int
wait_in_a_child(void *arg)
{
    COIR_SCOPE(scope);
    (void)arg;
    MUST_BE(coir_scope_go(&scope, wait_for_another, &scope, NULL), 0);
    return coir_scope_wait(&scope, COIR_NEVER);
}

static int
run_wait_in_a_child(void *arg)
{
    (void)arg;
    return coir_run(wait_in_a_child, NULL, NULL);
}

START_TEST(only_the_owner_waits)
{
    core_must_die(run_wait_in_a_child, NULL, SIGABRT, "coir_scope_wait");
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_loop_test(cases, success, 0, 4);
    tcase_add_test(cases, an_empty_scope);
    tcase_add_loop_test(cases, the_first_failure_cancels_the_others, 0, 4);
    tcase_add_loop_test(cases, a_cancel_on_purpose_is_no_failure, 0, 4);
    tcase_add_loop_test(cases, a_task_inside_may_cancel, 0, 4);
    tcase_add_loop_test(cases, canceled_without_a_cancel_is_a_failure, 0, 3);
    tcase_add_loop_test(cases, a_limit_cancels_all_and_the_owner, 0, 4);
    tcase_add_loop_test(cases, a_limit_ends_the_wait, 0, 3);
    tcase_add_loop_test(cases, a_limit_that_is_not_reached, 0, 3);
    tcase_add_loop_test(cases, a_limit_in_the_past, 0, 3);
    tcase_add_loop_test(cases, a_deadline_cancels_and_goes_on_waiting, 0, 4);
    tcase_add_loop_test(cases, a_canceled_owner_cancels_its_tasks, 0, 4);
    tcase_add_loop_test(cases, the_end_of_the_block_waits, 0, 4);
    tcase_add_loop_test(cases, the_end_of_the_block_waits_for_late_comers, 0, 3);
    tcase_add_loop_test(cases, a_failure_ends_the_owners_read, 0, 4);
    tcase_add_loop_test(cases, a_failure_climbs_and_a_cancel_descends, 0, 5);
    tcase_add_loop_test(cases, scopes_of_one_owner, 0, 4);
    tcase_add_loop_test(cases, a_task_inside_may_start_more, 0, 4);
    tcase_add_loop_test(cases, one_that_cannot_start_is_an_answer, 0, 3);
    tcase_add_test(cases, a_failure_after_one_that_could_not_start);
    tcase_add_loop_test(cases, scopes_come_and_go, 0, 5);
    tcase_add_test(cases, only_the_owner_waits);
}

int
main(void)
{
    return core_main("scope", add);
}
