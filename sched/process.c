/* sched/process.c: tasks that are processes.
 *
 * To the program such a task is a fiber of the runtime (or a thread), which asks the helper (backend/helper.h) for a child
 * and looks after it until it has ended. So whatever works on tasks works on processes: join, scopes, limits, select. Cancel
 * ends the fiber's wait, and it passes it on as SIGTERM; its own waits are shielded from then on.
 *
 * The child's end is seen by a descriptor of it (pidfd), which can be read then; where there is none, it is asked for every
 * few milliseconds. A child that the helper keeps ends with a word on the line.
 *
 * When the runtime stops, a daemon has a second after SIGTERM, and then gets SIGKILL; an orphan is left alone. */
#include "sched/process.h"
#include "backend/descriptor.h"
#include "backend/process.h"
#include "base/memory.h"
#include "sched/operate.h"
#include "sched/runtime.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#define ASK_AGAIN (5 * COIR_MS)  /* whether it has ended, where nothing tells */
#define BUSY_AGAIN COIR_MS       /* the helper, or this process's descriptors */
#define STOP_LOOK (50 * COIR_MS) /* whether the runtime is being stopped */
#define LAST_GRACE COIR_SECOND   /* of daemons */

/* ---- What goes along ---- */

static int
duplicate(struct cr_parcel *parcel, const int *descriptors, size_t count)
{
    for (parcel->count = 0; parcel->count < count; parcel->count++) {
        int fd = cr_process_duplicate(descriptors[parcel->count]);
        if (fd < 0)
            return cr_fail(fd, "descriptor %d cannot go along with a task: %s", descriptors[parcel->count],
                           coir_error_text(fd));
        parcel->descriptors[parcel->count] = fd;
    }
    return 0;
}

void
cr_parcel_drop(struct cr_parcel *parcel)
{
    for (uint32_t i = 0; i < parcel->count; i++)
        if (parcel->descriptors[i] >= 0 && !parcel->taken[i])
            (void)cr_world.close(parcel->descriptors[i]);
}

static int
run_parcel(void *arg)
{
    struct cr_parcel *parcel = arg;
    int result = parcel->function(parcel->arg);
    cr_parcel_drop(parcel);
    parcel->count = 0;
    return result;
}

static int look_after(void *arg);

static size_t
aligned(size_t size)
{
    return (size + 15) & ~(size_t)15;
}

int
cr_parcel_make(struct coir_task *task, coir_function *function, void *arg, const struct coir_task_options *options,
               bool is_process)
{
    size_t head = aligned(is_process ? sizeof(struct cr_process) : sizeof(struct cr_parcel)),
           count = options->descriptor_count;
    size_t numbers = aligned(count * (sizeof(int) + sizeof(bool)));
    char *memory = cr_alloc_zero(head + numbers + options->arg_size);
    struct cr_parcel *parcel = (struct cr_parcel *)(void *)memory;
    int error;
    if (!memory)
        return -ENOMEM;
    parcel->function = function;
    parcel->arg = options->arg_size ? memory + head + numbers : arg;
    parcel->size = (uint32_t)options->arg_size;
    parcel->descriptors = (int *)(void *)(memory + head);
    parcel->taken = (bool *)(parcel->descriptors + count);
    if (options->arg_size)
        memcpy(parcel->arg, arg, options->arg_size);
    error = duplicate(parcel, options->descriptors, count);
    if (error) {
        cr_parcel_drop(parcel);
        cr_free(memory);
        return error;
    }
    if (is_process) {
        struct cr_process *process = (struct cr_process *)parcel;
        process->orphan = options->orphan;
        process->daemon = options->daemon;
        process->watch = process->line = -1;
    }
    task->copy = parcel;
    CR_SHARED_WRITE(task->function) = is_process ? look_after : run_parcel;
    task->arg = parcel;
    cr_store_rlx(&task->flags, cr_load_rlx(&task->flags) | CR_TASK_PARCEL | (is_process ? CR_TASK_PROCESS : 0) |
                                   (options->orphan ? CR_TASK_DAEMON : 0));
    return 0;
}

/* ---- Waiting ---- */

static void
describe(const void *object, char *text, size_t size)
{
    const struct cr_process *process = object;
    snprintf(text, size, "the end of process %d", (int)process->number);
}

static const struct cr_edge_kind kind_end = {.describe = describe};

