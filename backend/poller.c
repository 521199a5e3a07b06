/* backend/poller.c: see poller.h. The list is the same for all; a kind says what the kernel has to know of a change, and how
 * it is asked. poll and select are given everything at each wait, so they need not know of changes. */
#include "backend/poller.h"
#include "backend/epoll.h"
#include "backend/level.h"
#include "base/fault.h"
#include "base/memory.h"
#include "base/time.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/select.h>
#include <unistd.h>

enum { FIRST_ROOM = 16 };

struct cr_poller_kind {
    const char *name;
    int numbers; /* descriptors from this number on are refused; 0: none */
    int (*open)(struct cr_poller *poller);
    /* What is asked about fd changes from one to the other; 0: nothing is asked. NULL: it need not know. */
    int (*change)(struct cr_poller *poller, int fd, unsigned before, unsigned after);
    int (*wait)(struct cr_poller *poller, struct coir_ready *ready, size_t capacity, coir_time until);
};

/* ---- epoll ---- */

static int
epoll_open(struct cr_poller *poller)
{
    poller->epoll = CR_FAIL(CR_FAULT_DESCRIPTOR) ? (errno = EMFILE, -1) : epoll_create1(EPOLL_CLOEXEC);
    return poller->epoll < 0 ? -errno : 0;
}

static int
epoll_change(struct cr_poller *poller, int fd, unsigned before, unsigned after)
{
    struct epoll_event event = {
        .events = (after & COIR_READABLE ? EPOLLIN : 0u) | (after & COIR_WRITABLE ? EPOLLOUT : 0u), .data.fd = fd};
    int what = !before ? EPOLL_CTL_ADD : after ? EPOLL_CTL_MOD : EPOLL_CTL_DEL;
    return epoll_ctl(poller->epoll, what, fd, &event) ? -errno : 0;
}

static int
wait_in_epoll(struct cr_poller *poller, struct coir_ready *ready, size_t capacity, coir_time until)
{
    struct epoll_event events[CR_EPOLL_EVENTS];
    int filled = 0, count = cr_epoll_pwait(poller->epoll, events,
                                           capacity < CR_EPOLL_EVENTS ? (int)capacity : CR_EPOLL_EVENTS, until);
    if (count < 0)
        return errno == EINTR ? 0 : -errno;
    for (int i = 0; i < count; i++) {
        const struct cr_watch *watch = cr_poller_find(poller, events[i].data.fd);
        uint32_t told = events[i].events;
        unsigned both = told & (EPOLLERR | EPOLLHUP) ? COIR_READABLE | COIR_WRITABLE : 0;
        both |= (told & EPOLLIN ? COIR_READABLE : 0u) | (told & EPOLLOUT ? COIR_WRITABLE : 0u);
        if (watch && watch->events & both)
            ready[filled++] = (struct coir_ready){watch->fd, watch->events & both, watch->data};
    }
    return filled;
}

/* ---- poll ---- */

static int
wait_in_poll(struct cr_poller *poller, struct coir_ready *ready, size_t capacity, coir_time until)
{
    struct timespec limit;
    size_t filled = 0;
    int left;
    for (size_t i = 0; i < poller->count; i++)
        poller->asked[i] =
            (struct pollfd){.fd = poller->watches[i].fd,
                            .events = (short)((poller->watches[i].events & COIR_READABLE ? POLLIN : 0) |
                                              (poller->watches[i].events & COIR_WRITABLE ? POLLOUT : 0))};
    left = ppoll(poller->asked, (nfds_t)poller->count, cr_level_limit(until, cr_now(), &limit), NULL);
    if (left < 0)
        return errno == EINTR ? 0 : -errno;
    for (size_t n = 0; left && filled < capacity && n < poller->count; n++) {
        size_t i = (poller->first + n) % poller->count;
        const struct cr_watch *watch = &poller->watches[i];
        short told = poller->asked[i].revents;
        unsigned both = told & (POLLERR | POLLHUP | POLLNVAL) ? COIR_READABLE | COIR_WRITABLE : 0;
        both |= (told & POLLIN ? COIR_READABLE : 0u) | (told & POLLOUT ? COIR_WRITABLE : 0u);
        if (!told)
            continue;
        left--;
        ready[filled++] = (struct coir_ready){watch->fd, watch->events & both, watch->data};
        if (filled == capacity)
            poller->first = i + 1;
    }
    return (int)filled;
}

/* ---- select ---- */

