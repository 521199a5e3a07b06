/* fork_test.c: a plain fork while a runtime is there: good for exec and for _exit, and nothing else; and coir_fork, where none
 * is: good for all on both sides. */
#include "core.h"

#include <coir/mutex.h>
#include <coir/signals.h>
#include <coir/stream.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/signal.h"
#include "base/fault.h"

static int
wait_for(pid_t child)
{
    int status;
    MUST_BE(waitpid(child, &status, 0), child);
    return status;
}

/* ---- exec ---- */

static int
fork_and_exec(void *arg)
{
    (void)arg;
    for (int i = 0; i < 5; i++) {
        pid_t child = fork();
        MUST(child >= 0);
        if (child == 0) {
            execl("/bin/sh", "sh", "-c", "exit 7", (char *)NULL);
            _exit(1);
        }
        MUST_BE(WEXITSTATUS(wait_for(child)), 7);
        (void)coir_yield();
    }
    MUST_BE(WEXITSTATUS(system("exit 8")), 8);
    return 0;
}

START_TEST(exec_after_fork)
{
    core_run(1, fork_and_exec, NULL);
    core_run(4, fork_and_exec, NULL);
}
END_TEST

/* ---- anything else ---- */

static struct coir_mutex mutex = COIR_MUTEX_INIT;

static void
yield(void)
{
    (void)coir_yield();
}

static void
go(void)
{
    (void)coir_go(fork_and_exec, NULL, NULL, NULL);
}

static void
lock(void)
{
    MUST(coir_mutex_lock(&mutex, COIR_NEVER) < 0); /* it does not come back */
}

static void
run(void)
{
    core_run(1, fork_and_exec, NULL);
}

static void
go_back(void)
{
}

/* The task's function goes on on both sides. */
static int
fork_and_call(void *arg)
{
    static const char wanted[] = "forked while a runtime of coir was there";
    void (*call)(void) = *(void (**)(void))arg;
    char said[1024];
    size_t length = 0;
    ssize_t count;
    int ends[2], status;
    pid_t child;
    MUST_BE(pipe(ends), 0);
    child = fork();
    MUST(child >= 0);
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        signal(SIGABRT, SIG_DFL); /* not libcheck's */
        dup2(ends[1], STDERR_FILENO);
        close(ends[1]);
        call();
        return 0;
    }
    close(ends[1]);
    while (length < sizeof said - 1 && (count = read(ends[0], said + length, sizeof said - 1 - length)) > 0)
        length += (size_t)count;
    said[length] = '\0';
    close(ends[0]);
    status = wait_for(child);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT || !strstr(said, wanted))
        ck_abort_msg("status %x; it said: %s", (unsigned)status, said);
    return 0;
}

START_TEST(coir_after_fork)
{
    static void (*const calls[])(void) = {yield, go, lock, run, go_back};
    MUST_BE(setenv("COIR_CARRIER", _i ? "thread" : "fiber", 1), 0);
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
        for (int workers = 1; workers <= 3; workers += 2)
            core_run(workers, fork_and_call, (void *)(uintptr_t)&calls[i]);
}
END_TEST

/* Where no runtime is, a fork is what it always was. */
START_TEST(coir_after_the_run)
{
    pid_t child;
    core_run(2, fork_and_exec, NULL);
    child = fork();
    MUST(child >= 0);
    if (child == 0) {
        if (!CORE_TSAN) /* it does not like threads after a fork */
            core_run(2, fork_and_exec, NULL);
        _exit(9);
    }
    MUST_BE(WEXITSTATUS(wait_for(child)), 9);
}
END_TEST

/* ---- While others are busy ---- */

static struct coir_event over = COIR_EVENT_INIT;

static int
be_busy(void *arg)
{
    while (!coir_event_is_set(&over)) {
        COIR_HOLD(&mutex);
        char *memory = malloc(100 + (size_t)coir_random(10000));
        MUST(memory);
        snprintf(memory, 100, "%p", arg);
        free(memory);
        (void)coir_yield();
    }
    return 0;
}

