/* job_test.c: futures and pools in a virtual world. Fibers of some workers and plain threads wait, set, cancel, submit and shut
 * down at moments which the seed chooses; what each is told must be true, and at the end nothing is left.
 *
 * A future is set or canceled, once; all who look see the same; each callback is called once; who was told may free it. A job
 * runs once or not at all, as its submitter is told; no more of them run than there are workers; what a pool has taken
 * before it was shut down is done when that says so. Many seeds of each, and each failure says how to repeat it. */
#include "sim/seed.h"

#include <check.h>
#include <coir/event.h>
#include <coir/future.h>
#include <coir/pool.h>
#include <coir/runtime.h>
#include <coir/semaphore.h>
#include <coir/task.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../core/core.h"
#include "backend/backend.h"
#include "base/choose.h"
#include "sim/idle.h"

enum { ACTORS = 6, SEEDS = 2000, LONG = 50000, REPEATED = 10 };

/* ---- A scene and its actors ---- */

struct actor {
    int number;
    coir_function *function;
    struct coir_task *task; /* a fiber; or */
    struct cr_sim_thread *thread;
    bool is_canceled;
};

static struct {
    struct coir_semaphore ended;
    struct actor actors[ACTORS];
} scene;

static bool
one_in(uint32_t n, const char *what)
{
    return cr_choose(n, what) == 0;
}

static coir_time
in_a_moment(void)
{
    return coir_after((coir_time)cr_choose(3000, "a moment") * COIR_US);
}

static coir_time
some_deadline(void)
{
    uint32_t kind = cr_choose(4, "deadline");
    return kind == 0 ? COIR_NEVER : kind == 1 ? COIR_NOW : in_a_moment();
}

static int
act(void *arg)
{
    struct actor *actor = arg;
    (void)actor->function(actor);
    MUST_BE(coir_semaphore_release(&scene.ended), 0);
    return 0;
}

static void
act_on_thread(void *arg)
{
    (void)act(arg);
}

static void
start_actors(coir_function *function)
{
    scene.ended = (struct coir_semaphore)COIR_SEMAPHORE_INIT(0, 0);
    for (int i = 0; i < ACTORS; i++) {
        struct actor *actor = &scene.actors[i];
        *actor = (struct actor){.number = i, .function = function};
        if (coir_runtime_self() && !one_in(4, "thread"))
            MUST_BE(coir_go_spread(act, actor, NULL, &actor->task), 0);
        else
            actor->thread = cr_sim_start(act_on_thread, actor, "actor");
    }
}

static void
cancel_some(void)
{
    for (int i = 0; i < ACTORS; i++)
        if (scene.actors[i].task && one_in(6, "cancel")) {
            scene.actors[i].is_canceled = true;
            coir_cancel(scene.actors[i].task);
        }
}

static void
end_actors(void)
{
    for (int i = 0; i < ACTORS; i++)
        MUST_BE(coir_semaphore_acquire(&scene.ended, COIR_NEVER), 0);
    for (int i = 0; i < ACTORS; i++)
        if (scene.actors[i].task)
            MUST_BE(coir_join(scene.actors[i].task, NULL, COIR_NEVER), 0);
        else
            cr_sim_join(scene.actors[i].thread);
}

/* Whether a wait that answered so may have: it is over with 0, or for the reason it gives. */
static void
must_be_true(const struct actor *actor, int result, coir_time deadline)
{
    MUST(result == 0 || (result == -EAGAIN && deadline == COIR_NOW) ||
         (result == -ETIMEDOUT && deadline != COIR_NEVER && coir_now() >= deadline) ||
         (result == -ECANCELED && actor->is_canceled));
}

/* In a runtime, or on a plain thread. */
static void
play_scene(void *arg)
{
    uint32_t workers = cr_choose(4, "workers");
    coir_function *play = *(coir_function **)arg;
    if (workers)
        MUST_BE(coir_run(play, NULL, &(struct coir_runtime_options){.workers = (int)workers}), 0);
    else
        MUST_BE(play(NULL), 0);
}

/* ---- Futures ---- */

enum { PROMISES = 4, ROUNDS = 8 };

static struct promise {
    struct coir_future *future;
    int number;
    int set, canceled; /* by how many, as they were told */
    int seen;          /* the first result that was seen; 0: none so far */
    int asked, called; /* callbacks */
} promises[PROMISES];

