/* pool_test.c: what coir/pool.h promises, for pools of threads and of fibers, used by fibers of one worker, of four, by
 * threads, and mixed: jobs and their results, how many workers there are, what goes wrong. Waiting for a pool and its end are in
 * pool_wait_test.c, maps in pool_map_test.c. What Python's ThreadPoolExecutor and multiprocessing.Pool say of the same is a
 * case here or there. */
#include "crew.h"

#include <coir/future.h>
#include <signal.h>
#include <string.h>

#include "base/fault.h"
#include "sched/task.h"

/* ---- Submit and call ---- */

static int
submit_some(void *arg)
{
    enum { MANY = 300 };
    struct coir_pool *pool = crew_open(arg, 0, &(struct coir_pool_options){.name = "sums"});
    struct coir_future *futures[MANY];
    struct crew_sum sum;
    for (int i = 0; i < MANY; i++) {
        sum = (struct crew_sum){i, 2 * i, -1};
        MUST_BE(coir_pool_submit(pool, crew_add_up, &sum, sizeof sum, &futures[i], core_soon()), 0);
        MUST_BE(sum.answer, -1); /* it works on a copy */
    }
    for (int i = 0; i < MANY; i++) {
        MUST_BE(coir_future_get(futures[i], &sum, sizeof sum, core_soon()), 3 * i);
        MUST(sum.a == i && sum.answer == 3 * i);
        coir_future_free(futures[i]);
    }
    for (int i = 0; i < 100; i++) {
        sum = (struct crew_sum){i, 1, -1};
        MUST_BE(coir_pool_call(pool, crew_add_up, &sum, sizeof sum, core_soon()), i + 1);
        MUST_BE(sum.answer, i + 1);
    }
    sum = (struct crew_sum){999, 2, -1}; /* a failure leaves it as it was */
    MUST_BE(coir_pool_call(pool, crew_add_up, &sum, sizeof sum, core_soon()), -ERANGE);
    MUST_BE(sum.answer, -1);
    coir_pool_close(pool);
    coir_pool_close(NULL);
    return 0;
}

START_TEST(a_job_works_on_a_copy_that_becomes_the_value)
{
    crew_play(_i, submit_some);
}
END_TEST

static int
count_up(void *arg)
{
    return __atomic_add_fetch((int *)arg, 1, __ATOMIC_SEQ_CST);
}

static int
submit_pointers(void *arg)
{
    struct coir_pool *pool = crew_open(arg, 3, NULL);
    int count = 0;
    for (int i = 0; i < 100; i++)
        MUST_BE(coir_pool_submit(pool, count_up, &count, 0, NULL, core_soon()), 0); /* size 0: arg itself, no future */
    MUST_BE(coir_pool_shutdown(pool, core_soon()), 0);
    MUST_BE(count, 100); /* shutdown waits for what it has */
    MUST_BE(coir_pool_submit(pool, count_up, &count, 0, NULL, core_soon()), -EPIPE);
    MUST_BE(coir_pool_call(pool, count_up, &count, 0, core_soon()), -EPIPE);
    MUST_BE(coir_pool_map(pool, count_up, &count, sizeof count, 1, core_soon()), -EPIPE);
    MUST_BE(coir_pool_shutdown(pool, COIR_NOW), 0); /* again */
    coir_pool_close(pool);
    MUST_BE(count, 100);
    return 0;
}

START_TEST(shutdown_takes_no_more_and_waits_for_what_it_has)
{
    crew_play(_i, submit_pointers);
}
END_TEST

/* Its sentence comes along, for jobs that fail. */
static int
fail_in_words(void *arg)
{
    (void)arg;
    return coir_go(NULL, NULL, &(struct coir_task_options){.arg_size = 1 << 20}, NULL);
}

static int
fail_without(void *arg)
{
    (void)arg;
    return -EIO;
}

static int
bring_sentence(void *arg)
{
    struct coir_pool *pool = crew_open(arg, 1, NULL);
    struct coir_future *future;
    MUST_BE(coir_pool_call(pool, fail_in_words, NULL, 0, core_soon()), -EINVAL);
    MUST(*coir_error_detail());
    MUST_BE(coir_pool_submit(pool, fail_without, NULL, 0, &future, core_soon()), 0);
    MUST_BE(coir_future_get(future, NULL, 0, core_soon()), -EIO); /* the worker's earlier one is not this one's */
    coir_future_free(future);
    coir_pool_close(pool);
    return 0;
}

