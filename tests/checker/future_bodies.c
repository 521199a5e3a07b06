/* future_bodies.c: futures between plain threads: one of those that set and cancel wins, all that wait see the same and
 * whole, each callback is called once, and whoever is the last to need a future frees it at once. */
#include <coir/future.h>
#include <coir/log.h>
#include <coir/task.h>
#include <errno.h>
#include <string.h>

#include "bodies.h"
#include "sync/future.h"

static struct {
    struct coir_future *future, *other;
} counter;

static void
new_future(uint32_t holders)
{
    memset(&counter, 0, sizeof counter);
    counter.future = coir_future_new(sizeof(uint64_t));
    while (--holders)
        (void)coir_future_share(counter.future);
}

static void
drop(void)
{
    coir_future_free(counter.future);
}

/* Its result is what was set with it, whole. */
static int
look(coir_time deadline)
{
    uint64_t value = 0;
    int result = coir_future_get(counter.future, &value, sizeof value, deadline);
    if (result >= 0)
        CR_CHECK_IS(value, (uint64_t)result * UINT64_C(0x100000001));
    return result;
}

static bool
set(struct coir_future *future, int result)
{
    uint64_t value = (uint64_t)result * UINT64_C(0x100000001);
    int error = coir_future_set(future, result, &value);
    CR_CHECK_THAT(error == 0 || error == -EALREADY || error == -ECANCELED);
    return !error;
}

/* ---- Set, get, free ---- */

static void
set_3(void *arg)
{
    (void)arg;
    CR_CHECK_THAT(set(counter.future, 3)); /* and does not touch it when somebody has it */
}

static void
get_and_free(void *arg)
{
    (void)arg;
    CR_CHECK_IS(look(COIR_NEVER), 3);
    drop();
}

static void
future_free(void *arg)
{
    (void)arg;
    new_future(1);
    play_two(set_3, get_and_free, NULL);
}

static void
future_share(void *arg)
{
    (void)arg;
    new_future(2);
    play_three(set_3, get_and_free, get_and_free, NULL);
}

static void
get_late(void *arg)
{
    int result = look(coir_after(COIR_MS));
    (void)arg;
    CR_CHECK_THAT(result == 3 || result == -ETIMEDOUT);
    if (result == 3)
        CR_CHECK_IS(look(COIR_NOW), 3); /* once done, for good */
    get_and_free(NULL);
}

static void
future_late(void *arg)
{
    (void)arg;
    new_future(1);
    play_two(set_3, get_late, NULL);
}

static void
future_late_3(void *arg)
{
    (void)arg;
    new_future(2);
    play_three(set_3, get_late, get_late, NULL);
}

/* ---- Who wins ---- */

static void
set_5_and_drop(void *arg)
{
    (void)arg;
    if (set(counter.future, 5))
        CR_CHECK_IS(look(COIR_NOW), 5);
    drop();
}

static void
cancel_and_drop(void *arg)
{
    int error = coir_future_cancel(counter.future);
    (void)arg;
    CR_CHECK_THAT(error == 0 || error == -EALREADY);
    if (!error)
        CR_CHECK_IS(look(COIR_NOW), -ECANCELED);
    drop();
}

static void
get_either(void *arg)
{
    int result = look(COIR_NEVER);
    (void)arg;
    CR_CHECK_THAT(result == 5 || result == -ECANCELED);
    CR_CHECK_IS(look(COIR_NOW), result);
    drop();
}

static void
future_cancel(void *arg)
{
    (void)arg;
    new_future(3);
    play_three(set_5_and_drop, cancel_and_drop, get_either, NULL);
}

/* A job against a cancel: a canceled one does not begin, one that has begun is not canceled. */
static void
run_job(void *arg)
{
    (void)arg;
    if (cr_future_begin(counter.future, 0)) {
        CR_SHARED_WRITE_BYTES(counter.future->value, sizeof(uint64_t));
        memcpy(counter.future->value, &(uint64_t){5 * UINT64_C(0x100000001)}, sizeof(uint64_t));
        cr_future_end(counter.future, 5, NULL);
        CR_CHECK_IS(look(COIR_NOW), 5);
    } else {
        CR_CHECK_IS(look(COIR_NOW), -ECANCELED);
    }
    drop();
}

