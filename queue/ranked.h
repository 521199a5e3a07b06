/* queue/ranked.h: which of at most so many items is first: the smallest, among equals the one that came first.
 *
 * Items stay where they are put; what moves is a heap of their places. heap[0] to heap[count - 1] are the items inside, the
 * rest of the array are the free places. Not locked: under the queue's guard. */
#ifndef CR_RANKED_H
#define CR_RANKED_H

#include <stddef.h>
#include <stdint.h>

struct cr_rank {
    uint64_t number; /* of its coming: equals are kept in order by it */
    size_t place;    /* index of the item */
};

struct cr_ranked {
    struct cr_rank *heap; /* capacity of them */
    const char *items;
    size_t item_size, count;
    uint64_t next; /* number; 2^64 of them do not come */
    int (*compare)(const void *one, const void *other);
};

void cr_ranked_init(struct cr_ranked *ranked, size_t capacity);

/* The place where the next item is to be written; there is one. */
size_t cr_ranked_place(const struct cr_ranked *ranked);
/* It has been written there. */
void cr_ranked_add(struct cr_ranked *ranked);
/* Takes the first out: its place, to be read before the next is written. There is one. */
size_t cr_ranked_take(struct cr_ranked *ranked);

#endif
