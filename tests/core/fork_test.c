/* fork_test.c: a plain fork while a runtime is there: good for exec and for _exit, and nothing else. */
#include "core.h"

#include <coir/mutex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

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

static void
add(TCase *cases)
{
    tcase_add_test(cases, exec_after_fork);
    tcase_add_test(cases, coir_after_fork);
    tcase_add_test(cases, coir_after_the_run);
    tcase_add_test(cases, fork_while_others_are_busy);
}

int
main(void)
{
    return core_main("fork", add);
}
