/* sync/mutex.c: sched/lock.h with misuse caught, and a recursive kind whose depth belongs to the owner. */
#include <coir/mutex.h>

#include "base/place.h"
#include "sched/graph.h"
#include "sched/lock.h"
#include "sched/order.h"

#include <stddef.h>
#include <stdio.h>

static struct cr_lock *
lock_of(struct coir_mutex *mutex)
{
    return (struct cr_lock *)(void *)mutex->words;
}

static struct cr_held *
held_of(struct coir_mutex *mutex)
{
    return (struct cr_held *)(void *)mutex->held;
}

void
coir_mutex_init(struct coir_mutex *mutex, enum coir_mutex_kind as)
{
    *mutex = (struct coir_mutex){{0, 0}, 0, as, NULL, NULL, {0, 0}};
    cr_order_forget(held_of(mutex));
}

void
coir_mutex_fini(struct coir_mutex *mutex)
{
    if (cr_load_acq(&lock_of(mutex)->word))
        cr_misuse("coir_mutex_fini: the mutex is held or waited for");
    cr_order_forget(held_of(mutex));
}

/* ---- What others see of a wait for it ---- */

static uint32_t
owner_of(const void *object, uint64_t *ids, uint32_t most)
{
    const struct coir_mutex *mutex = object;
    (void)most;
    ids[0] = cr_load_acq((const uintptr_t *)&mutex->words[0]) >> CR_LOCK_SHIFT;
    return ids[0] != 0;
}

static const char *
made_at(const struct coir_mutex *mutex)
{
    return mutex->place ? mutex->place : "run time";
}

static void
describe(const void *object, char *text, size_t size)
{
    const struct coir_mutex *mutex = object;
    char place[128];
    snprintf(text, size, "the mutex made at %s, taken at %s", made_at(mutex),
             cr_place_text(cr_load_rlx(&mutex->taken), place, sizeof place));
}

static const struct cr_edge_kind kind = {
    .owners = owner_of, .describe = describe, .held_at = offsetof(struct coir_mutex, held)};

/* ---- Locking ---- */

static inline int
got(struct coir_mutex *mutex, struct coir_task *self, coir_time deadline, const void *where)
{
    cr_store_rlx(&mutex->taken, where);
    cr_held_push(self, held_of(mutex), &kind);
    cr_order_taken(self, held_of(mutex), deadline);
    return 0;
}

/* Held by somebody, perhaps by the caller; or the first call of its thread. */
static __attribute__((noinline)) int
lock_slowly(struct coir_mutex *mutex, coir_time deadline, const void *where)
{
    struct coir_task *self = cr_task_self();
    struct cr_edge edge = {.kind = &kind, .object = mutex, .where = where, .timed = deadline != COIR_NEVER};
    int result = cr_lock_wait(lock_of(mutex), self, deadline, CR_LOCK_DEAF, &edge);
    if (!result)
        return got(mutex, self, deadline, where);
    if (result != -EDEADLK)
        return result;
    if (!cr_lock_is_mine(lock_of(mutex), self))
        return cr_fail(-EDEADLK,
                       "coir_mutex_lock: task '%s' would wait for itself: a circle of waiting tasks leads "
                       "back to it; the log names them",
                       self->name);
    if (mutex->kind == COIR_MUTEX_RECURSIVE) {
        mutex->depth++;
        return 0;
    }
    return cr_fail(-EDEADLK, "coir_mutex_lock: task '%s' holds this mutex already (made at %s)", self->name,
                   made_at(mutex));
}

/* where: the address the public call returns to. The usual case needs no register saved. */
static inline __attribute__((always_inline)) int
lock_at(struct coir_mutex *mutex, coir_time deadline, const void *where)
{
    struct coir_task *self = cr_here.task;
    cr_check_deadline(deadline);
    if (cr_unlikely(!self) || cr_unlikely(!cr_lock_try(lock_of(mutex), self)))
        return lock_slowly(mutex, deadline, where);
    return got(mutex, self, deadline, where);
}

int
coir_mutex_lock(struct coir_mutex *mutex, coir_time deadline)
{
    return lock_at(mutex, deadline, __builtin_return_address(0));
}

/* Recursive, or not the last that the caller took, or not the caller's at all. */
static __attribute__((noinline)) void
unlock_slowly(struct coir_mutex *mutex)
{
    struct coir_task *self = cr_task_self();
    if (!cr_lock_is_mine(lock_of(mutex), self))
        cr_misuse("coir_mutex_unlock: task '%s' does not hold this mutex", self->name);
    if (mutex->depth) {
        mutex->depth--;
        return;
    }
    cr_held_drop(self, held_of(mutex));
    cr_lock_give(lock_of(mutex), self);
}

void
coir_mutex_unlock(struct coir_mutex *mutex)
{
    struct coir_task *self = cr_here.task;
    if (cr_unlikely(!self) || cr_unlikely(!cr_held_is_last(self, held_of(mutex))) || cr_unlikely(mutex->depth)) {
        unlock_slowly(mutex);
        return;
    }
    cr_held_drop(self, held_of(mutex));
    cr_lock_give(lock_of(mutex), self);
}

struct coir_mutex *
coir_mutex_hold(struct coir_mutex *mutex)
{
    int error = lock_at(mutex, COIR_NEVER, __builtin_return_address(0));
    if (error)
        cr_misuse("COIR_HOLD: %s", coir_error_detail());
    return mutex;
}

void
coir_mutex_drop(struct coir_mutex **mutex)
{
    coir_mutex_unlock(*mutex);
}
