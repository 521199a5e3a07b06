/* deadlock_test.c: the call that would close a circle answers -EDEADLK, at that moment; nothing else does. */
#include "core.h"

#include <coir/log.h>
#include <coir/mutex.h>
#include <coir/semaphore.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 40 };

/* A circle of tasks: each takes its own mutex, and when all have, the next one's. */
struct circle {
    int count;
    struct coir_mutex mutexes[MOST];
    struct coir_semaphore all_have;
    struct coir_event go;
    int deadlocks, well;
    coir_time patience[MOST]; /* of the second lock; 0: for ever */
};

struct member {
    struct circle *circle;
    int number;
};

static int
take_two(void *arg)
{
    const struct member *member = arg;
    struct circle *circle = member->circle;
    struct coir_mutex *own = &circle->mutexes[member->number];
    struct coir_mutex *next = &circle->mutexes[(member->number + 1) % circle->count];
    coir_time patience = circle->patience[member->number];
    int error;
    MUST_BE(coir_mutex_lock(own, COIR_NEVER), 0);
    MUST_BE(coir_semaphore_release(&circle->all_have), 0);
    MUST_BE(coir_event_wait(&circle->go, COIR_NEVER), 0);
    error = coir_mutex_lock(next, patience ? coir_after(patience) : COIR_NEVER);
    if (error == -EDEADLK)
        __atomic_add_fetch(&circle->deadlocks, 1, __ATOMIC_RELAXED);
    else if (error == 0)
        __atomic_add_fetch(&circle->well, 1, __ATOMIC_RELAXED);
    else
        MUST_BE(error, -ETIMEDOUT);
    if (!error)
        coir_mutex_unlock(next);
    coir_mutex_unlock(own);
    return 0;
}

static int
dance(void *arg)
{
    struct circle *circle = arg;
    struct core_actor actors[MOST];
    struct member members[MOST];
    for (int i = 0; i < circle->count; i++)
        coir_mutex_init(&circle->mutexes[i], COIR_MUTEX_PLAIN);
    circle->all_have = (struct coir_semaphore)COIR_SEMAPHORE_INIT(0, 0);
    circle->go = (struct coir_event)COIR_EVENT_INIT;
    circle->deadlocks = circle->well = 0;
    for (int i = 0; i < circle->count; i++) {
        members[i] = (struct member){circle, i};
        core_start(&actors[i], take_two, &members[i]);
    }
    for (int i = 0; i < circle->count; i++)
        MUST_BE(coir_semaphore_acquire(&circle->all_have, core_soon()), 0);
    coir_event_set(&circle->go);
    for (int i = 0; i < circle->count; i++)
        MUST_BE(core_end(&actors[i]), 0);
    for (int i = 0; i < circle->count; i++)
        coir_mutex_fini(&circle->mutexes[i]);
    return 0;
}

static const int sizes[] = {2, 3, 5, 40};

/* Exactly one is told; all others get their lock when it gives way. */
START_TEST(a_circle_is_closed_by_one)
{
    struct circle circle = {.count = sizes[_i / CORE_CASTS]};
    core_play((enum core_cast)(_i % CORE_CASTS), dance, &circle);
    MUST_BE(circle.deadlocks, 1);
    MUST_BE(circle.well, circle.count - 1);
}
END_TEST

/* One member would give up by itself: no circle of the others is for ever. */
START_TEST(a_deadline_is_no_deadlock)
{
    struct circle circle = {.count = 3, .patience = {200 * COIR_MS}};
    core_play((enum core_cast)_i, dance, &circle);
    /* Who has the deadline may itself have been the last, and then is told: its own deadline does not count. */
    MUST(circle.deadlocks <= 1);
    MUST(circle.well >= 2 - circle.deadlocks);
}
END_TEST

START_TEST(deadlines_all_round_are_no_deadlock)
{
    struct circle circle = {.count = 4, .patience = {COIR_MS * 50, COIR_MS * 60, COIR_MS * 70, COIR_MS * 80}};
    core_play((enum core_cast)_i, dance, &circle);
    MUST_BE(circle.deadlocks, 0);
}
END_TEST

/* ---- Joining ---- */

struct couple {
    struct coir_task *tasks[2];
    struct coir_event told;
    struct coir_mutex mutex;
    int results[2];
};

