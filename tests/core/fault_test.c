/* fault_test.c: four programs that use all of the core between them, and the n-th call that can fail in them fails
 * (fault_loop.h). Their tasks stand in scopes: who fails ends the others' waits, so that nobody need wait for a deadline. */
#include "fault_loop.h"
#include "wire.h"

#include <coir/address.h>
#include <coir/barrier.h>
#include <coir/condition.h>
#include <coir/mutex.h>
#include <coir/once.h>
#include <coir/queue.h>
#include <coir/rwlock.h>
#include <coir/scope.h>
#include <coir/semaphore.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"

/* Into a scope; who cannot be started is missed by the others. */
static int
start(struct coir_scope *scope, coir_function *function, void *arg)
{
    int error = coir_scope_go(scope, function, arg, NULL);
    if (error)
        coir_scope_cancel(scope);
    return error;
}

static int
first_failure(int one, int other)
{
    return one && one != -ECANCELED ? one : other ? other : one;
}

/* ---- Tasks and scopes ---- */

enum { BRANCHES = 3, DEPTH = 3, LEAVES = BRANCHES * BRANCHES * BRANCHES };

static void
count_down(void *value)
{
    __atomic_sub_fetch((int *)value, 1, __ATOMIC_RELAXED);
}

static struct coir_local holder = COIR_LOCAL_INIT(count_down);

struct branch {
    int depth, *leaves, *held;
};

static int
grow(void *arg)
{
    struct branch own = *(const struct branch *)arg, next = own;
    int error;
    next.depth--;
    if (!own.depth) {
        error = coir_local_set(&holder, own.held);
        if (error)
            return error;
        __atomic_add_fetch(own.held, 1, __ATOMIC_RELAXED);
        error = coir_sleep(coir_after(50 * COIR_US));
        if (!error)
            __atomic_add_fetch(own.leaves, 1, __ATOMIC_RELAXED);
        return error;
    }
    COIR_SCOPE(scope);
    for (int i = 0; i < BRANCHES; i++)
        if ((error = coir_scope_go(&scope, grow, &next, &(struct coir_task_options){.arg_size = sizeof next})))
            return error;
    return coir_scope_wait(&scope, core_soon());
}

static int
sleep_for_ever(void *arg)
{
    (void)arg;
    return coir_sleep(COIR_NEVER);
}

/* Which handle is whose, and that a task that was canceled says so. */
static int
cancel_one_of_two(void)
{
    struct coir_task *tasks[2] = {NULL};
    int results[2] = {0}, error = 0;
    for (int i = 0; i < 2 && !error; i++)
        error = coir_go_spread(sleep_for_ever, NULL, &(struct coir_task_options){.name = "sleeper"}, &tasks[i]);
    for (int i = 0; i < 2; i++) {
        if (!tasks[i])
            continue;
        MUST(!strcmp(coir_task_name(tasks[i]), "sleeper"));
        coir_cancel(tasks[i]);
        MUST_BE(coir_join(tasks[i], &results[i], core_soon()), 0);
        if (results[i] != -ECANCELED)
            error = results[i];
    }
    return error;
}

static int
tasks(void *arg)
{
    int leaves = 0, held = 0, error;
    (void)arg;
    error = grow(&(struct branch){DEPTH, &leaves, &held});
    MUST(error || leaves == LEAVES);
    MUST_BE(held, 0); /* each task's value was given back as it ended */
    return first_failure(error, cancel_one_of_two());
}

/* ---- Locks and queues ---- */

enum { MAKERS = 3, USERS = 2, ITEMS = 20 };

struct works {
    struct coir_queue *queue;
    struct coir_mutex mutex;
    struct coir_condition all_used;
    struct coir_semaphore permits;
    struct coir_barrier start;
    struct coir_rwlock lock;
    struct coir_once once;
    struct coir_event ready;
    int used, sum, inside, written, made_once; /* under mutex; inside: atomic; written: under lock */
};

static int
make_once(void *arg)
{
    struct works *works = arg;
    int error = coir_yield();
    return error ? error : ++works->made_once;
}

