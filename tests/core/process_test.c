/* process_test.c: tasks that are processes: results, what goes along, cancel, kill, ends, and that nothing is left of them.
 * Each case is a process of its own, with one thread, as the helper wants it. */
#include "core.h"

#include <coir/event.h>
#include <coir/scope.h>
#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/function.h"
#include "sched/runtime.h"

static const struct coir_task_options on_process = {.carrier = COIR_ON_PROCESS};
static int shared; /* by memory: a process does not see what is written here after the start */

/* Whether helper and children have to be forked, and children are the helper's. */
static bool
are_kept(void)
{
    return CORE_TSAN || getenv("COIR_EMULATED");
}

/* Runs director in a runtime with a helper; false: an emulator has threads of its own. */
static bool
play(coir_function *director, void *arg)
{
    int result = coir_run(director, arg, &(struct coir_runtime_options){.processes = true});
    if (result == -EBUSY && getenv("COIR_EMULATED")) {
        printf("SKIP: %s\n", coir_error_detail());
        return false;
    }
    if (result)
        ck_abort_msg("coir_run: %d, %s %s", result, coir_error_text(result), coir_error_detail());
    return true;
}

static int
result_of(coir_function *function, const void *arg, size_t size)
{
    struct coir_task_options options = {.carrier = COIR_ON_PROCESS, .arg_size = size};
    struct coir_task *task;
    int result = -1;
    MUST_BE(coir_go(function, (void *)(uintptr_t)arg, &options, &task), 0);
    MUST_BE(coir_join(task, &result, core_soon()), 0);
    return result;
}

/* ---- Results ---- */

static int
answer(void *arg)
{
    return *(int *)arg;
}

static int
leave(void *arg)
{
    if (!arg)
        exit(3);
    return 0;
}

static int
die(void *arg)
{
    (void)arg;
    (void)raise(SIGKILL);
    return 0;
}

static int
ask_for_results(void *arg)
{
    static const int wanted[] = {0, 42, 300, 100000, -1, -EINVAL, -5000};
    int result;
    (void)arg;
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        MUST_BE(result_of(answer, &wanted[i], sizeof wanted[i]), wanted[i]);
    MUST_BE(result_of(leave, NULL, 0), 3);
    result = result_of(die, NULL, 0);
    MUST_BE(coir_killed_by(result), SIGKILL);
    MUST(strcmp(coir_error_text(result), "Killed") == 0);
    return 0;
}

START_TEST(results)
{
    play(ask_for_results, NULL);
}
END_TEST

/* ---- What goes along ---- */

static int
add_up(void *arg)
{
    const unsigned char *bytes = arg;
    int sum = 0;
    MUST_BE((uintptr_t)arg % 16, 0);
    for (int i = 0; i < 65536; i++)
        sum += bytes[i];
    return sum;
}

static int
send_much(void *arg)
{
    static unsigned char bytes[65536];
    struct coir_task_options options = {.carrier = COIR_ON_PROCESS, .arg_size = sizeof bytes};
    struct coir_task *task;
    int result, sum = 0;
    (void)arg;
    for (int i = 0; i < 65536; i++)
        sum += bytes[i] = (unsigned char)(i * 7);
    MUST_BE(coir_go(add_up, bytes, &options, &task), 0);
    memset(bytes, 0, sizeof bytes); /* it has its copy */
    MUST_BE(coir_join(task, &result, core_soon()), 0);
    MUST_BE(result, sum);
    return 0;
}

START_TEST(bytes_go_along)
{
    play(send_much, NULL);
}
END_TEST

static int
write_index(void *arg)
{
    int count = *(int *)arg;
    for (int i = 0; i < count; i++) {
        char letter = (char)('a' + i);
        int fd = coir_task_descriptor((size_t)i);
        MUST(fd > 2);
        MUST_BE(write(fd, &letter, 1), 1);
        if (coir_task_pid(coir_self()) == shared)
            close(fd); /* it shares its descriptors with us */
    }
    return coir_task_descriptor((size_t)count);
}

