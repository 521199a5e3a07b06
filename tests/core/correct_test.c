/* correct_test.c: programs that look like deadlocks and are none: nobody is told, and "everyone waits" is not said. Each is
 * played by fibers on one worker and on several, by threads, and by both. */
#include "stage.h"

#include <coir/scope.h>
#include <coir/stream.h>
#include <errno.h>
#include <signal.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 20 };

static void
nap(long milliseconds)
{
    nanosleep(&(struct timespec){.tv_nsec = milliseconds * 1000000}, NULL);
}

static struct coir_mutex *
next_of(struct stage *stage, int me)
{
    return &stage->mutexes[(me + 1) % stage->count];
}

/* ---- Two locks, two orders, and a way out ---- */

static void
try_and_back_off(struct stage *stage, int me, coir_time patience)
{
    for (int done = 0; done < ROUNDS;) {
        int error;
        MUST_BE(coir_mutex_lock(&stage->mutexes[me], COIR_NEVER), 0);
        (void)coir_yield();
        error = coir_mutex_lock(next_of(stage, me), patience ? coir_after(patience) : COIR_NOW);
        MUST(!error || error == -ETIMEDOUT || error == -EAGAIN);
        if (!error) {
            coir_mutex_unlock(next_of(stage, me));
            done++;
        }
        coir_mutex_unlock(&stage->mutexes[me]);
        if (error)
            MUST_BE(coir_sleep(coir_after((coir_time)coir_random(300) * COIR_US)), 0);
    }
}

static void
a_deadline(struct stage *stage, int me)
{
    try_and_back_off(stage, me, COIR_MS);
}

static void
a_try(struct stage *stage, int me)
{
    try_and_back_off(stage, me, 0);
}

static void
one_order(struct stage *stage, int me)
{
    struct coir_mutex *one = &stage->mutexes[me], *other = next_of(stage, me);
    for (int i = 0; i < ROUNDS; i++) {
        COIR_HOLD(one < other ? one : other);
        (void)coir_yield();
        COIR_HOLD(one < other ? other : one);
    }
}

static void
a_gate(struct stage *stage, int me)
{
    for (int i = 0; i < ROUNDS; i++) {
        COIR_HOLD(&stage->mutexes[STAGE_ACTORS - 1]);
        COIR_HOLD(&stage->mutexes[me]);
        (void)coir_yield();
        COIR_HOLD(next_of(stage, me));
    }
}

static void
hand_over_hand(struct stage *stage, int me)
{
    (void)me;
    for (int i = 0; i < ROUNDS; i++) {
        MUST_BE(coir_mutex_lock(&stage->mutexes[0], COIR_NEVER), 0);
        for (int k = 1; k < STAGE_ACTORS; k++) {
            MUST_BE(coir_mutex_lock(&stage->mutexes[k], COIR_NEVER), 0);
            (void)coir_yield();
            coir_mutex_unlock(&stage->mutexes[k - 1]);
        }
        coir_mutex_unlock(&stage->mutexes[STAGE_ACTORS - 1]);
    }
}

static void
one_behind_the_other(struct stage *stage, int me)
{
    (void)me;
    for (int i = 0; i < ROUNDS; i++) {
        COIR_HOLD(&stage->mutexes[0]);
        (void)coir_yield();
        stage->number++;
    }
}

static void
sleep_with_lock(struct stage *stage, int me)
{
    COIR_HOLD(&stage->mutexes[0]);
    (void)me;
    MUST_BE(coir_sleep(coir_after(5 * COIR_MS)), 0);
}

/* ---- Reading ---- */

static void
read_again(struct stage *stage, int me)
{
    (void)me;
    for (int i = 0; i < ROUNDS; i++) {
        MUST_BE(coir_rwlock_read(&stage->rwlock, COIR_NEVER), 0);
        (void)coir_yield();
        MUST_BE(coir_rwlock_read(&stage->rwlock, COIR_NEVER), 0);
        coir_rwlock_unlock(&stage->rwlock);
        coir_rwlock_unlock(&stage->rwlock);
    }
}

