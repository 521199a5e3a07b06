/* circle_bodies.c: tasks that would wait for each other in a circle, between plain threads: one of them is told so, and only
 * if it is so; and a lock that is closed under its owner. */
#include <coir/log.h>
#include <coir/mutex.h>
#include <errno.h>
#include <string.h>

#include "bodies.h"
#include "sched/graph.h"
#include "sched/lock.h"

enum { MUTEXES = 3 };

static struct {
    struct coir_mutex mutexes[MUTEXES];
    uint32_t inside[MUTEXES]; /* under each */
    uint32_t told[MUTEXES];   /* who was told of a circle */
    struct cr_lock lock;
} ring;

static void
clear_ring(void)
{
    memset(&ring, 0, sizeof ring);
    coir_log_set_level((enum coir_log_level)0); /* nothing: each circle would be told */
    for (int i = 0; i < MUTEXES; i++)
        coir_mutex_init(&ring.mutexes[i], COIR_MUTEX_PLAIN);
}

static void
end_ring(void)
{
    for (int i = 0; i < MUTEXES; i++)
        coir_mutex_fini(&ring.mutexes[i]);
}

static int
take(uint32_t number)
{
    int result = coir_mutex_lock(&ring.mutexes[number], COIR_NEVER);
    CR_CHECK_THAT(result == 0 || result == -EDEADLK);
    if (!result)
        CR_CHECK_IS(CR_SHARED_WRITE(ring.inside[number])++, 0);
    return result;
}

static void
give(uint32_t number)
{
    CR_SHARED_WRITE(ring.inside[number])--;
    coir_mutex_unlock(&ring.mutexes[number]);
}

/* Holds one and wants another. */
static void
take_both(uint32_t first, uint32_t second)
{
    CR_CHECK_IS(take(first), 0);
    if (take(second) == 0)
        give(second);
    else
        ring.told[first] = 1;
    give(first);
}

static void
take_0_and_1(void *arg)
{
    (void)arg;
    take_both(0, 1);
}

static void
take_1_and_0(void *arg)
{
    (void)arg;
    take_both(1, 0);
}

/* At most one is told, since the other one then gets both. */
static void
circle_2(void *arg)
{
    (void)arg;
    clear_ring();
    play_two(take_0_and_1, take_1_and_0, NULL);
    CR_CHECK_THAT(ring.told[0] + ring.told[1] <= 1);
    end_ring();
}

static void
take_1_and_2(void *arg)
{
    (void)arg;
    take_both(1, 2);
}

static void
take_2_and_0(void *arg)
{
    (void)arg;
    take_both(2, 0);
}

static void
circle_3(void *arg)
{
    (void)arg;
    clear_ring();
    play_three(take_0_and_1, take_1_and_2, take_2_and_0, NULL);
    CR_CHECK_THAT(ring.told[0] + ring.told[1] + ring.told[2] <= 1);
    end_ring();
}

/* Never holds one while it wants the other: there is no circle at any time, though a walk that takes long may see one: who
 * was held up by it before, and what it waits for now. */
static void
take_2_then_0(void *arg)
{
    (void)arg;
    CR_CHECK_IS(take(2), 0);
    give(2);
    CR_CHECK_IS(take(0), 0);
    give(0);
}

static void
circle_none(void *arg)
{
    (void)arg;
    clear_ring();
    play_three(take_0_and_1, take_1_and_2, take_2_then_0, NULL);
    CR_CHECK_IS(ring.told[0] + ring.told[1] + ring.told[2], 0);
    end_ring();
}

/* ---- A lock that is closed ---- */

static const struct cr_edge_kind turn_kind = {.text = "its turn"};
static const struct cr_edge turn = {.kind = &turn_kind};

/* As a stream does it: the owner waits for something, until that comes or the lock is closed. */
static void
own_and_wait(void *arg)
{
    struct coir_task *self = cr_task_self();
    struct cr_wait wait;
    int result = cr_lock_take(&ring.lock, self, COIR_NEVER, CR_LOCK_CANCELABLE, &turn);
    (void)arg;
    if (!result) {
        cr_wait_begin(&wait, self);
        wait.closed = &ring.lock.word;
        wait.closed_bit = CR_LOCK_CLOSED;
        result = cr_park(&wait, COIR_NEVER);
        CR_CHECK_THAT(cr_lock_is_closed(&ring.lock));
        cr_lock_give(&ring.lock, self);
    }
    CR_CHECK_IS(result, -EPIPE);
}

static void
close_lock(void *arg)
{
    (void)arg;
    cr_lock_close(&ring.lock);
}

static void
lock_close(void *arg)
{
    (void)arg;
    clear_ring();
    play_three(own_and_wait, own_and_wait, close_lock, NULL);
    CR_CHECK_IS(ring.lock.word, CR_LOCK_CLOSED);
}

const struct body circle_bodies[] = {
    {"circle-2", circle_2, false, 3, 1},
    {"circle-3", circle_3, false, 1, 0},
    {"circle-none", circle_none, false, 2, 1},
    {"lock-close", lock_close, false, 2, 1},
};
const uint32_t circle_count = sizeof circle_bodies / sizeof circle_bodies[0];
