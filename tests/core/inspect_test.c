/* inspect_test.c: the list of all tasks says what each one waits for, where, since when, and who has that. */
#include "core.h"

#include <coir/barrier.h>
#include <coir/condition.h>
#include <coir/inspect.h>
#include <coir/mutex.h>
#include <coir/once.h>
#include <coir/queue.h>
#include <coir/rwlock.h>
#include <coir/scope.h>
#include <coir/semaphore.h>
#include <coir/stream.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST = 64 };

/* What everybody waits for, until it is over. */
static struct coir_mutex mutex = COIR_MUTEX_INIT, beside = COIR_MUTEX_INIT;
static struct coir_rwlock rwlock = COIR_RWLOCK_INIT;
static struct coir_condition condition = COIR_CONDITION_INIT;
static struct coir_semaphore semaphore = COIR_SEMAPHORE_INIT(0, 0);
static struct coir_event event = COIR_EVENT_INIT;
static struct coir_barrier barrier = COIR_BARRIER_INIT(2);
static struct coir_once once = COIR_ONCE_INIT;
static struct coir_queue *queue;
static struct coir_stream *ends[2];
static struct coir_task *sleeper, *tasks[64];

static int
on_mutex(void *arg)
{
    (void)arg;
    COIR_HOLD(&mutex);
    return 0;
}

static int
on_reading(void *arg)
{
    (void)arg;
    MUST_BE(coir_rwlock_read(&rwlock, COIR_NEVER), 0);
    coir_rwlock_unlock(&rwlock);
    return 0;
}

static int
on_condition(void *arg)
{
    (void)arg;
    COIR_HOLD(&beside);
    return coir_condition_wait(&condition, &beside, COIR_NEVER);
}

static int
on_semaphore(void *arg)
{
    (void)arg;
    return coir_semaphore_acquire(&semaphore, COIR_NEVER);
}

static int
on_event(void *arg)
{
    (void)arg;
    return coir_event_wait(&event, COIR_NEVER);
}

static int
on_barrier(void *arg)
{
    int index = coir_barrier_wait(&barrier, COIR_NEVER);
    (void)arg;
    return index < 0 ? index : 0;
}

static int
on_queue(void *arg)
{
    int item;
    (void)arg;
    return coir_queue_get(queue, &item, COIR_NEVER);
}

static int
on_stream(void *arg)
{
    char byte;
    (void)arg;
    return coir_stream_read(ends[0], &byte, 1, COIR_NEVER) == 1 ? 0 : -EIO;
}

static int
on_time(void *arg)
{
    (void)arg;
    return coir_sleep(COIR_NEVER) == -ECANCELED ? 0 : -EINVAL;
}

static int
on_end(void *arg)
{
    (void)arg;
    return coir_join(sleeper, NULL, COIR_NEVER);
}

static int
nothing(void *arg)
{
    (void)arg;
    return 0;
}

static int
on_once(void *arg)
{
    (void)arg;
    return coir_once_run(&once, nothing, NULL);
}

static const struct part {
    const char *name, *waits_for;
    coir_function *function;
    bool knows_owner;
} parts[] = {
    {"mutex", "the mutex made at ", on_mutex, true},
    {"rwlock", "the rwlock made at ", on_reading, true},
    {"condition", "a signal of a condition", on_condition, false},
    {"semaphore", "a permit of a semaphore", on_semaphore, false},
    {"event", "an event", on_event, false},
    {"barrier", "the others at a barrier", on_barrier, false},
    {"queue", "an item in queue 'orders'", on_queue, false},
    {"stream", "bytes from descriptor ", on_stream, false},
    {"time", "the time to come", on_time, false},
    {"end", "the end of task ", on_end, true},
    {"once", "a once-function that another task is inside", on_once, true},
};
enum { PARTS = sizeof parts / sizeof parts[0] };

static const struct coir_task_info *
find(const struct coir_task_info *all, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (!strcmp(all[i].name, name))
            return &all[i];
    ck_abort_msg("no task '%s' in the list", name);
    return NULL;
}

