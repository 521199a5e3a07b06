/* errno_test.c: whose errno is read after a call that suspends. A fiber's is its thread's, before and after, because it
 * never moves; what is in it may have been written by the other fibers of that thread. A plain thread's is its own. */
#include "core.h"

#include <coir/mutex.h>
#include <coir/queue.h>
#include <coir/semaphore.h>
#include <coir/stream.h>
#include <errno.h>
#include <stdint.h>
#include <unistd.h>

/* What nobody else here leaves in errno: one number for each sort of writer. */
enum { MINE = EDOTDOT, THEIRS = ENOTNAM, HELPERS = EISNAM };

/* Everything to wait for, and a helper who makes it come, having written its errno. */
struct meeting {
    struct coir_event event;
    struct coir_mutex mutex;
    struct coir_semaphore semaphore;
    struct coir_queue *queue;
    struct coir_stream *ends[2];
    int *place; /* the waiter's &errno */
    pid_t thread;
    int worker;
};

static int
make_it_come(void *arg)
{
    struct meeting *meeting = arg;
    int number = 1;
    bool same_thread = gettid() == meeting->thread;
    MUST(same_thread == (&errno == meeting->place));
    MUST(same_thread == (coir_worker_self() == meeting->worker));
    MUST_BE(coir_mutex_lock(&meeting->mutex, core_soon()), 0);
    errno = THEIRS;
    coir_event_set(&meeting->event);
    MUST_BE(coir_yield(), 0);
    coir_mutex_unlock(&meeting->mutex);
    errno = THEIRS;
    MUST_BE(coir_semaphore_release(&meeting->semaphore), 0);
    MUST_BE(coir_queue_put(meeting->queue, &number, core_soon()), 0);
    MUST_BE(coir_stream_write(meeting->ends[1], "x", 1, core_soon()), 0);
    errno = THEIRS;
    return 0;
}

static int
write_errno(void *arg)
{
    (void)arg;
    errno = HELPERS;
    return 0;
}

static int
by_yield(struct meeting *meeting, struct coir_task *task)
{
    (void)meeting, (void)task;
    return coir_yield();
}

static int
by_sleep(struct meeting *meeting, struct coir_task *task)
{
    (void)meeting, (void)task;
    return coir_sleep(coir_after(COIR_US));
}

static int
by_event(struct meeting *meeting, struct coir_task *task)
{
    (void)task;
    return coir_event_wait(&meeting->event, core_soon());
}

static int
by_lock(struct meeting *meeting, struct coir_task *task)
{
    int error = coir_mutex_lock(&meeting->mutex, core_soon());
    (void)task;
    if (!error)
        coir_mutex_unlock(&meeting->mutex);
    return error;
}

static int
by_acquire(struct meeting *meeting, struct coir_task *task)
{
    (void)task;
    return coir_semaphore_acquire(&meeting->semaphore, core_soon());
}

static int
by_get(struct meeting *meeting, struct coir_task *task)
{
    int number;
    (void)task;
    return coir_queue_get(meeting->queue, &number, core_soon());
}

static int
by_read(struct meeting *meeting, struct coir_task *task)
{
    char byte;
    (void)task;
    return coir_stream_read(meeting->ends[0], &byte, 1, core_soon()) == 1 ? 0 : -1;
}

static int
by_join(struct meeting *meeting, struct coir_task *task)
{
    (void)meeting;
    return coir_join(task, NULL, core_soon());
}

static int
by_offload(struct meeting *meeting, struct coir_task *task)
{
    (void)meeting, (void)task;
    return coir_offload(write_errno, NULL);
}

/* In this order: the helper does them so, too; the join comes last. */
static int (*const ways[])(struct meeting *meeting, struct coir_task *task) = {
    by_yield, by_sleep, by_offload, by_event, by_lock, by_acquire, by_get, by_read, by_join,
};

/* Every way to wait, with errno set before and read after it. As a plain thread it must be its own also in what is read. */
static void
wait_in_every_way(struct coir_runtime *runtime)
{
    struct meeting meeting = {.place = &errno, .thread = gettid(), .worker = coir_worker_self()};
    bool is_thread = coir_worker_self() < 0;
    struct coir_task *task;
    meeting.queue = coir_queue_new(sizeof(int), 1, NULL);
    MUST_BE(coir_stream_pair(meeting.ends), 0);
    MUST_BE(coir_runtime_go(runtime, make_it_come, &meeting, NULL, &task), 0);
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        errno = MINE;
        MUST_BE(ways[i](&meeting, task), 0);
        MUST(&errno == meeting.place && errno == *meeting.place && gettid() == meeting.thread);
        MUST(!is_thread || (errno != THEIRS && (errno != HELPERS || ways[i] == by_offload)));
    }
    coir_queue_free(meeting.queue);
    coir_stream_close(meeting.ends[0]);
    coir_stream_close(meeting.ends[1]);
}

static int
wait_often(void *arg)
{
    (void)arg;
    for (int i = 0; i < 50; i++)
        wait_in_every_way(coir_runtime_self());
    return 0;
}

static int
wait_together(void *arg)
{
    struct coir_task *tasks[6];
    (void)arg;
    for (int i = 0; i < 6; i++)
        MUST_BE(coir_go_spread(wait_often, NULL, NULL, &tasks[i]), 0);
    for (int i = 0; i < 6; i++)
        MUST_BE(coir_join(tasks[i], NULL, core_soon()), 0);
    return 0;
}

START_TEST(a_fibers_is_its_threads)
{
    core_run(_i, wait_together, NULL);
}
END_TEST

START_TEST(a_plain_threads_is_its_own)
{
    struct coir_runtime *runtime;
    ck_assert_int_eq(coir_runtime_start(&(struct coir_runtime_options){.workers = _i}, &runtime), 0);
    for (int i = 0; i < 50; i++)
        wait_in_every_way(runtime);
    ck_assert_int_eq(coir_runtime_stop(runtime, core_soon()), 0);
}
END_TEST

/* Not a promise but the reason for the rule: two fibers of one worker write the same errno. */
static int
write_theirs(void *arg)
{
    MUST(&errno == *(int **)arg);
    errno = THEIRS;
    return 0;
}

static int
share(void *arg)
{
    int *place = &errno;
    struct coir_task *task;
    (void)arg;
    MUST_BE(coir_go(write_theirs, &place, NULL, &task), 0);
    errno = MINE;
    MUST_BE(coir_join(task, NULL, core_soon()), 0);
    MUST(errno != MINE);
    return 0;
}

START_TEST(fibers_of_a_worker_share_it)
{
    core_run(1, share, NULL);
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_loop_test(cases, a_fibers_is_its_threads, 0, 5);
    tcase_add_loop_test(cases, a_plain_threads_is_its_own, 1, 4);
    tcase_add_test(cases, fibers_of_a_worker_share_it);
}

int
main(void)
{
    return core_main("errno", add);
}
