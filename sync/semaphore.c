/* sync/semaphore.c: words[0] is the guard and WAITERS, words[1] the list of waits; permits under the guard. */
#include <coir/semaphore.h>

#include "sched/graph.h"

enum { WAITERS = 2 };

static const struct cr_edge_kind permit_kind = {.text = "a permit of a semaphore"};
static const struct cr_edge permit = {.kind = &permit_kind};

static CR_ATOMIC(uintptr_t) * word_of(struct coir_semaphore *semaphore)
{
    return &semaphore->words[0];
}

static void
release(struct coir_semaphore *semaphore)
{
    cr_guard_release(word_of(semaphore), semaphore->words[1] ? WAITERS : 0);
}

void
coir_semaphore_init(struct coir_semaphore *semaphore, uint32_t permits, uint32_t limit)
{
    *semaphore = (struct coir_semaphore)COIR_SEMAPHORE_INIT(permits, limit);
}

void
coir_semaphore_fini(struct coir_semaphore *semaphore)
{
    if (cr_is_waited_for(word_of(semaphore), WAITERS))
        cr_misuse("coir_semaphore_fini: the semaphore is waited for");
}

int
coir_semaphore_acquire(struct coir_semaphore *semaphore, coir_time deadline)
{
    struct coir_task *self = cr_task_self();
    struct cr_wait wait;
    int result = cr_enter(self, deadline);
    if (result)
        return result;
    (void)cr_guard_take(word_of(semaphore));
    if (CR_SHARED_WRITE(semaphore->permits)) {
        semaphore->permits--;
        release(semaphore);
        return 0;
    }
    return cr_wait_in(&wait, self, &permit, word_of(semaphore), 0, &semaphore->words[1], WAITERS, deadline);
}

int
coir_semaphore_release(struct coir_semaphore *semaphore)
{
    struct coir_task *next;
    int result = 0;
    (void)cr_guard_take(word_of(semaphore));
    next = cr_waiters_claim(&semaphore->words[1], 0); /* the permit goes from hand to hand */
    if (!next) {
        if (CR_SHARED_WRITE(semaphore->permits) == (semaphore->limit ? semaphore->limit : UINT32_MAX))
            result = -EOVERFLOW;
        else
            semaphore->permits++;
    }
    if (CR_MUTANT(WAKE_BEFORE_RELEASE) && next)
        cr_unpark(next);
    release(semaphore);
    if (next && !CR_MUTANT(WAKE_BEFORE_RELEASE))
        cr_unpark(next);
    return result;
}
