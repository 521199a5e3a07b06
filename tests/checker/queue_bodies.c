/* queue_bodies.c: the bounded queue between plain threads: every item that was put is got once, in order, whatever deadlines
 * and the end come with it. */
#include <coir/queue.h>
#include <coir/task.h>
#include <errno.h>
#include <string.h>

#include "bodies.h"

static struct {
    struct coir_queue *queue;
    uint32_t each;   /* so many puts by a putter */
    uint32_t put[2]; /* how many succeeded */
    uint32_t got;    /* in all */
    bool seen[2][4]; /* which */
} belt;

static void
new_belt(size_t capacity, uint32_t each)
{
    memset(&belt, 0, sizeof belt);
    belt.queue = coir_queue_new(sizeof(uint64_t), capacity, NULL);
    belt.each = each;
}

static void
put(uint64_t putter, coir_time deadline)
{
    for (uint32_t i = 0; i < belt.each; i++) {
        uint64_t item = putter << 32 | i;
        int result = coir_queue_put(belt.queue, &item, deadline);
        CR_CHECK_THAT(result == 0 || (deadline != COIR_NEVER && result == -ETIMEDOUT) || result == -EPIPE);
        belt.put[putter] += result == 0;
    }
}

static void
put_all(void *arg)
{
    (void)arg;
    put(0, COIR_NEVER);
}

static void
put_others(void *arg)
{
    (void)arg;
    put(1, COIR_NEVER);
}

static void
put_in_time(void *arg)
{
    (void)arg;
    put(0, coir_after(COIR_MS));
}

static void
put_others_in_time(void *arg)
{
    (void)arg;
    put(1, coir_after(COIR_MS));
}

static const uint64_t no_item = UINT64_MAX;

/* false: no item. */
static bool
get(coir_time deadline)
{
    uint64_t item = no_item, putter, number;
    int result = coir_queue_get(belt.queue, &item, deadline);
    CR_SHARED_READ_BYTES(&item, sizeof item);
    CR_CHECK_THAT(result == 0 || (deadline != COIR_NEVER && result == -ETIMEDOUT) || result == -EPIPE);
    if (result) {
        CR_CHECK_IS(item, no_item); /* who times out finds its place untouched */
        return false;
    }
    putter = item >> 32;
    number = item & 0xffffffff;
    CR_CHECK_THAT(putter < 2 && number < 4 && !belt.seen[putter][number]);
    for (uint64_t later = number; later < 4; later++)
        CR_CHECK_THAT(!belt.seen[putter][later]); /* in order, for a single getter */
    belt.seen[putter][number] = true;
    belt.got++;
    return true;
}

static void
get_4(void *arg)
{
    (void)arg;
    for (int i = 0; i < 4; i++)
        CR_CHECK_THAT(get(COIR_NEVER));
}

static void
get_in_time(void *arg)
{
    (void)arg;
    for (int i = 0; i < 3; i++)
        (void)get(coir_after(COIR_MS));
}

/* What is left, and the end. */
static void
end_belt(void)
{
    coir_queue_shutdown(belt.queue);
    while (get(COIR_NEVER))
        continue;
    CR_CHECK_IS(belt.got, belt.put[0] + belt.put[1]);
    coir_queue_free(belt.queue);
}

static void
queue_2x4(void *arg)
{
    (void)arg;
    new_belt(1, 4);
    play_two(put_all, get_4, NULL);
    end_belt();
}

static void
queue_2x4_room(void *arg)
{
    (void)arg;
    new_belt(2, 4);
    play_two(put_all, get_4, NULL);
    end_belt();
}

static void
queue_3x3(void *arg)
{
    (void)arg;
    new_belt(1, 2);
    play_three(put_all, put_others, get_4, NULL);
    end_belt();
}

static void
queue_late(void *arg)
{
    (void)arg;
    new_belt(1, 3);
    play_two(put_in_time, get_in_time, NULL);
    end_belt();
}

static void
queue_late_3(void *arg)
{
    (void)arg;
    new_belt(1, 2);
    play_three(put_in_time, put_others_in_time, get_in_time, NULL);
    end_belt();
}

/* ---- The end ---- */

static void
shut(void *arg)
{
    (void)arg;
    coir_queue_shutdown(belt.queue);
}

static void
get_until_shut(void *arg)
{
    (void)arg;
    while (get(COIR_NEVER))
        continue;
}

static void
queue_shut(void *arg)
{
    (void)arg;
    new_belt(1, 2);
    play_three(put_all, get_until_shut, shut, NULL);
    end_belt();
}

/* ---- Joined when all is done ---- */

static void
get_and_do(void *arg)
{
    (void)arg;
    for (int i = 0; i < 2; i++) {
        CR_CHECK_THAT(get(COIR_NEVER));
        coir_queue_done(belt.queue);
    }
}

static void
put_and_join(void *arg)
{
    (void)arg;
    put(0, COIR_NEVER);
    CR_CHECK_IS(coir_queue_join(belt.queue, COIR_NEVER), 0);
    CR_CHECK_IS(belt.got, 2);
}

static void
queue_done(void *arg)
{
    (void)arg;
    new_belt(1, 2);
    play_two(put_and_join, get_and_do, NULL);
    end_belt();
}

/* ---- Freed by who got the last item ---- */

static void
get_and_free(void *arg)
{
    (void)arg;
    CR_CHECK_THAT(get(COIR_NEVER));
    CR_CHECK_THAT(get(COIR_NEVER));
    coir_queue_free(belt.queue);
}

static void
queue_free(void *arg)
{
    (void)arg;
    new_belt(1, 2);
    play_two(put_all, get_and_free, NULL);
}

const struct body queue_bodies[] = {
    {"queue-2x4", queue_2x4, false, 3, 1},      {"queue-2x4-room", queue_2x4_room, false, 3, 1},
    {"queue-3x3", queue_3x3, false, 1, 1},      {"queue-late", queue_late, true, 2, 1},
    {"queue-late-3", queue_late_3, true, 1, 0}, {"queue-shut", queue_shut, false, 2, 1},
    {"queue-done", queue_done, false, 3, 1},    {"queue-free", queue_free, false, 3, 2},
};
const uint32_t queue_count = sizeof queue_bodies / sizeof queue_bodies[0];