static void
see(struct promise *promise)
{
    long value = -1;
    int result = coir_future_get(promise->future, &value, sizeof value, COIR_NOW);
    MUST(result == -ECANCELED || result == -EIO || (result == promise->number && value == 7 * result));
    if (!promise->seen)
        promise->seen = result;
    MUST_BE(result, promise->seen);
}

static void
called_back(struct coir_future *future, void *arg)
{
    struct promise *promise = arg;
    MUST(coir_future_is_done(future));
    promise->called++;
}

static void
set(struct promise *promise)
{
    long value = 7 * promise->number;
    int result = coir_future_set(promise->future, one_in(4, "failure") ? -EIO : promise->number, &value);
    MUST(result == 0 || result == -EALREADY || result == -ECANCELED);
    promise->set += result == 0;
}

static void
cancel(struct promise *promise)
{
    int result = coir_future_cancel(promise->future);
    MUST(result == 0 || result == -EALREADY);
    promise->canceled += result == 0;
}

static int
wait_for_some(coir_time deadline)
{
    struct coir_future *some[PROMISES];
    size_t count = 0;
    int result;
    for (uint32_t i = 0, left_out = cr_choose(2 * PROMISES, "left out"); i < PROMISES; i++)
        some[count++] = i == left_out ? NULL : promises[i].future;
    if (one_in(2, "any")) {
        result = coir_future_wait_any(some, count, deadline);
        if (result < 0)
            return result;
        MUST(some[result] && coir_future_is_done(some[result]));
        see(&promises[result]);
        return 0;
    }
    result = coir_future_wait_all(some, count, deadline);
    for (size_t i = 0; !result && i < count; i++)
        MUST(!some[i] || coir_future_is_done(some[i]));
    return result;
}

static int
wait_for_one(struct promise *promise, coir_time deadline)
{
    int result = coir_future_wait(promise->future, deadline);
    if (!result)
        see(promise);
    return result;
}

static int
have_futures(void *arg)
{
    struct actor *actor = arg;
    for (int round = 0; round < ROUNDS; round++) {
        struct promise *promise = &promises[cr_choose(PROMISES, "promise")];
        coir_time deadline = some_deadline();
        switch (cr_choose(12, "what")) {
        case 0:
            set(promise);
            break;
        case 1:
            cancel(promise);
            break;
        case 2:
            promise->asked++;
            MUST_BE(coir_future_on_done(promise->future, called_back, promise), 0);
            break;
        case 3:
        case 4:
        case 5:
            must_be_true(actor, wait_for_some(deadline), deadline);
            break;
        case 6:
        case 7:
        case 8:
            must_be_true(actor, wait_for_one(promise, deadline), deadline);
            break;
        default:
            deadline = in_a_moment();
            must_be_true(actor, coir_sleep(deadline), deadline);
        }
    }
    for (int i = 0; i < PROMISES; i++) /* its shares; a waiter may just have been told */
        coir_future_free(promises[i].future);
    return 0;
}

static int
play_futures(void *arg)
{
    (void)arg;
    for (int i = 0; i < PROMISES; i++) {
        promises[i] = (struct promise){.number = i + 1, .future = coir_future_new(sizeof(long))};
        MUST(promises[i].future);
        for (int k = 0; k < ACTORS; k++)
            (void)coir_future_share(promises[i].future);
    }
    start_actors(have_futures);
    MUST_BE(coir_sleep(in_a_moment()), 0);
    cancel_some();
    MUST_BE(coir_sleep(in_a_moment()), 0);
    for (int i = 0; i < PROMISES; i++)
        set(&promises[i]); /* nobody waits for ever */
    end_actors();
    for (int i = 0; i < PROMISES; i++) {
        struct promise *promise = &promises[i];
        see(promise);
        MUST_BE(promise->set, promise->seen != -ECANCELED);
        MUST_BE(promise->canceled > 0, promise->seen == -ECANCELED);
        MUST_BE(promise->called, promise->asked);
        coir_future_free(promise->future);
    }
    return 0;
}

/* ---- Pools ---- */

enum { EACH = 6, JOBS = ACTORS * EACH, ITEMS = 5 };

static struct {
    struct coir_pool *pool;
    int workers, started, running;
    bool starts, is_shut, is_closed;
    struct job {
        int ran;
        bool taken; /* it has no future, and was submitted */
    } jobs[JOBS];
} yard;

static int
begin_worker(void *arg)
{
    (void)arg;
    MUST(++yard.started <= yard.workers);
    return 0;
}

