/* backend/epoll.h: what the two ways of using epoll(7) share: epoll.c, edge-triggered, and epoll_level.c. */
#ifndef CR_EPOLL_H
#define CR_EPOLL_H

#include "backend/ready.h"

#include <sys/epoll.h>

enum { CR_EPOLL_EVENTS = 64 }; /* taken at once: no more, so that what the kernel has looked at is still in the cache */

struct cr_epoll_source {
    struct cr_ready ready;
    int poller, bell;           /* epoll and eventfd descriptors */
    struct cr_epoll_told *told; /* epoll_level.c: by number; room of them */
    size_t room;
    struct epoll_event events[CR_EPOLL_EVENTS];
};

int cr_epoll_open(const struct cr_source *source, unsigned slot, void **opened);
void cr_epoll_close(void *opened);

/* ADD, or MOD if it is there already, for example under an older generation by a description that came back. */
int cr_epoll_register(struct cr_epoll_source *self, int fd, uint32_t generation, uint32_t events);
void cr_epoll_detach(struct cr_ready *ready, int fd);
/* Waits, at most until: how many of self->events are filled, or -errno. */
int cr_epoll_take(struct cr_epoll_source *self, coir_time until);
/* What one of them says (CR_EVENT_), about what; 0: it was the bell. */
unsigned cr_epoll_event(const struct epoll_event *event, int *fd, uint32_t *generation);
void cr_epoll_wake(struct cr_ready *ready);

/* epoll_wait(2) with a moment in place of a span. */
int cr_epoll_pwait(int poller, struct epoll_event *events, int capacity, coir_time until);

#endif
