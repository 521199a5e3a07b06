/* sched/inspect.h: one task, looked at from outside. */
#ifndef CR_INSPECT_H
#define CR_INSPECT_H

#include "sched/task.h"
#include <coir/inspect.h>

/* Under cr_runtimes_hold. false: nobody's block, or not of the runtime (NULL: any), or a thread of coir's own. */
bool cr_inspect(struct coir_task *task, const struct coir_runtime *runtime, struct coir_task_info *info);
/* As snprintf. */
int cr_inspect_line(const struct coir_task_info *info, char *line, size_t size);

#endif
