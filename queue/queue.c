/* queue/queue.c: a bounded number of items under a guard, with two lists of waits.
 *
 * The items lie in a ring: the oldest is at first. A stack is a ring whose newest comes out; in a queue by priority the ring
 * is but places, and queue/ranked.h says which of them is first.
 *
 * Items go from hand to hand: a put that finds a getter waiting copies the item straight into its place, a get that finds
 * a putter waiting takes the first item and moves the putter's inside. So no task is woken in vain, order holds
 * under any races, and an item is never lost with a sleeper that timed out: it is copied only after the claim, and the
 * claimed task cannot go on before it is unparked. Locked instructions for a message between two fibers of one worker: 3. */
#include <coir/queue.h>

#include "base/memory.h"
#include "queue/branch.h"
#include "queue/ranked.h"
#include "sched/graph.h"

#include <stdio.h>
#include <string.h>

struct coir_queue {
    CR_ATOMIC(uintptr_t) word; /* the guard of all below */
    uintptr_t getters, putters, joiners;
    size_t item_size, capacity;
    size_t count;             /* items inside */
    size_t first;             /* index of the oldest */
    size_t undone;            /* put and not yet done */
    CR_ATOMIC(size_t) advice; /* count, for those who only look */
    bool is_shut;
    enum coir_queue_order order;
    char name[32];
    struct cr_edge for_item, for_room, for_done; /* what its waits are for */
    struct cr_ranked ranked;                     /* COIR_PRIORITY only; its heap lies behind the items */
    char items[] __attribute__((aligned(16)));
};

static void
describe(const void *object, const char *what, char *text, size_t size)
{
    const struct coir_queue *queue = object;
    if (queue->name[0])
        snprintf(text, size, "%s queue '%s'", what, queue->name);
    else
        snprintf(text, size, "%s a queue of %zu", what, queue->capacity);
}

static void
describe_item(const void *object, char *text, size_t size)
{
    describe(object, "an item in", text, size);
}

static void
describe_room(const void *object, char *text, size_t size)
{
    describe(object, "room in", text, size);
}

static void
describe_done(const void *object, char *text, size_t size)
{
    describe(object, "the last item to be done of", text, size);
}

static const struct cr_edge_kind item_kind = {.describe = describe_item}, room_kind = {.describe = describe_room},
                                 done_kind = {.describe = describe_done};

/* Bytes for the items and what orders them; SIZE_MAX: more than there can be. */
static size_t
room_for(size_t item_size, size_t capacity, enum coir_queue_order order)
{
    size_t rank = order == COIR_PRIORITY ? sizeof(struct cr_rank) : 0, each = item_size + rank;
    if (each < item_size || (each && capacity > (SIZE_MAX / 2 - sizeof(struct coir_queue)) / each))
        return SIZE_MAX;
    return item_size * capacity + rank * capacity + rank; /* one more rank: to align them */
}

struct coir_queue *
coir_queue_new(size_t item_size, size_t capacity, const struct coir_queue_options *options)
{
    static const struct coir_queue_options standard;
    const struct coir_queue_options *wanted = options ? options : &standard;
    size_t room = room_for(item_size, capacity, wanted->order);
    struct coir_queue *queue;
    if (!capacity)
        cr_misuse("coir_queue_new: capacity 0: a queue holds at least one item");
    if (wanted->order == COIR_PRIORITY && !wanted->compare)
        cr_misuse("coir_queue_new: COIR_PRIORITY needs a compare function");
    if (room == SIZE_MAX)
        return NULL;
    queue = cr_alloc(sizeof *queue + room);
    if (!queue)
        return NULL;
    *queue = (struct coir_queue){.item_size = item_size, .capacity = capacity, .order = wanted->order};
    queue->for_item = (struct cr_edge){.kind = &item_kind, .object = queue};
    queue->for_room = (struct cr_edge){.kind = &room_kind, .object = queue};
    queue->for_done = (struct cr_edge){.kind = &done_kind, .object = queue};
    if (wanted->name)
        snprintf(queue->name, sizeof queue->name, "%s", wanted->name);
    if (wanted->order == COIR_PRIORITY) {
        size_t aligned = (item_size * capacity + sizeof(struct cr_rank) - 1) / sizeof(struct cr_rank);
        queue->ranked = (struct cr_ranked){.heap = (struct cr_rank *)(void *)queue->items + aligned,
                                           .items = queue->items,
                                           .item_size = item_size,
                                           .compare = wanted->compare};
        cr_ranked_init(&queue->ranked, capacity);
    }
    return queue;
}

