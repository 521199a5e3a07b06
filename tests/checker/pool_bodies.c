/* pool_bodies.c: pools of a thread or two, and of fibers: each job that was taken is run once or canceled, none is left when
 * shutdown answers, and nobody touches a pool that has been closed. */
#include <coir/event.h>
#include <coir/future.h>
#include <coir/pool.h>
#include <coir/runtime.h>
#include <errno.h>
#include <string.h>

#include "bodies.h"

static struct {
    struct coir_pool *pool;
    uint32_t taken[2]; /* jobs, by each submitter */
    uint32_t ran[4];   /* each by its own job */
} yard;

static void
open_yard(const char *workers, size_t capacity)
{
    memset(&yard, 0, sizeof yard);
    CR_CHECK_IS(coir_pool_open(workers, &(struct coir_pool_options){.capacity = capacity}, &yard.pool), 0);
}

static int
run(void *arg)
{
    uint32_t *number = arg;
    CR_SHARED_WRITE(yard.ran[*number])++;
    return (int)*number + 10;
}

static int
submit(uint32_t number, struct coir_future **future, coir_time deadline)
{
    return coir_pool_submit(yard.pool, run, &number, sizeof number, future, deadline);
}

/* ---- Done when the future says so ---- */

static void
call_0(void *arg)
{
    uint32_t number = 0;
    (void)arg;
    CR_CHECK_IS(coir_pool_call(yard.pool, run, &number, sizeof number, COIR_NEVER), 10);
    CR_CHECK_IS(CR_SHARED_READ(yard.ran[0]), 1);
}

static void
submit_1(void *arg)
{
    struct coir_future *future;
    (void)arg;
    CR_CHECK_IS(submit(1, &future, COIR_NEVER), 0);
    CR_CHECK_IS(coir_future_get(future, NULL, 0, COIR_NEVER), 11);
    CR_CHECK_IS(CR_SHARED_READ(yard.ran[1]), 1);
    coir_future_free(future);
}

static void
pool_one(void *arg)
{
    (void)arg;
    open_yard("threads:1", 1);
    play_two(call_0, submit_1, NULL);
    coir_pool_close(yard.pool);
}

static void
pool_two(void *arg)
{
    (void)arg;
    open_yard("threads:2", 1);
    play_two(call_0, submit_1, NULL);
    coir_pool_close(yard.pool);
}

/* ---- Two that need each other: no worker may rest while one waits ---- */

static struct coir_event arrived[2];

static int
meet(void *arg)
{
    uint32_t *number = arg;
    coir_event_set(&arrived[*number]);
    CR_CHECK_IS(coir_event_wait(&arrived[!*number], COIR_NEVER), 0);
    return 0;
}

static void
pool_meet(void *arg)
{
    (void)arg;
    open_yard("threads:2", 2);
    for (uint32_t round = 0; round < 2; round++) {
        struct coir_future *futures[2];
        memset(arrived, 0, sizeof arrived);
        for (uint32_t i = 0; i < 2; i++)
            CR_CHECK_IS(coir_pool_submit(yard.pool, meet, &i, sizeof i, &futures[i], COIR_NEVER), 0);
        CR_CHECK_IS(coir_future_wait_all(futures, 2, COIR_NEVER), 0);
        for (uint32_t i = 0; i < 2; i++)
            coir_future_free(futures[i]);
    }
    coir_pool_close(yard.pool);
}

/* ---- The end, while jobs come ---- */

static void
submit_till_shut(void *arg)
{
    (void)arg;
    for (uint32_t number = 0; number < 3; number++) {
        int error = submit(number, NULL, COIR_NEVER);
        CR_CHECK_THAT(error == 0 || error == -EPIPE);
        if (error)
            return;
        yard.taken[0]++;
    }
}

static void
shut(void *arg)
{
    (void)arg;
    CR_CHECK_IS(coir_pool_shutdown(yard.pool, COIR_NEVER), 0);
}

static void
pool_shut(void *arg)
{
    (void)arg;
    open_yard("threads:1", 1);
    play_two(submit_till_shut, shut, NULL);
    for (uint32_t i = 0; i < 3; i++)
        CR_CHECK_IS(yard.ran[i], i < yard.taken[0]);
    coir_pool_close(yard.pool);
}