static int
fork_often(void *arg)
{
    long rounds = core_is_long() ? 1000 : core_rounds(100);
    struct coir_task *tasks[16];
    (void)arg;
    for (int i = 0; i < 16; i++)
        MUST_BE(coir_go_spread(be_busy, NULL, NULL, &tasks[i]), 0);
    for (long i = 0; i < rounds; i++) {
        pid_t child = fork();
        MUST(child >= 0);
        if (child == 0) {
            alarm(20);
            free(malloc(1000)); /* glibc has seen to its own locks */
            printf("%s", "");
            _exit(5);
        }
        MUST_BE(WEXITSTATUS(wait_for(child)), 5);
        (void)coir_yield();
    }
    coir_event_set(&over);
    for (int i = 0; i < 16; i++)
        MUST_BE(coir_join(tasks[i], NULL, core_soon()), 0);
    return 0;
}

START_TEST(fork_while_others_are_busy)
{
    core_run(8, fork_often, NULL);
}
END_TEST

/* ---- coir_fork ---- */

static int
end_at_once(void *arg)
{
    (void)arg;
    return 0;
}

static int
run_some(void *arg)
{
    struct coir_task *task;
    int result = 0, error = coir_go(end_at_once, NULL, NULL, &task);
    (void)arg;
    if (!error)
        error = coir_join(task, &result, core_soon());
    return error ? error : result;
}

static int
run_here(int workers)
{
    return coir_run(run_some, NULL, &(struct coir_runtime_options){.workers = workers});
}

/* Whether threads that are not ours make it impossible here, which is then said. */
static bool
is_refused(void)
{
    pid_t child = coir_fork();
    if (child == 0)
        _exit(0);
    if (child == -ENOTSUP && core_is_emulated()) {
        printf("SKIP: %s\n", coir_error_detail());
        return true;
    }
    MUST(child > 0);
    MUST_BE(wait_for(child), 0);
    return false;
}

START_TEST(both_run)
{
    int rounds = core_is_long() ? 1000 : (int)core_rounds(400);
    if (is_refused())
        return;
    for (int i = 0; i < rounds; i++) {
        pid_t parent = getpid(), child = coir_fork();
        MUST(child >= 0);
        if (child == 0) {
            int code = getppid() != parent || coir_task_pid(coir_self()) == parent ? 1 : run_here(1 + i % 2) ? 2 : 7;
            _exit(code);
        }
        if (i % 8 == 0 && !core_is_emulated()) /* whose own threads are not told from ours, once we have had some */
            core_run(1 + i % 3, run_some, NULL);
        MUST_BE(WEXITSTATUS(wait_for(child)), 7);
    }
}
END_TEST

/* Children of children, and again: each is as good as the first. */
START_TEST(a_line_of_forks)
{
    enum { LONG = 12 };
    pid_t child = 0;
    int depth = 0;
    if (core_is_emulated()) {
        printf("SKIP: whoever has had threads cannot fork under an emulator that has its own\n");
        return;
    }
    while (depth < LONG && (child = coir_fork()) == 0) {
        depth++;
        if (run_here(2))
            _exit(99);
    }
    if (depth < LONG) {
        MUST(child > 0);
        MUST_BE(WEXITSTATUS(wait_for(child)), LONG - depth - 1);
    }
    if (depth)
        _exit(LONG - depth);
}
END_TEST

/* A thread that has waited for a descriptor has a bell, that of its parent in the child: a ring there must not wake us. */
START_TEST(bells_are_not_shared)
{
    int ends[2], before;
    char byte;
    struct coir_stream *stream;
    pid_t child;
    if (is_refused())
        return;
    MUST_BE(pipe(ends), 0);
    MUST_BE(coir_stream_from(ends[0], &stream), 0);
    MUST_BE(coir_stream_read(stream, &byte, 1, coir_after(COIR_MS)), -ETIMEDOUT);
    before = core_open_descriptors();
    child = coir_fork();
    MUST(child >= 0);
    if (child == 0) {
        if (core_open_descriptors() != before - 1)
            _exit(1);
        coir_cancel(coir_self());
        _exit(coir_stream_read(stream, &byte, 1, COIR_NEVER) == -ECANCELED ? 7 : 2);
    }
    MUST_BE(WEXITSTATUS(wait_for(child)), 7);
    MUST_BE(core_open_descriptors(), before);
    MUST_BE(coir_stream_read(stream, &byte, 1, coir_after(COIR_MS)), -ETIMEDOUT); /* it has not been canceled */
    MUST_BE(coir_stream_close(stream), 0);
    close(ends[1]);
}
END_TEST

