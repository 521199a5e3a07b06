/* edge_test.c: who waits for whom beyond mutexes and joins: writers and readers of a lock, a once-function, the tasks of a
 * scope; the ways out that make a circle none; and what a task that ends holding a lock leads to. */
#include "core.h"

#include <coir/condition.h>
#include <coir/log.h>
#include <coir/mutex.h>
#include <coir/once.h>
#include <coir/rwlock.h>
#include <coir/scope.h>
#include <coir/semaphore.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

/* ---- Two tasks, two things: each takes its own, and when both have, the other's ---- */

struct way {
    int (*take)(void *thing);
    void (*give)(void *thing);
};

static int
take_mutex(void *thing)
{
    return coir_mutex_lock(thing, COIR_NEVER);
}

static void
give_mutex(void *thing)
{
    coir_mutex_unlock(thing);
}

static int
take_reading(void *thing)
{
    return coir_rwlock_read(thing, COIR_NEVER);
}

static int
take_writing(void *thing)
{
    return coir_rwlock_write(thing, COIR_NEVER);
}

static void
give_rwlock(void *thing)
{
    coir_rwlock_unlock(thing);
}

static const struct way by_mutex = {take_mutex, give_mutex}, reads = {take_reading, give_rwlock},
                        writes = {take_writing, give_rwlock};

struct cross {
    const struct way *first[2], *second[2]; /* each one's own thing, and the other's */
    void *things[2];
    struct coir_semaphore both_have;
    struct coir_event go;
    int told; /* atomic */
};

struct walker {
    struct cross *cross;
    int number;
};

static int
cross_over(void *arg)
{
    const struct walker *walker = arg;
    struct cross *cross = walker->cross;
    int me = walker->number, error;
    MUST_BE(cross->first[me]->take(cross->things[me]), 0);
    MUST_BE(coir_semaphore_release(&cross->both_have), 0);
    MUST_BE(coir_event_wait(&cross->go, COIR_NEVER), 0);
    error = cross->second[me]->take(cross->things[!me]);
    if (error) {
        MUST_BE(error, -EDEADLK);
        MUST(strstr(coir_error_detail(), "leads back to it"));
        __atomic_add_fetch(&cross->told, 1, __ATOMIC_SEQ_CST);
    } else {
        cross->second[me]->give(cross->things[!me]);
    }
    cross->first[me]->give(cross->things[me]);
    return 0;
}

static int
let_cross(void *arg)
{
    struct cross *cross = arg;
    struct core_actor actors[2];
    struct walker walkers[2] = {{cross, 0}, {cross, 1}};
    cross->both_have = (struct coir_semaphore)COIR_SEMAPHORE_INIT(0, 0);
    cross->go = (struct coir_event)COIR_EVENT_INIT;
    for (int i = 0; i < 2; i++)
        core_start(&actors[i], cross_over, &walkers[i]);
    for (int i = 0; i < 2; i++)
        MUST_BE(coir_semaphore_acquire(&cross->both_have, core_soon()), 0);
    coir_event_set(&cross->go);
    for (int i = 0; i < 2; i++)
        MUST_BE(core_end(&actors[i]), 0);
    return 0;
}

static void
must_be_told_once(enum core_cast cast, const struct way *first[2], const struct way *second[2])
{
    struct coir_mutex mutexes[2] = {COIR_MUTEX_INIT, COIR_MUTEX_INIT};
    struct coir_rwlock locks[2] = {COIR_RWLOCK_INIT, COIR_RWLOCK_INIT};
    struct cross cross = {.first = {first[0], first[1]}, .second = {second[0], second[1]}};
    for (int i = 0; i < 2; i++)
        cross.things[i] = first[i] == &by_mutex ? (void *)&mutexes[i] : (void *)&locks[i];
    core_play(cast, let_cross, &cross);
    MUST_BE(cross.told, 1);
    for (int i = 0; i < 2; i++) {
        coir_mutex_fini(&mutexes[i]);
        coir_rwlock_fini(&locks[i]);
    }
}

