/* uring_test.c: what is peculiar to the backend uring: rings that run full, a kernel that takes nothing, signals, cancels
 * at every stage, files without helper threads, refusals, forks. What streams promise is told by stream_test.c, which
 * runs over this backend with COIR_BACKEND=uring. */
#include "core.h"
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/uring.h"
#include "base/fault.h"

/* Whether this machine lets us; else the case is a skipped one. */
static bool
is_allowed(void)
{
    struct io_uring_params params = {.flags = 0};
    long ring = cr_uring_probe() ? -1 : syscall(SYS_io_uring_setup, 1, &params);
    if (ring < 0) {
        printf("SKIP: io_uring is refused here\n");
        return false;
    }
    close((int)ring);
    return true;
}

static void
run(int workers, coir_function *function, void *arg)
{
    int result = coir_run(function, arg, &(struct coir_runtime_options){.workers = workers, .backend = "uring"});
    if (result)
        ck_abort_msg("coir_run: %d, %s %s", result, coir_error_text(result), coir_error_detail());
}

static void
use_tiny_rings(void)
{
    cr_uring_sizes.submissions = cr_uring_sizes.completions = 2;
}

/* ---- Many readers ---- */

enum { READERS = 64, ROUNDS = 20 };

struct crowd {
    struct coir_stream *ends[READERS][2];
    struct coir_task *tasks[READERS];
    int results[READERS];
};

struct reader {
    struct crowd *crowd;
    int number;
};

static int
read_rounds(void *arg)
{
    struct reader *self = arg;
    struct coir_stream *stream = self->crowd->ends[self->number][1];
    for (int i = 0; i < ROUNDS; i++) {
        int number;
        ssize_t got = coir_stream_read_full(stream, &number, sizeof number, core_soon());
        if (got != sizeof number)
            return (int)got;
        MUST_BE(number, self->number * ROUNDS + i);
        MUST_BE(coir_stream_write(stream, &number, sizeof number, core_soon()), 0);
    }
    return 0;
}

static void
start_readers(struct crowd *crowd, coir_function *function)
{
    for (int i = 0; i < READERS; i++) {
        struct reader reader = {crowd, i};
        MUST_BE(coir_stream_pair(crowd->ends[i]), 0);
        MUST_BE(
            coir_go_spread(function, &reader, &(struct coir_task_options){.arg_size = sizeof reader}, &crowd->tasks[i]),
            0);
    }
    for (int i = 0; i < READERS; i++)
        core_await_parked(crowd->tasks[i]);
}

static void
end_readers(struct crowd *crowd)
{
    for (int i = 0; i < READERS; i++) {
        MUST_BE(coir_join(crowd->tasks[i], &crowd->results[i], core_soon()), 0);
        wire_close(crowd->ends[i]);
    }
}

static int
talk_to_all(void *arg)
{
    static struct crowd crowd;
    (void)arg;
    start_readers(&crowd, read_rounds);
    for (int i = 0; i < ROUNDS; i++) {
        for (int k = 0; k < READERS; k++) {
            int number = k * ROUNDS + i;
            MUST_BE(coir_stream_write(crowd.ends[k][0], &number, sizeof number, core_soon()), 0);
        }
        for (int k = 0; k < READERS; k++) {
            int number;
            MUST_BE(coir_stream_read_full(crowd.ends[k][0], &number, sizeof number, core_soon()), sizeof number);
            MUST_BE(number, k * ROUNDS + i);
        }
    }
    end_readers(&crowd);
    for (int i = 0; i < READERS; i++)
        MUST_BE(crowd.results[i], 0);
    return 0;
}

/* Two entries for 64 operations at a time: submissions are handed in early, completions overflow. */
START_TEST(both_rings_run_full)
{
    if (!is_allowed())
        return;
    use_tiny_rings();
    run(_i ? 4 : 1, talk_to_all, NULL);
    ck_assert_uint_gt(cr_uring_counts.overflows, 0);
}
END_TEST

