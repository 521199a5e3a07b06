/* sched/timer.c: see timer.h. Ties are broken by the order of arming, within what a heap keeps. */
#include "sched/timer.h"
#include "base/memory.h"
#include "sched/park.h"
#include "sched/worker.h"

enum { CHILDREN = 4, FIRST_ROOM = 64 };

int
cr_timers_bind(struct cr_timers *timers)
{
    if (cr_unlikely(timers->bound == timers->room)) {
        uint32_t room = timers->room ? timers->room * 2 : FIRST_ROOM;
        struct cr_timer *heap = cr_realloc(timers->heap, room * sizeof *heap);
        if (!heap)
            return -ENOMEM;
        timers->heap = heap;
        timers->room = room;
    }
    timers->bound++;
    return 0;
}

void
cr_timers_fini(struct cr_timers *timers)
{
    cr_free(timers->heap);
    *timers = (struct cr_timers){NULL, 0, 0, 0};
}

static void
put(struct cr_timers *timers, uint32_t at, struct cr_timer timer)
{
    timers->heap[at] = timer;
    timer.task->heap_at = at;
}

static void
sift_up(struct cr_timers *timers, uint32_t at, struct cr_timer timer)
{
    while (at > 0) {
        uint32_t parent = (at - 1) / CHILDREN;
        if (timers->heap[parent].key <= timer.key)
            break;
        put(timers, at, timers->heap[parent]);
        at = parent;
    }
    put(timers, at, timer);
}

static void
sift_down(struct cr_timers *timers, uint32_t at, struct cr_timer timer)
{
    for (;;) {
        uint32_t child = at * CHILDREN + 1, end = child + CHILDREN, least = child;
        if (child >= timers->count)
            break;
        if (end > timers->count)
            end = timers->count;
        while (++child < end)
            if (timers->heap[child].key < timers->heap[least].key)
                least = child;
        if (timers->heap[least].key >= timer.key)
            break;
        put(timers, at, timers->heap[least]);
        at = least;
    }
    put(timers, at, timer);
}

static void
drop(struct cr_timers *timers, struct coir_task *task)
{
    uint32_t at = task->heap_at;
    struct cr_timer last = timers->heap[--timers->count];
    task->heap_key = COIR_NEVER;
    if (last.task == task)
        return;
    if (at > 0 && timers->heap[(at - 1) / CHILDREN].key > last.key)
        sift_up(timers, at, last);
    else
        sift_down(timers, at, last);
}

void
cr_timers_unbind(struct cr_timers *timers, struct coir_task *task)
{
    if (task->heap_key != COIR_NEVER)
        drop(timers, task);
    timers->bound--;
}

void
cr_timers_arm(struct cr_timers *timers, struct coir_task *task)
{
    struct cr_timer timer = {task->deadline, task};
    bool has_entry = task->heap_key != COIR_NEVER;
    task->heap_key = timer.key;
    sift_up(timers, has_entry ? task->heap_at : timers->count++, timer);
}

/* The top entry against what its task wants now: true if it stands and is due. */
static bool
top_is_due(struct cr_timers *timers, coir_time now)
{
    struct coir_task *task = timers->heap[0].task;
    if (task->deadline == task->heap_key)
        return task->heap_key <= now;
    if (task->deadline == COIR_NEVER || CR_MUTANT(TIMER_NOT_REKEYED)) {
        drop(timers, task);
    } else {
        task->heap_key = task->deadline;
        sift_down(timers, 0, (struct cr_timer){task->deadline, task});
    }
    return false;
}

void
cr_timers_expire(struct cr_timers *timers, coir_time now)
{
    while (timers->count && timers->heap[0].key <= now) {
        struct coir_task *task = timers->heap[0].task;
        struct cr_wait *wait = task->wait;
        if (!top_is_due(timers, now))
            continue;
        drop(timers, task);
        if (wait->interrupt)
            wait->interrupt(wait, -ETIMEDOUT);
        else if (cr_wait_claim(wait, -ETIMEDOUT))
            cr_worker_ready(cr_here.worker, task);
    }
}

coir_time
cr_timers_next(struct cr_timers *timers)
{
    while (timers->count) {
        const struct coir_task *task = timers->heap[0].task;
        if (task->deadline == task->heap_key)
            return task->heap_key;
        (void)top_is_due(timers, CR_CLOCK_START);
    }
    return COIR_NEVER;
}
