/* backend/select.c: readiness from select(2), which everything has.
 *
 * What ready.c and level.h say holds. A set has room for FD_SETSIZE (1,024) numbers, and one above would be written past
 * its end: such a descriptor is refused (CR_BEYOND) when somebody would have to wait for it. An error or a hang-up shows
 * as readable and writable here. A descriptor that was closed behind coir's back fails the whole call (EBADF): it is
 * looked for then, and the operations that wait for it end with -EBADF. */
#include "backend/level.h"
#include "base/memory.h"
#include "base/time.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/select.h>

struct sets {
    fd_set in, out;
    int end; /* above the largest number */
};

static int
select_attach(struct cr_ready *ready, int fd, uint32_t generation)
{
    return fd < FD_SETSIZE ? cr_level_attach(ready, fd, generation) : CR_BEYOND;
}

static void
fill_in(struct cr_level *level, struct sets *sets)
{
    int interest;
    FD_ZERO(&sets->in);
    FD_ZERO(&sets->out);
    FD_SET(level->bell, &sets->in);
    sets->end = level->bell + 1;
    for (size_t i = 0; (interest = cr_level_interest(level, i)) >= 0; i++) {
        int fd = level->watched[i].fd;
        if (interest & CR_EVENT_IN)
            FD_SET(fd, &sets->in);
        if (interest & CR_EVENT_OUT)
            FD_SET(fd, &sets->out);
        if (interest && fd >= sets->end)
            sets->end = fd + 1;
    }
}

static void
report(struct cr_level *level, const struct sets *sets, int left)
{
    if (left && FD_ISSET(level->bell, &sets->in)) {
        cr_level_hush(level);
        left--;
    }
    for (size_t i = 0; left > 0 && i < level->count; i++) {
        const struct cr_watched *watched = &level->watched[i];
        int in = FD_ISSET(watched->fd, &sets->in), out = FD_ISSET(watched->fd, &sets->out);
        if (!in && !out)
            continue;
        left -= !!in + !!out;
        cr_ready_event(&level->ready, watched->fd, watched->generation,
                       (in ? CR_EVENT_IN : 0u) | (out ? CR_EVENT_OUT : 0u));
    }
}

static void
find_the_closed(struct cr_level *level)
{
    int interest;
    for (size_t i = 0; (interest = cr_level_interest(level, i)) >= 0; i++) {
        const struct cr_watched *watched = &level->watched[i];
        if (interest && fcntl(watched->fd, F_GETFD) < 0)
            cr_ready_event(&level->ready, watched->fd, watched->generation, CR_EVENT_FINAL);
    }
}

static int
select_wait(struct cr_ready *ready, coir_time until)
{
    struct cr_level *level = (struct cr_level *)ready;
    coir_time began = cr_now();
    struct timespec limit;
    struct sets sets;
    int count;
    if (!cr_level_may_look(level, until))
        return 0;
    fill_in(level, &sets);
    count = pselect(sets.end, &sets.in, &sets.out, NULL, cr_level_limit(until, began, &limit), NULL);
    if (count < 0 && errno == EBADF) {
        find_the_closed(level);
        return 0;
    }
    if (count < 0)
        return errno == EINTR ? 0 : -errno;
    report(level, &sets, count);
    cr_level_looked(level, began, until);
    return 0;
}

static const struct cr_source source = {
    .attach = select_attach,
    .detach = cr_level_detach,
    .wait = select_wait,
    .wake = cr_level_wake,
};

static void
select_close(void *opened)
{
    struct cr_level *level = opened;
    cr_level_close(level);
    cr_free(level);
}

static int
select_open(void **opened, unsigned slot)
{
    struct cr_level *level = cr_alloc_zero(sizeof *level);
    int error;
    if (!level)
        return -ENOMEM;
    error = cr_level_open(level, &source, slot);
    if (error)
        goto fail_free;
    if (level->bell >= FD_SETSIZE) {
        error = -ERANGE;
        goto fail_close;
    }
    *opened = level;
    return 0;

fail_close:
    cr_level_close(level);
fail_free:
    cr_free(level);
    return error;
}

const struct cr_backend cr_backend_select = {
    .name = "select",
    .numbers = FD_SETSIZE,
    .open = select_open,
    .close = select_close,
    .start = cr_ready_start,
    .cancel = cr_ready_cancel,
    .detach = cr_ready_detach,
    .maybe_ready = cr_ready_maybe,
    .reap = cr_ready_reap,
    .wake = cr_ready_wake,
};