static void
check(coir_time began)
{
    struct coir_task_info all[MOST];
    size_t count = coir_inspect_tasks(coir_runtime_self(), all, MOST);
    MUST_BE(count, PARTS + 1);
    MUST_BE(coir_inspect_tasks(coir_runtime_self(), NULL, 0), PARTS + 1);
    MUST(coir_inspect_tasks(NULL, NULL, 0) >= count);
    for (size_t i = 0; i < PARTS; i++) {
        const struct coir_task_info *info = find(all, count, parts[i].name);
        MUST_BE(info->state, COIR_BLOCKED);
        if (core_is_on_threads())
            MUST(info->carrier == COIR_ON_THREAD && info->worker == -1);
        else
            MUST(info->carrier == COIR_ON_FIBER && info->worker >= 0 &&
                 info->worker < coir_runtime_workers(coir_runtime_self()));
        if (strncmp(info->waits_for, parts[i].waits_for, strlen(parts[i].waits_for)) != 0)
            ck_abort_msg("'%s' waits for '%s', not '%s'", parts[i].name, info->waits_for, parts[i].waits_for);
        MUST(info->waits_at);
        MUST(info->since > began - COIR_SECOND && info->since <= coir_now());
        if (!parts[i].knows_owner)
            MUST_BE(info->waits_for_task, 0);
        else
            MUST_BE(info->waits_for_task, coir_task_id(strcmp(parts[i].name, "end") ? coir_self() : sleeper));
    }
    for (size_t i = 0; i < count; i++)
        if (all[i].id == coir_task_id(coir_self()))
            MUST_BE(all[i].state, COIR_RUNNING);
}

static void
check_text(void)
{
    char text[8192] = "", place[] = "/tmp/coir-inspect-XXXXXX";
    int fd = mkstemp(place);
    ssize_t length;
    MUST(fd >= 0);
    unlink(place);
    MUST_BE(coir_inspect_dump(coir_runtime_self(), fd), 0);
    length = pread(fd, text, sizeof text - 1, 0);
    MUST(length > 0);
    close(fd);
    MUST(strstr(text, "'queue' waits since "));
    MUST(strstr(text, " for an item in queue 'orders'\n"));
    MUST(strstr(text, "'mutex' waits since "));
    MUST(strstr(text, ", which task "));
    MUST_BE(coir_inspect_dump(coir_runtime_self(), fd), -EBADF);
}

static void
let_go(void)
{
    coir_condition_broadcast(&condition);
    MUST_BE(coir_semaphore_release(&semaphore), 0);
    coir_event_set(&event);
    MUST(coir_barrier_wait(&barrier, COIR_NEVER) >= 0);
    MUST_BE(coir_queue_put(queue, &(int){1}, COIR_NEVER), 0);
    MUST_BE(coir_stream_write(ends[1], "!", 1, COIR_NEVER), 0);
    coir_cancel(sleeper);
    for (int i = 0; i < PARTS; i++)
        if (tasks[i] != sleeper)
            MUST_BE(coir_join(tasks[i], NULL, core_soon()), 0);
}

/* Runs as the once-function, so that a task can wait for it. */
static int
look(void *arg)
{
    coir_time began = coir_now();
    (void)arg;
    MUST_BE(coir_mutex_lock(&mutex, COIR_NEVER), 0);
    MUST_BE(coir_rwlock_write(&rwlock, COIR_NEVER), 0);
    MUST_BE(coir_go(on_time, NULL, &(struct coir_task_options){.name = "time"}, &sleeper), 0);
    for (int i = 0; i < PARTS; i++) {
        tasks[i] = sleeper;
        if (parts[i].function != on_time)
            MUST_BE(coir_go(parts[i].function, NULL, &(struct coir_task_options){.name = parts[i].name}, &tasks[i]), 0);
        core_await_parked(tasks[i]);
    }
    check(began);
    check_text();
    coir_mutex_unlock(&mutex);
    coir_rwlock_unlock(&rwlock);
    return 0;
}

static int
let_all_wait(void *arg)
{
    (void)arg;
    queue = coir_queue_new(sizeof(int), 4, &(struct coir_queue_options){.name = "orders"});
    MUST(queue);
    MUST_BE(coir_stream_pair(ends), 0);
    MUST_BE(coir_once_run(&once, look, NULL), 0);
    let_go();
    coir_queue_free(queue);
    for (int i = 0; i < 2; i++)
        coir_stream_close(ends[i]);
    return 0;
}

START_TEST(the_list_says_what_each_waits_for)
{
    core_run(1 + _i, let_all_wait, NULL);
}
END_TEST

/* ---- What else they are ---- */

