/* sched/runtime.c: starting some workers, and knowing when nothing is left for them to do.
 *
 * A runtime ends in steps (state in runtime.h). Whether tasks are left is asked by workers that are about to sleep: each
 * worker counts the tasks begun and ended on it, the sums are read twice, and if both readings are the same and equal,
 * then at the moment between them none was alive; and with none alive none can come. (No shared counter: that would
 * be a locked instruction for each task.) The last to go idle sees the counts of all others: all have set their idle bits
 * in one word before.
 *
 * From outside a task may come at any time: a call of coir_runtime_go. It is counted like a task that lives as long as the
 * call: begun before it looks at the state, ended as its last touch of the runtime. The word in which calls are begun is
 * closed by a compare-and-swap from what both readings saw. So either the call is found alive, and the runtime waits for it
 * and for the task it starts; or the swap fails; or the call finds the word closed and is refused. No worker comes to know
 * when a call ends, so while one is under way, which is never long, idle workers look again each millisecond. */
#include "sched/runtime.h"
#include "backend/chaos.h"
#include "backend/process.h"
#include "base/choose.h"
#include "base/log.h"
#include "base/memory.h"
#include "sched/fork.h"
#include "sched/graph.h"
#include "sched/process.h"
#include "sched/quiet.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(CR_ASAN) || defined(CR_TSAN)
enum { STACK_SIZE = 1 << 20 }; /* their frames are larger */
#else
enum { STACK_SIZE = 256 << 10 };
#endif

/* ---- Ending ---- */

#define LOOK_AGAIN COIR_MS

struct census {
    uint64_t begun, ended, daemons_begun, daemons_ended, calls, calls_left;
};

static struct census
take_census(struct coir_runtime *runtime)
{
    struct census census = {.calls_left = cr_load_acq(&runtime->calls_left)}; /* pairs with end_call */
    /* Ends before beginnings: what is seen to have ended is seen to have begun, and so is the task a call has started. */
    for (unsigned i = 0; i < runtime->count; i++) {
        census.ended += cr_load_acq(&runtime->workers[i].ended);
        census.daemons_ended += cr_load_acq(&runtime->workers[i].daemons_ended);
    }
    census.ended += cr_load_acq(&runtime->outside_ended);
    census.daemons_ended += cr_load_acq(&runtime->outside_daemons_ended);
    census.begun = cr_load_acq(&runtime->outside_started);
    census.daemons_begun = cr_load_acq(&runtime->outside_daemons);
    census.calls = cr_load_acq(&runtime->calls);
    for (unsigned i = 0; i < runtime->count; i++) {
        census.begun += cr_load_acq(&runtime->workers[i].started);
        census.daemons_begun += cr_load_acq(&runtime->workers[i].daemons_started);
    }
    return census;
}

void
cr_runtime_advance(struct coir_runtime *runtime, uint32_t state)
{
    uint32_t old = cr_load_acq(&runtime->state);
    while (old < state && !cr_cas_ar(&runtime->state, &old, state))
        continue;
    if (old >= state || state == CR_RUNTIME_ENDING)
        return;
    for (unsigned i = 0; i < runtime->count; i++) {
        struct cr_worker *worker = &runtime->workers[i];
        /* One note serves both steps: who reads it looks at the state. It is queued once at a time. */
        if (!cr_swap_ar(&worker->stop_posted, 1))
            cr_worker_post(worker, &worker->stop);
    }
}

void
cr_runtime_look(struct coir_runtime *runtime)
{
    if (!cr_swap_ar(&runtime->workers[0].stop_posted, 1)) /* its reader looks at the state */
        cr_worker_post(&runtime->workers[0], &runtime->workers[0].stop);
}

static bool
has_calls(const struct census *census)
{
    return census->calls / CR_ONE_CALL != census->calls_left;
}