static int
send_descriptors(void *arg)
{
    static const enum coir_carrier carriers[] = {COIR_ON_PROCESS, COIR_ON_FIBER, COIR_ON_THREAD};
    int before = core_open_descriptors();
    (void)arg;
    for (int i = 0; i < 3; i++) {
        int ends[2], fds[10], count = 5, result; /* half of them are left to it */
        char letters[16] = "";
        struct coir_task *task;
        MUST_BE(pipe(ends), 0);
        for (int k = 0; k < 10; k++)
            fds[k] = ends[1];
        MUST_BE(coir_go(write_index, &count,
                        &(struct coir_task_options){.carrier = carriers[i],
                                                    .arg_size = sizeof count,
                                                    .descriptors = fds,
                                                    .descriptor_count = i ? 10 : 5},
                        &task),
                0);
        close(ends[1]);
        MUST_BE(coir_join(task, &result, core_soon()), 0);
        MUST(i ? result > 0 : result == -EBADF);
        if (i)
            close(result);
        for (int got = 0; got < 5; got++)
            MUST_BE(read(ends[0], letters + got, 1), 1);
        MUST_BE(read(ends[0], letters + 5, 1), 0); /* nobody has the other end any more */
        MUST(strcmp(letters, "abcde") == 0);
        close(ends[0]);
    }
    MUST(core_open_descriptors() <= before + 2); /* a bell for a thread, workers' own */
    MUST_BE(coir_task_descriptor(0), -EBADF);
    return 0;
}

START_TEST(descriptors_go_along)
{
    shared = getpid();
    play(send_descriptors, NULL);
}
END_TEST

static int
see(void *arg)
{
    (void)arg;
    return shared;
}

static int
look_at_memory(void *arg)
{
    (void)arg;
    shared = 2;
    MUST_BE(result_of(see, NULL, 0), 1); /* as it was at coir_run */
    return 0;
}

START_TEST(memory_is_of_the_start)
{
    shared = 1;
    play(look_at_memory, NULL);
}
END_TEST

static int
draw(void *arg)
{
    (void)arg;
    return (int)coir_random(1 << 30);
}

static int
draw_twice(void *arg)
{
    (void)arg;
    MUST(result_of(draw, NULL, 0) != result_of(draw, NULL, 0)); /* they have the same memory */
    return 0;
}

START_TEST(chance_is_their_own)
{
    (void)coir_random(0);
    play(draw_twice, NULL);
}
END_TEST

static int
say_who(void *arg)
{
    pid_t pids[2] = {getpid(), getppid()};
    char name[32] = "";
    (void)arg;
    MUST_BE(write(coir_task_descriptor(0), pids, sizeof pids), sizeof pids);
    MUST(strcmp(coir_task_name(coir_self()), "someone") == 0);
    MUST_BE(prctl(PR_GET_NAME, name), 0);
    MUST(strcmp(name, "someone") == 0);
    MUST(!coir_runtime_self());
    MUST_BE(coir_go(see, NULL, NULL, NULL), -EINVAL); /* a plain thread */
    return 0;
}

static int
ask_who(void *arg)
{
    int ends[2], result;
    pid_t pids[2];
    struct coir_task *task;
    (void)arg;
    MUST_BE(pipe(ends), 0);
    /* An orphan is another's child; those after it are the program's all the same. */
    MUST_BE(coir_go(see, NULL, &(struct coir_task_options){.carrier = COIR_ON_PROCESS, .orphan = true}, &task), 0);
    MUST_BE(coir_join(task, &result, core_soon()), 0);
    MUST_BE(coir_go(say_who, NULL,
                    &(struct coir_task_options){
                        .name = "someone", .carrier = COIR_ON_PROCESS, .descriptors = &ends[1], .descriptor_count = 1},
                    &task),
            0);
    MUST_BE(coir_join(task, &result, COIR_NOW), -EAGAIN);
    MUST(coir_task_is_alive(task));
    while (!coir_task_pid(task))
        coir_yield();
    MUST_BE(read(ends[0], pids, sizeof pids), sizeof pids);
    MUST_BE(coir_task_pid(task), pids[0]);
    if (!are_kept())
        MUST_BE(pids[1], getpid());
    MUST_BE(coir_join(task, &result, core_soon()), 0);
    MUST_BE(result, 0);
    MUST_BE(coir_task_pid(coir_self()), getpid());
    return 0;
}

START_TEST(who_is_who)
{
    play(ask_who, NULL);
}
END_TEST

/* ---- Cancel and kill ---- */

