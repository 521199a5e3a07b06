/* sync/rwlock.c: many readers or one writer, in the order in which they came.
 *
 *     words[0] = value << 3 | WRITER | WAITERS | GUARD      value: the writer's id, or how many read
 *     words[1] = the list of waits, readers and writers in one line
 *     words[2] = where the writer took it
 *     readers  = ids of some of those that read, or 0
 *
 * Free is 0. While nobody waits, reading is one compare-and-swap, and so is giving up; everything else happens under the
 * guard bit. The lock goes from hand to hand: whoever makes it free lets in the first of the line, a writer alone or all
 * readers up to the next writer, and publishes that with the store that releases the guard. So with somebody in the line
 * the lock is never free, and who comes then stands behind.
 *
 * A writer has a name in the word. Readers have none, so each thread keeps a record of what its tasks read: a row of eight
 * places, which a task shares with those that have the same last six bits of the id. It is asked only by a task about itself,
 * and only before it waits. Fibers never move, so nobody else touches the rows. Full rows forget: what is not recorded is not found, but
 * nothing is ever found that is not so.
 *
 * What others see of a wait for the lock (graph.h): the writer; and of a writer's wait some readers. Who comes to read writes
 * its id into one of readers that is 0, if there is one, and takes it back before it goes; in between another may write
 * there, too, and then the first is forgotten. So an id in there is always one that reads, or that has ended and left its
 * read lock behind. A reader that stands behind a writer shows nothing. */
#include <coir/log.h>
#include <coir/rwlock.h>

#include "base/place.h"
#include "sched/graph.h"
#include "sched/order.h"

#include <stddef.h>
#include <stdio.h>

enum { WAITERS = 2, WRITER = 4, FLAGS = 7, SHIFT = 3, ONE_READER = 1 << SHIFT, SHOWN = 4 };

struct rw_wait {
    struct cr_wait wait;
    bool writes;
    struct cr_edge edge;
};

static CR_ATOMIC(uintptr_t) * word_of(struct coir_rwlock *lock)
{
    return &lock->words[0];
}

static struct cr_held *
held_of(struct coir_rwlock *lock)
{
    return (struct cr_held *)(void *)lock->held;
}

static uintptr_t
written_by(const struct coir_task *task)
{
    return cr_load_rlx(&task->id) << SHIFT | WRITER;
}

static const char *
made_at(const struct coir_rwlock *lock)
{
    return lock->place ? lock->place : "run time";
}

/* ---- What the tasks of this thread read ---- */

enum { ROWS = 64, PLACES = 8 };

struct reading {
    uint64_t task; /* its id */
    const struct coir_rwlock *lock;
};

static _Thread_local struct reading readings[ROWS][PLACES];

/* The place where it is recorded that the task reads the lock; (0, NULL): a free one. NULL: none. */
static struct reading *
find_reading(uint64_t task, uint64_t row, const struct coir_rwlock *lock)
{
    struct reading *places = readings[row % ROWS];
    for (int i = 0; i < PLACES; i++)
        if (places[i].lock == lock && places[i].task == task)
            return &places[i];
    return NULL;
}

/* At the task's end (graph.h). */
static void
tell_reads(const struct coir_task *task, const char *bottom, const char *top)
{
    uint64_t id = cr_load_rlx(&task->id);
    struct reading *places = readings[id % ROWS];
    for (int i = 0; i < PLACES; i++) {
        const struct coir_rwlock *lock = places[i].lock;
        bool is_gone = (const char *)lock >= bottom && (const char *)lock < top;
        if (places[i].task != id)
            continue;
        coir_log(COIR_LOG_ERROR,
                 "task %llu '%s' has ended and still reads the rwlock made at %s: nobody will ever write it",
                 (unsigned long long)id, task->name, is_gone ? "a place of its own" : made_at(lock));
        places[i] = (struct reading){0, NULL};
        cr_here.reads--;
    }
}

static __attribute__((constructor)) void
tell_of_reads(void)
{
    cr_graph_tell_reads = tell_reads;
}

static void
begin_reading(const struct coir_task *self, const struct coir_rwlock *lock)
{
    uint64_t id = cr_load_rlx(&self->id);
    struct reading *place = find_reading(0, id, NULL);
    if (!place)
        return;
    *place = (struct reading){id, lock};
    cr_here.reads++;
}

static void
end_reading(const struct coir_task *self, const struct coir_rwlock *lock)
{
    uint64_t id = cr_load_rlx(&self->id);
    struct reading *place = find_reading(id, id, lock);
    if (!place)
        return;
    *place = (struct reading){0, NULL};
    cr_here.reads--;
}

static bool
reads(const struct coir_task *self, const struct coir_rwlock *lock)
{
    uint64_t id = cr_load_rlx(&self->id);
    return find_reading(id, id, lock) != NULL;
}

