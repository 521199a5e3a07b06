/* sync/barrier.c: words[0] is the guard, BROKEN and WAITERS, words[1] the list of waits; arrived under the guard.
 *
 * Who comes last claims all others. One of them may have given up in that very moment, on its way to the guard: then its
 * claim is lost, the round is broken, and the results of those that are claimed already, which belong to the claimer until
 * it unparks them, become -EPIPE. So a round gets through as a whole or not at all. */
#include <coir/barrier.h>

#include "sched/graph.h"

enum { WAITERS = 2, BROKEN = 4 };

static const struct cr_edge_kind others_kind = {.text = "the others at a barrier"};
static const struct cr_edge others = {.kind = &others_kind};

struct barrier_wait {
    struct cr_wait wait;
    int index;
};

static CR_ATOMIC(uintptr_t) * word_of(struct coir_barrier *barrier)
{
    return &barrier->words[0];
}

void
coir_barrier_init(struct coir_barrier *barrier, uint32_t parties)
{
    *barrier = (struct coir_barrier)COIR_BARRIER_INIT(parties);
}

void
coir_barrier_fini(struct coir_barrier *barrier)
{
    if (cr_is_waited_for(word_of(barrier), WAITERS))
        cr_misuse("coir_barrier_fini: the barrier is waited for");
}

bool
coir_barrier_is_broken(const struct coir_barrier *barrier)
{
    return cr_load_acq(&barrier->words[0]) & BROKEN;
}

/* Under the guard, which it gives back: ends the round. */
static void
send_away(struct coir_barrier *barrier, uintptr_t state)
{
    struct cr_note *chain = cr_waiters_claim_all(&barrier->words[1], -EPIPE);
    CR_SHARED_WRITE(barrier->arrived) = 0;
    cr_guard_release(word_of(barrier), state);
    cr_unpark_all(chain);
}

void
coir_barrier_abort(struct coir_barrier *barrier)
{
    (void)cr_guard_take(word_of(barrier));
    send_away(barrier, BROKEN);
}

void
coir_barrier_reset(struct coir_barrier *barrier)
{
    (void)cr_guard_take(word_of(barrier));
    send_away(barrier, 0);
}

/* Under the guard, which it gives back: the last has come. Its own index. */
static int
open_barrier(struct coir_barrier *barrier)
{
    int last = (int)barrier->parties - 1;
    struct cr_note *chain = NULL, **end = &chain;
    bool whole = true;
    struct cr_wait *wait;
    while ((wait = cr_waiters_first(&barrier->words[1]))) {
        struct coir_task *task = CR_SHARED_READ(wait->task);
        bool won = cr_wait_claim(wait, cr_container(wait, struct barrier_wait, wait)->index);
        cr_waiters_remove(&barrier->words[1], wait);
        whole &= won || CR_MUTANT(HALF_A_ROUND);
        if (!won)
            continue;
        task->ready.next = NULL;
        *end = &task->ready;
        end = &task->ready.next;
    }
    for (struct cr_note *note = whole ? NULL : chain; note; note = note->next)
        CR_SHARED_WRITE(cr_container(note, struct coir_task, ready)->result) = -EPIPE;
    CR_SHARED_WRITE(barrier->arrived) = 0;
    cr_guard_release(word_of(barrier), whole ? 0 : BROKEN);
    cr_unpark_all(chain);
    return whole ? last : -EPIPE;
}

/* Breaks the round that the caller has come to, if it is not over. */
static void
give_up(struct coir_barrier *barrier, struct barrier_wait *waiting)
{
    uintptr_t state = cr_guard_take(word_of(barrier));
    if (cr_wait_is_linked(&waiting->wait)) {
        cr_waiters_remove(&barrier->words[1], &waiting->wait);
        send_away(barrier, BROKEN);
    } else {
        cr_guard_release(word_of(barrier), state);
    }
}

int
coir_barrier_wait(struct coir_barrier *barrier, coir_time deadline)
{
    struct coir_task *self = cr_task_self();
    struct barrier_wait waiting;
    uintptr_t state;
    int result = cr_enter(self, deadline);
    if (result) {
        coir_barrier_abort(barrier);
        return result;
    }
    if (!barrier->parties)
        cr_misuse("coir_barrier_wait: a barrier of 0 parties");
    state = cr_guard_take(word_of(barrier));
    if (state & BROKEN) {
        cr_guard_release(word_of(barrier), state);
        return -EPIPE;
    }
    if (CR_SHARED_READ(barrier->arrived) + 1 == barrier->parties)
        return open_barrier(barrier);
    result = cr_may_wait(deadline);
    if (result) {
        cr_guard_release(word_of(barrier), state);
        return result;
    }
    waiting.index = (int)CR_SHARED_WRITE(barrier->arrived)++;
    cr_wait_begin_for(&waiting.wait, self, &others);
    cr_waiters_append(&barrier->words[1], &waiting.wait);
    cr_guard_release(word_of(barrier), WAITERS);
    result = cr_park(&waiting.wait, deadline);
    if (cr_wait_is_linked(&waiting.wait))
        give_up(barrier, &waiting);
    return result;
}
