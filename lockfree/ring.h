/* lockfree/ring.h: 256 pointers in order, one producer, many consumers.
 *
 *   who            what                        beside whom
 *   owner only     cr_ring_push                owner's and thieves' takes
 *   any thread     cr_ring_take, cr_ring_steal everyone
 *
 * The owner writes a slot and then publishes it by tail (release). Consumers read slots and then claim them by moving head
 * with a compare-and-swap; one that fails has read in vain and looks again. A slot that was read before the claim cannot
 * have been overwritten if the claim succeeds: the owner writes slot i + 256 only after head has passed i. 32-bit counters
 * would have to wrap around within one attempt to be mistaken. Not Chase-Lev: its pop needs a sequentially consistent
 * fence, and a server wants first in, first out. */
#ifndef CR_RING_H
#define CR_RING_H

#include "base/atomic.h"
#include "base/mutant.h"

#include <stddef.h>

enum { CR_RING_SLOTS = 256 };

struct cr_ring {
    CR_ATOMIC(uint32_t) head; /* next to take */
    CR_ATOMIC(uint32_t) tail; /* next to fill; written by the owner only */
    CR_ATOMIC(void *) slots[CR_RING_SLOTS];
};

/* Sequentially consistent: a worker that has set its idle bit (a read-modify-write of another word) must not find the
 * tail that was there before. C11 orders only what is sequentially consistent itself behind that. */
static inline bool
cr_ring_is_empty(const struct cr_ring *ring)
{
    return cr_load_acq(&ring->head) == cr_load_sc(&ring->tail);
}

/* How many, for its owner; thieves may take some at any time. */
static inline uint32_t
cr_ring_count(const struct cr_ring *ring)
{
    return cr_load_rlx(&ring->tail) - cr_load_rlx(&ring->head);
}

/* false: full. */
static inline bool
cr_ring_push(struct cr_ring *ring, void *item)
{
    uint32_t tail = cr_load_rlx(&ring->tail);
    if (tail - cr_load_acq(&ring->head) == CR_RING_SLOTS && /* acquire: the slot has been read */
        !CR_MUTANT(RING_NO_LIMIT))
        return false;
    if (CR_MUTANT(RING_TAIL_FIRST))
        cr_store_rel(&ring->tail, tail + 1);
    cr_store_rlx(&ring->slots[tail % CR_RING_SLOTS], item);
    cr_store_rel(&ring->tail, tail + 1); /* pairs with take and steal: the item and what it points to */
    return true;
}

/* The oldest; NULL: empty. */
static inline void *
cr_ring_take(struct cr_ring *ring)
{
    uint32_t head = cr_load_acq(&ring->head);
    for (;;) {
        void *item;
        if (head == cr_load_acq(&ring->tail))
            return NULL;
        item = cr_load_rlx(&ring->slots[head % CR_RING_SLOTS]);
        if (cr_cas_ar(&ring->head, &head, head + 1))
            return item;
    }
}

/* Takes up to half of what is there (at least one), at most capacity: how many; 0: empty, or somebody was faster. */
static inline uint32_t
cr_ring_steal(struct cr_ring *ring, void **items, uint32_t capacity)
{
    uint32_t head = cr_load_acq(&ring->head);
    uint32_t count = cr_load_acq(&ring->tail) - head;
    if (count > CR_RING_SLOTS) /* head moved on between the two loads */
        return 0;
    count = count - count / 2;
    if (count > capacity)
        count = capacity;
    if (CR_MUTANT(STEAL_BEFORE_READ) && !cr_cas_ar(&ring->head, &head, head + count))
        return 0;
    for (uint32_t i = 0; i < count; i++)
        items[i] = cr_load_rlx(&ring->slots[(head + i) % CR_RING_SLOTS]);
    if (CR_MUTANT(STEAL_BEFORE_READ))
        return count;
    return count && cr_cas_ar(&ring->head, &head, head + count) ? count : 0;
}

#endif