START_TEST(a_failure_brings_its_sentence_along)
{
    crew_play(_i, bring_sentence);
}
END_TEST

static int
do_nothing(void *arg)
{
    (void)arg;
    return 0;
}

static int
fill_up(void *arg)
{
    memset(arg, 0xff, 64);
    return 5;
}

/* Blocks of small jobs are used again (pool/job.c): neither the value of one that nobody looked at, nor that one was canceled,
 * is the next one's. */
static int
use_blocks_again(void *arg)
{
    struct coir_pool *pool = crew_open(arg, 1, NULL);
    char bytes[64] = {0};
    for (int i = 0; i < 100; i++) {
        struct coir_future *future;
        struct crew_sum sum = {i, i, -1};
        int cancel;
        MUST_BE(coir_pool_submit(pool, fill_up, bytes, sizeof bytes, NULL, core_soon()), 0);
        MUST_BE(coir_pool_submit(pool, fill_up, bytes, sizeof bytes, &future, core_soon()), 0);
        cancel = coir_future_cancel(future);
        MUST(!cancel || cancel == -EBUSY || cancel == -EALREADY);
        coir_future_free(future);
        MUST_BE(coir_pool_call(pool, do_nothing, NULL, 0, core_soon()), 0);
        MUST_BE(coir_pool_call(pool, crew_add_up, &sum, sizeof sum, core_soon()), 2 * i);
        MUST(sum.a == i && sum.answer == 2 * i);
    }
    coir_pool_close(pool);
    return 0;
}

START_TEST(a_job_finds_nothing_of_the_one_before)
{
    crew_play(_i, use_blocks_again);
}
END_TEST

/* ---- How many workers ---- */

static int
fill_workers(void *arg)
{
    enum { WORKERS = 3, JOBS = 10 };
    struct coir_pool *pool = crew_open(arg, WORKERS, NULL);
    struct coir_future *futures[JOBS];
    struct crew_door door;
    crew_door_init(&door);
    for (int i = 0; i < JOBS; i++)
        MUST_BE(coir_pool_submit(pool, crew_wait_at_door, &door, 0, &futures[i], core_soon()), 0);
    for (int i = 0; i < WORKERS; i++)
        MUST_BE(coir_semaphore_acquire(&door.inside, core_soon()), 0); /* that many at once */
    MUST_BE(coir_semaphore_acquire(&door.inside, coir_after(2 * COIR_MS)), -ETIMEDOUT);
    for (int i = 0; i < JOBS; i++)
        MUST_BE(coir_future_cancel(futures[i]), i < WORKERS ? -EBUSY : 0); /* begun in the order of submitting */
    coir_event_set(&door.open);
    for (int i = 0; i < JOBS; i++) {
        MUST_BE(coir_future_get(futures[i], NULL, 0, core_soon()), i < WORKERS ? 7 : -ECANCELED);
        coir_future_free(futures[i]);
    }
    MUST_BE(door.most, WORKERS);
    coir_pool_close(pool);
    return 0;
}

START_TEST(as_many_at_once_as_there_are_workers_and_what_waits_can_be_canceled)
{
    crew_play(_i, fill_workers);
}
END_TEST

struct roll {
    uint64_t ids[64];
    int count; /* atomic */
};

static int
sign(void *arg)
{
    struct roll *roll = arg;
    roll->ids[__atomic_fetch_add(&roll->count, 1, __ATOMIC_SEQ_CST) % 64] = coir_task_id(coir_self());
    return 0;
}

static int
sign_start(void *arg)
{
    return sign(*(struct roll **)arg);
}

