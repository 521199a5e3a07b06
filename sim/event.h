/* sim/event.h: what will happen in a virtual world, by moment; of one moment, in the order it was planned in. */
#ifndef CR_SIM_EVENT_H
#define CR_SIM_EVENT_H

#include <coir/base.h>

#include <stdint.h>

struct cr_event {
    coir_time when;
    uint64_t order;
    void (*happen)(void *arg);
    void *arg;
};

struct cr_events {
    struct cr_event *heap; /* two children a node; heap[0] is the next */
    uint32_t count, room;
};

void cr_events_plan(struct cr_events *events, struct cr_event event);
const struct cr_event *cr_events_first(const struct cr_events *events); /* NULL: none */
struct cr_event cr_events_take(struct cr_events *events);               /* the first; there is one */
void cr_events_fini(struct cr_events *events);

#endif