START_TEST(writers_cross)
{
    must_be_told_once((enum core_cast)_i, (const struct way *[]){&writes, &writes},
                      (const struct way *[]){&writes, &writes});
}
END_TEST

START_TEST(writers_that_want_to_read)
{
    must_be_told_once((enum core_cast)_i, (const struct way *[]){&writes, &writes},
                      (const struct way *[]){&reads, &reads});
}
END_TEST

START_TEST(readers_that_want_to_write)
{
    must_be_told_once((enum core_cast)_i, (const struct way *[]){&reads, &reads},
                      (const struct way *[]){&writes, &writes});
}
END_TEST

START_TEST(a_mutex_and_a_rwlock)
{
    must_be_told_once((enum core_cast)_i, (const struct way *[]){&by_mutex, &writes},
                      (const struct way *[]){&reads, &by_mutex});
}
END_TEST

/* ---- A once-function that needs what who waits for it has ---- */

struct start {
    struct coir_once once;
    struct coir_mutex mutex;
    struct coir_event inside, go;
    int told; /* atomic */
};

static int
need_the_mutex(void *arg)
{
    struct start *start = arg;
    int error;
    coir_event_set(&start->inside);
    MUST_BE(coir_event_wait(&start->go, COIR_NEVER), 0);
    error = coir_mutex_lock(&start->mutex, COIR_NEVER);
    if (!error)
        coir_mutex_unlock(&start->mutex);
    return error;
}

static int
run_it(void *arg)
{
    struct start *start = arg;
    int result = coir_once_run(&start->once, need_the_mutex, start);
    if (result == -EDEADLK)
        __atomic_add_fetch(&start->told, 1, __ATOMIC_SEQ_CST);
    else
        MUST_BE(result, 0);
    return 0;
}

static int
run_it_with_mutex(void *arg)
{
    struct start *start = arg;
    COIR_HOLD(&start->mutex);
    MUST_BE(coir_event_wait(&start->inside, COIR_NEVER), 0);
    coir_event_set(&start->go);
    return run_it(start);
}

static int
start_twice(void *arg)
{
    struct start *start = arg;
    struct core_actor actors[2];
    core_start(&actors[0], run_it_with_mutex, start);
    core_await_waiting(&actors[0]);
    core_start(&actors[1], run_it, start);
    for (int i = 0; i < 2; i++)
        MUST_BE(core_end(&actors[i]), 0);
    return 0;
}

/* Either the one that waits for the function is told, or the function itself; in that case who waits runs it again. */
START_TEST(a_once_function_and_a_mutex)
{
    struct start start = {COIR_ONCE_INIT, COIR_MUTEX_INIT, COIR_EVENT_INIT, COIR_EVENT_INIT, 0};
    core_play((enum core_cast)_i, start_twice, &start);
    MUST(start.told >= 1);
}
END_TEST

/* ---- A scope whose owner has what its tasks need ---- */

struct home {
    struct coir_mutex mutex;
    struct coir_event waits;
    int result;
};

static int
need(void *arg)
{
    struct home *home = arg;
    int error = coir_mutex_lock(&home->mutex, COIR_NEVER);
    home->result = error;
    if (!error)
        coir_mutex_unlock(&home->mutex);
    return 0;
}

static int
rest(void *arg)
{
    struct home *home = arg;
    return coir_event_wait(&home->waits, COIR_NEVER);
}