/* An idle worker is used before another is begun: one job at a time is one worker's. */
static int
start_each(void *arg)
{
    struct roll starts = {.count = 0}, *copied = &starts;
    struct coir_pool_options options = {.start = sign_start, .start_arg = &copied, .start_arg_size = sizeof copied};
    struct coir_pool *pool = crew_open(arg, 8, &options);
    struct roll jobs = {.count = 0};
    copied = NULL;            /* it has its own copy */
    MUST_BE(starts.count, 0); /* none before there is something to do */
    for (int i = 0; i < 50; i++)
        MUST_BE(coir_pool_submit(pool, sign, &jobs, 0, NULL, core_soon()), 0);
    MUST_BE(coir_pool_shutdown(pool, core_soon()), 0);
    MUST_BE(jobs.count, 50);
    MUST(starts.count >= 1 && starts.count <= 8);
    for (int i = 0; i < 50; i++) { /* each job by one that has started first */
        bool known = false;
        for (int k = 0; k < starts.count; k++)
            known |= starts.ids[k] == jobs.ids[i];
        MUST(known);
    }
    coir_pool_close(pool);
    return 0;
}

START_TEST(start_runs_first_in_each_worker)
{
    crew_play(_i, start_each);
}
END_TEST

/* With a worker that rests another is not begun: seen by the roll of those that started. */
static int
use_the_idle_one(void *arg)
{
    struct roll starts = {.count = 0}, *pointer = &starts;
    struct coir_pool_options options = {.start = sign_start, .start_arg = &pointer};
    struct coir_pool *pool = crew_open(arg, 8, &options);
    struct coir_task *worker;
    MUST_BE(coir_pool_call(pool, do_nothing, NULL, 0, core_soon()), 0);
    worker = cr_task_of_id(starts.ids[0]);
    for (int i = 0; i < 30; i++) {
        core_await_parked(worker);
        MUST_BE(coir_pool_call(pool, do_nothing, NULL, 0, core_soon()), 0);
    }
    MUST_BE(starts.count, 1);
    coir_pool_close(pool);
    return 0;
}

START_TEST(an_idle_worker_is_used_before_another_is_begun)
{
    crew_play(_i, use_the_idle_one);
}
END_TEST

static int
fail_to_start(void *arg)
{
    (void)arg;
    return -ENODEV;
}

static int
break_at_start(void *arg)
{
    struct coir_pool *pool = crew_open(arg, 2, &(struct coir_pool_options){.name = "broken", .start = fail_to_start});
    struct coir_future *future;
    int error =
        coir_pool_submit(pool, crew_add_up, &(struct crew_sum){1, 2, 0}, sizeof(struct crew_sum), &future, core_soon());
    MUST_BE(error, 0);
    MUST_BE(coir_future_get(future, NULL, 0, core_soon()), -ENODEV);
    MUST_BE(
        coir_pool_submit(pool, crew_add_up, &(struct crew_sum){1, 2, 0}, sizeof(struct crew_sum), NULL, core_soon()),
        -ENODEV);
    MUST(strstr(coir_error_detail(), "'broken'"));
    MUST_BE(coir_pool_shutdown(pool, core_soon()), 0);
    coir_future_free(future);
    coir_pool_close(pool);
    return 0;
}

START_TEST(a_start_that_fails_breaks_the_pool)
{
    crew_play(_i, break_at_start);
}
END_TEST

/* ---- Faults and misuse ---- */

static int
lack_things(void *arg)
{
    struct coir_pool *pool;
    struct coir_future *future;
    struct crew_sum sum = {1, 2, 0};
    const struct crew *play = arg;
    bool threads = strcmp(play->kind, "threads") == 0;
    (void)coir_self();
    cr_fault_arm(1u << CR_FAULT_MEMORY, 1, true);
    MUST_BE(coir_pool_open(play->kind, NULL, &pool), -ENOMEM);
    MUST(!pool);
    (void)cr_fault_disarm();
    pool = crew_open(play, 2, NULL);
    cr_fault_arm(1u << CR_FAULT_MEMORY, 1, true);
    MUST_BE(coir_pool_submit(pool, crew_add_up, &sum, sizeof sum, &future, COIR_NEVER), -ENOMEM);
    MUST(!future);
    MUST_BE(coir_pool_map(pool, crew_add_up, &sum, sizeof sum, 1, COIR_NEVER), -ENOMEM);
    (void)cr_fault_disarm();
    if (threads) { /* no thread can be had for the first worker: the job says so, and the next one tries again */
        cr_fault_arm(1u << CR_FAULT_THREAD, 1, false);
        MUST_BE(coir_pool_submit(pool, crew_add_up, &sum, sizeof sum, &future, core_soon()), 0);
        MUST(coir_future_get(future, NULL, 0, core_soon()) < 0);
        MUST(strstr(coir_error_detail(), "no worker"));
        (void)cr_fault_disarm();
        coir_future_free(future);
    }
    MUST_BE(coir_pool_call(pool, crew_add_up, &sum, sizeof sum, core_soon()), 3);
    coir_pool_close(pool);
    return 0;
}