static int
say_ready(void)
{
    return write(coir_task_descriptor(0), "r", 1) == 1 ? 0 : -EIO;
}

static int
sleep_for_ever(void *arg)
{
    (void)arg;
    MUST_BE(say_ready(), 0);
    return coir_sleep(COIR_NEVER);
}

static int
sleep_in_fiber(void *arg)
{
    int error = write(*(int *)arg, "r", 1) == 1 ? coir_sleep(COIR_NEVER) : -EIO;
    return error == -ECANCELED && coir_is_canceled() ? -EXDEV : error;
}

static int
run_for_ever(void *arg)
{
    int fd = coir_task_descriptor(0);
    (void)arg;
    if (CORE_TSAN) { /* it does not like threads after a fork */
        MUST_BE(say_ready(), 0);
        return coir_sleep(COIR_NEVER) == -ECANCELED ? -EXDEV : 0;
    }
    return coir_run(sleep_in_fiber, &fd, &(struct coir_runtime_options){.workers = 2});
}

static int
wait_deaf(void *arg)
{
    (void)arg;
    signal(SIGTERM, SIG_IGN);
    MUST_BE(say_ready(), 0);
    while (pause())
        continue;
    return 0;
}

/* One that has begun. */
static struct coir_task *
start(coir_function *function, const struct coir_task_options *wanted)
{
    struct coir_task_options options = *wanted;
    struct coir_task *task;
    int ends[2];
    char ready;
    MUST_BE(pipe(ends), 0);
    options.carrier = COIR_ON_PROCESS;
    options.descriptors = &ends[1];
    options.descriptor_count = 1;
    MUST_BE(coir_go(function, NULL, &options, &task), 0);
    close(ends[1]);
    while (!coir_task_pid(task))
        coir_yield();
    MUST_BE(read(ends[0], &ready, 1), 1);
    close(ends[0]);
    return task;
}

static int
end_of(struct coir_task *task)
{
    int result;
    MUST_BE(coir_join(task, &result, core_soon()), 0);
    return result;
}

static int
end_some(void *arg)
{
    struct coir_task *task = start(sleep_for_ever, &on_process);
    int result;
    (void)arg;
    coir_cancel(task);
    MUST_BE(end_of(task), -ECANCELED);
    task = start(run_for_ever, &on_process);
    coir_cancel(task);
    MUST_BE(end_of(task), -EXDEV);
    task = start(wait_deaf, &on_process);
    coir_cancel(task);
    MUST_BE(coir_join(task, NULL, coir_after(50 * COIR_MS)), -ETIMEDOUT);
    MUST_BE(coir_task_kill(task, SIGKILL), 0);
    MUST_BE(coir_killed_by(end_of(task)), SIGKILL);
    task = start(sleep_for_ever, &on_process);
    MUST_BE(coir_task_kill(task, SIGUSR1), 0); /* no handler of the program's is there */
    while (coir_task_is_alive(task))
        coir_yield();
    MUST_BE(coir_task_kill(task, SIGKILL), -ESRCH);
    MUST_BE(coir_killed_by(end_of(task)), SIGUSR1);
    MUST_BE(coir_task_kill(coir_self(), SIGKILL), -ENOTSUP);
    MUST_BE(coir_go(answer, &shared, &(struct coir_task_options){.carrier = COIR_ON_PROCESS, .arg_size = 4}, &task), 0);
    coir_cancel(task);
    result = end_of(task);
    if (coir_runtime_workers(coir_runtime_self()) == 1 && !getenv("COIR_CARRIER"))
        MUST_BE(result, -ECANCELED); /* before it could begin */
    else
        MUST(!result || result == -ECANCELED);
    return 0;
}

static void
never(int signal)
{
    (void)signal;
    _exit(98);
}

START_TEST(cancel_and_kill)
{
    signal(SIGUSR1, never);
    play(end_some, NULL);
}
END_TEST

static int
fail_soon(void *arg)
{
    (void)arg;
    return -EXDEV;
}

static int
wait_in_process(void *arg)
{
    (void)arg;
    return coir_sleep(COIR_NEVER);
}

