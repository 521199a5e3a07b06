/* backend/spin.c: the non-blocking busy loop: no call that waits, but every call again and again.
 *
 * Round after round each operation that waits is tried, until one has a result, the bell rings or the time is over. That
 * is the second of the five I/O models as textbooks show it, here so that its price can be seen: a worker with anything
 * to wait for takes its whole processor, and a round costs a system call for each operation, whether anybody has sent or
 * not. Between two rounds the processor is offered to others (sched_yield), who may be the ones that are waited for. Only a
 * worker without any operation sleeps, in poll(2) on its bell: there is nothing to try.
 *
 * What ready.c and level.h say holds, but that an operation comes back with its result and not as CR_AGAIN: it has been
 * carried out, which is how it was found out that it could be. It takes any descriptor; what was closed behind coir's back
 * ends with -EBADF. Off unless chosen. */
#include "backend/level.h"
#include "base/memory.h"
#include "base/time.h"

#include <poll.h>
#include <sched.h>

/* Whether the bell has rung; waits for it at most until. */
static bool
bell_rang(struct cr_level *level, coir_time until)
{
    struct pollfd bell = {.fd = level->bell, .events = POLLIN};
    struct timespec limit;
    if (ppoll(&bell, 1, cr_level_limit(until, cr_now(), &limit), NULL) <= 0)
        return false;
    cr_level_hush(level);
    return true;
}

static bool
try_all(struct cr_level *level)
{
    bool any = false;
    int interest;
    for (size_t i = 0; (interest = cr_level_interest(level, i)) >= 0; i++)
        if (interest)
            any |= cr_ready_try(&level->ready, level->watched[i].fd, level->watched[i].generation);
    return any;
}

static int
spin_wait(struct cr_ready *ready, coir_time until)
{
    struct cr_level *level = (struct cr_level *)ready;
    coir_time began = cr_now();
    if (!ready->pending) {
        (void)bell_rang(level, until);
        return 0;
    }
    if (!cr_level_may_look(level, until))
        return 0;
    while (!try_all(level) && !bell_rang(level, COIR_NOW) && until != COIR_NOW && cr_now() < until)
        (void)sched_yield();
    cr_level_looked(level, began, until);
    return 0;
}

static const struct cr_source source = {
    .attach = cr_level_attach,
    .detach = cr_level_detach,
    .wait = spin_wait,
    .wake = cr_level_wake,
};

static void
spin_close(void *opened)
{
    struct cr_level *level = opened;
    cr_level_close(level);
    cr_free(level);
}

static int
spin_open(void **opened, unsigned slot)
{
    struct cr_level *level = cr_alloc_zero(sizeof *level);
    int error = level ? cr_level_open(level, &source, slot) : -ENOMEM;
    if (error)
        cr_free(level);
    else
        *opened = level;
    return error;
}

const struct cr_backend cr_backend_spin = {
    .name = "spin",
    .by_name_only = true,
    .open = spin_open,
    .close = spin_close,
    .start = cr_ready_start,
    .cancel = cr_ready_cancel,
    .detach = cr_ready_detach,
    .maybe_ready = cr_ready_maybe,
    .reap = cr_ready_reap,
    .wake = cr_ready_wake,
};