START_TEST(what_is_printed_is_printed_once)
{
    int ends[2];
    char said[64];
    ssize_t size;
    FILE *file;
    pid_t child;
    if (is_refused())
        return;
    MUST_BE(pipe(ends), 0);
    file = fdopen(ends[1], "w");
    MUST(file);
    fputs("once", file);
    child = coir_fork();
    MUST(child >= 0);
    if (child == 0) {
        fclose(file);
        _exit(7);
    }
    MUST_BE(WEXITSTATUS(wait_for(child)), 7);
    fclose(file);
    size = read(ends[0], said, sizeof said);
    MUST_BE(size, 4);
    MUST_BE(read(ends[0], said, sizeof said), 0);
    close(ends[0]);
}
END_TEST

START_TEST(chance_is_not_the_parents)
{
    int ends[2];
    uint64_t its, ours = coir_random(0);
    pid_t child;
    if (is_refused())
        return;
    MUST_BE(pipe(ends), 0);
    child = coir_fork();
    MUST(child >= 0);
    if (child == 0) {
        its = coir_random(0);
        _exit(write(ends[1], &its, sizeof its) != sizeof its);
    }
    ours = coir_random(0);
    MUST_BE(wait_for(child), 0);
    MUST_BE(read(ends[0], &its, sizeof its), sizeof its);
    MUST(its != ours);
    close(ends[0]);
    close(ends[1]);
}
END_TEST

/* A process that is told to end before it could listen: it hears that as soon as it listens. */
START_TEST(signals_wait_until_it_listens)
{
    static const int term = SIGTERM;
    struct coir_signals *signals;
    pid_t child;
    int status;
    child = cr_signal_fork();
    MUST(child >= 0);
    if (!child) {
        raise(SIGTERM);
        if (coir_signals_open(&term, 1, &signals))
            _exit(1);
        cr_signal_forked();
        _exit(coir_signals_wait(signals, core_soon()) == SIGTERM ? 0 : 2);
    }
    MUST_BE(waitpid(child, &status, __WALL), child);
    MUST(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
END_TEST

static int
fork_in_a_task(void *arg)
{
    (void)arg;
    MUST_BE(coir_fork(), -EBUSY);
    MUST(strstr(coir_error_detail(), "COIR_ON_PROCESS"));
    return 0;
}

static void *
wait_for_end(void *arg)
{
    MUST_BE(coir_event_wait(arg, core_soon()), 0);
    return NULL;
}

START_TEST(where_it_is_refused)
{
    struct coir_event end = COIR_EVENT_INIT;
    struct coir_runtime *runtime;
    pthread_t thread;
    if (is_refused())
        return;
    cr_fault_arm(UINT64_C(1) << CR_FAULT_THREAD, 1, false);
    MUST_BE(coir_fork(), -EAGAIN);
    MUST_BE(cr_fault_disarm(), 1);
    core_run(1, fork_in_a_task, NULL);
    core_run(4, fork_in_a_task, NULL);
    MUST_BE(coir_runtime_start(NULL, &runtime), 0);
    MUST_BE(coir_fork(), -EBUSY); /* also from a thread outside of it */
    MUST_BE(coir_runtime_stop(runtime, core_soon()), 0);
    MUST_BE(pthread_create(&thread, NULL, wait_for_end, &end), 0);
    if (!CORE_TSAN) { /* which has threads of its own */
        MUST_BE(coir_fork(), -ENOTSUP);
        MUST(strstr(coir_error_detail(), " threads"));
    }
    coir_event_set(&end);
    MUST_BE(pthread_join(thread, NULL), 0);
    MUST(!is_refused() || core_is_emulated());
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_test(cases, both_run);
    tcase_add_test(cases, a_line_of_forks);
    tcase_add_test(cases, bells_are_not_shared);
    tcase_add_test(cases, what_is_printed_is_printed_once);
    tcase_add_test(cases, chance_is_not_the_parents);
    tcase_add_test(cases, signals_wait_until_it_listens);
    tcase_add_test(cases, where_it_is_refused);
    tcase_add_test(cases, exec_after_fork);
    tcase_add_loop_test(cases, coir_after_fork, 0, 2);
    tcase_add_test(cases, coir_after_the_run);
    tcase_add_test(cases, fork_while_others_are_busy);
}

int
main(void)
{
    return core_main("fork", add);
}
