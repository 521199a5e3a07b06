/* sched/monitor.c: one thread that watches the workers of a runtime while any of them is busy.
 *
 * Each tick (2 ms) it marks busy workers overdue: they look at their inbox, timers and backend before the next fiber, also
 * if turns are long. A newborn that lies in a busy worker's ring while another worker sleeps is shown to that one (coir_go
 * does so at once only if there are several). A fiber that keeps its worker for half a second is named in the log, once. After a second without
 * a busy worker the monitor sleeps for good; the next worker that wakes up wakes it. So an idle program has no context
 * switches at all. */
#include "base/memory.h"
#include "sched/runtime.h"

#include <string.h>

enum { TICK = 2000000, STALL_TICKS = 250 }; /* ns; ticks within one fiber */

enum { MONITOR_AWAKE, MONITOR_ASLEEP, MONITOR_STOP };

struct cr_monitor {
    struct cr_thread *thread;
    struct coir_runtime *runtime;
    CR_ATOMIC(uint32_t) state; /* a futex */
    struct {
        uint64_t slices; /* at the last tick */
        uint32_t ticks;  /* since they moved */
    } seen[CR_WORKERS];
};

static void
report_stall(const struct cr_worker *worker)
{
    const struct coir_task *task = cr_load_rlx(&worker->current);
    if (!task)
        return; /* the loop itself is at work, or the whole machine is slow */
    coir_log(COIR_LOG_WARN,
             "task %llu has kept worker %u for half a second: let it coir_yield, or coir_offload what blocks",
             (unsigned long long)coir_task_id(task), worker->index);
}

/* Whether a worker is busy. */
static bool
tick(struct cr_monitor *monitor)
{
    struct coir_runtime *runtime = monitor->runtime;
    uint64_t idle = cr_load_acq(&runtime->idle);
    bool busy = false;
    for (unsigned i = 0; i < runtime->count; i++) {
        struct cr_worker *worker = &runtime->workers[i];
        uint64_t slices = cr_load_rlx(&worker->slices);
        if (idle >> i & 1) {
            monitor->seen[i].ticks = 0;
            continue;
        }
        busy = true;
        cr_store_rlx(&worker->overdue, 1);
        monitor->seen[i].ticks = slices == monitor->seen[i].slices ? monitor->seen[i].ticks + 1 : 0;
        monitor->seen[i].slices = slices;
        if (monitor->seen[i].ticks == STALL_TICKS)
            report_stall(worker);
    }
    if (busy && idle && cr_newborns_anywhere(runtime))
        cr_nudge(runtime);
    return busy;
}

static void
watch(void *arg)
{
    struct cr_monitor *monitor = arg;
    coir_time now = cr_now(), busy = now; /* when a worker was last seen at work */
    uint32_t awake;
    cr_here.serving = monitor->runtime; /* it logs */
    for (; cr_load_acq(&monitor->state) != MONITOR_STOP; now = cr_now()) {
        if (tick(monitor))
            busy = now;
        if (now - busy < COIR_SECOND) {
            (void)cr_world.futex_wait(&monitor->state, MONITOR_AWAKE, now + TICK);
            continue;
        }
        awake = MONITOR_AWAKE;
        if (cr_cas_ar(&monitor->state, &awake, MONITOR_ASLEEP))
            while (cr_load_acq(&monitor->state) == MONITOR_ASLEEP)
                (void)cr_world.futex_wait(&monitor->state, MONITOR_ASLEEP, COIR_NEVER);
        busy = cr_now();
    }
}

void
cr_monitor_wake(struct coir_runtime *runtime)
{
    struct cr_monitor *monitor = runtime->monitor;
    uint32_t asleep = MONITOR_ASLEEP;
    if (!monitor || cr_load_rlx(&monitor->state) != MONITOR_ASLEEP)
        return;
    if (cr_cas_ar(&monitor->state, &asleep, MONITOR_AWAKE))
        cr_world.futex_wake(&monitor->state, 1);
}

int
cr_monitor_start(struct coir_runtime *runtime)
{
    struct cr_monitor *monitor = cr_alloc_zero(sizeof *monitor);
    int error;
    if (!monitor)
        return -ENOMEM;
    monitor->runtime = runtime;
    error = cr_world.thread_start(watch, monitor, "coir-monitor", &monitor->thread);
    if (error) {
        cr_free(monitor);
        return error;
    }
    runtime->monitor = monitor;
    return 0;
}

void
cr_monitor_stop(struct coir_runtime *runtime)
{
    struct cr_monitor *monitor = runtime->monitor;
    if (!monitor)
        return;
    cr_store_rel(&monitor->state, MONITOR_STOP);
    cr_world.futex_wake(&monitor->state, 1);
    cr_world.thread_join(monitor->thread);
    cr_free(monitor);
    runtime->monitor = NULL;
}
