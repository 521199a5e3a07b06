/* parity_task.c: time, tasks, scopes. */
#include "parity.h"

#include <coir/scope.h>
#include <errno.h>
#include <string.h>

static void
sleep_is_never_early(struct parity *play)
{
    coir_time end = coir_after(2 * COIR_MS);
    parity_note(play, "sleep", coir_sleep(end));
    parity_say(play, coir_now() >= end ? "not early" : "early");
    parity_note(play, "now", coir_sleep(COIR_NOW));
    parity_note(play, "past", coir_sleep(core_past()));
    parity_note(play, "half a microsecond", coir_sleep(coir_after(500)));
}

static int
sleep_for_ever(void *arg)
{
    (void)arg;
    return coir_sleep(COIR_NEVER);
}

static void
a_canceled_sleep(struct parity *play)
{
    struct core_actor sleeper;
    core_start(&sleeper, sleep_for_ever, NULL);
    core_await_waiting(&sleeper);
    coir_cancel(sleeper.self);
    parity_note(play, "sleep", core_end(&sleeper));
}

struct sleeper {
    coir_time until;
    int *next; /* atomic */
};

static int
sleep_and_count(void *arg)
{
    const struct sleeper *own = arg;
    MUST_BE(coir_sleep(own->until), 0);
    return __atomic_add_fetch(own->next, 1, __ATOMIC_SEQ_CST);
}

/* Started in another order than they wake. The spans are long beside what a machine may be late. */
static void
timers_in_order(struct parity *play)
{
    static const int spans[] = {401, 1, 201};
    struct core_actor actors[3];
    struct sleeper sleepers[3];
    int next = 0;
    coir_time now = coir_now();
    for (int i = 0; i < 3; i++) {
        sleepers[i] = (struct sleeper){now + spans[i] * COIR_MS, &next};
        core_start(&actors[i], sleep_and_count, &sleepers[i]);
    }
    for (int i = 0; i < 3; i++)
        parity_note(play, "it wakes as number", core_end(&actors[i]));
}

static void
moments(struct parity *play)
{
    coir_time first = coir_now(), then = coir_now();
    parity_say(play, then >= first ? "forward" : "backward");
    parity_say(play, coir_after(COIR_NEVER) == COIR_NEVER ? "never" : "some time");
    parity_say(play, coir_after(-COIR_SECOND) < first ? "past" : "future");
    parity_say(play, coir_after(COIR_SECOND) > then ? "future" : "past");
}

static int
yield_canceled(void *go)
{
    {
        COIR_SHIELD();
        MUST_BE(coir_event_wait(go, core_soon()), 0);
        MUST_BE(coir_yield(), 0);
    }
    return coir_yield();
}

static void
yields(struct parity *play)
{
    struct coir_event go = COIR_EVENT_INIT;
    struct core_actor actor;
    parity_note(play, "yield", coir_yield());
    core_start(&actor, yield_canceled, &go);
    core_cancel(&actor);
    coir_event_set(&go);
    parity_note(play, "canceled", core_end(&actor));
}

static int
answer_seven(void *arg)
{
    *(int *)arg += 1;
    return 7;
}

static void
offloads(struct parity *play)
{
    int calls = 0;
    for (int i = 0; i < 3; i++)
        parity_note(play, "offload", coir_offload(answer_seven, &calls));
    parity_note(play, "calls", calls);
}

static struct coir_local local = COIR_LOCAL_INIT(NULL);

static int
set_local(void *arg)
{
    int was = coir_local_get(&local) != NULL;
    MUST_BE(coir_local_set(&local, arg), 0);
    (void)coir_yield();
    return was * 2 + (coir_local_get(&local) == arg);
}

static void
locals(struct parity *play)
{
    struct core_actor actors[2];
    int values[3];
    MUST_BE(coir_local_set(&local, &values[2]), 0);
    for (int i = 0; i < 2; i++)
        core_start(&actors[i], set_local, &values[i]);
    for (int i = 0; i < 2; i++)
        parity_note(play, "its own", core_end(&actors[i]));
    parity_say(play, coir_local_get(&local) == &values[2] ? "and ours" : "not ours");
}

static int
fail_somehow(void *arg)
{
    struct coir_stream *stream;
    (void)arg;
    MUST_BE(coir_stream_dial("theirs", NULL, &stream, core_soon()), -EINVAL);
    return strstr(coir_error_detail(), "theirs") != NULL;
}