/* For who asks whom a writer waits for. first: where those that come at the same time begin apart. */
static void
show_reader(const struct coir_task *self, struct coir_rwlock *lock, uintptr_t first)
{
    for (uintptr_t i = 0; i < SHOWN; i++)
        if (!cr_load_rlx(&lock->readers[(first + i) % SHOWN])) {
            cr_store_rlx(&lock->readers[(first + i) % SHOWN], (uintptr_t)cr_load_rlx(&self->id));
            return;
        }
}

static void
hide_reader(const struct coir_task *self, struct coir_rwlock *lock)
{
    uintptr_t id = (uintptr_t)cr_load_rlx(&self->id);
    for (uint32_t i = 0; i < SHOWN; i++)
        if (cr_load_rlx(&lock->readers[i]) == id) {
            cr_store_rlx(&lock->readers[i], 0);
            return;
        }
}

/* ---- What others see ---- */

static uint32_t
writer_of(const void *object, uint64_t *ids, uint32_t most)
{
    const struct coir_rwlock *lock = object;
    uintptr_t state = cr_load_acq(&lock->words[0]);
    (void)most;
    ids[0] = state >> SHIFT;
    return (state & WRITER) != 0;
}

static uint32_t
holders_of(const void *object, uint64_t *ids, uint32_t most)
{
    const struct coir_rwlock *lock = object;
    uint32_t count = 0;
    if (writer_of(object, ids, most))
        return 1;
    for (uint32_t i = 0; i < SHOWN && count < most; i++)
        if ((ids[count] = cr_load_acq(&lock->readers[i])))
            count++;
    return count;
}

static void
describe(const void *object, char *text, size_t size)
{
    const struct coir_rwlock *lock = object;
    uintptr_t state = cr_load_acq(&lock->words[0]);
    char place[128];
    if (state & WRITER)
        snprintf(text, size, "the rwlock made at %s, taken for writing at %s", made_at(lock),
                 cr_place_text((const void *)cr_load_rlx(&lock->words[2]), place, sizeof place));
    else
        snprintf(text, size, "the rwlock made at %s, which is read by %llu", made_at(lock),
                 (unsigned long long)(state >> SHIFT));
}

static const struct cr_edge_kind to_read = {.owners = writer_of, .describe = describe};
static const struct cr_edge_kind to_write = {
    .owners = holders_of, .describe = describe, .held_at = offsetof(struct coir_rwlock, held)};

/* ---- The line ---- */

/* Under the guard: lets in who may come in now. The state that is to be published; the tasks are added to the chain. */
static uintptr_t
let_in(struct coir_rwlock *lock, uintptr_t state, struct cr_note **chain)
{
    uintptr_t *first = &lock->words[1];
    struct cr_wait *wait;
    while ((wait = cr_waiters_first(first)) && !(state & WRITER)) {
        struct coir_task *task = CR_SHARED_READ(wait->task);
        bool writes = cr_container(wait, struct rw_wait, wait)->writes, won;
        if (writes && state >> SHIFT)
            break;
        won = cr_wait_claim(wait, 0);
        cr_waiters_remove(first, wait);
        if (!won)
            continue;
        state = writes ? written_by(task) : state + ONE_READER;
        task->ready.next = NULL;
        *chain = &task->ready;
        chain = &task->ready.next;
    }
    return *first ? state | WAITERS : state & ~(uintptr_t)WAITERS;
}

/* Under the guard, which it gives back. */
static void
let_in_and_release(struct coir_rwlock *lock, uintptr_t state)
{
    struct cr_note *chain = NULL;
    state = let_in(lock, state, &chain);
    cr_guard_release(word_of(lock), state);
    cr_unpark_all(chain);
}

static bool
untimed_writer_waits(const struct coir_rwlock *lock)
{
    const struct cr_list *first = (const struct cr_list *)lock->words[1], *link = first;
    if (!link)
        return false;
    do {
        const struct rw_wait *waiting = cr_container(link, const struct rw_wait, wait.link);
        if (waiting->writes && !waiting->edge.timed)
            return true;
        link = link->next;
    } while (link != first);
    return false;
}

/* Under the guard: whether the caller would wait for itself. */
static bool
is_in_own_way(const struct coir_rwlock *lock, uintptr_t state, const struct coir_task *self, bool writes)
{
    if (state & WRITER)
        return state >> SHIFT == cr_load_rlx(&self->id);
    return reads(self, lock) && (writes || untimed_writer_waits(lock));
}

