/* sched/monitor.c: one thread that watches the workers of a runtime while any of them is busy.
 *
 * Each tick it marks busy workers overdue: they look at their inbox, timers and backend before the next fiber. By
 * themselves they do that every 64 turns, so it matters only where turns are long: a tick is 1 ms while a worker's turns
 * are so long that it would not look each millisecond, else 5 ms, because a tick that shares the worker's processor costs
 * it some microseconds. A newborn that lies in a busy worker's ring while another worker sleeps is shown to that one
 * (coir_go does so at once only if there are several). A fiber that keeps its worker for half a second is named in the
 * log, once. After a second without a busy worker the monitor sleeps for good; the next worker that wakes up wakes it. So
 * an idle program has no context switches at all. */
#include "base/memory.h"
#include "sched/quiet.h"
#include "sched/runtime.h"

#include <string.h>

enum { LONG_TICK = 5000000, SHORT_TICK = 1000000 }; /* ns */
enum { LOOK = 64 };                                 /* turns between two looks of a worker, as in worker.c */
enum { STALL = 500000000 };                         /* ns within one fiber */

enum { MONITOR_AWAKE, MONITOR_ASLEEP, MONITOR_STOP };

struct cr_monitor {
    struct cr_thread *thread;
    struct coir_runtime *runtime;
    CR_ATOMIC(uint32_t) state; /* a futex */
    coir_time last;            /* tick */
    struct {
        uint64_t slices; /* at the last tick */
        coir_time still; /* ns since they moved */
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

/* One worker that is busy: whether its turns are so long that it would not look around each millisecond. */
static bool
watch_worker(struct cr_monitor *monitor, unsigned index, coir_time elapsed)
{
    struct cr_worker *worker = &monitor->runtime->workers[index];
    uint64_t slices = cr_load_rlx(&worker->slices), turns = slices - monitor->seen[index].slices;
    coir_time still = turns ? 0 : monitor->seen[index].still + elapsed;
    cr_store_rlx(&worker->overdue, 1);
    if (still >= STALL && monitor->seen[index].still < STALL)
        report_stall(worker);
    monitor->seen[index].slices = slices;
    monitor->seen[index].still = still;
    return turns && turns < (uint64_t)(LOOK * elapsed / COIR_MS);
}

/* Whether a worker is busy; *period: until the next tick. */
static bool
tick(struct cr_monitor *monitor, coir_time now, coir_time *period)
{
    struct coir_runtime *runtime = monitor->runtime;
    uint64_t idle = cr_load_acq(&runtime->idle);
    /* Not more than a tick: a process that was stopped meanwhile has not been kept busy. */
    coir_time elapsed = now - monitor->last < LONG_TICK ? now - monitor->last : LONG_TICK;
    bool busy = false;
    *period = LONG_TICK;
    monitor->last = now;
    for (unsigned i = 0; i < runtime->count; i++) {
        if (idle >> i & 1) {
            monitor->seen[i].still = 0;
            continue;
        }
        busy = true;
        if (watch_worker(monitor, i, elapsed))
            *period = SHORT_TICK;
    }
    if (busy && idle && cr_newborns_anywhere(runtime))
        cr_nudge(runtime);
    return busy;
}

static void
watch(void *arg)
{
    struct cr_monitor *monitor = arg;
    coir_time now = cr_now(), busy = now, period; /* busy: when a worker was last seen at work */
    uint32_t awake;
    cr_here.serving = monitor->runtime; /* it logs */
    for (; cr_load_acq(&monitor->state) != MONITOR_STOP; now = cr_now()) {
        if (tick(monitor, now, &period))
            busy = now;
        if (now - busy < COIR_SECOND) {
            (void)cr_world.futex_wait(&monitor->state, MONITOR_AWAKE, now + period);
            continue;
        }
        awake = MONITOR_AWAKE;
        if (cr_cas_ar(&monitor->state, &awake, MONITOR_ASLEEP))
            while (cr_load_acq(&monitor->state) == MONITOR_ASLEEP)
                (void)cr_world.futex_wait(&monitor->state, MONITOR_ASLEEP, COIR_NEVER);
        busy = cr_now();
    }
    cr_quiet_know(-1);
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
    cr_quiet_know(1);
    error = cr_world.thread_start(watch, monitor, "coir-monitor", &monitor->thread);
    if (error) {
        cr_quiet_know(-1);
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