static int
make(void *arg)
{
    struct works *works = arg;
    int error = coir_barrier_wait(&works->start, core_soon());
    if (error >= 0)
        error = coir_once_run(&works->once, make_once, works);
    for (int i = 1; i <= ITEMS && error >= 0; i++)
        error = coir_queue_put(works->queue, &i, core_soon());
    return error < 0 ? error : 0;
}

static int
write_down(struct works *works)
{
    int error = coir_rwlock_write(&works->lock, core_soon());
    if (error)
        return error;
    works->written++;
    coir_rwlock_unlock(&works->lock);
    error = coir_rwlock_read(&works->lock, core_soon());
    if (error)
        return error;
    MUST(works->written > 0);
    coir_rwlock_unlock(&works->lock);
    return 0;
}

static int
use_one(struct works *works, int item)
{
    int error = coir_semaphore_acquire(&works->permits, core_soon());
    if (error)
        return error;
    MUST_BE(__atomic_add_fetch(&works->inside, 1, __ATOMIC_RELAXED), 1);
    error = coir_yield();
    __atomic_sub_fetch(&works->inside, 1, __ATOMIC_RELAXED);
    MUST_BE(coir_semaphore_release(&works->permits), 0);
    if (!error)
        error = write_down(works);
    if (error)
        return error;
    COIR_HOLD(&works->mutex);
    works->sum += item;
    if (++works->used == MAKERS * ITEMS)
        coir_condition_broadcast(&works->all_used);
    return 0;
}

static int
use(void *arg)
{
    struct works *works = arg;
    int item, error = coir_event_wait(&works->ready, core_soon());
    while (!error && !(error = coir_queue_get(works->queue, &item, core_soon()))) {
        coir_queue_done(works->queue);
        error = use_one(works, item);
    }
    return error == -EPIPE ? 0 : error;
}

static int
await_all(struct works *works)
{
    int error = 0;
    COIR_HOLD(&works->mutex);
    while (!error && works->used < MAKERS * ITEMS)
        error = coir_condition_wait(&works->all_used, &works->mutex, core_soon());
    return error;
}

static int
work(struct works *works)
{
    int error = 0, ended;
    COIR_SCOPE(scope);
    for (int i = 0; i < MAKERS && !error; i++)
        error = start(&scope, make, works);
    for (int i = 0; i < USERS && !error; i++)
        error = start(&scope, use, works);
    coir_event_set(&works->ready);
    if (!error)
        error = await_all(works);
    if (!error)
        error = coir_queue_join(works->queue, core_soon());
    coir_queue_shutdown(works->queue);
    ended = coir_scope_wait(&scope, core_soon());
    return first_failure(ended, error);
}

static int
locks(void *arg)
{
    struct works works = {.queue = coir_queue_new(sizeof(int), 2, NULL)};
    int error;
    (void)arg;
    if (!works.queue)
        return -ENOMEM;
    coir_semaphore_init(&works.permits, 1, 1);
    coir_barrier_init(&works.start, MAKERS);
    error = work(&works);
    if (!error) {
        MUST_BE(works.sum, MAKERS * ITEMS * (ITEMS + 1) / 2);
        MUST_BE(works.written, MAKERS * ITEMS);
        MUST_BE(works.made_once, 1);
    }
    coir_queue_free(works.queue);
    return error;
}

/* ---- Streams and listeners ---- */

enum { CALLERS = 3, MUCH = 50000 };

static unsigned char
pattern(size_t i)
{
    return (unsigned char)(i * 7 + i / 251);
}

static int
send_pattern(void *arg)
{
    struct coir_stream *stream = arg;
    unsigned char bytes[5000];
    int error = 0;
    for (size_t at = 0; at < MUCH && !error;) {
        size_t size = MUCH - at < sizeof bytes ? MUCH - at : sizeof bytes;
        for (size_t i = 0; i < size; i++)
            bytes[i] = pattern(at + i);
        error = coir_stream_write_parts(
            stream, (struct iovec[]){{bytes, size / 3}, {bytes + size / 3, size - size / 3}}, 2, core_soon());
        at += size;
    }
    return error;
}