static int
join_other(void *arg)
{
    struct couple *couple = arg;
    int me;
    MUST_BE(coir_event_wait(&couple->told, COIR_NEVER), 0);
    me = couple->tasks[1] == coir_self();
    couple->results[me] = coir_join(couple->tasks[!me], NULL, COIR_NEVER);
    return 0;
}

/* The one that is told gives way by ending; the other's join then is done. */
static int
let_them_join(void *arg)
{
    struct couple *couple = arg;
    couple->told = (struct coir_event)COIR_EVENT_INIT;
    MUST_BE(coir_go(join_other, couple, NULL, &couple->tasks[0]), 0);
    MUST_BE(coir_go(join_other, couple, NULL, &couple->tasks[1]), 0);
    coir_event_set(&couple->told);
    return 0;
}

START_TEST(joining_each_other)
{
    struct couple couple = {.results = {1, 1}};
    core_run(1 + _i, let_them_join, &couple);
    MUST((couple.results[0] == -EDEADLK && couple.results[1] == 0) ||
         (couple.results[1] == -EDEADLK && couple.results[0] == 0));
    /* The handle that was not joined is left: of the one that has joined the other. */
    coir_detach(couple.tasks[couple.results[0] != 0]);
}
END_TEST

static int
lock_it(void *arg)
{
    struct couple *couple = arg;
    int error;
    coir_event_set(&couple->told);
    error = coir_mutex_lock(&couple->mutex, COIR_NEVER);
    if (!error)
        coir_mutex_unlock(&couple->mutex);
    return error;
}

/* Holding what the joined one waits for: the joiner, or the locker, is told. */
static int
join_with_lock_held(void *arg)
{
    struct couple *couple = arg;
    int joined, result = 1;
    couple->told = (struct coir_event)COIR_EVENT_INIT;
    coir_mutex_init(&couple->mutex, COIR_MUTEX_PLAIN);
    MUST_BE(coir_mutex_lock(&couple->mutex, COIR_NEVER), 0);
    MUST_BE(coir_go(lock_it, couple, NULL, &couple->tasks[0]), 0);
    MUST_BE(coir_event_wait(&couple->told, core_soon()), 0);
    joined = coir_join(couple->tasks[0], &result, COIR_NEVER);
    coir_mutex_unlock(&couple->mutex);
    if (joined == -EDEADLK)
        MUST_BE(coir_join(couple->tasks[0], &result, COIR_NEVER), 0);
    else
        MUST_BE(joined, 0);
    MUST_BE(result, joined == -EDEADLK ? 0 : -EDEADLK);
    return 0;
}

START_TEST(joining_with_a_lock_held)
{
    struct couple couple;
    core_run(1 + _i, join_with_lock_held, &couple);
}
END_TEST

/* ---- The report ---- */

static char report[8192];

static void
write_down(enum coir_log_level level, const char *line, void *arg)
{
    (void)arg;
    if (level == COIR_LOG_ERROR)
        snprintf(report + strlen(report), sizeof report - strlen(report), "%s\n", line);
}

static struct coir_mutex left = COIR_MUTEX_INIT, right = COIR_MUTEX_INIT;
static struct coir_event left_taken = COIR_EVENT_INIT, right_taken = COIR_EVENT_INIT;

static int
right_then_left(void *arg)
{
    (void)arg;
    COIR_HOLD(&right);
    coir_event_set(&right_taken);
    MUST_BE(coir_event_wait(&left_taken, COIR_NEVER), 0);
    COIR_HOLD(&left);
    return 0;
}

static int
left_then_right(void *arg)
{
    struct coir_task *other;
    int error;
    MUST_BE(coir_go(right_then_left, NULL, &(struct coir_task_options){.name = "bob"}, &other), 0);
    MUST_BE(coir_mutex_lock(&left, COIR_NEVER), 0);
    coir_event_set(&left_taken);
    MUST_BE(coir_event_wait(&right_taken, COIR_NEVER), 0);
    core_await_parked(other);
    error = coir_mutex_lock(&right, COIR_NEVER);
    MUST_BE(error, -EDEADLK);
    MUST(strstr(coir_error_detail(), "leads back to it"));
    coir_mutex_unlock(&left);
    MUST_BE(coir_join(other, NULL, COIR_NEVER), 0);
    (void)arg;
    return 0;
}

