/* park_bodies.c: sleeping and waking as such, between plain threads: every wait ends exactly once, by a waker, by its
 * deadline, by cancel, or because the sleeper gives it up itself. */
#include <coir/event.h>
#include <coir/task.h>
#include <errno.h>
#include <string.h>

#include "bodies.h"
#include "sched/park.h"

/* The smallest primitive: a guard and a list. */
static struct {
    CR_ATOMIC(uintptr_t) word;
    uintptr_t first;
    uint32_t rounds;
    uint32_t woken[2], claims;             /* by how many a sleeper was woken; how many claims succeeded */
    CR_ATOMIC(struct coir_task *) sleeper; /* who is to be canceled */
    struct coir_event event;
} spot;

static void
clear_spot(uint32_t rounds)
{
    memset(&spot, 0, sizeof spot);
    spot.rounds = rounds;
}

static int
sleep_once(coir_time deadline)
{
    struct cr_wait wait;
    int result;
    (void)cr_guard_take(&spot.word);
    cr_wait_begin(&wait, cr_task_self());
    cr_waiters_append(&spot.first, &wait);
    cr_guard_release(&spot.word, 0);
    result = cr_park(&wait, deadline);
    if (cr_wait_is_linked(&wait)) {
        (void)cr_guard_take(&spot.word);
        cr_waiters_remove(&spot.first, &wait);
        cr_guard_release(&spot.word, 0);
    }
    return result;
}

/* Whether somebody was there to be woken. */
static bool
wake_one(int result)
{
    struct coir_task *task;
    (void)cr_guard_take(&spot.word);
    task = cr_waiters_claim(&spot.first, result);
    cr_guard_release(&spot.word, 0);
    if (!task)
        return false;
    spot.claims++;
    cr_unpark(task);
    return true;
}

static void
sleep_in_rounds(void *arg)
{
    (void)arg;
    for (uint32_t i = 0; i < spot.rounds; i++)
        CR_CHECK_IS(sleep_once(COIR_NEVER), (int)i + 1);
}

static void
wake_in_rounds(void *arg)
{
    (void)arg;
    for (uint32_t i = 0; i < spot.rounds;)
        if (wake_one((int)i + 1))
            i++;
        else
            cr_relax();
}

static void
park_2x4(void *arg)
{
    (void)arg;
    clear_spot(4);
    play_two(sleep_in_rounds, wake_in_rounds, NULL);
}

/* Sleeps so many times, each ended by a waker or by the deadline. */
static void
doze(uint32_t number)
{
    for (uint32_t i = 0; i < spot.rounds; i++) {
        int result = sleep_once(coir_after(COIR_MS));
        CR_CHECK_THAT(result == 1 || result == -ETIMEDOUT);
        spot.woken[number] += result == 1;
    }
}

static void
doze_0(void *arg)
{
    (void)arg;
    doze(0);
}

static void
doze_1(void *arg)
{
    (void)arg;
    doze(1);
}

static void
try_to_wake(void *arg)
{
    (void)arg;
    for (uint32_t i = 0; i < spot.rounds; i++)
        (void)wake_one(1);
}

/* As many were woken as claims succeeded: none lost, none doubled. */
static void
timeout_2x4(void *arg)
{
    (void)arg;
    clear_spot(4);
    play_two(doze_0, try_to_wake, NULL);
    CR_CHECK_IS(spot.woken[0], spot.claims);
    CR_CHECK_THAT(!spot.first);
}

static void
timeout_3x3(void *arg)
{
    (void)arg;
    clear_spot(3);
    play_three(doze_0, doze_1, try_to_wake, NULL);
    CR_CHECK_IS(spot.woken[0] + spot.woken[1], spot.claims);
    CR_CHECK_THAT(!spot.first);
}

/* ---- Cancel ---- */

static struct coir_task *
await_sleeper(void)
{
    struct coir_task *task;
    while (!(task = cr_load_acq(&spot.sleeper)))
        cr_relax();
    return task;
}

static void
cancel_sleeper(void *arg)
{
    (void)arg;
    coir_cancel(await_sleeper());
}

