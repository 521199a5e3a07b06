/* signals_test.c: signals as something to wait for. Those that are sent are sent to the test's own process. */
#include "core.h"

#include <coir/semaphore.h>
#include <coir/signals.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct coir_signals *
open_set(const int *signals, size_t count)
{
    struct coir_signals *set;
    MUST_BE(coir_signals_open(signals, count, &set), 0);
    return set;
}

static void
send(int signal)
{
    MUST_BE(kill(getpid(), signal), 0);
}

/* A signal to a process comes at some moment, not at once. */
static void
must_come(struct coir_signals *set, int wanted)
{
    MUST_BE(coir_signals_wait(set, core_soon()), wanted);
}

static int
take_two(void *arg)
{
    static const int both[] = {SIGUSR1, SIGTERM};
    struct coir_signals *set = open_set(both, 2);
    (void)arg;
    MUST_BE(coir_signals_wait(set, COIR_NOW), -EAGAIN);
    MUST_BE(coir_signals_wait(set, coir_after(COIR_MS)), -ETIMEDOUT);
    for (int i = 0; i < 100; i++) {
        send(both[i % 2]);
        must_come(set, both[i % 2]);
    }
    send(SIGTERM);
    send(SIGUSR1);
    MUST_BE(coir_signals_wait(set, core_soon()) + coir_signals_wait(set, core_soon()), SIGTERM + SIGUSR1);
    MUST_BE(coir_signals_wait(set, COIR_NOW), -EAGAIN);
    coir_signals_close(set);
    coir_signals_close(NULL);
    return 0;
}

START_TEST(they_come)
{
    for (enum core_cast cast = 0; cast < CORE_CASTS; cast++)
        core_play(cast, take_two, NULL);
}
END_TEST

static struct coir_semaphore got = COIR_SEMAPHORE_INIT(0, 10);

static int
wait_in_set(void *arg)
{
    int result = coir_signals_wait(arg, COIR_NEVER);
    if (result > 0)
        MUST_BE(coir_semaphore_release(&got), 0);
    return result;
}

/* One after the other gets one; the last is canceled. */
static int
share(void *arg)
{
    static const int one[] = {SIGUSR1};
    struct coir_signals *set = open_set(one, 1), *other = open_set(one, 1);
    struct core_actor actors[3];
    int count = 0;
    (void)arg;
    core_start_all(actors, 3, wait_in_set, set);
    for (int i = 0; i < 3; i++)
        core_await_waiting(&actors[i]);
    for (int i = 0; i < 2; i++) {
        send(SIGUSR1);
        must_come(other, SIGUSR1); /* both sets get it */
        MUST_BE(coir_semaphore_acquire(&got, core_soon()), 0);
    }
    for (int i = 0; i < 3; i++)
        core_cancel(&actors[i]);
    for (int i = 0; i < 3; i++) {
        int result = core_end(&actors[i]);
        MUST(result == SIGUSR1 || result == -ECANCELED);
        count += result == SIGUSR1;
    }
    MUST_BE(count, 2);
    coir_signals_close(set);
    coir_signals_close(other);
    return 0;
}

START_TEST(tasks_and_sets_share)
{
    for (enum core_cast cast = 0; cast < CORE_CASTS; cast++)
        core_play(cast, share, NULL);
}
END_TEST

static volatile sig_atomic_t seen;

static void
see(int signal)
{
    seen = signal;
}

START_TEST(what_was_before_is_again)
{
    static const int one[] = {SIGUSR1}, two[] = {SIGUSR1, SIGUSR2};
    struct coir_signals *set, *other;
    signal(SIGUSR1, see);
    set = open_set(one, 1);
    other = open_set(two, 2);
    send(SIGUSR1);
    must_come(set, SIGUSR1);
    must_come(other, SIGUSR1);
    coir_signals_close(set);
    send(SIGUSR1);
    must_come(other, SIGUSR1);
    MUST_BE(seen, 0);
    coir_signals_close(other);
    send(SIGUSR1);
    while (!seen)
        usleep(100);
    MUST_BE(seen, SIGUSR1);
}
END_TEST

static int
end_by_signal(void *arg)
{
    static const int one[] = {SIGTERM};
    (void)arg;
    signal(SIGTERM, SIG_DFL); /* libcheck has a handler */
    coir_signals_close(open_set(one, 1));
    send(SIGTERM);
    return coir_sleep(core_soon());
}

START_TEST(after_close_it_ends_the_program)
{
    core_must_die(end_by_signal, NULL, SIGTERM, "");
}
END_TEST

START_TEST(refusals)
{
    static const int bad[][1] = {{0}, {-1}, {65}, {SIGKILL}, {SIGSTOP}, {SIGSEGV}, {SIGABRT}};
    int before = core_open_descriptors();
    struct coir_signals *set = (void *)(uintptr_t)&before;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        MUST_BE(coir_signals_open(bad[i], 1, &set), -EINVAL);
        MUST(!set);
    }
    MUST_BE(coir_signals_open(NULL, 0, &set), -EINVAL);
    MUST_BE(core_open_descriptors(), before);
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_test(cases, they_come);
    tcase_add_test(cases, tasks_and_sets_share);
    tcase_add_test(cases, what_was_before_is_again);
    tcase_add_test(cases, after_close_it_ends_the_program);
    tcase_add_test(cases, refusals);
}

int
main(void)
{
    return core_main("signals", add);
}