/* The n-th call fails, as it does when the kernel has no memory. */
static int
talk_through_failures(void *arg)
{
    for (uint64_t n = 1; n < 40; n = n * 2 + 1) {
        cr_fault_arm(1u << CR_FAULT_ENTER, n, false);
        talk_to_all(arg);
        MUST(cr_fault_disarm() >= n);
    }
    return 0;
}

START_TEST(a_call_that_fails_is_made_again)
{
    if (!is_allowed())
        return;
    use_tiny_rings();
    run(_i ? 4 : 1, talk_through_failures, NULL);
}
END_TEST

/* ---- The kernel takes nothing for a while ---- */

static int
read_once(void *arg)
{
    struct reader *self = arg;
    char byte;
    return (int)coir_stream_read(self->crowd->ends[self->number][1], &byte, 1, core_soon());
}

/* Of readers that wait in the ring, and of those for which there was no room, every second is canceled; the kernel has
 * seen none of them. The others read what comes later. */
static int
cancel_what_was_not_taken(void *arg)
{
    static struct crowd crowd;
    uint64_t before = cr_load_rlx(&cr_uring_counts.backlogged);
    (void)arg;
    cr_fault_arm(1u << CR_FAULT_ENTER, 1, true);
    start_readers(&crowd, read_once);
    MUST(cr_load_rlx(&cr_uring_counts.backlogged) > before);
    for (int i = 0; i < READERS; i += 2)
        coir_cancel(crowd.tasks[i]);
    for (int i = 0; i < 1000; i++)
        (void)coir_yield();
    MUST(cr_fault_disarm() > 0);
    for (int i = 1; i < READERS; i += 2)
        MUST_BE(coir_stream_write(crowd.ends[i][0], "x", 1, core_soon()), 0);
    end_readers(&crowd);
    for (int i = 0; i < READERS; i++)
        MUST_BE(crowd.results[i], i % 2 ? 1 : -ECANCELED);
    return 0;
}

START_TEST(cancel_before_the_kernel_knows)
{
    if (!is_allowed())
        return;
    use_tiny_rings();
    run(1, cancel_what_was_not_taken, NULL);
    ck_assert_uint_gt(cr_uring_counts.cancels_backlogged, 0);
}
END_TEST

/* ---- Cancel and arrival at the same moment ---- */

struct race {
    struct coir_stream *ends[2];
    struct coir_listener *listener;
    char address[COIR_ADDRESS_TEXT];
};

static int
read_byte(void *arg)
{
    struct race *race = arg;
    char byte;
    return (int)coir_stream_read(race->ends[1], &byte, 1, core_soon());
}

/* A byte is read by whoever is canceled, or is still there. */
static int
race_for_a_byte(void *arg)
{
    struct race race;
    long canceled = 0, rounds = core_rounds(1000);
    (void)arg;
    wire_open(WIRE_TCP, 0, race.ends);
    for (long i = 0; i < rounds; i++) {
        struct coir_task *task;
        char byte;
        int result;
        MUST_BE(coir_go_spread(read_byte, &race, NULL, &task), 0);
        if (i % 3)
            core_await_parked(task);
        if (i % 2)
            coir_cancel(task);
        MUST_BE(coir_stream_write(race.ends[0], "x", 1, core_soon()), 0);
        if (i % 2 == 0)
            coir_cancel(task);
        MUST_BE(coir_join(task, &result, core_soon()), 0);
        MUST(result == 1 || result == -ECANCELED);
        canceled += result == -ECANCELED;
        if (result < 0)
            MUST_BE(coir_stream_read(race.ends[1], &byte, 1, core_soon()), 1);
        MUST_BE(coir_stream_read(race.ends[1], &byte, 1, COIR_NOW), -EAGAIN);
    }
    MUST(canceled > 0);
    wire_close(race.ends);
    return 0;
}

