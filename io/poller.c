/* io/poller.c: pollers and foreign descriptors, as seen by tasks.
 *
 * An epoll descriptor is itself readable when something is ready in it: so a poller on epoll is looked at, and waited for
 * like any other descriptor, by a fiber or by a thread, with deadline and cancel. poll and select have nothing that could be
 * waited for: a thread sleeps in them, and a fiber has a helper thread do so. */
#include <coir/poller.h>

#include "backend/descriptor.h"
#include "backend/poller.h"
#include "base/memory.h"
#include "sched/operate.h"
#include "sched/runtime.h"

struct coir_poller {
    struct cr_poller poller;
};

int
coir_poller_open(const char *backend, struct coir_poller **poller)
{
    struct coir_poller *made = cr_alloc(sizeof *made);
    int error = made ? cr_poller_open(&made->poller, backend) : -ENOMEM;
    *poller = error ? NULL : made;
    if (!error)
        return 0;
    cr_free(made);
    return error == -EINVAL ? cr_fail(error, "no poller '%s': there is epoll, poll and select", backend) : error;
}

const char *
coir_poller_backend(const struct coir_poller *poller)
{
    return cr_poller_name(&poller->poller);
}

void
coir_poller_close(struct coir_poller *poller)
{
    if (!poller)
        return;
    cr_descriptor_forget(poller->poller.epoll);
    cr_poller_close(&poller->poller);
    cr_free(poller);
}

static bool
are_events(unsigned events)
{
    return events && !(events & ~(unsigned)(COIR_READABLE | COIR_WRITABLE));
}

static int
refuse_events(const char *call, unsigned events)
{
    return cr_fail(-EINVAL, "%s: events %#x: COIR_READABLE, COIR_WRITABLE or both", call, events);
}

int
coir_poller_add(struct coir_poller *poller, int fd, unsigned events, void *data)
{
    int error = are_events(events) ? cr_poller_add(&poller->poller, &(struct cr_watch){fd, events, data})
                                   : refuse_events("coir_poller_add", events);
    if (error == -ERANGE)
        return cr_fail(error, "coir_poller_add: descriptor %d: select takes numbers below 1,024 only; epoll takes any",
                       fd);
    return error == -EPERM ? cr_fail(error, "coir_poller_add: descriptor %d is a file, which is always ready", fd)
                           : error;
}

int
coir_poller_modify(struct coir_poller *poller, int fd, unsigned events, void *data)
{
    return are_events(events) ? cr_poller_modify(&poller->poller, &(struct cr_watch){fd, events, data})
                              : refuse_events("coir_poller_modify", events);
}

int
coir_poller_remove(struct coir_poller *poller, int fd)
{
    return cr_poller_remove(&poller->poller, fd);
}

/* ---- Waiting ---- */

struct look {
    struct cr_poller *poller;
    struct coir_ready *ready;
    size_t capacity;
    coir_time until;
};

static int
look(void *arg)
{
    const struct look *own = arg;
    int count;
    do
        count = cr_poller_wait(own->poller, own->ready, own->capacity, own->until);
    while (count == 0 && own->until != COIR_NOW && cr_now() < own->until); /* a signal */
    return count;
}

int
coir_poller_wait(struct coir_poller *poller, struct coir_ready *ready, size_t capacity, coir_time deadline)
{
    struct look now = {&poller->poller, ready, capacity, COIR_NOW},
                later = {&poller->poller, ready, capacity, deadline};
    int result = cr_enter(cr_task_self(), deadline);
    if (result)
        return result;
    if (!capacity)
        return cr_fail(-EINVAL, "coir_poller_wait: there is room for none");
    for (;;) {
        result = look(&now);
        if (result || deadline == COIR_NOW)
            return result ? result : -EAGAIN;
        if (deadline != COIR_NEVER && cr_now() >= deadline)
            return -ETIMEDOUT;
        if (poller->poller.epoll < 0) {
            result = cr_here.worker ? cr_offload(look, &later) : look(&later);
            return result ? result : -ETIMEDOUT;
        }
        result = coir_fd_wait(poller->poller.epoll, COIR_READABLE, deadline);
        if (result < 0 && result != -ETIMEDOUT)
            return result;
    }
}

/* An operation has one direction. Both together are one readable descriptor, that of a poller. */
static int
wait_for_both(int fd, coir_time deadline)
{
    struct coir_poller *poller;
    struct coir_ready ready;
    int error = coir_poller_open("epoll", &poller);
    if (error)
        return error;
    error = coir_poller_add(poller, fd, COIR_READABLE | COIR_WRITABLE, NULL);
    if (!error)
        error = coir_poller_wait(poller, &ready, 1, deadline);
    coir_poller_close(poller);
    return error == -EPERM ? COIR_READABLE | COIR_WRITABLE : error < 0 ? error : (int)ready.events;
}

int
coir_fd_wait(int fd, unsigned events, coir_time deadline)
{
    struct cr_pending pending;
    int result = cr_enter(cr_task_self(), deadline);
    if (result)
        return result;
    if (!are_events(events))
        return refuse_events("coir_fd_wait", events);
    result = cr_descriptor_check(fd);
    if (result)
        return result;
    if (events == (COIR_READABLE | COIR_WRITABLE))
        return wait_for_both(fd, deadline);
    pending.op = (struct cr_op){.kind = events == COIR_READABLE ? CR_OP_READABLE : CR_OP_WRITABLE, .fd = fd};
    result = cr_operate(&pending, NULL, deadline);
    return result ? result : (int)events;
}

void
coir_fd_forget(int fd)
{
    cr_descriptor_forget(fd);
}