/* The task waits first: the owner is told, gives the mutex back, and waits again. */
static int
wait_with_mutex(void *arg)
{
    struct home *home = arg;
    struct coir_task *needy;
    COIR_SCOPE(scope);
    MUST_BE(coir_mutex_lock(&home->mutex, COIR_NEVER), 0);
    for (int i = 0; i < 40; i++)
        MUST_BE(coir_scope_go(&scope, rest, home, NULL), 0);
    MUST_BE(coir_go(need, home, NULL, &needy), 0); /* not inside: it waits for the mutex, nobody for it */
    core_await_parked(needy);
    MUST_BE(coir_scope_go(&scope, need, home, NULL), 0);
    coir_event_set(&home->waits);
    for (int i = 0; i < 100; i++)
        (void)coir_yield();
    MUST_BE(coir_scope_wait(&scope, COIR_NEVER), -EDEADLK);
    MUST(strstr(coir_error_detail(), "leads back to it"));
    coir_mutex_unlock(&home->mutex);
    MUST_BE(coir_scope_wait(&scope, COIR_NEVER), 0);
    MUST_BE(home->result, 0);
    return coir_join(needy, NULL, COIR_NEVER);
}

START_TEST(a_scope_that_waits_with_what_its_task_needs)
{
    struct home home = {COIR_MUTEX_INIT, COIR_EVENT_INIT, 1};
    core_run(1, wait_with_mutex, &home);
}
END_TEST

/* The owner waits first: the task is told. */
static int
need_when_owner_waits(void *arg)
{
    void **both = arg;
    struct home *home = both[0];
    core_await_parked(both[1]);
    (void)need(home);
    return 0;
}

static int
wait_first(void *arg)
{
    struct home *home = arg;
    void *both[2] = {home, coir_self()};
    COIR_SCOPE(scope);
    MUST_BE(coir_mutex_lock(&home->mutex, COIR_NEVER), 0);
    MUST_BE(coir_scope_go(&scope, need_when_owner_waits, both, NULL), 0);
    MUST_BE(coir_scope_wait(&scope, COIR_NEVER), 0);
    MUST_BE(home->result, -EDEADLK);
    coir_mutex_unlock(&home->mutex);
    return 0;
}

START_TEST(a_task_that_needs_what_the_scopes_owner_has)
{
    struct home home = {COIR_MUTEX_INIT, COIR_EVENT_INIT, 1};
    core_run(1 + _i, wait_first, &home);
}
END_TEST

static int
forget(void *arg)
{
    struct home *home = arg;
    COIR_SCOPE(scope);
    MUST_BE(coir_mutex_lock(&home->mutex, COIR_NEVER), 0);
    MUST_BE(coir_scope_go(&scope, need, home, NULL), 0);
    for (int i = 0; i < 100; i++)
        (void)coir_yield();
    return 0;
}

static int
run_forget(void *arg)
{
    return coir_run(forget, arg, &(struct coir_runtime_options){.workers = 1});
}

START_TEST(a_scope_that_ends_so_stops_the_process)
{
    struct home home = {COIR_MUTEX_INIT, COIR_EVENT_INIT, 1};
    core_must_die(run_forget, &home, SIGABRT, "coir_scope_fini: the scope's tasks wait for what task");
}
END_TEST

/* ---- Ways out ---- */

struct pair {
    struct coir_task *tasks[2];
    int results[2];
    struct coir_event told;
};

static int
join_the_other(void *arg)
{
    struct pair *pair = arg;
    int me;
    MUST_BE(coir_event_wait(&pair->told, COIR_NEVER), 0);
    me = pair->tasks[1] == coir_self();
    if (me)
        core_await_parked(pair->tasks[0]);
    pair->results[me] = coir_join(pair->tasks[!me], NULL, me ? COIR_NEVER : coir_after(50 * COIR_MS));
    return 0;
}

/* The first gives up by itself: that is no circle, and the second's join is done then. */
static int
join_with_deadline(void *arg)
{
    struct pair *pair = arg;
    MUST_BE(coir_go(join_the_other, pair, NULL, &pair->tasks[0]), 0);
    MUST_BE(coir_go(join_the_other, pair, NULL, &pair->tasks[1]), 0);
    coir_event_set(&pair->told);
    return 0;
}