/* Until the descriptor can be read, and reads; what operations answer. */
static int
read_from(const struct cr_process *process, int fd, enum cr_op_kind kind, struct cr_word *word, coir_time deadline)
{
    struct cr_edge edge = {.kind = &kind_end, .object = process};
    struct cr_pending pending = {
        .op = {.kind = kind, .fd = fd, .by_poll = kind == CR_OP_READ, .data = word, .length = sizeof *word}};
    int error = cr_enter(cr_task_self(), deadline);
    return error ? error : cr_operate_for(&pending, &edge, NULL, deadline);
}

static bool
is_about_us(int result)
{
    return result == -ECANCELED || result == -ETIMEDOUT;
}

/* A process of which we are told by a word. 0: it has ended, *result is how. */
static int
await_word(struct cr_process *process, int *result, coir_time deadline)
{
    struct cr_word word;
    for (;;) {
        int size = read_from(process, process->line, CR_OP_RECEIVE, &word, deadline);
        if (is_about_us(size))
            return size;
        if (size != (int)sizeof word || word.kind == CR_WORD_FAILED) {
            *result = size == (int)sizeof word ? word.value
                                               : cr_fail(-ECHILD, "the helper that makes processes is gone, and what "
                                                                  "became of this one is not known");
            return 0;
        }
        if (word.kind == CR_WORD_RETURNED) {
            process->returned = word.value;
            process->has_returned = true;
        } else if (word.kind == CR_WORD_ENDED) {
            *result = word.value;
            return 0;
        }
    }
}

/* One of our own. It is asked under the guard, so that no signal is sent to whoever gets its number next. */
static int
await_watch(struct cr_process *process, int *result, coir_time deadline)
{
    struct cr_word none;
    for (;;) {
        int told = 0, answer;
        uintptr_t state;
        if (process->watch >= 0)
            told = read_from(process, process->watch, CR_OP_READ, &none, deadline);
        state = cr_guard_take(&process->word);
        answer = cr_process_reap(process->pid, process->watch, false, result);
        if (answer != -EAGAIN)
            process->pid = 0;
        cr_guard_release(&process->word, state);
        if (answer == -ECHILD)
            *result = cr_fail(-ECHILD, "how process %d ended is not known: somebody else has waited for it",
                              (int)process->number);
        if (answer != -EAGAIN)
            return 0;
        if (is_about_us(told))
            return told;
        if (process->watch < 0 || told != -EINVAL) { /* nothing tells, or not now */
            coir_time next = coir_after(ASK_AGAIN);
            answer = coir_sleep(deadline < next ? deadline : next);
            if (answer || (deadline != COIR_NEVER && deadline <= coir_now()))
                return answer ? answer : -ETIMEDOUT;
        }
    }
}

static int
await(struct cr_process *process, int *result, coir_time deadline)
{
    return process->kept ? await_word(process, result, deadline) : await_watch(process, result, deadline);
}

/* ---- The task's own function ---- */

static int
signal_to(struct cr_process *process, int signal)
{
    uintptr_t state = cr_guard_take(&process->word);
    int error = -ESRCH;
    if (process->pid && process->kept)
        error = cr_word_say(process->line, CR_WORD_KILL, signal);
    else if (process->pid)
        error = cr_process_kill(process->pid, process->watch, signal);
    cr_guard_release(&process->word, state);
    return error == -EPIPE ? -ESRCH : error;
}

static bool
is_stopping(void)
{
    return cr_load_acq(&coir_runtime_self()->state) >= CR_RUNTIME_STOPPING;
}

/* It has been told to end. Daemons and orphans do not keep a runtime that stops. */
static int
await_told(struct cr_process *process)
{
    coir_time last = COIR_NEVER;
    int result;
    while (await(process, &result, process->daemon || process->orphan ? coir_after(STOP_LOOK) : COIR_NEVER)) {
        if (process->orphan && is_stopping())
            return 0;
        if (last == COIR_NEVER && is_stopping())
            last = coir_after(LAST_GRACE);
        if (coir_now() >= last)
            (void)signal_to(process, SIGKILL);
    }
    return result;
}

static void
let_go(struct cr_process *process)
{
    uintptr_t state = cr_guard_take(&process->word);
    process->pid = 0;
    cr_guard_release(&process->word, state);
    if (process->watch >= 0)
        (void)cr_descriptor_close(process->watch);
    if (process->line >= 0)
        (void)cr_descriptor_close(process->line);
    process->watch = process->line = -1;
}

