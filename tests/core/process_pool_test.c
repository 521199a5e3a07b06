/* process_pool_test.c: pools of processes: what coir/pool.h promises, in a runtime and without one, and that a worker may die at
 * any moment. */
#include "core.h"

#include <coir/future.h>
#include <coir/log.h>
#include <coir/pool.h>
#include <dlfcn.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fault.h"

/* Memory that workers see, too. */
static struct {
    int lives;      /* of workers that are to die */
    int begun;      /* start functions */
    int inside, go; /* jobs; whether they may go on */
    pid_t left;     /* a process that a job has left behind */
} * seen;

static void
no_log(enum coir_log_level level, const char *line, void *arg)
{
    (void)level, (void)line, (void)arg;
}

/* In a runtime with a helper, or (threads) without one: then there is none but this thread. */
static void
play(int cast, coir_function *director, void *arg)
{
    static const struct coir_runtime_options options = {.processes = true, .log = no_log};
    if (getenv("COIR_EMULATED")) {
        printf("SKIP: the emulator has threads of its own\n");
        return;
    }
    seen = mmap(NULL, sizeof *seen, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    MUST(seen != MAP_FAILED);
    if (cast == CORE_THREADS)
        MUST_BE(director(arg), 0);
    else
        core_play_with((enum core_cast)cast, &options, director, arg);
    /* Nothing is left: neither of the workers nor of the helper. */
    MUST_BE(waitpid(-1, NULL, __WALL | WNOHANG), -1);
    MUST_BE(errno, ECHILD);
}

static struct coir_pool *
open_pool(int workers, const struct coir_pool_options *options)
{
    struct coir_pool *pool;
    char text[32];
    snprintf(text, sizeof text, "processes:%d", workers);
    int error = coir_pool_open(text, options, &pool);
    if (error)
        ck_abort_msg("%s: %s %s", text, coir_error_text(error), coir_error_detail());
    MUST_BE(coir_pool_workers(pool), workers);
    return pool;
}

struct sum {
    int a, b, answer;
    pid_t worker;
};

static int
add_up(void *arg)
{
    struct sum *sum = arg;
    MUST_BE((uintptr_t)arg % 16, 0);
    sum->answer = sum->a + sum->b;
    sum->worker = getpid();
    return sum->answer > 100000 ? -ERANGE : sum->answer;
}

/* ---- Jobs ---- */

static int
answer_nothing(void *arg)
{
    return arg ? -EINVAL : 17;
}

static int
turn_bytes(void *arg)
{
    unsigned char *bytes = arg;
    for (size_t i = 0; i < 3000000; i++)
        bytes[i] ^= 0xff;
    return 0;
}

static void
count_one(struct coir_future *future, void *arg)
{
    (void)future;
    __atomic_add_fetch((int *)arg, 1, __ATOMIC_SEQ_CST);
}

static int
submit_some(void *arg)
{
    enum { MANY = 200 };
    struct coir_pool *pool = open_pool(2, NULL);
    struct coir_future *futures[MANY];
    unsigned char *bytes = malloc(3000000);
    struct sum sum, kept;
    int done = 0;
    (void)arg;
    for (int i = 0; i < MANY; i++) {
        sum = (struct sum){i, 2 * i, -1, 0};
        MUST_BE(coir_pool_submit(pool, add_up, &sum, sizeof sum, &futures[i], core_soon()), 0);
        MUST_BE(coir_future_on_done(futures[i], count_one, &done), 0);
    }
    for (int i = 0; i < MANY; i++) {
        MUST_BE(coir_future_get(futures[i], &sum, sizeof sum, core_soon()), 3 * i);
        MUST(sum.a == i && sum.answer == 3 * i && sum.worker != getpid());
        coir_future_free(futures[i]);
    }
    kept = sum = (struct sum){99999, 2, -1, 0};
    MUST_BE(coir_pool_call(pool, add_up, &sum, sizeof sum, core_soon()), -ERANGE);
    MUST(!memcmp(&sum, &kept, sizeof sum)); /* a failure leaves it as it was */
    MUST_BE(coir_pool_call(pool, answer_nothing, NULL, 0, core_soon()), 17);
    memset(bytes, 'b', 3000000);
    MUST_BE(coir_pool_call(pool, turn_bytes, bytes, 3000000, core_soon()), 0);
    for (size_t i = 0; i < 3000000; i++)
        MUST(bytes[i] == (unsigned char)('b' ^ 0xff));
    free(bytes);
    MUST_BE(coir_pool_shutdown(pool, core_soon()), 0);
    MUST_BE(coir_pool_call(pool, answer_nothing, NULL, 0, core_soon()), -EPIPE);
    coir_pool_close(pool);
    MUST_BE(done, MANY);
    return 0;
}

START_TEST(jobs_go_there_and_come_back)
{
    play(_i, submit_some, NULL);
}
END_TEST

static int
fail_in_words(void *arg)
{
    (void)arg;
    return coir_go(NULL, NULL, &(struct coir_task_options){.arg_size = 1 << 20}, NULL);
}

static int
fail_without(void *arg)
{
    (void)arg;
    return -EIO;
}

static int
map_items(void *arg)
{
    enum { MANY = 300 };
    static struct sum sums[MANY];
    struct coir_pool *pool = open_pool(2, NULL);
    (void)arg;
    for (int i = 0; i < MANY; i++)
        sums[i] = (struct sum){i, 1, 0, 0};
    MUST_BE(coir_pool_map(pool, add_up, sums, sizeof *sums, MANY, core_soon()), 0);
    for (int i = 0; i < MANY; i++)
        MUST_BE(sums[i].answer, i + 1);
    sums[MANY / 2].a = 100000;
    MUST_BE(coir_pool_map(pool, add_up, sums, sizeof *sums, MANY, core_soon()), -ERANGE);
    MUST_BE(coir_pool_call(pool, fail_in_words, NULL, 0, core_soon()), -EINVAL);
    MUST(*coir_error_detail());
    MUST_BE(coir_pool_call(pool, fail_without, NULL, 0, core_soon()), -EIO);
    coir_pool_close(pool);
    return 0;
}

START_TEST(maps_and_failures)
{
    play(_i, map_items, NULL);
}
END_TEST

/* ---- Start functions ---- */

static int started_with;

static int
begin(void *arg)
{
    started_with = *(int *)arg;
    __atomic_add_fetch(&seen->begun, 1, __ATOMIC_SEQ_CST);
    return started_with < 0 ? fail_in_words(NULL) : 0;
}

static int
tell_start(void *arg)
{
    (void)arg;
    return started_with;
}

static int
start_workers(void *arg)
{
    int value = 77;
    struct coir_pool_options options = {.start = begin, .start_arg = &value, .start_arg_size = sizeof value};
    struct coir_pool *pool = open_pool(1, &options);
    (void)arg;
    value = 1; /* it has been copied */
    MUST_BE(coir_pool_call(pool, tell_start, NULL, 0, core_soon()), 77);
    MUST_BE(coir_pool_call(pool, tell_start, NULL, 0, core_soon()), 77);
    MUST_BE(seen->begun, 1);
    MUST_BE(started_with, 0); /* nothing here */
    coir_pool_close(pool);
    value = -1;
    pool = open_pool(2, &options);
    MUST_BE(coir_pool_call(pool, tell_start, NULL, 0, core_soon()), -EINVAL);
    MUST(*coir_error_detail());
    MUST_BE(coir_pool_call(pool, tell_start, NULL, 0, core_soon()), -EINVAL);
    coir_pool_close(pool);
    options.start_arg_size = 0;
    MUST_BE(coir_pool_open("processes", &options, &pool), -EINVAL);
    MUST(strstr(coir_error_detail(), "start_arg_size"));
    return 0;
}

START_TEST(the_start_function_runs_in_each_worker)
{
    play(_i, start_workers, NULL);
}
END_TEST

/* ---- Functions ---- */

static int
call_what_is_not_there(void *arg)
{
    struct coir_pool *pool = open_pool(1, NULL);
    void *code = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *library;
    coir_function *late;
    (void)arg;
    MUST_BE(coir_pool_call(pool, (coir_function *)code, NULL, 0, core_soon()), -ENOEXEC);
    MUST(*coir_error_detail());
    MUST_BE(coir_pool_call(pool, answer_nothing, NULL, 0, core_soon()), 17); /* the worker is as before */
    library = dlopen("libz.so.1", RTLD_NOW);
    late = library ? (coir_function *)(uintptr_t)dlsym(library, "deflateEnd") : NULL;
    if (late)
        MUST_BE(coir_pool_call(pool, late, NULL, 0, core_soon()), late(NULL)); /* its helper had not loaded it */
    else
        printf("SKIP: there is no libz.so.1\n");
    coir_pool_close(pool);
    return 0;
}

START_TEST(functions_are_found_or_refused)
{
    play(_i, call_what_is_not_there, NULL);
}
END_TEST

static int
give_a_pointer(void *arg)
{
    struct coir_pool *pool = open_pool(1, NULL);
    return coir_pool_call(pool, answer_nothing, arg, 0, core_soon());
}

static int
play_pointer(void *arg)
{
    int number = 1;
    core_must_die(give_a_pointer, &number, SIGABRT, "cannot follow a pointer");
    (void)arg;
    return 0;
}

START_TEST(a_pointer_is_a_mistake)
{
    play(CORE_THREADS, play_pointer, NULL);
}
END_TEST

static void *
open_beside_thread(void *arg)
{
    struct coir_pool *pool;
    (void)arg;
    MUST_BE(coir_pool_open("processes", NULL, &pool), -ENOTSUP);
    MUST(strstr(coir_error_detail(), "threads"));
    return NULL;
}

START_TEST(beside_other_threads_there_are_none)
{
    pthread_t thread;
    if (CORE_TSAN) {
        printf("SKIP: ThreadSanitizer has threads of its own, which are not told from others\n");
        return;
    }
    MUST_BE(pthread_create(&thread, NULL, open_beside_thread, NULL), 0);
    MUST_BE(pthread_join(thread, NULL), 0);
}
END_TEST

/* ---- Giving up ---- */

static int
wait_inside(void *arg)
{
    (void)arg;
    __atomic_add_fetch(&seen->inside, 1, __ATOMIC_SEQ_CST);
    while (!__atomic_load_n(&seen->go, __ATOMIC_SEQ_CST))
        (void)sched_yield();
    return 5;
}

static int
give_up(void *arg)
{
    struct coir_pool *pool = open_pool(1, NULL);
    struct coir_future *runs, *waits;
    coir_time end = core_soon();
    (void)arg;
    MUST_BE(coir_pool_submit(pool, wait_inside, NULL, 0, &runs, core_soon()), 0);
    MUST_BE(coir_pool_submit(pool, answer_nothing, NULL, 0, &waits, core_soon()), 0);
    while (!__atomic_load_n(&seen->inside, __ATOMIC_SEQ_CST) && coir_now() < end)
        (void)coir_sleep(coir_after(COIR_MS));
    MUST_BE(coir_future_cancel(runs), -EBUSY);
    MUST_BE(coir_future_cancel(waits), 0);
    MUST_BE(coir_pool_call(pool, answer_nothing, NULL, 0, coir_after(COIR_MS)), -ETIMEDOUT);
    MUST_BE(coir_pool_shutdown(pool, coir_after(COIR_MS)), -ETIMEDOUT);
    __atomic_store_n(&seen->go, 1, __ATOMIC_SEQ_CST);
    MUST_BE(coir_future_get(runs, NULL, 0, core_soon()), 5);
    coir_future_free(runs);
    coir_future_free(waits);
    coir_pool_close(pool);
    return 0;
}

START_TEST(what_has_begun_goes_on)
{
    play(_i, give_up, NULL);
}
END_TEST

/* ---- Workers die ---- */

static enum cr_moment chosen;

static void
at_moment(enum cr_moment moment)
{
    if (moment != chosen || __atomic_sub_fetch(&seen->lives, 1, __ATOMIC_SEQ_CST) < 0)
        return;
    (void)raise(SIGKILL);
}

static const struct row {
    enum cr_moment moment;
    int deaths, fail; /* jobs that fail then, of eight; EIGHT: the pool is broken */
    bool large, no_replacement;
} rows[] = {
    {CR_MOMENT_JOB_FIRST, 1, 0, false, false},   {CR_MOMENT_JOB_FIRST, 1000, 8, false, false},
    {CR_MOMENT_JOB_START, 1, 0, false, false},   {CR_MOMENT_JOB_START, 1000, 8, true, false},
    {CR_MOMENT_JOB_STARTED, 1, 0, false, false}, {CR_MOMENT_JOB, 1, 1, false, false},
    {CR_MOMENT_JOB, 3, 3, false, false},         {CR_MOMENT_JOB, 1, 1, false, true},
    {CR_MOMENT_JOB, 2, 8, false, true},          {CR_MOMENT_JOB, 1000, 8, true, false},
    {CR_MOMENT_JOB_DONE, 1, 1, true, false},     {CR_MOMENT_JOB_HALF, 2, 2, true, false},
    {CR_MOMENT_JOB_ANSWERED, 2, 0, true, false}, {CR_MOMENT_JOB_LAST, 2, 0, false, false},
};
enum { ROWS = sizeof rows / sizeof *rows, EIGHT = 8, LARGE = 1 << 20 };

static int
change_first(void *arg)
{
    (*(unsigned char *)arg)++;
    return 0;
}

static int
die_in_time(void *arg)
{
    const struct row *row = arg;
    int value = 1, failed = 0, error;
    struct coir_pool_options options = {.name = "mortal",
                                        .start = begin,
                                        .start_arg = &value,
                                        .start_arg_size = sizeof value,
                                        .no_replacement = row->no_replacement};
    struct coir_pool *pool = open_pool(2, &options);
    size_t size = row->large ? LARGE : 16;
    unsigned char *bytes = calloc(1, LARGE);
    struct coir_future *futures[EIGHT];
    seen->lives = row->deaths;
    for (int i = 0; i < EIGHT; i++) {
        error = coir_pool_submit(pool, change_first, bytes, size, &futures[i], core_soon());
        MUST(!error || (error == -EOWNERDEAD && row->fail == EIGHT));
    }
    for (int i = 0; i < EIGHT; i++) {
        if (!futures[i]) {
            failed++;
            continue;
        }
        error = coir_future_get(futures[i], bytes, size, core_soon());
        MUST(error == 0 || error == -EOWNERDEAD);
        failed += error != 0;
        coir_future_free(futures[i]);
    }
    MUST_BE(failed, row->fail);
    MUST_BE(coir_pool_shutdown(pool, core_soon()), 0);
    coir_pool_close(pool);
    free(bytes);
    return 0;
}

START_TEST(a_worker_dies_at_any_moment)
{
    const struct row *row = &rows[_i / CORE_CASTS];
    chosen = row->moment;
    cr_store_rlx(&cr_moment_told, at_moment); /* in the helper's memory, too, and its children's */
    play(_i % CORE_CASTS, die_in_time, (void *)(uintptr_t)row);
}
END_TEST

/* While more is written to it than a socket takes. */
static int
die_while_written_to(void *arg)
{
    struct coir_pool *pool = open_pool(1, NULL);
    unsigned char *bytes = calloc(1, LARGE);
    (void)arg;
    seen->lives = 1;
    MUST_BE(coir_pool_call(pool, change_first, bytes, LARGE, core_soon()), -EOWNERDEAD);
    MUST(strstr(coir_error_detail(), "Killed"));
    MUST_BE(coir_pool_call(pool, change_first, bytes, LARGE, core_soon()), 0);
    MUST_BE(*bytes, 1);
    free(bytes);
    coir_pool_close(pool);
    return 0;
}

START_TEST(a_worker_dies_with_a_full_pipe)
{
    chosen = CR_MOMENT_JOB_HEAD;
    cr_store_rlx(&cr_moment_told, at_moment);
    play(_i, die_while_written_to, NULL);
}
END_TEST

static int
who(void *arg)
{
    *(pid_t *)arg = getpid();
    return 0;
}

static int
leave(void *arg)
{
    (void)arg;
    exit(3);
}

/* It dies, and a child of its own has the socket still. */
static int
leave_a_child(void *arg)
{
    pid_t child = fork();
    (void)arg;
    if (child) {
        seen->left = child;
        return raise(SIGKILL);
    }
    alarm(60);
    for (;;)
        pause();
}

static int
die_otherwise(void *arg)
{
    struct coir_pool *pool = open_pool(1, NULL);
    pid_t worker, next;
    (void)arg;
    MUST_BE(coir_pool_call(pool, leave, NULL, 0, core_soon()), -EOWNERDEAD);
    MUST_BE(coir_pool_call(pool, leave_a_child, NULL, 0, core_soon()), -EOWNERDEAD);
    MUST_BE(kill(seen->left, SIGKILL), 0);
    MUST_BE(coir_pool_call(pool, who, &worker, sizeof worker, core_soon()), 0);
    MUST_BE(kill(worker, SIGKILL), 0); /* with nothing to do: what is handed to it before that is seen has not begun */
    MUST_BE(coir_pool_call(pool, who, &next, sizeof next, core_soon()), 0);
    MUST(next != worker);
    MUST_BE(coir_pool_call(pool, who, &worker, sizeof worker, core_soon()), 0);
    MUST_BE(worker, next);
    coir_pool_close(pool);
    return 0;
}

START_TEST(a_worker_ends_in_other_ways)
{
    play(_i, die_otherwise, NULL);
}
END_TEST

/* It is stopped, and does not see that there is no more. */
static int
stop_idle(void *arg)
{
    struct coir_pool *pool = open_pool(1, NULL);
    pid_t worker;
    (void)arg;
    MUST_BE(coir_pool_call(pool, who, &worker, sizeof worker, core_soon()), 0);
    MUST_BE(kill(worker, SIGSTOP), 0);
    coir_pool_close(pool);
    MUST(kill(worker, 0) && errno == ESRCH);
    return 0;
}

START_TEST(a_stopped_worker_does_not_keep_the_pool)
{
    play(CORE_DEFAULT, stop_idle, NULL);
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_loop_test(cases, jobs_go_there_and_come_back, 0, CORE_CASTS);
    tcase_add_loop_test(cases, maps_and_failures, 0, CORE_CASTS);
    tcase_add_loop_test(cases, the_start_function_runs_in_each_worker, 0, CORE_CASTS);
    tcase_add_loop_test(cases, functions_are_found_or_refused, 0, CORE_CASTS);
    tcase_add_test(cases, a_pointer_is_a_mistake);
    tcase_add_test(cases, beside_other_threads_there_are_none);
    tcase_add_loop_test(cases, what_has_begun_goes_on, 0, CORE_CASTS);
    tcase_add_loop_test(cases, a_worker_dies_at_any_moment, 0, ROWS * CORE_CASTS);
    tcase_add_loop_test(cases, a_worker_dies_with_a_full_pipe, 0, CORE_CASTS);
    tcase_add_loop_test(cases, a_worker_ends_in_other_ways, 0, CORE_CASTS);
    tcase_add_test(cases, a_stopped_worker_does_not_keep_the_pool);
}

int
main(void)
{
    return core_main("process_pool", add);
}
