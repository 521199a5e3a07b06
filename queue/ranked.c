/* queue/ranked.c: see ranked.h. */
#include "queue/ranked.h"

#include <stdbool.h>

void
cr_ranked_init(struct cr_ranked *ranked, size_t capacity)
{
    for (size_t i = 0; i < capacity; i++)
        ranked->heap[i] = (struct cr_rank){0, i};
}

size_t
cr_ranked_place(const struct cr_ranked *ranked)
{
    return ranked->heap[ranked->count].place;
}

static bool
comes_before(const struct cr_ranked *ranked, struct cr_rank one, struct cr_rank other)
{
    const char *items = ranked->items;
    int order = ranked->compare(items + one.place * ranked->item_size, items + other.place * ranked->item_size);
    return order ? order < 0 : one.number < other.number;
}

void
cr_ranked_add(struct cr_ranked *ranked)
{
    size_t at = ranked->count++;
    struct cr_rank rank = {ranked->next++, ranked->heap[at].place};
    while (at > 0) {
        size_t parent = (at - 1) / 2;
        if (!comes_before(ranked, rank, ranked->heap[parent]))
            break;
        ranked->heap[at] = ranked->heap[parent];
        at = parent;
    }
    ranked->heap[at] = rank;
}

size_t
cr_ranked_take(struct cr_ranked *ranked)
{
    size_t place = ranked->heap[0].place, at = 0, child;
    struct cr_rank last = ranked->heap[--ranked->count];
    while ((child = 2 * at + 1) < ranked->count) {
        if (child + 1 < ranked->count && comes_before(ranked, ranked->heap[child + 1], ranked->heap[child]))
            child++;
        if (!comes_before(ranked, ranked->heap[child], last))
            break;
        ranked->heap[at] = ranked->heap[child];
        at = child;
    }
    ranked->heap[at] = last;
    ranked->heap[ranked->count].place = place;
    return place;
}
