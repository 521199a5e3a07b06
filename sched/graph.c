/* sched/graph.c: see graph.h. */
#include "sched/graph.h"

#include "base/memory.h"
#include "base/place.h"
#include "sched/runtime.h"

#include <stdio.h>

enum {
    HOPS = 1024, /* tasks on the way; more are given up */
    GLANCE = 32, /* so many fit the first look, which is made on the caller's own stack */
    TOLD = 64,   /* lines of a report */
    HELD = 4,    /* locks of a task that are named */
    PLACE = 128,
    LINE = 512,
};
#define NOBODY UINT32_MAX

/* A task on the way, the wait it was in, and who was seen to wait for it: an index; NOBODY: the asker. */
struct hop {
    uint64_t id, claim;
    uint32_t before;
};

struct way {
    struct hop *hops;
    uint64_t *ids; /* room for owners */
    uint32_t room, count;
    bool is_cut; /* there was more than there is room for */
};

/* The guard of what follows: one circle at a time is looked at for good, so of two that would close it one is first. */
static CR_ATOMIC(uintptr_t) guard;
static struct hop hops[HOPS], circle[HOPS];
static uint64_t owners[HOPS];

CR_ATOMIC(cr_graph_limited *) cr_graph_is_limited;
cr_graph_tell *cr_graph_tell_reads;

/* Keeps the task with this id in the wait it is in: its claim word without pins; 0: it does not wait. */
uint64_t
cr_task_pin(struct coir_task *task, uint64_t id)
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

void
cr_task_unpin(struct coir_task *task)
{
    (void)cr_sub_ar(&task->claim, CR_CLAIM_PIN); /* pairs with cr_wait_over */
}

/* What the pinned task waits for, if nothing but the owners of it can end that; NULL. */
static const struct cr_edge *
edge_of(const struct coir_task *task)
{
    const struct cr_edge *edge = CR_SHARED_READ(CR_SHARED_READ(task->wait)->edge);
    cr_graph_limited *is_limited =
        cr_load_rlx(&cr_graph_is_limited); /* a task inside a scope has come behind its store */
    if (!edge || !edge->kind->owners || edge->timed)
        return NULL;
    if (edge->cancelable && !cr_load_acq(&task->shield) &&
        (cr_load_acq(&task->canceled) || (is_limited && is_limited(task))))
        return NULL;
    return edge;
}

/* ---- Looking for a way back ---- */

static bool
is_known(const struct way *way, uint64_t id)
{
    for (uint32_t i = 0; i < way->count; i++)
        if (way->hops[i].id == id)
            return true;
    return false;
}

/* Notes who has what edge is about: whether the asker is among them. */
static bool
follow(struct way *way, const struct cr_edge *edge, uint32_t before, uint64_t me)
{
    uint32_t count = edge->kind->owners(edge->object, way->ids, way->room);
    for (uint32_t i = 0; i < count; i++) {
        if (way->ids[i] == me)
            return true;
        if (is_known(way, way->ids[i]))
            continue;
        if (way->count == way->room) {
            way->is_cut = true;
            return false;
        }
        way->hops[way->count++] = (struct hop){way->ids[i], 0, before};
    }
    if (count == way->room)
        way->is_cut = true;
    return false;
}

/* Along the edges from edge on: whether a way leads back to me; *last is then the task that waits for me, NOBODY if that
 * is myself. */
static bool
search(struct way *way, const struct cr_edge *edge, uint64_t me, uint32_t *last)
{
    *last = NOBODY;
    if (follow(way, edge, NOBODY, me))
        return true;
    for (uint32_t i = 0; i < way->count; i++) {
        struct hop *hop = &way->hops[i];
        struct coir_task *task = cr_task_of_id(hop->id);
        const struct cr_edge *next;
        bool found;
        hop->claim = cr_task_pin(task, hop->id);
        if (!hop->claim)
            continue;
        next = edge_of(task);
        found = next && follow(way, next, i, me);
        cr_task_unpin(task);
        if (found) {
            *last = i;
            return true;
        }
    }
    return false;
}