/* Sleeps for some time, on whatever it runs. */
static void
dawdle(void)
{
    MUST(++yard.running <= yard.workers && !yard.is_closed);
    if (one_in(2, "slow"))
        MUST_BE(coir_sleep(in_a_moment()), 0);
    yard.running--;
}

static int
run_job(void *arg)
{
    int number = *(int *)arg;
    MUST(!yard.starts || yard.started);
    MUST_BE(++yard.jobs[number].ran, 1);
    dawdle();
    *(int *)arg = number + 1000;
    return number % 5 == 4 ? -EIO : number;
}

static int
add_one(void *arg)
{
    dawdle();
    ++*(int *)arg;
    return 0;
}

/* Whether a failure to hand something in may be. */
static void
must_be_refused(const struct actor *actor, int result, coir_time deadline)
{
    MUST(result < 0 && result != -EIO);
    if (result != -EPIPE)
        must_be_true(actor, result, deadline);
    MUST(result != -EPIPE || yard.is_shut);
}

static void
leave_job(struct actor *actor, int number, coir_time deadline)
{
    int result = coir_pool_submit(yard.pool, run_job, &number, sizeof number, NULL, deadline);
    yard.jobs[number].taken = result == 0;
    if (result)
        must_be_refused(actor, result, deadline);
}

static void
await_job(struct actor *actor, int number, coir_time deadline)
{
    struct coir_future *future;
    int value = number, result = coir_pool_submit(yard.pool, run_job, &number, sizeof number, &future, deadline);
    COIR_SHIELD();
    if (result) {
        must_be_refused(actor, result, deadline);
        MUST(!future && !yard.jobs[number].ran);
        return;
    }
    if (one_in(3, "cancel"))
        (void)coir_future_cancel(future);
    if (one_in(2, "pause"))
        MUST_BE(coir_sleep(in_a_moment()), 0);
    MUST_BE(coir_future_wait(future, COIR_NEVER), 0);
    result = coir_future_get(future, &value, sizeof value, COIR_NOW);
    MUST_BE(yard.jobs[number].ran, result != -ECANCELED);
    MUST(result == -ECANCELED || result == (number % 5 == 4 ? -EIO : number));
    MUST_BE(value, result >= 0 ? number + 1000 : number);
    coir_future_free(future);
}

static void
call_job(struct actor *actor, int number, coir_time deadline)
{
    int value = number, result = coir_pool_call(yard.pool, run_job, &value, sizeof value, deadline);
    MUST_BE(value, result >= 0 ? number + 1000 : number);
    if (result >= 0 || result == -EIO)
        MUST(result == (number % 5 == 4 ? -EIO : number) && yard.jobs[number].ran);
    else
        must_be_refused(actor, result, deadline);
}

static void
map_items(struct actor *actor, coir_time deadline)
{
    int items[ITEMS] = {0}, result = coir_pool_map(yard.pool, add_one, items, sizeof items[0], ITEMS, deadline),
        done = 0;
    if (result)
        must_be_refused(actor, result, deadline);
    for (int i = 0; i < ITEMS; i++) {
        MUST(items[i] == 0 || items[i] == 1);
        done += items[i];
    }
    MUST(result || done == ITEMS);
}

/* Two jobs that wait for each other: no worker may rest while one of them waits in the line. Only one actor at a time, or
 * halves of several pairs would fill the workers. */
static int
meet(void *arg)
{
    struct coir_event **events = arg;
    coir_event_set(events[0]);
    return coir_event_wait(events[1], COIR_NEVER);
}

static void
let_meet(struct actor *actor)
{
    struct coir_event here = COIR_EVENT_INIT, there = COIR_EVENT_INIT, *ones[] = {&here, &there},
                      *others[] = {&there, &here};
    struct coir_future *futures[2] = {NULL, NULL};
    for (int i = 0; i < 2; i++) {
        int result = coir_pool_submit(yard.pool, meet, i ? others : ones, sizeof ones, &futures[i], COIR_NEVER);
        COIR_SHIELD();
        if (!result)
            continue;
        must_be_refused(actor, result, COIR_NEVER);
        coir_event_set(&there); /* the first need not wait for it */
        break;
    }
    COIR_SHIELD();
    MUST_BE(coir_future_wait_all(futures, 2, COIR_NEVER), 0);
    for (int i = 0; i < 2; i++)
        coir_future_free(futures[i]);
}

