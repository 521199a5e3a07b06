/* queue/branch.h: a queue as one of several places to wait in (sched/several.h); hook.item is where the item goes, or is. */
#ifndef CR_QUEUE_BRANCH_H
#define CR_QUEUE_BRANCH_H

#include "sched/several.h"

extern const struct cr_branch_kind cr_branch_get, cr_branch_put;

#endif
