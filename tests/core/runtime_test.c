/* runtime_test.c: what coir/runtime.h promises: options, several runtimes, limits; and what a
 * scheduler owes: fairness, spread, quiet when idle. */
#include "core.h"

#include <coir/log.h>
#include <coir/queue.h>
#include <coir/stream.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* ---- Options ---- */

static int
look_around(void *arg)
{
    struct coir_runtime *runtime = coir_runtime_self();
    MUST(runtime);
    MUST_BE(coir_runtime_workers(runtime), *(int *)arg);
    MUST(coir_worker_self() >= 0 && coir_worker_self() < *(int *)arg);
    return 5;
}

START_TEST(worker_counts)
{
    static const int counts[] = {1, 2, 8, 63};
    int count = counts[_i];
    char text[16];
    struct coir_runtime_options options = {.workers = count, .name = "a name that is rather long"};
    ck_assert_int_eq(coir_run(look_around, &count, &options), 5);
    snprintf(text, sizeof text, "%d", count);
    setenv("COIR_WORKERS", text, 1);
    ck_assert_int_eq(coir_run(look_around, &count, NULL), 5);
    setenv("COIR_WORKERS", "3", 1);
    ck_assert_int_eq(coir_run(look_around, &count, &options), 5); /* the environment overrides only a 0 */
}
END_TEST

static const struct {
    struct coir_runtime_options options;
    const char *workers, *backend, *detail;
} bad_options[] = {
    {{.workers = -1}, NULL, NULL, "-1"},
    {{.workers = 65}, NULL, NULL, "65"},
    {{.backend = "nonsense"}, NULL, NULL, "nonsense"},
    {{.stack_size = 4096}, NULL, NULL, "4096"},
    {{.stack_size = 100000}, NULL, NULL, "100000"},
    {{.stack_size = 128 << 20}, NULL, NULL, "134217728"},
    {{.task_limit = 16777216}, NULL, NULL, "16777216"},
    {{0}, "0", NULL, "COIR_WORKERS"},
    {{0}, "65", NULL, "COIR_WORKERS"},
    {{0}, "two", NULL, "COIR_WORKERS"},
    {{0}, NULL, "nonsense", "nonsense"},
};

static int
never_run(void *arg)
{
    (void)arg;
    ck_abort_msg("this runs");
    return 0;
}

START_TEST(bad_options_are_named)
{
    struct coir_runtime *runtime = (struct coir_runtime *)&runtime;
    if (bad_options[_i].workers)
        setenv("COIR_WORKERS", bad_options[_i].workers, 1);
    if (bad_options[_i].backend)
        setenv("COIR_BACKEND", bad_options[_i].backend, 1);
    ck_assert_int_eq(coir_run(never_run, NULL, &bad_options[_i].options), -EINVAL);
    ck_assert_ptr_nonnull(strstr(coir_error_detail(), bad_options[_i].detail));
    ck_assert_int_eq(coir_runtime_start(&bad_options[_i].options, &runtime), -EINVAL);
    ck_assert_ptr_null(runtime);
}
END_TEST

static int
fail_in_words(void *arg)
{
    struct coir_stream *stream;
    (void)arg;
    return coir_stream_dial("nonsense", NULL, &stream, COIR_NEVER);
}

static int
run_inside(void *arg)
{
    MUST_BE(coir_run(never_run, NULL, NULL), -EBUSY);
    MUST(strstr(coir_error_detail(), "coir_run"));
    MUST_BE(coir_runtime_stop(coir_runtime_self(), COIR_NEVER), -EBUSY);
    (void)arg;
    return 0;
}

START_TEST(what_the_first_task_says)
{
    ck_assert_int_eq(coir_run(fail_in_words, NULL, NULL), -EINVAL);
    ck_assert_ptr_nonnull(strstr(coir_error_detail(), "nonsense"));
    ck_assert_int_eq(coir_run(run_inside, NULL, NULL), 0);
}
END_TEST

/* ---- Several runtimes ---- */

static int
put_thousand(void *queue)
{
    for (int i = 0; i < 1000; i++)
        MUST_BE(coir_queue_put(queue, &i, core_soon()), 0);
    return 0;
}

static int
get_thousand(void *queue)
{
    int sum = 0, number;
    for (int i = 0; i < 1000; i++) {
        MUST_BE(coir_queue_get(queue, &number, core_soon()), 0);
        sum += number;
    }
    return sum;
}