static int
hand_in_jobs(void *arg)
{
    struct actor *actor = arg;
    for (int i = 0; i < EACH; i++) {
        int number = actor->number * EACH + i;
        coir_time deadline = some_deadline();
        switch (cr_choose(7, "what")) {
        case 0:
        case 1:
            leave_job(actor, number, deadline);
            break;
        case 2:
            await_job(actor, number, deadline);
            break;
        case 3:
            call_job(actor, number, deadline);
            break;
        case 4:
            map_items(actor, deadline);
            break;
        case 5:
            if (actor->number == 0 && yard.workers > 1)
                let_meet(actor);
            break;
        default:
            deadline = in_a_moment();
            must_be_true(actor, coir_sleep(deadline), deadline);
        }
    }
    return 0;
}

static void
open_yard(void)
{
    bool fibers = coir_runtime_self() && one_in(2, "fibers");
    char text[32];
    memset(&yard, 0, sizeof yard);
    yard.workers = 1 + (int)cr_choose(3, "workers of the pool");
    yard.starts = one_in(2, "start");
    snprintf(text, sizeof text, "%s:%d", fibers ? "fibers" : "threads", yard.workers);
    MUST_BE(coir_pool_open(text,
                           &(struct coir_pool_options){.capacity = 1 + cr_choose(3, "capacity"),
                                                       .chunk = cr_choose(3, "chunk"),
                                                       .start = yard.starts ? begin_worker : NULL},
                           &yard.pool),
            0);
}

/* When it says so, all that it had taken is done. */
static void
shut_down(coir_time deadline)
{
    int result;
    yard.is_shut = true;
    result = coir_pool_shutdown(yard.pool, deadline);
    MUST(result == 0 || result == -ETIMEDOUT || result == -EAGAIN);
    MUST(result == 0 || deadline != COIR_NEVER);
    if (result == 0)
        MUST_BE(yard.running, 0);
    for (int i = 0; result == 0 && i < JOBS; i++)
        MUST_BE(yard.jobs[i].ran || !yard.jobs[i].taken, true);
}

static int
play_pool(void *arg)
{
    (void)arg;
    open_yard();
    start_actors(hand_in_jobs);
    MUST_BE(coir_sleep(in_a_moment()), 0);
    if (one_in(2, "cancel some"))
        cancel_some();
    if (one_in(2, "shut down early"))
        shut_down(some_deadline());
    end_actors();
    if (one_in(2, "shut down"))
        shut_down(some_deadline());
    coir_pool_close(yard.pool);
    yard.is_closed = true;
    MUST_BE(yard.running, 0);
    return 0;
}

/* ---- Seeds ---- */

static coir_function *futures_play = play_futures, *pool_play = play_pool;

static const struct cr_sim_scenario scenarios[] = {
    {.name = "futures", .play = play_scene, .arg = &futures_play, .limit = 10 * COIR_SECOND},
    {.name = "pools", .play = play_scene, .arg = &pool_play, .limit = 10 * COIR_SECOND},
};
enum { SCENARIOS = sizeof scenarios / sizeof scenarios[0] };

START_TEST(many_seeds)
{
    struct cr_sim_tally tally = cr_sim_seeds(&scenarios[_i], 1, core_is_long() ? LONG : SEEDS, true);
    printf("%s: %llu seeds, %.0f thousand choices, %.1f s of virtual time in %.1f s of CPU\n", scenarios[_i].name,
           (unsigned long long)tally.runs, (double)tally.choices / 1e3, (double)tally.virtual_time / 1e9,
           (double)tally.cpu_time / 1e9);
    ck_assert_msg(!tally.failures, "seed %llu: %s", (unsigned long long)tally.first_failure, tally.text);
}
END_TEST

START_TEST(a_seed_repeats)
{
    MUST(cr_sim_repeats(&scenarios[_i % SCENARIOS], (uint64_t)(_i / SCENARIOS)));
}
END_TEST

static void
add(TCase *cases)
{
    tcase_set_timeout(cases, core_is_long() ? 1500 : 60);
    tcase_add_loop_test(cases, many_seeds, 0, SCENARIOS);
    tcase_add_loop_test(cases, a_seed_repeats, SCENARIOS, SCENARIOS * (1 + REPEATED));
}

int
main(void)
{
    cr_backend_install(&cr_backend_idle);
    coir_log_set_level(COIR_LOG_ERROR); /* futures whose failure nobody has looked at are no news here */
    return core_main("sim_job", add);
}