int
cr_process_look_after(struct cr_process *process)
{
    struct cr_word word;
    int result;
    if (await(process, &result, COIR_NEVER)) {
        COIR_SHIELD();
        if (process->orphan && is_stopping()) {
            let_go(process);
            return 0;
        }
        (void)signal_to(process, SIGTERM);
        result = await_told(process);
    }
    {
        COIR_SHIELD();
        while (!process->kept && !process->has_returned && process->line >= 0 &&
               read_from(process, process->line, CR_OP_RECEIVE, &word, COIR_NOW) == (int)sizeof word)
            if (word.kind == CR_WORD_RETURNED) {
                process->returned = word.value;
                process->has_returned = true;
            }
    }
    let_go(process);
    return result >= 0 && process->has_returned ? process->returned : result;
}

static int
ask(struct cr_process *process, int line)
{
    const struct cr_helper *helper = &coir_runtime_self()->helper;
    struct cr_parcel *parcel = &process->parcel;
    struct cr_request request = {.orphan = process->orphan, .size = parcel->size, .count = parcel->count};
    int error = cr_function_name(parcel->function, &request.function);
    if (error)
        return cr_fail(error, "the task's function is in no file that another process could find it in");
    cr_task_name_get(coir_self(), request.name);
    while ((error = cr_helper_ask(helper, &request, parcel->arg, line, parcel->descriptors)) == -EAGAIN)
        if ((error = coir_sleep(coir_after(BUSY_AGAIN))))
            return error;
    return error == -ECHILD ? cr_fail(error, "the helper that makes processes is gone") : error;
}

static int
ask_shielded(struct cr_process *process, int line)
{
    COIR_SHIELD();
    return ask(process, line);
}

/* Reads how it began. */
static int
await_beginning(struct cr_process *process)
{
    struct cr_word word;
    uintptr_t state;
    int size;
    COIR_SHIELD(); /* the helper does one thing after the other, and soon */
    while ((size = read_from(process, process->line, CR_OP_RECEIVE, &word, COIR_NEVER)) == (int)sizeof word &&
           word.kind == CR_WORD_RETURNED) {
        process->returned = word.value; /* a child may be faster than its helper */
        process->has_returned = true;
    }
    if (size != (int)sizeof word)
        return cr_fail(-ECHILD, "the helper that makes processes is gone");
    if (word.kind == CR_WORD_FAILED)
        return cr_fail(word.value, "no process for the task: %s", coir_error_text(word.value));
    state = cr_guard_take(&process->word);
    process->number = word.value;
    process->kept = word.kind == CR_WORD_KEPT;
    process->pid = word.value;
    if (!process->kept)
        process->watch = cr_process_watch(word.value);
    cr_guard_release(&process->word, state);
    return 0;
}

static int
look_after(void *arg)
{
    struct cr_process *process = arg;
    struct cr_parcel *parcel = &process->parcel;
    int ends[2], error;
    /* An orphan that was asked for begins, also if the run is over already. */
    if (!process->orphan && (error = cr_enter(cr_task_self(), COIR_NEVER)))
        return error;
    error = cr_world.pair(ends);
    if (error)
        return error;
    process->line = ends[0];
    error = cr_descriptor_check(ends[0]);
    if (!error)
        error = process->orphan ? ask_shielded(process, ends[1]) : ask(process, ends[1]);
    (void)cr_world.close(ends[1]);
    cr_parcel_drop(parcel);
    parcel->count = 0;
    if (!error)
        error = await_beginning(process);
    if (error) {
        let_go(process);
        return error;
    }
    return cr_process_look_after(process);
}

/* ---- The public part ---- */

static struct cr_process *
process_of(const struct coir_task *task)
{
    return cr_load_rlx(&task->flags) & CR_TASK_PROCESS ? task->copy : NULL;
}

pid_t
coir_task_pid(const struct coir_task *task)
{
    struct cr_process *process = process_of(task);
    pid_t pid;
    uintptr_t state;
    if (!process)
        return cr_process_self();
    state = cr_guard_take(&process->word);
    pid = process->number;
    cr_guard_release(&process->word, state);
    return pid;
}

int
coir_task_kill(struct coir_task *task, int signal)
{
    struct cr_process *process = process_of(task);
    if (!process)
        return cr_fail(-ENOTSUP, "coir_task_kill: task '%s' is no process; coir_cancel is for all", task->name);
    return signal_to(process, signal);
}
