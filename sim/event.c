/* sim/event.c: a binary heap. */
#include "sim/event.h"

#include "base/check.h"
#include "base/memory.h"

static bool
before(const struct cr_event *one, const struct cr_event *other)
{
    return one->when != other->when ? one->when < other->when : one->order < other->order;
}

void
cr_events_plan(struct cr_events *events, struct cr_event event)
{
    uint32_t at = events->count++;
    if (at == events->room) {
        events->room = events->room ? 2 * events->room : 64;
        events->heap = cr_realloc(events->heap, events->room * sizeof *events->heap);
        cr_always(events->heap);
    }
    while (at > 0 && before(&event, &events->heap[(at - 1) / 2])) {
        events->heap[at] = events->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    events->heap[at] = event;
}

const struct cr_event *
cr_events_first(const struct cr_events *events)
{
    return events->count ? events->heap : NULL;
}

struct cr_event
cr_events_take(struct cr_events *events)
{
    struct cr_event first = events->heap[0], last = events->heap[--events->count];
    uint32_t at = 0, child;
    while ((child = 2 * at + 1) < events->count) {
        if (child + 1 < events->count && before(&events->heap[child + 1], &events->heap[child]))
            child++;
        if (!before(&events->heap[child], &last))
            break;
        events->heap[at] = events->heap[child];
        at = child;
    }
    events->heap[at] = last;
    return first;
}

void
cr_events_fini(struct cr_events *events)
{
    cr_free(events->heap);
    *events = (struct cr_events){NULL, 0, 0};
}
