/* future_owner_test.c: what coir_future_set_owner promises, for fibers of one worker, of four, for threads, and mixed: a circle
 * of tasks that wait for each other's futures is told, and so is an owner that ends and has not set what it was to. */
#include "core.h"

#include <coir/future.h>
#include <coir/log.h>
#include <coir/pool.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static void
be_silent(void)
{
    coir_log_set_level((enum coir_log_level)0); /* each owner that ends is told */
}

/* ---- Circles ---- */

struct promise {
    struct coir_future *mine, *other;
    struct coir_event *go;
};

static int
keep_promise(void *arg)
{
    struct promise *promise = arg;
    int result;
    MUST_BE(coir_event_wait(promise->go, core_soon()), 0);
    result = coir_future_wait(promise->other, COIR_NEVER);
    MUST_BE(coir_future_set(promise->mine, 0, NULL), 0);
    return result;
}

/* Each waits for what the next is to set: the last of them to wait is told so, and then all go on. */
static int
promise_in_a_circle(void *arg)
{
    enum { MANY = 3 };
    struct coir_event go = COIR_EVENT_INIT;
    struct coir_future *futures[MANY];
    struct core_actor actors[MANY];
    struct promise promises[MANY];
    int told = 0;
    (void)arg;
    for (int i = 0; i < MANY; i++)
        futures[i] = coir_future_new(0);
    for (int i = 0; i < MANY; i++) {
        promises[i] = (struct promise){futures[i], futures[(i + 1) % MANY], &go};
        core_start(&actors[i], keep_promise, &promises[i]);
        MUST_BE(coir_event_wait(&actors[i].begun, core_soon()), 0);
        coir_future_set_owner(futures[i], actors[i].self);
    }
    coir_event_set(&go);
    for (int i = 0; i < MANY; i++) {
        int result = core_end(&actors[i]);
        MUST(result == 0 || result == -EDEADLK);
        told += result == -EDEADLK;
    }
    MUST_BE(told, 1);
    for (int i = 0; i < MANY; i++)
        coir_future_free(futures[i]);
    return 0;
}

START_TEST(owners_in_a_circle_are_a_deadlock)
{
    core_play((enum core_cast)_i, promise_in_a_circle, NULL);
}
END_TEST

static int
wait_for_oneself(void *arg)
{
    struct coir_future *future = coir_future_new(0);
    (void)arg;
    coir_future_set_owner(future, coir_self());
    MUST_BE(coir_future_wait(future, COIR_NOW), -EAGAIN);
    MUST_BE(coir_future_wait(future, COIR_NEVER), -EDEADLK);
    MUST(strstr(coir_error_detail(), "is to set the future"));
    MUST_BE(coir_future_get(future, NULL, 0, COIR_NEVER), -EDEADLK);
    coir_future_set_owner(future, NULL);
    MUST_BE(coir_future_wait(future, coir_after(COIR_MS)), -ETIMEDOUT);
    coir_future_set_owner(future, coir_self());
    MUST_BE(coir_future_set(future, 2, NULL), 0);
    MUST_BE(coir_future_get(future, NULL, 0, COIR_NEVER), 2); /* it is done: nothing to wait for */
    coir_future_free(future);
    return 0;
}

START_TEST(who_is_to_set_it_cannot_wait_for_it)
{
    core_play((enum core_cast)_i, wait_for_oneself, NULL);
}
END_TEST

/* ---- An owner that ends ---- */

struct debtor {
    struct coir_future *future;
    struct coir_event go;
};

/* Ends without setting it. */
static int
forget(void *arg)
{
    struct debtor *debtor = arg;
    return coir_event_wait(&debtor->go, core_soon());
}

static int
get_it(void *future)
{
    int result = coir_future_get(future, NULL, 0, COIR_NEVER);
    MUST(result == 0 || strstr(coir_error_detail(), "has ended and has not set the future made at "));
    return result;
}

static int
get_any(void *future)
{
    struct coir_future *futures[2] = {NULL, future};
    MUST_BE(coir_future_wait_any(futures, 2, COIR_NEVER), 1);
    return get_it(future);
}