void
coir_queue_free(struct coir_queue *queue)
{
    if (!queue)
        return;
    /* Whoever got the last item may free the queue while the putter is still giving the guard back. */
    (void)cr_guard_take(&queue->word);
    if (queue->getters || queue->putters || queue->joiners)
        cr_misuse("coir_queue_free: queue '%s' is waited for", queue->name);
    cr_free(queue);
}

static inline void
hold(struct coir_queue *queue)
{
    (void)cr_guard_take(&queue->word);
    (void)CR_SHARED_WRITE(queue->count); /* and all else under the guard */
}

static void
release(struct coir_queue *queue)
{
    cr_store_rlx(&queue->advice, queue->count);
    cr_guard_release(&queue->word, 0);
}

static void *
place(struct coir_queue *queue, size_t number)
{
    size_t index = queue->first + number;
    if (index >= queue->capacity)
        index -= queue->capacity;
    return queue->items + index * queue->item_size;
}

static void
copy(const struct coir_queue *queue, void *to, const void *from)
{
    CR_SHARED_READ_BYTES(from, queue->item_size);
    CR_SHARED_WRITE_BYTES(to, queue->item_size);
    if (queue->item_size == sizeof(void *)) /* the usual case, without a call */
        memcpy(to, from, sizeof(void *));
    else if (queue->item_size)
        memcpy(to, from, queue->item_size);
}

static __attribute__((noinline)) void
store_by_rank(struct coir_queue *queue, const void *item)
{
    copy(queue, queue->items + cr_ranked_place(&queue->ranked) * queue->item_size, item);
    cr_ranked_add(&queue->ranked);
    queue->count++;
}

static inline void
store(struct coir_queue *queue, const void *item)
{
    if (cr_unlikely(queue->order == COIR_PRIORITY))
        store_by_rank(queue, item);
    else
        copy(queue, place(queue, queue->count++), item);
}

static __attribute__((noinline)) void
take_otherwise(struct coir_queue *queue, void *item)
{
    size_t index = queue->order == COIR_LIFO ? queue->count - 1 : cr_ranked_take(&queue->ranked);
    copy(queue, item, queue->items + index * queue->item_size);
    queue->count--;
}

static inline void
take_first(struct coir_queue *queue, void *item)
{
    if (cr_unlikely(queue->order != COIR_FIFO)) {
        take_otherwise(queue, item);
        return;
    }
    copy(queue, item, place(queue, 0));
    if (++queue->first == queue->capacity)
        queue->first = 0;
    queue->count--;
}

/* Claims the first waiter that is still there and gives it the item, or takes its own inside; NULL: none. */
static inline __attribute__((always_inline)) struct coir_task *
serve_first(struct coir_queue *queue, uintptr_t *list, const void *item, bool give)
{
    struct cr_wait *wait;
    while ((wait = cr_waiters_first(list))) {
        struct coir_task *task = CR_SHARED_READ(wait->task);
        void *theirs = CR_SHARED_READ(cr_container(wait, struct cr_item_wait, wait)->item);
        bool won;
        if (CR_MUTANT(ITEM_BEFORE_CLAIM) && give)
            copy(queue, theirs, item);
        won = cr_wait_claim(wait, 0);
        if (won && give)
            copy(queue, theirs, item);
        else if (won)
            store(queue, theirs);
        cr_waiters_remove(list, wait);
        if (won)
            return task;
    }
    return NULL;
}

/* Waits on the list, the guard being held; without it on return. */
static inline __attribute__((always_inline)) int
wait_on(struct coir_queue *queue, uintptr_t *list, const struct cr_edge *edge, struct coir_task *self, void *item,
        coir_time deadline)
{
    struct cr_item_wait waiting; /* cr_wait_in fills the rest */
    CR_SHARED_WRITE(waiting.item) = item;
    return cr_wait_in(&waiting.wait, self, edge, &queue->word, 0, list, 0, deadline);
}