static int
look_at_newborns(void *arg)
{
    struct coir_task_info all[4];
    struct coir_task *one, *other;
    (void)arg;
    MUST_BE(coir_go(nothing, NULL, &(struct coir_task_options){.name = "one"}, &one), 0);
    MUST_BE(coir_go(nothing, NULL, &(struct coir_task_options){.name = "other"}, &other), 0);
    MUST_BE(coir_inspect_tasks(coir_runtime_self(), all, 4), 3);
    MUST_BE(find(all, 3, "one")->state, COIR_READY);
    MUST_BE(find(all, 3, "one")->worker, -1);
    MUST_BE(coir_join(one, NULL, COIR_NEVER), 0);
    while (coir_task_is_alive(other))
        (void)coir_yield();
    MUST_BE(coir_inspect_tasks(coir_runtime_self(), all, 4), 2);
    MUST_BE(find(all, 2, "other")->state, COIR_ENDED);
    MUST_BE(coir_join(other, NULL, COIR_NEVER), 0);
    MUST_BE(coir_inspect_tasks(coir_runtime_self(), all, 4), 1);
    return 0;
}

START_TEST(ready_and_ended)
{
    if (core_is_on_threads())
        printf("SKIP: a thread is not ready and does not run yet\n");
    else
        core_run(1, look_at_newborns, NULL);
}
END_TEST

/* A thread that coir did not make is listed where it waits, among all. */
static int
look_at_thread(void *arg)
{
    struct coir_task_info all[MOST];
    struct core_actor actor;
    size_t count, found = 0;
    (void)arg;
    core_start(&actor, on_event, NULL);
    core_await_waiting(&actor);
    count = coir_inspect_tasks(NULL, all, MOST);
    for (size_t i = 0; i < count; i++)
        if (all[i].id == coir_task_id(actor.self)) {
            found++;
            MUST_BE(all[i].carrier, COIR_ON_THREAD);
            MUST_BE(all[i].state, COIR_BLOCKED);
            MUST(strstr(all[i].waits_for, "an event"));
            MUST(all[i].worker == -1);
        }
    MUST_BE(found, 1);
    coir_event_set(&event);
    return core_end(&actor);
}

START_TEST(a_plain_thread)
{
    core_play(CORE_THREADS, look_at_thread, NULL);
}
END_TEST

/* ---- While everything moves ---- */

struct traffic {
    struct coir_mutex mutexes[3];
    int ended; /* atomic */
};

static int
drive(void *arg)
{
    struct traffic *traffic = arg;
    for (int i = 0; i < 20; i++) {
        struct coir_mutex *one = &traffic->mutexes[i % 3];
        MUST_BE(coir_mutex_lock(one, COIR_NEVER), 0);
        (void)coir_yield();
        coir_mutex_unlock(one);
    }
    __atomic_add_fetch(&traffic->ended, 1, __ATOMIC_SEQ_CST);
    return 0;
}

static int
watch_traffic(void *arg)
{
    struct traffic *traffic = arg;
    struct coir_task_info all[MOST];
    long rounds = core_rounds(400);
    for (long i = 0; i < rounds; i++) {
        COIR_SCOPE(scope);
        for (int k = 0; k < 20; k++)
            MUST_BE(coir_scope_go(&scope, drive, traffic, &(struct coir_task_options){.name = "driver"}), 0);
        for (int k = 0; k < 10; k++) {
            size_t count = coir_inspect_tasks(coir_runtime_self(), all, MOST);
            for (size_t n = 0; n < count && n < MOST; n++)
                MUST(!all[n].name[0] || !strcmp(all[n].name, "driver"));
            (void)coir_yield();
        }
        MUST_BE(coir_scope_wait(&scope, COIR_NEVER), 0);
    }
    MUST_BE(traffic->ended, 20 * rounds);
    return 0;
}

START_TEST(a_list_while_all_run)
{
    struct traffic traffic = {.mutexes = {COIR_MUTEX_INIT, COIR_MUTEX_INIT, COIR_MUTEX_INIT}};
    core_run(4, watch_traffic, &traffic);
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_loop_test(cases, the_list_says_what_each_waits_for, 0, 3);
    tcase_add_test(cases, ready_and_ended);
    tcase_add_test(cases, a_plain_thread);
    tcase_add_test(cases, a_list_while_all_run);
}

int
main(void)
{
    return core_main("inspect", add);
}
