/* sim/idle.c: see idle.h. */
#include "sim/idle.h"

#include "base/memory.h"
#include "sim/thread.h"

struct idle {
    CR_ATOMIC(uint32_t) rung;
};

static int
idle_open(void **opened, unsigned slot)
{
    (void)slot;
    *opened = cr_alloc_zero(sizeof(struct idle));
    return *opened ? 0 : -ENOMEM;
}

static void
idle_close(void *self)
{
    cr_free(self);
}

static int
idle_start(void *self, struct cr_op *op)
{
    (void)self, (void)op;
    return -ENOSYS;
}

static void
idle_cancel(void *self, struct cr_op *op)
{
    (void)self, (void)op;
}

static void
idle_detach(void *self, int fd)
{
    (void)self, (void)fd;
}

static bool
idle_maybe_ready(void *self)
{
    (void)self;
    return false;
}

static int
idle_reap(void *opened, coir_time until, struct cr_list *done)
{
    struct idle *self = opened;
    cr_list_init(done);
    if (!cr_swap_ar(&self->rung, 0)) {
        (void)cr_sim_wait(self, until, "something to do");
        (void)cr_swap_ar(&self->rung, 0);
    }
    return 0;
}

static void
idle_wake(void *opened)
{
    struct idle *self = opened;
    (void)cr_swap_ar(&self->rung, 1);
    cr_sim_wake(self, 1);
}

const struct cr_backend cr_backend_idle = {
    .name = "idle",
    .open = idle_open,
    .close = idle_close,
    .start = idle_start,
    .cancel = idle_cancel,
    .detach = idle_detach,
    .maybe_ready = idle_maybe_ready,
    .reap = idle_reap,
    .wake = idle_wake,
};