/* ---- Cancel, deadlines ---- */

static void
submit_and_cancel(void *arg)
{
    struct coir_future *future;
    int cancel;
    (void)arg;
    CR_CHECK_IS(submit(0, &future, COIR_NEVER), 0);
    cancel = coir_future_cancel(future);
    CR_CHECK_THAT(cancel == 0 || cancel == -EBUSY || cancel == -EALREADY);
    CR_CHECK_IS(coir_future_get(future, NULL, 0, COIR_NEVER), cancel ? 10 : -ECANCELED);
    CR_CHECK_IS(CR_SHARED_READ(yard.ran[0]), cancel != 0);
    coir_future_free(future);
}

static void
pool_cancel(void *arg)
{
    (void)arg;
    open_yard("threads:1", 1);
    play_two(submit_and_cancel, submit_1, NULL);
    coir_pool_close(yard.pool);
}

static void
submit_in_time(void *arg)
{
    uint32_t *taken = arg;
    (void)arg;
    for (uint32_t number = 0; number < 2; number++) {
        int error = submit(number, NULL, coir_after(COIR_MS));
        CR_CHECK_THAT(error == 0 || error == -ETIMEDOUT);
        *taken += error == 0;
        if (error)
            return;
    }
}

static void
submit_others_in_time(void *arg)
{
    (void)arg;
    for (uint32_t number = 2; number < 4; number++)
        if (submit(number, NULL, coir_after(COIR_MS)) == 0)
            yard.taken[1] |= 1u << number;
}

static void
pool_late(void *arg)
{
    uint32_t taken = 0;
    (void)arg;
    open_yard("threads:1", 1);
    play_two(submit_in_time, submit_others_in_time, &taken);
    CR_CHECK_IS(coir_pool_shutdown(yard.pool, COIR_NEVER), 0);
    for (uint32_t i = 0; i < 4; i++)
        CR_CHECK_IS(yard.ran[i], i < 2 ? i < taken : yard.taken[1] >> i & 1);
    coir_pool_close(yard.pool);
}

/* Closed with jobs in it: each is canceled or has run. */
static void
pool_close(void *arg)
{
    struct coir_future *futures[2];
    (void)arg;
    open_yard("threads:1", 2);
    for (uint32_t i = 0; i < 2; i++)
        CR_CHECK_IS(submit(i, &futures[i], COIR_NEVER), 0);
    coir_pool_close(yard.pool);
    for (uint32_t i = 0; i < 2; i++) {
        int result = coir_future_get(futures[i], NULL, 0, COIR_NOW);
        CR_CHECK_IS(result, yard.ran[i] ? (int)i + 10 : -ECANCELED);
        coir_future_free(futures[i]);
    }
}

/* ---- Fibers ---- */

static int
use_fibers(void *arg)
{
    struct coir_future *futures[3];
    (void)arg;
    open_yard("fibers:2", 2);
    for (uint32_t i = 0; i < 3; i++)
        CR_CHECK_IS(submit(i, &futures[i], COIR_NEVER), 0);
    for (uint32_t i = 0; i < 3; i++) {
        CR_CHECK_IS(coir_future_get(futures[i], NULL, 0, COIR_NEVER), i + 10);
        CR_CHECK_IS(CR_SHARED_READ(yard.ran[i]), 1);
        coir_future_free(futures[i]);
    }
    coir_pool_close(yard.pool);
    return 0;
}

static void
pool_fibers(void *arg)
{
    (void)arg;
    play_run(2, use_fibers, NULL);
}

const struct body pool_bodies[] = {
    {"pool-one", pool_one, false, 1, 1},       {"pool-two", pool_two, false, 1, 0},
    {"pool-shut", pool_shut, false, 1, 1},     {"pool-cancel", pool_cancel, false, 1, 1},
    {"pool-late", pool_late, true, 1, 0},      {"pool-close", pool_close, false, 2, 1},
    {"pool-fibers", pool_fibers, false, 0, 0}, {"pool-meet", pool_meet, false, 0, 0},
};
const uint32_t pool_count = sizeof pool_bodies / sizeof pool_bodies[0];