static void
count_call(struct coir_future *future, void *arg)
{
    MUST_BE(coir_future_get(future, NULL, 0, COIR_NOW), -EOWNERDEAD);
    __atomic_add_fetch((int *)arg, 1, __ATOMIC_SEQ_CST);
}

static int
wait_for_a_debtor(void *arg)
{
    struct debtor debtor = {coir_future_new(sizeof(int)), COIR_EVENT_INIT};
    struct core_actor owner, waiters[4];
    int calls = 0, value = 5;
    (void)arg;
    core_start(&owner, forget, &debtor);
    MUST_BE(coir_event_wait(&owner.begun, core_soon()), 0);
    coir_future_set_owner(debtor.future, owner.self);
    MUST_BE(coir_future_on_done(debtor.future, count_call, &calls), 0);
    for (int i = 0; i < 4; i++) {
        core_start(&waiters[i], i % 2 ? get_any : get_it, debtor.future);
        core_await_waiting(&waiters[i]);
    }
    coir_event_set(&debtor.go);
    for (int i = 0; i < 4; i++)
        MUST_BE(core_end(&waiters[i]), -EOWNERDEAD);
    MUST_BE(core_end(&owner), 0);
    MUST_BE(__atomic_load_n(&calls, __ATOMIC_SEQ_CST), 1);
    MUST_BE(coir_future_set(debtor.future, 0, &value), -EALREADY);
    MUST_BE(coir_future_cancel(debtor.future), -EALREADY);
    MUST_BE(get_it(debtor.future), -EOWNERDEAD); /* as often as wanted */
    coir_future_free(debtor.future);
    return 0;
}

START_TEST(all_that_wait_are_told_that_the_owner_has_ended)
{
    be_silent();
    core_play((enum core_cast)_i, wait_for_a_debtor, NULL);
}
END_TEST

/* Who ends owes more than one; they are told in the order in which they were promised. */
enum { DEBTS = 40 };

struct debts {
    struct coir_future *futures[DEBTS];
    int order[DEBTS], count;
};

static struct debts debts;

static void
note_order(struct coir_future *future, void *arg)
{
    (void)future;
    debts.order[debts.count++] = *(int *)arg;
}

static int
promise_much(void *arg)
{
    static int numbers[DEBTS];
    (void)arg;
    for (int i = 0; i < DEBTS; i++) {
        numbers[i] = i;
        coir_future_set_owner(debts.futures[i], coir_self());
        MUST_BE(coir_future_on_done(debts.futures[i], note_order, &numbers[i]), 0);
    }
    for (int i = 0; i < DEBTS; i += 4)
        MUST_BE(coir_future_set(debts.futures[i], 1, NULL), 0);
    return 0;
}

static int
owe_much(void *arg)
{
    struct core_actor owner;
    (void)arg;
    debts.count = 0;
    for (int i = 0; i < DEBTS; i++)
        debts.futures[i] = coir_future_new(0);
    core_start(&owner, promise_much, NULL);
    for (int i = 0; i < DEBTS; i++)
        MUST_BE(coir_future_get(debts.futures[i], NULL, 0, core_soon()), i % 4 ? -EOWNERDEAD : 1);
    MUST_BE(core_end(&owner), 0);
    MUST_BE(debts.count, DEBTS);
    for (int i = 0; i < DEBTS / 4; i++)
        MUST_BE(debts.order[i], i * 4);
    for (int i = DEBTS / 4 + 1; i < DEBTS; i++)
        MUST(debts.order[i - 1] < debts.order[i]);
    for (int i = 0; i < DEBTS; i++)
        coir_future_free(debts.futures[i]);
    return 0;
}

START_TEST(many_are_told_in_their_order)
{
    be_silent();
    core_play((enum core_cast)_i, owe_much, NULL);
}
END_TEST

/* ---- What is said ---- */

static struct {
    int lines;
    char last[512];
} log_seen;

static void
see_log(enum coir_log_level level, const char *line, void *arg)
{
    (void)arg;
    MUST_BE(level, COIR_LOG_ERROR);
    log_seen.lines++;
    snprintf(log_seen.last, sizeof log_seen.last, "%s", line);
}

