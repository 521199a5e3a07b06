/* named_test.c: deadlocks that are named: by the call that closes a circle, or, where nobody has what is waited for, when
 * the last one goes to sleep. Each is played by fibers on one worker and on several, by threads, and by both. */
#include "stage.h"

#include <coir/future.h>
#include <coir/scope.h>
#include <errno.h>
#include <stdio.h>

/* ---- Circles ---- */

static void
take_own_and_next(struct stage *stage, int me)
{
    struct coir_mutex *own = &stage->mutexes[me], *next = &stage->mutexes[(me + 1) % stage->count];
    MUST(stage_lock(stage, own));
    stage_meet(stage);
    if (stage_lock(stage, next))
        coir_mutex_unlock(next);
    coir_mutex_unlock(own);
}

static void
take_twice(struct stage *stage, int me)
{
    MUST(stage_lock(stage, &stage->mutexes[me]));
    MUST_BE(coir_rwlock_write(&stage->rwlock, COIR_NEVER), 0);
    MUST(!stage_lock(stage, &stage->mutexes[me]));
    MUST(!stage_went(stage, coir_rwlock_read(&stage->rwlock, COIR_NEVER)));
    fprintf(stderr, "%s\n", coir_error_detail());
    coir_rwlock_unlock(&stage->rwlock);
    coir_mutex_unlock(&stage->mutexes[me]);
}

struct couple {
    struct stage *stage;
    struct coir_task *tasks[2];
};

static int
join_other(void *arg)
{
    struct couple *couple = arg;
    int me;
    MUST_BE(coir_event_wait(&couple->stage->events[0], COIR_NEVER), 0);
    me = couple->tasks[1] == coir_self();
    if (!stage_went(couple->stage, coir_join(couple->tasks[!me], NULL, COIR_NEVER)))
        return 0;
    coir_event_set(&couple->stage->events[1]);
    return 0;
}

static void
join_each_other(struct stage *stage, int me)
{
    static struct couple couple;
    couple = (struct couple){.stage = stage};
    (void)me;
    for (int i = 0; i < 2; i++)
        MUST_BE(coir_go(join_other, &couple, NULL, &couple.tasks[i]), 0);
    coir_event_set(&stage->events[0]);
    MUST_BE(coir_event_wait(&stage->events[1], COIR_NEVER), 0);
}

static int
need_mutex(void *arg)
{
    struct stage *stage = arg;
    coir_event_set(&stage->events[0]);
    if (stage_lock(stage, &stage->mutexes[0]))
        coir_mutex_unlock(&stage->mutexes[0]);
    return 0;
}

static void
join_with_lock(struct stage *stage, int me)
{
    struct coir_task *task;
    (void)me;
    MUST(stage_lock(stage, &stage->mutexes[0]));
    MUST_BE(coir_go(need_mutex, stage, NULL, &task), 0);
    if (stage_went(stage, coir_join(task, NULL, COIR_NEVER)))
        task = NULL;
    coir_mutex_unlock(&stage->mutexes[0]);
    if (task)
        MUST_BE(coir_join(task, NULL, COIR_NEVER), 0);
}

static void
wait_for_scope_with_lock(struct stage *stage, int me)
{
    COIR_SCOPE(scope);
    (void)me;
    MUST(stage_lock(stage, &stage->mutexes[0]));
    MUST_BE(coir_scope_go(&scope, need_mutex, stage, NULL), 0);
    (void)stage_went(stage, coir_scope_wait(&scope, COIR_NEVER));
    coir_mutex_unlock(&stage->mutexes[0]);
    MUST_BE(coir_scope_wait(&scope, COIR_NEVER), 0);
}

static int
take_mutex(void *arg)
{
    struct stage *stage = arg;
    stage_meet(stage);
    if (!stage_lock(stage, &stage->mutexes[0]))
        return -EDEADLK;
    coir_mutex_unlock(&stage->mutexes[0]);
    return 0;
}

static int
do_nothing(void *arg)
{
    (void)arg;
    return 0;
}

static void
once_and_mutex(struct stage *stage, int me)
{
    if (!me) {
        (void)coir_once_run(&stage->once, take_mutex, stage);
        return;
    }
    MUST(stage_lock(stage, &stage->mutexes[0]));
    stage_meet(stage);
    (void)stage_went(stage, coir_once_run(&stage->once, do_nothing, stage));
    coir_mutex_unlock(&stage->mutexes[0]);
}

static void
upgrade_both(struct stage *stage, int me)
{
    if (!me)
        MUST_BE(coir_rwlock_read(&stage->rwlock, COIR_NEVER), 0);
    else
        MUST(stage_lock(stage, &stage->mutexes[0]));
    stage_meet(stage);
    if (!me) {
        if (stage_lock(stage, &stage->mutexes[0]))
            coir_mutex_unlock(&stage->mutexes[0]);
        coir_rwlock_unlock(&stage->rwlock);
    } else {
        if (stage_went(stage, coir_rwlock_write(&stage->rwlock, COIR_NEVER)))
            coir_rwlock_unlock(&stage->rwlock);
        coir_mutex_unlock(&stage->mutexes[0]);
    }
}

/* Who is to set it waits for the lock that who waits for it has. */
struct promise {
    struct stage *stage;
    struct coir_future *future;
};

