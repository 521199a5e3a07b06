/* sched/spawn.c: how tasks come to be, and to which worker they go.
 *
 * coir_go puts a newborn into its worker's ring, where idle workers may steal it; coir_go_spread and threads without a
 * worker send it to a worker of their choice, where it stays. Stealing takes up to half a ring at once. One worker at a
 * time is woken to look for work; it wakes the next when it has found some. */
#include "base/choose.h"
#include "base/memory.h"
#include "sched/process.h"
#include "sched/runtime.h"

#include <string.h>

enum { COPY_MOST = 65536 }; /* bytes of an argument */

/* ---- Newborns ---- */

static void
refill(struct cr_worker *worker)
{
    while (worker->overflow && cr_ring_push(&worker->newborns, worker->overflow)) {
        struct cr_note *following = worker->overflow->ready.next;
        worker->overflow = following ? cr_container(following, struct coir_task, ready) : NULL;
    }
}

void
cr_newborn_push(struct cr_worker *worker, struct coir_task *task)
{
    if (cr_likely(!worker->overflow) && cr_likely(cr_ring_push(&worker->newborns, task)))
        return;
    task->ready.next = NULL;
    if (worker->overflow)
        worker->overflow_last->ready.next = &task->ready;
    else
        worker->overflow = task;
    worker->overflow_last = task;
}

struct coir_task *
cr_newborn_take(struct cr_worker *worker)
{
    struct coir_task *task = cr_ring_take(&worker->newborns);
    if (cr_unlikely(worker->overflow))
        refill(worker);
    return task;
}

struct coir_task *
cr_newborn_steal(struct cr_worker *worker)
{
    struct coir_runtime *runtime = worker->runtime;
    void *loot[CR_RING_SLOTS / 2];
    uint32_t first;
    if (runtime->count == 1)
        return NULL;
    first = cr_choose(runtime->count, "steal from");
    for (uint32_t i = 0; i < runtime->count; i++) {
        struct cr_worker *victim = &runtime->workers[(first + i) % runtime->count];
        uint32_t count;
        if (victim == worker || cr_ring_is_empty(&victim->newborns))
            continue;
        count = cr_ring_steal(&victim->newborns, loot, CR_RING_SLOTS / 2);
        for (uint32_t k = 1; k < count; k++)
            cr_newborn_push(worker, loot[k]);
        if (count)
            return loot[0];
    }
    return NULL;
}

bool
cr_newborns_anywhere(struct coir_runtime *runtime)
{
    for (unsigned i = 0; i < runtime->count; i++)
        if (!cr_ring_is_empty(&runtime->workers[i].newborns))
            return true;
    return false;
}

/* Tells one idle worker to search; false: there is none, or it may have gone into a fiber without having seen that. */
static bool
nudge_one(struct coir_runtime *runtime)
{
    uint64_t idle = cr_load_acq(&runtime->idle);
    struct cr_worker *worker;
    if (!idle)
        return false;
    worker = &runtime->workers[__builtin_ctzll(idle)];
    if (CR_MUTANT(BARE_NUDGE))
        worker->backend->wake(worker->backend_self);
    else if (!cr_swap_sc(&worker->nudged, 1)) /* against the end of sleep_until_something */
        cr_worker_post(worker, &worker->nudge);
    return cr_load_sc(&runtime->idle) >> worker->index & 1;
}

/* One at a time looks for an idle worker, or is one that searches; the others leave it to that one. So whoever finds none
 * looks again after having said that nobody searches: somebody may have fallen asleep meanwhile and been left to it. */
void
cr_nudge(struct coir_runtime *runtime)
{
    do {
        uint32_t none = 0;
        if (!cr_cas_ar(&runtime->searching, &none, 1) || nudge_one(runtime))
            return;
        (void)cr_swap_sc(&runtime->searching, 0); /* against the fence in cr_go, as in sleep_until_something */
    } while (cr_load_sc(&runtime->idle));
}

/* ---- Beginning a task ---- */

static int
check_options(const struct coir_runtime *runtime, const struct coir_task_options *options, const void *arg)
{
    if (options->carrier > COIR_ON_PROCESS)
        return cr_fail(-EINVAL, "carrier %d: there are COIR_ON_FIBER, COIR_ON_THREAD and COIR_ON_PROCESS",
                       (int)options->carrier);
    if (options->arg_size > COPY_MOST)
        return cr_fail(-EINVAL, "arg_size %zu is more than 65536: pass a pointer", options->arg_size);
    if (options->descriptor_count > CR_HELPER_DESCRIPTORS)
        return cr_fail(-EINVAL, "%zu descriptors: at most 250 can go along with a task", options->descriptor_count);
    if (options->carrier != COIR_ON_PROCESS)
        return options->orphan ? cr_fail(-EINVAL, "orphan: only a process can outlive the program") : 0;
    if (runtime->helper.fd < 0)
        return cr_fail(-ENOTSUP, "a task on a process: start the runtime with the option processes");
    if (arg && !options->arg_size)
        cr_misuse("coir_go: a process cannot be given a pointer, it has no part of this memory; say arg_size, and it "
                  "gets a copy");
    return 0;
}

static int
check(const struct coir_runtime *runtime, const struct coir_task_options *options, const void *arg)
{
    if (!runtime)
        return cr_fail(-EINVAL, "fibers are started inside a runtime: call from coir_run, or use coir_runtime_go");
    return cr_unlikely(options != NULL) ? check_options(runtime, options, arg) : 0;
}

