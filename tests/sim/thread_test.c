/* thread_test.c: virtual threads, the virtual clock, and whole runtimes on them. */
#include "sim/thread.h"

#include <check.h>
#include <coir/mutex.h>
#include <coir/queue.h>
#include <coir/runtime.h>
#include <coir/scope.h>
#include <coir/task.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core/core.h"
#include "backend/backend.h"
#include "sim/idle.h"

static struct cr_sim_outcome
run(uint64_t seed, void (*first)(void *arg), void *arg)
{
    return cr_sim_run(&(struct cr_sim_options){.seed = seed}, first, arg);
}

static struct cr_sim_outcome
run_well(uint64_t seed, void (*first)(void *arg), void *arg)
{
    struct cr_sim_outcome outcome = run(seed, first, arg);
    if (outcome.end != CR_SIM_DONE)
        ck_abort_msg("seed %llu ended as %d: %s", (unsigned long long)seed, outcome.end, outcome.text);
    return outcome;
}

/* ---- Threads alone ---- */

struct pair {
    int turns[2];
    bool open;
};

static void
wait_for_opening(void *arg)
{
    struct pair *pair = arg;
    while (!pair->open)
        (void)cr_sim_wait(pair, COIR_NEVER, "the opening");
    pair->turns[0]++;
}

static void
open_it(void *arg)
{
    struct pair *pair = arg;
    struct cr_sim_thread *threads[3];
    for (int i = 0; i < 3; i++)
        threads[i] = cr_sim_start(wait_for_opening, pair, "waiter");
    for (int i = 0; i < 5; i++)
        cr_sim_point();
    pair->open = true;
    cr_sim_wake(pair, UINT32_MAX);
    for (int i = 0; i < 3; i++)
        cr_sim_join(threads[i]);
    pair->turns[1] = pair->turns[0];
}

START_TEST(threads_wait_and_are_woken)
{
    for (uint64_t seed = 0; seed < 50; seed++) {
        struct pair pair = {{0, 0}, false};
        (void)run_well(seed, open_it, &pair);
        MUST_BE(pair.turns[1], 3);
    }
}
END_TEST

static void
wait_for_nothing(void *arg)
{
    (void)cr_sim_wait(arg, COIR_NEVER, "what never comes");
}

START_TEST(who_waits_for_ever_is_named)
{
    struct cr_sim_outcome outcome = run(1, wait_for_nothing, &outcome);
    MUST_BE(outcome.end, CR_SIM_STUCK);
    MUST(strstr(outcome.text, "first on host 0 waits for what never comes"));
}
END_TEST

static void
give_up(void *arg)
{
    (void)arg;
    cr_sim_fail("%d is not %d", 2, 3);
}

START_TEST(a_failure_ends_the_run)
{
    struct cr_sim_outcome outcome = run(1, give_up, NULL);
    MUST_BE(outcome.end, CR_SIM_FAILED);
    MUST(strstr(outcome.text, "2 is not 3"));
}
END_TEST

static void
choose_without_end(void *arg)
{
    (void)arg;
    for (;;)
        (void)cr_sim_chance(2, "for ever");
}

static void
sleep_without_end(void *arg)
{
    for (;;)
        (void)cr_sim_wait(arg, cr_sim_now() + COIR_SECOND, "a second");
}

START_TEST(limits_end_the_run)
{
    int key;
    struct cr_sim_options options = {.choice_limit = 1000, .limit = COIR_SECOND * 100};
    MUST_BE(cr_sim_run(&options, choose_without_end, NULL).end, CR_SIM_ENDLESS);
    MUST_BE(cr_sim_run(&options, sleep_without_end, &key).end, CR_SIM_LATE);
}
END_TEST

static char order[16];

static void
write_letter(void *arg)
{
    strcat(order, arg);
}

static void
plan(void *arg)
{
    coir_time now = cr_sim_now();
    int key;
    (void)arg;
    cr_sim_at(now + 5, write_letter, "c");
    cr_sim_at(now + 3, write_letter, "a");
    cr_sim_at(now + 5, write_letter, "d");
    cr_sim_at(now + 4, write_letter, "b");
    MUST_BE(cr_sim_wait(&key, now + 5, "five"), -ETIMEDOUT); /* planned last of that moment */
    MUST(!strcmp(order, "abcd"));
    MUST_BE(cr_sim_now(), now + 5);
}

START_TEST(events_come_in_order)
{
    order[0] = '\0';
    (void)run_well(1, plan, NULL);
}
END_TEST

/* ---- Runtimes ---- */