static bool
has(const struct cr_edge *edge, uint64_t id)
{
    uint32_t count = edge->kind->owners(edge->object, owners, HOPS);
    for (uint32_t i = 0; i < count; i++)
        if (owners[i] == id)
            return true;
    return false;
}

/* What is done at each task of a circle, while it is pinned: whether to go on. next: the id of the one after it. */
typedef bool visitor(const struct coir_task *task, const struct cr_edge *edge, uint64_t next, void *arg);

static bool
still_waits(const struct coir_task *task, const struct cr_edge *edge, uint64_t next, void *arg)
{
    (void)task, (void)arg;
    return has(edge, next);
}

/* Once more along the circle: whether each of them is in the same wait. */
static bool
go_round(uint32_t length, uint64_t me, visitor *visit, void *arg)
{
    for (uint32_t i = 0; i < length; i++) {
        struct coir_task *task = cr_task_of_id(circle[i].id);
        const struct cr_edge *edge;
        uint64_t claim = cr_task_pin(task, circle[i].id);
        bool well;
        if (!claim)
            return false;
        edge = edge_of(task);
        well = claim == circle[i].claim && edge && visit(task, edge, i + 1 < length ? circle[i + 1].id : me, arg);
        cr_task_unpin(task);
        if (!well)
            return false;
    }
    return true;
}

/* ---- The report ---- */

struct report {
    uint32_t count;
    char lines[TOLD][LINE];
};

char *
cr_edge_text(const struct cr_edge_kind *kind, const void *object, char *text, size_t size)
{
    if (kind->describe)
        kind->describe(object, text, size);
    else
        snprintf(text, size, "%s", kind->text);
    return text;
}

static const void *
object_of(const struct cr_held *held)
{
    return (const char *)held - held->kind->held_at;
}

static void
tell_held(struct report *report, const struct cr_held *held)
{
    char what[LINE / 2];
    for (int i = 0; held && i < HELD && report->count < TOLD; i++, held = CR_SHARED_READ(held->next))
        snprintf(report->lines[report->count++], LINE, "    it holds %s",
                 cr_edge_text(held->kind, object_of(held), what, sizeof what));
}

static bool
tell(const struct coir_task *task, const struct cr_edge *edge, uint64_t next, void *arg)
{
    struct report *report = arg;
    char what[LINE / 2], place[PLACE];
    (void)next;
    if (report->count == TOLD)
        return true;
    snprintf(report->lines[report->count++], LINE, "  task %llu '%s' waits at %s for %s",
             (unsigned long long)cr_load_rlx(&task->id), task->name, cr_place_text(edge->where, place, sizeof place),
             cr_edge_text(edge->kind, edge->object, what, sizeof what));
    tell_held(report, CR_SHARED_READ(task->held));
    return true;
}

static void
publish(const struct report *report, uint32_t length)
{
    coir_log(COIR_LOG_ERROR,
             length ? "deadlock: %u tasks wait for each other in a circle; the first of them was about to close it"
                    : "deadlock: %u task waits for itself",
             length + 1);
    for (uint32_t i = 0; i < report->count; i++)
        coir_log(COIR_LOG_ERROR, "%s", report->lines[i]);
    if (report->count == TOLD)
        coir_log(COIR_LOG_ERROR, "  and so on");
}

/* ---- Asking ---- */

/* Whether nobody has ended the asker's wait yet: else what it waits for may be its own already. */
static bool
still_sleeps(const struct cr_wait *wait)
{
    uint64_t claim = cr_load_acq(&wait->task->claim) & ~(uint64_t)CR_CLAIM_PINS;
    return claim == (wait->epoch << CR_CLAIM_SHIFT | CR_WAITING);
}

