/* select/select.c: see coir/select.h. First each case is tried, in an order left to chance; if none is possible the task
 * waits in all places at once (sched/several.h). It is woken by what one of them has done for it, or because one has become
 * possible while it was being hung up; then all are tried again. */
#include <coir/select.h>

#include "base/choose.h"
#include "queue/branch.h"
#include "sync/branch.h"
#include <coir/event.h>
#include <coir/future.h>
#include <coir/queue.h>
#include <coir/task.h>

struct coir_case
coir_case_get(struct coir_queue *queue, void *item)
{
    return (struct coir_case){COIR_CASE_GET, 0, queue, item};
}

struct coir_case
coir_case_put(struct coir_queue *queue, const void *item)
{
    return (struct coir_case){COIR_CASE_PUT, 0, queue, (void *)(uintptr_t)item};
}

struct coir_case
coir_case_event(struct coir_event *event)
{
    return (struct coir_case){COIR_CASE_EVENT, 0, event, NULL};
}

struct coir_case
coir_case_future(struct coir_future *future)
{
    return (struct coir_case){COIR_CASE_FUTURE, 0, future, NULL};
}

struct coir_case
coir_case_task(struct coir_task *task)
{
    return (struct coir_case){COIR_CASE_TASK, 0, task, NULL};
}

/* ---- The kinds: what can be done at once; 0, -EPIPE, or -EAGAIN: not now ---- */

static int
try_get(const struct coir_case *one)
{
    return coir_queue_get(one->object, one->item, COIR_NOW);
}

static int
try_put(const struct coir_case *one)
{
    return coir_queue_put(one->object, one->item, COIR_NOW);
}

static int
try_event(const struct coir_case *one)
{
    return coir_event_is_set(one->object) ? 0 : -EAGAIN;
}

static int
try_future(const struct coir_case *one)
{
    return coir_future_is_done(one->object) ? 0 : -EAGAIN;
}

static int
try_task(const struct coir_case *one)
{
    return coir_task_is_alive(one->object) ? -EAGAIN : 0;
}

static const struct {
    int (*attempt)(const struct coir_case *one);
    const struct cr_branch_kind *branch;
} kinds[] = {
    [COIR_CASE_GET] = {try_get, &cr_branch_get},       [COIR_CASE_PUT] = {try_put, &cr_branch_put},
    [COIR_CASE_EVENT] = {try_event, &cr_branch_event}, [COIR_CASE_FUTURE] = {try_future, &cr_branch_future},
    [COIR_CASE_TASK] = {try_task, &cr_branch_end},
};

/* Whether there is one at all. */
static bool
make_branches(const struct coir_case *cases, size_t count, struct cr_branch *branches)
{
    bool any = false;
    for (size_t i = 0; i < count; i++) {
        const struct coir_case *one = &cases[i];
        if (one->object && (unsigned)one->kind > COIR_CASE_TASK)
            cr_misuse("coir_select: case %zu is of no kind there is: %d", i, (int)one->kind);
        branches[i].order = (uint32_t)i;
        branches[i].object = one->object;
        branches[i].kind = one->object ? kinds[one->kind].branch : NULL;
        CR_SHARED_WRITE(branches[i].hook.item) = one->item;
        any |= one->object != NULL;
    }
    return any;
}

/* Tries them in an order of which all are as likely: the index of the one that was done, or -EAGAIN. */
static int
try_each(struct coir_case *cases, struct cr_branch *branches, uint32_t count)
{
    for (uint32_t left = count; left; left--) {
        uint32_t which = left > 1 ? cr_choose(left, "case") : 0, i = branches[which].order;
        int result = cases[i].object ? kinds[cases[i].kind].attempt(&cases[i]) : -EAGAIN;
        branches[which].order = branches[left - 1].order;
        branches[left - 1].order = i;
        if (result != -EAGAIN) {
            cases[i].result = result;
            return (int)i;
        }
    }
    return -EAGAIN;
}

static int
wait_for_one(struct coir_task *self, struct coir_case *cases, struct cr_branch *branches, size_t count,
             coir_time deadline)
{
    int result, which = cr_await_first(self, branches, count, deadline, &result);
    if (which >= 0)
        cases[which].result = result;
    return which;
}

int
coir_select(struct coir_case *cases, size_t count, coir_time deadline)
{
    struct coir_task *self = cr_task_self();
    struct cr_branch few[CR_BRANCHES_FEW], *branches;
    int which = cr_enter(self, deadline);
    if (which)
        return which;
    branches = count > INT32_MAX ? NULL : cr_branches_new(few, count);
    if (!branches)
        return -ENOMEM;
    which = make_branches(cases, count, branches) ? CR_BRANCH_READY : -EPIPE;
    while (which == CR_BRANCH_READY) { /* every further round means that somebody else has been faster */
        which = try_each(cases, branches, (uint32_t)count);
        if (which == -EAGAIN && deadline != COIR_NOW)
            which = wait_for_one(self, cases, branches, count, deadline);
    }
    cr_branches_free(few, branches);
    return which;
}