static bool
is_for_thread(const struct coir_runtime *runtime, const struct coir_task_options *options)
{
    if (cr_likely(!options || !options->carrier))
        return cr_unlikely(runtime->options.carrier == COIR_ON_THREAD);
    return runtime->all_on_threads || options->carrier == COIR_ON_THREAD;
}

static int
count_in(struct coir_runtime *runtime)
{
    if (!runtime->options.task_limit)
        return 0;
    if (cr_add_ar(&runtime->live, 1) < runtime->options.task_limit)
        return 0;
    (void)cr_sub_ar(&runtime->live, 1);
    return cr_fail(-EAGAIN, "the limit of %zu tasks (task_limit) is reached", runtime->options.task_limit);
}

static int
apply(struct coir_task *task, const struct coir_task_options *options)
{
    int error;
    if (cr_unlikely(options->carrier == COIR_ON_PROCESS || options->descriptor_count)) {
        error = cr_parcel_make(task, CR_SHARED_READ(task->function), task->arg, options,
                               options->carrier == COIR_ON_PROCESS);
        if (error)
            return error;
    } else if (options->arg_size) {
        task->copy = cr_alloc(options->arg_size);
        if (!task->copy)
            return -ENOMEM;
        memcpy(task->copy, task->arg, options->arg_size);
        task->arg = task->copy;
    }
    if (options->name)
        cr_task_name_set(task, options->name);
    if (options->daemon)
        cr_store_rlx(&task->flags, cr_load_rlx(&task->flags) | CR_TASK_DAEMON);
    return 0;
}

/* Of two random workers the one with fewer long-lived tasks. */
static struct cr_worker *
less_loaded(struct coir_runtime *runtime)
{
    struct cr_worker *one, *other;
    if (runtime->count == 1)
        return runtime->workers;
    one = &runtime->workers[cr_choose(runtime->count, "place on")];
    other = &runtime->workers[cr_choose(runtime->count, "or on")];
    return cr_load_rlx(&other->load) < cr_load_rlx(&one->load) ? other : one;
}

static void
dispatch(struct coir_runtime *runtime, struct coir_task *task)
{
    struct cr_worker *worker = less_loaded(runtime);
    (void)cr_add_rlx(&worker->load, 1);
    cr_store_rlx(&task->flags, cr_load_rlx(&task->flags) | CR_TASK_PLACED);
    CR_SHARED_WRITE(task->ready.kind) = CR_NOTE_NEWBORN;
    cr_worker_post(worker, &task->ready);
}

static void
count_begun(struct coir_runtime *runtime, struct cr_worker *worker, const struct coir_task *task)
{
    bool daemon = cr_load_rlx(&task->flags) & CR_TASK_DAEMON;
    if (worker)
        cr_bump(daemon ? &worker->daemons_started : &worker->started);
    else
        (void)cr_add_ar(daemon ? &runtime->outside_daemons : &runtime->outside_started, 1);
}

int
cr_go(struct coir_runtime *runtime, coir_function *function, void *arg, const struct coir_task_options *options,
      enum cr_place place, void (*prepare)(struct coir_task *task, void *arg), void *prepare_arg,
      struct coir_task **handle)
{
    struct cr_worker *worker = cr_here.worker;
    struct coir_task *task;
    bool on_thread;
    int error = check(runtime, options, arg);
    if (handle)
        *handle = NULL;
    if (error || (error = count_in(runtime)))
        return error;
    on_thread = is_for_thread(runtime, options);
    if (worker && worker->runtime != runtime)
        worker = NULL;
    task = cr_task_new(worker ? &worker->blocks : NULL);
    error = -ENOMEM;
    if (!task)
        goto fail_count;
    CR_SHARED_WRITE(task->function) = function;
    task->arg = arg;
    cr_store_rlx(&task->runtime, runtime);
    cr_store_rlx(&task->life, handle ? 0 : CR_RELEASED);
    if (options && (error = apply(task, options)))
        goto fail_free;
    if (cr_unlikely(on_thread)) {
        cr_store_rlx(&task->flags, cr_load_rlx(&task->flags) | CR_TASK_THREAD);
        task->bell = -1;
    }
    if (prepare)
        prepare(task, prepare_arg);
    count_begun(runtime, on_thread ? NULL : worker, task);
    if (handle)
        *handle = task;
    if (cr_unlikely(on_thread)) {
        cr_thread_go(runtime, task);
        return 0;
    }
    if (!worker || place == CR_SPREAD) {
        dispatch(runtime, task);
        return 0;
    }
    cr_newborn_push(worker, task);
    /* A lone newborn is most often run by this worker at once, when its parent waits for it: waking another worker for it
     * costs more than it runs (250 ns against 110). If the parent goes on computing instead, the monitor sees to it. */
    if (runtime->count > 1 && cr_ring_count(&worker->newborns) > 1) {
        if (!CR_MUTANT(NO_SPAWN_FENCE))
            cr_fence_sc(); /* the newborn, then the idle bits: against sleep_until_something */
        if (cr_load_rlx(&runtime->idle) && !cr_load_rlx(&runtime->searching))
            cr_nudge(runtime);
    }
    return 0;

fail_free:
    cr_task_free(worker ? &worker->blocks : NULL, task);
fail_count:
    if (runtime->options.task_limit)
        (void)cr_sub_ar(&runtime->live, 1);
    return error;
}