/* Under the guard: looks once more, and goes the way that was found again. Then nobody of them can have run in between. */
static bool
is_sure(struct cr_wait *wait, uint64_t me, uint32_t *length, struct report *report)
{
    struct way way = {hops, owners, HOPS, 0, false};
    uint32_t last, count = 0;
    if (!search(&way, wait->edge, me, &last))
        return false;
    for (uint32_t i = last; i != NOBODY; i = hops[i].before)
        count++;
    *length = count;
    for (uint32_t i = last; i != NOBODY; i = hops[i].before)
        circle[--count] = hops[i];
    if (!has(wait->edge, *length ? circle[0].id : me) || !go_round(*length, me, still_waits, NULL) ||
        !still_sleeps(wait))
        return false;
    if (report) {
        (void)tell(wait->task, wait->edge, 0, report);
        (void)go_round(*length, me, tell, report);
    }
    return true;
}

static __attribute__((noinline)) bool
close_circle(struct cr_wait *wait, uint64_t me)
{
    const struct coir_runtime *runtime = wait->task->runtime;
    enum coir_on_deadlock policy = runtime ? runtime->options.on_deadlock : COIR_DEADLOCK_ERROR;
    bool gives_way = policy != COIR_DEADLOCK_REPORT && !(wait->edge->must && policy == COIR_DEADLOCK_ERROR), sure;
    struct report *report = cr_alloc_zero(sizeof *report); /* NULL: nobody is named */
    uint32_t length = 0;
    (void)cr_guard_take(&guard);
    sure = CR_MUTANT(CIRCLE_BELIEVED) || is_sure(wait, me, &length, report);
    if (sure && gives_way)
        sure = cr_wait_claim(wait, -EDEADLK);
    cr_guard_release(&guard, 0);
    if (sure) {
        if (gives_way)
            cr_wait_over(wait);
        if (report)
            publish(report, length);
    }
    cr_free(report);
    if (sure && policy == COIR_DEADLOCK_ABORT)
        cr_misuse("deadlock: stopped, as on_deadlock says; the tasks are named above");
    return sure && gives_way;
}

bool
cr_graph_closes(struct cr_wait *wait)
{
    uint64_t me = cr_load_rlx(&wait->task->id), ids[GLANCE];
    struct hop seen[GLANCE];
    struct way way = {seen, ids, GLANCE, 0, false};
    uint32_t last;
    if (!CR_MUTANT(NO_WALK_FENCE))
        cr_fence_sc(); /* our edge, then theirs: of two that close a circle one at least sees the other's */
    return cr_unlikely(search(&way, wait->edge, me, &last) || way.is_cut) && close_circle(wait, me);
}

int
cr_wait_in_circle(struct cr_wait *wait, struct coir_task *self, const struct cr_edge *edge, CR_ATOMIC(uintptr_t) * word,
                  uintptr_t state, uintptr_t *first, uintptr_t mark, coir_time deadline)
{
    int result = cr_may_wait(deadline);
    if (result) {
        cr_guard_release(word, state);
        return result;
    }
    cr_wait_begin_for(wait, self, edge);
    cr_waiters_append(first, wait);
    cr_guard_release(word, state | mark);
    result = cr_graph_closes(wait) ? -EDEADLK : cr_park(wait, deadline);
    if (cr_wait_is_linked(wait))
        cr_wait_withdraw(wait, word, first, mark);
    return result;
}

/* ---- What a task holds ---- */

void
cr_held_drop_other(struct coir_task *self, struct cr_held *held)
{
    struct cr_held *before = self->held;
    while (before->next != held)
        before = before->next;
    CR_SHARED_WRITE(before->next) = held->next;
}

void
cr_held_check(const struct coir_task *task, const void *bottom, const void *top)
{
    char what[LINE / 2];
    int count = 0;
    for (const struct cr_held *held = task->held; held && count < HELD; held = held->next, count++) {
        bool is_gone = (const char *)held >= (const char *)bottom && (const char *)held < (const char *)top;
        coir_log(COIR_LOG_ERROR, "task %llu '%s' has ended and still holds %s: nobody will ever get it",
                 (unsigned long long)cr_load_rlx(&task->id), task->name,
                 is_gone ? "a lock that was in a block of its own"
                         : cr_edge_text(held->kind, object_of(held), what, sizeof what));
        if (is_gone)
            break;
    }
    if (cr_here.reads)
        cr_graph_tell_reads(task, bottom, top);
}
