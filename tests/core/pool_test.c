/* pool_test.c: what coir/pool.h promises, for pools of threads and of fibers, used by fibers of one worker, of four, by
 * threads, and mixed. What Python's ThreadPoolExecutor and multiprocessing.Pool say of the same is a case here. */
#include "core.h"

#include <coir/future.h>
#include <coir/pool.h>
#include <coir/semaphore.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "sched/task.h"

enum { KINDS = 2 };
static const char *const kinds[KINDS] = {"threads", "fibers"};

/* A play of a kind of pool. */
struct play {
    const char *kind;
};

static struct coir_pool *
open_pool(const struct play *play, int workers, const struct coir_pool_options *options)
{
    struct coir_pool *pool;
    char text[32];
    snprintf(text, sizeof text, workers ? "%s:%d" : "%s", play->kind, workers);
    MUST_BE(coir_pool_open(text, options, &pool), 0);
    MUST(pool && coir_pool_workers(pool) > 0 && (!workers || coir_pool_workers(pool) == (size_t)workers));
    return pool;
}

/* Each kind with each cast; plain threads have no fibers. */
static void
play_pool(int which, coir_function *director)
{
    struct play play = {kinds[which / CORE_CASTS]};
    enum core_cast cast = (enum core_cast)(which % CORE_CASTS);
    if (cast != CORE_THREADS || which < CORE_CASTS)
        core_play(cast, director, &play);
}

struct sum {
    int a, b, answer;
};

static int
add_up(void *arg)
{
    struct sum *sum = arg;
    sum->answer = sum->a + sum->b;
    return sum->answer > 1000 ? -ERANGE : sum->answer;
}

/* ---- Submit and call ---- */

static int
submit_some(void *arg)
{
    enum { MANY = 300 };
    struct coir_pool *pool = open_pool(arg, 0, &(struct coir_pool_options){.name = "sums"});
    struct coir_future *futures[MANY];
    struct sum sum;
    for (int i = 0; i < MANY; i++) {
        sum = (struct sum){i, 2 * i, -1};
        MUST_BE(coir_pool_submit(pool, add_up, &sum, sizeof sum, &futures[i], core_soon()), 0);
        MUST_BE(sum.answer, -1); /* it works on a copy */
    }
    for (int i = 0; i < MANY; i++) {
        MUST_BE(coir_future_get(futures[i], &sum, sizeof sum, core_soon()), 3 * i);
        MUST(sum.a == i && sum.answer == 3 * i);
        coir_future_free(futures[i]);
    }
    for (int i = 0; i < 100; i++) {
        sum = (struct sum){i, 1, -1};
        MUST_BE(coir_pool_call(pool, add_up, &sum, sizeof sum, core_soon()), i + 1);
        MUST_BE(sum.answer, i + 1);
    }
    sum = (struct sum){999, 2, -1}; /* a failure leaves it as it was */
    MUST_BE(coir_pool_call(pool, add_up, &sum, sizeof sum, core_soon()), -ERANGE);
    MUST_BE(sum.answer, -1);
    coir_pool_close(pool);
    coir_pool_close(NULL);
    return 0;
}

START_TEST(a_job_works_on_a_copy_that_becomes_the_value)
{
    play_pool(_i, submit_some);
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
    struct coir_pool *pool = open_pool(arg, 3, NULL);
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
    play_pool(_i, submit_pointers);
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
    struct coir_pool *pool = open_pool(arg, 1, NULL);
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
    play_pool(_i, bring_sentence);
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
    struct coir_pool *pool = open_pool(arg, 1, NULL);
    char bytes[64] = {0};
    for (int i = 0; i < 100; i++) {
        struct coir_future *future;
        struct sum sum = {i, i, -1};
        int cancel;
        MUST_BE(coir_pool_submit(pool, fill_up, bytes, sizeof bytes, NULL, core_soon()), 0);
        MUST_BE(coir_pool_submit(pool, fill_up, bytes, sizeof bytes, &future, core_soon()), 0);
        cancel = coir_future_cancel(future);
        MUST(!cancel || cancel == -EBUSY || cancel == -EALREADY);
        coir_future_free(future);
        MUST_BE(coir_pool_call(pool, do_nothing, NULL, 0, core_soon()), 0);
        MUST_BE(coir_pool_call(pool, add_up, &sum, sizeof sum, core_soon()), 2 * i);
        MUST(sum.a == i && sum.answer == 2 * i);
    }
    coir_pool_close(pool);
    return 0;
}

