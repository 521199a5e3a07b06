/* sched/several.c: see several.h. */
#include "sched/several.h"
#include "base/memory.h"

#include "sched/graph.h"
#include <stdint.h>

static const struct cr_edge_kind several_kind = {.text = "the first of several things"};
static const struct cr_edge first_of_several = {.kind = &several_kind};

struct cr_branch *
cr_branches_new(struct cr_branch few[CR_BRANCHES_FEW], size_t count)
{
    if (count <= CR_BRANCHES_FEW)
        return few;
    return count > SIZE_MAX / 2 / sizeof *few ? NULL : cr_alloc(count * sizeof *few);
}

void
cr_branches_free(struct cr_branch few[CR_BRANCHES_FEW], struct cr_branch *branches)
{
    if (branches != few)
        cr_free(branches);
}

/* One more record of the wait that has begun. */
static void
begin_beside(struct cr_wait *record, const struct cr_wait *wait)
{
    CR_SHARED_WRITE(record->task) = wait->task;
    CR_SHARED_WRITE(record->epoch) = wait->epoch;
    CR_SHARED_WRITE(record->won) = false;
    cr_store_rlx(&record->linked, false);
}

/* How many of the branches hang, from the first on; less than count: the next one need not. */
static size_t
hang_all(struct cr_branch *branches, size_t count, const struct cr_wait *wait)
{
    for (size_t i = 0; i < count; i++)
        if (branches[i].kind) {
            begin_beside(&branches[i].hook.wait, wait);
            if (!branches[i].kind->hang(&branches[i]))
                return i;
        }
    return count;
}

static int
winner(struct cr_branch *branches, size_t hung)
{
    int which = -1;
    for (size_t i = 0; i < hung; i++)
        if (branches[i].kind) {
            if (!CR_MUTANT(LOSERS_HANG) || CR_SHARED_READ(branches[i].hook.wait.won))
                branches[i].kind->unhang(&branches[i]);
            if (CR_SHARED_READ(branches[i].hook.wait.won))
                which = (int)i;
        }
    return which;
}

int
cr_await_first(struct coir_task *self, struct cr_branch *branches, size_t count, coir_time deadline, int *result)
{
    struct cr_wait wait;
    size_t hung;
    int which;
    cr_wait_begin_for(&wait, self, &first_of_several);
    hung = hang_all(branches, count, &wait);
    if (hung == count) {
        *result = cr_park(&wait, deadline);
    } else if (cr_wait_claim(&wait, CR_BRANCH_READY) || CR_MUTANT(WON_BUT_READY)) {
        *result = CR_BRANCH_READY;
        cr_wait_over(&wait);
    } else {
        *result = cr_park(&wait, COIR_NEVER); /* one that hangs was faster: its notice is on the way */
    }
    which = winner(branches, hung);
    return which < 0 ? *result : which;
}