bool
cr_runtime_check(struct coir_runtime *runtime, coir_time *again)
{
    uint32_t state = cr_load_acq(&runtime->state);
    struct census one, two;
    *again = COIR_NEVER;
    if (state == CR_RUNTIME_OPEN || state == CR_RUNTIME_DONE)
        return state == CR_RUNTIME_DONE;
    one = take_census(runtime);
    if (has_calls(&one))
        *again = cr_now() + LOOK_AGAIN;
    if (one.begun != one.ended || has_calls(&one))
        return false;
    two = take_census(runtime);
    if (memcmp(&one, &two, sizeof one) != 0) {
        *again = cr_now() + LOOK_AGAIN; /* it may have been a call that has come and gone */
        return false;
    }
    if (two.daemons_begun != two.daemons_ended)
        cr_runtime_advance(runtime, CR_RUNTIME_STOPPING);
    else if (cr_cas_ar(&runtime->calls, &two.calls, two.calls | CR_NO_MORE)) /* pairs with begin_call */
        cr_runtime_advance(runtime, CR_RUNTIME_DONE);
    else
        *again = cr_now() + LOOK_AGAIN;
    return cr_load_acq(&runtime->state) == CR_RUNTIME_DONE;
}

/* ---- Options ---- */

static int
from_environment(const char *name, int otherwise)
{
    const char *text = cr_world.environment(name);
    char *end;
    long value;
    if (!text || !*text)
        return otherwise;
    value = strtol(text, &end, 10);
    return *end || value < 1 || value > CR_WORKERS ? -1 : (int)value;
}

static int
resolve(struct coir_runtime_options *options)
{
    const char *carrier = cr_world.environment("COIR_CARRIER");
    char why[CR_CHAOS_WHY];
    if (cr_chaos_begin(why))
        return cr_fail(-EINVAL, "%s", why);
    if (!options->workers) {
        int processors = cr_world.processors();
        options->workers = from_environment("COIR_WORKERS", processors < CR_WORKERS ? processors : CR_WORKERS);
        if (options->workers < 0)
            return cr_fail(-EINVAL, "COIR_WORKERS=%s is not a number from 1 to 64",
                           cr_world.environment("COIR_WORKERS"));
    }
    if (options->workers < 1 || options->workers > CR_WORKERS)
        return cr_fail(-EINVAL, "%d workers: it must be 1 to 64, or 0 for one for each CPU", options->workers);
    if (!options->backend && cr_world.environment("COIR_BACKEND") && *cr_world.environment("COIR_BACKEND"))
        options->backend = cr_world.environment("COIR_BACKEND");
    if (!cr_backend_choice(options->backend, 0)) {
        char names[128];
        cr_backend_names(names, sizeof names);
        return cr_fail(-EINVAL, "no backend '%s' here: there is %s", options->backend, names);
    }
    if (options->carrier > COIR_ON_THREAD)
        return cr_fail(-EINVAL, "carrier %d: there are COIR_ON_FIBER and COIR_ON_THREAD", (int)options->carrier);
    if (carrier && *carrier && strcmp(carrier, "thread") != 0 && strcmp(carrier, "fiber") != 0)
        return cr_fail(-EINVAL, "COIR_CARRIER=%s is neither thread nor fiber", carrier);
    if (!options->stack_size)
        options->stack_size = STACK_SIZE;
    if (cr_stack_stride_ok(options->stack_size))
        return cr_fail(-EINVAL, "stack_size %zu: it must be a power of two from 65536 to 67108864",
                       options->stack_size);
    if (options->task_limit > (1 << CR_SLOT_BITS) - 1)
        return cr_fail(-EINVAL, "task_limit %zu: it may be at most 16777215", options->task_limit);
    return 0;
}

/* ---- All there are, for those who look at all tasks ---- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct coir_runtime *all; /* under lock */

void
cr_runtimes_hold(void)
{
    cr_tell_held(&lock);
    pthread_mutex_lock(&lock);
}

void
cr_runtimes_let(void)
{
    pthread_mutex_unlock(&lock);
    cr_tell_let(&lock);
}

struct coir_runtime *
cr_runtimes_first(void)
{
    return all;
}

static void
remember(struct coir_runtime *runtime)
{
    cr_fork_look_for();
    cr_runtimes_hold();
    runtime->next = all;
    all = runtime;
    cr_runtimes_let();
}