START_TEST(a_byte_is_never_lost_to_a_cancel)
{
    if (is_allowed())
        run(_i ? 4 : 1, race_for_a_byte, NULL);
}
END_TEST

static int
accept_one(void *arg)
{
    struct race *race = arg;
    struct coir_stream *stream;
    int result = coir_listener_accept(race->listener, &stream, core_soon());
    coir_stream_close(stream);
    return result;
}

/* At once, and without a turn for anybody else. */
static int
knock(struct coir_listener *listener)
{
    struct coir_address address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    MUST_BE(coir_listener_local(listener, &address), 0);
    MUST_BE(connect(fd, (struct sockaddr *)&address.storage, address.size), 0);
    return fd;
}

static int
race_for_a_connection(void *arg)
{
    long aborted = 0, rounds = core_rounds(120);
    (void)arg;
    /* On until the abort has been faster once: how often it is depends on who gets the processor. */
    for (long i = 0; i < rounds || (!aborted && i < 50 * rounds); i++) {
        struct race race;
        struct coir_task *task;
        int result, fd;
        race.listener = wire_listen("127.0.0.1:0", race.address);
        MUST_BE(coir_go_spread(accept_one, &race, NULL, &task), 0);
        core_await_parked(task);
        fd = knock(race.listener);
        for (long k = 0; k < i % 4; k++)
            (void)coir_yield();
        coir_listener_abort(race.listener);
        MUST_BE(coir_join(task, &result, core_soon()), 0);
        MUST(result == 0 || result == -EPIPE);
        aborted += result != 0;
        coir_listener_close(race.listener);
        close(fd);
    }
    MUST(aborted > 0);
    return 0;
}

/* The kernel may accept one just when the listener is aborted: its descriptor must not be left. */
START_TEST(abort_leaves_no_accepted_connection)
{
    int before;
    if (!is_allowed())
        return;
    run(_i ? 4 : 1, race_for_a_connection, NULL); /* what the library keeps for good is made */
    before = core_open_descriptors();
    run(_i ? 4 : 1, race_for_a_connection, NULL);
    ck_assert_int_eq(core_open_descriptors(), before);
}
END_TEST

/* ---- Signals ---- */

static void
do_nothing_about(int signal)
{
    (void)signal;
}

struct shower {
    pthread_t target;
    CR_ATOMIC(uint32_t) over;
};

static void *
send_signals(void *arg)
{
    struct shower *shower = arg;
    while (!cr_load_acq(&shower->over)) {
        pthread_kill(shower->target, SIGUSR1);
        sched_yield();
    }
    return NULL;
}

static int
talk_under_signals(void *arg)
{
    struct shower shower = {.target = pthread_self()};
    pthread_t thread;
    MUST_BE(pthread_create(&thread, NULL, send_signals, &shower), 0);
    talk_to_all(arg);
    MUST_BE(coir_sleep(coir_after(20 * COIR_MS)), 0);
    cr_store_rel(&shower.over, 1);
    MUST_BE(pthread_join(thread, NULL), 0);
    return 0;
}

START_TEST(signals_interrupt_nothing)
{
    struct sigaction action = {.sa_handler = do_nothing_about};
    if (!is_allowed())
        return;
    ck_assert_int_eq(sigaction(SIGUSR1, &action, NULL), 0);
    run(1, talk_under_signals, NULL);
}
END_TEST

/* ---- Files ---- */

