/* backend/epoll_level.c: readiness from epoll(7), level-triggered: the way it behaves unless it is asked for edges.
 *
 * What is readable is told at each wait until it has been read, so a direction must not be asked about while nobody waits
 * in it. Asking costs an epoll_ctl, and a server's tasks mostly wait for the same again: so a direction that is asked about
 * stays so until it is told in vain once; then it is taken out, and put in again when the next operation waits there. A
 * descriptor with neither direction is taken out as a whole, because errors and hang-ups are told whether or not they are
 * asked for. A server whose tasks read all they are told of never pays an epoll_ctl more than the edge-triggered one
 * (epoll.c, which has the rest); one whose tasks think between reads pays a wait in vain and two of them for each thought.
 *
 * Taking out may meet a close on another thread, which takes out, too: a lock decides, and whoever comes second finds that
 * nothing is registered any more. Off unless chosen. */
#include "backend/epoll.h"
#include "base/memory.h"

#include <errno.h>

enum { FIRST_ROOM = 64 };

/* What the kernel has been asked to tell of a number. */
struct cr_epoll_told {
    uint32_t generation;
    uint32_t events; /* EPOLLIN | EPOLLOUT; 0: it is not registered */
};

static int
make_room(struct cr_epoll_source *self, int fd)
{
    size_t room = self->room ? self->room : FIRST_ROOM;
    struct cr_epoll_told *told;
    if ((size_t)fd < self->room)
        return 0;
    while (room <= (size_t)fd)
        room *= 2;
    pthread_mutex_lock(&self->told_lock);
    told = cr_realloc(self->told, room * sizeof *told);
    for (size_t i = self->room; told && i < room; i++)
        told[i] = (struct cr_epoll_told){0, 0};
    if (told) {
        self->told = told;
        self->room = room;
    }
    pthread_mutex_unlock(&self->told_lock);
    return told ? 0 : -ENOMEM;
}

static int
ask(struct cr_epoll_source *self, int fd, uint32_t generation, uint32_t events)
{
    int error = 0;
    if (events)
        error = cr_epoll_register(self, fd, generation, events);
    else
        cr_epoll_detach(&self->ready, fd);
    if (!error)
        self->told[fd] = (struct cr_epoll_told){generation, events};
    return error;
}

/* Any thread. */
static void
detach(struct cr_ready *ready, int fd)
{
    struct cr_epoll_source *self = (struct cr_epoll_source *)ready;
    pthread_mutex_lock(&self->told_lock);
    cr_epoll_detach(ready, fd);
    if ((size_t)fd < self->room) /* else it was attached to who had this slot before */
        self->told[fd].events = 0;
    pthread_mutex_unlock(&self->told_lock);
}

/* Most first waits are for something to read. A number that has changed hands may still be in the table as it was. */
static int
attach(struct cr_ready *ready, int fd, uint32_t generation)
{
    struct cr_epoll_source *self = (struct cr_epoll_source *)ready;
    int error = make_room(self, fd);
    return error ? error : ask(self, fd, generation, EPOLLIN);
}

static int
expect(struct cr_ready *ready, int fd, uint32_t generation, enum cr_op_direction direction)
{
    struct cr_epoll_source *self = (struct cr_epoll_source *)ready;
    uint32_t wanted = direction == CR_OP_IN ? EPOLLIN : EPOLLOUT, now = self->told[fd].events;
    return now & wanted ? 0 : ask(self, fd, generation, now | wanted);
}

/* What was told although nobody waited for it; an error or a hang-up is about both directions. */
static void
stop_asking_in_vain(struct cr_epoll_source *self, int fd, uint32_t generation, unsigned events, unsigned interest)
{
    unsigned told = events & CR_EVENT_FINAL ? CR_EVENT_IN | CR_EVENT_OUT : events, vain = told & ~interest;
    uint32_t stop = (vain & CR_EVENT_IN ? EPOLLIN : 0u) | (vain & CR_EVENT_OUT ? EPOLLOUT : 0u);
    if (!stop)
        return;
    pthread_mutex_lock(&self->told_lock);
    if (self->told[fd].generation == generation && self->told[fd].events & stop)
        (void)ask(self, fd, generation, self->told[fd].events & ~stop);
    pthread_mutex_unlock(&self->told_lock);
}

static int
level_wait(struct cr_ready *ready, coir_time until)
{
    struct cr_epoll_source *self = (struct cr_epoll_source *)ready;
    int count = cr_epoll_take(self, until);
    for (int i = 0; i < count; i++) {
        int fd;
        uint32_t generation;
        unsigned events = cr_epoll_event(&self->events[i], &fd, &generation);
        int interest = events ? cr_ready_interest(ready, fd, generation) : -1;
        if (interest < 0)
            continue;
        cr_ready_event(ready, fd, generation, events);
        stop_asking_in_vain(self, fd, generation, events, (unsigned)interest);
    }
    return count < 0 ? count : 0;
}

static const struct cr_source level = {
    .attach = attach,
    .expect = expect,
    .detach = detach,
    .wait = level_wait,
    .wake = cr_epoll_wake,
};

static int
level_open(void **opened, unsigned slot)
{
    return cr_epoll_open(&level, slot, opened);
}

const struct cr_backend cr_backend_epoll_level = {
    .name = "epoll-level",
    .by_name_only = true,
    .open = level_open,
    .close = cr_epoll_close,
    .start = cr_ready_start,
    .cancel = cr_ready_cancel,
    .detach = cr_ready_detach,
    .maybe_ready = cr_ready_maybe,
    .reap = cr_ready_reap,
    .wake = cr_ready_wake,
};