static void
forget(struct coir_runtime *runtime)
{
    struct coir_runtime **link = &all;
    cr_runtimes_hold();
    while (*link != runtime)
        link = &(*link)->next;
    *link = runtime->next;
    cr_runtimes_let();
}

/* ---- Making and unmaking ---- */

static void
find_sink(coir_log_sink **sink, void **arg)
{
    const struct coir_runtime *runtime = cr_here.worker ? cr_here.worker->runtime : cr_here.serving;
    if (!runtime || !runtime->options.log)
        return;
    *sink = runtime->options.log;
    *arg = runtime->options.log_arg;
}

static int
open_workers(struct coir_runtime *runtime, const struct cr_backend *backend)
{
    for (unsigned i = 0; i < runtime->count; i++) {
        int error = cr_worker_init(&runtime->workers[i], runtime, i, backend);
        if (error) {
            while (i-- > 0)
                cr_worker_fini(&runtime->workers[i]);
            return error;
        }
    }
    runtime->options.backend = backend->name;
    return 0;
}

/* With the best backend that opens, if none was named. A lack of descriptors or of workers' slots would meet the next one
 * as well. */
static int
open_workers_somehow(struct coir_runtime *runtime)
{
    const char *name = runtime->options.backend;
    const struct cr_backend *backend;
    char refused[256] = "";
    size_t length = 0;
    int error = -EINVAL;
    for (size_t nth = 0; (backend = cr_backend_choice(name, nth)); nth++) {
        error = open_workers(runtime, backend);
        if (!error || error == -EMFILE || error == -ENFILE || error == -EAGAIN)
            break;
        if (length < sizeof refused)
            length += (size_t)snprintf(refused + length, sizeof refused - length, "%s%s (%s)", nth ? ", " : "",
                                       backend->name, coir_error_text(error));
    }
    if (!error && length)
        cr_log_to(runtime->options.log, runtime->options.log_arg, COIR_LOG_INFO,
                  "the backend is %s: refused here was %s", backend->name, refused);
    return error;
}

/* Before there are other threads. stays: the calling thread is there as long as the runtime is. */
static int
start_helper(struct coir_runtime *runtime, bool stays)
{
    int error;
    runtime->helper.fd = -1;
    if (!runtime->options.processes)
        return 0;
    error = cr_fork_check("processes", -EBUSY, "start the runtime before there are threads");
    if (error)
        return error;
    error = cr_helper_start(&runtime->helper, stays || cr_process_is_first_thread(), cr_child_run);
    return error ? cr_fail(error, "processes: their helper cannot be started: %s", coir_error_text(error)) : 0;
}

static int
make(const struct coir_runtime_options *wanted, bool stays, struct coir_runtime **made)
{
    struct coir_runtime_options options = wanted ? *wanted : (struct coir_runtime_options){0};
    struct coir_runtime *runtime;
    const char *carrier;
    size_t size;
    int error = resolve(&options);
    *made = NULL;
    if (error)
        return error;
    size = sizeof *runtime + (size_t)options.workers * sizeof runtime->workers[0];
    runtime = cr_alloc_aligned(CR_CACHE_LINE, (size + CR_CACHE_LINE - 1) & ~(size_t)(CR_CACHE_LINE - 1));
    if (!runtime)
        return -ENOMEM;
    memset(runtime, 0, size);
    snprintf(runtime->name, sizeof runtime->name, "%s", options.name ? options.name : "coir");
    runtime->options = options;
    runtime->options.name = runtime->name;
    runtime->count = (unsigned)options.workers;
    runtime->processors = cr_world.processors();
    carrier = cr_world.environment("COIR_CARRIER");
    runtime->all_on_threads = carrier && !strcmp(carrier, "thread");
    if (runtime->all_on_threads)
        runtime->options.carrier = COIR_ON_THREAD;
    cr_log_find_sink = find_sink;
    error = start_helper(runtime, stays);
    if (error)
        goto fail_free;
    error = open_workers_somehow(runtime);
    if (error)
        goto fail_helper;
    if (!options.no_overflow_report)
        (void)cr_world.fault_handler(cr_overflow_report);
    error = cr_monitor_start(runtime);
    if (error)
        goto fail_workers;
    remember(runtime);
    *made = runtime;
    return 0;

fail_workers:
    for (unsigned i = 0; i < runtime->count; i++)
        cr_worker_fini(&runtime->workers[i]);
fail_helper:
    cr_helper_stop(&runtime->helper);
fail_free:
    cr_free(runtime);
    return error;
}