static int
wait_in_select(struct cr_poller *poller, struct coir_ready *ready, size_t capacity, coir_time until)
{
    struct timespec limit;
    fd_set in, out;
    size_t filled = 0;
    int end = 0, left;
    FD_ZERO(&in);
    FD_ZERO(&out);
    for (size_t i = 0; i < poller->count; i++) {
        const struct cr_watch *watch = &poller->watches[i];
        if (watch->events & COIR_READABLE)
            FD_SET(watch->fd, &in);
        if (watch->events & COIR_WRITABLE)
            FD_SET(watch->fd, &out);
        end = watch->fd >= end ? watch->fd + 1 : end;
    }
    left = pselect(end, &in, &out, NULL, cr_level_limit(until, cr_now(), &limit), NULL);
    if (left < 0)
        return errno == EINTR ? 0 : -errno;
    for (size_t n = 0; left > 0 && filled < capacity && n < poller->count; n++) {
        size_t i = (poller->first + n) % poller->count;
        const struct cr_watch *watch = &poller->watches[i];
        unsigned told =
            (FD_ISSET(watch->fd, &in) ? COIR_READABLE : 0u) | (FD_ISSET(watch->fd, &out) ? COIR_WRITABLE : 0u);
        if (!told)
            continue;
        left -= told == (COIR_READABLE | COIR_WRITABLE) ? 2 : 1;
        ready[filled++] = (struct coir_ready){watch->fd, told, watch->data};
        if (filled == capacity)
            poller->first = i + 1;
    }
    return (int)filled;
}

/* Best first. */
static const struct cr_poller_kind kinds[] = {
    {.name = "epoll", .open = epoll_open, .change = epoll_change, .wait = wait_in_epoll},
    {.name = "poll", .wait = wait_in_poll},
    {.name = "select", .numbers = FD_SETSIZE, .wait = wait_in_select},
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

/* ---- The list ---- */

int
cr_poller_open(struct cr_poller *poller, const char *backend)
{
    int error = -EINVAL;
    *poller = (struct cr_poller){.epoll = -1};
    for (int i = 0; i < KINDS; i++) {
        if (backend && strcmp(backend, kinds[i].name) != 0)
            continue;
        poller->kind = &kinds[i];
        error = kinds[i].open ? kinds[i].open(poller) : 0;
        if (!error || error == -EMFILE || error == -ENFILE)
            break;
    }
    return error;
}

void
cr_poller_close(struct cr_poller *poller)
{
    if (poller->epoll >= 0)
        close(poller->epoll);
    cr_free(poller->watches);
    cr_free(poller->places);
    cr_free(poller->asked);
}

const char *
cr_poller_name(const struct cr_poller *poller)
{
    return poller->kind->name;
}

struct cr_watch *
cr_poller_find(struct cr_poller *poller, int fd)
{
    return fd >= 0 && (size_t)fd < poller->numbers && poller->places[fd] >= 0 ? &poller->watches[poller->places[fd]]
                                                                              : NULL;
}

/* For one more, of this number. What has grown when another did not may stay. */
static int
make_room(struct cr_poller *poller, int fd)
{
    size_t room = poller->room ? 2 * poller->room : FIRST_ROOM;
    size_t numbers = poller->numbers ? poller->numbers : FIRST_ROOM;
    struct cr_watch *watches;
    struct pollfd *asked;
    int *places;
    while (numbers <= (size_t)fd)
        numbers *= 2;
    places = numbers > poller->numbers ? cr_realloc(poller->places, numbers * sizeof *places) : poller->places;
    if (!places)
        return -ENOMEM;
    for (; poller->numbers < numbers; poller->numbers++)
        places[poller->numbers] = -1;
    poller->places = places;
    if (poller->count < poller->room)
        return 0;
    watches = cr_realloc(poller->watches, room * sizeof *watches);
    if (watches)
        poller->watches = watches;
    asked = watches ? cr_realloc(poller->asked, room * sizeof *asked) : NULL;
    if (!asked)
        return -ENOMEM;
    poller->asked = asked;
    poller->room = room;
    return 0;
}

int
cr_poller_add(struct cr_poller *poller, const struct cr_watch *watch)
{
    const struct cr_poller_kind *kind = poller->kind;
    int error;
    if (fcntl(watch->fd, F_GETFD) < 0)
        return -errno;
    if (kind->numbers && watch->fd >= kind->numbers)
        return -ERANGE;
    if (cr_poller_find(poller, watch->fd))
        return -EEXIST;
    error = make_room(poller, watch->fd);
    if (!error && kind->change)
        error = kind->change(poller, watch->fd, 0, watch->events);
    if (error)
        return error;
    poller->places[watch->fd] = (int)poller->count;
    poller->watches[poller->count++] = *watch;
    return 0;
}

int
cr_poller_modify(struct cr_poller *poller, const struct cr_watch *watch)
{
    struct cr_watch *known = cr_poller_find(poller, watch->fd);
    int error = 0;
    if (!known)
        return -ENOENT;
    if (poller->kind->change && known->events != watch->events)
        error = poller->kind->change(poller, watch->fd, known->events, watch->events);
    if (!error)
        *known = *watch;
    return error;
}

/* Also of one that has been closed already, of which the kernel knows nothing any more. */
int
cr_poller_remove(struct cr_poller *poller, int fd)
{
    struct cr_watch *known = cr_poller_find(poller, fd);
    if (!known)
        return -ENOENT;
    if (poller->kind->change)
        (void)poller->kind->change(poller, fd, known->events, 0);
    poller->places[fd] = -1;
    *known = poller->watches[--poller->count];
    if (known->fd != fd)
        poller->places[known->fd] = (int)(known - poller->watches);
    return 0;
}

int
cr_poller_wait(struct cr_poller *poller, struct coir_ready *ready, size_t capacity, coir_time until)
{
    return poller->kind->wait(poller, ready, capacity, until);
}