START_TEST(without_memory_or_threads)
{
    crew_play(_i, lack_things);
}
END_TEST

static int
open_wrongly(void *arg)
{
    static const char *const wrong[] = {"",           "thread",       "threads:",  "threads:0",
                                        "threads:-1", "threads:4097", "threads:x", "threads:4x",
                                        "fibers:1e2", "threads4:4",   "threadss"};
    struct coir_pool *pool = (struct coir_pool *)8;
    (void)arg;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        MUST_BE(coir_pool_open(wrong[i], NULL, &pool), -EINVAL);
        MUST(!pool && *coir_error_detail());
    }
    if (core_cast() != CORE_THREADS) { /* a runtime without a helper; those with one are in process_pool_test.c */
        MUST_BE(coir_pool_open("processes:2", NULL, &pool), -ENOTSUP);
        MUST(strstr(coir_error_detail(), "without the option processes"));
    }
    MUST_BE(coir_pool_open("ranks", NULL, &pool), -ENOTSUP);
    MUST_BE(coir_pool_open("threads", &(struct coir_pool_options){.start_arg_size = 65537}, &pool), -EINVAL);
    if (core_cast() == CORE_THREADS) {
        MUST_BE(coir_pool_open("fibers", NULL, &pool), -EINVAL);
        MUST(strstr(coir_error_detail(), "runtime"));
    } else {
        MUST_BE(coir_pool_open("fibers", NULL, &pool), 0);
        MUST_BE(coir_pool_workers(pool), (size_t)coir_runtime_workers(coir_runtime_self()) * 16);
        coir_pool_close(pool);
    }
    MUST_BE(coir_pool_open("threads:4096", NULL, &pool), 0); /* none is begun yet */
    MUST_BE(coir_pool_workers(pool), 4096);
    coir_pool_close(pool);
    return 0;
}

START_TEST(what_cannot_be_opened)
{
    core_play((enum core_cast)_i, open_wrongly, NULL);
}
END_TEST

static int
map_nothing_wide(void *arg)
{
    struct coir_pool *pool;
    (void)arg;
    MUST_BE(coir_pool_open("threads:1", NULL, &pool), 0);
    return coir_pool_map(pool, crew_add_up, NULL, 0, 5, COIR_NEVER);
}

START_TEST(misuse_stops_the_process)
{
    core_must_die(map_nothing_wide, NULL, SIGABRT, "5 items of 0 bytes");
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_loop_test(cases, a_job_works_on_a_copy_that_becomes_the_value, 0, CREW_PLAYS);
    tcase_add_loop_test(cases, shutdown_takes_no_more_and_waits_for_what_it_has, 0, CREW_PLAYS);
    tcase_add_loop_test(cases, a_failure_brings_its_sentence_along, 0, CREW_PLAYS);
    tcase_add_loop_test(cases, a_job_finds_nothing_of_the_one_before, 0, CREW_PLAYS);
    tcase_add_loop_test(cases, as_many_at_once_as_there_are_workers_and_what_waits_can_be_canceled, 0, CREW_PLAYS);
    tcase_add_loop_test(cases, start_runs_first_in_each_worker, 0, CREW_PLAYS);
    tcase_add_loop_test(cases, an_idle_worker_is_used_before_another_is_begun, 0, CREW_PLAYS);
    tcase_add_loop_test(cases, a_start_that_fails_breaks_the_pool, 0, CREW_PLAYS);
    tcase_add_loop_test(cases, without_memory_or_threads, 0, CREW_PLAYS);
    tcase_add_loop_test(cases, what_cannot_be_opened, 0, CORE_CASTS);
    tcase_add_test(cases, misuse_stops_the_process);
}

int
main(void)
{
    return core_main("pool", add);
}
