/* backend/epoll.c: readiness from epoll(7), edge-triggered.
 *
 * Each descriptor is registered once for both directions. The token is (generation, number). EPOLLRDHUP, EPOLLHUP,
 * EPOLLERR and EPOLLPRI count as "final": a short read must not be taken for "drained" then. Waits are by
 * epoll_pwait2 (Linux 5.11) in nanoseconds, on older kernels by milliseconds rounded up, never early. */
#include "backend/descriptor.h"
#include "backend/ready.h"
#include "base/fault.h"
#include "base/memory.h"
#include "base/time.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441
#endif

enum { EVENTS = 64 }; /* taken at once: no more, so that what the kernel has looked at is still in the cache */

static const uint64_t bell_token = UINT64_MAX;

struct epoll {
    struct cr_ready ready;
    int poller, bell; /* epoll and eventfd descriptors */
    bool no_pwait2;
    struct epoll_event events[EVENTS];
};

static int
epoll_attach(struct cr_ready *ready, int fd, uint32_t generation)
{
    struct epoll *self = (struct epoll *)ready;
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | EPOLLET,
                                .data.u64 = (uint64_t)generation << 32 | (uint32_t)fd};
    if (epoll_ctl(self->poller, EPOLL_CTL_ADD, fd, &event) == 0)
        return 0;
    if (errno == EEXIST) /* registered under an older generation by a description that came back */
        return epoll_ctl(self->poller, EPOLL_CTL_MOD, fd, &event) ? -errno : 0;
    return -errno;
}

static void
epoll_detach(struct cr_ready *ready, int fd)
{
    struct epoll *self = (struct epoll *)ready;
    (void)epoll_ctl(self->poller, EPOLL_CTL_DEL, fd, NULL);
}

static int
pwait(struct epoll *self, coir_time until)
{
    coir_time left = until == COIR_NOW || until == COIR_NEVER ? 0 : until - cr_now();
    coir_time milliseconds;
    if (left < 0)
        left = 0;
    if (!self->no_pwait2) {
        struct timespec limit = {left / COIR_SECOND, left % COIR_SECOND};
        long count = syscall(SYS_epoll_pwait2, self->poller, self->events, EVENTS, until == COIR_NEVER ? NULL : &limit,
                             NULL, (size_t)8);
        if (count >= 0 || errno != ENOSYS)
            return (int)count;
        self->no_pwait2 = true;
    }
    milliseconds = (left + COIR_MS - 1) / COIR_MS;
    return epoll_wait(self->poller, self->events, EVENTS,
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

static int
epoll_source_wait(struct cr_ready *ready, coir_time until)
{
    struct epoll *self = (struct epoll *)ready;
    int count = pwait(self, until);
    if (count < 0)
        return errno == EINTR ? 0 : -errno;
    for (int i = 0; i < count; i++) {
        uint64_t token = self->events[i].data.u64;
        if (token != bell_token)
            cr_ready_event(ready, (int)(uint32_t)token, (uint32_t)(token >> 32), events_of(self->events[i].events));
    }
    return 0;
}

static void
epoll_source_wake(struct cr_ready *ready)
{
    struct epoll *self = (struct epoll *)ready;
    uint64_t one = 1;
    (void)!write(self->bell, &one, sizeof one);
}

static const struct cr_source source = {
    .attach = epoll_attach,
    .detach = epoll_detach,
    .wait = epoll_source_wait,
    .wake = epoll_source_wake,
};

static int
epoll_open(void **opened, unsigned slot)
{
    /* Edge-triggered: each ring is an event of its own, and nobody needs to read the count down. */
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.u64 = bell_token};
    struct epoll *self = cr_alloc_zero(sizeof *self);
    int error;
    if (!self)
        return -ENOMEM;
    error = cr_ready_init(&self->ready, &source, slot);
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

static void
epoll_close(void *opened)
{
    struct epoll *self = opened;
    close(self->bell);
    close(self->poller);
    cr_ready_fini(&self->ready);
    cr_free(self);
}

const struct cr_backend cr_backend_epoll = {
    .name = "epoll",
    .open = epoll_open,
    .close = epoll_close,
    .start = cr_ready_start,
    .cancel = cr_ready_cancel,
    .detach = cr_ready_detach,
    .maybe_ready = cr_ready_maybe,
    .reap = cr_ready_reap,
    .wake = cr_ready_wake,
};