/* A writer with a deadline is between the reader and itself. */
static void
read_again_behind_a_writer(struct stage *stage, int me)
{
    for (int i = 0; i < ROUNDS; i++) {
        int error =
            me ? coir_rwlock_write(&stage->rwlock, coir_after(COIR_MS)) : coir_rwlock_read(&stage->rwlock, COIR_NEVER);
        if (error) {
            MUST_BE(error, -ETIMEDOUT);
            continue;
        }
        (void)coir_yield();
        if (!me) {
            MUST_BE(coir_rwlock_read(&stage->rwlock, COIR_NEVER), 0);
            coir_rwlock_unlock(&stage->rwlock);
        }
        coir_rwlock_unlock(&stage->rwlock);
    }
}

static void
read_and_write(struct stage *stage, int me)
{
    for (int i = 0; i < ROUNDS; i++) {
        MUST_BE((i + me) % 3 ? coir_rwlock_read(&stage->rwlock, COIR_NEVER)
                             : coir_rwlock_write(&stage->rwlock, COIR_NEVER),
                0);
        (void)coir_yield();
        coir_rwlock_unlock(&stage->rwlock);
    }
}

/* ---- Somebody wakes them ---- */

static void
all_wait(struct stage *stage)
{
    MUST_BE(coir_event_wait(&stage->events[0], COIR_NEVER), 0);
}

static void
a_timer(struct stage *stage, int me)
{
    if (me)
        all_wait(stage);
    else
        MUST_BE(coir_sleep(coir_after(20 * COIR_MS)), 0);
    coir_event_set(&stage->events[0]);
}

static void
their_own_deadlines(struct stage *stage, int me)
{
    MUST_BE(coir_event_wait(&stage->events[me], coir_after((me + 1) * 5 * COIR_MS)), -ETIMEDOUT);
}

static int
take_a_nap(void *arg)
{
    (void)arg;
    nap(20);
    return 0;
}

static void
a_helper(struct stage *stage, int me)
{
    if (me)
        all_wait(stage);
    else
        MUST_BE(coir_offload(take_a_nap, NULL), 0);
    coir_event_set(&stage->events[0]);
}

/* The helper itself wakes them, in the middle of what it does. */
static int
set_from_helper(void *arg)
{
    struct stage *stage = arg;
    nap(5);
    coir_event_set(&stage->events[0]);
    return coir_event_wait(&stage->events[1], COIR_NEVER);
}

static void
a_helper_that_waits(struct stage *stage, int me)
{
    if (!me) {
        MUST_BE(coir_offload(set_from_helper, stage), 0);
        return;
    }
    all_wait(stage);
    coir_event_set(&stage->events[1]);
}

static void *
set_from_thread(void *arg)
{
    struct stage *stage = arg;
    nap(200);
    coir_event_set(&stage->events[0]);
    return NULL;
}

/* Coir hears of it for the first time when it calls. */
static void
a_foreign_thread(struct stage *stage, int me)
{
    pthread_t thread;
    if (!me)
        MUST_BE(pthread_create(&thread, NULL, set_from_thread, stage), 0);
    all_wait(stage);
    if (!me)
        MUST_BE(pthread_join(thread, NULL), 0);
}

static void *
set_much_later(void *arg)
{
    struct stage *stage = arg;
    nanosleep(&(struct timespec){.tv_sec = 2}, NULL);
    coir_event_set(&stage->events[0]);
    return NULL;
}

static void
a_foreign_thread_two_seconds_later(struct stage *stage, int me)
{
    pthread_t thread;
    if (!me)
        MUST_BE(pthread_create(&thread, NULL, set_much_later, stage), 0);
    all_wait(stage);
    if (!me)
        MUST_BE(pthread_join(thread, NULL), 0);
}

/* A thread that coir knows, and that does something else meanwhile. */
static void *
set_as_known(void *arg)
{
    struct stage *stage = arg;
    coir_event_set(&stage->events[1]);
    (void)coir_self();
    nap(20);
    coir_event_set(&stage->events[0]);
    return NULL;
}

static void
a_known_thread(struct stage *stage, int me)
{
    pthread_t thread;
    if (!me) {
        MUST_BE(pthread_create(&thread, NULL, set_as_known, stage), 0);
        MUST_BE(coir_event_wait(&stage->events[1], COIR_NEVER), 0);
    }
    all_wait(stage);
    if (!me)
        MUST_BE(pthread_join(thread, NULL), 0);
}