/* Bytes, blocks and lines that have come are right; there are as many as were sent, or a failure. */
static int
read_pattern(struct coir_stream *stream)
{
    unsigned char bytes[4096];
    for (size_t at = 0; at < MUCH;) {
        size_t size = MUCH - at < sizeof bytes ? MUCH - at : sizeof bytes;
        ssize_t count = at % 3 ? coir_stream_read(stream, bytes, size, core_soon())
                               : coir_stream_read_full(stream, bytes, size, core_soon());
        if (count <= 0)
            return count < 0 ? (int)count : -EPIPE;
        for (ssize_t i = 0; i < count; i++)
            MUST(bytes[i] == pattern(at + (size_t)i));
        at += (size_t)count;
    }
    return 0;
}

static int
read_answer(struct coir_stream *stream, const char *wanted)
{
    char line[64];
    ssize_t length = coir_stream_read_line(stream, line, sizeof line, core_soon());
    if (length < 0)
        return (int)length;
    MUST(!strcmp(line, wanted));
    return 0;
}

/* A listener that never gets a descriptor tries on to its deadline. */
static int
accept_one(struct coir_listener *listener, struct coir_stream **stream)
{
    int error = coir_listener_accept(listener, stream, fault_is_lasting() ? coir_after(50 * COIR_MS) : core_soon());
    return error == -ETIMEDOUT && fault_is_lasting() ? -EMFILE : error;
}

/* The same on both ends: a line, much in both directions at once, a line, the end. */
static int
converse(struct coir_stream *stream)
{
    char end;
    ssize_t count;
    int error, sent;
    COIR_SCOPE(scope);
    error = coir_stream_print(stream, core_soon(), "%s\n", "hello");
    if (!error)
        error = read_answer(stream, "hello");
    if (error || (error = start(&scope, send_pattern, stream)))
        return error;
    error = read_pattern(stream);
    if (error)
        coir_stream_abort(stream); /* the peer may send no more */
    sent = coir_scope_wait(&scope, core_soon());
    if (!error && !sent)
        error = coir_stream_print(stream, core_soon(), "bye\n");
    if (!error && !sent)
        error = read_answer(stream, "bye");
    if (!error && !sent)
        error = coir_stream_shutdown(stream, core_soon());
    if (error || sent)
        return first_failure(sent, error);
    count = coir_stream_read(stream, &end, 1, core_soon());
    MUST(count <= 0);
    return (int)count;
}

static int
answer(void *arg)
{
    struct coir_stream *stream = arg;
    int error = converse(stream);
    if (error)
        coir_stream_abort(stream);
    return error;
}

/* The streams are the owner's: a task that cannot have a stack would not close its own. */
static int
accept_all(void *arg)
{
    struct coir_stream *streams[CALLERS] = {NULL};
    int error = 0, ended;
    {
        COIR_SCOPE(scope);
        for (int i = 0; i < CALLERS && !error; i++) {
            error = accept_one(arg, &streams[i]);
            if (!error)
                error = start(&scope, answer, streams[i]);
        }
        if (error)
            coir_scope_cancel(&scope);
        ended = coir_scope_wait(&scope, core_soon());
    }
    for (int i = 0; i < CALLERS; i++)
        coir_stream_close(streams[i]);
    return first_failure(error, ended);
}

static int
call(void *arg)
{
    struct coir_address address;
    struct coir_stream *stream;
    char text[COIR_ADDRESS_TEXT];
    int error = coir_listener_local(arg, &address);
    if (!error)
        error = coir_stream_dial(coir_address_text(&address, text, sizeof text), NULL, &stream, core_soon());
    if (error)
        return error;
    error = answer(stream);
    coir_stream_close(stream);
    return error;
}

static int
over_tcp(void)
{
    static const struct coir_listener_options options = {.stream = {.send_buffer = 8192, .receive_buffer = 8192}};
    struct coir_listener *listener;
    int error = coir_listener_open("127.0.0.1:0", &options, &listener), ended;
    if (error)
        return error;
    {
        COIR_SCOPE(scope);
        error = start(&scope, accept_all, listener);
        for (int i = 0; i < CALLERS && !error; i++)
            error = start(&scope, call, listener);
        ended = coir_scope_wait(&scope, core_soon());
    }
    coir_listener_close(listener);
    return first_failure(error, ended);
}

