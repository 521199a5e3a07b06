/* shared/event.c: a bell that nobody takes the rings of but who clears it: it is set while there are some. */
#include <coir/shared.h>

#include "base/memory.h"
#include "sched/park.h"
#include "shared/bag.h"

struct coir_shared_event {
    struct cr_bag bag; /* of the bell */
};

int
coir_shared_event_open(struct coir_shared_event **event)
{
    struct coir_shared_event *made = cr_alloc_zero(sizeof *made);
    int bell, error;
    *event = NULL;
    if (!made)
        return -ENOMEM;
    error = bell = cr_bell_open(0, false);
    if (bell >= 0)
        error = cr_bag_new(&made->bag, CR_BAG_EVENT, 0, 0, &bell, 1);
    if (error) {
        cr_things_close(&bell, 1);
        cr_free(made);
        return error;
    }
    *event = made;
    return 0;
}

static bool
are_right(const struct cr_bag *bag)
{
    return bag->count == 1 && cr_is_bell(bag->things[0]);
}

int
coir_shared_event_from(int fd, struct coir_shared_event **event)
{
    struct coir_shared_event *made = cr_alloc_zero(sizeof *made);
    int error = made ? cr_bag_from(&made->bag, CR_BAG_EVENT, fd, __func__) : -ENOMEM;
    if (!error && !are_right(&made->bag))
        error = cr_bag_refuse(&made->bag, fd, __func__);
    if (error) {
        cr_free(made);
        made = NULL;
    }
    *event = made;
    return error;
}

int
coir_shared_event_fd(const struct coir_shared_event *event)
{
    return event->bag.fd;
}

void
coir_shared_event_close(struct coir_shared_event *event)
{
    if (!event)
        return;
    cr_bag_drop(&event->bag);
    cr_free(event);
}

void
coir_shared_event_set(struct coir_shared_event *event)
{
    (void)cr_bell_ring(event->bag.things[0]);
}

void
coir_shared_event_clear(struct coir_shared_event *event)
{
    (void)cr_bell_take(event->bag.things[0]);
}

bool
coir_shared_event_is_set(const struct coir_shared_event *event)
{
    return cr_bell_rings(event->bag.things[0]);
}

int
coir_shared_event_wait(struct coir_shared_event *event, coir_time deadline)
{
    int result = cr_enter(cr_task_self(), deadline);
    if (result || coir_shared_event_is_set(event))
        return result;
    return cr_await_readable(event->bag.things[0], deadline);
}
