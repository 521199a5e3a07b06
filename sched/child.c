/* sched/child.c: being a process task.
 *
 * The child has the one thread it was cloned with, and that is a plain thread to coir: its waits block it, and it may call
 * coir_run. SIGTERM cancels its first task, which is that thread, or while it is in coir_run the first task there. The
 * handler does what coir_cancel does, by atomics and system calls alone. It may come on any thread that the program
 * has started and that does not block it; so who exchanges the task waits until no handler is under way on another one. */
#include "backend/process.h"
#include "backend/signal.h"
#include "base/choose.h"
#include "sched/graph.h"
#include "sched/process.h"
#include "sched/quiet.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

static bool is_child;
static int *descriptors;
static uint32_t descriptor_count;
static CR_ATOMIC(struct coir_task *) first;
static CR_ATOMIC(uint32_t) under_way; /* handlers */

static void
terminate(int signal)
{
    int before = errno;
    struct coir_task *task;
    (void)signal;
    /* Pairs with cr_child_first. Each side writes one word and then reads the other's: only if all four are in one order
     * does one of them see the other, so this add is more than acquire and release. */
    (void)cr_add_sc(&under_way, 1);
    task = cr_load_sc(&first);
    if (task)
        coir_cancel(task);
    (void)cr_sub_ar(&under_way, 1);
    errno = before;
}

bool
cr_child_is(void)
{
    return is_child;
}

void
cr_child_first(struct coir_task *task)
{
    (void)cr_swap_sc(&first, task); /* pairs with terminate: it has seen this, or we see it under way */
    for (uint32_t round = 0; cr_load_sc(&under_way); round++)
        cr_guard_spin(round);
}

int
coir_task_descriptor(size_t index)
{
    struct coir_task *self = cr_task_self();
    struct cr_parcel *parcel;
    if (is_child && !cr_load_rlx(&self->runtime))
        return index < descriptor_count ? descriptors[index] : -EBADF;
    if (!(cr_load_rlx(&self->flags) & CR_TASK_PARCEL))
        return -EBADF;
    parcel = self->copy;
    if (index >= parcel->count)
        return -EBADF;
    parcel->taken[index] = true;
    return parcel->descriptors[index];
}

/* What the helper's memory says of the program's threads is not true here. */
static struct coir_task *
be_alone(const char *name)
{
    struct coir_task *self;
    cr_here = (struct cr_here){.task = NULL};
    cr_quiet_begin();
    cr_signal_begin();
    cr_choose_anew();
    self = cr_task_self();
    cr_task_name_set(self, name);
    return self;
}

/* That are to be the child's until it ends. */
static int
keep_descriptors(const struct cr_errand *errand)
{
    size_t size = errand->request->count * sizeof(int);
    descriptors = malloc(size ? size : 1);
    if (!descriptors)
        return -ENOMEM;
    memcpy(descriptors, errand->descriptors, size);
    descriptor_count = errand->request->count;
    return 0;
}

void
cr_child_run(const struct cr_errand *errand)
{
    struct coir_task *self;
    coir_function *function;
    pid_t pid = cr_process_self();
    int result;
    is_child = true;
    self = be_alone(errand->request->name);
    cr_child_first(self);
    cr_process_begin(errand->request->name, errand->parent, terminate);
    result = keep_descriptors(errand);
    if (!result)
        result = cr_function_find(&errand->request->function, &function);
    if (!result)
        result = function(errand->arg);
    cr_locals_end(self);
    if (cr_process_self() == pid) /* else the function has forked, and this is not who was asked */
        (void)cr_word_say(errand->line, CR_WORD_RETURNED, result);
    cr_process_end(result);
}
