/* listener_test.c: what coir/listener.h promises, from fibers of one worker, of four, from threads, and mixed. */
#include "core.h"
#include "wire.h"

#include <coir/datagram.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fault.h"

static char folder[] = "/tmp/coir-listener-XXXXXX"; /* for Unix sockets' files */

static const char *
socket_path(char text[COIR_ADDRESS_TEXT], const char *prefix)
{
    snprintf(text, COIR_ADDRESS_TEXT, "%s%.64s/socket", prefix, folder);
    return text;
}

/* ---- Many connections, many acceptors ---- */

enum { ACCEPTORS = 3, DIALLERS = 3, EACH = 60 };

static int
accept_and_echo(void *arg)
{
    int count = 0;
    for (;; count++) {
        struct coir_stream *stream;
        char byte;
        int result = coir_listener_accept(arg, &stream, core_soon());
        if (result == -EPIPE)
            return count;
        MUST_BE(result, 0);
        MUST_BE(coir_stream_read(stream, &byte, 1, core_soon()), 1);
        MUST_BE(coir_stream_write(stream, &byte, 1, core_soon()), 0);
        MUST_BE(coir_stream_close(stream), 0);
    }
}

static int
dial_each(void *address)
{
    for (int i = 0; i < EACH; i++) {
        struct coir_stream *stream;
        char byte = (char)i, back;
        MUST_BE(coir_stream_dial(address, NULL, &stream, core_soon()), 0);
        MUST_BE(coir_stream_write(stream, &byte, 1, core_soon()), 0);
        MUST_BE(coir_stream_read(stream, &back, 1, core_soon()), 1);
        MUST(back == byte);
        MUST_BE(coir_stream_read(stream, &back, 1, core_soon()), 0);
        MUST_BE(coir_stream_close(stream), 0);
    }
    return 0;
}

static int
accept_together(void *where)
{
    char address[COIR_ADDRESS_TEXT];
    struct coir_listener *listener = wire_listen(where, address);
    struct core_actor acceptors[ACCEPTORS], diallers[DIALLERS];
    struct coir_stream *stream;
    int accepted = 0;
    core_start_all(acceptors, ACCEPTORS, accept_and_echo, listener);
    core_start_all(diallers, DIALLERS, dial_each, address);
    for (int i = 0; i < DIALLERS; i++)
        MUST_BE(core_end(&diallers[i]), 0);
    for (int i = 0; i < ACCEPTORS; i++)
        core_await_waiting(&acceptors[i]);
    coir_listener_abort(listener);
    for (int i = 0; i < ACCEPTORS; i++)
        accepted += core_end(&acceptors[i]);
    MUST_BE(accepted, DIALLERS * EACH);
    coir_listener_abort(listener);
    MUST_BE(coir_listener_accept(listener, &stream, COIR_NEVER), -EPIPE);
    MUST_BE(coir_listener_accept(listener, &stream, COIR_NOW), -EPIPE);
    MUST(!stream);
    coir_listener_close(listener);
    return 0;
}

START_TEST(many_accept_and_abort_ends_them)
{
    static char path[COIR_ADDRESS_TEXT], name[COIR_ADDRESS_TEXT];
    snprintf(name, sizeof name, "unix:@coir-listener-%d", (int)getpid());
    MUST(mkdtemp(folder));
    core_play((enum core_cast)_i, accept_together, "127.0.0.1:0");
    core_play((enum core_cast)_i, accept_together, name);
    core_play((enum core_cast)_i, accept_together, (void *)(uintptr_t)socket_path(path, "unix:"));
    rmdir(folder); /* its close has removed the socket */
    ck_assert_int_eq(access(folder, F_OK), -1);
}
END_TEST

