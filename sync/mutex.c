/* sync/mutex.c: sched/lock.h with misuse caught, and a recursive kind whose depth belongs to the owner. */
#include <coir/mutex.h>

#include "sched/lock.h"

static struct cr_lock *
lock_of(struct coir_mutex *mutex)
{
    return (struct cr_lock *)(void *)mutex->words;
}

void
coir_mutex_init(struct coir_mutex *mutex, enum coir_mutex_kind kind)
{
    *mutex = (struct coir_mutex){{0, 0}, 0, kind, NULL};
}

void
coir_mutex_fini(struct coir_mutex *mutex)
{
    if (cr_load_acq(&lock_of(mutex)->word))
        cr_misuse("coir_mutex_fini: the mutex is held or waited for");
}

int
coir_mutex_lock(struct coir_mutex *mutex, coir_time deadline)
{
    struct coir_task *self = cr_task_self();
    int result;
    cr_check_deadline(deadline);
    result = cr_lock_take(lock_of(mutex), self, deadline, CR_LOCK_DEAF);
    if (cr_unlikely(result == -EDEADLK)) {
        if (mutex->kind == COIR_MUTEX_RECURSIVE) {
            mutex->depth++;
            return 0;
        }
        return cr_fail(-EDEADLK, "coir_mutex_lock: task '%s' holds this mutex already (made at %s)", self->name,
                       mutex->place ? mutex->place : "run time");
    }
    return result;
}

void
coir_mutex_unlock(struct coir_mutex *mutex)
{
    struct coir_task *self = cr_task_self();
    /* depth is the owner's: anybody else's look at it is answered by the lock's word. */
    if (cr_unlikely(mutex->kind == COIR_MUTEX_RECURSIVE) && cr_lock_is_mine(lock_of(mutex), self) && mutex->depth) {
        mutex->depth--;
        return;
    }
    if (cr_unlikely(!cr_lock_try_give(lock_of(mutex), self)))
        cr_misuse("coir_mutex_unlock: task '%s' does not hold this mutex", self->name);
}

struct coir_mutex *
coir_mutex_hold(struct coir_mutex *mutex)
{
    int error = coir_mutex_lock(mutex, COIR_NEVER);
    if (error)
        cr_misuse("COIR_HOLD: %s", coir_error_detail());
    return mutex;
}

void
coir_mutex_drop(struct coir_mutex **mutex)
{
    coir_mutex_unlock(*mutex);
}