int
coir_queue_put(struct coir_queue *queue, const void *item, coir_time deadline)
{
    struct coir_task *self = cr_task_self(), *getter;
    int result = cr_enter(self, deadline);
    if (result)
        return result;
    hold(queue);
    if (queue->is_shut) {
        release(queue);
        return -EPIPE;
    }
    queue->undone++;
    getter = queue->getters ? serve_first(queue, &queue->getters, item, true) : NULL;
    if (!getter && queue->count == queue->capacity) {
        queue->undone--; /* it is not in yet: the get that moves it in counts it */
        return wait_on(queue, &queue->putters, &queue->for_room, self, (void *)(uintptr_t)item, deadline);
    }
    if (!getter)
        store(queue, item);
    release(queue);
    if (getter)
        cr_unpark(getter);
    return 0;
}

int
coir_queue_get(struct coir_queue *queue, void *item, coir_time deadline)
{
    struct coir_task *self = cr_task_self(), *putter = NULL;
    int result = cr_enter(self, deadline);
    if (result)
        return result;
    hold(queue);
    if (!queue->count) {
        if (!queue->is_shut)
            return wait_on(queue, &queue->getters, &queue->for_item, self, item, deadline);
        release(queue);
        return -EPIPE;
    }
    take_first(queue, item);
    if (queue->putters && (putter = serve_first(queue, &queue->putters, NULL, false)))
        queue->undone++;
    release(queue);
    if (putter)
        cr_unpark(putter);
    return 0;
}

/* ---- As one of several places to wait in ---- */

static bool
hang_to_get(struct cr_branch *branch)
{
    struct coir_queue *queue = branch->object;
    bool must_wait;
    hold(queue);
    must_wait = !queue->count && !queue->is_shut;
    if (must_wait)
        cr_waiters_append(&queue->getters, &branch->hook.wait);
    release(queue);
    return must_wait;
}

static bool
hang_to_put(struct cr_branch *branch)
{
    struct coir_queue *queue = branch->object;
    bool must_wait;
    hold(queue);
    must_wait = queue->count == queue->capacity && !queue->is_shut;
    if (must_wait)
        cr_waiters_append(&queue->putters, &branch->hook.wait);
    release(queue);
    return must_wait;
}

static void
unhang(struct coir_queue *queue, uintptr_t *list, struct cr_wait *wait)
{
    if (cr_wait_is_linked(wait))
        cr_wait_withdraw(wait, &queue->word, list, 0);
}

static void
unhang_getter(struct cr_branch *branch)
{
    struct coir_queue *queue = branch->object;
    unhang(queue, &queue->getters, &branch->hook.wait);
}

static void
unhang_putter(struct cr_branch *branch)
{
    struct coir_queue *queue = branch->object;
    unhang(queue, &queue->putters, &branch->hook.wait);
}

const struct cr_branch_kind cr_branch_get = {hang_to_get, unhang_getter};
const struct cr_branch_kind cr_branch_put = {hang_to_put, unhang_putter};

/* ---- Done, the end, and a look ---- */

void
coir_queue_done(struct coir_queue *queue)
{
    struct cr_note *chain = NULL;
    hold(queue);
    if (!queue->undone)
        cr_misuse("coir_queue_done: called more often than items were put into queue '%s'", queue->name);
    if (!--queue->undone)
        chain = cr_waiters_claim_all(&queue->joiners, 0);
    release(queue);
    cr_unpark_all(chain);
}

int
coir_queue_join(struct coir_queue *queue, coir_time deadline)
{
    struct coir_task *self = cr_task_self();
    int result = cr_enter(self, deadline);
    if (result)
        return result;
    hold(queue);
    if (queue->undone)
        return wait_on(queue, &queue->joiners, &queue->for_done, self, NULL, deadline);
    release(queue);
    return 0;
}

void
coir_queue_shutdown(struct coir_queue *queue)
{
    struct cr_note *getters, *putters;
    hold(queue);
    queue->is_shut = true;
    putters = cr_waiters_claim_all(&queue->putters, -EPIPE);
    getters = cr_waiters_claim_all(&queue->getters, -EPIPE); /* if any wait, the queue is empty */
    release(queue);
    cr_unpark_all(putters);
    cr_unpark_all(getters);
}

size_t
coir_queue_size(const struct coir_queue *queue)
{
    return cr_load_rlx(&queue->advice);
}

bool
coir_queue_is_empty(const struct coir_queue *queue)
{
    return !coir_queue_size(queue);
}

bool
coir_queue_is_full(const struct coir_queue *queue)
{
    return coir_queue_size(queue) == queue->capacity;
}
