/* process_ahead_test.c: a worker of a pool that is a process has several short jobs at once (pool/process.c). Each runs once all the
 * same, none has to wait behind one that takes long, and what has not begun can be taken back: for others, by a cancel, at
 * the end, and when the worker dies. */
#include "core.h"

#include <coir/future.h>
#include <coir/log.h>
#include <coir/pool.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "pool/process.h"

enum { MANY = 40 };

/* Memory that workers see, too. */
static struct {
    int runs[MANY]; /* by job */
    int inside, go; /* long ones; whether they may end */
    int lives;      /* of workers that are to die */
} * seen;

static void
no_log(enum coir_log_level level, const char *line, void *arg)
{
    (void)level, (void)line, (void)arg;
}

static void
play(int cast, coir_function *director)
{
    static const struct coir_runtime_options options = {.processes = true, .log = no_log};
    if (getenv("COIR_EMULATED")) {
        printf("SKIP: the emulator has threads of its own\n");
        return;
    }
    seen = mmap(NULL, sizeof *seen, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    MUST(seen != MAP_FAILED);
    if (cast == CORE_THREADS)
        MUST_BE(director(NULL), 0);
    else
        core_play_with((enum core_cast)cast, &options, director, NULL);
}

/* ---- Jobs ---- */

static int
count_run(void *arg)
{
    __atomic_add_fetch(&seen->runs[*(int *)arg], 1, __ATOMIC_SEQ_CST);
    return *(int *)arg + 1;
}

/* Until it is let go. */
static int
take_long(void *arg)
{
    (void)arg;
    __atomic_add_fetch(&seen->inside, 1, __ATOMIC_SEQ_CST);
    while (!__atomic_load_n(&seen->go, __ATOMIC_SEQ_CST))
        (void)sched_yield();
    return 5;
}

static int
nothing(void *arg)
{
    (void)arg;
    return 0;
}

static int
die(void *arg)
{
    (void)arg;
    return raise(SIGKILL);
}

/* One whose workers are known to have short jobs. */
static struct coir_pool *
open_warm(const char *workers)
{
    struct coir_future *futures[MANY];
    struct coir_pool *pool;
    MUST_BE(coir_pool_open(workers, NULL, &pool), 0);
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < MANY; i++)
            MUST_BE(coir_pool_submit(pool, nothing, NULL, 0, &futures[i], core_soon()), 0);
        for (int i = 0; i < MANY; i++) {
            MUST_BE(coir_future_get(futures[i], NULL, 0, core_soon()), 0);
            coir_future_free(futures[i]);
        }
    }
    memset(seen, 0, sizeof *seen);
    return pool;
}

static void
submit_counted(struct coir_pool *pool, int from, int to, struct coir_future **futures)
{
    for (int i = from; i < to; i++)
        MUST_BE(coir_pool_submit(pool, count_run, &i, sizeof i, &futures[i], core_soon()), 0);
}

static void
must_have_run_once(int from, int to, struct coir_future **futures)
{
    for (int i = from; i < to; i++) {
        MUST_BE(coir_future_get(futures[i], NULL, 0, core_soon()), i + 1);
        MUST_BE(seen->runs[i], 1);
        coir_future_free(futures[i]);
    }
}

static void
await_inside(void)
{
    coir_time end = core_soon();
    while (!__atomic_load_n(&seen->inside, __ATOMIC_SEQ_CST) && coir_now() < end)
        (void)coir_sleep(coir_after(COIR_MS / 10));
    MUST_BE(seen->inside, 1);
}

static void
end_long(struct coir_future *job)
{
    __atomic_store_n(&seen->go, 1, __ATOMIC_SEQ_CST);
    MUST_BE(coir_future_get(job, NULL, 0, core_soon()), 5);
    coir_future_free(job);
}

/* ---- Behind one that takes long ---- */

/* What stands behind it is done by the other worker; what was done before it is told. */
static int
overtake(void *arg)
{
    struct coir_pool *pool = open_warm("processes:2");
    (void)arg;
    for (int round = 0; round < 5; round++) {
        struct coir_future *futures[MANY], *job;
        int before = round * 4;
        memset(seen, 0, sizeof *seen);
        submit_counted(pool, 0, before, futures);
        MUST_BE(coir_pool_submit(pool, take_long, NULL, 0, &job, core_soon()), 0);
        submit_counted(pool, before, MANY, futures);
        must_have_run_once(0, MANY, futures);
        end_long(job);
    }
    coir_pool_close(pool);
    return 0;
}

