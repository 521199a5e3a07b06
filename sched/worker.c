/* sched/worker.c: the loop of a worker.
 *
 * Fairness: every 64 turns the loop looks at its inbox, its timers and its backend, whatever is ready (at the backend
 * only if all fibers whose operations came back last time have run); every 16th turn a newborn goes first. A monitor
 * thread makes a look due each few milliseconds in case turns are long.
 *
 * Going to sleep: set the idle bit; look again into every ring of newborns; say ASLEEP in the inbox; wait in the backend.
 * A spawner pushes, fences, reads the idle bits: one of both sees the other (Dekker). A poster finds ASLEEP or is found. */
#include "sched/worker.h"
#include "backend/descriptor.h"
#include "base/fault.h"
#include "sched/operate.h"
#include "sched/quiet.h"
#include "sched/runtime.h"

#include <string.h>

enum {
    TURNS = 64,         /* between two looks */
    NEWBORN_FIRST = 16, /* turns */
    SPIN = 10000,       /* ns: at most so long before sleeping, */
    QUICK_SLEEPS = 2,   /* if so many sleeps were ended by a note within that time; */
    MOST_QUICK = 1024,  /* twice as many after each spinning in vain, up to this */
    BLOCKS_KEPT = 64    /* free task blocks of an idle worker */
};

void
cr_worker_post(struct cr_worker *worker, struct cr_note *note)
{
    if (cr_inbox_push(&worker->inbox, note))
        worker->backend->wake(worker->backend_self);
}

/* ---- Notes ---- */

static void
note_ready(struct cr_worker *worker, struct cr_note *note)
{
    cr_worker_ready(worker, cr_container(note, struct coir_task, ready));
}

static void
note_look(struct cr_worker *worker, struct cr_note *note)
{
    cr_task_noticed(worker, cr_container(note, struct coir_task, look));
}

/* Placed here on purpose: not to be stolen. */
static void
note_newborn(struct cr_worker *worker, struct cr_note *note)
{
    struct coir_task *task = cr_container(note, struct coir_task, ready);
    if (cr_task_bind(worker, task) == 0)
        cr_worker_ready(worker, task);
}

static void
note_nudge(struct cr_worker *worker, struct cr_note *note)
{
    (void)note;
    cr_store_rel(&worker->nudged, 0);
    worker->searching = true;
    worker->turns = 0;
}

static void
cancel_if_ours(struct coir_task *task, void *arg)
{
    if (cr_load_rlx(&task->worker) != arg || !cr_load_rlx(&task->id))
        return;
    (void)cr_or_ar(&task->canceled, 1);
    cr_task_look(task);
}

/* All tasks of this worker are canceled, by itself: none of them can end meanwhile. Later ones are when they are bound. */
static void
note_stop(struct cr_worker *worker, struct cr_note *note)
{
    (void)note;
    cr_store_rel(&worker->stop_posted, 0);
    if (worker->stopping || cr_load_acq(&worker->runtime->state) != CR_RUNTIME_STOPPING)
        return; /* when it is done nobody is left */
    worker->stopping = true;
    cr_task_each(cancel_if_ours, worker);
    if (!worker->index)
        cr_threads_cancel(worker->runtime);
}

static void (*const note_handlers[])(struct cr_worker *worker, struct cr_note *note) = {
    [CR_NOTE_READY] = note_ready, [CR_NOTE_LOOK] = note_look, [CR_NOTE_NEWBORN] = note_newborn,
    [CR_NOTE_NUDGE] = note_nudge, [CR_NOTE_STOP] = note_stop,
};

static void
drain(struct cr_worker *worker)
{
    struct cr_note *note = cr_inbox_drain(&worker->inbox);
    while (note) {
        struct cr_note *following = CR_SHARED_READ(note->next);
        note_handlers[CR_SHARED_READ(note->kind)](worker, note);
        note = following;
    }
}

/* ---- What time has brought, what the kernel has brought ---- */

static void
expire(struct cr_worker *worker)
{
    if (!worker->timers.count)
        return;
    cr_here.now = cr_now();
    cr_timers_expire(&worker->timers, cr_here.now);
}

static void
deliver(struct cr_worker *worker, struct cr_list *done)
{
    while (!cr_list_is_empty(done)) {
        struct cr_op *op = cr_container(done->next, struct cr_op, link);
        cr_list_remove(&op->link);
        worker->handed_back++;
        CR_STEP(2); /* JOURNEY 2: what the backend hands over is made ready */
        cr_operation_done(worker, op);
    }
}