static int
end_as_told(void *arg)
{
    (void)arg;
    return 0;
}

static int
read_the_log(void *arg)
{
    struct coir_task_options named = {.name = "bob"};
    (void)arg;
    for (int late = 0; late < 2; late++) { /* made the owner before it has begun, after it has ended */
        struct coir_future *future = coir_future_new(0);
        struct coir_task *task;
        char line[64];
        log_seen.lines = 0;
        MUST_BE(coir_go(end_as_told, NULL, &named, &task), 0);
        snprintf(line, sizeof line, "task %llu 'bob' has ended", (unsigned long long)coir_task_id(task));
        while (late && coir_task_is_alive(task))
            (void)coir_yield();
        coir_future_set_owner(future, task);
        MUST(coir_future_is_done(future) == late);
        MUST_BE(get_it(future), -EOWNERDEAD);
        MUST_BE(log_seen.lines, 1);
        MUST(strstr(log_seen.last, line) && strstr(log_seen.last, "not set the future made at "));
        MUST(strstr(log_seen.last, "future_owner_test")); /* that is where */
        MUST_BE(coir_join(task, NULL, COIR_NEVER), 0);
        coir_future_free(future);
        MUST_BE(log_seen.lines, 1);
    }
    return 0;
}

START_TEST(the_log_names_task_and_place)
{
    MUST_BE(coir_run(read_the_log, NULL, &(struct coir_runtime_options){.workers = 1, .log = see_log}), 0);
}
END_TEST

/* One line for each: not another when it is freed and nobody has got its result. */
static int
look_away(void *arg)
{
    struct coir_future *future = coir_future_new(0);
    struct coir_task *task;
    (void)arg;
    log_seen.lines = 0;
    MUST_BE(coir_go(end_as_told, NULL, NULL, &task), 0);
    coir_future_set_owner(future, task);
    MUST_BE(coir_join(task, NULL, COIR_NEVER), 0);
    MUST(coir_future_is_done(future)); /* before its end is told */
    coir_future_free(future);
    MUST_BE(log_seen.lines, 1);
    return 0;
}

START_TEST(it_is_told_once)
{
    MUST_BE(coir_run(look_away, NULL, &(struct coir_runtime_options){.workers = _i + 1, .log = see_log}), 0);
}
END_TEST

/* ---- Nothing to say ---- */

enum way { SET, CANCELED, FREED, DISOWNED, HANDED_ON, WAYS };

static int
end_well(void *arg)
{
    struct coir_future *future = coir_future_new(0);
    enum way way = *(enum way *)arg;
    coir_future_set_owner(future, coir_self());
    if (way == SET)
        MUST_BE(coir_future_set(future, 0, NULL), 0);
    else if (way == CANCELED)
        MUST_BE(coir_future_cancel(future), 0);
    else if (way == DISOWNED)
        coir_future_set_owner(future, NULL);
    coir_future_free(future);
    return 0;
}

static int
keep_for_another(void *arg)
{
    struct debtor *debtor = arg;
    int result = coir_event_wait(&debtor->go, core_soon());
    MUST_BE(coir_future_set(debtor->future, 9, NULL), 0);
    return result;
}

static int
hand_on(void *arg)
{
    struct debtor *debtor = arg;
    struct coir_task *task;
    coir_future_set_owner(debtor->future, coir_self());
    MUST_BE(coir_go(keep_for_another, debtor, NULL, &task), 0);
    coir_future_set_owner(debtor->future, task);
    coir_detach(task);
    return 0;
}

static int
end_in_all_ways(void *arg)
{
    (void)arg;
    log_seen.lines = 0;
    for (enum way way = SET; way < HANDED_ON; way++) {
        struct coir_task *task;
        MUST_BE(coir_go(end_well, &way, NULL, &task), 0);
        MUST_BE(coir_join(task, NULL, COIR_NEVER), 0);
    }
    {
        struct debtor debtor = {coir_future_new(0), COIR_EVENT_INIT};
        struct coir_task *task;
        MUST_BE(coir_go(hand_on, &debtor, NULL, &task), 0);
        MUST_BE(coir_join(task, NULL, COIR_NEVER), 0);
        MUST(!coir_future_is_done(debtor.future));
        coir_event_set(&debtor.go);
        MUST_BE(coir_future_get(debtor.future, NULL, 0, COIR_NEVER), 9);
        coir_future_free(debtor.future);
    }
    MUST_BE(log_seen.lines, 0);
    return 0;
}