START_TEST(a_long_one_is_overtaken)
{
    play(_i, overtake);
}
END_TEST

/* The only worker has a long one; those behind it can be canceled, a moment later. */
static int
cancel_behind(void *arg)
{
    struct coir_pool *pool = open_warm("processes:1");
    struct coir_future *futures[MANY], *job;
    coir_time end = core_soon();
    (void)arg;
    MUST_BE(coir_pool_submit(pool, take_long, NULL, 0, &job, core_soon()), 0);
    submit_counted(pool, 0, MANY, futures);
    for (int i = 0; i < MANY; i += 2) {
        int error;
        while ((error = coir_future_cancel(futures[i])) == -EBUSY && coir_now() < end)
            (void)coir_sleep(coir_after(COIR_MS / 10));
        MUST_BE(error, 0);
    }
    await_inside();
    MUST_BE(coir_future_cancel(job), -EBUSY);
    end_long(job);
    for (int i = 0; i < MANY; i++) {
        MUST_BE(coir_future_get(futures[i], NULL, 0, core_soon()), i % 2 ? i + 1 : -ECANCELED);
        MUST_BE(seen->runs[i], i % 2);
        coir_future_free(futures[i]);
    }
    coir_pool_close(pool);
    return 0;
}

START_TEST(those_behind_a_long_one_can_be_canceled)
{
    play(_i, cancel_behind);
}
END_TEST

static void
let_go(struct coir_future *future, void *arg)
{
    (void)future, (void)arg;
    __atomic_store_n(&seen->go, 1, __ATOMIC_SEQ_CST);
}

/* The last of them is canceled because the pool is closed; only then the long one may end. */
static int
close_behind(void *arg)
{
    struct coir_pool *pool = open_warm("processes:1");
    struct coir_future *futures[MANY], *job;
    (void)arg;
    MUST_BE(coir_pool_submit(pool, take_long, NULL, 0, &job, core_soon()), 0);
    submit_counted(pool, 0, 10, futures);
    await_inside();
    MUST_BE(coir_future_on_done(futures[0], let_go, NULL), 0);
    coir_pool_close(pool);
    end_long(job);
    for (int i = 0; i < 10; i++) {
        MUST_BE(coir_future_get(futures[i], NULL, 0, COIR_NOW), -ECANCELED);
        MUST_BE(seen->runs[i], 0);
        coir_future_free(futures[i]);
    }
    return 0;
}

START_TEST(a_closed_pool_does_not_run_those_behind)
{
    play(_i, close_behind);
}
END_TEST

/* But a pool that is shut down does. */
static int
shut_behind(void *arg)
{
    struct coir_pool *pool = open_warm("processes:1");
    struct coir_future *futures[MANY], *job;
    (void)arg;
    MUST_BE(coir_pool_submit(pool, take_long, NULL, 0, &job, core_soon()), 0);
    submit_counted(pool, 0, MANY, futures);
    MUST_BE(coir_pool_shutdown(pool, coir_after(5 * COIR_MS)), -ETIMEDOUT);
    __atomic_store_n(&seen->go, 1, __ATOMIC_SEQ_CST);
    MUST_BE(coir_pool_shutdown(pool, core_soon()), 0);
    end_long(job);
    must_have_run_once(0, MANY, futures);
    coir_pool_close(pool);
    return 0;
}

START_TEST(a_pool_that_is_shut_down_runs_those_behind)
{
    play(_i, shut_behind);
}
END_TEST

/* ---- Deaths ---- */

/* Only the job that kills its worker fails; the others run once, whoever has them. */
static int
die_among(void *arg)
{
    struct coir_pool *pool = open_warm("processes:2");
    (void)arg;
    for (int round = 0; round < 5; round++) {
        struct coir_future *futures[MANY], *job;
        memset(seen, 0, sizeof *seen);
        submit_counted(pool, 0, 3 * round, futures);
        MUST_BE(coir_pool_submit(pool, die, NULL, 0, &job, core_soon()), 0);
        submit_counted(pool, 3 * round, MANY, futures);
        must_have_run_once(0, MANY, futures);
        MUST_BE(coir_future_get(job, NULL, 0, core_soon()), -EOWNERDEAD);
        coir_future_free(job);
    }
    coir_pool_close(pool);
    return 0;
}