static int
be_in_a_scope(void *arg)
{
    COIR_SCOPE(scope);
    (void)arg;
    MUST_BE(coir_scope_go(&scope, wait_in_process, NULL, &on_process), 0);
    MUST_BE(coir_scope_go(&scope, wait_in_process, NULL, &on_process), 0);
    MUST_BE(coir_scope_go(&scope, fail_soon, NULL, &on_process), 0);
    MUST_BE(coir_scope_wait(&scope, core_soon()), -EXDEV);
    return 0;
}

START_TEST(a_scope_holds_them)
{
    play(be_in_a_scope, NULL);
}
END_TEST

/* ---- What is left ---- */

static void
nothing_is_left(int descriptors)
{
    int status;
    MUST_BE(waitpid(-1, &status, WNOHANG | __WALL), -1);
    MUST_BE(errno, ECHILD);
    MUST_BE(core_open_descriptors(), descriptors);
}

static int
start_many(void *arg)
{
    enum { AT_ONCE = 16 };
    struct coir_task *tasks[AT_ONCE];
    long rounds = core_is_long() ? 10000 : core_rounds(480);
    int result;
    (void)arg;
    for (long done = 0; done < rounds; done += AT_ONCE) {
        for (int i = 0; i < AT_ONCE; i++)
            MUST_BE(coir_go(answer, &i, &(struct coir_task_options){.carrier = COIR_ON_PROCESS, .arg_size = sizeof i},
                            &tasks[i]),
                    0);
        for (int i = 0; i < AT_ONCE; i++) {
            MUST_BE(coir_join(tasks[i], &result, core_soon()), 0);
            MUST_BE(result, i);
        }
    }
    return 0;
}

START_TEST(many_leave_nothing)
{
    int before = core_open_descriptors();
    if (play(start_many, NULL))
        nothing_is_left(before);
}
END_TEST

static int
wait_for_any(void *arg)
{
    int status, *met = arg;
    for (int i = 0; i < 20; i++) {
        if (wait(&status) >= 0)
            ++*met;
        coir_sleep(coir_after(COIR_MS));
    }
    return 0;
}

static int
run_beside_wait(void *arg)
{
    static int met;
    struct coir_task *waiter;
    static const int seven = 7;
    int result;
    (void)arg;
    MUST_BE(coir_go(wait_for_any, &met, &(struct coir_task_options){.carrier = COIR_ON_THREAD}, &waiter), 0);
    for (int i = 0; i < 10; i++)
        MUST_BE(result_of(answer, &seven, sizeof seven), 7);
    MUST_BE(coir_join(waiter, &result, core_soon()), 0);
    MUST_BE(met, 0);
    return 0;
}

static int
go_on(void *arg)
{
    (void)arg;
    return 0;
}

START_TEST(a_wait_of_the_programs_own)
{
    if (are_kept())
        printf("SKIP: the helper is a plain child here\n");
    else
        play(run_beside_wait, NULL);
}
END_TEST

START_TEST(child_signals_ignored)
{
    int before = core_open_descriptors();
    signal(SIGCHLD, SIG_IGN);
    if (play(ask_for_results, NULL))
        nothing_is_left(before);
}
END_TEST

static int
become_another(void *arg)
{
    (void)arg;
    (void)execl("/bin/sh", "sh", "-c", "exit 7", (char *)NULL);
    return -errno;
}

static int
exec_in_process(void *wanted)
{
    MUST_BE(result_of(become_another, NULL, 0), *(const int *)wanted);
    return 0;
}

START_TEST(one_that_calls_exec)
{
    int wanted = 7;
    play(exec_in_process, &wanted);
    signal(SIGCHLD, SIG_IGN); /* now the kernel takes its status, as that of any child */
    if (!are_kept())
        wanted = -ECHILD;
    play(exec_in_process, &wanted);
}
END_TEST

START_TEST(keepers_on_threads)
{
    setenv("COIR_CARRIER", "thread", 1);
    if (play(ask_for_results, NULL))
        play(end_some, NULL);
}
END_TEST

/* Three that hold the pipe. */
static int
start_three_and_wait(void *arg)
{
    int *ends = arg;
    for (int i = 0; i < 3; i++)
        MUST_BE(coir_go(i == 1 ? wait_deaf : sleep_for_ever, NULL,
                        &(struct coir_task_options){
                            .carrier = COIR_ON_PROCESS, .descriptors = &ends[1], .descriptor_count = 1},
                        NULL),
                0);
    return coir_sleep(core_soon());
}