static int
deadlines(void *arg)
{
    char address[COIR_ADDRESS_TEXT];
    struct coir_listener *listener = wire_listen("[::1]:0", address);
    struct coir_stream *ends[2];
    (void)arg;
    MUST_BE(coir_listener_accept(listener, &ends[1], COIR_NOW), -EAGAIN);
    MUST_BE(coir_listener_accept(listener, &ends[1], core_past()), -ETIMEDOUT);
    MUST_BE(coir_listener_accept(listener, &ends[1], coir_after(COIR_MS)), -ETIMEDOUT);
    MUST(!ends[1]);
    MUST_BE(coir_stream_dial(address, NULL, &ends[0], core_soon()), 0);
    MUST_BE(coir_listener_accept(listener, &ends[1], core_soon()), 0);
    MUST(fcntl(coir_stream_fd(ends[1]), F_GETFD) & FD_CLOEXEC);
    wire_close(ends);
    coir_listener_close(listener);
    coir_listener_close(NULL);
    return 0;
}

START_TEST(deadlines_of_accept)
{
    core_play((enum core_cast)_i, deadlines, NULL);
}
END_TEST

/* ---- Places ---- */

START_TEST(refusals)
{
    static const struct {
        const char *address;
        int error;
        const char *sentence;
    } table[] = {{"udp://127.0.0.1:0", -EINVAL, "tcp:// or unix:"},
                 {"nonsense", -EINVAL, ""},
                 {"localhost:http", -EINVAL, ""},
                 {"192.0.2.1:0", -EADDRNOTAVAIL, "cannot listen on"},
                 {"unix:/tmp/no/such/folder/socket", -ENOENT, "its folder is not there"}};
    struct coir_listener *listener = (struct coir_listener *)&listener;
    ck_assert_int_eq(coir_listener_open(table[_i].address, NULL, &listener), table[_i].error);
    ck_assert_ptr_null(listener);
    ck_assert_ptr_nonnull(strstr(coir_error_detail(), table[_i].address));
    ck_assert_ptr_nonnull(strstr(coir_error_detail(), table[_i].sentence));
}
END_TEST

/* What is not taken over stays as it is. */
START_TEST(not_every_descriptor_listens)
{
    struct coir_listener *listener;
    struct coir_datagram *datagram;
    int ends[2], flags;
    ck_assert_int_eq(pipe(ends), 0);
    flags = fcntl(ends[0], F_GETFL);
    ck_assert_int_eq(coir_listener_from(ends[0], NULL, &listener), -EINVAL);
    ck_assert_ptr_nonnull(strstr(coir_error_detail(), "no socket that listens"));
    ck_assert_int_eq(coir_datagram_from(ends[0], &datagram), -EINVAL);
    ck_assert_ptr_nonnull(strstr(coir_error_detail(), "no socket for datagrams"));
    ck_assert(!listener && !datagram && fcntl(ends[0], F_GETFL) == flags);
    close(ends[0]);
    close(ends[1]);
    ck_assert_int_eq(coir_listener_from(ends[0], NULL, &listener), -EBADF);
    ck_assert_int_eq(coir_datagram_from(ends[0], &datagram), -EBADF);
}
END_TEST

START_TEST(a_taken_port)
{
    char text[COIR_ADDRESS_TEXT];
    struct coir_listener *listener = wire_listen("127.0.0.1:0", text), *other, *sharer;
    struct coir_listener_options share = {.share_port = true};
    struct coir_address address;
    ck_assert_int_eq(coir_listener_open(text, NULL, &other), -EADDRINUSE);
    ck_assert_ptr_null(other);
    ck_assert_ptr_nonnull(strstr(coir_error_detail(), text));
    coir_listener_close(listener);
    ck_assert_int_eq(coir_listener_open(text, NULL, &listener), 0); /* free again at once */
    coir_listener_close(listener);
    ck_assert_int_eq(coir_listener_open("127.0.0.1:0", &share, &sharer), 0);
    ck_assert_int_eq(coir_listener_local(sharer, &address), 0);
    ck_assert_int_eq(coir_listener_open(coir_address_text(&address, text, sizeof text), &share, &other), 0);
    coir_listener_close(other);
    coir_listener_close(sharer);
}
END_TEST