START_TEST(a_death_takes_one_job_along)
{
    play(_i, die_among);
}
END_TEST

static enum cr_moment chosen;

static void
at_moment(enum cr_moment moment)
{
    if (moment == chosen && __atomic_sub_fetch(&seen->lives, 1, __ATOMIC_SEQ_CST) == 0)
        (void)raise(SIGKILL);
}

/* At each step of a worker with several jobs: the one that is begun and not answered fails, none is lost, none runs twice. */
static int
die_at_moment(void *arg)
{
    struct coir_pool *pool = open_warm("processes:1");
    bool fails = chosen != CR_MOMENT_JOB_ANSWERED, ran = chosen != CR_MOMENT_JOB_HEAD && chosen != CR_MOMENT_JOB;
    struct coir_future *futures[MANY];
    int failed = 0;
    (void)arg;
    seen->lives = 15;
    submit_counted(pool, 0, MANY, futures);
    for (int i = 0; i < MANY; i++) {
        int result = coir_future_get(futures[i], NULL, 0, core_soon());
        MUST(result == i + 1 || result == -EOWNERDEAD);
        MUST_BE(seen->runs[i], result == i + 1 || ran);
        failed += result < 0;
        coir_future_free(futures[i]);
    }
    MUST_BE(failed, fails);
    coir_pool_close(pool);
    return 0;
}

START_TEST(a_death_at_each_step)
{
    static const enum cr_moment steps[] = {CR_MOMENT_JOB_HEAD, CR_MOMENT_JOB, CR_MOMENT_JOB_DONE, CR_MOMENT_JOB_HALF,
                                           CR_MOMENT_JOB_ANSWERED};
    chosen = steps[_i / CORE_CASTS];
    cr_store_rlx(&cr_moment_told, at_moment); /* in the helper's memory, too, and its children's */
    play(_i % CORE_CASTS, die_at_moment);
}
END_TEST

/* Its sockets are gone while it goes on: it is not to run what others run then. */
static int
close_sockets(void *arg)
{
    coir_time end;
    (void)arg;
    for (int fd = 3; fd < 256; fd++) {
        struct stat status;
        if (fstat(fd, &status) == 0 && S_ISSOCK(status.st_mode))
            close(fd);
    }
    for (end = coir_after(COIR_MS / 2); coir_now() < end;)
        (void)sched_yield();
    return 0;
}

static int
be_told_to_end(void *arg)
{
    (void)arg;
    return raise(SIGTERM);
}

static int
sleep_a_little(void *arg)
{
    int error = coir_sleep(coir_after(COIR_US));
    return error ? error : count_run(arg);
}

/* A worker that goes on for a while, or is canceled: what it has not begun is run once, by another. */
static int
go_on(void *arg)
{
    static coir_function *const deeds[] = {close_sockets, be_told_to_end};
    for (int i = 0; i < 2; i++) {
        struct coir_pool *pool = open_warm("processes:2");
        struct coir_future *futures[MANY], *job;
        MUST_BE(coir_pool_submit(pool, deeds[i], NULL, 0, &job, core_soon()), 0);
        for (int k = 0; k < MANY; k++)
            MUST_BE(coir_pool_submit(pool, sleep_a_little, &k, sizeof k, &futures[k], core_soon()), 0);
        must_have_run_once(0, MANY, futures);
        MUST_BE(coir_future_get(job, NULL, 0, core_soon()), i ? 0 : -EOWNERDEAD);
        coir_future_free(job);
        coir_pool_close(pool);
    }
    (void)arg;
    return 0;
}

START_TEST(one_that_goes_on_runs_nothing_twice)
{
    play(_i, go_on);
}
END_TEST

/* One of two dies, while the other is about to leave: that one runs what there is. */
static int
die_and_shut(void *arg)
{
    (void)arg;
    for (int round = 0; round < 10; round++) {
        struct coir_future *futures[MANY], *job;
        struct coir_pool *pool;
        MUST_BE(coir_pool_open("processes:2", &(struct coir_pool_options){.no_replacement = true}, &pool), 0);
        for (int i = 0; i < 100; i++)
            MUST_BE(coir_pool_call(pool, nothing, NULL, 0, core_soon()), 0);
        memset(seen, 0, sizeof *seen);
        submit_counted(pool, 0, 3 * round, futures);
        MUST_BE(coir_pool_submit(pool, die, NULL, 0, &job, core_soon()), 0);
        submit_counted(pool, 3 * round, MANY, futures);
        MUST_BE(coir_pool_shutdown(pool, core_soon()), 0);
        must_have_run_once(0, MANY, futures);
        MUST_BE(coir_future_get(job, NULL, 0, core_soon()), -EOWNERDEAD);
        coir_future_free(job);
        coir_pool_close(pool);
    }
    return 0;
}