START_TEST(a_duty_that_is_done_or_gone_is_not_told)
{
    MUST_BE(coir_run(end_in_all_ways, NULL, &(struct coir_runtime_options){.workers = _i + 1, .log = see_log}), 0);
}
END_TEST

/* A job is its worker's, whoever is said to own it. */
static int
answer_6(void *arg)
{
    (void)arg;
    return 6;
}

static int
own_a_job(void *arg)
{
    struct coir_pool *pool;
    struct coir_future *job;
    struct coir_task *task;
    (void)arg;
    MUST_BE(coir_pool_open("fibers:1", NULL, &pool), 0);
    MUST_BE(coir_pool_submit(pool, answer_6, NULL, 0, &job, COIR_NEVER), 0);
    MUST_BE(coir_go(end_as_told, NULL, NULL, &task), 0);
    coir_future_set_owner(job, task);
    MUST_BE(coir_join(task, NULL, COIR_NEVER), 0);
    MUST_BE(coir_future_get(job, NULL, 0, COIR_NEVER), 6);
    coir_future_free(job);
    coir_pool_close(pool);
    return 0;
}

START_TEST(a_job_is_its_workers)
{
    core_run(1, own_a_job, NULL);
}
END_TEST

/* ---- Races ---- */

/* Sets it, or does not, while it is just being made the owner. */
static int
pay_or_not(void *arg)
{
    struct coir_future *future = arg;
    bool pays = coir_random(2);
    if (coir_random(2))
        (void)coir_yield();
    if (pays)
        MUST_BE(coir_future_set(future, 1, NULL), 0);
    coir_future_free(future);
    return pays;
}

static int
make_owners(void *arg)
{
    (void)arg;
    for (long i = 0; i < core_rounds(20000); i++) {
        struct coir_future *future = coir_future_new(0);
        struct coir_task *task;
        int pays = 0;
        MUST_BE(coir_go_spread(pay_or_not, coir_future_share(future), NULL, &task), 0);
        for (uint64_t pauses = coir_random(4); pauses; pauses--)
            (void)coir_yield();
        coir_future_set_owner(future, task);
        if (coir_random(4)) {
            int result = coir_future_get(future, NULL, 0, core_soon());
            MUST_BE(coir_join(task, &pays, core_soon()), 0);
            MUST_BE(result, pays ? 1 : -EOWNERDEAD);
            coir_future_free(future);
        } else { /* nobody wants it any more: it may go while its owner's end looks at it */
            coir_future_free(future);
            coir_detach(task);
        }
    }
    return 0;
}

START_TEST(an_owner_made_while_it_ends_is_found)
{
    be_silent();
    core_run(1 + _i, make_owners, NULL);
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_loop_test(cases, owners_in_a_circle_are_a_deadlock, 0, CORE_CASTS);
    tcase_add_loop_test(cases, who_is_to_set_it_cannot_wait_for_it, 0, CORE_CASTS);
    tcase_add_loop_test(cases, all_that_wait_are_told_that_the_owner_has_ended, 0, CORE_CASTS);
    tcase_add_loop_test(cases, many_are_told_in_their_order, 0, CORE_CASTS);
    tcase_add_test(cases, the_log_names_task_and_place);
    tcase_add_loop_test(cases, it_is_told_once, 0, 2);
    tcase_add_loop_test(cases, a_duty_that_is_done_or_gone_is_not_told, 0, 2);
    tcase_add_test(cases, a_job_is_its_workers);
    tcase_add_loop_test(cases, an_owner_made_while_it_ends_is_found, 0, 3);
}

int
main(void)
{
    return core_main("future_owner", add);
}
