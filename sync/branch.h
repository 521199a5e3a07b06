/* sync/branch.h: what is here as one of several places to wait in (sched/several.h). */
#ifndef CR_SYNC_BRANCH_H
#define CR_SYNC_BRANCH_H

#include "sched/several.h"

extern const struct cr_branch_kind cr_branch_event, cr_branch_future;

#endif