START_TEST(two_runtimes_share_a_queue)
{
    struct coir_queue *queue = coir_queue_new(sizeof(int), 3, NULL);
    struct coir_runtime *runtimes[2];
    struct coir_task *tasks[2];
    int sum;
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(coir_runtime_start(&(struct coir_runtime_options){.workers = i + 1}, &runtimes[i]), 0);
    ck_assert_int_eq(coir_runtime_go(runtimes[0], put_thousand, queue, NULL, &tasks[0]), 0);
    ck_assert_int_eq(coir_runtime_go(runtimes[1], get_thousand, queue, NULL, &tasks[1]), 0);
    ck_assert_int_eq(coir_join(tasks[0], NULL, core_soon()), 0);
    ck_assert_int_eq(coir_join(tasks[1], &sum, core_soon()), 0);
    ck_assert_int_eq(sum, 499500);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(coir_runtime_stop(runtimes[i], core_soon()), 0);
    coir_queue_free(queue);
}
END_TEST

static int
sleep_for_ever(void *arg)
{
    (void)arg;
    return coir_sleep(COIR_NEVER);
}

static int
sleep_shielded(void *event)
{
    COIR_SHIELD();
    return coir_event_wait(event, COIR_NEVER);
}

START_TEST(runtimes_come_and_go)
{
    int count = 2;
    for (int i = 0; i < 100; i++) {
        struct coir_runtime *runtime;
        ck_assert_int_eq(coir_runtime_start(&(struct coir_runtime_options){.workers = 1 + i % 4}, &runtime), 0);
        ck_assert_int_eq(coir_runtime_go(runtime, sleep_for_ever, NULL, NULL, NULL), 0);
        ck_assert_int_eq(coir_runtime_stop(runtime, core_soon()), 0);
        ck_assert_int_eq(coir_run(look_around, &count, &(struct coir_runtime_options){.workers = 2}), 5);
    }
}
END_TEST

static int
go_too_many(void *arg)
{
    struct coir_event event = COIR_EVENT_INIT;
    struct coir_task *tasks[9], *task;
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 9; i++)
            MUST_BE(coir_go(sleep_shielded, &event, NULL, &tasks[i]), 0);
        MUST_BE(coir_go(sleep_shielded, &event, NULL, &task), -EAGAIN);
        MUST(!task && strstr(coir_error_detail(), "10"));
        coir_event_set(&event);
        for (int i = 0; i < 9; i++)
            MUST_BE(coir_join(tasks[i], NULL, core_soon()), 0);
        coir_event_clear(&event);
    }
    (void)arg;
    return 0;
}

START_TEST(the_task_limit)
{
    struct coir_runtime_options options = {.workers = _i, .task_limit = 10};
    ck_assert_int_eq(coir_run(go_too_many, NULL, &options), 0);
}
END_TEST

/* ---- Fairness ---- */

enum { PAIRS = 1000 };
static struct coir_event ball[2];
static uint64_t turns; /* atomic: of the players */
static bool game_over; /* atomic */

static int
play_ball(void *arg)
{
    int side = (int)(intptr_t)arg;
    while (!__atomic_load_n(&game_over, __ATOMIC_RELAXED)) {
        if (coir_event_wait(&ball[side], COIR_NEVER))
            break;
        coir_event_clear(&ball[side]);
        __atomic_add_fetch(&turns, 1, __ATOMIC_RELAXED);
        coir_event_set(&ball[!side]);
    }
    return 0;
}

static int
count_turns_at_birth(void *arg)
{
    *(uint64_t *)arg = __atomic_load_n(&turns, __ATOMIC_RELAXED);
    return 0;
}

static int
read_idly(void *stream)
{
    char byte;
    return (int)coir_stream_read(stream, &byte, 1, COIR_NEVER);
}