/* Nobody wakes it: only the cancel can end its waits, and it ends all of them. */
static void
be_canceled(void *arg)
{
    (void)arg;
    cr_store_rel(&spot.sleeper, coir_self());
    for (uint32_t i = 0; i < spot.rounds; i++)
        CR_CHECK_IS(coir_event_wait(&spot.event, COIR_NEVER), -ECANCELED);
}

static void
cancel_2(void *arg)
{
    (void)arg;
    clear_spot(2);
    play_two(be_canceled, cancel_sleeper, NULL);
    CR_CHECK_THAT(!spot.event.words[1]);
}

/* Wake-up, deadline and cancel come together. After a cancel the next wait is canceled, too. */
static void
race(void *arg)
{
    bool canceled = false;
    (void)arg;
    cr_store_rel(&spot.sleeper, coir_self());
    for (uint32_t i = 0; i < spot.rounds; i++) {
        int result = sleep_once(coir_after(COIR_MS));
        CR_CHECK_THAT(result == 1 || result == -ETIMEDOUT || result == -ECANCELED);
        CR_CHECK_THAT(!canceled || result != -ETIMEDOUT);
        canceled |= result == -ECANCELED;
        spot.woken[0] += result == 1;
    }
}

static void
race_3x3(void *arg)
{
    (void)arg;
    clear_spot(3);
    play_three(race, try_to_wake, cancel_sleeper, NULL);
    CR_CHECK_IS(spot.woken[0], spot.claims);
    CR_CHECK_THAT(!spot.first);
}

/* A wait inside a shield is not ended by a cancel that has seen the one before. */
static void
wait_and_shield(void *arg)
{
    int result;
    (void)arg;
    cr_store_rel(&spot.sleeper, coir_self());
    result = sleep_once(COIR_NEVER);
    CR_CHECK_THAT(result == 1 || result == -ECANCELED);
    spot.woken[0] = result == 1;
    {
        COIR_SHIELD();
        result = sleep_once(coir_after(COIR_MS));
        CR_CHECK_THAT(result == 1 || result == -ETIMEDOUT);
        spot.woken[0] += result == 1;
    }
}

static void
cancel_shielded(void *arg)
{
    (void)arg;
    clear_spot(1);
    play_three(wait_and_shield, try_to_wake, cancel_sleeper, NULL);
    CR_CHECK_IS(spot.woken[0], spot.claims);
}

/* The same without a waker: the first wait ends by its deadline while the cancel looks at it. */
static void
time_out_and_shield(void *arg)
{
    int result;
    (void)arg;
    cr_store_rel(&spot.sleeper, coir_self());
    result = sleep_once(coir_after(COIR_MS));
    CR_CHECK_THAT(result == -ETIMEDOUT || result == -ECANCELED);
    COIR_SHIELD();
    CR_CHECK_IS(sleep_once(coir_after(COIR_MS)), -ETIMEDOUT);
}

static void
cancel_late(void *arg)
{
    (void)arg;
    clear_spot(1);
    play_two(time_out_and_shield, cancel_sleeper, NULL);
}

/* ---- A wait that is given up before it is on any list ---- */

static void
begin_and_abandon(void *arg)
{
    (void)arg;
    cr_store_rel(&spot.sleeper, coir_self());
    for (uint32_t i = 0; i < spot.rounds; i++) {
        struct cr_wait wait;
        cr_wait_begin(&wait, cr_task_self());
        cr_wait_abandon(&wait);
    }
    CR_CHECK_IS(coir_event_wait(&spot.event, COIR_NEVER), -ECANCELED);
}

static void
abandon(void *arg)
{
    (void)arg;
    clear_spot(2);
    play_two(begin_and_abandon, cancel_sleeper, NULL);
}

const struct body park_bodies[] = {
    {"park-2x4", park_2x4, false, 3, 1},      {"timeout-2x4", timeout_2x4, true, 2, 1},
    {"timeout-3x3", timeout_3x3, true, 1, 1}, {"cancel-2", cancel_2, false, 3, 2},
    {"race-3x3", race_3x3, true, 1, 1},       {"cancel-shielded", cancel_shielded, true, 2, 1},
    {"cancel-late", cancel_late, true, 2, 1}, {"abandon", abandon, false, 3, 2},
};
const uint32_t park_count = sizeof park_bodies / sizeof park_bodies[0];
