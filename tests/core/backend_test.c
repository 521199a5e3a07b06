/* backend_test.c: which backend runs: by name, from the environment, by itself; what is said when one is refused or cannot
 * wait for a descriptor; and each of them with few and with many descriptors. */
#include "core.h"
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "backend/backend.h"
#include "base/fault.h"

/* The n-th of all there are; NULL: no more. */
static const char *
name_of(int n)
{
    const struct cr_backend *backend = cr_backend_at((size_t)n);
    return backend ? backend->name : NULL;
}

/* ---- Choosing ---- */

static int
check_name(void *name)
{
    MUST(!strcmp(coir_runtime_backend(coir_runtime_self()), name));
    return 0;
}

START_TEST(by_name_or_by_the_environment)
{
    char text[128], *name;
    int result;
    cr_backend_names(text, sizeof text);
    for (int i = 0; (name = (char *)(uintptr_t)name_of(i)); i++) {
        MUST(strstr(text, name));
        result = coir_run(check_name, name, &(struct coir_runtime_options){.workers = 2, .backend = name});
        if (result == -EPERM || result == -ENOSYS) {
            printf("SKIP: the backend %s is refused here\n", name);
            continue;
        }
        MUST_BE(result, 0);
        setenv("COIR_BACKEND", name, 1);
        MUST_BE(coir_run(check_name, name, NULL), 0);
        MUST_BE(coir_run(check_name, "poll", &(struct coir_runtime_options){.backend = "poll"}), 0);
    }
    MUST_BE(coir_run(check_name, "", &(struct coir_runtime_options){.backend = "kqueue"}), -EINVAL);
    MUST(strstr(coir_error_detail(), "kqueue") && strstr(coir_error_detail(), text));
}
END_TEST

/* From here on this system call fails so, in this process. False: that cannot be had here. */
static bool
refuse_call(int number, unsigned error)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)number, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof code / sizeof code[0], .filter = code};
    return !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) && !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static char logged[1024];
static int lines_logged;

static void
keep_line(enum coir_log_level level, const char *line, void *arg)
{
    (void)level, (void)arg;
    snprintf(logged, sizeof logged, "%s", line);
    lines_logged++;
}

static const unsigned refusals[] = {EPERM, ENOSYS};

START_TEST(what_is_refused_is_passed_over_with_one_line)
{
    struct coir_runtime_options options = {.workers = 3, .log = keep_line};
    const char *second = name_of(1);
    int before;
    unsetenv("COIR_BACKEND");
    if (!refuse_call(SYS_epoll_create1, refusals[_i])) {
        printf("SKIP: there is no seccomp here\n");
        return;
    }
    before = core_open_descriptors();
    MUST_BE(coir_run(check_name, (void *)(uintptr_t)second, &options), 0);
    MUST_BE(lines_logged, 1);
    MUST(strstr(logged, second) && strstr(logged, "epoll (") && strstr(logged, coir_error_text(-(int)refusals[_i])));
    options.backend = "epoll"; /* who names one gets that or nothing */
    MUST_BE(coir_run(check_name, "epoll", &options), -(int)refusals[_i]);
    MUST(strstr(coir_error_detail(), "epoll"));
    MUST_BE(lines_logged, 1);
    MUST_BE(core_open_descriptors(), before);
}
END_TEST

START_TEST(a_lack_of_descriptors_is_no_refusal)
{
    struct coir_runtime_options options = {.log = keep_line};
    unsetenv("COIR_BACKEND");
    cr_fault_arm(UINT64_C(1) << CR_FAULT_DESCRIPTOR, 1, true);
    MUST_BE(coir_run(check_name, "", &options), -EMFILE);
    MUST(cr_fault_disarm() == 1);
    MUST_BE(lines_logged, 0);
}
END_TEST

/* ---- Numbers that do not fit a set ---- */

