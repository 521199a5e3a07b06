/* sched/inspect.c: the list of all tasks, by walking the slabs of their blocks.
 *
 * A block may be anybody's at any moment. One that waits is pinned (graph.h) while it is read, so its wait and what that
 * points to stay. Of one that does not wait only atomics are read, and then whether it still has the same id. */
#include "sched/inspect.h"

#include "base/place.h"
#include "sched/graph.h"
#include "sched/runtime.h"

#include <stdio.h>
#include <string.h>

enum { LINE = 512, PLACE = 128 };

static void
look_at_wait(const struct coir_task *task, struct coir_task_info *info)
{
    const struct cr_wait *wait = CR_SHARED_READ(task->wait);
    const struct cr_edge *edge = CR_SHARED_READ(wait->edge);
    info->state = COIR_BLOCKED;
    info->since = cr_task_is_thread(task) ? cr_load_rlx(&task->heap_key) : CR_SHARED_READ(wait->since);
    info->waits_at = CR_SHARED_READ(wait->where);
    if (!edge)
        return;
    if (edge->where)
        info->waits_at = edge->where;
    cr_edge_text(edge->kind, edge->object, info->waits_for, sizeof info->waits_for);
    if (edge->kind->owners && !edge->kind->owners(edge->object, &info->waits_for_task, 1))
        info->waits_for_task = 0;
}

bool
cr_inspect(struct coir_task *task, const struct coir_runtime *runtime, struct coir_task_info *info)
{
    uint64_t id = cr_load_acq(&task->id);
    struct cr_worker *worker = cr_load_acq(&task->worker);
    uint32_t flags = cr_load_acq(&task->flags);
    *info = (struct coir_task_info){.id = id,
                                    .carrier = flags & CR_TASK_PROCESS  ? COIR_ON_PROCESS
                                               : flags & CR_TASK_THREAD ? COIR_ON_THREAD
                                                                        : COIR_ON_FIBER,
                                    .worker = -1};
    if (!id || flags & CR_TASK_SERVANT || (runtime && cr_load_acq(&task->runtime) != runtime))
        return false;
    cr_task_name_get(task, info->name);
    if (worker)
        info->worker = (int)worker->index;
    if (cr_load_acq(&task->life) & CR_ENDED)
        info->state = COIR_ENDED;
    else if (cr_task_pin(task, id)) {
        look_at_wait(task, info);
        cr_task_unpin(task);
    } else {
        info->state =
            flags & CR_TASK_THREAD || (worker && cr_load_acq(&worker->current) == task) ? COIR_RUNNING : COIR_READY;
    }
    return cr_load_acq(&task->id) == id;
}

/* ---- The public part ---- */

struct list {
    const struct coir_runtime *runtime;
    struct coir_task_info *tasks;
    size_t count, capacity;
};

static void
add(struct coir_task *task, void *arg)
{
    struct list *list = arg;
    struct coir_task_info info;
    if (!cr_inspect(task, list->runtime, &info))
        return;
    if (list->count < list->capacity)
        list->tasks[list->count] = info;
    list->count++;
}

size_t
coir_inspect_tasks(struct coir_runtime *runtime, struct coir_task_info *tasks, size_t capacity)
{
    struct list list = {runtime, tasks, 0, capacity};
    cr_runtimes_hold();
    cr_task_each(add, &list);
    cr_runtimes_let();
    return list.count;
}

int
cr_inspect_line(const struct coir_task_info *info, char *line, size_t size)
{
    static const char *const states[] = {
        [COIR_READY] = "ready", [COIR_RUNNING] = "runs", [COIR_BLOCKED] = "waits", [COIR_ENDED] = "has ended"};
    static const char *const kinds[] = {
        [COIR_ON_FIBER] = "task", [COIR_ON_THREAD] = "thread", [COIR_ON_PROCESS] = "process"};
    char place[PLACE], where[PLACE + 8] = "", when[64] = "", owner[64] = "";
    if (info->waits_at)
        snprintf(where, sizeof where, " at %s", cr_place_text(info->waits_at, place, sizeof place));
    if (info->since)
        snprintf(when, sizeof when, " since %.3f s", (double)(cr_now() - info->since) / (double)COIR_SECOND);
    if (info->waits_for_task)
        snprintf(owner, sizeof owner, ", which task %llu has", (unsigned long long)info->waits_for_task);
    return snprintf(line, size, "%s %llu '%s' %s%s%s%s%s%s", kinds[info->carrier], (unsigned long long)info->id,
                    info->name, states[info->state], when, where, info->waits_for[0] ? " for " : "", info->waits_for,
                    owner);
}

struct page {
    const struct coir_runtime *runtime;
    int fd, error;
};

static void
print(struct coir_task *task, void *arg)
{
    struct page *page = arg;
    struct coir_task_info info;
    char line[LINE];
    int length;
    long written;
    if (page->error || !cr_inspect(task, page->runtime, &info))
        return;
    length = cr_inspect_line(&info, line, sizeof line - 1);
    if (length > (int)sizeof line - 2)
        length = (int)sizeof line - 2;
    line[length++] = '\n';
    for (int at = 0; at < length && !page->error; at += (int)written)
        if ((written = cr_world.write(page->fd, line + at, (size_t)(length - at))) < 0)
            page->error = (int)written;
}

int
coir_inspect_dump(struct coir_runtime *runtime, int fd)
{
    struct page page = {runtime, fd, 0};
    cr_runtimes_hold();
    cr_task_each(print, &page);
    cr_runtimes_let();
    return page.error;
}
