/* sched/watch.c: see watch.h.
 *
 * The end is seen by a descriptor of the process (pidfd), which can be read then. Reading it is an error, always: that says
 * that it is time to ask how it ended. Where there is no such descriptor it is asked every few milliseconds. Asking is done
 * under the guard, so that no signal is sent to whoever gets the number next. */
#include "sched/watch.h"
#include "backend/descriptor.h"
#include "backend/process.h"

#include <stdio.h>

#define ASK_AGAIN (5 * COIR_MS)

void
cr_watch_begin(struct cr_watched *watched, pid_t pid)
{
    uintptr_t state = cr_guard_take(&watched->word);
    watched->pid = watched->number = pid;
    watched->fd = cr_process_watch(pid);
    if (watched->fd >= 0 && cr_descriptor_check(watched->fd)) {
        (void)cr_world.close(watched->fd);
        watched->fd = -1;
    }
    cr_guard_release(&watched->word, state);
}

static void
describe(const void *object, char *text, size_t size)
{
    const struct cr_watched *watched = object;
    snprintf(text, size, "the end of process %d", (int)watched->number);
}

static const struct cr_edge_kind kind = {.describe = describe};

/* Until the descriptor can be read: -EINVAL, the kernel's answer to reading it; else as cr_operate. */
static int
await_readable(struct cr_watched *watched, coir_time deadline)
{
    char none[8];
    struct cr_edge edge = {.kind = &kind, .object = watched};
    struct cr_pending pending = {
        .op = {.kind = CR_OP_READ, .fd = watched->fd, .by_poll = true, .data = none, .length = sizeof none}};
    int error = cr_enter(cr_task_self(), deadline);
    return error ? error : cr_operate_for(&pending, &edge, NULL, deadline);
}

static int
ask(struct cr_watched *watched, bool can_be_read, int *result)
{
    uintptr_t state = cr_guard_take(&watched->word);
    int answer = -EAGAIN;
    if (!watched->is_strange)
        answer = cr_process_reap(watched->number, watched->fd, watched->is_left ? CR_REAP_LEAVE : CR_REAP_NOW, result);
    else if (can_be_read || (watched->fd < 0 && cr_process_kill(watched->number, -1, 0) == -ESRCH))
        answer = -ECHILD;
    if (answer == -ECHILD || (!answer && !watched->is_left))
        watched->pid = 0;
    cr_guard_release(&watched->word, state);
    return answer;
}

int
cr_watch_await(struct cr_watched *watched, int *result, coir_time deadline)
{
    for (;;) {
        coir_time next;
        int told = watched->fd >= 0 ? await_readable(watched, deadline) : 0,
            answer = ask(watched, told == -EINVAL, result);
        if (answer == -ECHILD)
            *result = cr_fail(-ECHILD,
                              "how process %d ended is not known: it is no child of this program, or somebody "
                              "else has waited for it",
                              (int)watched->number);
        if (answer != -EAGAIN)
            return 0;
        if (told == -ECANCELED || told == -ETIMEDOUT || deadline == COIR_NOW)
            return told ? told : -EAGAIN;
        /* Nothing tells, or not now; or who traces it has not let it go yet. */
        next = coir_after(ASK_AGAIN);
        answer = coir_sleep(deadline < next ? deadline : next);
        if (!answer && deadline <= coir_now())
            answer = -ETIMEDOUT;
        if (answer)
            return answer;
    }
}

int
cr_watch_kill(struct cr_watched *watched, int signal, bool group)
{
    uintptr_t state = cr_guard_take(&watched->word);
    int error = -ESRCH;
    if (watched->pid)
        error = group ? cr_process_kill_group(watched->pid, watched->fd, signal)
                      : cr_process_kill(watched->pid, watched->fd, signal);
    cr_guard_release(&watched->word, state);
    return error;
}

void
cr_watch_reap(struct cr_watched *watched)
{
    uintptr_t state = cr_guard_take(&watched->word);
    int result;
    if (watched->pid && !watched->is_strange)
        (void)cr_process_reap(watched->number, watched->fd, CR_REAP_NOW, &result);
    watched->pid = 0;
    cr_guard_release(&watched->word, state);
}

void
cr_watch_end(struct cr_watched *watched)
{
    uintptr_t state = cr_guard_take(&watched->word);
    int fd = watched->fd;
    watched->pid = 0;
    watched->fd = -1;
    cr_guard_release(&watched->word, state);
    if (fd >= 0)
        (void)cr_descriptor_close(fd);
}

int
cr_words_await(int line, struct cr_words *words, const struct cr_edge *edge, coir_time deadline)
{
    if (words->have == sizeof words->word)
        words->have = 0;
    while (words->have < sizeof words->word) {
        struct cr_pending pending = {.op = {.kind = CR_OP_RECEIVE,
                                            .fd = line,
                                            .data = (char *)&words->word + words->have,
                                            .length = sizeof words->word - words->have}};
        int result = cr_enter(cr_task_self(), deadline);
        if (!result)
            result = cr_operate_for(&pending, edge, NULL, deadline);
        if (result <= 0)
            return result;
        words->have += (size_t)result;
    }
    return 1;
}