/* Waits, the guard being held; without it on return. */
static int
wait_in_line(struct coir_rwlock *lock, uintptr_t state, struct coir_task *self, bool writes, coir_time deadline,
             const void *where)
{
    struct rw_wait waiting = {
        .writes = writes,
        .edge = {
            .kind = writes ? &to_write : &to_read, .object = lock, .where = where, .timed = deadline != COIR_NEVER}};
    int result;
    if (is_in_own_way(lock, state, self, writes)) {
        cr_guard_release(word_of(lock), state);
        return cr_fail(-EDEADLK, "%s: task '%s' %s this lock already (made at %s)",
                       writes ? "coir_rwlock_write" : "coir_rwlock_read", self->name,
                       state & WRITER ? "writes" : "reads", made_at(lock));
    }
    /* Before the wait begins: from then on a plain thread's can be claimed by a canceler. */
    cr_store_rlx(&self->shield, cr_load_rlx(&self->shield) + 1);
    result =
        cr_wait_in_circle(&waiting.wait, self, &waiting.edge, word_of(lock), state, &lock->words[1], WAITERS, deadline);
    cr_store_rlx(&self->shield, cr_load_rlx(&self->shield) - 1);
    if ((result == -ETIMEDOUT || result == -EDEADLK) && writes &&
        !CR_MUTANT(WRITER_LEAVES_QUIETLY)) /* the readers behind it may have waited for nobody else */
        let_in_and_release(lock, cr_guard_take(word_of(lock)));
    if (result == -EDEADLK)
        return cr_fail(
            -EDEADLK,
            "%s: task '%s' would wait for itself: a circle of waiting tasks leads back to it; the log names them",
            writes ? "coir_rwlock_write" : "coir_rwlock_read", self->name);
    return result;
}

/* ---- The public part ---- */

void
coir_rwlock_init(struct coir_rwlock *lock)
{
    *lock = (struct coir_rwlock){.place = NULL};
    cr_order_forget(held_of(lock));
}

void
coir_rwlock_fini(struct coir_rwlock *lock)
{
    if (cr_load_acq(word_of(lock)))
        cr_misuse("coir_rwlock_fini: the lock is held or waited for");
    cr_order_forget(held_of(lock));
}

static int
read_slowly(struct coir_rwlock *lock, struct coir_task *self, coir_time deadline, const void *where)
{
    uintptr_t state = cr_guard_take(word_of(lock));
    if (state & (WRITER | WAITERS))
        return wait_in_line(lock, state, self, false, deadline, where);
    cr_guard_release(word_of(lock), state + ONE_READER);
    return 0;
}

int
coir_rwlock_read(struct coir_rwlock *lock, coir_time deadline)
{
    struct coir_task *self = cr_task_self();
    uintptr_t old = cr_load_rlx(word_of(lock));
    int result = 0;
    cr_check_deadline(deadline);
    while (!(old & FLAGS))
        if (cr_cas_acq(word_of(lock), &old, old + ONE_READER)) /* pairs with a writer's unlock */
            goto got;
    result = read_slowly(lock, self, deadline, __builtin_return_address(0));
got:
    if (cr_likely(!result)) {
        begin_reading(self, lock);
        show_reader(self, lock, old & FLAGS ? 0 : old >> SHIFT); /* how many read already */
    }
    return result;
}

static int
write_slowly(struct coir_rwlock *lock, struct coir_task *self, coir_time deadline, const void *where)
{
    uintptr_t state = cr_guard_take(word_of(lock));
    if (state)
        return wait_in_line(lock, state, self, true, deadline, where);
    cr_guard_release(word_of(lock), written_by(self));
    return 0;
}

int
coir_rwlock_write(struct coir_rwlock *lock, coir_time deadline)
{
    struct coir_task *self = cr_task_self();
    const void *where = __builtin_return_address(0);
    uintptr_t none = 0;
    int result = 0;
    cr_check_deadline(deadline);
    if (cr_unlikely(!cr_cas_acq(word_of(lock), &none, written_by(self)))) /* pairs with everybody's unlock */
        result = write_slowly(lock, self, deadline, where);
    if (cr_likely(!result)) {
        cr_store_rlx(&lock->words[2], (uintptr_t)where);
        cr_held_push(self, held_of(lock), &to_write);
        cr_order_taken(self, held_of(lock), deadline);
    }
    return result;
}

static void
unlock_slowly(struct coir_rwlock *lock)
{
    uintptr_t state = cr_guard_take(word_of(lock));
    let_in_and_release(lock, state & WRITER ? state & WAITERS : state - ONE_READER);
}

void
coir_rwlock_unlock(struct coir_rwlock *lock)
{
    struct coir_task *self = cr_task_self();
    uintptr_t old = cr_load_rlx(word_of(lock)), mine = written_by(self);
    if (old & WRITER ? old >> SHIFT != mine >> SHIFT : !(old >> SHIFT))
        cr_misuse("coir_rwlock_unlock: task '%s' does not hold this lock", self->name);
    if (old & WRITER) {
        cr_held_drop(self, held_of(lock));
        if (cr_cas_rel(word_of(lock), &mine, 0)) /* pairs with read and write; after this the lock is not touched */
            return;
    } else {
        end_reading(self, lock);
        hide_reader(self, lock);
        while (!(old & FLAGS))
            if (cr_cas_rel(word_of(lock), &old, old - ONE_READER)) /* pairs with write */
                return;
    }
    unlock_slowly(lock);
}