START_TEST(a_port_with_old_connections_is_free)
{
    char text[COIR_ADDRESS_TEXT];
    struct coir_listener *listener = wire_listen("127.0.0.1:0", text);
    struct coir_stream *ends[2];
    char byte;
    ck_assert_int_eq(coir_stream_dial(text, NULL, &ends[0], core_soon()), 0);
    ck_assert_int_eq(coir_listener_accept(listener, &ends[1], core_soon()), 0);
    coir_stream_close(ends[1]); /* our side first: it stays in TIME_WAIT */
    ck_assert_int_eq(coir_stream_read(ends[0], &byte, 1, core_soon()), 0);
    coir_stream_close(ends[0]);
    coir_listener_close(listener);
    ck_assert_int_eq(coir_listener_open(text, NULL, &listener), 0);
    coir_listener_close(listener);
}
END_TEST

START_TEST(any_address_is_both_families)
{
    char text[COIR_ADDRESS_TEXT], dial[COIR_ADDRESS_TEXT];
    struct coir_listener *listener = wire_listen("*:0", text);
    const char *port = strrchr(text, ':');
    static const char *const hosts[] = {"127.0.0.1", "localhost", "[::1]"};
    for (int i = 0; i < 3; i++) {
        struct coir_stream *ends[2];
        snprintf(dial, sizeof dial, "%s%s", hosts[i], port);
        ck_assert_int_eq(coir_stream_dial(dial, NULL, &ends[0], core_soon()), 0);
        ck_assert_int_eq(coir_listener_accept(listener, &ends[1], core_soon()), 0);
        wire_close(ends);
    }
    coir_listener_close(listener);
}
END_TEST

START_TEST(unix_files)
{
    char text[COIR_ADDRESS_TEXT], path[COIR_ADDRESS_TEXT];
    struct coir_listener *listener, *other;
    struct sockaddr_un place = {.sun_family = AF_UNIX};
    struct stat status;
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    ck_assert_ptr_nonnull(mkdtemp(folder));
    socket_path(text, "unix:");
    socket_path(path, "");
    snprintf(place.sun_path, sizeof place.sun_path, "%.100s", path);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&place, sizeof place), 0);
    close(fd); /* left over: nobody listens */
    ck_assert_int_eq(coir_listener_open(text, NULL, &listener), 0);
    ck_assert_int_eq(stat(path, &status), 0);
    ck_assert_uint_eq(status.st_mode & 0777, 0600);
    ck_assert_int_eq(coir_listener_open(text, NULL, &other), -EADDRINUSE); /* somebody listens */
    ck_assert_ptr_null(other);
    coir_listener_close(listener);
    ck_assert_int_eq(stat(path, &status), -1);
    ck_assert_int_eq(coir_listener_open(text, &(struct coir_listener_options){.mode = 0666}, &listener), 0);
    ck_assert_int_eq(stat(path, &status), 0);
    ck_assert_uint_eq(status.st_mode & 0777, 0666);
    coir_listener_close(listener);
    fd = open(path, O_CREAT | O_WRONLY, 0600); /* a file that is no socket is left alone */
    close(fd);
    ck_assert_int_eq(coir_listener_open(text, NULL, &listener), -EADDRINUSE);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(rmdir(folder), 0);
}
END_TEST

/* ---- No descriptors left ---- */

static int lines_logged; /* atomic */

static void
count_lines(enum coir_log_level level, const char *line, void *arg)
{
    (void)level, (void)arg;
    if (strstr(line, "accept"))
        __atomic_add_fetch(&lines_logged, 1, __ATOMIC_SEQ_CST);
}

static int
accept_for_ever(void *arg)
{
    struct coir_stream *kept[100];
    int count = 0, result;
    while ((result = coir_listener_accept(arg, &kept[count], COIR_NEVER)) == 0 && count < 99)
        MUST_BE(coir_stream_write(kept[count++], "k", 1, core_soon()), 0);
    for (int i = 0; i < count; i++)
        coir_stream_close(kept[i]);
    return result == -EPIPE ? count : result;
}

static int seen_on[64]; /* atomic, by worker */

static int
be_seen(void *arg)
{
    (void)arg;
    __atomic_store_n(&seen_on[coir_worker_self()], 1, __ATOMIC_SEQ_CST);
    return 0;
}