static void
sentences(struct parity *play)
{
    struct core_actor actor;
    struct coir_stream *stream;
    MUST_BE(coir_stream_dial("ours", NULL, &stream, core_soon()), -EINVAL);
    core_start(&actor, fail_somehow, NULL);
    parity_note(play, "theirs", core_end(&actor));
    parity_say(play, strstr(coir_error_detail(), "ours") ? "ours" : coir_error_detail());
}

/* ---- Joining: tasks of the runtime ---- */

static int
wait_for_event(void *event)
{
    int error = coir_event_wait(event, COIR_NEVER);
    return error ? error : 5;
}

static int
join_it(void *task)
{
    int result = 0, error = coir_join(task, &result, COIR_NEVER);
    return error ? error : result;
}

static void
joins(struct parity *play)
{
    struct coir_event event = COIR_EVENT_INIT;
    struct coir_task *task;
    struct core_actor joiner;
    int result = -1;
    MUST_BE(coir_go(wait_for_event, &event, NULL, &task), 0);
    parity_note(play, "now", coir_join(task, &result, COIR_NOW));
    parity_note(play, "late", coir_join(task, &result, core_past()));
    parity_note(play, "until the deadline", coir_join(task, &result, coir_after(COIR_MS)));
    core_start(&joiner, join_it, task);
    core_await_waiting(&joiner);
    coir_cancel(joiner.self);
    parity_note(play, "canceled", core_end(&joiner));
    parity_note(play, "alive", coir_task_is_alive(task));
    coir_event_set(&event);
    parity_note(play, "join", coir_join(task, &result, core_soon()));
    parity_note(play, "result", result);
    parity_note(play, "itself", coir_join(coir_self(), NULL, core_soon()));
}

static int
note_cancel(void *arg)
{
    (void)arg;
    return coir_is_canceled() ? coir_sleep(COIR_NEVER) : 1;
}

static void
canceled_before_it_ran(struct parity *play)
{
    struct coir_task *task;
    int result = 0;
    MUST_BE(coir_go(note_cancel, NULL, NULL, &task), 0);
    coir_cancel(task); /* on several workers it may have run already */
    MUST_BE(coir_join(task, &result, core_soon()), 0);
    parity_say(play, result == -ECANCELED || result == 1 ? "its first wait, if it had not run yet" : "something else");
}

struct copied {
    char text[40];
    struct coir_event *done;
};

static int
look_at_copy(void *arg)
{
    const struct copied *own = arg;
    int result = !strcmp(own->text, "as it was");
    coir_event_set(own->done);
    return result;
}

static void
a_copied_argument(struct parity *play)
{
    struct coir_event done = COIR_EVENT_INIT;
    struct copied own = {"as it was", &done};
    struct coir_task *task;
    int result = 0;
    MUST_BE(coir_go(look_at_copy, &own, &(struct coir_task_options){.arg_size = sizeof own}, &task), 0);
    strcpy(own.text, "changed");
    MUST_BE(coir_event_wait(&done, core_soon()), 0);
    MUST_BE(coir_join(task, &result, core_soon()), 0);
    parity_note(play, "as it was", result);
}

/* ---- Scopes ---- */

static int
read_until_end(void *stream)
{
    int result = parity_read_byte(stream);
    return result == -ECANCELED ? result : 0;
}

static void
a_scope_of_readers(struct parity *play)
{
    struct coir_stream *ends[2];
    COIR_SCOPE(scope);
    parity_open(play, PARITY_USUAL, ends);
    for (int i = 0; i < 3; i++)
        MUST_BE(coir_scope_go(&scope, read_until_end, ends[0], NULL), 0);
    (void)coir_yield();
    coir_scope_cancel(&scope);
    parity_note(play, "our own wait", coir_sleep(COIR_NEVER));
    parity_note(play, "wait", coir_scope_wait(&scope, core_soon()));
    parity_put(ends[1], "x"); /* nobody reads any more */
    parity_byte(play, "read", parity_read_byte(ends[0]));
    parity_close(ends);
}