static void
reap(struct cr_worker *worker, coir_time until)
{
    struct cr_list done;
    int error = worker->backend->reap(worker->backend_self, until, &done);
    if (error)
        coir_log(COIR_LOG_ERROR, "the %s backend failed: %s", worker->backend->name, coir_error_text(error));
    deliver(worker, &done);
}

static void
look_around(struct cr_worker *worker)
{
    bool overdue = cr_load_rlx(&worker->overdue);
    cr_store_rlx(&worker->overdue, 0);
    if (overdue) /* each few milliseconds, while there is something to do */
        cr_here.now = cr_now();
    drain(worker);
    expire(worker);
    /* What came back last time runs first, which is its turn anyway: fetched earlier, the next ones would only wait behind
     * it, and what the kernel touched of their sockets would be out of the cache when they run (7 % of an echo server's
     * time at 1,000 connections). */
    if ((!worker->returned || overdue) && worker->backend->maybe_ready(worker->backend_self))
        reap(worker, COIR_NOW);
    /* Daemons that never sleep must not keep a runtime from ending. */
    if (cr_unlikely(cr_load_rlx(&worker->runtime->state) == CR_RUNTIME_ENDING)) {
        coir_time again;
        (void)cr_runtime_check(worker->runtime, &again);
    }
}

/* ---- Sleeping ---- */

static void
give_memory_back(struct cr_worker *worker)
{
    coir_time now;
    if (worker->stacks.trim_at == COIR_NEVER) {
        if (cr_stacks_worth_trimming(&worker->stacks))
            worker->stacks.trim_at = cr_now() + COIR_SECOND;
        return;
    }
    now = cr_now();
    if (now < worker->stacks.trim_at)
        return;
    cr_stacks_trim(&worker->stacks, now);
    cr_task_cache_trim(&worker->blocks, BLOCKS_KEPT);
}

/* A short wait for a note without sleeping, where that has been worth it lately. It never is while both share a processor,
 * and that may last: so each time in vain makes the next one rarer. */
static bool
spin_for_note(struct cr_worker *worker)
{
    coir_time end;
    if (worker->quick_sleeps < worker->quick_wanted || worker->runtime->count < 2 || worker->runtime->processors < 2)
        return false;
    for (end = cr_now() + SPIN; cr_now() < end;)
        for (int i = 0; i < 16; i++, cr_relax())
            if (cr_load_rlx(&worker->inbox.head)) {
                worker->quick_wanted = QUICK_SLEEPS;
                return true;
            }
    worker->quick_sleeps = 0;
    worker->quick_wanted = worker->quick_wanted < MOST_QUICK ? 2 * worker->quick_wanted : MOST_QUICK;
    return false;
}

static void
sleep_until_something(struct cr_worker *worker)
{
    struct coir_runtime *runtime = worker->runtime;
    uint64_t bit = UINT64_C(1) << worker->index;
    coir_time until, before, again;
    bool only_others;
    if (spin_for_note(worker))
        return;
    (void)cr_or_sc(&runtime->idle, bit); /* against the fence in cr_go: newborn pushed, or idle bit seen */
    if (worker->searching && !CR_MUTANT(SEARCHING_KEPT)) {
        worker->searching = false;
        (void)cr_swap_sc(&runtime->searching,
                         0); /* before the rings are read: a spawner behind its fence sees it, or we its newborn */
    }
    if ((CR_MUTANT(RINGS_NOT_READ_AGAIN) || !cr_newborns_anywhere(runtime)) && !cr_runtime_check(runtime, &again) &&
        cr_inbox_doze(&worker->inbox)) {
        give_memory_back(worker);
        until = cr_timers_next(&worker->timers);
        if (worker->stacks.trim_at < until)
            until = worker->stacks.trim_at;
        if (again < until)
            until = again;
        before = cr_now();
        only_others = !worker->in_flight && again == COIR_NEVER && cr_timers_next(&worker->timers) == COIR_NEVER;
        if (only_others) /* can wake it up: it is one of those that wait */
            cr_quiet_out();
        reap(worker, until);
        if (only_others)
            cr_quiet_in();
        cr_here.now = cr_now();
        cr_inbox_wake_up(&worker->inbox);
        worker->quick_sleeps = runtime->count > 1 && cr_here.now - before < SPIN && cr_load_rlx(&worker->inbox.head)
                                   ? worker->quick_sleeps + 1
                                   : 0;
        cr_monitor_wake(runtime);
    }
    (void)cr_and_sc(&runtime->idle, ~bit);
    /* Against nudge_one: whoever left the search to us must not wait until we look at our notes. */
    if (cr_load_sc(&worker->nudged))
        worker->searching = true;
}

/* ---- The loop ---- */

