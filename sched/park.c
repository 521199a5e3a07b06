/* sched/park.c: see park.h.
 *
 * A fiber parks by switching to its worker's loop: the loop's timer and the notes in its inbox are what else can end the
 * wait. A plain thread parks on a futex; its waker leaves CR_NOTIFIED there, exactly once for each wait. */
#include "sched/park.h"
#include "backend/block.h"
#include "sched/quiet.h"
#include "sched/worker.h"

void
cr_unpark(struct coir_task *task)
{
    struct cr_worker *worker = cr_load_rlx(&task->worker);
    uint32_t before;
    if (cr_likely(worker && worker == cr_here.worker)) {
        cr_worker_ready(worker, task);
        return;
    }
    if (worker) {
        CR_SHARED_WRITE(task->ready.kind) = CR_NOTE_READY;
        cr_worker_post(worker, &task->ready);
        return;
    }
    before = cr_swap_ar(&task->futex, CR_NOTIFIED); /* pairs with the load in park_thread */
    if (before == CR_ASLEEP)
        cr_world.futex_wake(&task->futex, 1);
    else if (before == CR_LISTENING)
        cr_block.bell_ring(task->bell);
}

int
cr_wait_reason(const struct cr_wait *wait)
{
    const struct coir_task *task = wait->task;
    if (wait->closed && cr_load_acq(wait->closed) & wait->closed_bit)
        return -EPIPE;
    return cr_load_acq(&task->canceled) && !cr_load_rlx(&task->shield) ? -ECANCELED : 0;
}

/* The push of whoever won the claim is on its way: waits for it. */
static void
await_notice(struct coir_task *task, coir_time deadline)
{
    uint32_t awake = CR_AWAKE;
    if (cr_load_acq(&task->futex) == CR_NOTIFIED || !cr_cas_ar(&task->futex, &awake, CR_ASLEEP))
        return;
    if (deadline == COIR_NEVER)
        cr_quiet_out();
    while (cr_load_acq(&task->futex) == CR_ASLEEP)
        if (cr_world.futex_wait(&task->futex, CR_ASLEEP, deadline) == -ETIMEDOUT)
            break;
    if (deadline == COIR_NEVER)
        cr_quiet_in();
}

static void
park_thread(struct cr_wait *wait, coir_time deadline)
{
    struct coir_task *task = wait->task;
    int why;
    cr_store_rlx(&task->heap_key, cr_now());
    if (!CR_MUTANT(NO_THREAD_FENCE))
        cr_fence_sc(); /* our WAITING against the flags of cancel and abort: whoever is later sees the other */
    why = cr_wait_reason(wait);
    if (why && cr_wait_claim(wait, why))
        return;
    await_notice(task, deadline);
    if (cr_load_acq(&task->futex) != CR_NOTIFIED) {
        if (cr_wait_claim(wait, -ETIMEDOUT)) {
            cr_store_rlx(&task->futex, CR_AWAKE); /* nobody but a winner writes here */
            return;
        }
        while (cr_load_acq(&task->futex) != CR_NOTIFIED && !CR_MUTANT(EARLY_RETURN))
            (void)cr_world.futex_wait(&task->futex, CR_ASLEEP, COIR_NEVER);
    }
    cr_store_rlx(&task->futex, CR_AWAKE);
}

/* A call may wait several times; a cancel whose note came between two of these waits is found here. (One that comes later
 * finds the fiber parked.) Whether the wait is over already: one that has to be interrupted ends later, by its backend. */
static bool
stop_before_sleep(struct cr_wait *wait)
{
    int why = cr_likely(!wait->closed && !cr_load_rlx(&wait->task->canceled)) ? 0 : cr_wait_reason(wait);
    if (cr_likely(!why))
        return false;
    if (!wait->interrupt)
        return cr_wait_claim(wait, why);
    wait->interrupt(wait, why);
    return false;
}

int
cr_park_carefully(struct cr_wait *wait, coir_time deadline)
{
    struct coir_task *task = wait->task;
    struct cr_worker *worker = cr_load_rlx(&task->worker);
    if (worker) {
        if (cr_likely(!stop_before_sleep(wait))) {
            task->deadline = deadline;
            if (deadline < task->heap_key)
                cr_timers_arm(&worker->timers, task);
            cr_context_leave(&task->context, &worker->loop);
            task->deadline = COIR_NEVER;
        }
    } else {
        park_thread(wait, deadline);
    }
    cr_wait_over(wait);
    return CR_SHARED_READ(task->result);
}