/* Its own bytes come back to it: the kernel has them. */
static void
a_socket_to_oneself(struct stage *stage, int me)
{
    struct coir_stream *own[2];
    char byte;
    (void)stage, (void)me;
    MUST_BE(coir_stream_pair(own), 0);
    for (int i = 0; i < ROUNDS; i++) {
        MUST_BE(coir_stream_write(own[0], "!", 1, COIR_NEVER), 0);
        MUST_BE(coir_stream_read(own[1], &byte, 1, COIR_NEVER), 1);
    }
    coir_stream_close(own[0]);
    coir_stream_close(own[1]);
}

/* All wait but one that reads, and what it reads comes from a signal's handler, which may do no more than that. */
static int signal_pipe[2];

static void
write_what_came(int number)
{
    char byte = (char)number;
    (void)!write(signal_pipe[1], &byte, 1);
}

static void
a_signal(struct stage *stage, int me)
{
    struct itimerval soon = {.it_value = {.tv_usec = 20000}};
    struct coir_stream *stream;
    char byte;
    if (me) {
        MUST_BE(coir_event_wait(&stage->events[0], COIR_NEVER), 0);
        return;
    }
    MUST_BE(pipe(signal_pipe), 0);
    MUST_BE(coir_stream_from(signal_pipe[0], &stream), 0);
    MUST(signal(SIGALRM, write_what_came) != SIG_ERR);
    MUST_BE(setitimer(ITIMER_REAL, &soon, NULL), 0);
    MUST_BE(coir_stream_read(stream, &byte, 1, COIR_NEVER), 1);
    MUST_BE(byte, SIGALRM);
    coir_event_set(&stage->events[0]);
    coir_stream_close(stream);
    close(signal_pipe[1]);
}

/* All wait but one that reads, and what it reads is written by a thread that never calls coir. */
static void *
write_later(void *arg)
{
    nap(20);
    MUST_BE(write(*(int *)arg, "!", 1), 1);
    return NULL;
}

static void
bytes(struct stage *stage, int me)
{
    static int pair[2];
    struct coir_stream *stream;
    pthread_t thread;
    char byte;
    if (me) {
        all_wait(stage);
        return;
    }
    MUST_BE(pipe(pair), 0);
    MUST_BE(coir_stream_from(pair[0], &stream), 0);
    MUST_BE(pthread_create(&thread, NULL, write_later, &pair[1]), 0);
    MUST_BE(coir_stream_read(stream, &byte, 1, COIR_NEVER), 1);
    coir_event_set(&stage->events[0]);
    MUST_BE(pthread_join(thread, NULL), 0);
    coir_stream_close(stream);
    close(pair[1]);
}

/* ---- Passing things on ---- */

static void
through_queues(struct stage *stage, int me)
{
    for (int i = 0; i < ROUNDS; i++) {
        int item = i;
        if (me) {
            MUST_BE(coir_queue_get(stage->queues[0], &item, COIR_NEVER), 0);
            MUST_BE(coir_queue_put(stage->queues[1], &item, COIR_NEVER), 0);
        } else {
            MUST_BE(coir_queue_put(stage->queues[0], &item, COIR_NEVER), 0);
            MUST_BE(coir_queue_get(stage->queues[1], &item, COIR_NEVER), 0);
        }
        MUST_BE(item, i);
    }
}

static void
until_the_queue_is_shut(struct stage *stage, int me)
{
    int item, result;
    if (!me) {
        for (int i = 0; i < ROUNDS; i++)
            MUST_BE(coir_queue_put(stage->queues[0], &i, COIR_NEVER), 0);
        coir_queue_shutdown(stage->queues[0]);
        return;
    }
    while (!(result = coir_queue_get(stage->queues[0], &item, COIR_NEVER)))
        continue;
    MUST_BE(result, -EPIPE);
}

