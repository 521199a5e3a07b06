/* sync/event.c: words[0] is the guard, SET, and WAITERS; words[1] the list of waits. */
#include <coir/event.h>

#include "sched/graph.h"
#include "sync/branch.h"

enum { SET = 2, WAITERS = 4 };

static const struct cr_edge_kind event_set_kind = {.text = "an event"};
static const struct cr_edge event_set = {.kind = &event_set_kind};

static CR_ATOMIC(uintptr_t) * word_of(struct coir_event *event)
{
    return &event->words[0];
}

void
coir_event_init(struct coir_event *event)
{
    *event = (struct coir_event)COIR_EVENT_INIT;
}

void
coir_event_fini(struct coir_event *event)
{
    if (cr_is_waited_for(word_of(event), WAITERS))
        cr_misuse("coir_event_fini: the event is waited for");
}

void
coir_event_set(struct coir_event *event)
{
    uintptr_t none = 0;
    struct cr_note *chain;
    if (cr_cas_rel(word_of(event), &none, SET)) /* nobody waits; pairs with the loads in wait and is_set */
        return;
    if (cr_guard_take(word_of(event)) & SET) {
        cr_guard_release(word_of(event), SET);
        return;
    }
    if (CR_MUTANT(CLAIM_OUTSIDE_GUARD))
        cr_guard_release(word_of(event), SET);
    chain = cr_waiters_claim_all(&event->words[1], 0);
    if (!CR_MUTANT(CLAIM_OUTSIDE_GUARD))
        cr_guard_release(word_of(event), SET);
    cr_unpark_all(chain);
}

void
coir_event_clear(struct coir_event *event)
{
    uintptr_t set = SET;
    (void)cr_cas_ar(word_of(event), &set, 0); /* with SET nobody waits: there is no other state to clear */
    if (set & CR_GUARD)
        cr_guard_release(word_of(event), cr_guard_take(word_of(event)) & ~(uintptr_t)SET);
}

bool
coir_event_is_set(const struct coir_event *event)
{
    return cr_load_acq(&event->words[0]) & SET;
}

int
coir_event_wait(struct coir_event *event, coir_time deadline)
{
    struct coir_task *self = cr_task_self();
    struct cr_wait wait;
    uintptr_t state;
    int result = cr_enter(self, deadline);
    if (result || cr_load_acq(word_of(event)) & SET)
        return result;
    state = cr_guard_take(word_of(event));
    if (state & SET) {
        cr_guard_release(word_of(event), state);
        return 0;
    }
    return cr_wait_in(&wait, self, &event_set, word_of(event), state, &event->words[1], WAITERS, deadline);
}

/* ---- As one of several places to wait in ---- */

static bool
hang(struct cr_branch *branch)
{
    struct coir_event *event = branch->object;
    uintptr_t state = cr_guard_take(word_of(event));
    if (!(state & SET)) {
        cr_waiters_append(&event->words[1], &branch->hook.wait);
        state |= WAITERS;
    }
    cr_guard_release(word_of(event), state);
    return !(state & SET);
}

static void
unhang(struct cr_branch *branch)
{
    struct coir_event *event = branch->object;
    if (cr_wait_is_linked(&branch->hook.wait))
        cr_wait_withdraw(&branch->hook.wait, word_of(event), &event->words[1], WAITERS);
}

const struct cr_branch_kind cr_branch_event = {hang, unhang};