static void
the_limit_of_a_scope(struct parity *play)
{
    struct coir_stream *ends[2];
    COIR_SCOPE(scope);
    parity_open(play, PARITY_USUAL, ends);
    for (int i = 0; i < 2; i++)
        MUST_BE(coir_scope_go(&scope, read_until_end, ends[0], NULL), 0);
    coir_scope_limit(&scope, coir_after(2 * COIR_MS));
    parity_note(play, "our own read", parity_read_byte(ends[1]));
    parity_note(play, "wait", coir_scope_wait(&scope, core_soon()));
    parity_close(ends);
}

static void
the_deadline_of_a_wait(struct parity *play)
{
    struct coir_stream *ends[2];
    COIR_SCOPE(scope);
    parity_open(play, PARITY_USUAL, ends);
    MUST_BE(coir_scope_go(&scope, read_until_end, ends[0], NULL), 0);
    parity_note(play, "wait", coir_scope_wait(&scope, coir_after(COIR_MS)));
    parity_close(ends);
}

static int
read_or_fail(void *stream)
{
    int result = parity_read_byte(stream);
    return result == 'f' ? -EILSEQ : result;
}

static void
the_first_failure(struct parity *play)
{
    struct coir_stream *ends[2], *others[2];
    COIR_SCOPE(scope);
    parity_open(play, PARITY_USUAL, ends);
    parity_open(play, PARITY_USUAL, others);
    MUST_BE(coir_scope_go(&scope, read_or_fail, ends[0], NULL), 0);
    for (int i = 0; i < 2; i++)
        MUST_BE(coir_scope_go(&scope, read_until_end, others[i], NULL), 0);
    parity_put(ends[1], "f");
    parity_note(play, "wait", coir_scope_wait(&scope, core_soon()));
    parity_note(play, "canceled", coir_is_canceled());
    parity_close(ends);
    parity_close(others);
}

static int
own_a_scope(void *stream)
{
    COIR_SCOPE(scope);
    MUST_BE(coir_scope_go(&scope, read_until_end, stream, NULL), 0);
    return coir_scope_wait(&scope, COIR_NEVER);
}

static void
a_canceled_owner(struct parity *play)
{
    struct coir_stream *ends[2];
    struct coir_task *owner;
    int result = 0;
    parity_open(play, PARITY_USUAL, ends);
    MUST_BE(coir_go(own_a_scope, ends[0], NULL, &owner), 0);
    core_await_parked(owner);
    coir_cancel(owner);
    MUST_BE(coir_join(owner, &result, core_soon()), 0);
    parity_note(play, "wait", result);
    parity_close(ends);
}

const struct parity_row parity_task[] = {
    {"sleep is never early", sleep_is_never_early, "sleep 0, not early, now 0, past 0, half a microsecond 0", 0},
    {"a canceled sleep", a_canceled_sleep, "sleep -ECANCELED", 0},
    {"timers in order", timers_in_order, "it wakes as number 3, it wakes as number 1, it wakes as number 2", 0},
    {"moments", moments, "forward, never, past, future", 0},
    {"yield", yields, "yield 0, canceled -ECANCELED", 0},
    {"offload", offloads, "offload 7, offload 7, offload 7, calls 3", 0},
    {"locals", locals, "its own 1, its own 1, and ours", 0},
    {"sentences about failures", sentences, "theirs 1, ours", 0},
    {"join", joins,
     "now -EAGAIN, late -ETIMEDOUT, until the deadline -ETIMEDOUT, canceled -ECANCELED, alive 1, join 0, result 5, "
     "itself -EDEADLK",
     PARITY_FIBERS},
    {"canceled before it ran", canceled_before_it_ran, "its first wait, if it had not run yet", PARITY_FIBERS},
    {"a copied argument", a_copied_argument, "as it was 1", PARITY_FIBERS},
    {"a scope of readers", a_scope_of_readers, "our own wait -ECANCELED, wait 0, read 'x'", PARITY_ANY | PARITY_FIBERS},
    {"the limit of a scope", the_limit_of_a_scope, "our own read -ECANCELED, wait -ETIMEDOUT",
     PARITY_ANY | PARITY_FIBERS},
    {"the deadline of a scope's wait", the_deadline_of_a_wait, "wait -ETIMEDOUT", PARITY_ANY | PARITY_FIBERS},
    {"the first failure in a scope", the_first_failure, "wait -EILSEQ, canceled 0", PARITY_ANY | PARITY_FIBERS},
    {"the owner of a scope is canceled", a_canceled_owner, "wait -ECANCELED", PARITY_ANY | PARITY_FIBERS},
    {0}};