static void
through_permits(struct stage *stage, int me)
{
    if (!me)
        MUST_BE(coir_semaphore_release(&stage->semaphores[0]), 0);
    for (int i = 0; i < ROUNDS; i++) {
        MUST_BE(coir_semaphore_acquire(&stage->semaphores[me], COIR_NEVER), 0);
        MUST_BE(coir_semaphore_release(&stage->semaphores[!me]), 0);
    }
}

static void
through_a_condition(struct stage *stage, int me)
{
    for (int i = 0; i < ROUNDS; i++) {
        COIR_HOLD(&stage->mutexes[0]);
        while (stage->number % stage->count != me)
            MUST_BE(coir_condition_wait(&stage->condition, &stage->mutexes[0], COIR_NEVER), 0);
        stage->number++;
        coir_condition_broadcast(&stage->condition);
    }
}

static void
through_events(struct stage *stage, int me)
{
    if (me)
        MUST_BE(coir_event_wait(&stage->events[me], COIR_NEVER), 0);
    if (me + 1 < stage->count)
        coir_event_set(&stage->events[me + 1]);
}

static void
at_a_barrier(struct stage *stage, int me)
{
    (void)me;
    for (int i = 0; i < ROUNDS; i++)
        MUST(coir_barrier_wait(&stage->barrier, COIR_NEVER) >= 0);
}

static int
be_slow(void *arg)
{
    (void)arg;
    return coir_sleep(coir_after(3 * COIR_MS));
}

static void
once_for_all(struct stage *stage, int me)
{
    (void)me;
    MUST_BE(coir_once_run(&stage->once, be_slow, NULL), 0);
}

/* ---- Tasks ---- */

static int
lock_and_end(void *arg)
{
    struct stage *stage = arg;
    COIR_HOLD(&stage->mutexes[0]);
    stage->number++;
    return coir_sleep(coir_after(COIR_MS));
}

static void
a_lock_passed_by_join(struct stage *stage, int me)
{
    (void)me;
    for (int i = 0; i < ROUNDS; i++) {
        struct coir_task *task;
        MUST_BE(coir_go(lock_and_end, stage, NULL, &task), 0);
        MUST_BE(coir_join(task, NULL, COIR_NEVER), 0);
        COIR_HOLD(&stage->mutexes[0]);
        MUST_BE(stage->number, i + 1);
    }
}

static int
join_it(void *arg)
{
    return coir_join(arg, NULL, COIR_NEVER) == -ECANCELED ? 0 : 1;
}

static int
wait_for_event(void *arg)
{
    return coir_event_wait(arg, COIR_NEVER);
}

static void
cancel_as_the_way_out_of_a_join(struct stage *stage, int me)
{
    struct coir_task *waits, *joins;
    int result;
    (void)me;
    MUST_BE(coir_go(wait_for_event, &stage->events[0], NULL, &waits), 0);
    MUST_BE(coir_go(join_it, waits, NULL, &joins), 0);
    core_await_parked(joins);
    coir_cancel(joins);
    MUST_BE(coir_join(joins, &result, COIR_NEVER), 0);
    MUST_BE(result, 0);
    coir_cancel(waits);
    MUST_BE(coir_join(waits, &result, COIR_NEVER), 0);
    MUST_BE(result, -ECANCELED);
}

static void
a_scope_with_a_limit(struct stage *stage, int me)
{
    COIR_SCOPE(scope);
    coir_scope_limit(&scope, coir_after(10 * COIR_MS));
    for (int i = 0; i < 4; i++)
        MUST_BE(coir_scope_go(&scope, wait_for_event, &stage->events[me], NULL), 0);
    MUST_BE(coir_scope_wait(&scope, COIR_NEVER), -ETIMEDOUT);
}

static void
a_scope_that_gives_the_lock_back_first(struct stage *stage, int me)
{
    COIR_SCOPE(scope);
    (void)me;
    MUST_BE(coir_mutex_lock(&stage->mutexes[0], COIR_NEVER), 0);
    for (int i = 0; i < 4; i++)
        MUST_BE(coir_scope_go(&scope, lock_and_end, stage, NULL), 0);
    for (int i = 0; i < 100; i++)
        (void)coir_yield();
    coir_mutex_unlock(&stage->mutexes[0]);
    MUST_BE(coir_scope_wait(&scope, COIR_NEVER), 0);
}

