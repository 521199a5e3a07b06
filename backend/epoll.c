/* backend/epoll.c: readiness from epoll(7), edge-triggered.
 *
 * Each descriptor is registered once for both directions. The token is (generation, number). EPOLLRDHUP, EPOLLHUP,
 * EPOLLERR and EPOLLPRI count as "final": a short read must not be taken for "drained" then. Waits are by
 * epoll_pwait2 (Linux 5.11) in nanoseconds, on older kernels by milliseconds rounded up, never early. */
#include "backend/epoll.h"
#include "base/fault.h"
#include "base/memory.h"
#include "base/time.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441
#endif

static const uint64_t bell_token = UINT64_MAX;
static CR_ATOMIC(uint32_t) no_pwait2; /* learnt once; whoever has not seen it yet learns it again */

int
cr_epoll_register(struct cr_epoll_source *self, int fd, uint32_t generation, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.u64 = (uint64_t)generation << 32 | (uint32_t)fd};
    if (epoll_ctl(self->poller, EPOLL_CTL_ADD, fd, &event) == 0)
        return 0;
    if (errno == EEXIST)
        return epoll_ctl(self->poller, EPOLL_CTL_MOD, fd, &event) ? -errno : 0;
    return -errno;
}

static int
epoll_attach(struct cr_ready *ready, int fd, uint32_t generation)
{
    return cr_epoll_register((struct cr_epoll_source *)ready, fd, generation,
                             EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | EPOLLET);
}

void
cr_epoll_detach(struct cr_ready *ready, int fd)
{
    struct cr_epoll_source *self = (struct cr_epoll_source *)ready;
    (void)epoll_ctl(self->poller, EPOLL_CTL_DEL, fd, NULL);
}

int
cr_epoll_pwait(int poller, struct epoll_event *events, int capacity, coir_time until)
{
    coir_time left = until == COIR_NOW || until == COIR_NEVER ? 0 : until - cr_now();
    coir_time milliseconds;
    if (left < 0)
        left = 0;
    if (!cr_load_rlx(&no_pwait2)) {
        struct timespec limit = {left / COIR_SECOND, left % COIR_SECOND};
        long count =
            syscall(SYS_epoll_pwait2, poller, events, capacity, until == COIR_NEVER ? NULL : &limit, NULL, (size_t)8);
        if (count >= 0 || errno != ENOSYS)
            return (int)count;
        cr_store_rlx(&no_pwait2, 1);
    }
    milliseconds = (left + COIR_MS - 1) / COIR_MS;
    return epoll_wait(poller, events, capacity,
                      until == COIR_NEVER    ? -1
                      : milliseconds < 60000 ? (int)milliseconds
                                             : 60000);
}

static unsigned
events_of(uint32_t events)
{
    return (events & EPOLLIN ? CR_EVENT_IN : 0u) | (events & EPOLLOUT ? CR_EVENT_OUT : 0u) |
           (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLPRI) ? CR_EVENT_FINAL : 0u);
}

int
cr_epoll_take(struct cr_epoll_source *self, coir_time until)
{
    int count = cr_epoll_pwait(self->poller, self->events, CR_EPOLL_EVENTS, until);
    return count >= 0 ? count : errno == EINTR ? 0 : -errno;
}

unsigned
cr_epoll_event(const struct epoll_event *event, int *fd, uint32_t *generation)
{
    *fd = (int)(uint32_t)event->data.u64;
    *generation = (uint32_t)(event->data.u64 >> 32);
    return event->data.u64 == bell_token ? 0 : events_of(event->events);
}

static int
epoll_source_wait(struct cr_ready *ready, coir_time until)
{
    struct cr_epoll_source *self = (struct cr_epoll_source *)ready;
    int count = cr_epoll_take(self, until);
    for (int i = 0; i < count; i++) {
        int fd;
        uint32_t generation;
        unsigned events = cr_epoll_event(&self->events[i], &fd, &generation);
        if (events)
            cr_ready_event(ready, fd, generation, events);
    }
    return count < 0 ? count : 0;
}

void
cr_epoll_wake(struct cr_ready *ready)
{
    struct cr_epoll_source *self = (struct cr_epoll_source *)ready;
    uint64_t one = 1;
    (void)!write(self->bell, &one, sizeof one);
}

static const struct cr_source edge = {
    .attach = epoll_attach,
    .detach = cr_epoll_detach,
    .wait = epoll_source_wait,
    .wake = cr_epoll_wake,
};

int
cr_epoll_open(const struct cr_source *source, unsigned slot, void **opened)
{
    /* Edge-triggered: each ring is an event of its own, and nobody needs to read the count down. */
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.u64 = bell_token};
    struct cr_epoll_source *self = cr_alloc_zero(sizeof *self);
    int error;
    if (!self)
        return -ENOMEM;
    error = cr_ready_init(&self->ready, source, slot);
    if (error)
        goto fail_free;
    self->poller = CR_FAIL(CR_FAULT_DESCRIPTOR) ? (errno = EMFILE, -1) : epoll_create1(EPOLL_CLOEXEC);
    if (self->poller < 0) {
        error = -errno;
        goto fail_fini;
    }
    self->bell = CR_FAIL(CR_FAULT_DESCRIPTOR) ? (errno = EMFILE, -1) : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (self->bell < 0) {
        error = -errno;
        goto fail_close_poller;
    }
    if (epoll_ctl(self->poller, EPOLL_CTL_ADD, self->bell, &event)) {
        error = -errno;
        goto fail_close_bell;
    }
    *opened = self;
    return 0;

fail_close_bell:
    close(self->bell);
fail_close_poller:
    close(self->poller);
fail_fini:
    cr_ready_fini(&self->ready);
fail_free:
    cr_free(self);
    return error;
}

void
cr_epoll_close(void *opened)
{
    struct cr_epoll_source *self = opened;
    close(self->bell);
    close(self->poller);
    cr_free(self->told);
    cr_ready_fini(&self->ready);
    cr_free(self);
}

static int
epoll_open(void **opened, unsigned slot)
{
    return cr_epoll_open(&edge, slot, opened);
}

const struct cr_backend cr_backend_epoll = {
    .name = "epoll",
    .open = epoll_open,
    .close = cr_epoll_close,
    .start = cr_ready_start,
    .cancel = cr_ready_cancel,
    .detach = cr_ready_detach,
    .maybe_ready = cr_ready_maybe,
    .reap = cr_ready_reap,
    .wake = cr_ready_wake,
};