static void
must_be_refused(long long result, const char *call, int fd)
{
    char number[16];
    snprintf(number, sizeof number, " %d,", fd);
    MUST_BE(result, -ERANGE);
    if (strncmp(coir_error_detail(), call, strlen(call)) || !strstr(coir_error_detail(), number) ||
        !strstr(coir_error_detail(), "select") || !strstr(coir_error_detail(), "epoll"))
        ck_abort_msg("of %s and %s it says: %s", call, number, coir_error_detail());
}

/* A stream of this number, or the first free one after it, and its peer. */
static void
open_at(int number, struct coir_stream *ends[2])
{
    int fds[2], moved;
    MUST_BE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    moved = fcntl(fds[0], F_DUPFD_CLOEXEC, number);
    MUST(moved >= number);
    close(fds[0]);
    MUST_BE(coir_stream_from(moved, &ends[0]), 0);
    MUST_BE(coir_stream_from(fds[1], &ends[1]), 0);
}

static int
answer_byte(void *arg)
{
    struct coir_stream *stream = arg;
    char byte;
    ssize_t got = coir_stream_read(stream, &byte, 1, core_soon());
    return got == 1 ? coir_stream_write(stream, &byte, 1, core_soon()) : (int)got;
}

static void
ask_in_vain(struct coir_stream *ends[2])
{
    static char large[1 << 20];
    int fd = coir_stream_fd(ends[0]);
    char byte;
    must_be_refused(coir_stream_read(ends[0], &byte, 1, core_soon()), "read:", fd);
    must_be_refused(coir_stream_read(ends[0], &byte, 1, COIR_NEVER), "read:", fd);
    MUST_BE(coir_stream_read(ends[0], &byte, 1, COIR_NOW), -EAGAIN); /* what need not wait is done */
    MUST_BE(coir_stream_write(ends[1], "b", 1, core_soon()), 0);
    MUST_BE(coir_stream_read(ends[0], &byte, 1, core_soon()), 1);
    must_be_refused(coir_stream_write(ends[0], large, sizeof large, core_soon()), "write:", fd);
    wire_close(ends);
}

static void
take_small_numbers(void)
{
    int fd;
    while ((fd = dup(0)) < FD_SETSIZE - 1)
        MUST(fd >= 0);
}

/* Once its queue is full it answers nothing. */
static struct coir_listener *
listen_to_nobody(char address[COIR_ADDRESS_TEXT])
{
    struct coir_listener_options options = {.backlog = 1};
    struct coir_listener *listener;
    struct coir_address place;
    MUST_BE(coir_listener_open("127.0.0.1:0", &options, &listener), 0);
    MUST_BE(coir_listener_local(listener, &place), 0);
    coir_address_text(&place, address, COIR_ADDRESS_TEXT);
    for (int i = 0; i < 4; i++)
        (void)!connect(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), (struct sockaddr *)&place.storage, place.size);
    return listener;
}

static int
beyond_the_set(void *arg)
{
    char address[COIR_ADDRESS_TEXT];
    struct coir_listener *near = listen_to_nobody(address), *far;
    struct coir_stream *ends[2], *dialled;
    struct coir_task *task;
    int result;
    (void)arg;
    open_at(FD_SETSIZE - 1, ends); /* the last that fits */
    MUST_BE(coir_stream_fd(ends[0]), FD_SETSIZE - 1);
    MUST_BE(coir_go(answer_byte, ends[0], NULL, &task), 0);
    core_await_parked(task);
    MUST_BE(coir_stream_write(ends[1], "a", 1, core_soon()), 0);
    MUST_BE(coir_join(task, &result, core_soon()), 0);
    MUST_BE(result, 0);
    wire_close(ends);
    for (int number = FD_SETSIZE; number < FD_SETSIZE + 200; number += 67) {
        open_at(number, ends);
        ask_in_vain(ends);
    }
    take_small_numbers();
    far = wire_listen("127.0.0.1:0", (char[COIR_ADDRESS_TEXT]){0});
    must_be_refused(coir_listener_accept(far, &dialled, core_soon()), "accept:", coir_listener_fd(far));
    must_be_refused(coir_stream_dial(address, NULL, &dialled, core_soon()), "dial:", coir_listener_fd(far) + 1);
    coir_listener_close(far);
    coir_listener_close(near);
    return 0;
}

