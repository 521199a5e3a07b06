/* backend/poller.h: what coir_poller (io/poller.c) is made of: a list of descriptors, and three ways to ask about all of
 * them. Without tasks and operations; waiting blocks the thread. */
#ifndef CR_POLLER_H
#define CR_POLLER_H

#include <coir/poller.h>

/* Numbers COIR_READABLE and COIR_WRITABLE are used inside, too. */
struct cr_watch {
    int fd;
    unsigned events;
    void *data;
};

struct cr_poller_kind;

struct cr_poller {
    const struct cr_poller_kind *kind;
    struct cr_watch *watches; /* in no order; count of them */
    size_t count, room;
    int *places; /* by number: its place in watches, or -1 */
    size_t numbers;
    size_t first;         /* poll, select: where the next look begins, so that all get their turn */
    int epoll;            /* epoll: its descriptor; else -1 */
    struct pollfd *asked; /* poll: room of them */
};

int cr_poller_open(struct cr_poller *poller, const char *backend);
void cr_poller_close(struct cr_poller *poller);
const char *cr_poller_name(const struct cr_poller *poller);
struct cr_watch *cr_poller_find(struct cr_poller *poller, int fd); /* NULL: it was not added */
int cr_poller_add(struct cr_poller *poller, const struct cr_watch *watch);
int cr_poller_modify(struct cr_poller *poller, const struct cr_watch *watch);
int cr_poller_remove(struct cr_poller *poller, int fd);
/* How many are filled; 0: none until then, or a signal came. */
int cr_poller_wait(struct cr_poller *poller, struct coir_ready *ready, size_t capacity, coir_time until);

#endif