START_TEST(the_report_names_all)
{
    struct coir_runtime_options options = {.workers = 1, .log = write_down};
    char line[100];
    MUST_BE(coir_run(left_then_right, NULL, &options), 0);
    MUST(strstr(report, "2 tasks wait for each other in a circle"));
    MUST(strstr(report, "'bob' waits at "));
    snprintf(line, sizeof line, "for the mutex made at %s, taken at ", left.place);
    MUST(strstr(report, line));
    snprintf(line, sizeof line, "for the mutex made at %s, taken at ", right.place);
    MUST(strstr(report, line));
    MUST(strstr(report, "deadlock_test"));
}
END_TEST

static int
stop_at_deadlock(void *arg)
{
    struct coir_runtime_options options = {.workers = 1, .on_deadlock = COIR_DEADLOCK_ABORT};
    (void)arg;
    return coir_run(left_then_right, NULL, &options);
}

START_TEST(the_process_stops_if_so_wished)
{
    core_must_die(stop_at_deadlock, NULL, SIGABRT, "deadlock: stopped, as on_deadlock says");
}
END_TEST

/* ---- Many at once, in any order ---- */

enum { TABLE = 6 };

struct table {
    struct coir_mutex forks[TABLE];
    long meals[TABLE], rounds;
    int given_way;
};

struct guest {
    struct table *table;
    unsigned number;
};

/* Who is told -EDEADLK puts down what he has: so all of them eat, whatever order they take forks in. */
static int
eat(void *arg)
{
    const struct guest *guest = arg;
    struct table *table = guest->table;
    for (long i = 0; i < table->rounds;) {
        unsigned one = (unsigned)coir_random(TABLE), other = (one + 1 + (unsigned)coir_random(TABLE - 1)) % TABLE;
        int error;
        MUST_BE(coir_mutex_lock(&table->forks[one], COIR_NEVER), 0);
        if (coir_random(2))
            (void)coir_yield();
        error = coir_mutex_lock(&table->forks[other], COIR_NEVER);
        if (!error) {
            table->meals[one]++;
            table->meals[other]++;
            coir_mutex_unlock(&table->forks[other]);
            i++;
        } else {
            MUST_BE(error, -EDEADLK);
            __atomic_add_fetch(&table->given_way, 1, __ATOMIC_RELAXED);
        }
        coir_mutex_unlock(&table->forks[one]);
    }
    return 0;
}

static int
dine(void *arg)
{
    struct table *table = arg;
    struct core_actor actors[8];
    struct guest guests[8];
    long meals = 0;
    for (int i = 0; i < TABLE; i++)
        coir_mutex_init(&table->forks[i], COIR_MUTEX_PLAIN);
    for (unsigned i = 0; i < 8; i++) {
        guests[i] = (struct guest){table, i};
        core_start(&actors[i], eat, &guests[i]);
    }
    for (int i = 0; i < 8; i++)
        MUST_BE(core_end(&actors[i]), 0);
    for (int i = 0; i < TABLE; i++)
        meals += table->meals[i];
    MUST_BE(meals, 2 * 8 * table->rounds);
    return 0;
}

START_TEST(everybody_eats)
{
    struct table table = {.rounds = core_rounds(2000)};
    coir_log_set_level((enum coir_log_level)0); /* each of many circles would be told */
    core_play((enum core_cast)_i, dine, &table);
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_loop_test(cases, a_circle_is_closed_by_one, 0, CORE_CASTS * (int)(sizeof sizes / sizeof sizes[0]));
    tcase_add_loop_test(cases, a_deadline_is_no_deadlock, 0, CORE_CASTS);
    tcase_add_loop_test(cases, deadlines_all_round_are_no_deadlock, 0, CORE_CASTS);
    tcase_add_loop_test(cases, joining_each_other, 0, 3);
    tcase_add_loop_test(cases, joining_with_a_lock_held, 0, 3);
    tcase_add_test(cases, the_report_names_all);
    tcase_add_test(cases, the_process_stops_if_so_wished);
    tcase_add_loop_test(cases, everybody_eats, 0, CORE_CASTS);
}

int
main(void)
{
    return core_main("deadlock", add);
}
