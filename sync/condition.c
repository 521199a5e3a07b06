/* sync/condition.c: words[0] is the guard and WAITERS, words[1] the list of waits.
 *
 * A waiter is on the list before it gives the mutex up, so who changes something under the mutex afterwards finds it
 * there: that is why a signaller may look at WAITERS without the guard. */
#include <coir/condition.h>

#include "sched/graph.h"
#include "sched/lock.h"

enum { WAITERS = 2 };

static const struct cr_edge_kind signal_kind = {.text = "a signal of a condition"};
static const struct cr_edge signaled = {.kind = &signal_kind};

static CR_ATOMIC(uintptr_t) * word_of(struct coir_condition *condition)
{
    return &condition->words[0];
}

void
coir_condition_init(struct coir_condition *condition)
{
    *condition = (struct coir_condition)COIR_CONDITION_INIT;
}

void
coir_condition_fini(struct coir_condition *condition)
{
    if (cr_is_waited_for(word_of(condition), WAITERS))
        cr_misuse("coir_condition_fini: the condition is waited for");
}

/* Not cr_wait_in: between the list and the sleep the mutex is given up. */
static inline __attribute__((always_inline)) int
wait_without(struct coir_condition *condition, struct cr_lock *lock, struct coir_task *self, coir_time deadline)
{
    struct cr_wait wait;
    int result;
    if (CR_MUTANT(MUTEX_BEFORE_LIST))
        cr_lock_give(lock, self);
    (void)cr_guard_take(word_of(condition));
    cr_wait_begin_for(&wait, self, &signaled);
    cr_waiters_append(&condition->words[1], &wait);
    cr_guard_release(word_of(condition), WAITERS);
    if (!CR_MUTANT(MUTEX_BEFORE_LIST))
        cr_lock_give(lock, self);
    result = cr_park(&wait, deadline);
    if (cr_wait_is_linked(&wait))
        cr_wait_withdraw(&wait, word_of(condition), &condition->words[1], WAITERS);
    return result;
}

int
coir_condition_wait(struct coir_condition *condition, struct coir_mutex *mutex, coir_time deadline)
{
    struct coir_task *self = cr_task_self();
    struct cr_lock *lock = (struct cr_lock *)(void *)mutex->words;
    int result = cr_enter(self, deadline);
    struct cr_held *held = (struct cr_held *)(void *)mutex->held;
    struct cr_edge edge = {.object = mutex, .where = __builtin_return_address(0), .must = true};
    uint32_t depth;
    if (!cr_lock_is_mine(lock, self))
        cr_misuse("coir_condition_wait: task '%s' does not hold the mutex", self->name);
    if (!result)
        result = cr_may_wait(deadline);
    if (result)
        return result;
    depth = mutex->depth;
    edge.kind = held->kind;
    mutex->depth = 0;
    cr_held_drop(self, held);
    result = wait_without(condition, lock, self, deadline);
    if (!cr_lock_try(lock, self))
        cr_always(cr_lock_wait(lock, self, COIR_NEVER, CR_LOCK_DEAF, &edge) == 0);
    cr_store_rlx(&mutex->taken, edge.where);
    cr_held_push(self, held, edge.kind);
    mutex->depth = depth;
    return result;
}

void
coir_condition_signal(struct coir_condition *condition)
{
    struct coir_task *next;
    if (!(cr_load_acq(word_of(condition)) & WAITERS))
        return;
    (void)cr_guard_take(word_of(condition));
    next = cr_waiters_claim(&condition->words[1], 0);
    cr_guard_release(word_of(condition), condition->words[1] ? WAITERS : 0);
    if (next)
        cr_unpark(next);
}

void
coir_condition_broadcast(struct coir_condition *condition)
{
    struct cr_note *chain;
    if (!(cr_load_acq(word_of(condition)) & WAITERS))
        return;
    (void)cr_guard_take(word_of(condition));
    chain = cr_waiters_claim_all(&condition->words[1], 0);
    cr_guard_release(word_of(condition), 0);
    cr_unpark_all(chain);
}
