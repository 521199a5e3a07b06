/* pool_wait_test.c: waiting for room in a pool, for its jobs and for its end: capacity, deadlines, cancel, shutdown, and all of
 * these at once. */
#include "crew.h"

#include <coir/future.h>
#include <string.h>

/* ---- Capacity, deadlines, cancel ---- */

struct submitting {
    struct coir_pool *pool;
    struct crew_door *door;
};

static int
submit_for_ever(void *arg)
{
    struct submitting *own = arg;
    return coir_pool_submit(own->pool, crew_wait_at_door, own->door, 0, NULL, COIR_NEVER);
}

static int
reach_capacity(void *arg)
{
    struct coir_pool *pool = crew_open(arg, 1, &(struct coir_pool_options){.capacity = 2});
    struct core_actor actors[3];
    struct crew_door door;
    struct submitting own = {pool, &door};
    crew_door_init(&door);
    MUST_BE(coir_pool_submit(pool, crew_wait_at_door, &door, 0, NULL, COIR_NOW), 0);
    MUST_BE(coir_semaphore_acquire(&door.inside, core_soon()), 0); /* begun: does not count any more */
    for (int i = 0; i < 2; i++)
        MUST_BE(coir_pool_submit(pool, crew_wait_at_door, &door, 0, NULL, COIR_NOW), 0);
    MUST_BE(coir_pool_submit(pool, crew_wait_at_door, &door, 0, NULL, COIR_NOW), -EAGAIN);
    MUST_BE(coir_pool_submit(pool, crew_wait_at_door, &door, 0, NULL, coir_after(COIR_MS)), -ETIMEDOUT);
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
    crew_play(_i, reach_capacity);
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
    struct coir_pool *pool = crew_open(arg, 2, &(struct coir_pool_options){.capacity = 1});
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
    crew_play(_i, let_in_who_is_needed);
}
END_TEST

static int
submit_and_be_refused(void *arg)
{
    struct coir_pool *pool = crew_open(arg, 1, &(struct coir_pool_options){.capacity = 1});
    struct core_actor actors[2];
    struct coir_future *waiting;
    struct crew_door door;
    struct submitting own = {pool, &door};
    crew_door_init(&door);
    MUST_BE(coir_pool_submit(pool, crew_wait_at_door, &door, 0, NULL, COIR_NOW), 0);
    MUST_BE(coir_semaphore_acquire(&door.inside, core_soon()), 0);
    MUST_BE(coir_pool_submit(pool, crew_wait_at_door, &door, 0, &waiting, COIR_NOW), 0);
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
    crew_play(_i, submit_and_be_refused);
}
END_TEST

static int
close_with_jobs(void *arg)
{
    struct coir_pool *pool = crew_open(arg, 1, NULL);
    struct coir_future *futures[5];
    struct crew_door door;
    crew_door_init(&door);
    for (int i = 0; i < 5; i++)
        MUST_BE(coir_pool_submit(pool, crew_wait_at_door, &door, 0, &futures[i], COIR_NOW), 0);
    MUST_BE(coir_semaphore_acquire(&door.inside, core_soon()), 0);
    MUST_BE(coir_pool_call(pool, crew_wait_at_door, &door, 0, coir_after(COIR_MS)), -ETIMEDOUT); /* and is canceled */
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
    crew_play(_i, close_with_jobs);
}
END_TEST

/* A call gives up in the middle of a job: that one goes on with its copy. */
static int
wait_and_write(void *arg)
{
    struct crew_door *door = *(struct crew_door **)arg;
    (void)crew_wait_at_door(door);
    memset(arg, 0xff, sizeof(struct crew_door *));
    return 0;
}

static int
give_up_a_call(void *arg)
{
    struct coir_pool *pool = crew_open(arg, 1, NULL);
    struct crew_door door, *pointer = &door;
    crew_door_init(&door);
    MUST_BE(coir_pool_call(pool, wait_and_write, &pointer, sizeof pointer, coir_after(5 * COIR_MS)), -ETIMEDOUT);
    coir_event_set(&door.open);
    MUST_BE(coir_pool_shutdown(pool, core_soon()), 0);
    MUST(pointer == &door);
    coir_pool_close(pool);
    return 0;
}

START_TEST(a_call_that_gives_up_leaves_the_argument_as_it_was)
{
    crew_play(_i, give_up_a_call);
}
END_TEST

static int
call_when_canceled(void *arg)
{
    struct crew_sum sums[3] = {{1, 2, 0}, {3, 4, 0}, {5, 6, 0}};
    while (!coir_is_canceled())
        (void)coir_yield();
    MUST_BE(coir_pool_submit(arg, crew_add_up, sums, sizeof sums[0], NULL, COIR_NEVER), -ECANCELED);
    MUST_BE(coir_pool_call(arg, crew_add_up, sums, sizeof sums[0], COIR_NEVER), -ECANCELED);
    MUST_BE(coir_pool_map(arg, crew_add_up, sums, sizeof sums[0], 3, COIR_NEVER), -ECANCELED);
    MUST_BE(coir_pool_submit(arg, crew_add_up, sums, sizeof sums[0], NULL, COIR_NOW), 0);
    MUST_BE(sums[0].answer, 0);
    MUST_BE(coir_pool_shutdown(arg, COIR_NEVER), -ECANCELED); /* it is shut down all the same */
    MUST_BE(coir_pool_submit(arg, crew_add_up, sums, sizeof sums[0], NULL, COIR_NOW), -EPIPE);
    coir_pool_close(arg); /* works for whom is canceled */
    return 0;
}

static int
cancel_a_caller(void *arg)
{
    struct coir_pool *pool = crew_open(arg, 2, NULL);
    struct core_actor actor;
    core_start(&actor, call_when_canceled, pool);
    core_cancel(&actor);
    MUST_BE(core_end(&actor), 0);
    return 0;
}

START_TEST(a_canceled_task_is_told_so_first)
{
    crew_play(_i, cancel_a_caller);
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
        struct yard yard = {crew_open(arg, 2, &(struct coir_pool_options){.capacity = 4}), 0, 0};
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
    crew_play(_i, race_cancels);
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
        struct yard yard = {crew_open(arg, 1 + (int)coir_random(3), &(struct coir_pool_options){.capacity = 2}), 0, 0};
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
    crew_play(_i, race_shutdown);
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_loop_test(cases, submit_waits_while_capacity_is_reached, 0, CREW_PLAYS);
    tcase_add_loop_test(cases, a_job_that_is_let_in_finds_a_worker, 0, CREW_PLAYS);
    tcase_add_loop_test(cases, shutdown_turns_away_those_who_wait_to_submit, 0, CREW_PLAYS);
    tcase_add_loop_test(cases, close_cancels_what_has_not_begun, 0, CREW_PLAYS);
    tcase_add_loop_test(cases, a_call_that_gives_up_leaves_the_argument_as_it_was, 0, CREW_PLAYS);
    tcase_add_loop_test(cases, a_canceled_task_is_told_so_first, 0, CREW_PLAYS);
    tcase_add_loop_test(cases, a_job_runs_once_or_is_canceled, 0, CREW_PLAYS);
    tcase_add_loop_test(cases, what_was_taken_before_shutdown_is_done, 0, CREW_PLAYS);
}

int
main(void)
{
    return core_main("pool_wait", add);
}