/* Written, and read again from its present position, while no helper thread can be had. */
static int
write_and_read_a_file(void *arg)
{
    char name[] = "/tmp/coir-uring-XXXXXX", bytes[100000];
    int fd = mkstemp(name), second;
    struct coir_stream *file;
    uint64_t asked;
    (void)arg;
    MUST(fd >= 0);
    second = open(name, O_RDONLY | O_CLOEXEC);
    MUST(second >= 0);
    unlink(name);
    cr_fault_arm(1u << CR_FAULT_THREAD, 1, true);
    MUST_BE(coir_stream_from(fd, &file), 0);
    for (int i = 0; i < 10; i++) {
        memset(bytes, 'a' + i, sizeof bytes);
        MUST_BE(coir_stream_write(file, bytes, sizeof bytes, core_soon()), 0);
    }
    MUST_BE(coir_stream_close(file), 0);
    MUST_BE(coir_stream_from(second, &file), 0);
    for (int i = 0; i < 10; i++) {
        MUST_BE(coir_stream_read_full(file, bytes, sizeof bytes, core_soon()), sizeof bytes);
        for (size_t k = 0; k < sizeof bytes; k++)
            MUST(bytes[k] == 'a' + i);
    }
    MUST_BE(coir_stream_read(file, bytes, 1, core_soon()), 0);
    MUST_BE(coir_stream_close(file), 0);
    asked = cr_fault_disarm();
    MUST_BE(asked, 0);
    return 0;
}

START_TEST(files_need_no_helper_threads)
{
    if (is_allowed())
        run(1, write_and_read_a_file, NULL);
}
END_TEST

/* What the ring does with a file and will not wait for goes to a helper thread, once: here an open of a file with a lease that
 * nobody gives up. (For reads Linux 6.18 has no such file any more.) */
static int
open_a_leased_file(void *arg)
{
    char name[] = "/tmp/coir-uring-XXXXXX";
    uint64_t handed = cr_load_rlx(&cr_uring_counts.by_thread);
    int fd = mkstemp(name);
    struct coir_stream *file;
    (void)arg;
    MUST(fd >= 0);
    MUST(signal(SIGIO, SIG_IGN) != SIG_ERR); /* says that somebody wants it */
    if (fcntl(fd, F_SETLEASE, F_WRLCK)) {
        printf("SKIP: no lease on files in /tmp: %s\n", strerror(errno));
    } else {
        MUST_BE(coir_file_open(NULL, name, "r", &file, core_soon()), -EBUSY);
        MUST_BE(cr_load_rlx(&cr_uring_counts.by_thread), handed + 1);
    }
    unlink(name);
    close(fd);
    return 0;
}

START_TEST(what_the_ring_does_not_wait_for)
{
    if (is_allowed())
        run(1, open_a_leased_file, NULL);
}
END_TEST

/* ---- Refusals ---- */

static int
say_backend(void *arg)
{
    snprintf(arg, 16, "%s", coir_runtime_backend(coir_runtime_self()));
    return 0;
}

enum { ANY_CALL = -1 };

