/* offload_test.c: what coir_offload promises. */
#include "core.h"

#include <errno.h>
#include <unistd.h>

static int
block_and_tell(void *arg)
{
    *(pid_t *)arg = gettid();
    return 17;
}

static int
offload_one(void *arg)
{
    pid_t there = 0;
    (void)arg;
    MUST_BE(coir_offload(block_and_tell, &there), 17);
    MUST(there && there != gettid());
    coir_cancel(coir_self());
    there = 0;
    MUST_BE(coir_offload(block_and_tell, &there), 17);
    MUST(there && there != gettid());
    return 0;
}

START_TEST(offload_runs_elsewhere_and_cannot_be_canceled)
{
    core_run(_i, offload_one, NULL);
}
END_TEST

START_TEST(offload_outside_a_runtime_runs_in_place)
{
    pid_t there = 0;
    ck_assert_int_eq(coir_offload(block_and_tell, &there), 17);
    ck_assert_int_eq(there, gettid());
}
END_TEST

/* More jobs than helpers: all of them wait for the last. */
static int
wait_for_read(void *arg)
{
    char byte;
    return read(*(int *)arg, &byte, 1) == 1 ? 0 : -errno;
}

static int
offload_wait(void *arg)
{
    return coir_offload(wait_for_read, arg);
}

static int
offload_many(void *arg)
{
    enum { JOBS = 100 };
    struct coir_task *tasks[JOBS];
    int ends[2];
    char bytes[JOBS] = "";
    (void)arg;
    MUST_BE(pipe(ends), 0);
    for (int i = 0; i < JOBS; i++)
        MUST_BE(coir_go_spread(offload_wait, &ends[0], NULL, &tasks[i]), 0);
    for (int i = 0; i < 100; i++)
        MUST_BE(coir_yield(), 0);
    MUST_BE(write(ends[1], bytes, JOBS), JOBS);
    for (int i = 0; i < JOBS; i++) {
        int result;
        MUST_BE(coir_join(tasks[i], &result, core_soon()), 0);
        MUST_BE(result, 0);
    }
    close(ends[0]);
    close(ends[1]);
    return 0;
}

START_TEST(more_jobs_than_helpers)
{
    core_run(_i, offload_many, NULL);
}
END_TEST

/* Loop numbers of those that take one are counts of workers; 0 is the default. */
static void
add(TCase *cases)
{
    tcase_add_loop_test(cases, offload_runs_elsewhere_and_cannot_be_canceled, 0, 3);
    tcase_add_test(cases, offload_outside_a_runtime_runs_in_place);
    tcase_add_loop_test(cases, more_jobs_than_helpers, 0, 3);
}

int
main(void)
{
    return core_main("offload", add);
}