/* Until nobody has the other end any more. */
static void
must_end_soon(int fd)
{
    struct pollfd poller = {.fd = fd, .events = POLLIN};
    char byte;
    ssize_t count;
    do {
        MUST_BE(poll(&poller, 1, 20000), 1);
        count = read(fd, &byte, 1);
    } while (count > 0);
    MUST_BE(count, 0);
}

START_TEST(they_end_with_the_program)
{
    int ends[2], status;
    char ready;
    coir_time killed;
    pid_t program;
    MUST_BE(pipe(ends), 0);
    program = fork();
    if (program == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(ends[0]);
        if (coir_run(start_three_and_wait, ends, &(struct coir_runtime_options){.processes = true}) == -EBUSY)
            _exit(77);
        _exit(1);
    }
    close(ends[1]);
    for (int i = 0; i < 3; i++)
        if (read(ends[0], &ready, 1) != 1) {
            MUST_BE(waitpid(program, &status, 0), program);
            MUST_BE(WEXITSTATUS(status), 77);
            printf("SKIP: the emulator has threads of its own\n");
            return;
        }
    MUST_BE(kill(program, SIGKILL), 0);
    killed = coir_now();
    MUST_BE(waitpid(program, &status, 0), program);
    must_end_soon(ends[0]);
    MUST(coir_now() - killed < 2 * COIR_SECOND || CORE_TSAN || getenv("COIR_EMULATED"));
}
END_TEST

/* ---- Daemons and orphans ---- */

static int
leave_daemons(void *arg)
{
    (void)arg;
    coir_detach(start(sleep_for_ever, &(struct coir_task_options){.daemon = true}));
    coir_detach(start(wait_deaf, &(struct coir_task_options){.daemon = true})); /* gets SIGKILL after a second */
    return 0;
}

START_TEST(daemons_end_with_the_run)
{
    int before = core_open_descriptors();
    if (play(leave_daemons, NULL))
        nothing_is_left(before);
}
END_TEST

static int
answer_later(void *arg)
{
    char byte;
    (void)arg;
    alarm(20);
    MUST_BE(write(coir_task_descriptor(1), "r", 1), 1);
    MUST_BE(read(coir_task_descriptor(0), &byte, 1), 1);
    MUST_BE(write(coir_task_descriptor(1), &byte, 1), 1);
    return 0;
}

static int
leave_orphan(void *arg)
{
    int *fds = arg;
    struct coir_task *task;
    MUST_BE(coir_go(answer_later, NULL,
                    &(struct coir_task_options){
                        .orphan = true, .carrier = COIR_ON_PROCESS, .descriptors = fds, .descriptor_count = 2},
                    &task),
            0);
    coir_detach(task);
    return 0;
}

static int
end_orphan(void *arg)
{
    struct coir_task *task = start(sleep_for_ever, &(struct coir_task_options){.orphan = true});
    (void)arg;
    coir_cancel(task); /* that is another matter */
    MUST_BE(end_of(task), -ECANCELED);
    task = start(sleep_for_ever, &(struct coir_task_options){.orphan = true});
    MUST_BE(coir_task_kill(task, SIGKILL), 0);
    MUST_BE(coir_killed_by(end_of(task)), SIGKILL);
    return 0;
}

START_TEST(orphans_outlive_the_run)
{
    int to[2], from[2], fds[2], before;
    char byte;
    MUST_BE(pipe(to), 0);
    MUST_BE(pipe(from), 0);
    fds[0] = to[0];
    fds[1] = from[1];
    before = core_open_descriptors();
    if (!play(leave_orphan, fds))
        return;
    nothing_is_left(before);
    close(to[0]);
    close(from[1]);
    MUST_BE(read(from[0], &byte, 1), 1);
    MUST_BE(write(to[1], "x", 1), 1);
    MUST_BE(read(from[0], &byte, 1), 1);
    MUST_BE(byte, 'x');
    must_end_soon(from[0]);
    play(end_orphan, NULL);
}
END_TEST

/* ---- Refusals and losses ---- */

