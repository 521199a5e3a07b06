/* io/signals.c: waiting for the bell that backend/signal.c rings. Waiters take turns by a lock: who has it reads the bell, and
 * looks before and after it for what has come. */
#include "backend/descriptor.h"
#include "backend/signal.h"
#include "base/memory.h"
#include "sched/operate.h"
#include <coir/signals.h>

struct coir_signals {
    struct cr_signal_set set;
    struct cr_lock turn;
};

int
coir_signals_open(const int *signals, size_t count, struct coir_signals **opened)
{
    struct coir_signals *made = cr_alloc_zero(sizeof *made);
    int error;
    *opened = NULL;
    if (!made)
        return -ENOMEM;
    error = cr_signal_listen(&made->set, signals, count);
    if (error == -EINVAL)
        error = cr_fail(error, "coir_signals_open: one or more signals, and none that cannot be caught or is a fault");
    if (!error && (error = cr_descriptor_check(made->set.bell))) {
        cr_signal_leave(&made->set);
        (void)cr_world.close(made->set.bell);
    }
    if (error)
        cr_free(made);
    else
        *opened = made;
    return error;
}

static const struct cr_edge_kind turn_kind = {.text = "its turn to wait for signals"};
static const struct cr_edge turn = {.kind = &turn_kind};
static const struct cr_edge_kind signal_kind = {.text = "a signal"};
static const struct cr_edge signal_edge = {.kind = &signal_kind};

/* Under the turn. A ring is for one that has come since the last; it may have been taken by somebody already. */
static int
await(struct coir_signals *set, coir_time deadline)
{
    int number;
    while (!(number = cr_signal_take(&set->set))) {
        uint64_t rings;
        struct cr_pending pending = {
            .op = {.kind = CR_OP_READ, .fd = set->set.bell, .by_poll = true, .data = &rings, .length = sizeof rings}};
        int result = cr_operate_for(&pending, &signal_edge, NULL, deadline);
        if (result < 0)
            return result;
    }
    return number;
}

int
coir_signals_wait(struct coir_signals *set, coir_time deadline)
{
    struct coir_task *self = cr_task_self();
    int result = cr_enter(self, deadline);
    if (!result)
        result = cr_lock_take(&set->turn, self, deadline, CR_LOCK_CANCELABLE, &turn);
    if (result)
        return result;
    result = await(set, deadline);
    cr_lock_give(&set->turn, self);
    return result;
}

int
coir_signals_fd(const struct coir_signals *set)
{
    return set->set.bell;
}

void
coir_signals_close(struct coir_signals *set)
{
    if (!set)
        return;
    cr_signal_leave(&set->set);
    (void)cr_descriptor_close(set->set.bell);
    cr_free(set);
}