START_TEST(select_refuses_what_does_not_fit)
{
    struct coir_runtime_options options = {.workers = _i, .backend = "select"};
    int result;
    MUST(core_numbers(2000) == 2000);
    result = coir_run(beyond_the_set, NULL, &options);
    if (result)
        ck_abort_msg("%d: %s", result, coir_error_detail());
    take_small_numbers(); /* then not even the bell fits */
    MUST_BE(coir_run(check_name, "select", &options), -ERANGE);
    MUST(strstr(coir_error_detail(), "select"));
}
END_TEST

/* ---- Few and many ---- */

static const int sizes[] = {900, 5000}; /* descriptors */
static struct coir_stream *pairs[5000 / 2][2];
static struct coir_task *waiters[5000 / 2];

static bool
fits(const struct coir_stream *stream)
{
    return strcmp(coir_runtime_backend(coir_runtime_self()), "select") != 0 || coir_stream_fd(stream) < FD_SETSIZE;
}

/* Each pair's first end waits, all at once; then each gets a byte, and answers it. Those that cannot wait say why. */
static int
serve_all(void *arg)
{
    int count = *(const int *)arg / 2, served = 0, result;
    char byte;
    for (int i = 0; i < count; i++)
        MUST_BE(coir_stream_pair(pairs[i]), 0);
    for (int i = 0; i < count; i++)
        MUST_BE(coir_go_spread(answer_byte, pairs[i][0], NULL, &waiters[i]), 0);
    for (int i = 0; i < count; i++)
        if (fits(pairs[i][0]))
            core_await_parked(waiters[i]);
    for (int i = 0; i < count; i++)
        if (fits(pairs[i][0]))
            MUST_BE(coir_stream_write(pairs[i][1], "a", 1, core_soon()), 0);
    for (int i = 0; i < count; i++) {
        MUST_BE(coir_join(waiters[i], &result, core_soon()), 0);
        if (fits(pairs[i][0])) {
            MUST_BE(result, 0);
            MUST_BE(coir_stream_read(pairs[i][1], &byte, 1, COIR_NOW), 1);
            served++;
        } else {
            must_be_refused(result, "read:", coir_stream_fd(pairs[i][0]));
        }
    }
    if (served < count)
        MUST(served > 480 && count - served > 1900 && !strcmp(coir_runtime_backend(coir_runtime_self()), "select"));
    for (int i = 0; i < count; i++)
        wire_close(pairs[i]);
    return 0;
}

START_TEST(with_900_and_with_5000_descriptors)
{
    const char *backend = name_of(_i / 2);
    int size = sizes[_i % 2];
    if (core_refused(backend))
        return;
    if (core_numbers(size + 100) < size + 100) {
        printf("SKIP: fewer than %d descriptors here: see ulimit -n\n", size + 100);
        return;
    }
    for (int workers = 1; workers < 4; workers += 2)
        MUST_BE(coir_run(serve_all, &size, &(struct coir_runtime_options){.workers = workers, .backend = backend}), 0);
}
END_TEST

static void
add(TCase *cases)
{
    int count = 0;
    while (name_of(count))
        count++;
    tcase_add_test(cases, by_name_or_by_the_environment);
    tcase_add_loop_test(cases, what_is_refused_is_passed_over_with_one_line, 0, 2);
    tcase_add_test(cases, a_lack_of_descriptors_is_no_refusal);
    tcase_add_loop_test(cases, select_refuses_what_does_not_fit, 1, 4);
    tcase_add_loop_test(cases, with_900_and_with_5000_descriptors, 0, 2 * count);
}

int
main(void)
{
    return core_main("backend", add);
}
