/* shared/queue.c: a post (base/world_shared.h) with the items in it, and memory that says who has got some.
 *
 * The kernel puts an item in and takes it out as a whole, in order, and says when there is one: so nobody who is stopped or
 * killed in a put or a get stands in the way of the others, which no lock in memory could promise.
 *
 * Who gets puts its hand out before: so an item is always in the queue or in a hand, and all are done when the queue is
 * empty and so are the hands. The kernel tells of room only when three quarters are free; who gets rings for those that wait
 * for less. */
#include <coir/shared.h>

#include "base/fault.h"
#include "base/memory.h"
#include "sched/park.h"
#include "shared/bag.h"
#include "shared/members.h"

#include <limits.h>

enum { POST, BELL, MEMORY, THINGS };

struct coir_shared_queue {
    struct cr_bag bag; /* the label's detail: bytes */
    struct cr_members members;
};

static int
map(struct coir_shared_queue *queue, const int *things)
{
    void *memory;
    int error = cr_memory_map(things[MEMORY], sizeof(struct cr_shared_memory), &memory);
    if (!error)
        queue->members = (struct cr_members){.memory = memory, .bell = things[BELL]};
    return error;
}

static int
open_post(size_t bytes)
{
    int post = bytes && bytes < INT_MAX / 2 ? cr_post_open(bytes) : -EINVAL;
    if (post == -EINVAL)
        return cr_fail(post, "coir_shared_queue_open: %zu bytes", bytes);
    if (post == -ENOBUFS)
        return cr_fail(post,
                       "coir_shared_queue_open: %zu bytes are more than the system allows: see the sysctl "
                       "net.core.wmem_max",
                       bytes);
    return post;
}

int
coir_shared_queue_open(size_t bytes, struct coir_shared_queue **queue)
{
    struct coir_shared_queue *made = cr_alloc_zero(sizeof *made);
    int things[THINGS] = {-1, -1, -1}, error;
    *queue = NULL;
    if (!made)
        return -ENOMEM;
    error = things[POST] = open_post(bytes);
    if (error >= 0)
        error = things[BELL] = cr_bell_open(0, false);
    if (error >= 0)
        error = things[MEMORY] = cr_memory_open(sizeof(struct cr_shared_memory));
    if (error >= 0)
        error = map(made, things);
    if (error)
        goto fail_close;
    error = cr_bag_new(&made->bag, CR_BAG_QUEUE, cr_life_space(), bytes, things, THINGS);
    if (error)
        goto fail_unmap;
    *queue = made;
    return 0;

fail_unmap:
    cr_memory_unmap(made->members.memory, sizeof(struct cr_shared_memory));
fail_close:
    cr_things_close(things, THINGS);
    cr_free(made);
    return error;
}

int
coir_shared_queue_from(int fd, struct coir_shared_queue **queue)
{
    struct coir_shared_queue *made = cr_alloc_zero(sizeof *made);
    int error = made ? cr_bag_from(&made->bag, CR_BAG_QUEUE, fd, __func__) : -ENOMEM;
    if (!error) {
        const struct cr_bag *bag = &made->bag;
        bool right = bag->count == THINGS && cr_is_post(bag->things[POST]) && cr_is_bell(bag->things[BELL]);
        error = right ? map(made, bag->things) : -EINVAL;
        if (error == -EINVAL)
            (void)cr_bag_refuse(&made->bag, fd, __func__);
        else if (error)
            cr_things_close(bag->things, bag->count);
    }
    if (error) {
        cr_free(made);
        made = NULL;
    }
    *queue = made;
    return error;
}

int
coir_shared_queue_fd(const struct coir_shared_queue *queue)
{
    return queue->bag.fd;
}

void
coir_shared_queue_close(struct coir_shared_queue *queue)
{
    if (!queue)
        return;
    cr_members_leave(&queue->members);
    cr_memory_unmap(queue->members.memory, sizeof(struct cr_shared_memory));
    cr_bag_drop(&queue->bag);
    cr_free(queue);
}

/* ---- In ---- */

static int
put_now(struct coir_shared_queue *queue, const void *item, size_t size)
{
    int error;
    cr_moment(CR_MOMENT_PUT);
    error = cr_post_send(queue->bag.things[POST], item, size);
    if (error)
        return error;
    cr_moment(CR_MOMENT_PUT_SENT);
    (void)cr_add_rlx(&queue->members.memory->inside, 1);
    return 0;
}