static void
unmake(struct coir_runtime *runtime)
{
    cr_threads_join(runtime);
    cr_monitor_stop(runtime);
    cr_offload_stop(runtime);
    forget(runtime);
    for (unsigned i = 0; i < runtime->count; i++)
        cr_worker_fini(&runtime->workers[i]);
    cr_helper_stop(&runtime->helper);
    cr_free(runtime);
}

/* A worker's thread; at its end it is counted out, and the last tells who waits in coir_runtime_stop. */
static void
run_worker(void *arg)
{
    struct cr_worker *worker = arg;
    struct coir_runtime *runtime = worker->runtime;
    struct cr_note *chain = NULL;
    uintptr_t left;
    cr_worker_run(worker);
    left = cr_guard_take(&runtime->left_word) + CR_ONE_LEFT;
    if (left == runtime->count * CR_ONE_LEFT)
        chain = cr_waiters_claim_all(&runtime->left_waiters, 0);
    cr_guard_release(&runtime->left_word, left);
    cr_unpark_all(chain);
    cr_quiet_out();
    cr_quiet_know(-1);
}

static int
start_threads(struct coir_runtime *runtime, unsigned from)
{
    for (unsigned i = from; i < runtime->count; i++) {
        char name[CR_NAME + 16];
        int error;
        snprintf(name, sizeof name, "%.10s-%u", runtime->name, i);
        cr_quiet_know(1);
        cr_quiet_in();
        error = cr_world.thread_start(run_worker, &runtime->workers[i], name, &runtime->workers[i].thread);
        if (!error)
            continue;
        cr_quiet_know(-1);
        cr_quiet_out();
        return cr_fail(error, "no thread for worker %u: %s; see ulimit -u", i, coir_error_text(error));
    }
    return 0;
}

/* All that have been started; they leave their loops when the state is DONE. */
static void
join_threads(struct coir_runtime *runtime)
{
    for (unsigned i = 0; i < runtime->count; i++)
        if (runtime->workers[i].thread)
            cr_world.thread_join(runtime->workers[i].thread);
}

/* ---- The public part ---- */

/* On the worker of the first task, at its end. */
static void
first_ended(struct coir_task *task)
{
    task->runtime->result = task->result;
    if (cr_unlikely(cr_child_is()))
        cr_child_first(task->scope);
    if (task->result < 0)
        cr_detail_move(task, task->scope);
    cr_runtime_advance(task->runtime, CR_RUNTIME_ENDING);
}

static void
mark_first(struct coir_task *task, void *caller)
{
    task->on_end = first_ended;
    task->scope = caller; /* who gets the sentence about a failure */
    if (cr_unlikely(cr_child_is())) {
        cr_child_first(task);
        if (coir_is_canceled())
            coir_cancel(task);
    }
}

int
coir_run(coir_function *function, void *arg, const struct coir_runtime_options *options)
{
    struct coir_runtime *runtime;
    struct coir_task *self = cr_task_self();
    int error, result;
    if (coir_runtime_self())
        return cr_fail(-EBUSY, "coir_run was called from a task: use coir_runtime_start for a second runtime");
    error = make(options, true, &runtime);
    if (error)
        return error;
    error = start_threads(runtime, 1);
    if (!error)
        error = cr_go(runtime, function, arg, NULL, CR_NEAR, mark_first, self, NULL);
    if (error) {
        cr_runtime_advance(runtime, CR_RUNTIME_DONE);
        join_threads(runtime);
        unmake(runtime);
        return error;
    }
    cr_store_rlx(&self->flags, cr_load_rlx(&self->flags) | CR_TASK_SERVANT);
    cr_worker_run(&runtime->workers[0]);
    cr_store_rlx(&self->flags, cr_load_rlx(&self->flags) & ~(uint32_t)CR_TASK_SERVANT);
    join_threads(runtime);
    result = runtime->result;
    unmake(runtime);
    return result;
}