START_TEST(a_job_finds_nothing_of_the_one_before)
{
    play_pool(_i, use_blocks_again);
}
END_TEST

/* ---- How many workers ---- */

struct door {
    struct coir_event open;
    struct coir_semaphore inside;
    int now, most; /* atomic */
};

static void
open_door(struct door *door)
{
    *door = (struct door){.open = COIR_EVENT_INIT, .inside = COIR_SEMAPHORE_INIT(0, 0)};
}

static int
wait_at_door(void *arg)
{
    struct door *door = arg;
    int now = __atomic_add_fetch(&door->now, 1, __ATOMIC_SEQ_CST),
        most = __atomic_load_n(&door->most, __ATOMIC_SEQ_CST);
    while (now > most &&
           !__atomic_compare_exchange_n(&door->most, &most, now, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        continue;
    MUST_BE(coir_semaphore_release(&door->inside), 0);
    MUST_BE(coir_event_wait(&door->open, core_soon()), 0);
    __atomic_sub_fetch(&door->now, 1, __ATOMIC_SEQ_CST);
    return 7;
}

static int
fill_workers(void *arg)
{
    enum { WORKERS = 3, JOBS = 10 };
    struct coir_pool *pool = open_pool(arg, WORKERS, NULL);
    struct coir_future *futures[JOBS];
    struct door door;
    open_door(&door);
    for (int i = 0; i < JOBS; i++)
        MUST_BE(coir_pool_submit(pool, wait_at_door, &door, 0, &futures[i], core_soon()), 0);
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
    play_pool(_i, fill_workers);
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
    struct coir_pool *pool = open_pool(arg, 8, &options);
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
    play_pool(_i, start_each);
}
END_TEST

/* With a worker that rests another is not begun: seen by the roll of those that started. */
static int
use_the_idle_one(void *arg)
{
    struct roll starts = {.count = 0}, *pointer = &starts;
    struct coir_pool_options options = {.start = sign_start, .start_arg = &pointer};
    struct coir_pool *pool = open_pool(arg, 8, &options);
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
    play_pool(_i, use_the_idle_one);
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
    struct coir_pool *pool = open_pool(arg, 2, &(struct coir_pool_options){.name = "broken", .start = fail_to_start});
    struct coir_future *future;
    int error = coir_pool_submit(pool, add_up, &(struct sum){1, 2, 0}, sizeof(struct sum), &future, core_soon());
    MUST_BE(error, 0);
    MUST_BE(coir_future_get(future, NULL, 0, core_soon()), -ENODEV);
    MUST_BE(coir_pool_submit(pool, add_up, &(struct sum){1, 2, 0}, sizeof(struct sum), NULL, core_soon()), -ENODEV);
    MUST(strstr(coir_error_detail(), "'broken'"));
    MUST_BE(coir_pool_shutdown(pool, core_soon()), 0);
    coir_future_free(future);
    coir_pool_close(pool);
    return 0;
}

START_TEST(a_start_that_fails_breaks_the_pool)
{
    play_pool(_i, break_at_start);
}
END_TEST

/* ---- Capacity, deadlines, cancel ---- */

struct submitting {
    struct coir_pool *pool;
    struct door *door;
};

static int
submit_for_ever(void *arg)
{
    struct submitting *own = arg;
    return coir_pool_submit(own->pool, wait_at_door, own->door, 0, NULL, COIR_NEVER);
}

static int
reach_capacity(void *arg)
{
    struct coir_pool *pool = open_pool(arg, 1, &(struct coir_pool_options){.capacity = 2});
    struct core_actor actors[3];
    struct door door;
    struct submitting own = {pool, &door};
    open_door(&door);
    MUST_BE(coir_pool_submit(pool, wait_at_door, &door, 0, NULL, COIR_NOW), 0);
    MUST_BE(coir_semaphore_acquire(&door.inside, core_soon()), 0); /* begun: does not count any more */
    for (int i = 0; i < 2; i++)
        MUST_BE(coir_pool_submit(pool, wait_at_door, &door, 0, NULL, COIR_NOW), 0);
    MUST_BE(coir_pool_submit(pool, wait_at_door, &door, 0, NULL, COIR_NOW), -EAGAIN);
    MUST_BE(coir_pool_submit(pool, wait_at_door, &door, 0, NULL, coir_after(COIR_MS)), -ETIMEDOUT);
    core_start_all(actors, 3, submit_for_ever, &own);
    for (int i = 0; i < 3; i++)
        core_await_waiting(&actors[i]);
    core_cancel(&actors[1]);
    MUST_BE(core_end(&actors[1]), -ECANCELED);
    coir_event_set(&door.open);
    MUST_BE(core_end(&actors[0]), 0);
    MUST_BE(core_end(&actors[2]), 0);
    MUST_BE(coir_pool_shutdown(pool, core_soon()), 0);
    MUST_BE(door.inside.permits, 4); /* five have run, one was acquired */
    coir_pool_close(pool);
    return 0;
}

START_TEST(submit_waits_while_capacity_is_reached)
{
    play_pool(_i, reach_capacity);
}
END_TEST

struct meeting {
    struct coir_event *here, *there;
};

static int
meet(void *arg)
{
    struct meeting *meeting = arg;
    coir_event_set(meeting->here);
    return coir_event_wait(meeting->there, core_soon());
}

/* The second waits for room when the only worker that has begun takes the first: that lets it in, and needs another. */
static int
let_in_who_is_needed(void *arg)
{
    struct coir_pool *pool = open_pool(arg, 2, &(struct coir_pool_options){.capacity = 1});
    for (long round = 0; round < core_rounds(200); round++) {
        struct coir_event events[2] = {COIR_EVENT_INIT, COIR_EVENT_INIT};
        struct coir_future *futures[2];
        for (int i = 0; i < 2; i++) {
            struct meeting meeting = {&events[i], &events[!i]};
            MUST_BE(coir_pool_submit(pool, meet, &meeting, sizeof meeting, &futures[i], core_soon()), 0);
        }
        for (int i = 0; i < 2; i++) {
            MUST_BE(coir_future_get(futures[i], NULL, 0, core_soon()), 0);
            coir_future_free(futures[i]);
        }
    }
    coir_pool_close(pool);
    return 0;
}

START_TEST(a_job_that_is_let_in_finds_a_worker)
{
    play_pool(_i, let_in_who_is_needed);
}
END_TEST

static int
submit_and_be_refused(void *arg)
{
    struct coir_pool *pool = open_pool(arg, 1, &(struct coir_pool_options){.capacity = 1});
    struct core_actor actors[2];
    struct coir_future *waiting;
    struct door door;
    struct submitting own = {pool, &door};
    open_door(&door);
    MUST_BE(coir_pool_submit(pool, wait_at_door, &door, 0, NULL, COIR_NOW), 0);
    MUST_BE(coir_semaphore_acquire(&door.inside, core_soon()), 0);
    MUST_BE(coir_pool_submit(pool, wait_at_door, &door, 0, &waiting, COIR_NOW), 0);
    core_start_all(actors, 2, submit_for_ever, &own);
    for (int i = 0; i < 2; i++)
        core_await_waiting(&actors[i]);
    MUST_BE(coir_pool_shutdown(pool, COIR_NOW), -EAGAIN);
    MUST_BE(coir_pool_shutdown(pool, coir_after(COIR_MS)), -ETIMEDOUT);
    for (int i = 0; i < 2; i++)
        MUST_BE(core_end(&actors[i]), -EPIPE);
    coir_event_set(&door.open);
    MUST_BE(coir_pool_shutdown(pool, core_soon()), 0);
    MUST_BE(coir_future_get(waiting, NULL, 0, COIR_NOW), 7); /* it was inside, so it was done */
    coir_future_free(waiting);
    coir_pool_close(pool);
    return 0;
}

START_TEST(shutdown_turns_away_those_who_wait_to_submit)
{
    play_pool(_i, submit_and_be_refused);
}
END_TEST

static int
close_with_jobs(void *arg)
{
    struct coir_pool *pool = open_pool(arg, 1, NULL);
    struct coir_future *futures[5];
    struct door door;
    open_door(&door);
    for (int i = 0; i < 5; i++)
        MUST_BE(coir_pool_submit(pool, wait_at_door, &door, 0, &futures[i], COIR_NOW), 0);
    MUST_BE(coir_semaphore_acquire(&door.inside, core_soon()), 0);
    MUST_BE(coir_pool_call(pool, wait_at_door, &door, 0, coir_after(COIR_MS)), -ETIMEDOUT); /* and is canceled */
    coir_event_set(&door.open);
    coir_pool_close(pool); /* cancels what has not begun, waits for what runs */
    for (int i = 0; i < 5; i++) {
        int result = coir_future_get(futures[i], NULL, 0, COIR_NOW); /* futures outlive the pool, all done */
        MUST(result == 7 || (i && result == -ECANCELED));
        coir_future_free(futures[i]);
    }
    return 0;
}

START_TEST(close_cancels_what_has_not_begun)
{
    play_pool(_i, close_with_jobs);
}
END_TEST

/* A call gives up in the middle of a job: that one goes on with its copy. */
static int
wait_and_write(void *arg)
{
    struct door *door = *(struct door **)arg;
    (void)wait_at_door(door);
    memset(arg, 0xff, sizeof(struct door *));
    return 0;
}

static int
give_up_a_call(void *arg)
{
    struct coir_pool *pool = open_pool(arg, 1, NULL);
    struct door door, *pointer = &door;
    open_door(&door);
    MUST_BE(coir_pool_call(pool, wait_and_write, &pointer, sizeof pointer, coir_after(5 * COIR_MS)), -ETIMEDOUT);
    coir_event_set(&door.open);
    MUST_BE(coir_pool_shutdown(pool, core_soon()), 0);
    MUST(pointer == &door);
    coir_pool_close(pool);
    return 0;
}

START_TEST(a_call_that_gives_up_leaves_the_argument_as_it_was)
{
    play_pool(_i, give_up_a_call);
}
END_TEST

static int
call_when_canceled(void *arg)
{
    struct sum sums[3] = {{1, 2, 0}, {3, 4, 0}, {5, 6, 0}};
    while (!coir_is_canceled())
        (void)coir_yield();
    MUST_BE(coir_pool_submit(arg, add_up, sums, sizeof sums[0], NULL, COIR_NEVER), -ECANCELED);
    MUST_BE(coir_pool_call(arg, add_up, sums, sizeof sums[0], COIR_NEVER), -ECANCELED);
    MUST_BE(coir_pool_map(arg, add_up, sums, sizeof sums[0], 3, COIR_NEVER), -ECANCELED);
    MUST_BE(coir_pool_submit(arg, add_up, sums, sizeof sums[0], NULL, COIR_NOW), 0);
    MUST_BE(sums[0].answer, 0);
    MUST_BE(coir_pool_shutdown(arg, COIR_NEVER), -ECANCELED); /* it is shut down all the same */
    MUST_BE(coir_pool_submit(arg, add_up, sums, sizeof sums[0], NULL, COIR_NOW), -EPIPE);
    coir_pool_close(arg); /* works for whom is canceled */
    return 0;
}

static int
cancel_a_caller(void *arg)
{
    struct coir_pool *pool = open_pool(arg, 2, NULL);
    struct core_actor actor;
    core_start(&actor, call_when_canceled, pool);
    core_cancel(&actor);
    MUST_BE(core_end(&actor), 0);
    return 0;
}

START_TEST(a_canceled_task_is_told_so_first)
{
    play_pool(_i, cancel_a_caller);
}
END_TEST

/* ---- Maps ---- */

static int
map_some(void *arg)
{
    static const size_t counts[] = {0, 1, 2, 7, 64, 1000, 4096}, chunks[] = {0, 1, 3, 5000}, capacities[] = {0, 1, 5};
    static struct sum sums[4096];
    for (size_t k = 0; k < sizeof chunks / sizeof chunks[0]; k++)
        for (size_t c = 0; c < 3; c++) {
            struct coir_pool_options options = {.chunk = chunks[k], .capacity = capacities[c]};
            struct coir_pool *pool = open_pool(arg, c ? 2 : 0, &options);
            for (size_t n = 0; n < sizeof counts / sizeof counts[0]; n++) {
                for (int i = 0; i < (int)counts[n]; i++)
                    sums[i] = (struct sum){i % 500, i % 300, -1};
                MUST_BE(coir_pool_map(pool, add_up, sums, sizeof sums[0], counts[n], core_soon()), 0);
                for (int i = 0; i < (int)counts[n]; i++)
                    MUST(sums[i].a == i % 500 && sums[i].answer == i % 500 + i % 300);
            }
            coir_pool_close(pool);
        }
    return 0;
}

START_TEST(a_map_changes_each_item_in_place)
{
    play_pool(_i, map_some);
}
END_TEST

struct number {
    int number, *calls; /* atomic */
};

static int
fail_at_some(void *arg)
{
    struct number *own = arg;
    __atomic_add_fetch(own->calls, 1, __ATOMIC_SEQ_CST);
    return own->number < 0 ? own->number : 0;
}

/* The first failure in the order of the items, whichever comes first in time; the rest is canceled. */
static int
fail_in_a_map(void *arg)
{
    enum { MANY = 2000 };
    struct coir_pool *pool = open_pool(arg, 2, &(struct coir_pool_options){.chunk = 2});
    static struct number numbers[MANY];
    int calls = 0;
    for (int i = 0; i < MANY; i++)
        numbers[i] = (struct number){i > 100 ? -EIO : i == 100 ? -ERANGE : i, &calls};
    MUST_BE(coir_pool_map(pool, fail_at_some, numbers, sizeof numbers[0], MANY, core_soon()), -ERANGE);
    MUST_BE(coir_pool_shutdown(pool, core_soon()), 0);
    MUST(calls >= 101 && calls < 200); /* not one by one to the end */
    coir_pool_close(pool);
    return 0;
}

START_TEST(the_first_failure_ends_a_map)
{
    play_pool(_i, fail_in_a_map);
}
END_TEST

struct slow {
    struct door *door;
    int done;
};

static int
wait_if_last(void *arg)
{
    struct slow *slow = arg;
    if (slow->door)
        (void)wait_at_door(slow->door);
    slow->done = 1;
    return 0;
}

static int
map_too_late(void *arg)
{
    struct coir_pool *pool = open_pool(arg, 1, &(struct coir_pool_options){.chunk = 1});
    struct slow items[20] = {{NULL, 0}};
    struct door door;
    open_door(&door);
    items[10].door = &door;
    MUST_BE(coir_pool_map(pool, wait_if_last, items, sizeof items[0], 20, coir_after(20 * COIR_MS)), -ETIMEDOUT);
    coir_event_set(&door.open);
    MUST_BE(coir_pool_shutdown(pool, core_soon()), 0);
    for (int i = 10; i < 20; i++)
        MUST(!items[i].done); /* as it was: the job had a copy */
    coir_pool_close(pool);
    return 0;
}

START_TEST(a_map_that_gives_up_leaves_no_half_items)
{
    play_pool(_i, map_too_late);
}
END_TEST

static int
map_one(void *arg)
{
    struct sum sums[40];
    for (int i = 0; i < 40; i++)
        sums[i] = (struct sum){i, i, -1};
    MUST_BE(coir_pool_map(arg, add_up, sums, sizeof sums[0], 40, core_soon()), 0);
    for (int i = 0; i < 40; i++)
        MUST_BE(sums[i].answer, 2 * i);
    return 0;
}

static int
map_together(void *arg)
{
    struct coir_pool *pool = open_pool(arg, 2, &(struct coir_pool_options){.capacity = 3});
    for (long round = 0; round < core_rounds(200); round++) {
        struct core_actor actors[4];
        core_start_all(actors, 4, map_one, pool);
        for (int i = 0; i < 4; i++)
            MUST_BE(core_end(&actors[i]), 0);
    }
    coir_pool_close(pool);
    return 0;
}

START_TEST(many_may_map_at_once)
{
    play_pool(_i, map_together);
}
END_TEST

/* ---- Races ---- */

struct yard {
    struct coir_pool *pool;
    long ran, canceled; /* atomic */
};

static int
run_once(void *arg)
{
    struct yard *yard = *(struct yard **)arg;
    __atomic_add_fetch(&yard->ran, 1, __ATOMIC_SEQ_CST);
    return 1;
}

/* Each job is run once or canceled, and says so. */
static int
submit_and_cancel(void *arg)
{
    struct yard *yard = arg;
    for (int i = 0; i < 100; i++) {
        struct coir_future *future;
        int cancel, result;
        MUST_BE(coir_pool_submit(yard->pool, run_once, &yard, sizeof yard, &future, core_soon()), 0);
        if (coir_random(2))
            (void)coir_yield();
        cancel = coir_future_cancel(future);
        MUST(!cancel || cancel == -EBUSY || cancel == -EALREADY);
        result = coir_future_get(future, NULL, 0, core_soon());
        MUST_BE(result, cancel ? 1 : -ECANCELED);
        if (!cancel)
            __atomic_add_fetch(&yard->canceled, 1, __ATOMIC_SEQ_CST);
        coir_future_free(future);
    }
    return 0;
}

static int
race_cancels(void *arg)
{
    for (long round = 0; round < core_rounds(40); round++) {
        struct yard yard = {open_pool(arg, 2, &(struct coir_pool_options){.capacity = 4}), 0, 0};
        struct core_actor actors[3];
        core_start_all(actors, 3, submit_and_cancel, &yard);
        for (int i = 0; i < 3; i++)
            MUST_BE(core_end(&actors[i]), 0);
        coir_pool_close(yard.pool);
        MUST_BE(yard.ran + yard.canceled, 300);
    }
    return 0;
}

START_TEST(a_job_runs_once_or_is_canceled)
{
    play_pool(_i, race_cancels);
}
END_TEST

static int
submit_until_shut(void *arg)
{
    struct yard *yard = arg;
    for (;;) {
        int error = coir_pool_submit(yard->pool, run_once, &yard, sizeof yard, NULL, core_soon());
        if (error) {
            MUST_BE(error, -EPIPE);
            return 0;
        }
        __atomic_add_fetch(&yard->canceled, 1, __ATOMIC_SEQ_CST); /* submitted, this time */
    }
}

static int
race_shutdown(void *arg)
{
    for (long round = 0; round < core_rounds(100); round++) {
        struct yard yard = {open_pool(arg, 1 + (int)coir_random(3), &(struct coir_pool_options){.capacity = 2}), 0, 0};
        struct core_actor actors[3];
        core_start_all(actors, 3, submit_until_shut, &yard);
        for (uint64_t i = coir_random(20); i; i--)
            (void)coir_yield();
        MUST_BE(coir_pool_shutdown(yard.pool, core_soon()), 0);
        for (int i = 0; i < 3; i++)
            MUST_BE(core_end(&actors[i]), 0);
        MUST_BE(yard.ran, yard.canceled); /* all that were taken are done */
        coir_pool_close(yard.pool);
    }
    return 0;
}

START_TEST(what_was_taken_before_shutdown_is_done)
{
    play_pool(_i, race_shutdown);
}
END_TEST

/* ---- Faults and misuse ---- */

static int
lack_things(void *arg)
{
    struct coir_pool *pool;
    struct coir_future *future;
    struct sum sum = {1, 2, 0};
    const struct play *play = arg;
    bool threads = strcmp(play->kind, "threads") == 0;
    (void)coir_self();
    cr_fault_arm(1u << CR_FAULT_MEMORY, 1, true);
    MUST_BE(coir_pool_open(play->kind, NULL, &pool), -ENOMEM);
    MUST(!pool);
    (void)cr_fault_disarm();
    pool = open_pool(play, 2, NULL);
    cr_fault_arm(1u << CR_FAULT_MEMORY, 1, true);
    MUST_BE(coir_pool_submit(pool, add_up, &sum, sizeof sum, &future, COIR_NEVER), -ENOMEM);
    MUST(!future);
    MUST_BE(coir_pool_map(pool, add_up, &sum, sizeof sum, 1, COIR_NEVER), -ENOMEM);
    (void)cr_fault_disarm();
    if (threads) { /* no thread can be had for the first worker: the job says so, and the next one tries again */
        cr_fault_arm(1u << CR_FAULT_THREAD, 1, false);
        MUST_BE(coir_pool_submit(pool, add_up, &sum, sizeof sum, &future, core_soon()), 0);
        MUST(coir_future_get(future, NULL, 0, core_soon()) < 0);
        MUST(strstr(coir_error_detail(), "no worker"));
        (void)cr_fault_disarm();
        coir_future_free(future);
    }
    MUST_BE(coir_pool_call(pool, add_up, &sum, sizeof sum, core_soon()), 3);
    coir_pool_close(pool);
    return 0;
}

START_TEST(without_memory_or_threads)
{
    play_pool(_i, lack_things);
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
    return coir_pool_map(pool, add_up, NULL, 0, 5, COIR_NEVER);
}

START_TEST(misuse_stops_the_process)
{
    core_must_die(map_nothing_wide, NULL, SIGABRT, "5 items of 0 bytes");
}
END_TEST

static void
add(TCase *cases)
{
    enum { ALL = KINDS * CORE_CASTS };
    tcase_add_loop_test(cases, a_job_works_on_a_copy_that_becomes_the_value, 0, ALL);
    tcase_add_loop_test(cases, shutdown_takes_no_more_and_waits_for_what_it_has, 0, ALL);
    tcase_add_loop_test(cases, a_failure_brings_its_sentence_along, 0, ALL);
    tcase_add_loop_test(cases, a_job_finds_nothing_of_the_one_before, 0, ALL);
    tcase_add_loop_test(cases, as_many_at_once_as_there_are_workers_and_what_waits_can_be_canceled, 0, ALL);
    tcase_add_loop_test(cases, start_runs_first_in_each_worker, 0, ALL);
    tcase_add_loop_test(cases, an_idle_worker_is_used_before_another_is_begun, 0, ALL);
    tcase_add_loop_test(cases, a_start_that_fails_breaks_the_pool, 0, ALL);
    tcase_add_loop_test(cases, submit_waits_while_capacity_is_reached, 0, ALL);
    tcase_add_loop_test(cases, a_job_that_is_let_in_finds_a_worker, 0, ALL);
    tcase_add_loop_test(cases, shutdown_turns_away_those_who_wait_to_submit, 0, ALL);
    tcase_add_loop_test(cases, close_cancels_what_has_not_begun, 0, ALL);
    tcase_add_loop_test(cases, a_call_that_gives_up_leaves_the_argument_as_it_was, 0, ALL);
    tcase_add_loop_test(cases, a_canceled_task_is_told_so_first, 0, ALL);
    tcase_add_loop_test(cases, a_map_changes_each_item_in_place, 0, ALL);
    tcase_add_loop_test(cases, the_first_failure_ends_a_map, 0, ALL);
    tcase_add_loop_test(cases, a_map_that_gives_up_leaves_no_half_items, 0, ALL);
    tcase_add_loop_test(cases, many_may_map_at_once, 0, ALL);
    tcase_add_loop_test(cases, a_job_runs_once_or_is_canceled, 0, ALL);
    tcase_add_loop_test(cases, what_was_taken_before_shutdown_is_done, 0, ALL);
    tcase_add_loop_test(cases, without_memory_or_threads, 0, ALL);
    tcase_add_loop_test(cases, what_cannot_be_opened, 0, CORE_CASTS);
    tcase_add_test(cases, misuse_stops_the_process);
}

int
main(void)
{
    return core_main("pool", add);
}