static int
be_fair(void *arg)
{
    static struct coir_stream *ends[PAIRS][2];
    static struct coir_task *readers[PAIRS];
    struct coir_task *players[2], *newborn;
    int pairs = ((int)core_numbers(2 * PAIRS + 100) - 100) / 2, result;
    const char *backend = coir_runtime_backend(coir_runtime_self());
    bool rests = !strcmp(backend, "poll") || !strcmp(backend, "select") ||
                 !strcmp(backend, "spin"); /* after each look: backend/level.h */
    (void)arg;
    for (int i = 0; i < pairs; i++) {
        MUST_BE(coir_stream_pair(ends[i]), 0);
        MUST_BE(coir_go(read_idly, ends[i][0], NULL, &readers[i]), 0);
    }
    for (intptr_t side = 0; side < 2; side++)
        MUST_BE(coir_go(play_ball, (void *)side, NULL, &players[side]), 0);
    core_await_parked(readers[pairs - 1]);
    coir_event_set(&ball[0]);
    for (int i = 0; i < 200; i++) { /* a third one that yields: at least every few turns of theirs */
        uint64_t before = __atomic_load_n(&turns, __ATOMIC_RELAXED);
        MUST_BE(coir_yield(), 0);
        MUST(__atomic_load_n(&turns, __ATOMIC_RELAXED) - before <= 64 + 8);
    }
    for (int i = 0; i < 20; i++) { /* a timer among those who never sleep */
        coir_time deadline = coir_after(COIR_MS);
        MUST_BE(coir_sleep(deadline), 0);
        MUST(coir_now() >= deadline && coir_now() < deadline + 2 * COIR_SECOND);
    }
    for (int i = 0; i < 20; i++) { /* a newborn */
        uint64_t before = __atomic_load_n(&turns, __ATOMIC_RELAXED), at_birth;
        MUST_BE(coir_go(count_turns_at_birth, &at_birth, NULL, &newborn), 0);
        MUST_BE(coir_join(newborn, NULL, core_soon()), 0);
        MUST(at_birth - before <= 1024);
    }
    for (int i = 0; i < pairs; i++) { /* and what comes from the kernel, one after the other */
        uint64_t before = __atomic_load_n(&turns, __ATOMIC_RELAXED);
        coir_time start = coir_now();
        MUST_BE(coir_stream_write(ends[i][1], "x", 1, core_soon()), 0);
        MUST_BE(coir_join(readers[i], &result, core_soon()), 0);
        MUST_BE(result, 1);
        if (rests) /* which is a time, not a number of turns */
            MUST(coir_now() < start + 2 * COIR_SECOND);
        else /* a look or two */
            MUST(__atomic_load_n(&turns, __ATOMIC_RELAXED) - before <= 256);
        coir_stream_close(ends[i][0]);
        coir_stream_close(ends[i][1]);
    }
    __atomic_store_n(&game_over, true, __ATOMIC_RELAXED);
    for (int side = 0; side < 2; side++) {
        coir_cancel(players[side]);
        MUST_BE(coir_join(players[side], NULL, core_soon()), 0);
    }
    return 0;
}

START_TEST(two_players_starve_nobody)
{
    core_run(1, be_fair, NULL);
}
END_TEST

static void
keep_worker(coir_time span)
{
    for (coir_time end = coir_after(span); coir_now() < end;)
        ;
}

/* How often the log (a pipe that does not wait) has named the calling task since it was last asked. */
static int
times_named(int log)
{
    char text[4096], name[64];
    ssize_t size = read(log, text, sizeof text - 1);
    int times = 0;
    snprintf(name, sizeof name, "task %llu has kept worker 0", (unsigned long long)coir_task_id(coir_self()));
    text[size > 0 ? size : 0] = '\0';
    for (const char *at = text; (at = strstr(at, name)); at++)
        times++;
    return times;
}

static int
keep_worker_long(void *arg)
{
    int log = *(int *)arg, times = 0;
    coir_time start = coir_now();
    while (coir_now() < start + 700 * COIR_MS) { /* long turns, but turns */
        keep_worker(2 * COIR_MS);
        MUST_BE(coir_yield(), 0);
    }
    MUST_BE(times_named(log), 0);
    for (int i = 0; i < 2; i++) { /* each time it does so it is named, once */
        start = coir_now();
        while (!times) /* until the test's own limit */
            times = times_named(log);
        MUST(coir_now() - start > 400 * COIR_MS);
        keep_worker(700 * COIR_MS);
        MUST_BE(times + times_named(log), 1);
        times = 0;
        MUST_BE(coir_yield(), 0);
    }
    return 0;
}