/* A thread that begins opens files for a moment (glibc's malloc asks /sys for the processors): all have begun. */
static void
await_workers(void)
{
    coir_time end = core_soon();
    for (int i = 0; i < coir_runtime_workers(coir_runtime_self());) {
        struct coir_task *task;
        MUST(coir_now() < end);
        MUST_BE(coir_go_spread(be_seen, NULL, NULL, &task), 0);
        MUST_BE(coir_join(task, NULL, core_soon()), 0);
        i += __atomic_load_n(&seen_on[i], __ATOMIC_SEQ_CST);
    }
}

static int
run_out(void *arg)
{
    char address[COIR_ADDRESS_TEXT];
    struct coir_listener *listener = wire_listen("127.0.0.1:0", address);
    struct coir_address parsed;
    struct core_actor acceptor;
    struct coir_stream *stream;
    int others[64], dialler, count = 0, turned_away = 0;
    ssize_t got;
    coir_time end = core_soon();
    char byte;
    (void)arg;
    MUST_BE(coir_address_parse(address, &parsed), 0);
    await_workers();
    core_start(&acceptor, accept_for_ever, listener);
    core_await_waiting(&acceptor);
    dialler = socket(AF_INET, SOCK_STREAM, 0); /* ours, made while it was possible */
    while ((others[count] = dup(0)) >= 0)
        count++;
    MUST_BE(errno, EMFILE);
    for (int i = 0; i < 3; i++) {
        MUST_BE(connect(dialler, (struct sockaddr *)&parsed.storage, parsed.size), 0);
        while ((got = recv(dialler, &byte, 1, MSG_DONTWAIT)) < 0 && errno == EAGAIN) /* shed: it learns it */
            MUST(coir_yield() == 0 && coir_now() < end);
        turned_away += got <= 0;
        close(dialler);
        dialler = socket(AF_INET, SOCK_STREAM, 0);
        MUST(dialler >= 0);
    }
    MUST_BE(turned_away, 3);
    close(dialler);
    while (count > 0)
        close(others[--count]);
    MUST_BE(coir_stream_dial(address, NULL, &stream, core_soon()), 0); /* it has recovered */
    MUST_BE(coir_stream_read(stream, &byte, 1, core_soon()), 1);
    MUST_BE(coir_stream_read(stream, &byte, 1, coir_after(COIR_MS)), -ETIMEDOUT); /* it is kept, not shed */
    coir_stream_close(stream);
    coir_listener_abort(listener);
    MUST_BE(core_end(&acceptor), 1);
    coir_listener_close(listener);
    return 0;
}

START_TEST(survives_a_lack_of_descriptors)
{
    struct rlimit few = {64, 64};
    struct coir_runtime_options options = {.workers = _i, .log = count_lines};
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
    ck_assert_int_eq(coir_run(run_out, NULL, &options), 0);
    ck_assert_int_ge(lines_logged, 1);
    ck_assert_int_le(lines_logged, 4);
}
END_TEST

/* Without a free number accept4 fails even when nobody is there; then there is nothing to shed, nothing to say, and no
 * reason to look again and again. */