START_TEST(the_last_one_without_replacement_runs_the_rest)
{
    play(_i, die_and_shut);
}
END_TEST

/* ---- Mad workers ---- */

static unsigned char *
find_memory(size_t *size)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    unsigned char *begin = NULL, *end = NULL;
    char line[512];
    while (maps && fgets(line, sizeof line, maps))
        if (strstr(line, "memfd:coir") && sscanf(line, "%p-%p", (void **)&begin, (void **)&end) == 2)
            break;
    if (maps)
        fclose(maps);
    *size = (size_t)(end - begin);
    return begin;
}

static int
write_over_all(void *arg)
{
    size_t size;
    unsigned char *memory = find_memory(&size);
    memset(memory, 0xa5, size);
    return arg != NULL;
}

static int
write_over_mark(void *arg)
{
    size_t size;
    struct cr_channel_memory *memory = (void *)find_memory(&size);
    memory->mark ^= 0x5a5a;
    return arg != NULL;
}

static int
write_over_place(void *arg)
{
    size_t size;
    struct cr_channel_memory *memory = (void *)find_memory(&size);
    memory->pipes[0].got = UINT64_MAX / 2;
    return arg != NULL;
}

/* The program sleeps: nobody wakes it. */
static int
write_over_sleeps(void *arg)
{
    size_t size;
    struct cr_channel_memory *memory = (void *)find_memory(&size);
    coir_time end = core_soon();
    while (!cr_load_acq(&memory->sleeps[0]) && coir_now() < end)
        (void)sched_yield();
    cr_store_rel(&memory->sleeps[0], 0);
    return arg != NULL;
}

static coir_function *deed;

/* The pool has another worker, if that is needed, and nothing hangs. */
static int
survive_madness(void *arg)
{
    struct coir_pool *pool = open_warm("processes:1");
    int result = coir_pool_call(pool, deed, NULL, 0, core_soon());
    (void)arg;
    MUST(result == 0 || result == -EOWNERDEAD);
    result = coir_pool_call(pool, nothing, NULL, 0, core_soon()); /* it may be found out with this one */
    MUST(result == 0 || result == -EOWNERDEAD);
    MUST_BE(coir_pool_call(pool, nothing, NULL, 0, core_soon()), 0);
    coir_pool_close(pool);
    return 0;
}

START_TEST(a_mad_worker_is_replaced)
{
    static coir_function *const deeds[] = {write_over_all, write_over_mark, write_over_place, write_over_sleeps};
    deed = deeds[_i];
    play(CORE_DEFAULT, survive_madness);
}
END_TEST

/* ---- Limits ---- */

/* Who has given up waiting for a call is not served later, though its job stood in a process then. */
static int
give_a_call_up(void *arg)
{
    struct coir_pool *pool = open_warm("processes:1");
    struct coir_future *before, *job;
    int number = 5;
    (void)arg;
    MUST_BE(coir_pool_submit(pool, nothing, NULL, 0, &before, core_soon()), 0);
    MUST_BE(coir_pool_submit(pool, take_long, NULL, 0, &job, core_soon()), 0);
    MUST_BE(coir_pool_call(pool, count_run, &number, sizeof number, coir_after(COIR_MS / 4)), -ETIMEDOUT);
    await_inside();
    (void)coir_sleep(coir_after(5 * COIR_MS)); /* it is taken back meanwhile */
    end_long(job);
    MUST_BE(coir_pool_shutdown(pool, core_soon()), 0);
    MUST_BE(seen->runs[5], 0);
    coir_future_free(before);
    coir_pool_close(pool);
    return 0;
}

START_TEST(a_call_that_was_given_up_does_not_run)
{
    play(_i, give_a_call_up);
}
END_TEST

enum { SUBMITTERS = 50, CAPACITY = 4 };
static int submitted; /* atomic: of those, have ended */

static int
linger(void *arg)
{
    coir_time end = coir_after(3 * COIR_MS / 2);
    while (coir_now() < end)
        (void)sched_yield();
    return arg != NULL;
}