static struct coir_task *
pop_ready(struct cr_worker *worker)
{
    struct cr_note *note = worker->ready;
    if (!note)
        return NULL;
    worker->ready = CR_SHARED_READ(note->next);
    if (!worker->ready)
        worker->ready_end = &worker->ready;
    return cr_container(note, struct coir_task, ready);
}

/* A newborn of this worker, or of another one, with its stack; NULL: none. */
static struct coir_task *
newborn(struct cr_worker *worker, struct coir_task *(*from)(struct cr_worker *worker))
{
    struct coir_task *task;
    while ((task = from(worker)))
        if (cr_task_bind(worker, task) == 0)
            return task;
    return NULL;
}

static struct coir_task *
pick(struct cr_worker *worker)
{
    struct coir_task *task;
    if (worker->turns <= 0 || cr_load_rlx(&worker->overdue)) {
        worker->turns = NEWBORN_FIRST;
        if (++worker->ticks % (TURNS / NEWBORN_FIRST) == 0 || cr_load_rlx(&worker->overdue))
            look_around(worker);
        else
            drain(worker); /* reads one word, which is in our cache as long as nobody posts */
        if ((task = newborn(worker, cr_newborn_take)))
            return task;
    }
    if ((task = pop_ready(worker)) || (task = newborn(worker, cr_newborn_take)))
        return task;
    drain(worker);
    expire(worker);
    if ((task = pop_ready(worker)) || (task = newborn(worker, cr_newborn_take)) ||
        (task = newborn(worker, cr_newborn_steal)))
        return task;
    sleep_until_something(worker);
    return pop_ready(worker);
}

/* A searcher that has found something lets the next one search if there is more. */
static void
found_work(struct cr_worker *worker)
{
    worker->searching = false;
    if (CR_MUTANT(FOUND_BY_STORE))
        cr_store_rel(&worker->runtime->searching, 0);
    else
        (void)cr_swap_sc(&worker->runtime->searching, 0); /* before the rings are read, as in sleep_until_something */
    if (cr_newborns_anywhere(worker->runtime))
        cr_nudge(worker->runtime);
}

static inline void
enter(struct cr_worker *worker, struct coir_task *task)
{
    cr_bump(&worker->slices);
    cr_store_rlx(&worker->current, task);
    cr_here.task = task;
    CR_STEP(3); /* JOURNEY 3: the loop enters the fiber */
}

/* cr_park leaves for its worker's loop without knowing what a worker is. */
_Static_assert(offsetof(struct cr_worker, loop) == 0, "a worker begins with its loop");

/* Everything but the plain case of next. */
static __attribute__((noinline)) struct cr_context *
next_slowly(struct cr_worker *worker)
{
    struct coir_task *task = cr_load_rlx(&worker->current);
    bool step_done = task && worker->once;
    if (task && cr_load_rlx(&task->flags) & CR_TASK_OVER)
        cr_task_over(worker, task);
    cr_store_rlx(&worker->current, NULL);
    cr_here.task = NULL;
    if (step_done)
        return NULL;
    while (!(task = pick(worker)))
        if (worker->once || cr_load_acq(&worker->runtime->state) == CR_RUNTIME_DONE)
            return NULL;
    if (worker->searching)
        found_work(worker);
    enter(worker, task);
    return &task->context;
}

/* Called between two fibers, on the loop's own stack: which fiber is next. The plain case, that the run queue has one
 * and nothing else is due, stays without a call, so that it needs no registers saved. */
static struct cr_context *
next(void *arg)
{
    struct cr_worker *worker = arg;
    struct coir_task *task = cr_load_rlx(&worker->current);
    struct cr_note *note = worker->ready;
    if (cr_likely(note && task && --worker->turns > 0 && !cr_load_rlx(&worker->overdue)) &&
        cr_likely(!(cr_load_rlx(&task->flags) & CR_TASK_OVER))) {
        struct cr_note *following = note->next;
        worker->ready = following;
        if (following) { /* its frames and the block behind it are fetched while this one runs: 25 % at 1,000 fibers */
            char *sp = cr_container(following, struct coir_task, ready)->context.sp;
            __builtin_prefetch(sp);
            __builtin_prefetch(sp + 64);
            __builtin_prefetch(sp + 128);
            __builtin_prefetch(following->next);
        } else {
            worker->ready_end = &worker->ready;
        }
        task = cr_container(note, struct coir_task, ready);
        enter(worker, task);
        return &task->context;
    }
    return next_slowly(worker);
}

/* The same for steps: turns are counted, but each goes the long way, which comes back after one fiber. */
static struct cr_context *
next_of_step(void *arg)
{
    struct cr_worker *worker = arg;
    if (cr_load_rlx(&worker->current))
        --worker->turns;
    return next_slowly(worker);
}