static int
wait_for_nobody(void *arg)
{
    char address[COIR_ADDRESS_TEXT];
    struct coir_listener *listener = wire_listen("127.0.0.1:0", address);
    struct coir_address parsed;
    struct coir_stream *stream;
    int others[64], count = 0, dialler = socket(AF_INET, SOCK_STREAM, 0);
    bool somebody_first = *(bool *)arg;
    /* Before it waits, and before it gives up. */
    bool looks_twice = !coir_runtime_self() || core_backend_is("uring");
    coir_time end = core_soon();
    char byte;
    MUST_BE(coir_address_parse(address, &parsed), 0);
    MUST_BE(coir_listener_accept(listener, &stream, coir_after(COIR_MS)), -ETIMEDOUT); /* it has what waiting takes */
    while ((others[count] = dup(0)) >= 0)
        count++;
    MUST_BE(errno, EMFILE);
    if (somebody_first) {
        MUST_BE(connect(dialler, (struct sockaddr *)&parsed.storage, parsed.size), 0);
        do /* until it has learned that it is turned away */
            MUST_BE(coir_listener_accept(listener, &stream, coir_after(5 * COIR_MS)), -ETIMEDOUT);
        while (recv(dialler, &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN && coir_now() < end);
    }
    cr_fault_arm(UINT64_C(1) << CR_FAULT_ACCEPT, 0, false); /* counts */
    MUST_BE(coir_listener_accept(listener, &stream, COIR_NOW), -EAGAIN);
    MUST_BE(coir_listener_accept(listener, &stream, core_past()), -ETIMEDOUT);
    MUST_BE(coir_listener_accept(listener, &stream, coir_after(100 * COIR_MS)), -ETIMEDOUT);
    /* The last look before a wait is given up; looking is all that spin does. */
    MUST(cr_fault_disarm() <= (looks_twice ? 6 : 3) || core_backend_is("spin"));
    while (count > 0)
        close(others[--count]);
    close(dialler);
    coir_listener_close(listener);
    return 0;
}

START_TEST(a_lack_that_nobody_meets_is_none)
{
    struct rlimit few = {64, 64};
    struct coir_runtime_options options = {.workers = 1, .log = count_lines};
    struct coir_runtime *runtime;
    struct coir_task *task;
    int result, said[2];
    char byte;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
    for (int i = 0; i < 2; i++) {
        bool somebody_first = i;
        ck_assert_int_eq(coir_runtime_start(&options, &runtime), 0);
        ck_assert_int_eq(coir_runtime_go(runtime, wait_for_nobody, &somebody_first, NULL, &task), 0);
        ck_assert_int_eq(coir_join(task, &result, core_soon()), 0);
        ck_assert_int_eq(result, 0);
        ck_assert_int_eq(coir_runtime_stop(runtime, core_soon()), 0);
        ck_assert_int_eq(lines_logged, i);
    }
    ck_assert_int_eq(pipe2(said, O_NONBLOCK), 0); /* a plain thread would say it on standard error */
    ck_assert_int_eq(dup2(said[1], STDERR_FILENO), STDERR_FILENO);
    ck_assert_int_eq(wait_for_nobody(&(bool){false}), 0);
    ck_assert_int_eq(read(said[0], &byte, 1), -1);
    ck_assert_int_eq(errno, EAGAIN);
}
END_TEST

static int
accept_once(void *listener)
{
    struct coir_stream *stream;
    return coir_listener_accept(listener, &stream, COIR_NEVER);
}

static int
close_in_use(void *arg)
{
    char address[COIR_ADDRESS_TEXT];
    struct coir_listener *listener = wire_listen("127.0.0.1:0", address);
    struct core_actor actor;
    (void)arg;
    core_start(&actor, accept_once, listener);
    core_await_waiting(&actor);
    coir_listener_close(listener);
    return 0;
}

static int
play_close_in_use(void *arg)
{
    core_play(*(enum core_cast *)arg, close_in_use, NULL);
    return 0;
}

START_TEST(misuse_stops_the_process)
{
    enum core_cast cast = (enum core_cast)_i;
    core_must_die(play_close_in_use, &cast, SIGABRT, "coir_listener_close");
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_loop_test(cases, many_accept_and_abort_ends_them, 0, CORE_CASTS);
    tcase_add_loop_test(cases, deadlines_of_accept, 0, CORE_CASTS);
    tcase_add_loop_test(cases, refusals, 0, 5);
    tcase_add_test(cases, not_every_descriptor_listens);
    tcase_add_test(cases, a_taken_port);
    tcase_add_test(cases, a_port_with_old_connections_is_free);
    tcase_add_test(cases, any_address_is_both_families);
    tcase_add_test(cases, unix_files);
    tcase_add_loop_test(cases, survives_a_lack_of_descriptors, 0, 3);
    tcase_add_test(cases, a_lack_that_nobody_meets_is_none);
    tcase_add_loop_test(cases, misuse_stops_the_process, 0, CORE_CASTS);
}

int
main(void)
{
    return core_main("listener", add);
}
