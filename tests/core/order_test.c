/* order_test.c: COIR_LOCKDEP=1 tells of orders that can meet in a deadlock, once, with both orders' places; of others not. */
#include "core.h"

#include <coir/log.h>
#include <coir/mutex.h>
#include <coir/rwlock.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct coir_mutex a = COIR_MUTEX_INIT, b = COIR_MUTEX_INIT, c = COIR_MUTEX_INIT, gate = COIR_MUTEX_INIT;
static struct coir_rwlock w = COIR_RWLOCK_INIT;

static char told[16384];

static void
write_down(enum coir_log_level level, const char *line, void *arg)
{
    (void)arg;
    if (level <= COIR_LOG_WARN)
        snprintf(told + strlen(told), sizeof told - strlen(told), "%s\n", line);
}

static int
times_told(void)
{
    int times = 0;
    for (const char *at = told; (at = strstr(at, "lock order: ")); at++)
        times++;
    return times;
}

static int
nest(struct coir_mutex *outer, struct coir_mutex *inner)
{
    COIR_HOLD(outer);
    COIR_HOLD(inner);
    return 0;
}

static int
a_then_b(void *arg)
{
    (void)arg;
    return nest(&a, &b);
}

static int
b_then_a(void *arg)
{
    (void)arg;
    return nest(&b, &a);
}

static int
b_then_c(void *arg)
{
    (void)arg;
    return nest(&b, &c);
}

static int
c_then_a(void *arg)
{
    (void)arg;
    return nest(&c, &a);
}

static int
both_orders(void *arg)
{
    (void)a_then_b(arg);
    return b_then_a(arg);
}

static int
a_then_b_behind_gate(void *arg)
{
    (void)arg;
    COIR_HOLD(&gate);
    return nest(&a, &b);
}

static int
b_then_a_behind_gate(void *arg)
{
    (void)arg;
    COIR_HOLD(&gate);
    return nest(&b, &a);
}

static int
b_then_try_a(void *arg)
{
    (void)arg;
    COIR_HOLD(&b);
    MUST_BE(coir_mutex_lock(&a, COIR_NOW), 0);
    coir_mutex_unlock(&a);
    MUST_BE(coir_mutex_lock(&a, core_soon()), 0);
    coir_mutex_unlock(&a);
    return 0;
}

static int
w_then_a(void *arg)
{
    (void)arg;
    MUST_BE(coir_rwlock_write(&w, COIR_NEVER), 0);
    MUST_BE(coir_mutex_lock(&a, COIR_NEVER), 0);
    coir_rwlock_unlock(&w);
    coir_mutex_unlock(&a);
    return 0;
}

static int
a_then_w(void *arg)
{
    COIR_HOLD(&a);
    (void)arg;
    MUST_BE(coir_rwlock_write(&w, COIR_NEVER), 0);
    coir_rwlock_unlock(&w);
    return 0;
}

/* The second mutex at that place is another one. */
static int
end_and_make_a(void *arg)
{
    coir_mutex_fini(&a);
    coir_mutex_init(&a, COIR_MUTEX_PLAIN);
    return b_then_a(arg);
}

static int
nest_in_one(void *arg)
{
    COIR_HOLD(&a);
    (void)arg;
    for (int i = 0; i < 3; i++) {
        COIR_HOLD(&b);
    }
    return 0;
}

static const struct meeting {
    const char *name;
    coir_function *parts[5]; /* one task after the other: they never meet, this time */
    int told;
} meetings[] = {
    {"two orders", {a_then_b, b_then_a}, 1},
    {"once is enough", {a_then_b, b_then_a, a_then_b, b_then_a}, 1},
    {"a circle of three", {a_then_b, b_then_c, c_then_a}, 1},
    {"a writer and a mutex", {w_then_a, a_then_w}, 1},
    {"a gate that one of them does not know", {a_then_b_behind_gate, b_then_a}, 1},
    {"a gate that is left out later", {a_then_b_behind_gate, b_then_a_behind_gate, b_then_a}, 1},
    {"one task, and later another", {both_orders, a_then_b}, 1},
    {"one order", {a_then_b, a_then_b, b_then_c, nest_in_one}, 0},
    {"one task alone", {both_orders}, 0},
    {"a gate", {a_then_b_behind_gate, b_then_a_behind_gate}, 0},
    {"a try and a deadline", {a_then_b, b_then_try_a}, 0},
    {"another lock at that place", {a_then_b, end_and_make_a}, 0},
};
enum { MEETINGS = sizeof meetings / sizeof meetings[0] };

static int
play(void *arg)
{
    const struct meeting *meeting = arg;
    for (int i = 0; i < 5 && meeting->parts[i]; i++) {
        struct coir_task *task;
        MUST_BE(coir_go(meeting->parts[i], NULL, &(struct coir_task_options){.name = "taker"}, &task), 0);
        MUST_BE(coir_join(task, NULL, COIR_NEVER), 0);
    }
    return 0;
}

START_TEST(orders_that_can_meet)
{
    const struct meeting *meeting = &meetings[_i];
    MUST_BE(setenv("COIR_LOCKDEP", "1", 1), 0);
    MUST_BE(coir_run(play, (void *)(uintptr_t)meeting, &(struct coir_runtime_options){.workers = 1, .log = write_down}),
            0);
    if (times_told() != meeting->told)
        ck_abort_msg("'%s': told %d times, not %d: %s", meeting->name, times_told(), meeting->told, told);
}
END_TEST

START_TEST(both_orders_have_their_places)
{
    char line[200];
    MUST_BE(setenv("COIR_LOCKDEP", "1", 1), 0);
    MUST_BE(coir_run(play, (void *)(uintptr_t)&meetings[0],
                     &(struct coir_runtime_options){.workers = 1, .log = write_down}),
            0);
    MUST(strstr(told, "2 locks are taken in orders that can meet in a deadlock"));
    snprintf(line, sizeof line, "'taker' held the mutex made at %s, taken at ", a.place);
    MUST(strstr(told, line));
    snprintf(line, sizeof line, ", and took the mutex made at %s, taken at ", b.place);
    MUST(strstr(told, line));
    snprintf(line, sizeof line, "'taker' held the mutex made at %s, taken at ", b.place);
    MUST(strstr(told, line));
}
END_TEST

START_TEST(nothing_is_told_unless_asked)
{
    MUST_BE(unsetenv("COIR_LOCKDEP"), 0);
    MUST_BE(coir_run(play, (void *)(uintptr_t)&meetings[0],
                     &(struct coir_runtime_options){.workers = 1, .log = write_down}),
            0);
    MUST_BE(strlen(told), 0);
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_loop_test(cases, orders_that_can_meet, 0, MEETINGS);
    tcase_add_test(cases, both_orders_have_their_places);
    tcase_add_test(cases, nothing_is_told_unless_asked);
}

int
main(void)
{
    return core_main("order", add);
}
