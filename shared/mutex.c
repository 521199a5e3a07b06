/* shared/mutex.c: a word in memory that says who has it, a bell for those that wait, and a look at whether its owner lives.
 *
 * Taking a free one is one compare-and-swap, giving it back another, and a ring if somebody sleeps. Who sleeps watches the
 * owner it saw: that one rings when it gives the mutex back, or ends, and either is news. */
#include <coir/shared.h>

#include "base/fault.h"
#include "base/memory.h"
#include "sched/park.h"
#include "shared/bag.h"
#include "shared/members.h"

enum { BELL, MEMORY, THINGS };

struct coir_shared_mutex {
    struct cr_bag bag;
    struct cr_members members;
};

static int
map(struct coir_shared_mutex *mutex, const int *things)
{
    void *memory;
    int error = cr_memory_map(things[MEMORY], sizeof(struct cr_shared_memory), &memory);
    if (!error)
        mutex->members = (struct cr_members){.memory = memory, .bell = things[BELL]};
    return error;
}

int
coir_shared_mutex_open(struct coir_shared_mutex **mutex)
{
    struct coir_shared_mutex *made = cr_alloc_zero(sizeof *made);
    int things[THINGS] = {-1, -1}, error;
    *mutex = NULL;
    if (!made)
        return -ENOMEM;
    error = things[BELL] = cr_bell_open(0, false);
    if (error >= 0)
        error = things[MEMORY] = cr_memory_open(sizeof(struct cr_shared_memory));
    if (error >= 0)
        error = map(made, things);
    if (error)
        goto fail_close;
    error = cr_bag_new(&made->bag, CR_BAG_MUTEX, cr_life_space(), 0, things, THINGS);
    if (error)
        goto fail_unmap;
    *mutex = made;
    return 0;

fail_unmap:
    cr_memory_unmap(made->members.memory, sizeof(struct cr_shared_memory));
fail_close:
    cr_things_close(things, THINGS);
    cr_free(made);
    return error;
}

int
coir_shared_mutex_from(int fd, struct coir_shared_mutex **mutex)
{
    struct coir_shared_mutex *made = cr_alloc_zero(sizeof *made);
    int error = made ? cr_bag_from(&made->bag, CR_BAG_MUTEX, fd, __func__) : -ENOMEM;
    if (!error) {
        const struct cr_bag *bag = &made->bag;
        bool right = bag->count == THINGS && cr_is_bell(bag->things[BELL]);
        error = right ? map(made, bag->things) : -EINVAL;
        if (error == -EINVAL)
            (void)cr_bag_refuse(&made->bag, fd, __func__);
        else if (error)
            cr_things_close(bag->things, bag->count);
    }
    if (error) {
        cr_free(made);
        made = NULL;
    }
    *mutex = made;
    return error;
}

int
coir_shared_mutex_fd(const struct coir_shared_mutex *mutex)
{
    return mutex->bag.fd;
}

void
coir_shared_mutex_close(struct coir_shared_mutex *mutex)
{
    if (!mutex)
        return;
    cr_members_leave(&mutex->members);
    cr_memory_unmap(mutex->members.memory, sizeof(struct cr_shared_memory));
    cr_bag_drop(&mutex->bag);
    cr_free(mutex);
}

/* 0, -EOWNERDEAD: it is the caller's; -EAGAIN: somebody else's, who is in *owner; -EDEADLK. */
static int
try(struct cr_shared_memory *memory, uint64_t me, uint64_t *owner)
{
    *owner = 0;
    while (!cr_cas_acq(&memory->owner, owner, me)) { /* pairs with unlock */
        if (*owner == me)
            return -EDEADLK;
        if (!cr_owner_has_ended(memory, *owner))
            return -EAGAIN;
        if (cr_cas_acq(&memory->owner, owner, me)) {
            cr_moment(CR_MOMENT_LOCKED);
            return -EOWNERDEAD;
        }
        *owner = 0;
    }
    cr_moment(CR_MOMENT_LOCKED);
    return 0;
}

static int
wait_for_it(struct cr_members *members, uint64_t me, coir_time deadline)
{
    struct cr_sleep sleep;
    uint64_t owner;
    int result, error = cr_sleep_begin(&sleep, members, -1);
    COIR_SHIELD();
    if (error)
        return error;
    do {
        cr_sleep_look(&sleep);
        result = try(members->memory, me, &owner);
        if (result != -EAGAIN)
            break;
        cr_sleep_watch(&sleep, cr_owner_member(owner));
        result = -EAGAIN;
        error = cr_sleep_wait(&sleep, deadline);
    } while (!error);
    cr_sleep_end(&sleep);
    return result == -EAGAIN ? error : result;
}

/* The calling task, as an owner; number: of this process. */
static uint64_t
my_name(const struct coir_shared_mutex *mutex, int number)
{
    int32_t pid = (int32_t)(cr_load_rlx(&mutex->members.mine) >> 32);
    return cr_owner_name((size_t)number, pid, cr_load_rlx(&cr_task_self()->id));
}

int
coir_shared_mutex_lock(struct coir_shared_mutex *mutex, coir_time deadline)
{
    int number = cr_members_mine(&mutex->members), result;
    uint64_t me, owner;
    cr_check_deadline(deadline);
    if (number < 0)
        return number;
    me = my_name(mutex, number);
    result = try(mutex->members.memory, me, &owner);
    if (result == -EDEADLK)
        return cr_fail(result, "coir_shared_mutex_lock: this task has it already");
    if (result != -EAGAIN || deadline == COIR_NOW)
        return result;
    return wait_for_it(&mutex->members, me, deadline);
}

void
coir_shared_mutex_unlock(struct coir_shared_mutex *mutex)
{
    int number = cr_members_mine(&mutex->members);
    uint64_t me = number < 0 ? 0 : my_name(mutex, number);
    if (!me || !cr_cas_rel(&mutex->members.memory->owner, &me, 0)) /* pairs with try */
        cr_misuse("coir_shared_mutex_unlock: this task has not got it");
    cr_moment(CR_MOMENT_UNLOCKED);
    cr_members_ring(&mutex->members);
}