/* Either where there is C++: a fiber's exceptions in flight leave the thread with it, and come back with it. */
static struct cr_context *
next_beside_exceptions(void *arg)
{
    struct cr_worker *worker = arg;
    struct coir_task *task = cr_load_rlx(&worker->current);
    struct cr_context *context;
    if (cr_unlikely(cr_exceptions_in_flight(worker->exceptions))) {
        task->in_flight = cr_exceptions_take(worker->exceptions);
        cr_store_rlx(&task->flags, cr_load_rlx(&task->flags) | CR_TASK_IN_FLIGHT);
    }
    context = worker->once ? next_of_step(worker) : next(worker);
    if (!context)
        return NULL;
    task = cr_container(context, struct coir_task, context);
    if (cr_unlikely(cr_load_rlx(&task->flags) & CR_TASK_IN_FLIGHT)) {
        *worker->exceptions = task->in_flight;
        cr_store_rlx(&task->flags, cr_load_rlx(&task->flags) & ~(uint32_t)CR_TASK_IN_FLIGHT);
    }
    return context;
}

/* Enters fibers until there is no next one. A caller of coir_run may be inside a catch block itself. */
static void
enter_all(struct cr_worker *worker)
{
    struct cr_exceptions callers;
    worker->exceptions = cr_exceptions_of_thread();
    if (!worker->exceptions) {
        cr_context_loop(&worker->loop, worker->once ? next_of_step : next, worker);
        return;
    }
    callers = cr_exceptions_take(worker->exceptions);
    cr_context_loop(&worker->loop, next_beside_exceptions, worker);
    *worker->exceptions = callers;
}

bool
cr_step(struct cr_worker *worker)
{
    uint64_t before = cr_load_rlx(&worker->slices);
    cr_here.worker = worker;
    worker->once = true;
    enter_all(worker);
    cr_here.worker = NULL;
    return cr_load_rlx(&worker->slices) != before;
}

/* Until the runtime is done and nothing is ready. */
static void
run_by_steps(struct cr_worker *worker)
{
    while (cr_step(worker) || cr_load_acq(&worker->runtime->state) != CR_RUNTIME_DONE)
        cr_world.turn();
}

void
cr_worker_run(struct cr_worker *worker)
{
    struct cr_here before = cr_here;
    void *bottom = NULL,
         *fault_stack = worker->runtime->options.no_overflow_report ? NULL : cr_world.fault_stack_open();
    size_t size = 0;
    (void)cr_world.thread_bounds(&bottom, &size);
    cr_context_init_loop(&worker->loop, bottom, size);
    cr_here = (struct cr_here){.worker = worker, .now = cr_now()};
    if (cr_world.turn)
        run_by_steps(worker);
    else
        enter_all(worker);
    if (worker->backend->leave)
        worker->backend->leave(worker->backend_self);
    cr_here = before;
    cr_world.fault_stack_close(fault_stack);
}

int
cr_worker_init(struct cr_worker *worker, struct coir_runtime *runtime, unsigned index, const struct cr_backend *backend)
{
    int slot, error;
    memset(worker, 0, sizeof *worker); /* it may have been tried with another backend */
    worker->runtime = runtime;
    worker->index = index;
    worker->ready_end = &worker->ready;
    worker->quick_wanted = QUICK_SLEEPS;
    worker->nudge.kind = CR_NOTE_NUDGE;
    worker->stop.kind = CR_NOTE_STOP;
    worker->backend = backend;
    cr_stacks_init(&worker->stacks, runtime->options.stack_size);
    /* The slot first, as the backend wants to know it; the backend is told to the slot when it is there. */
    slot = cr_descriptor_join(worker->backend);
    if (slot < 0)
        return cr_fail(slot, "64 workers run in this process already");
    worker->slot = (unsigned)slot;
    error = worker->backend->open(&worker->backend_self, worker->slot);
    if (error) {
        cr_descriptor_leave(worker->slot);
        return cr_fail(error, "the %s backend cannot be opened: %s", worker->backend->name, coir_error_text(error));
    }
    cr_descriptor_settle(worker->slot, worker->backend_self);
    return 0;
}

void
cr_worker_fini(struct cr_worker *worker)
{
    cr_descriptor_settle(worker->slot, NULL); /* from here on no close on another thread finds it */
    worker->backend->close(worker->backend_self);
    cr_backend_count(worker->backend, worker->handed_back);
    cr_descriptor_leave(worker->slot);
    cr_timers_fini(&worker->timers);
    cr_stacks_fini(&worker->stacks);
    cr_task_cache_trim(&worker->blocks, 0);
}
