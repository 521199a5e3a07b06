/* worker_bodies.c: two workers: newborns are stolen, sleepers are woken, a runtime ends. */
#include <coir/event.h>
#include <coir/runtime.h>
#include <coir/task.h>
#include <errno.h>
#include <string.h>

#include "bodies.h"

static struct {
    struct coir_event ping, pong;
    struct bell done, more;
    uint32_t ran;
} shop;

/* ---- Newborns of a worker that is kept busy are for the other one ---- */

static int
run_and_ring(void *arg)
{
    (void)arg;
    shop.ran++;
    bell_ring(&shop.done);
    return 0;
}

/* Begins so many and keeps its worker's thread in the kernel until all but one have run, which only the other worker can
 * do. (A lone newborn wakes nobody: docs/decisions/0001.) */
static void
block_the_worker(uint32_t count)
{
    uint32_t wanted = shop.ran + count - 1;
    for (uint32_t i = 0; i < count; i++)
        CR_CHECK_IS(coir_go(run_and_ring, NULL, NULL, NULL), 0);
    while (shop.ran < wanted)
        bell_await(&shop.done);
}

static int
block_once(void *arg)
{
    (void)arg;
    block_the_worker(2);
    return 0;
}

static void
newborns(void *arg)
{
    (void)arg;
    memset(&shop, 0, sizeof shop);
    play_run(2, block_once, NULL);
    CR_CHECK_IS(shop.ran, 2);
}

static int
block_for_two(void *arg)
{
    (void)arg;
    block_the_worker(3);
    return 0;
}

static void
newborns_3(void *arg)
{
    (void)arg;
    memset(&shop, 0, sizeof shop);
    play_run(2, block_for_two, NULL);
    CR_CHECK_IS(shop.ran, 3);
}

/* The same twice, so that the searcher of the first time has gone to sleep again. */
static int
block_twice(void *arg)
{
    (void)arg;
    block_the_worker(2);
    (void)coir_yield();
    block_the_worker(2);
    return 0;
}

static void
newborns_again(void *arg)
{
    (void)arg;
    memset(&shop, 0, sizeof shop);
    play_run(2, block_twice, NULL);
    CR_CHECK_IS(shop.ran, 4);
}

/* Three workers. One newborn keeps its worker's thread until two others have run, so they must be shown to the third,
 * which may have gone to sleep meanwhile: by whoever looked last, be it while it was saying that it searches no more. */
static int
run_when_two_have(void *arg)
{
    while (shop.ran < 2)
        bell_await(&shop.more);
    return run_and_ring(arg);
}

static int
run_and_ring_both(void *arg)
{
    int result = run_and_ring(arg);
    bell_ring(&shop.more);
    return result;
}

static int
block_for_three(void *arg)
{
    (void)arg;
    CR_CHECK_IS(coir_go(run_and_ring_both, NULL, NULL, NULL), 0);
    CR_CHECK_IS(coir_go(run_when_two_have, NULL, NULL, NULL), 0);
    CR_CHECK_IS(coir_go(run_and_ring_both, NULL, NULL, NULL), 0);
    CR_CHECK_IS(coir_go(run_and_ring_both, NULL, NULL, NULL), 0);
    while (shop.ran < 3)
        bell_await(&shop.done);
    return 0;
}

static void
newborns_relay(void *arg)
{
    (void)arg;
    memset(&shop, 0, sizeof shop);
    play_run(3, block_for_three, NULL);
    CR_CHECK_IS(shop.ran, 4);
}

/* ---- A wake-up from another worker ---- */

static int
answer(void *arg)
{
    (void)arg;
    for (int i = 0; i < 2; i++) {
        CR_CHECK_IS(coir_event_wait(&shop.ping, COIR_NEVER), 0);
        coir_event_clear(&shop.ping);
        coir_event_set(&shop.pong);
    }
    return 0;
}

static int
ask(void *arg)
{
    struct coir_task *task;
    (void)arg;
    CR_CHECK_IS(coir_go_spread(answer, NULL, NULL, &task), 0);
    for (int i = 0; i < 2; i++) {
        coir_event_set(&shop.ping);
        CR_CHECK_IS(coir_event_wait(&shop.pong, COIR_NEVER), 0);
        coir_event_clear(&shop.pong);
    }
    CR_CHECK_IS(coir_join(task, NULL, COIR_NEVER), 0);
    return 0;
}

static void
ping_pong(void *arg)
{
    (void)arg;
    memset(&shop, 0, sizeof shop);
    play_run(2, ask, NULL);
}

/* ---- The end of a runtime, with tasks that outlive the first ---- */

static int
count_me(void *arg)
{
    (void)arg;
    (void)coir_yield();
    CR_SHARED_WRITE(shop.ran) = 1;
    return 0;
}

static int
leave_one_behind(void *arg)
{
    (void)arg;
    return coir_go_spread(count_me, NULL, NULL, NULL);
}

static void
outlive(void *arg)
{
    (void)arg;
    memset(&shop, 0, sizeof shop);
    play_run(2, leave_one_behind, NULL);
    CR_CHECK_IS(CR_SHARED_READ(shop.ran), 1);
}

/* A daemon is canceled when nothing else is left. */
static int
wait_as_daemon(void *arg)
{
    (void)arg;
    CR_CHECK_IS(coir_event_wait(&shop.ping, COIR_NEVER), -ECANCELED);
    CR_SHARED_WRITE(shop.ran) = 1;
    return 0;
}

static int
leave_a_daemon(void *arg)
{
    (void)arg;
    return coir_go_spread(wait_as_daemon, NULL, &(struct coir_task_options){.daemon = true}, NULL);
}

static void
daemons(void *arg)
{
    (void)arg;
    memset(&shop, 0, sizeof shop);
    play_run(2, leave_a_daemon, NULL);
    CR_CHECK_IS(CR_SHARED_READ(shop.ran), 1);
}

/* ---- From a plain thread ---- */

static int
set_pong(void *arg)
{
    (void)arg;
    CR_SHARED_WRITE(shop.ran) = 1;
    coir_event_set(&shop.pong);
    return 5;
}

static void
from_outside(void *arg)
{
    struct coir_runtime *runtime;
    struct coir_task *task;
    int result = 0;
    (void)arg;
    memset(&shop, 0, sizeof shop);
    play_start(1, &runtime);
    CR_CHECK_IS(coir_runtime_go(runtime, set_pong, NULL, NULL, &task), 0);
    CR_CHECK_IS(coir_event_wait(&shop.pong, COIR_NEVER), 0);
    CR_CHECK_IS(CR_SHARED_READ(shop.ran), 1);
    CR_CHECK_IS(coir_join(task, &result, COIR_NEVER), 0);
    CR_CHECK_IS(result, 5);
    CR_CHECK_IS(coir_runtime_stop(runtime, COIR_NEVER), 0);
}

const struct body worker_bodies[] = {
    {"newborns", newborns, false, 1, 1},
    {"newborns-3", newborns_3, false, 1, 0},
    {"newborns-again", newborns_again, false, 1, 0},
    {"newborns-relay", newborns_relay, false, 0, 0},
    {"ping-pong", ping_pong, false, 1, 0},
    {"outlive", outlive, false, 1, 1},
    {"daemons", daemons, false, 1, 1},
    {"from-outside", from_outside, false, 1, 1},
};
const uint32_t worker_count = sizeof worker_bodies / sizeof worker_bodies[0];