static int
wait_for_room(struct coir_shared_queue *queue, const void *item, size_t size, coir_time deadline)
{
    struct cr_sleep sleep;
    int result, error = cr_sleep_begin(&sleep, &queue->members, queue->bag.things[POST]);
    if (error)
        return error;
    do {
        cr_sleep_look(&sleep);
        result = put_now(queue, item, size);
        if (result == -EAGAIN)
            error = cr_sleep_wait(&sleep, deadline);
    } while (result == -EAGAIN && !error);
    cr_sleep_end(&sleep);
    return result == -EAGAIN ? error : result;
}

int
coir_shared_queue_put(struct coir_shared_queue *queue, const void *item, size_t size, coir_time deadline)
{
    int result = cr_enter(cr_task_self(), deadline);
    if (result)
        return result;
    if (size > queue->bag.label.detail)
        return cr_fail(-EMSGSIZE, "coir_shared_queue_put: an item of %zu bytes, and the queue has %llu", size,
                       (unsigned long long)queue->bag.label.detail);
    result = put_now(queue, item, size);
    if (result != -EAGAIN || deadline == COIR_NOW)
        return result;
    return wait_for_room(queue, item, size, deadline);
}

void
coir_shared_queue_shutdown(struct coir_shared_queue *queue)
{
    (void)cr_post_shut(queue->bag.things[POST]);
    cr_members_ring(&queue->members);
}

/* ---- Out ---- */

/* One that was in this member's hand is not any more. */
static void
let_go(struct coir_shared_queue *queue, struct cr_member *member)
{
    if (cr_hand_items(cr_sub_ar(&member->hand, 1)) == 1) {
        cr_moment(CR_MOMENT_DONE_TOLD);
        cr_members_ring(&queue->members);
    }
}

ssize_t
coir_shared_queue_get(struct coir_shared_queue *queue, void *item, size_t size, coir_time deadline)
{
    int error = cr_enter(cr_task_self(), deadline), number = cr_members_mine(&queue->members);
    struct cr_shared_memory *memory = queue->members.memory;
    if (!error && number < 0)
        error = number;
    while (!error) {
        ssize_t got;
        cr_moment(CR_MOMENT_GET);
        (void)cr_add_ar(&memory->members[number].hand, 1); /* pairs with cr_members_have */
        cr_moment(CR_MOMENT_GET_HAND);
        got = cr_post_receive(queue->bag.things[POST], item, size);
        if (got >= 0) {
            cr_moment(CR_MOMENT_GET_TAKEN);
            (void)cr_add_rlx(&memory->inside, -1);
            cr_members_ring(&queue->members);
            return (size_t)got > size ? -EMSGSIZE : got;
        }
        let_go(queue, &memory->members[number]);
        if (got != -EAGAIN)
            return got;
        error = cr_await_readable(queue->bag.things[POST], deadline);
    }
    return error;
}

void
coir_shared_queue_done(struct coir_shared_queue *queue)
{
    int number = cr_members_mine(&queue->members);
    struct cr_member *member = number < 0 ? NULL : &queue->members.memory->members[number];
    if (!member || !cr_hand_items(cr_load_rlx(&member->hand)))
        cr_misuse("coir_shared_queue_done: more often than this process got something");
    cr_moment(CR_MOMENT_DONE);
    let_go(queue, member);
}

/* 0, -EOWNERDEAD; -EAGAIN: not yet. First the queue, then the hands: what has left it is in a hand by then. */
static int
are_done(struct coir_shared_queue *queue)
{
    struct cr_shared_memory *memory = queue->members.memory;
    bool done = cr_post_is_empty(queue->bag.things[POST]);
    done &= !cr_members_have(memory);
    if (cr_swap_ar(&memory->lost, 0))
        return cr_fail(-EOWNERDEAD,
                       "coir_shared_queue_join: a process has ended that was not done with what it had got");
    return done ? 0 : -EAGAIN;
}

int
coir_shared_queue_join(struct coir_shared_queue *queue, coir_time deadline)
{
    int error = cr_enter(cr_task_self(), deadline), result = error ? error : are_done(queue);
    struct cr_sleep sleep;
    if (result != -EAGAIN || deadline == COIR_NOW)
        return result;
    error = cr_sleep_begin(&sleep, &queue->members, -1);
    if (error)
        return error;
    do {
        cr_sleep_look(&sleep);
        cr_sleep_watch_all(&sleep);
        result = are_done(queue);
        if (result == -EAGAIN)
            error = cr_sleep_wait(&sleep, deadline);
    } while (result == -EAGAIN && !error);
    cr_sleep_end(&sleep);
    return result == -EAGAIN ? error : result;
}

size_t
coir_shared_queue_size(const struct coir_shared_queue *queue)
{
    int64_t inside = cr_load_rlx(&queue->members.memory->inside);
    if (cr_post_is_empty(queue->bag.things[POST]))
        return 0;
    return inside > 1 ? (size_t)inside : 1;
}