static int
ask_without_helper(void *arg)
{
    struct coir_task *task = coir_self();
    (void)arg;
    MUST_BE(coir_go(go_on, NULL, &on_process, &task), -ENOTSUP);
    MUST(!task);
    MUST(strstr(coir_error_detail(), "option processes"));
    MUST_BE(coir_go(go_on, NULL, &(struct coir_task_options){.orphan = true}, NULL), -EINVAL);
    MUST_BE(coir_go(go_on, NULL, &(struct coir_task_options){.carrier = COIR_ON_PROCESS + 1}, NULL), -EINVAL);
    MUST_BE(coir_go(go_on, NULL, &(struct coir_task_options){.descriptor_count = 251}, NULL), -EINVAL);
    return 0;
}

static int
give_pointer(void *arg)
{
    return coir_go(go_on, arg, &on_process, NULL);
}

static int
run_and_give_pointer(void *arg)
{
    return coir_run(give_pointer, arg, &(struct coir_runtime_options){.processes = true});
}

static int
start_second(void *arg)
{
    struct coir_runtime *second;
    (void)arg;
    MUST_BE(coir_runtime_start(&(struct coir_runtime_options){.processes = true}, &second), -EBUSY);
    MUST(!second);
    MUST(strstr(coir_error_detail(), "threads"));
    return 0;
}

static int
refuse_more(void *arg)
{
    int bad = 1023;
    struct coir_task_options options = {.carrier = COIR_ON_PROCESS, .descriptors = &bad, .descriptor_count = 1};
    (void)arg;
    MUST_BE(coir_go(go_on, NULL, &options, NULL), -EBADF);
    MUST(strstr(coir_error_detail(), "1023"));
    cr_fault_arm(UINT64_C(1) << CR_FAULT_DESCRIPTOR, 1, false);
    bad = 0;
    MUST_BE(coir_go(go_on, NULL, &options, NULL), -EMFILE);
    MUST_BE(cr_fault_disarm(), 1);
    cr_fault_arm(UINT64_C(1) << CR_FAULT_SOCKET, 1, false);
    MUST_BE(result_of(go_on, NULL, 0), -EMFILE);
    MUST_BE(cr_fault_disarm(), 1);
    return 0;
}

START_TEST(refusals)
{
    int dumb = 0;
    MUST_BE(coir_run(ask_without_helper, NULL, NULL), 0);
    if (!play(refuse_more, NULL))
        return;
    core_must_die(run_and_give_pointer, &dumb, SIGABRT, "arg_size");
    if (!CORE_TSAN) /* which has threads of its own */
        MUST_BE(coir_run(start_second, NULL, &(struct coir_runtime_options){.workers = 2}), 0);
}
END_TEST

static int
lose_helper(void *arg)
{
    struct coir_task *task = start(sleep_for_ever, &on_process);
    (void)arg;
    MUST_BE(kill(coir_runtime_self()->helper.pid, SIGKILL), 0);
    MUST_BE(coir_task_kill(task, SIGTERM), 0); /* a child of ours goes on */
    MUST_BE(end_of(task), -ECANCELED);
    while (result_of(go_on, NULL, 0) != -ECHILD) /* it may not have died yet */
        coir_yield();
    return 0;
}

START_TEST(the_helper_is_killed)
{
    int before = core_open_descriptors();
    if (are_kept())
        printf("SKIP: children are the helper's here\n");
    else if (play(lose_helper, NULL))
        nothing_is_left(before);
}
END_TEST

/* It then says so. */
static int
starve_helper(void *arg)
{
    pid_t helper = coir_runtime_self()->helper.pid;
    int zero = 0, five[5] = {0};
    struct coir_task_options many = {.carrier = COIR_ON_PROCESS, .descriptors = five, .descriptor_count = 5};
    struct coir_task *task;
    struct rlimit before, few;
    (void)arg;
    MUST_BE(prlimit(helper, RLIMIT_NOFILE, NULL, &before), 0);
    few = before;
    for (few.rlim_cur = 5; few.rlim_cur < 8; few.rlim_cur++) { /* 0 to 2, its socket, and one or some more */
        MUST_BE(prlimit(helper, RLIMIT_NOFILE, &few, NULL), 0);
        MUST_BE(coir_go(go_on, NULL, &many, &task), 0);
        MUST_BE(end_of(task), -EMFILE);
        MUST(strstr(coir_error_detail(), "no process for the task"));
        MUST_BE(result_of(answer, &zero, sizeof zero), few.rlim_cur == 5 ? -EMFILE : 0);
    }
    MUST_BE(prlimit(helper, RLIMIT_NOFILE, &before, NULL), 0);
    MUST_BE(coir_go(go_on, NULL, &many, &task), 0);
    MUST_BE(end_of(task), 0);
    return 0;
}