static void
cancel_job_and_drop(void *arg)
{
    int error = coir_future_cancel(counter.future);
    (void)arg;
    CR_CHECK_THAT(error == 0 || error == -EALREADY || error == -EBUSY);
    CR_CHECK_IS(look(COIR_NEVER), error ? 5 : -ECANCELED);
    drop();
}

static void
future_job(void *arg)
{
    (void)arg;
    new_future(3);
    play_three(run_job, cancel_job_and_drop, get_either, NULL);
}

/* The same with one that is begun, put back, and begun again. */
static void
run_job_again(void *arg)
{
    if (cr_future_begin(counter.future, 7))
        cr_future_put_back(counter.future);
    run_job(arg);
}

static void
future_put_back(void *arg)
{
    (void)arg;
    new_future(3);
    play_three(run_job_again, cancel_job_and_drop, get_either, NULL);
}

/* ---- Callbacks ---- */

static uint32_t called[2];

static void
count(struct coir_future *future, void *arg)
{
    CR_CHECK_THAT(coir_future_is_done(future));
    CR_SHARED_WRITE(*(uint32_t *)arg) += 1;
}

static void
add_callbacks(void *arg)
{
    (void)arg;
    for (int i = 0; i < 2; i++)
        CR_CHECK_IS(coir_future_on_done(counter.future, count, &called[i]), 0);
    drop();
}

static void
set_and_drop(void *arg)
{
    (void)arg;
    CR_CHECK_THAT(set(counter.future, 3));
    drop();
}

static void
future_callback(void *arg)
{
    (void)arg;
    called[0] = called[1] = 0;
    new_future(2);
    play_two(set_and_drop, add_callbacks, NULL);
    CR_CHECK_IS(called[0], 1);
    CR_CHECK_IS(called[1], 1);
}

/* The holder lets go in the callback. */
static void
drop_here(struct coir_future *future, void *arg)
{
    (void)arg;
    coir_future_free(future);
}

static void
leave_it_to_a_callback(void *arg)
{
    (void)arg;
    CR_CHECK_IS(coir_future_on_done(counter.future, drop_here, NULL), 0);
}

static void
future_callback_free(void *arg)
{
    (void)arg;
    new_future(2);
    play_two(set_and_drop, leave_it_to_a_callback, NULL);
}

/* The last holder lets go in the first of two: the second finds it all the same. */
static void
future_callback_last(void *arg)
{
    (void)arg;
    called[0] = 0;
    new_future(1);
    CR_CHECK_IS(coir_future_on_done(counter.future, drop_here, NULL), 0);
    CR_CHECK_IS(coir_future_on_done(counter.future, count, &called[0]), 0);
    set_3(NULL);
    CR_CHECK_IS(called[0], 1);
}

/* ---- The first of several ---- */

static void
set_other(void *arg)
{
    (void)arg;
    CR_CHECK_THAT(set(counter.other, 4));
}

static void
await_first(coir_time deadline)
{
    struct coir_future *futures[2] = {counter.future, counter.other};
    int which = coir_future_wait_any(futures, 2, deadline);
    CR_CHECK_THAT(which == 0 || which == 1 || (deadline != COIR_NEVER && which == -ETIMEDOUT));
    if (which < 0)
        which = coir_future_wait_any(futures, 2, COIR_NEVER);
    CR_CHECK_IS(coir_future_get(futures[which], NULL, 0, COIR_NOW), which ? 4 : 3);
    coir_future_free(futures[which]); /* the other one still knows of us, or not: */
    CR_CHECK_IS(coir_future_get(futures[!which], NULL, 0, COIR_NEVER), which ? 3 : 4);
    coir_future_free(futures[!which]);
    if (deadline != COIR_NEVER) { /* no waking is left over for the next wait */
        struct coir_future *never = coir_future_new(0);
        CR_CHECK_IS(coir_future_wait(never, coir_after(COIR_MS)), -ETIMEDOUT);
        coir_future_free(never);
    }
}

static void
await_any(void *arg)
{
    (void)arg;
    await_first(COIR_NEVER);
}

