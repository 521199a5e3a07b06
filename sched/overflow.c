/* sched/overflow.c: what is said when a task meets the guard below a stack. It is said by the thread it happened on, in
 * the signal's handler: nothing here allocates or waits. Then the process dies of the signal, as it would have.
 *
 * Nearly always the guard is the task's own: its stack has overflowed. The guard of another one is met by a pointer that
 * has gone astray; it is looked for among all tasks while the other workers go on. So a task may be ending when it is
 * looked at: its block stays, and its slab of stacks is not given back before a second has passed. */
#include "sched/runtime.h"

#include <stdio.h>

struct search {
    const void *address;
    const struct coir_task *found;
};

static void
look_at(struct coir_task *task, void *arg)
{
    struct search *search = arg;
    const struct cr_worker *worker = cr_load_acq(&task->worker);
    struct cr_stack stack = task->stack;
    if (worker && stack.slab && cr_stack_guards(&worker->stacks, &stack, search->address))
        search->found = task;
}

static int
describe_own(char *text, size_t size, const struct coir_task *task, const struct cr_stacks *stacks)
{
    return snprintf(text, size,
                    "coir: task '%s' (%llu) has overflowed its stack of %zu KiB: make large arrays static or "
                    "allocate them, or give the runtime a larger stack_size\n",
                    task->name, (unsigned long long)coir_task_id(task), (stacks->stride - stacks->guard) >> 10);
}

static int
describe_other(char *text, size_t size, const struct coir_task *self, const struct coir_task *owner)
{
    return snprintf(text, size,
                    "coir: task '%s' (%llu) has touched the guard below the stack of task '%s' (%llu): a pointer has "
                    "gone astray\n",
                    self ? self->name : "", self ? (unsigned long long)coir_task_id(self) : 0, owner->name,
                    (unsigned long long)coir_task_id(owner));
}

void
cr_overflow_report(const void *address)
{
    const struct coir_task *self = cr_here.task;
    struct search search = {.address = address};
    char text[320];
    int length;
    if (self)
        look_at(cr_here.task, &search); /* first, because that is quick */
    if (!search.found)
        cr_task_each(look_at, &search);
    if (!search.found)
        return;
    if (search.found == self)
        length = describe_own(text, sizeof text, self, &cr_here.worker->stacks);
    else
        length = describe_other(text, sizeof text, self, search.found);
    (void)cr_world.write_error(text, (size_t)length);
}