void
cr_wait_abandon(struct cr_wait *wait)
{
    struct coir_task *task = wait->task;
    if (!cr_wait_claim(wait, 0)) { /* only a plain thread's can have been ended meanwhile */
        while (cr_load_acq(&task->futex) != CR_NOTIFIED)
            cr_world.thread_pause();
        cr_store_rlx(&task->futex, CR_AWAKE);
    }
    cr_wait_over(wait);
}

void
cr_wait_unpinned(struct coir_task *task)
{
    for (uint32_t round = 0; cr_load_acq(&task->claim) & CR_CLAIM_PINS; round++)
        cr_guard_spin(round); /* a few instructions of somebody else's */
}

/* A plain thread cannot be reached through an inbox: its wait is claimed where it is, by its present epoch. That it does
 * not leave that wait meanwhile is decided by the swap. */
static void
poke_thread(struct coir_task *task, int why)
{
    uint64_t old = cr_load_sc(&task->claim) /* behind the reason: against the fence in park_thread */,
             epoch = old >> CR_CLAIM_SHIFT;
    if ((old & CR_CLAIM_STATE) != CR_WAITING)
        return; /* it looks itself before it sleeps */
    if (why == -ECANCELED && cr_load_acq(&task->shield))
        return;
    while (!cr_cas_ar(&task->claim, &old, old ^ CR_WAITING ^ CR_CLAIMED))
        if ((old & CR_CLAIM_STATE) != CR_WAITING || old >> CR_CLAIM_SHIFT != epoch)
            return;
    CR_SHARED_WRITE(task->result) = why;
    cr_unpark(task);
}

void
cr_task_poke(struct coir_task *task, int why)
{
    struct cr_worker *worker;
    if (cr_task_is_thread(task)) {
        poke_thread(task, why);
        return;
    }
    worker = cr_load_sc(&task->worker); /* behind the reason: against cr_task_bind */
    if (!worker)
        return; /* a newborn: it sees the reason when it runs (swap against swap) */
    cr_task_note(task, worker);
}

void
cr_task_note(struct coir_task *task, struct cr_worker *worker)
{
    uintptr_t old = cr_or_ar(&task->life, CR_NOTED); /* pairs with tell_end */
    if (old & CR_NOTED)
        return;           /* a note is on its way, and whoever reads it sees our reason */
    if (old & CR_ENDED) { /* nobody waits for our note: the worker may be gone */
        (void)cr_task_unnote(task);
        return;
    }
    CR_SHARED_WRITE(task->look.kind) = CR_NOTE_LOOK;
    cr_worker_post(worker, &task->look);
}

void
cr_task_look(struct coir_task *task)
{
    struct cr_wait *wait = task->wait;
    int why = wait ? cr_wait_reason(wait) : 0;
    if (!why)
        return;
    if (wait->interrupt)
        wait->interrupt(wait, why);
    else if (cr_wait_claim(wait, why))
        cr_worker_ready(cr_here.worker, task);
}

void
cr_guard_spin(uint32_t round)
{
    if (round % 64 == 63)
        cr_world.thread_pause(); /* the holder may have lost its processor */
    else
        cr_relax();
}

void
cr_wait_withdraw(struct cr_wait *wait, CR_ATOMIC(uintptr_t) * word, uintptr_t *first, uintptr_t mark)
{
    uintptr_t state = cr_guard_take(word);
    cr_waiters_remove(first, wait);
    cr_guard_release(word, *first ? state : state & ~mark);
}

struct coir_task *
cr_waiters_claim(uintptr_t *first, int result)
{
    struct cr_wait *wait;
    while ((wait = cr_waiters_first(first))) {
        struct coir_task *task = CR_SHARED_READ(wait->task);
        /* A loser is taken off, too: it is on its way out and would do so itself. It must still find the guard. */
        bool won = cr_wait_claim(wait, result);
        cr_waiters_remove(first, wait);
        if (won || CR_MUTANT(LOSER_TAKES_ALL))
            return task;
    }
    return NULL;
}

struct cr_note *
cr_waiters_claim_all(uintptr_t *first, int result)
{
    struct cr_note *chain = NULL, **end = &chain;
    struct coir_task *task;
    while ((task = cr_waiters_claim(first, result))) {
        *end = &task->ready;
        end = &task->ready.next;
        *end = NULL;
    }
    return chain;
}

void
cr_unpark_all(struct cr_note *chain)
{
    while (chain) {
        struct cr_note *next = chain->next;
        cr_unpark(cr_container(chain, struct coir_task, ready));
        chain = next;
    }
}
