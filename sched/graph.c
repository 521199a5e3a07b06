/* sched/graph.c: see graph.h. */
#include "sched/graph.h"

#include "base/memory.h"
#include "base/place.h"
#include "sched/runtime.h"

#include <stdio.h>

enum {
    HOPS = 1024, /* a longer way is given up */
    TOLD = 64,   /* tasks of a circle that are named */
    PLACE = 128,
    LINE = 512,
};

/* A task on the way, and the wait it was in. */
struct hop {
    uint64_t id, claim;
};

/* The guard of what follows: one circle at a time is looked at for good, so of two that would close it one is first. */
static CR_ATOMIC(uintptr_t) guard;
static struct hop hops[HOPS];

/* Keeps the task with this id in the wait it is in: its claim word without pins; 0: it does not wait. */
static uint64_t
pin(struct coir_task *task, uint64_t id)
{
    uint64_t old = cr_load_acq(&task->claim);
    do
        if ((old & CR_CLAIM_STATE) != CR_WAITING)
            return 0;
    while (!cr_cas_ar(&task->claim, &old, old + CR_CLAIM_PIN)); /* pairs with cr_wait_begin_for; against cr_wait_over */
    if (cr_load_rlx(&task->id) == id)
        return old & ~(uint64_t)CR_CLAIM_PINS;
    (void)cr_sub_ar(&task->claim, CR_CLAIM_PIN); /* the block is another task's now */
    return 0;
}

static void
unpin(struct coir_task *task)
{
    (void)cr_sub_ar(&task->claim, CR_CLAIM_PIN); /* pairs with cr_wait_over */
}

/* What is done at each task on the way, while it is pinned: whether to go on. */
typedef bool visitor(uint32_t number, const struct hop *hop, const struct coir_task *task, void *arg);

/* Along the edges from edge on: whether the way leads back to me. */
static bool
walk(const struct cr_edge *edge, uint64_t me, visitor *visit, void *arg, uint32_t *length)
{
    uint64_t id = edge->kind->owner(edge->object);
    for (uint32_t number = 0; id && number < HOPS; number++) {
        struct coir_task *task;
        struct hop hop = {.id = id};
        const struct cr_edge *next;
        if (id == me) {
            *length = number;
            return true;
        }
        task = cr_task_of_id(id);
        hop.claim = pin(task, id);
        if (!hop.claim)
            return false;
        next = CR_SHARED_READ(CR_SHARED_READ(task->wait)->edge);
        id = next && !next->timed && (!visit || visit(number, &hop, task, arg)) ? next->kind->owner(next->object) : 0;
        unpin(task);
    }
    return false;
}

static bool
remember(uint32_t number, const struct hop *hop, const struct coir_task *task, void *arg)
{
    (void)task, (void)arg;
    hops[number] = *hop;
    return true;
}

static bool
is_the_same(uint32_t number, const struct hop *hop, const struct coir_task *task, void *arg)
{
    (void)task, (void)arg;
    return hops[number].id == hop->id && hops[number].claim == hop->claim;
}

/* ---- The report ---- */

struct report {
    uint32_t count;
    char lines[TOLD][LINE];
};

static void
tell(struct report *report, const struct coir_task *task, const struct cr_edge *edge)
{
    char what[LINE / 2], place[PLACE];
    if (report->count == TOLD)
        return;
    edge->kind->describe(edge->object, what, sizeof what);
    snprintf(report->lines[report->count++], LINE, "  task %llu '%s' waits at %s for %s",
             (unsigned long long)cr_load_rlx(&task->id), task->name, cr_place_text(edge->where, place, sizeof place),
             what);
}

static bool
tell_of(uint32_t number, const struct hop *hop, const struct coir_task *task, void *arg)
{
    (void)number, (void)hop;
    tell(arg, task, task->wait->edge);
    return true;
}

static void
publish(const struct report *report, uint32_t length)
{
    coir_log(COIR_LOG_ERROR,
             "deadlock: %u tasks wait for each other in a circle; the first of them was about to close it", length + 1);
    for (uint32_t i = 0; i < report->count; i++)
        coir_log(COIR_LOG_ERROR, "%s", report->lines[i]);
    if (length + 1 > report->count)
        coir_log(COIR_LOG_ERROR, "  and %u more", length + 1 - report->count);
}

/* ---- Asking ---- */

/* Under the guard: goes the way twice more. Then nobody of them can have run in between. */
static bool
is_sure(struct cr_wait *wait, uint64_t me, uint32_t *length, struct report *report)
{
    uint32_t again;
    if (!walk(wait->edge, me, remember, NULL, length) || !walk(wait->edge, me, is_the_same, NULL, &again) ||
        again != *length)
        return false;
    if (report) {
        tell(report, wait->task, wait->edge);
        (void)walk(wait->edge, me, tell_of, report, &again);
    }
    return true;
}

static __attribute__((noinline)) bool
close_circle(struct cr_wait *wait, uint64_t me)
{
    const struct coir_runtime *runtime = wait->task->runtime;
    enum coir_on_deadlock policy = runtime ? runtime->options.on_deadlock : COIR_DEADLOCK_ERROR;
    struct report *report = cr_alloc_zero(sizeof *report); /* NULL: nobody is named */
    uint32_t length = 0;
    bool sure;
    (void)cr_guard_take(&guard);
    sure = CR_MUTANT(CIRCLE_BELIEVED) || is_sure(wait, me, &length, report);
    if (sure && policy != COIR_DEADLOCK_REPORT)
        sure = cr_wait_claim(wait, -EDEADLK);
    cr_guard_release(&guard, 0);
    if (sure) {
        if (policy != COIR_DEADLOCK_REPORT)
            cr_wait_over(wait);
        if (report)
            publish(report, length);
    }
    cr_free(report);
    if (sure && policy == COIR_DEADLOCK_ABORT)
        cr_misuse("deadlock: stopped, as on_deadlock says; the tasks are named above");
    return sure && policy == COIR_DEADLOCK_ERROR;
}

bool
cr_graph_closes(struct cr_wait *wait)
{
    uint64_t me = cr_load_rlx(&wait->task->id);
    uint32_t length;
    if (!CR_MUTANT(NO_WALK_FENCE))
        cr_fence_sc(); /* our edge, then theirs: of two that close a circle one at least sees the other's */
    return cr_unlikely(walk(wait->edge, me, NULL, NULL, &length)) && close_circle(wait, me);
}