static void
await_any_late(void *arg)
{
    (void)arg;
    await_first(coir_after(COIR_MS));
}

static void
two_futures(void)
{
    new_future(1);
    counter.other = coir_future_new(sizeof(uint64_t));
}

static void
future_any(void *arg)
{
    (void)arg;
    two_futures();
    play_three(set_3, set_other, await_any, NULL);
}

static void
future_any_late(void *arg)
{
    (void)arg;
    two_futures();
    play_three(set_3, set_other, await_any_late, NULL);
}

/* The one that never comes is free of us when the call returns. */
static void
await_any_and_free(void *arg)
{
    struct coir_future *futures[2] = {counter.other, counter.future};
    (void)arg;
    CR_CHECK_IS(coir_future_wait_any(futures, 2, COIR_NEVER), 1);
    coir_future_free(counter.other);
    drop();
}

static void
future_any_free(void *arg)
{
    (void)arg;
    two_futures();
    play_two(set_3, await_any_and_free, NULL);
}

/* ---- Owners ---- */

static int
forget(void *arg)
{
    (void)arg;
    return 0;
}

/* It may not have begun, end right now, or have ended: who waits is told. */
static int
wait_for_who_forgets(void *arg)
{
    struct coir_task *task;
    (void)arg;
    CR_CHECK_IS(coir_go_spread(forget, NULL, NULL, &task), 0);
    coir_future_set_owner(counter.future, task);
    CR_CHECK_IS(look(COIR_NEVER), -EOWNERDEAD);
    CR_CHECK_IS(coir_join(task, NULL, COIR_NEVER), 0);
    drop();
    return 0;
}

static void
future_owner(void *arg)
{
    (void)arg;
    coir_log_set_level((enum coir_log_level)0); /* each is told */
    new_future(1);
    play_run(2, wait_for_who_forgets, NULL);
    CR_CHECK_IS(cr_debt_count, 0);
}

static int
keep_word(void *arg)
{
    (void)arg;
    CR_CHECK_THAT(set(counter.future, 3));
    return 0;
}

/* What was set is not taken back, and nobody looks at it after it has been freed. */
static int
free_what_is_owed(void *arg)
{
    struct coir_task *task;
    bool wanted = arg != NULL;
    CR_CHECK_IS(coir_go_spread(wanted ? keep_word : forget, NULL, NULL, &task), 0);
    coir_future_set_owner(counter.future, task);
    if (wanted)
        CR_CHECK_IS(look(COIR_NEVER), 3);
    drop();
    CR_CHECK_IS(coir_join(task, NULL, COIR_NEVER), 0);
    return 0;
}

static void
future_owner_free(void *arg)
{
    (void)arg;
    coir_log_set_level((enum coir_log_level)0);
    new_future(1);
    play_run(2, free_what_is_owed, NULL);
    CR_CHECK_IS(cr_debt_count, 0);
}

static void
future_owner_pays(void *arg)
{
    static int wanted;
    (void)arg;
    new_future(1);
    play_run(2, free_what_is_owed, &wanted);
    CR_CHECK_IS(cr_debt_count, 0);
}

const struct body future_bodies[] = {
    {"future-free", future_free, false, 3, 2},
    {"future-share", future_share, false, 2, 1},
    {"future-late", future_late, true, 3, 1},
    {"future-late-3", future_late_3, true, 2, 0},
    {"future-cancel", future_cancel, false, 2, 1},
    {"future-job", future_job, false, 2, 1},
    {"future-put-back", future_put_back, false, 2, 1},
    {"future-callback", future_callback, false, 3, 1},
    {"future-callback-free", future_callback_free, false, 3, 1},
    {"future-callback-last", future_callback_last, false, 3, 1},
    {"future-any", future_any, false, 2, 1},
    {"future-any-late", future_any_late, true, 2, 0},
    {"future-any-free", future_any_free, false, 3, 1},
    {"future-owner", future_owner, false, 0, 0},
    {"future-owner-free", future_owner_free, false, 0, 0},
    {"future-owner-pays", future_owner_pays, false, 0, 0},
};
const uint32_t future_count = sizeof future_bodies / sizeof future_bodies[0];
