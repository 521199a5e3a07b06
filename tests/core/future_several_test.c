/* future_several_test.c: waiting for several futures at once, all, any, each as it comes; and several tasks at one future: who
 * sets and who cancels it, who frees it. */
#include "core.h"

#include <coir/future.h>
#include <coir/queue.h>
#include <errno.h>

/* ---- Several futures ---- */

static int
wait_all_of(void *arg)
{
    return coir_future_wait_all(arg, 4, core_soon());
}

static int
wait_any_of(void *arg)
{
    return coir_future_wait_any(arg, 4, core_soon());
}

static int
wait_for_all(void *arg)
{
    struct coir_future *futures[4] = {coir_future_new(0), NULL, coir_future_new(0), coir_future_new(0)};
    struct core_actor actor;
    (void)arg;
    MUST_BE(coir_future_wait_all(futures, 0, COIR_NOW), 0);
    MUST_BE(coir_future_wait_all(futures, 4, COIR_NOW), -EAGAIN);
    MUST_BE(coir_future_wait_all(futures, 4, coir_after(COIR_MS)), -ETIMEDOUT);
    core_start(&actor, wait_all_of, futures);
    core_await_waiting(&actor);
    MUST_BE(coir_future_set(futures[3], 1, NULL), 0);
    MUST_BE(coir_future_set(futures[0], -EIO, NULL), 0); /* a failure is done, too */
    MUST_BE(coir_future_wait_all(futures, 4, COIR_NOW), -EAGAIN);
    MUST_BE(coir_future_cancel(futures[2]), 0);
    MUST_BE(core_end(&actor), 0);
    MUST_BE(coir_future_wait_all(futures, 4, COIR_NOW), 0);
    MUST_BE(coir_future_get(futures[0], NULL, 0, COIR_NOW), -EIO);
    for (int i = 0; i < 4; i++)
        coir_future_free(futures[i]);
    return 0;
}

START_TEST(wait_all_returns_when_all_are_done)
{
    core_play((enum core_cast)_i, wait_for_all, NULL);
}
END_TEST

static int
wait_for_any(void *arg)
{
    struct coir_future *futures[4] = {coir_future_new(0), NULL, coir_future_new(0), coir_future_new(0)};
    struct coir_future *none[2] = {NULL, NULL};
    struct core_actor actors[3];
    (void)arg;
    MUST_BE(coir_future_wait_any(none, 2, COIR_NEVER), -EPIPE);
    MUST_BE(coir_future_wait_any(none, 0, COIR_NOW), -EPIPE);
    MUST_BE(coir_future_wait_any(futures, 4, COIR_NOW), -EAGAIN);
    MUST_BE(coir_future_wait_any(futures, 4, core_past()), -ETIMEDOUT);
    MUST_BE(coir_future_wait_any(futures, 4, coir_after(COIR_MS)), -ETIMEDOUT);
    core_start_all(actors, 3, wait_any_of, futures);
    for (int i = 0; i < 3; i++)
        core_await_waiting(&actors[i]);
    core_cancel(&actors[1]);
    MUST_BE(core_end(&actors[1]), -ECANCELED);
    MUST_BE(coir_future_set(futures[2], 0, NULL), 0);
    MUST_BE(core_end(&actors[0]), 2);
    MUST_BE(core_end(&actors[2]), 2);
    MUST_BE(coir_future_cancel(futures[0]), 0);
    MUST_BE(coir_future_wait_any(futures, 4, COIR_NEVER), 0);
    for (int i = 0; i < 4; i++)
        coir_future_free(futures[i]);
    return 0;
}

START_TEST(wait_any_returns_with_the_first)
{
    core_play((enum core_cast)_i, wait_for_any, NULL);
}
END_TEST

struct setting {
    struct coir_future **futures;
    size_t count;
};

static int
set_all_at_random(void *arg)
{
    struct setting *setting = arg;
    size_t first = (size_t)coir_random(setting->count);
    for (size_t i = 0; i < setting->count; i++) {
        size_t which = (first + i) % setting->count;
        int value = (int)which;
        MUST_BE(coir_future_set(setting->futures[which], 0, &value), 0);
        if (coir_random(2))
            (void)coir_yield();
    }
    return 0;
}

/* As they are done one takes them out of the set: each comes once. Few of them, and more than need no memory. */
static int
take_as_completed(void *arg)
{
    enum { MOST = 20 };
    (void)arg;
    for (long round = 0; round < core_rounds(1000); round++) {
        struct coir_future *futures[MOST], *left[MOST];
        struct setting setting = {futures, round % 2 ? 3 : MOST};
        struct core_actor actor;
        bool seen[MOST] = {false};
        for (size_t i = 0; i < setting.count; i++)
            left[i] = futures[i] = coir_future_new(sizeof(int));
        core_start(&actor, set_all_at_random, &setting);
        for (size_t i = 0; i < setting.count; i++) {
            int value = -1, which = coir_future_wait_any(left, setting.count, core_soon());
            MUST(which >= 0 && left[which] && !seen[which]);
            MUST_BE(coir_future_get(left[which], &value, sizeof value, COIR_NOW), 0);
            MUST_BE(value, which);
            seen[which] = true;
            left[which] = NULL;
            coir_future_free(futures[which]); /* at once: who has set it does not touch it any more */
        }
        MUST_BE(coir_future_wait_any(left, setting.count, COIR_NEVER), -EPIPE);
        MUST_BE(core_end(&actor), 0);
    }
    return 0;
}