START_TEST(a_join_with_a_deadline_is_a_way_out)
{
    struct pair pair = {.results = {1, 1}, .told = COIR_EVENT_INIT};
    core_run(1 + _i, join_with_deadline, &pair);
    MUST_BE(pair.results[1], 0);
    /* On two workers the first may be on its way to sleep when the second joins it, and then is told. */
    if (!_i || pair.results[0] != -EDEADLK)
        MUST_BE(pair.results[0], -ETIMEDOUT);
    coir_detach(pair.tasks[1]);
}
END_TEST

static int
join_inside_limit(void *arg)
{
    struct pair *pair = arg;
    int result;
    COIR_SCOPE(scope);
    MUST_BE(coir_event_wait(&pair->told, COIR_NEVER), 0);
    coir_scope_limit(&scope, coir_after(50 * COIR_MS));
    pair->results[0] = coir_join(pair->tasks[1], NULL, COIR_NEVER);
    result = coir_scope_wait(&scope, COIR_NEVER);
    if (pair->results[0] != -EDEADLK) /* told at once: the limit may pass meanwhile, or not */
        MUST_BE(result, pair->results[0] ? -ETIMEDOUT : 0);
    return 0;
}

/* A scope's limit will end the first's join. */
static int
join_with_limit(void *arg)
{
    struct pair *pair = arg;
    MUST_BE(coir_go(join_inside_limit, pair, NULL, &pair->tasks[0]), 0);
    MUST_BE(coir_go(join_the_other, pair, NULL, &pair->tasks[1]), 0);
    coir_event_set(&pair->told);
    return 0;
}

START_TEST(a_join_inside_a_limited_scope_is_a_way_out)
{
    struct pair pair = {.results = {1, 1}, .told = COIR_EVENT_INIT};
    core_run(1 + _i, join_with_limit, &pair);
    if (!_i || pair.results[0] != -EDEADLK) /* as above */
        MUST_BE(pair.results[0], -ECANCELED);
    MUST_BE(pair.results[1], 0);
    coir_detach(pair.tasks[1]);
}
END_TEST

static int
join_canceled(void *arg)
{
    struct pair *pair = arg;
    pair->results[0] = coir_join(pair->tasks[1], NULL, COIR_NEVER);
    return 0;
}

static int
cancel_and_join(void *arg)
{
    struct pair *pair = arg;
    core_await_parked(pair->tasks[0]);
    coir_cancel(pair->tasks[0]); /* it is on its way: the other still sleeps */
    pair->results[1] = coir_join(pair->tasks[0], NULL, COIR_NEVER);
    return 0;
}

static int
join_each_other_canceled(void *arg)
{
    struct pair *pair = arg;
    MUST_BE(coir_go(cancel_and_join, pair, NULL, &pair->tasks[1]), 0);
    MUST_BE(coir_go(join_canceled, pair, NULL, &pair->tasks[0]), 0);
    return 0;
}

START_TEST(a_cancel_on_its_way_is_a_way_out)
{
    struct pair pair = {.results = {1, 1}};
    core_run(1, join_each_other_canceled, &pair);
    MUST_BE(pair.results[0], -ECANCELED);
    MUST_BE(pair.results[1], 0);
    coir_detach(pair.tasks[1]);
}
END_TEST

/* ---- Ends that leave a lock behind ---- */

static char report[8192];

static void
write_down(enum coir_log_level level, const char *line, void *arg)
{
    (void)arg;
    if (level == COIR_LOG_ERROR)
        snprintf(report + strlen(report), sizeof report - strlen(report), "%s\n", line);
}

static struct coir_mutex lost = COIR_MUTEX_INIT;
static struct coir_rwlock lost_too = COIR_RWLOCK_INIT;

static int
lose_two(void *arg)
{
    (void)arg;
    MUST_BE(coir_mutex_lock(&lost, COIR_NEVER), 0);
    MUST_BE(coir_rwlock_write(&lost_too, COIR_NEVER), 0);
    return 0;
}