/* Nothing but daemons is left: that is an end. */
static void
daemons_that_wait(struct stage *stage, int me)
{
    static struct coir_event never = COIR_EVENT_INIT;
    (void)stage, (void)me;
    for (int i = 0; i < 4; i++)
        MUST_BE(coir_go(wait_for_event, &never, &(struct coir_task_options){.daemon = true}, NULL), 0);
}

/* Whose tasks wait for ours. */
static void
a_runtime_beside(struct stage *stage, int me)
{
    struct coir_runtime *beside;
    struct coir_task *task;
    (void)me;
    MUST_BE(coir_runtime_start(&(struct coir_runtime_options){.workers = 2}, &beside), 0);
    MUST_BE(coir_runtime_go(beside, wait_for_event, &stage->events[0], NULL, &task), 0);
    MUST_BE(coir_sleep(coir_after(5 * COIR_MS)), 0);
    coir_event_set(&stage->events[0]);
    MUST_BE(coir_join(task, NULL, COIR_NEVER), 0);
    MUST_BE(coir_runtime_go(beside, wait_for_event, &stage->events[1], NULL, NULL), 0);
    MUST_BE(coir_runtime_stop(beside, COIR_NEVER), 0); /* cancels it */
}

static const struct stage_program programs[] = {
    {"a lock with a deadline, and back off", 3, a_deadline, false, NULL, false},
    {"a try, and back off", 3, a_try, false, NULL, false},
    {"locks in one order", 4, one_order, false, NULL, false},
    {"two orders behind a gate", 4, a_gate, false, NULL, false},
    {"hand over hand", 4, hand_over_hand, false, NULL, false},
    {"one behind the other", 8, one_behind_the_other, false, NULL, false},
    {"sleeping with a lock", 4, sleep_with_lock, false, NULL, false},
    {"reading again", 4, read_again, false, NULL, false},
    {"reading again behind a writer who gives up", 2, read_again_behind_a_writer, false, NULL, false},
    {"reading and writing", 5, read_and_write, false, NULL, false},
    {"a timer", 4, a_timer, false, NULL, false},
    {"their own deadlines", 4, their_own_deadlines, false, NULL, false},
    {"a helper", 4, a_helper, false, NULL, false},
    {"a helper that waits itself", 3, a_helper_that_waits, false, NULL, false},
    {"a foreign thread", 3, a_foreign_thread, false, NULL, false},
    {"a foreign thread two seconds later", 2, a_foreign_thread_two_seconds_later, false, NULL, false},
    {"a known thread", 3, a_known_thread, false, NULL, false},
    {"a socket to oneself", 2, a_socket_to_oneself, false, NULL, false},
    {"a signal", 3, a_signal, false, NULL, false},
    {"bytes from a thread that never calls", 3, bytes, false, NULL, false},
    {"through queues", 2, through_queues, false, NULL, false},
    {"until the queue is shut", 4, until_the_queue_is_shut, false, NULL, false},
    {"through permits", 2, through_permits, false, NULL, false},
    {"through a condition", 4, through_a_condition, false, NULL, false},
    {"through events", 8, through_events, false, NULL, false},
    {"at a barrier", 5, at_a_barrier, false, NULL, false},
    {"once for all", 5, once_for_all, false, NULL, false},
    {"a lock passed by join", 0, a_lock_passed_by_join, true, NULL, false},
    {"cancel as the way out of a join", 0, cancel_as_the_way_out_of_a_join, true, NULL, false},
    {"a scope with a limit", 0, a_scope_with_a_limit, true, NULL, false},
    {"a scope that gives the lock back first", 0, a_scope_that_gives_the_lock_back_first, true, NULL, false},
    {"daemons that wait", 0, daemons_that_wait, true, NULL, false},
    {"a runtime beside", 0, a_runtime_beside, false, NULL, false},
};
enum { PROGRAMS = sizeof programs / sizeof programs[0] };

START_TEST(it_is_not_named)
{
    stage_play(&programs[_i / CORE_CASTS], (enum core_cast)(_i % CORE_CASTS));
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_loop_test(cases, it_is_not_named, 0, PROGRAMS * CORE_CASTS);
}

int
main(void)
{
    return core_main("correct", add);
}
