/* shared/semaphore.c: a bell, each ring of which is a free permit; with a limit another one, each ring of which is a permit
 * that is not free. The kernel does each step as a whole, so a process that ends between two has lost the permit it had. */
#include <coir/shared.h>

#include "base/memory.h"
#include "sched/park.h"
#include "shared/bag.h"

enum { FREE, TAKEN };

struct coir_shared_semaphore {
    struct cr_bag bag; /* FREE, and with a limit TAKEN */
};

int
coir_shared_semaphore_open(uint32_t permits, uint32_t limit, struct coir_shared_semaphore **semaphore)
{
    struct coir_shared_semaphore *made;
    int bells[2] = {-1, -1}, error;
    *semaphore = NULL;
    if (limit && permits > limit)
        return cr_fail(-EINVAL, "coir_shared_semaphore_open: %u permits, but a limit of %u", permits, limit);
    made = cr_alloc_zero(sizeof *made);
    if (!made)
        return -ENOMEM;
    error = bells[FREE] = cr_bell_open(permits, true);
    if (error >= 0 && limit)
        error = bells[TAKEN] = cr_bell_open(limit - permits, true);
    if (error >= 0)
        error = cr_bag_new(&made->bag, CR_BAG_SEMAPHORE, 0, limit, bells, limit ? 2 : 1);
    if (error) {
        cr_things_close(bells, 2);
        cr_free(made);
        return error;
    }
    *semaphore = made;
    return 0;
}

static bool
are_right(const struct cr_bag *bag)
{
    return bag->count == (bag->label.detail ? 2 : 1) && cr_is_bell(bag->things[FREE]) &&
           (!bag->label.detail || cr_is_bell(bag->things[TAKEN]));
}

int
coir_shared_semaphore_from(int fd, struct coir_shared_semaphore **semaphore)
{
    struct coir_shared_semaphore *made = cr_alloc_zero(sizeof *made);
    int error = made ? cr_bag_from(&made->bag, CR_BAG_SEMAPHORE, fd, __func__) : -ENOMEM;
    if (!error && !are_right(&made->bag))
        error = cr_bag_refuse(&made->bag, fd, __func__);
    if (error) {
        cr_free(made);
        made = NULL;
    }
    *semaphore = made;
    return error;
}

int
coir_shared_semaphore_fd(const struct coir_shared_semaphore *semaphore)
{
    return semaphore->bag.fd;
}

void
coir_shared_semaphore_close(struct coir_shared_semaphore *semaphore)
{
    if (!semaphore)
        return;
    cr_bag_drop(&semaphore->bag);
    cr_free(semaphore);
}

int
coir_shared_semaphore_acquire(struct coir_shared_semaphore *semaphore, coir_time deadline)
{
    int result = cr_enter(cr_task_self(), deadline);
    while (!result) {
        result = cr_bell_take(semaphore->bag.things[FREE]);
        if (!result && semaphore->bag.count > TAKEN)
            (void)cr_bell_ring(semaphore->bag.things[TAKEN]);
        if (result != -EAGAIN)
            return result;
        result = cr_await_readable(semaphore->bag.things[FREE], deadline);
    }
    return result;
}

int
coir_shared_semaphore_release(struct coir_shared_semaphore *semaphore)
{
    int error = semaphore->bag.count > TAKEN ? cr_bell_take(semaphore->bag.things[TAKEN]) : 0;
    if (error)
        return error == -EAGAIN ? -EOVERFLOW : error;
    return cr_bell_ring(semaphore->bag.things[FREE]);
}