static int
let_lose(void *arg)
{
    struct coir_task *task;
    (void)arg;
    MUST_BE(coir_go(lose_two, NULL, &(struct coir_task_options){.name = "careless"}, &task), 0);
    return coir_join(task, NULL, COIR_NEVER);
}

START_TEST(what_is_never_given_back_is_named)
{
    char line[200];
    MUST_BE(coir_run(let_lose, NULL, &(struct coir_runtime_options){.workers = 1, .log = write_down}), 0);
    MUST(strstr(report, "'careless' has ended and still holds "));
    snprintf(line, sizeof line, "holds the mutex made at %s, taken at ", lost.place);
    MUST(strstr(report, line));
    snprintf(line, sizeof line, "holds the rwlock made at %s, taken for writing at ", lost_too.place);
    MUST(strstr(report, line));
}
END_TEST

static int
lose_its_own(void *arg)
{
    struct coir_mutex own = COIR_MUTEX_INIT;
    (void)arg;
    return coir_mutex_lock(&own, COIR_NEVER);
}

START_TEST(what_is_gone_is_not_looked_at)
{
    MUST_BE(coir_run(lose_its_own, NULL, &(struct coir_runtime_options){.workers = 1, .log = write_down}), 0);
    MUST(strstr(report, "still holds a lock that was in a block of its own"));
}
END_TEST

/* Taken in one order and given in another, and through a condition: in the end nothing is held. */
static int
hand_over_hand(void *arg)
{
    static struct coir_mutex links[8];
    static struct coir_condition never = COIR_CONDITION_INIT;
    (void)arg;
    for (int i = 0; i < 8; i++)
        coir_mutex_init(&links[i], COIR_MUTEX_PLAIN);
    MUST_BE(coir_mutex_lock(&links[0], COIR_NEVER), 0);
    for (int i = 1; i < 8; i++) {
        MUST_BE(coir_mutex_lock(&links[i], COIR_NEVER), 0);
        MUST_BE(coir_condition_wait(&never, &links[i - 1], coir_after(COIR_US)), -ETIMEDOUT);
        coir_mutex_unlock(&links[i - 1]);
    }
    coir_mutex_unlock(&links[7]);
    return 0;
}

START_TEST(who_has_given_all_back_is_not_named)
{
    MUST_BE(coir_run(hand_over_hand, NULL, &(struct coir_runtime_options){.workers = 1, .log = write_down}), 0);
    MUST_BE(strlen(report), 0);
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_loop_test(cases, writers_cross, 0, CORE_CASTS);
    tcase_add_loop_test(cases, writers_that_want_to_read, 0, CORE_CASTS);
    tcase_add_loop_test(cases, readers_that_want_to_write, 0, CORE_CASTS);
    tcase_add_loop_test(cases, a_mutex_and_a_rwlock, 0, CORE_CASTS);
    tcase_add_loop_test(cases, a_once_function_and_a_mutex, 0, CORE_CASTS);
    tcase_add_test(cases, a_scope_that_waits_with_what_its_task_needs);
    tcase_add_loop_test(cases, a_task_that_needs_what_the_scopes_owner_has, 0, 3);
    tcase_add_test(cases, a_scope_that_ends_so_stops_the_process);
    tcase_add_loop_test(cases, a_join_with_a_deadline_is_a_way_out, 0, 3);
    tcase_add_loop_test(cases, a_join_inside_a_limited_scope_is_a_way_out, 0, 3);
    tcase_add_test(cases, a_cancel_on_its_way_is_a_way_out);
    tcase_add_test(cases, what_is_never_given_back_is_named);
    tcase_add_test(cases, what_is_gone_is_not_looked_at);
    tcase_add_test(cases, who_has_given_all_back_is_not_named);
}

int
main(void)
{
    return core_main("edge", add);
}