START_TEST(who_keeps_a_worker_is_named)
{
    int ends[2], before = dup(STDERR_FILENO);
    ck_assert_int_eq(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
    ck_assert_int_eq(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
    close(ends[1]);
    core_run(1, keep_worker_long, &ends[0]);
    ck_assert_int_eq(dup2(before, STDERR_FILENO), STDERR_FILENO);
    close(before);
    close(ends[0]);
}
END_TEST

enum { WORKERS = 8, SPREAD = 1000 };
static int on_worker[WORKERS]; /* atomic */
static struct coir_event spread_ends;

static int
count_worker(void *arg)
{
    (void)arg;
    __atomic_add_fetch(&on_worker[coir_worker_self()], 1, __ATOMIC_SEQ_CST);
    return coir_event_wait(&spread_ends, COIR_NEVER);
}

static int
spread_out(void *arg)
{
    static struct coir_task *tasks[SPREAD];
    int busiest = 0;
    (void)arg;
    for (int i = 0; i < SPREAD; i++)
        MUST_BE(coir_go_spread(count_worker, NULL, NULL, &tasks[i]), 0);
    for (int i = 0; i < SPREAD; i++)
        core_await_parked(tasks[i]);
    for (int i = 0; i < WORKERS; i++)
        busiest = on_worker[i] > busiest ? on_worker[i] : busiest;
    MUST(busiest * WORKERS <= SPREAD * 12 / 10);
    coir_event_set(&spread_ends);
    for (int i = 0; i < SPREAD; i++)
        MUST_BE(coir_join(tasks[i], NULL, core_soon()), 0);
    return 0;
}

START_TEST(long_lived_tasks_are_spread)
{
    core_run(WORKERS, spread_out, NULL);
}
END_TEST

/* Eight tasks that compute on as many workers: each newborn is found by somebody. */
static int together; /* atomic */

static int
meet_all(void *arg)
{
    coir_time end = core_soon();
    __atomic_add_fetch(&together, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&together, __ATOMIC_SEQ_CST) < 4) { /* without yielding: only real workers help */
        MUST(coir_now() < end);
        sched_yield();
    }
    (void)arg;
    return 0;
}

static int
start_four(void *arg)
{
    struct coir_task *tasks[3];
    (void)arg;
    for (long round = 0; round < core_rounds(60); round++) {
        __atomic_store_n(&together, 0, __ATOMIC_SEQ_CST);
        for (int i = 0; i < 3; i++)
            MUST_BE(coir_go(meet_all, NULL, NULL, &tasks[i]), 0);
        MUST_BE(meet_all(NULL), 0);
        for (int i = 0; i < 3; i++)
            MUST_BE(coir_join(tasks[i], NULL, core_soon()), 0);
    }
    return 0;
}

START_TEST(idle_workers_find_newborns)
{
    core_run(4, start_four, NULL);
}
END_TEST

/* ---- Idle ---- */

static long
context_switches(void)
{
    char path[64], line[128];
    long sum = 0, number;
    for (int thread = 0; thread < 100; thread++) {
        FILE *file;
        snprintf(path, sizeof path, "/proc/self/task/%d/status", (int)getpid() + thread);
        file = fopen(path, "r");
        if (!file)
            continue;
        while (fgets(line, sizeof line, file))
            if (sscanf(line, "voluntary_ctxt_switches: %ld", &number) == 1 && (int)getpid() + thread != (int)gettid())
                sum += number;
        fclose(file);
    }
    return sum;
}

START_TEST(an_idle_program_does_nothing)
{
    struct coir_runtime *runtime;
    struct coir_task *task;
    long before, quiet = 0;
    if (CORE_TSAN) {
        printf("SKIP: the sanitizer's own thread is never idle\n");
        return;
    }
    ck_assert_int_eq(coir_runtime_start(&(struct coir_runtime_options){.workers = 4}, &runtime), 0);
    ck_assert_int_eq(coir_runtime_go(runtime, sleep_for_ever, NULL, NULL, &task), 0);
    core_await_parked(task);
    /* It calms down within ten seconds (spans, not for synchronising: quiet is what is measured). */
    for (int i = 0; i < 10 && !quiet; i++) {
        before = context_switches();
        ck_assert_int_eq(coir_sleep(coir_after(COIR_SECOND)), 0);
        quiet = context_switches() == before;
    }
    before = context_switches();
    ck_assert_int_gt(before, 0);
    ck_assert_int_eq(coir_sleep(coir_after(3 * COIR_SECOND)), 0);
    ck_assert_int_eq(context_switches(), before);
    coir_cancel(task);
    ck_assert_int_eq(coir_join(task, NULL, core_soon()), 0);
    ck_assert_int_eq(coir_runtime_stop(runtime, core_soon()), 0);
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_loop_test(cases, worker_counts, 0, 4);
    tcase_add_loop_test(cases, bad_options_are_named, 0, sizeof bad_options / sizeof bad_options[0]);
    tcase_add_test(cases, what_the_first_task_says);
    tcase_add_test(cases, two_runtimes_share_a_queue);
    tcase_add_test(cases, runtimes_come_and_go);
    tcase_add_loop_test(cases, the_task_limit, 0, 3);
    tcase_add_test(cases, two_players_starve_nobody);
    tcase_add_test(cases, who_keeps_a_worker_is_named);
    tcase_add_test(cases, long_lived_tasks_are_spread);
    tcase_add_test(cases, idle_workers_find_newborns);
    tcase_add_test(cases, an_idle_program_does_nothing);
}

int
main(void)
{
    return core_main("runtime", add);
}
