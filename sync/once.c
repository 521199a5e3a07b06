/* sync/once.c: words[0] = id of the task that runs it << 3 | DONE | WAITERS | GUARD; words[1] the list of waits, and once
 * it is done the result. The turn goes from hand to hand: the next that tries is claimed before its id is published. */
#include <coir/once.h>

#include "sched/graph.h"

enum { WAITERS = 2, DONE = 4, SHIFT = 3 };

/* A wait's result, if it is not the function's: it is your turn. */
enum { TRY = -1 };

static CR_ATOMIC(uintptr_t) * word_of(struct coir_once *once)
{
    return &once->words[0];
}

void
coir_once_init(struct coir_once *once)
{
    *once = (struct coir_once)COIR_ONCE_INIT;
}

void
coir_once_fini(struct coir_once *once)
{
    if (cr_load_acq(word_of(once)) & ~(uintptr_t)DONE)
        cr_misuse("coir_once_fini: the function is being run");
}

static uint32_t
runner_of(const void *object, uint64_t *ids, uint32_t most)
{
    const struct coir_once *once = object;
    uintptr_t state = cr_load_acq(&once->words[0]);
    (void)most;
    ids[0] = state & DONE ? 0 : state >> SHIFT;
    return ids[0] != 0;
}

static const struct cr_edge_kind kind = {.owners = runner_of, .text = "a once-function that another task is inside"};

/* The caller's turn: runs it, and tells the others. */
static int
take_turn(struct coir_once *once, coir_function *function, void *arg)
{
    int result = function(arg);
    struct coir_task *next;
    struct cr_note *chain;
    uintptr_t state = 0;
    (void)cr_guard_take(word_of(once));
    if (result >= 0) {
        chain = cr_waiters_claim_all(&once->words[1], result);
        if (CR_MUTANT(DONE_BEFORE_RESULT))
            cr_guard_release(word_of(once), DONE);
        CR_SHARED_WRITE(once->words[1]) = (uintptr_t)result;
        cr_guard_release(word_of(once), DONE); /* pairs with the first load in coir_once_run */
        cr_unpark_all(chain);
        return result;
    }
    next = cr_waiters_claim(&once->words[1], TRY);
    if (next)
        state = cr_load_rlx(&next->id) << SHIFT | (once->words[1] ? WAITERS : 0);
    cr_guard_release(word_of(once), state);
    if (next)
        cr_unpark(next);
    return result;
}

int
coir_once_run(struct coir_once *once, coir_function *function, void *arg)
{
    struct coir_task *self = cr_task_self();
    uintptr_t mine = cr_load_rlx(&self->id) << SHIFT, state;
    struct cr_edge edge = {.kind = &kind, .object = once, .where = __builtin_return_address(0)};
    struct cr_wait wait;
    int result;
    if (cr_likely(cr_load_acq(word_of(once)) == DONE))
        return (int)CR_SHARED_READ(once->words[1]);
    state = cr_guard_take(word_of(once));
    if (state == DONE || !state) {
        cr_guard_release(word_of(once), state ? DONE : mine);
        return state ? (int)CR_SHARED_READ(once->words[1]) : take_turn(once, function, arg);
    }
    if (state >> SHIFT == mine >> SHIFT) {
        cr_guard_release(word_of(once), state);
        return cr_fail(-EDEADLK, "coir_once_run: task '%s' is inside the function already", self->name);
    }
    cr_store_rlx(&self->shield, cr_load_rlx(&self->shield) + 1);
    result = cr_wait_in_circle(&wait, self, &edge, word_of(once), state, &once->words[1], WAITERS, COIR_NEVER);
    cr_store_rlx(&self->shield, cr_load_rlx(&self->shield) - 1);
    if (result == -EDEADLK)
        return cr_fail(
            -EDEADLK,
            "coir_once_run: task '%s' would wait for itself: a circle of waiting tasks leads back to it; the "
            "log names them",
            self->name);
    return result == TRY ? take_turn(once, function, arg) : result;
}
