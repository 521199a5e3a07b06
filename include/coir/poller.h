/* coir/poller.h: waiting for many descriptors in a plain loop, and for one in a task.
 *
 * A poller needs no runtime: it is the loop of select, poll or epoll with one interface. Level-triggered: what is ready is
 * told again at each wait until it has been dealt with. One thread at a time. Tasks that wait for descriptors which coir did
 * not open use coir_fd_wait instead. */
#ifndef COIR_POLLER_H
#define COIR_POLLER_H

#include <coir/base.h>

COIR_BEGIN

struct coir_poller;

enum { COIR_READABLE = 1, COIR_WRITABLE = 2 }; /* an error or a hang-up is both, as far as they were asked for */

struct coir_ready {
    int fd;
    unsigned events; /* COIR_READABLE | COIR_WRITABLE */
    void *data;      /* given with fd */
};

/* backend: "epoll", "poll" (any descriptor, looks at all of them), "select" (the same, numbers below 1,024 only); NULL: the
 * best that opens. -EINVAL (no such), -EMFILE, -ENOMEM. Does not suspend. */
COIR_EXPORT int coir_poller_open(const char *backend, struct coir_poller **poller);
COIR_EXPORT const char *coir_poller_backend(const struct coir_poller *poller);
COIR_EXPORT void coir_poller_close(struct coir_poller *poller); /* of NULL nothing; the descriptors stay open */

/* From now on wait tells of these events (one at least) of fd, with data, which stays the caller's. -EEXIST (modify it),
 * -EBADF, -EINVAL, -ERANGE (select: its number is too large), -EPERM (epoll: a regular file, which is always ready), -ENOMEM. */
COIR_EXPORT int coir_poller_add(struct coir_poller *poller, int fd, unsigned events, void *data);
/* Other events, other data. -ENOENT: it was not added. */
COIR_EXPORT int coir_poller_modify(struct coir_poller *poller, int fd, unsigned events, void *data);
/* Before fd is closed. -ENOENT. */
COIR_EXPORT int coir_poller_remove(struct coir_poller *poller, int fd);

/* Until one is ready: how many of ready (capacity, at least 1) are filled; those that did not fit come first next time. In a
 * fiber only the fiber waits; with "poll" and "select" it does so by means of a helper thread and is not canceled before it is
 * over. */
COIR_EXPORT int coir_poller_wait(struct coir_poller *poller, struct coir_ready *ready, size_t capacity,
                                 coir_time deadline);

/* Until one of these events: which. For a descriptor that the caller has from elsewhere (a library's, an eventfd); it may be
 * waited for by several tasks. -EBADF, -EINVAL. */
COIR_EXPORT int coir_fd_wait(int fd, unsigned events, coir_time deadline);

/* Before a descriptor is closed that coir_fd_wait was called for: else its number, when it is used again, may be taken for
 * the old one, and whoever waits for it waits in vain. Nobody may be waiting for it now. Does not suspend. */
COIR_EXPORT void coir_fd_forget(int fd);

COIR_END

#endif