static int
submit_more(void *pool)
{
    for (int i = 0; i < 40; i++)
        MUST_BE(coir_pool_submit(pool, i % 20 == 19 ? linger : nothing, NULL, 0, NULL, COIR_NEVER), 0);
    __atomic_add_fetch(&submitted, 1, __ATOMIC_SEQ_CST);
    return 0;
}

/* What is taken back comes on top, once: while there is more than the capacity nobody is let in. */
static int
keep_within(void *arg)
{
    struct core_actor actors[SUBMITTERS];
    struct coir_pool *pool;
    size_t most = 0;
    (void)arg;
    MUST_BE(coir_pool_open("processes:1", &(struct coir_pool_options){.capacity = CAPACITY}, &pool), 0);
    core_start_all(actors, SUBMITTERS, submit_more, pool);
    while (__atomic_load_n(&submitted, __ATOMIC_SEQ_CST) < SUBMITTERS) {
        cr_pool_hold(pool);
        most = pool->count > most ? pool->count : most;
        cr_pool_release(pool);
        (void)coir_yield();
    }
    for (int i = 0; i < SUBMITTERS; i++)
        MUST_BE(core_end(&actors[i]), 0);
    MUST(most <= CAPACITY + CR_POOL_AHEAD);
    coir_pool_close(pool);
    return 0;
}

START_TEST(what_is_taken_back_lets_nobody_in)
{
    play(CORE_FOUR, keep_within);
}
END_TEST

/* ---- Sizes ---- */

static int
turn(void *arg)
{
    unsigned char *bytes = arg;
    size_t size;
    memcpy(&size, bytes, sizeof size);
    for (size_t i = sizeof size; i < size; i++)
        bytes[i] = (unsigned char)~bytes[i];
    return 0;
}

/* Large ones among small ones: neither side may wait for the other to read. */
static int
mix_sizes(void *arg)
{
    static const size_t sizes[] = {8, 100, 20000, 9, 200000, 30000, 8, 33000, 12000, 8};
    enum { SIZES = sizeof sizes / sizeof *sizes };
    struct coir_pool *pool = open_warm("processes:2");
    struct coir_future *futures[MANY];
    unsigned char *bytes = malloc(200000);
    (void)arg;
    for (int i = 0; i < MANY; i++) {
        size_t size = sizes[i % SIZES];
        memset(bytes, i, size);
        memcpy(bytes, &size, sizeof size);
        MUST_BE(coir_pool_submit(pool, turn, bytes, size, &futures[i], core_soon()), 0);
    }
    for (int i = 0; i < MANY; i++) {
        size_t size = sizes[i % SIZES];
        MUST_BE(coir_future_get(futures[i], bytes, size, core_soon()), 0);
        for (size_t k = sizeof size; k < size; k++)
            MUST_BE(bytes[k], (unsigned char)~i);
        coir_future_free(futures[i]);
    }
    free(bytes);
    coir_pool_close(pool);
    return 0;
}

START_TEST(large_ones_among_small_ones)
{
    play(_i, mix_sizes);
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_loop_test(cases, a_long_one_is_overtaken, 0, CORE_CASTS);
    tcase_add_loop_test(cases, those_behind_a_long_one_can_be_canceled, 0, CORE_CASTS);
    tcase_add_loop_test(cases, a_closed_pool_does_not_run_those_behind, 0, CORE_CASTS);
    tcase_add_loop_test(cases, a_pool_that_is_shut_down_runs_those_behind, 0, CORE_CASTS);
    tcase_add_loop_test(cases, a_death_takes_one_job_along, 0, CORE_CASTS);
    tcase_add_loop_test(cases, a_death_at_each_step, 0, 5 * CORE_CASTS);
    tcase_add_loop_test(cases, one_that_goes_on_runs_nothing_twice, 0, CORE_CASTS);
    tcase_add_loop_test(cases, the_last_one_without_replacement_runs_the_rest, 0, CORE_CASTS);
    tcase_add_loop_test(cases, a_mad_worker_is_replaced, 0, 4);
    tcase_add_loop_test(cases, a_call_that_was_given_up_does_not_run, 0, CORE_CASTS);
    tcase_add_test(cases, what_is_taken_back_lets_nobody_in);
    tcase_add_loop_test(cases, large_ones_among_small_ones, 0, CORE_CASTS);
}

int
main(void)
{
    return core_main("process_ahead", add);
}