/* From now on this call of io_uring's is answered so, and nobody gets an epoll. */
static void
filter(int call, uint32_t answer)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_epoll_create1, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, (unsigned)(call == ANY_CALL ? SYS_io_uring_setup : call), 0, 2),
        BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, (unsigned)(call == ANY_CALL ? SYS_io_uring_register : call), 1, 0),
        BPF_STMT(BPF_RET | BPF_K, answer),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof code / sizeof code[0], code};
    MUST_BE(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    MUST_BE(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

static char logged[512];
static int lines_logged;

static void
keep_line(enum coir_log_level level, const char *line, void *arg)
{
    (void)level, (void)arg;
    snprintf(logged, sizeof logged, "%s", line);
    lines_logged++;
}

static const struct {
    int call;
    uint32_t answer;
    int error; /* what io_uring is refused with; 0: it is not */
} refusals[] = {
    {ANY_CALL, SECCOMP_RET_ERRNO | EPERM, -EPERM},
    {ANY_CALL, SECCOMP_RET_ERRNO | ENOSYS, -ENOSYS},
    {ANY_CALL, SECCOMP_RET_TRAP, -EPERM},
    {ANY_CALL, SECCOMP_RET_KILL_PROCESS, -EPERM},
    {ANY_CALL, SECCOMP_RET_ALLOW, 0},
    {SYS_io_uring_enter, SECCOMP_RET_ERRNO | EPERM, -EPERM},
    {SYS_io_uring_register, SECCOMP_RET_ERRNO | ENOSYS, -ENOSYS},
    {SYS_io_uring_register, SECCOMP_RET_TRAP, -EPERM},
};

/* By its name it is had or refused with a sentence; by itself (epoll is refused, so that io_uring is asked) the next one is
 * taken, with one line. */
static void
be_refused(int error)
{
    struct coir_runtime_options options = {.workers = 3, .log = keep_line};
    char name[16] = "";
    int before = core_open_descriptors(), status;
    unsetenv("COIR_BACKEND");
    options.backend = "uring";
    MUST_BE(coir_run(say_backend, name, &options), error);
    MUST(!strcmp(name, error ? "" : "uring"));
    MUST(!error || (strstr(coir_error_detail(), "uring") && strstr(coir_error_detail(), coir_error_text(error))));
    MUST_BE(lines_logged, 0);
    options.backend = NULL;
    MUST_BE(coir_run(say_backend, name, &options), 0);
    MUST(!strcmp(name, error ? "poll" : "uring"));
    MUST_BE(lines_logged, 1);
    MUST(strstr(logged, "epoll ("));
    MUST(!error == !strstr(logged, "uring ("));
    MUST(!error || strstr(strstr(logged, "uring ("), coir_error_text(error)));
    MUST_BE(waitpid(-1, &status, WNOHANG), -1); /* what was started to try it is not seen */
    MUST_BE(core_open_descriptors(), before);
}

START_TEST(refusals_are_told)
{
    int status;
    pid_t child;
    if (!is_allowed())
        return;
    child = fork();
    ck_assert_int_ge(child, 0);
    if (!child) {
        alarm(10); /* whatever hangs */
        filter(refusals[_i].call, refusals[_i].answer);
        be_refused(refusals[_i].error);
        _exit(0);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
}
END_TEST

/* ---- Forks ---- */

/* A child has none of the rings' memory, and does nothing to them by ending. */
static int
fork_while_others_wait(void *arg)
{
    static struct crowd crowd;
    pid_t child;
    int status;
    (void)arg;
    start_readers(&crowd, read_once);
    child = fork();
    MUST(child >= 0);
    if (!child) {
        char line[512];
        FILE *maps = fopen("/proc/self/maps", "re");
        while (maps && fgets(line, sizeof line, maps))
            if (strstr(line, "io_uring"))
                _exit(1);
        _exit(maps ? 0 : 2);
    }
    MUST_BE(waitpid(child, &status, 0), child);
    MUST_BE(status, 0);
    for (int i = 0; i < READERS; i++)
        MUST_BE(coir_stream_write(crowd.ends[i][0], "x", 1, core_soon()), 0);
    end_readers(&crowd);
    for (int i = 0; i < READERS; i++)
        MUST_BE(crowd.results[i], 1);
    return 0;
}

START_TEST(a_forked_child_has_no_rings)
{
    if (is_allowed())
        run(_i ? 4 : 1, fork_while_others_wait, NULL);
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_loop_test(cases, both_rings_run_full, 0, 2);
    tcase_add_loop_test(cases, a_call_that_fails_is_made_again, 0, 2);
    tcase_add_test(cases, cancel_before_the_kernel_knows);
    tcase_add_loop_test(cases, a_byte_is_never_lost_to_a_cancel, 0, 2);
    tcase_add_loop_test(cases, abort_leaves_no_accepted_connection, 0, 2);
    tcase_add_test(cases, signals_interrupt_nothing);
    tcase_add_test(cases, files_need_no_helper_threads);
    tcase_add_test(cases, what_the_ring_does_not_wait_for);
    tcase_add_loop_test(cases, refusals_are_told, 0, sizeof refusals / sizeof refusals[0]);
    tcase_add_loop_test(cases, a_forked_child_has_no_rings, 0, 2);
}

int
main(void)
{
    return core_main("uring", add);
}