int
coir_runtime_start(const struct coir_runtime_options *options, struct coir_runtime **runtime)
{
    int error;
    (void)cr_task_self(); /* this thread may wake its tasks */
    error = make(options, false, runtime);
    if (error)
        return error;
    error = start_threads(*runtime, 0);
    if (error) {
        cr_runtime_advance(*runtime, CR_RUNTIME_DONE);
        join_threads(*runtime);
        unmake(*runtime);
        *runtime = NULL;
    }
    return error;
}

/* false: the runtime is done, and its memory may go at any moment. */
bool
cr_runtime_begin_call(struct coir_runtime *runtime)
{
    uint64_t calls = cr_load_acq(&runtime->calls);
    do
        if (calls & CR_NO_MORE)
            return false;
    while (!cr_cas_ar(&runtime->calls, &calls, calls + CR_ONE_CALL)); /* pairs with cr_runtime_check */
    return true;
}

static const struct cr_edge_kind all_ended_kind = {.text = "the end of a runtime's tasks"};
static const struct cr_edge all_ended = {.kind = &all_ended_kind};

/* After this the runtime may be gone. */
void
cr_runtime_end_call(struct coir_runtime *runtime)
{
    (void)cr_add_ar(&runtime->calls_left, 1);
}

int
coir_runtime_go(struct coir_runtime *runtime, coir_function *function, void *arg,
                const struct coir_task_options *options, struct coir_task **task)
{
    int error;
    if (task)
        *task = NULL;
    if (!cr_runtime_begin_call(runtime))
        return cr_fail(-EPIPE, "the runtime is stopped");
    if (cr_load_acq(&runtime->state) >= CR_RUNTIME_STOPPING)
        error = cr_fail(-EPIPE, "runtime '%s' is being stopped", runtime->name);
    else
        error = cr_go(runtime, function, arg, options, CR_SPREAD, NULL, NULL, task);
    cr_runtime_end_call(runtime);
    return error;
}

int
coir_runtime_stop(struct coir_runtime *runtime, coir_time deadline)
{
    struct coir_task *self = cr_task_self();
    struct cr_wait wait;
    uintptr_t state;
    int error = cr_enter(self, deadline);
    if (error)
        return error;
    if (coir_runtime_self() == runtime)
        return cr_fail(-EBUSY, "coir_runtime_stop was called from a task of that runtime");
    cr_runtime_advance(runtime, CR_RUNTIME_STOPPING);
    state = cr_guard_take(&runtime->left_word);
    if (state != runtime->count * CR_ONE_LEFT) {
        error = cr_may_wait(deadline);
        if (!error) {
            cr_wait_begin_for(&wait, self, &all_ended);
            cr_waiters_append(&runtime->left_waiters, &wait);
        }
        cr_guard_release(&runtime->left_word, state);
        if (!error)
            error = cr_park(&wait, deadline);
        if (error) {
            state = cr_guard_take(&runtime->left_word);
            if (deadline != COIR_NOW)
                cr_waiters_remove(&runtime->left_waiters, &wait);
            cr_guard_release(&runtime->left_word, state);
            return error;
        }
    } else {
        cr_guard_release(&runtime->left_word, state);
    }
    join_threads(runtime);
    unmake(runtime);
    return 0;
}

struct coir_runtime *
coir_runtime_self(void)
{
    if (cr_here.worker)
        return cr_here.worker->runtime;
    return cr_here.task ? cr_load_rlx(&cr_here.task->runtime) : NULL; /* a task on a thread; a plain thread has none */
}

const char *
coir_runtime_backend(const struct coir_runtime *runtime)
{
    return runtime->options.backend;
}

int
coir_runtime_workers(const struct coir_runtime *runtime)
{
    return (int)runtime->count;
}

int
coir_worker_self(void)
{
    return cr_here.worker ? (int)cr_here.worker->index : -1;
}