static int
set_with_mutex(void *arg)
{
    struct promise *promise = arg;
    struct stage *stage = promise->stage;
    MUST_BE(coir_event_wait(&stage->events[0], COIR_NEVER), 0);
    if (stage_lock(stage, &stage->mutexes[0]))
        coir_mutex_unlock(&stage->mutexes[0]);
    return coir_future_set(promise->future, 0, NULL);
}

static void
a_future_that_waits_for_itself(struct stage *stage, int me)
{
    struct promise promise = {stage, coir_future_new(0)};
    struct coir_task *task;
    (void)me;
    MUST(promise.future);
    MUST(stage_lock(stage, &stage->mutexes[0]));
    MUST_BE(coir_go(set_with_mutex, &promise, NULL, &task), 0);
    coir_future_set_owner(promise.future, task);
    coir_event_set(&stage->events[0]);
    (void)stage_went(stage, coir_future_wait(promise.future, COIR_NEVER));
    coir_mutex_unlock(&stage->mutexes[0]);
    MUST_BE(coir_join(task, NULL, COIR_NEVER), 0);
    coir_future_free(promise.future);
}

/* ---- Nobody has it ---- */

/* Each fills the other's queue, and nobody empties his own. */
static void
fill_each_other(struct stage *stage, int me)
{
    for (int i = 0; i < 3; i++)
        MUST_BE(coir_queue_put(stage->queues[me], &i, COIR_NEVER), 0);
}

static void
await_one_more(struct stage *stage, int me)
{
    struct coir_barrier *barrier = &stage->barrier;
    if (!me)
        coir_barrier_init(barrier, (uint32_t)stage->count + 1);
    stage_meet(stage);
    MUST(coir_barrier_wait(barrier, COIR_NEVER) >= 0);
}

/* It was set, and cleared, before the other looked. */
static void
lose_the_event(struct stage *stage, int me)
{
    if (!me) {
        coir_event_set(&stage->events[0]);
        coir_event_clear(&stage->events[0]);
    }
    stage_meet(stage);
    if (me)
        (void)coir_event_wait(&stage->events[0], COIR_NEVER);
}

static void
lose_the_signal(struct stage *stage, int me)
{
    if (!me)
        coir_condition_signal(&stage->condition);
    stage_meet(stage);
    MUST(stage_lock(stage, &stage->mutexes[0]));
    if (me)
        (void)coir_condition_wait(&stage->condition, &stage->mutexes[0], COIR_NEVER);
    coir_mutex_unlock(&stage->mutexes[0]);
}

static void
take_each_others_permits(struct stage *stage, int me)
{
    MUST_BE(coir_semaphore_acquire(&stage->semaphores[me], COIR_NEVER), 0);
    MUST_BE(coir_semaphore_release(&stage->semaphores[!me]), 0);
}

static void
keep_the_lock(struct stage *stage, int me)
{
    if (!me)
        MUST(stage_lock(stage, &stage->mutexes[0]));
    stage_meet(stage);
    if (me)
        (void)stage_lock(stage, &stage->mutexes[0]);
}

static void
get_from_nobody(struct stage *stage, int me)
{
    int item;
    MUST_BE(coir_queue_get(stage->queues[me], &item, COIR_NEVER), 0);
}

/* A signal's handler could not end that: it must not call coir. */
static void
sleep_for_ever(struct stage *stage, int me)
{
    (void)stage, (void)me;
    MUST_BE(coir_sleep(COIR_NEVER), 0);
}

static const struct stage_program programs[] = {
    {"two locks, two orders", 2, take_own_and_next, false, "2 tasks wait for each other in a circle", false},
    {"five philosophers", 5, take_own_and_next, false, "5 tasks wait for each other in a circle", false},
    {"itself", 1, take_twice, false, "writes this lock already", false},
    {"joining each other", 0, join_each_other, true, "for the end of task ", false},
    {"joining with a lock held", 0, join_with_lock, true, "for the end of task ", false},
    {"a scope's owner has the lock", 0, wait_for_scope_with_lock, true, "for the end of all tasks of its scope", false},
    {"a once-function and a lock", 2, once_and_mutex, false, "for a once-function that another task is inside", false},
    {"a future that waits for itself", 0, a_future_that_waits_for_itself, true, "2 tasks wait for each other", false},
    {"a reader and a writer", 2, upgrade_both, false, "for the rwlock made at ", false},
    {"two full queues", 2, fill_each_other, false, "for room in queue 'back'", true},
    {"a barrier short of one", 3, await_one_more, false, "for the others at a barrier", true},
    {"a lost event", 2, lose_the_event, false, "for an event", true},
    {"a lost signal", 3, lose_the_signal, false, "for a signal of a condition", true},
    {"each other's permits", 2, take_each_others_permits, false, "for a permit of a semaphore", true},
    {"a lock that is left behind", 2, keep_the_lock, false, "for the mutex made at ", true},
    {"a sleep that nobody ends", 2, sleep_for_ever, false, "for the time to come", true},
    {"an item from nobody", 2, get_from_nobody, false, "for an item in queue 'forth'", true},
};
enum { PROGRAMS = sizeof programs / sizeof programs[0] };

START_TEST(it_is_named)
{
    stage_play(&programs[_i / CORE_CASTS], (enum core_cast)(_i % CORE_CASTS));
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_loop_test(cases, it_is_named, 0, PROGRAMS * CORE_CASTS);
}

int
main(void)
{
    return core_main("named", add);
}
