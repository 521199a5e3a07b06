/* sched/process.c: tasks that are processes.
 *
 * To the program such a task is a fiber of the runtime (or a thread), which asks the helper (backend/helper.h) for a child
 * and looks after it until it has ended. So whatever works on tasks works on processes: join, scopes, limits, select. Cancel
 * ends the fiber's wait, and it passes it on as SIGTERM; its own waits are shielded from then on.
 *
 * The child's end is seen by sched/watch.c. A child that the helper keeps ends with a word on the line.
 *
 * When the runtime stops, a daemon has a second after SIGTERM, and then gets SIGKILL; an orphan is left alone. */
#include "sched/process.h"
#include "backend/descriptor.h"
#include "backend/process.h"
#include "base/memory.h"
#include "sched/runtime.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#define BUSY_AGAIN COIR_MS       /* the helper, or this process's descriptors */
#define STOP_LOOK (50 * COIR_MS) /* whether the runtime is being stopped */
#define LAST_GRACE COIR_SECOND   /* of daemons */
enum { BUSY_MOST = 500 };        /* so often a line is tried that cannot be waited for */

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
        process->watched.fd = process->line = -1;
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
    snprintf(text, size, "the end of process %d", (int)process->watched.number);
}

static const struct cr_edge_kind kind_end = {.describe = describe};

static bool
is_about_us(int result)
{
    return result == -ECANCELED || result == -ETIMEDOUT || result == -EAGAIN;
}

/* Whoever had the other end of the line is no more. */
static bool
is_end(int came)
{
    return came == 0 || came == -ECONNRESET || came == -EPIPE;
}

/* 1; else the line has ended, or the wait, or it cannot be waited for: a descriptor or memory is missing, for longer than may
 * pass by itself. */
static int
read_word(struct cr_process *process, coir_time deadline)
{
    struct cr_edge edge = {.kind = &kind_end, .object = process};
    for (int tries = 0;; tries++) {
        int error, came = cr_words_await(process->line, &process->words, &edge, deadline);
        coir_time next = coir_after(BUSY_AGAIN);
        if (came == 1 || is_about_us(came) || is_end(came) || tries == BUSY_MOST)
            return came;
        error = coir_sleep(deadline < next ? deadline : next);
        if (error)
            return error;
    }
}

/* Why no word came. */
static int
tell_silence(const struct cr_process *process, int came)
{
    char what[64] = "whether a process has begun";
    if (process->watched.number)
        snprintf(what, sizeof what, "what became of process %d", (int)process->watched.number);
    if (is_end(came))
        return cr_fail(-ECHILD, "the helper that makes processes is gone, and %s is not known", what);
    return cr_fail(came, "%s is not known: its helper cannot be listened to: %s", what, coir_error_text(came));
}

/* Whether it is what the function has returned. */
static bool
take_returned(struct cr_process *process)
{
    if (process->words.word.kind != CR_WORD_RETURNED)
        return false;
    process->returned = process->words.word.value;
    process->has_returned = true;
    return true;
}

/* A process of which we are told by a word. 0: it has ended, *result is how. */
static int
await_word(struct cr_process *process, int *result, coir_time deadline)
{
    for (;;) {
        int came = read_word(process, deadline);
        if (is_about_us(came))
            return came;
        if (came != 1) {
            *result = tell_silence(process, came);
            return 0;
        }
        if (!take_returned(process)) {
            *result = process->words.word.value;
            return 0;
        }
    }
}

static int
await(struct cr_process *process, int *result, coir_time deadline)
{
    return process->kept ? await_word(process, result, deadline) : cr_watch_await(&process->watched, result, deadline);
}

/* ---- The task's own function ---- */

static int
signal_to(struct cr_process *process, int signal)
{
    uintptr_t state = cr_guard_take(&process->watched.word);
    int error = process->kept && process->watched.pid ? cr_word_say(process->line, CR_WORD_KILL, signal) : -ESRCH;
    bool kept = process->kept;
    cr_guard_release(&process->watched.word, state);
    return kept ? error == -EPIPE ? -ESRCH : error : cr_watch_kill(&process->watched, signal, false);
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
    cr_watch_end(&process->watched); /* from here on nobody says anything on the line */
    if (process->line >= 0)
        (void)cr_descriptor_close(process->line);
    process->line = -1;
}

/* What it has said before it ended is there. */
static void
hear_the_rest(struct cr_process *process)
{
    COIR_SHIELD();
    while (!process->has_returned && read_word(process, COIR_NOW) == 1)
        (void)take_returned(process);
}

/* Until the process has ended: its result. */
static int
await_end(struct cr_process *process)
{
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
    if (!process->kept)
        hear_the_rest(process);
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
    const struct cr_word *word = &process->words.word;
    uintptr_t state;
    int came;
    COIR_SHIELD(); /* the helper does one thing after the other, and soon */
    do
        came = read_word(process, COIR_NEVER);
    while (came == 1 && take_returned(process)); /* a child may be faster than its helper */
    if (came != 1)
        return tell_silence(process, came);
    if (word->kind == CR_WORD_FAILED)
        return cr_fail(word->value, "no process for the task: %s", coir_error_text(word->value));
    if (word->kind == CR_WORD_STARTED) {
        cr_watch_begin(&process->watched, word->value);
        return 0;
    }
    state = cr_guard_take(&process->watched.word);
    process->kept = true;
    process->watched.pid = process->watched.number = word->value;
    cr_guard_release(&process->watched.word, state);
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
    return await_end(process);
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
    state = cr_guard_take(&process->watched.word);
    pid = process->watched.number;
    cr_guard_release(&process->watched.word, state);
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