START_TEST(the_helper_has_no_descriptors)
{
    int before = core_open_descriptors();
    if (play(starve_helper, NULL))
        nothing_is_left(before);
}
END_TEST

/* On threads each task that waits for a descriptor needs a bell. */
static int
lose_bells(void *arg)
{
    static const int seven = 7;
    pid_t helper = coir_runtime_self()->helper.pid;
    siginfo_t stop;
    (void)arg;
    for (int on = 0; on < 2; on++) { /* it looks again, until there is something to be heard without waiting */
        cr_fault_arm(UINT64_C(1) << CR_FAULT_DESCRIPTOR, 1, on);
        MUST_BE(result_of(answer, &seven, sizeof seven), 7);
        (void)cr_fault_disarm();
    }
    cr_fault_arm(UINT64_C(1) << CR_FAULT_DESCRIPTOR, 1, true);
    MUST_BE(kill(helper, SIGSTOP), 0);
    MUST_BE(waitid(P_PID, (id_t)helper, &stop, WSTOPPED | __WALL), 0);
    MUST_BE(result_of(answer, &seven, sizeof seven), -EMFILE);
    MUST(strstr(coir_error_detail(), "cannot be listened to"));
    MUST_BE(kill(helper, SIGCONT), 0);
    (void)cr_fault_disarm();
    return 0;
}

START_TEST(the_line_cannot_be_waited_for)
{
    setenv("COIR_CARRIER", "thread", 1);
    play(lose_bells, NULL);
}
END_TEST

static int
call_late_library(void *arg)
{
    void *library = dlopen("libz.so.1", RTLD_NOW);
    coir_function *function = library ? (coir_function *)(uintptr_t)dlsym(library, "deflateEnd") : NULL;
    struct cr_function_name name;
    (void)arg;
    if (!function) {
        printf("SKIP: there is no libz.so.1\n");
        return 0;
    }
    MUST_BE(result_of(function, NULL, 0), function(NULL)); /* of no stream at all: a failure of its own */
    MUST_BE(cr_function_name(function, &name), 0);
    name.build[0] ^= 1;
    MUST_BE(cr_function_find(&name, &function), -ESTALE);
    strcpy(name.path, "/nowhere/library.so");
    MUST_BE(cr_function_find(&name, &function), -ENOENT);
    MUST_BE(cr_function_name((coir_function *)(uintptr_t)64, &name), -ENOENT);
    MUST_BE(cr_function_name(call_late_library, &name), 0);
    MUST_BE(cr_function_find(&name, &function), 0);
    MUST(function == call_late_library);
    return 0;
}

START_TEST(functions_of_libraries)
{
    play(call_late_library, NULL);
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_test(cases, results);
    tcase_add_test(cases, bytes_go_along);
    tcase_add_test(cases, descriptors_go_along);
    tcase_add_test(cases, memory_is_of_the_start);
    tcase_add_test(cases, chance_is_their_own);
    tcase_add_test(cases, who_is_who);
    tcase_add_test(cases, cancel_and_kill);
    tcase_add_test(cases, a_scope_holds_them);
    tcase_add_test(cases, many_leave_nothing);
    tcase_add_test(cases, a_wait_of_the_programs_own);
    tcase_add_test(cases, child_signals_ignored);
    tcase_add_test(cases, one_that_calls_exec);
    tcase_add_test(cases, keepers_on_threads);
    tcase_add_test(cases, they_end_with_the_program);
    tcase_add_test(cases, daemons_end_with_the_run);
    tcase_add_test(cases, orphans_outlive_the_run);
    tcase_add_test(cases, refusals);
    tcase_add_test(cases, the_helper_is_killed);
    tcase_add_test(cases, the_helper_has_no_descriptors);
    tcase_add_test(cases, the_line_cannot_be_waited_for);
    tcase_add_test(cases, functions_of_libraries);
}

int
main(void)
{
    return core_main("process", add);
}
