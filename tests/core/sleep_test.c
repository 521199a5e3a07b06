/* sleep_test.c: what coir_yield and coir_sleep promise. */
#include "core.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

/* ---- Yield and sleep ---- */

struct turn {
    char *text;
    char mark;
    struct coir_event *start;
};

static int
write_marks(void *arg)
{
    struct turn *turn = arg;
    MUST_BE(coir_event_wait(turn->start, core_soon()), 0);
    for (int i = 0; i < 5; i++) {
        size_t length = strlen(turn->text);
        turn->text[length] = turn->mark;
        MUST_BE(coir_yield(), 0);
    }
    return 0;
}

static int
take_turns(void *arg)
{
    char text[32] = "";
    struct coir_event start = COIR_EVENT_INIT;
    struct turn turns[3] = {{text, 'a', &start}, {text, 'b', &start}, {text, 'c', &start}};
    struct coir_task *tasks[3];
    (void)arg;
    for (int i = 0; i < 3; i++) {
        MUST_BE(coir_go(write_marks, &turns[i], NULL, &tasks[i]), 0);
        core_await_parked(tasks[i]);
    }
    coir_event_set(&start);
    for (int i = 0; i < 3; i++)
        MUST_BE(coir_join(tasks[i], NULL, core_soon()), 0);
    MUST(!strcmp(text, "abcabcabcabcabc"));
    return 0;
}

START_TEST(yield_lets_others_run)
{
    if (core_is_on_threads())
        printf("SKIP: threads have no order among themselves\n");
    else
        core_run(1, take_turns, NULL);
}
END_TEST

static const coir_time spans[] = {-COIR_SECOND, 0,           1,       COIR_US,      50 * COIR_US,
                                  COIR_MS,      3 * COIR_MS, 3333333, 20 * COIR_MS, 300};

static int
sleep_spans(void *arg)
{
    (void)arg;
    for (size_t i = 0; i < sizeof spans / sizeof spans[0]; i++)
        for (int k = 0; k < 10; k++) {
            coir_time deadline = coir_after(spans[i]);
            MUST_BE(coir_sleep(deadline), 0);
            MUST(coir_now() >= deadline);
        }
    MUST_BE(coir_sleep(COIR_NOW), 0);
    return 0;
}

static int
four_sleep(void *arg)
{
    struct core_actor actors[4];
    core_start_all(actors, 4, sleep_spans, arg);
    for (int i = 0; i < 4; i++)
        MUST_BE(core_end(&actors[i]), 0);
    return 0;
}

START_TEST(sleep_is_never_early)
{
    core_play((enum core_cast)_i, four_sleep, NULL);
}
END_TEST

static int
sleep_at_random(void *arg)
{
    (void)arg;
    for (int i = 0; i < 20; i++) {
        coir_time deadline = coir_after((coir_time)coir_random(5 * COIR_MS));
        MUST_BE(coir_sleep(deadline), 0);
        MUST(coir_now() >= deadline);
    }
    return 0;
}

static int
many_sleep(void *arg)
{
    enum { MANY = 1000 };
    static struct coir_task *tasks[MANY];
    (void)arg;
    for (int i = 0; i < MANY; i++)
        MUST_BE((i % 2 ? coir_go : coir_go_spread)(sleep_at_random, NULL, NULL, &tasks[i]), 0);
    for (int i = 0; i < MANY; i++)
        MUST_BE(coir_join(tasks[i], NULL, core_soon()), 0);
    return 0;
}

START_TEST(a_thousand_sleep_at_random)
{
    core_run(_i, many_sleep, NULL);
}
END_TEST

/* Sleepers wake in the order of their deadlines, whatever order they lay down in. */
struct sleeper {
    struct coir_event *start;
    const coir_time *begin;
    coir_time span;
    int *woken, place;
};

static int
sleep_and_count(void *arg)
{
    struct sleeper *own = arg;
    MUST_BE(coir_event_wait(own->start, core_soon()), 0);
    MUST_BE(coir_sleep(*own->begin + own->span), 0);
    own->place = (*own->woken)++;
    return 0;
}

static int
sleep_in_order(void *arg)
{
    enum { MANY = 500 };
    static struct sleeper sleepers[MANY];
    static struct coir_task *tasks[MANY];
    struct coir_event start = COIR_EVENT_INIT;
    coir_time begin;
    int woken = 0;
    (void)arg;
    for (int i = 0; i < MANY; i++) {
        sleepers[i] = (struct sleeper){&start, &begin, (i * 277 % MANY) * 20 * COIR_US, &woken, -1};
        MUST_BE(coir_go(sleep_and_count, &sleepers[i], NULL, &tasks[i]), 0);
        core_await_parked(tasks[i]);
    }
    begin = coir_after(100 * COIR_MS); /* all have lain down by then */
    coir_event_set(&start);
    for (int i = 0; i < MANY; i++)
        MUST_BE(coir_join(tasks[i], NULL, core_soon()), 0);
    for (int i = 0; i < MANY; i++)
        MUST_BE(sleepers[i].place, i * 277 % MANY);
    return 0;
}

START_TEST(sleepers_wake_in_order)
{
    if (core_is_on_threads())
        printf("SKIP: threads have no order among themselves\n");
    else
        core_run(1, sleep_in_order, NULL);
}
END_TEST

/* ---- Misuse ---- */

static int
sleep_a_span(void *arg)
{
    return coir_sleep(*(const coir_time *)arg);
}

static int
after_a_moment(void *arg)
{
    (void)arg;
    return coir_sleep(coir_after(coir_now()));
}

START_TEST(misuse_stops_the_process)
{
    coir_time span = 500000000, negative = -1;
    core_must_die(sleep_a_span, &span, SIGABRT, "500000000 is a span; write coir_after(500000000)");
    core_must_die(sleep_a_span, &negative, SIGABRT, "span");
    core_must_die(after_a_moment, NULL, SIGABRT, "coir_after");
}
END_TEST

/* Loop numbers of those that take one are counts of workers; 0 is the default. */
static void
add(TCase *cases)
{
    tcase_add_test(cases, yield_lets_others_run);
    tcase_add_loop_test(cases, sleep_is_never_early, 0, CORE_CASTS);
    tcase_add_loop_test(cases, a_thousand_sleep_at_random, 0, 3);
    tcase_add_test(cases, sleepers_wake_in_order);
    tcase_add_test(cases, misuse_stops_the_process);
}

int
main(void)
{
    return core_main("sleep", add);
}