static int
end_by_end(struct coir_stream *ends[2])
{
    struct coir_buffer rest;
    int error = coir_stream_print(ends[1], core_soon(), "all of %s", "it");
    coir_buffer_init(&rest, 64);
    if (!error)
        error = coir_stream_shutdown(ends[1], core_soon());
    if (!error)
        error = coir_stream_read_rest(ends[0], &rest, core_soon());
    MUST(error || !strcmp(rest.bytes, "all of it"));
    coir_buffer_fini(&rest);
    coir_stream_close(ends[0]);
    coir_stream_close(ends[1]);
    return error;
}

static int
over_pair(void)
{
    struct coir_stream *ends[2];
    int error = coir_stream_pair(ends);
    return error ? error : end_by_end(ends);
}

static int
over_pipe(void)
{
    struct coir_stream *ends[2];
    int fds[2], error;
    MUST_BE(pipe(fds), 0);
    for (int i = 0; i < 2; i++) {
        error = coir_stream_from(fds[i], &ends[i]);
        if (error) {
            close(fds[1]);
            if (!i)
                close(fds[0]);
            else
                coir_stream_close(ends[0]);
            return error;
        }
    }
    return end_by_end(ends);
}

/* Files are read on a helper thread. */
static int
over_file(void)
{
    struct coir_stream *stream;
    char path[] = "/tmp/coir-fault-XXXXXX";
    int fd = mkstemp(path), error;
    MUST(fd >= 0);
    MUST_BE(unlink(path), 0);
    MUST_BE(pwrite(fd, "one\ntwo\n", 8, 0), 8);
    error = coir_stream_from(fd, &stream);
    if (error) {
        close(fd);
        return error;
    }
    error = read_answer(stream, "one");
    if (!error)
        error = read_answer(stream, "two");
    coir_stream_close(stream);
    return error;
}

static int
wires(void *arg)
{
    int error = over_tcp();
    (void)arg;
    error = first_failure(error, over_pair());
    error = first_failure(error, over_pipe());
    return first_failure(error, over_file());
}

/* ---- Names, helper threads, plain threads, another runtime ---- */

static int
multiply(void *arg)
{
    int *number = arg;
    *number *= 3;
    return *number;
}

/* One who comes when there is no descriptor is turned away: he learns it, not who accepts. */
static int
greet_one(void *arg)
{
    struct coir_stream *stream;
    int error = accept_one(arg, &stream);
    if (error)
        return error;
    error = coir_stream_print(stream, core_soon(), "by name\n");
    coir_stream_close(stream);
    return error;
}

static int
ask_by_name(struct coir_listener *listener)
{
    struct coir_address addresses[4], own;
    struct coir_stream *stream;
    char text[64];
    int count, error;
    MUST_BE(coir_listener_local(listener, &own), 0);
    (void)snprintf(text, sizeof text, "localhost:%d", ntohs(((struct sockaddr_in *)&own.storage)->sin_port));
    count = coir_address_resolve(text, addresses, 4, core_soon());
    MUST(count);
    error = count < 0 ? count : coir_stream_dial(text, NULL, &stream, core_soon());
    if (error)
        return error;
    error = read_answer(stream, "by name");
    coir_stream_close(stream);
    return error;
}

static int
by_name(void)
{
    struct coir_listener *listener;
    int error = coir_listener_open("127.0.0.1:0", NULL, &listener), ended;
    if (error)
        return error;
    {
        COIR_SCOPE(scope);
        error = start(&scope, greet_one, listener);
        if (!error && (error = ask_by_name(listener)))
            coir_scope_cancel(&scope);
        ended = coir_scope_wait(&scope, core_soon());
    }
    coir_listener_close(listener);
    return first_failure(error, ended);
}

static int
offload_three(void *arg)
{
    int *number = arg, result = 0;
    for (int i = 0; i < 3 && result >= 0; i++)
        result = coir_offload(multiply, number);
    MUST(result < 0 || result == *number);
    return result < 0 ? result : 0;
}

