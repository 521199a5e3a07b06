/* backend/poll.c: readiness from poll(2): for kernels and sandboxes without epoll, and as a second opinion in tests.
 *
 * What ready.c and level.h say holds. The array given to the kernel runs beside the list of watched descriptors, the bell
 * after the last; a place for which nobody waits has a negative number, which poll passes over. It takes any descriptor.
 * A descriptor that was closed behind coir's back (POLLNVAL) ends the operations that wait for it with -EBADF. */
#include "backend/level.h"
#include "base/memory.h"
#include "base/time.h"

#include <errno.h>
#include <poll.h>

struct poll {
    struct cr_level level;
    struct pollfd *asked; /* room of them; one more than level.watched has */
    size_t room;
};

/* The array grows here, where somebody can be told that it does not. */
static int
poll_attach(struct cr_ready *ready, int fd, uint32_t generation)
{
    struct poll *self = (struct poll *)ready;
    int error = cr_level_attach(ready, fd, generation);
    if (error || self->level.room < self->room)
        return error;
    struct pollfd *asked = cr_realloc(self->asked, (self->level.room + 1) * sizeof *asked);
    if (!asked) {
        self->level.count--;
        return -ENOMEM;
    }
    self->asked = asked;
    self->room = self->level.room + 1;
    return 0;
}

static int
fill_in(struct poll *self)
{
    int interest, count = 0;
    for (; (interest = cr_level_interest(&self->level, (size_t)count)) >= 0; count++)
        self->asked[count] = (struct pollfd){
            .fd = interest ? self->level.watched[count].fd : -1,
            .events = (short)((interest & CR_EVENT_IN ? POLLIN : 0) | (interest & CR_EVENT_OUT ? POLLOUT : 0))};
    self->asked[count] = (struct pollfd){.fd = self->level.bell, .events = POLLIN};
    return count;
}

static unsigned
events_of(short events)
{
    return (events & POLLIN ? CR_EVENT_IN : 0u) | (events & POLLOUT ? CR_EVENT_OUT : 0u) |
           (events & (POLLERR | POLLHUP | POLLNVAL) ? CR_EVENT_FINAL : 0u);
}

static int
poll_wait(struct cr_ready *ready, coir_time until)
{
    struct poll *self = (struct poll *)ready;
    coir_time began = cr_now();
    struct timespec limit;
    int last, left;
    if (!cr_level_may_look(&self->level, until))
        return 0;
    last = fill_in(self);
    left = ppoll(self->asked, (nfds_t)last + 1, cr_level_limit(until, began, &limit), NULL);
    if (left < 0)
        return errno == EINTR ? 0 : -errno;
    if (left && self->asked[last].revents) {
        cr_level_hush(&self->level);
        left--;
    }
    for (int i = 0; left && i < last; i++)
        if (self->asked[i].revents) {
            const struct cr_watched *watched = &self->level.watched[i];
            cr_ready_event(ready, watched->fd, watched->generation, events_of(self->asked[i].revents));
            left--;
        }
    cr_level_looked(&self->level, began, until);
    return 0;
}

static const struct cr_source source = {
    .attach = poll_attach,
    .detach = cr_level_detach,
    .wait = poll_wait,
    .wake = cr_level_wake,
};

static void
poll_close(void *opened)
{
    struct poll *self = opened;
    cr_level_close(&self->level);
    cr_free(self->asked);
    cr_free(self);
}

static int
poll_open(void **opened, unsigned slot)
{
    struct poll *self = cr_alloc_zero(sizeof *self);
    int error;
    if (!self)
        return -ENOMEM;
    self->asked = cr_alloc(sizeof *self->asked);
    self->room = 1;
    error = self->asked ? cr_level_open(&self->level, &source, slot) : -ENOMEM;
    if (error) {
        cr_free(self->asked);
        cr_free(self);
        return error;
    }
    *opened = self;
    return 0;
}

const struct cr_backend cr_backend_poll = {
    .name = "poll",
    .open = poll_open,
    .close = poll_close,
    .start = cr_ready_start,
    .cancel = cr_ready_cancel,
    .detach = cr_ready_detach,
    .maybe_ready = cr_ready_maybe,
    .reap = cr_ready_reap,
    .wake = cr_ready_wake,
};