struct shop {
    struct coir_mutex mutex;
    struct coir_queue *queue;
    long made, sold;
    int workers;
};

static int
make_some(void *arg)
{
    struct shop *shop = arg;
    for (int i = 0; i < 20; i++) {
        long item;
        MUST_BE(coir_mutex_lock(&shop->mutex, COIR_NEVER), 0);
        item = ++shop->made;
        coir_mutex_unlock(&shop->mutex);
        MUST_BE(coir_sleep(coir_after((coir_time)coir_random(3) * COIR_SECOND)), 0);
        MUST_BE(coir_queue_put(shop->queue, &item, COIR_NEVER), 0);
    }
    return 0;
}

static int
sell(void *arg)
{
    struct shop *shop = arg;
    long item;
    for (int i = 0; i < 60; i++) {
        MUST_BE(coir_queue_get(shop->queue, &item, COIR_NEVER), 0);
        shop->sold += item;
    }
    return 0;
}

static int
trade(void *arg)
{
    struct shop *shop = arg;
    struct coir_scope scope;
    coir_scope_init(&scope);
    MUST_BE(coir_scope_go(&scope, sell, shop, NULL), 0);
    for (int i = 0; i < 3; i++)
        MUST_BE(coir_scope_go(&scope, make_some, shop, NULL), 0);
    MUST_BE(coir_scope_wait(&scope, COIR_NEVER), 0);
    coir_scope_fini(&scope);
    return 0;
}

static void
run_shop(void *arg)
{
    struct shop *shop = arg;
    MUST_BE(coir_run(trade, shop, &(struct coir_runtime_options){.workers = shop->workers}), 0);
}

static struct cr_sim_outcome
shop(int workers, uint64_t seed)
{
    struct shop shop = {.workers = workers};
    struct cr_sim_outcome outcome;
    coir_mutex_init(&shop.mutex, COIR_MUTEX_PLAIN);
    shop.queue = coir_queue_new(sizeof(long), 4, NULL);
    outcome = run_well(seed, run_shop, &shop);
    MUST_BE(shop.sold, 60 * 61 / 2);
    coir_queue_free(shop.queue);
    coir_mutex_fini(&shop.mutex);
    return outcome;
}

START_TEST(a_runtime_runs_in_no_time)
{
    static const int workers[] = {1, 2, 5};
    coir_time began = coir_now();
    for (uint64_t seed = 0; seed < 30; seed++) {
        struct cr_sim_outcome outcome = shop(workers[_i], seed);
        MUST(outcome.time > 10 * COIR_SECOND && outcome.time < 120 * COIR_SECOND);
    }
    MUST(coir_now() - began < 30 * COIR_SECOND);
}
END_TEST

START_TEST(the_same_seed_is_the_same_run)
{
    uint64_t first = shop(3, 7).hash;
    MUST(shop(3, 7).hash == first);
    MUST(shop(3, 8).hash != first);
}
END_TEST

static void
deaf_thread(void *arg)
{
    struct shop *shop = arg;
    long item;
    MUST_BE(coir_queue_get(shop->queue, &item, coir_after(3600 * COIR_SECOND / 2)), -ETIMEDOUT);
    MUST_BE(coir_mutex_lock(&shop->mutex, COIR_NEVER), 0);
    coir_mutex_unlock(&shop->mutex);
}

START_TEST(plain_threads_take_part)
{
    struct shop shop = {.workers = 1};
    coir_mutex_init(&shop.mutex, COIR_MUTEX_PLAIN);
    shop.queue = coir_queue_new(sizeof(long), 4, NULL);
    MUST_BE(run_well(3, deaf_thread, &shop).time, 3600 * COIR_SECOND / 2);
    coir_queue_free(shop.queue);
    coir_mutex_fini(&shop.mutex);
}
END_TEST

static void
prepare(void)
{
    cr_backend_install(&cr_backend_idle);
}

static void
add(TCase *cases)
{
    tcase_add_checked_fixture(cases, prepare, NULL);
    tcase_add_test(cases, threads_wait_and_are_woken);
    tcase_add_test(cases, who_waits_for_ever_is_named);
    tcase_add_test(cases, a_failure_ends_the_run);
    tcase_add_test(cases, limits_end_the_run);
    tcase_add_test(cases, events_come_in_order);
    tcase_add_loop_test(cases, a_runtime_runs_in_no_time, 0, 3);
    tcase_add_test(cases, the_same_seed_is_the_same_run);
    tcase_add_test(cases, plain_threads_take_part);
}

int
main(void)
{
    return core_main("sim_thread", add);
}