START_TEST(as_completed_each_comes_once)
{
    core_play((enum core_cast)_i, take_as_completed, NULL);
}
END_TEST

/* ---- Several tasks ---- */

struct race {
    struct coir_future *future;
    int winners, canceled; /* atomic */
    long seed;
};

static int
set_or_cancel(void *arg)
{
    struct race *race = arg;
    int who = __atomic_add_fetch(&race->seed, 1, __ATOMIC_SEQ_CST) % 3 == 0 ? 0 : (int)coir_random(100) + 1;
    int result;
    if (coir_random(2))
        (void)coir_yield();
    result = who ? coir_future_set(race->future, who, &who) : coir_future_cancel(race->future);
    if (!result && who)
        __atomic_add_fetch(&race->winners, 1, __ATOMIC_SEQ_CST);
    else if (!result)
        __atomic_add_fetch(&race->canceled, 1, __ATOMIC_SEQ_CST);
    else
        MUST(result == -EALREADY || (result == -ECANCELED && who));
    return 0;
}

static int
get_in_bits(void *arg)
{
    struct race *race = arg;
    for (;;) {
        int value = 0;
        int result = coir_future_wait(race->future, coir_after((coir_time)coir_random(20) * COIR_US));
        if (result == -ETIMEDOUT)
            continue;
        MUST_BE(result, 0);
        result = coir_future_get(race->future, &value, sizeof value, COIR_NOW);
        MUST(result == -ECANCELED || (result > 0 && value == result)); /* what one of them has set, whole */
        return result;
    }
}

static int
race_to_set(void *arg)
{
    (void)arg;
    for (long i = 0; i < core_rounds(3000); i++) {
        struct race race = {.future = coir_future_new(sizeof(int)), .seed = i};
        struct core_actor setters[3], getters[2];
        int first;
        core_start_all(getters, 2, get_in_bits, &race);
        core_start_all(setters, 3, set_or_cancel, &race);
        for (int k = 0; k < 3; k++)
            MUST_BE(core_end(&setters[k]), 0);
        first = core_end(&getters[0]);
        MUST_BE(core_end(&getters[1]), first); /* all see the same */
        MUST(race.winners == 1 ? first > 0 && !race.canceled : !race.winners && race.canceled && first == -ECANCELED);
        coir_future_free(race.future);
    }
    return 0;
}

START_TEST(set_and_cancel_race_and_one_wins)
{
    core_play((enum core_cast)_i, race_to_set, NULL);
}
END_TEST

static int
set_each(void *arg)
{
    struct coir_queue *futures = arg;
    struct coir_future *future;
    while (coir_queue_get(futures, &future, COIR_NEVER) == 0) {
        int value = 7;
        MUST_BE(coir_future_set(future, 0, &value), 0);
    }
    return 0;
}

/* Who has the result frees the future, though the call that has set it may not have returned. */
static int
free_at_once(void *arg)
{
    struct coir_queue *futures = coir_queue_new(sizeof(struct coir_future *), 4, NULL);
    long rounds = core_freed(40000, CORE_CASTS);
    struct core_actor setter;
    (void)arg;
    core_start(&setter, set_each, futures);
    for (long i = 0; i < rounds; i++) {
        struct coir_future *future = coir_future_new(sizeof(int));
        int value = 0;
        MUST_BE(coir_queue_put(futures, &future, core_soon()), 0);
        if (i % 3 == 0)
            while (!coir_future_is_done(future))
                (void)coir_yield();
        MUST_BE(coir_future_get(future, &value, sizeof value, core_soon()), 0);
        MUST_BE(value, 7);
        coir_future_free(future);
    }
    coir_queue_shutdown(futures);
    MUST_BE(core_end(&setter), 0);
    coir_queue_free(futures);
    return 0;
}

START_TEST(who_has_the_result_frees_it)
{
    core_play((enum core_cast)_i, free_at_once, NULL);
}
END_TEST

/* Two holders, each frees when it has looked. */
static int
look_and_free(void *arg)
{
    int value = 0, result = coir_future_get(arg, &value, sizeof value, core_soon());
    coir_future_free(arg);
    return result ? result : value;
}

static int
share_it(void *arg)
{
    (void)arg;
    for (long i = 0; i < core_rounds(2000); i++) {
        struct coir_future *future = coir_future_new(sizeof(int));
        struct core_actor actors[2];
        int value = 3;
        MUST(coir_future_share(future) == future);
        (void)coir_future_share(future);
        core_start_all(actors, 2, look_and_free, future);
        MUST_BE(coir_future_set(future, 0, &value), 0);
        coir_future_free(future);
        for (int k = 0; k < 2; k++)
            MUST_BE(core_end(&actors[k]), 3);
    }
    return 0;
}

START_TEST(the_last_holder_frees_it)
{
    core_play((enum core_cast)_i, share_it, NULL);
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_loop_test(cases, wait_all_returns_when_all_are_done, 0, CORE_CASTS);
    tcase_add_loop_test(cases, wait_any_returns_with_the_first, 0, CORE_CASTS);
    tcase_add_loop_test(cases, as_completed_each_comes_once, 0, CORE_CASTS);
    tcase_add_loop_test(cases, set_and_cancel_race_and_one_wins, 0, CORE_CASTS);
    tcase_add_loop_test(cases, who_has_the_result_frees_it, 0, CORE_CASTS);
    tcase_add_loop_test(cases, the_last_holder_frees_it, 0, CORE_CASTS);
}

int
main(void)
{
    return core_main("future_several", add);
}