static void *
echo_as_thread(void *arg)
{
    struct coir_stream *stream = arg;
    char line[64];
    ssize_t length = coir_stream_read_line(stream, line, sizeof line, core_soon());
    if (length >= 0)
        (void)coir_stream_print(stream, core_soon(), "%s\n", line);
    (void)coir_stream_shutdown(stream, core_soon());
    return NULL;
}

static int
ask_a_thread(void *arg)
{
    struct coir_stream *ends[2];
    pthread_t thread;
    int error = coir_stream_pair(ends);
    (void)arg;
    if (error)
        return error;
    MUST_BE(pthread_create(&thread, NULL, echo_as_thread, ends[1]), 0);
    error = coir_stream_print(ends[0], core_soon(), "thread\n");
    if (!error)
        error = read_answer(ends[0], "thread");
    coir_stream_abort(ends[0]);
    coir_stream_close(ends[0]);
    MUST_BE(pthread_join(thread, NULL), 0);
    coir_stream_close(ends[1]);
    return error;
}

static void
quiet(enum coir_log_level level, const char *line, void *arg)
{
    (void)level, (void)line, (void)arg;
}

static int
another_runtime(void *arg)
{
    struct coir_runtime *runtime;
    struct coir_task *task;
    int error = coir_runtime_start(&(struct coir_runtime_options){.workers = 2, .log = quiet}, &runtime), result = 0,
        number = 5;
    (void)arg;
    if (error)
        return error;
    error = coir_runtime_go(runtime, offload_three, &number, NULL, &task);
    if (!error)
        MUST_BE(coir_join(task, &result, core_soon()), 0);
    MUST(error || result || number == 135);
    MUST_BE(coir_runtime_stop(runtime, core_soon()), 0);
    return error ? error : result;
}

static int
helpers(void *arg)
{
    int numbers[2] = {1, 2}, error, ended;
    (void)arg;
    {
        COIR_SCOPE(scope);
        error = coir_scope_go(&scope, offload_three, &numbers[0], NULL);
        if (!error)
            error = coir_scope_go(&scope, offload_three, &numbers[1], NULL);
        ended = coir_scope_wait(&scope, core_soon());
        error = first_failure(error, ended);
        MUST(error || (numbers[0] == 27 && numbers[1] == 54));
    }
    error = first_failure(error, by_name());
    error = first_failure(error, coir_offload(ask_a_thread, NULL));
    error = first_failure(error, ask_a_thread(NULL));
    return first_failure(error, another_runtime(NULL));
}

/* ---- All of them ---- */

static const struct fault_program programs[] = {
    {"tasks", tasks, 10}, {"locks", locks, 5}, {"wires", wires, FAULT_MOST}, {"helpers", helpers, 40}};
enum { PROGRAMS = sizeof programs / sizeof programs[0] };

START_TEST(a_call_fails)
{
    fault_loop(&programs[_i / 4], _i % 2 ? 3 : 1, _i / 2 % 2);
}
END_TEST

/* No thread can be had at all, and two ask at once. */
static int
do_nothing(void *arg)
{
    (void)arg;
    return 0;
}

static int
offload_in_vain(void *arg)
{
    int result = coir_offload(do_nothing, arg);
    MUST(result == -EAGAIN || result == 0);
    return 0;
}

static int
all_offload_in_vain(void *arg)
{
    struct coir_task *vain[8];
    (void)arg;
    for (long i = 0; i < core_rounds(2000); i++) {
        cr_fault_arm(1u << CR_FAULT_THREAD, 1, true);
        for (int k = 0; k < 8; k++)
            MUST_BE(coir_go_spread(offload_in_vain, NULL, NULL, &vain[k]), 0);
        for (int k = 0; k < 8; k++)
            MUST_BE(coir_join(vain[k], NULL, coir_after(5 * COIR_SECOND)), 0);
        (void)cr_fault_disarm();
    }
    return 0;
}

START_TEST(no_helper_for_anybody)
{
    core_run(_i, all_offload_in_vain, NULL);
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_loop_test(cases, a_call_fails, 0, 4 * PROGRAMS);
    tcase_add_loop_test(cases, no_helper_for_anybody, 1, 5);
}

int
main(void)
{
    return core_main("fault", add);
}
