/* poller_test.c: coir_poller over each way of asking the kernel, and coir_fd_wait, by fibers and by plain threads. */
#include "core.h"

#include <coir/poller.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *const names[] = {"epoll", "poll", "select"};
enum { NAMES = 3 };

static int casts[] = {CORE_ONE, CORE_FOUR, CORE_THREADS};
enum { CASTS = 3 };
static const char *name; /* of the case */

static void
play_each(int i, coir_function *director)
{
    name = names[i % NAMES];
    core_play((enum core_cast)casts[i / NAMES], director, NULL);
}

static struct coir_poller *
open_poller(void)
{
    struct coir_poller *poller;
    MUST_BE(coir_poller_open(name, &poller), 0);
    MUST(!strcmp(coir_poller_backend(poller), name));
    return poller;
}

static void
open_pair(int ends[2])
{
    MUST_BE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
}

static void
send_byte(int fd)
{
    MUST_BE(send(fd, "x", 1, MSG_NOSIGNAL), 1);
}

static void
fill(int fd)
{
    static char zeros[4096];
    while (send(fd, zeros, sizeof zeros, MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
        continue;
    MUST_BE(errno, EAGAIN);
}

static void
must_tell(struct coir_poller *poller, int fd, unsigned events, void *data)
{
    struct coir_ready ready[4];
    MUST_BE(coir_poller_wait(poller, ready, 4, core_soon()), 1);
    MUST(ready[0].fd == fd && ready[0].events == events && ready[0].data == data);
}

static void
must_tell_nothing(struct coir_poller *poller)
{
    struct coir_ready ready;
    coir_time deadline = coir_after(5 * COIR_MS);
    MUST_BE(coir_poller_wait(poller, &ready, 1, COIR_NOW), -EAGAIN);
    MUST_BE(coir_poller_wait(poller, &ready, 1, core_past()), -ETIMEDOUT);
    MUST_BE(coir_poller_wait(poller, &ready, 1, deadline), -ETIMEDOUT);
    MUST(coir_now() >= deadline);
}

/* ---- What it is told ---- */

static int
add_modify_remove(void *arg)
{
    struct coir_poller *poller = open_poller();
    int ends[2];
    char bytes[8], data[3];
    (void)arg;
    open_pair(ends);
    must_tell_nothing(poller); /* it is empty */
    MUST_BE(coir_poller_add(poller, ends[0], COIR_READABLE, &data[0]), 0);
    MUST_BE(coir_poller_add(poller, ends[0], COIR_WRITABLE, &data[1]), -EEXIST);
    must_tell_nothing(poller);
    send_byte(ends[1]);
    must_tell(poller, ends[0], COIR_READABLE, &data[0]);
    must_tell(poller, ends[0], COIR_READABLE, &data[0]); /* as long as it is so */
    MUST_BE(coir_poller_modify(poller, ends[0], COIR_READABLE | COIR_WRITABLE, &data[1]), 0);
    must_tell(poller, ends[0], COIR_READABLE | COIR_WRITABLE, &data[1]);
    MUST_BE(recv(ends[0], bytes, sizeof bytes, 0), 1);
    must_tell(poller, ends[0], COIR_WRITABLE, &data[1]);
    MUST_BE(coir_poller_modify(poller, ends[0], COIR_READABLE, &data[2]), 0);
    must_tell_nothing(poller);
    send_byte(ends[1]);
    must_tell(poller, ends[0], COIR_READABLE, &data[2]);
    MUST_BE(coir_poller_remove(poller, ends[0]), 0);
    must_tell_nothing(poller);
    MUST_BE(coir_poller_remove(poller, ends[0]), -ENOENT);
    MUST_BE(coir_poller_modify(poller, ends[0], COIR_READABLE, NULL), -ENOENT);
    MUST_BE(coir_poller_add(poller, ends[0], COIR_READABLE, NULL), 0);
    must_tell(poller, ends[0], COIR_READABLE, NULL);
    close(ends[1]); /* the end is something to read */
    MUST_BE(recv(ends[0], bytes, sizeof bytes, 0), 1);
    must_tell(poller, ends[0], COIR_READABLE, NULL);
    MUST_BE(coir_poller_modify(poller, ends[0], COIR_WRITABLE, NULL), 0);
    must_tell(poller, ends[0], COIR_WRITABLE, NULL);
    MUST_BE(coir_poller_remove(poller, ends[0]), 0);
    close(ends[0]);
    coir_poller_close(poller);
    return 0;
}

START_TEST(adding_modifying_removing)
{
    play_each(_i, add_modify_remove);
}
END_TEST

static int
wrong_arguments(void *arg)
{
    struct coir_poller *poller = open_poller(), *none;
    struct coir_ready ready;
    int ends[2], far, file;
    (void)arg;
    open_pair(ends);
    MUST_BE(coir_poller_open("kqueue", &none), -EINVAL);
    MUST(!none && strstr(coir_error_detail(), "kqueue"));
    MUST_BE(coir_poller_add(poller, -1, COIR_READABLE, NULL), -EBADF);
    MUST_BE(coir_poller_add(poller, ends[0], 0, NULL), -EINVAL);
    MUST_BE(coir_poller_add(poller, ends[0], 4, NULL), -EINVAL);
    MUST_BE(coir_poller_wait(poller, &ready, 0, COIR_NOW), -EINVAL);
    MUST_BE(coir_fd_wait(-1, COIR_READABLE, COIR_NOW), -EBADF);
    MUST_BE(coir_fd_wait(ends[0], 0, COIR_NOW), -EINVAL);
    if (core_numbers(FD_SETSIZE + 1) > FD_SETSIZE || !coir_runtime_self()) {
        far = fcntl(ends[0], F_DUPFD_CLOEXEC, FD_SETSIZE);
        if (far >= 0)
            MUST_BE(coir_poller_add(poller, far, COIR_READABLE, NULL), strcmp(name, "select") ? 0 : -ERANGE);
        (void)coir_poller_remove(poller, far);
        close(far);
    }
    file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    MUST(file >= 0);
    if (coir_poller_add(poller, file, COIR_READABLE, NULL)) { /* always ready, or refused so */
        MUST(strstr(coir_error_detail(), "always ready"));
        MUST(!strcmp(name, "epoll"));
    } else {
        must_tell(poller, file, COIR_READABLE, NULL);
    }
    MUST_BE(coir_fd_wait(file, COIR_READABLE, COIR_NEVER), COIR_READABLE);
    MUST_BE(coir_fd_wait(file, COIR_READABLE | COIR_WRITABLE, COIR_NEVER), COIR_READABLE | COIR_WRITABLE);
    coir_fd_forget(file);
    close(file);
    close(ends[0]);
    close(ends[1]);
    coir_poller_close(poller);
    coir_poller_close(NULL);
    return 0;
}

START_TEST(what_cannot_be)
{
    play_each(_i, wrong_arguments);
}
END_TEST

/* ---- Many, and little room ---- */

enum { MANY = 100, ROOM = 7 };

static int
take_turns(void *arg)
{
    struct coir_poller *poller = open_poller();
    int ends[MANY][2], seen[MANY] = {0};
    struct coir_ready ready[ROOM];
    (void)arg;
    for (int i = 0; i < MANY; i++) {
        open_pair(ends[i]);
        MUST_BE(coir_poller_add(poller, ends[i][0], COIR_READABLE, &seen[i]), 0);
    }
    for (int i = 0; i < MANY; i += 2) /* half of them leave again, from all places */
        MUST_BE(coir_poller_remove(poller, ends[i][0]), 0);
    for (int i = 0; i < MANY; i++)
        send_byte(ends[i][1]);
    for (int rounds = 0; rounds < MANY; rounds++) { /* nobody reads: all stay ready, and all are told of */
        int count = coir_poller_wait(poller, ready, ROOM, core_soon());
        MUST(count > 0 && count <= ROOM);
        for (int i = 0; i < count; i++) {
            MUST_BE(ends[(int *)ready[i].data - seen][0], ready[i].fd);
            ++*(int *)ready[i].data;
        }
    }
    for (int i = 0; i < MANY; i++) {
        MUST(i % 2 ? seen[i] >= 10 : !seen[i]);
        close(ends[i][0]);
        close(ends[i][1]);
    }
    coir_poller_close(poller);
    return 0;
}

START_TEST(all_get_their_turn)
{
    play_each(_i, take_turns);
}
END_TEST

/* ---- Waiting ---- */

static struct {
    struct coir_poller *poller;
    int fd;
    unsigned events;
} wait;

static int
wait_in_poller(void *arg)
{
    struct coir_ready ready;
    int count = coir_poller_wait(wait.poller, &ready, 1, COIR_NEVER);
    (void)arg;
    return count < 0 ? count : (int)ready.events;
}

static int
be_woken(void *arg)
{
    struct core_actor waiter;
    int ends[2];
    (void)arg;
    open_pair(ends);
    wait.poller = open_poller();
    MUST_BE(coir_poller_add(wait.poller, ends[0], COIR_READABLE, NULL), 0);
    core_start(&waiter, wait_in_poller, NULL);
    if (!strcmp(name, "epoll")) /* the others' wait is the kernel's, and nobody can see it */
        core_await_waiting(&waiter);
    send_byte(ends[1]);
    MUST_BE(core_end(&waiter), COIR_READABLE);
    if (!strcmp(name, "epoll")) {
        char byte;
        MUST_BE(recv(ends[0], &byte, 1, 0), 1);
        core_start(&waiter, wait_in_poller, NULL);
        core_await_waiting(&waiter);
        core_cancel(&waiter);
        MUST_BE(core_end(&waiter), -ECANCELED);
    }
    coir_poller_close(wait.poller);
    close(ends[0]);
    close(ends[1]);
    return 0;
}

START_TEST(a_wait_ends)
{
    play_each(_i, be_woken);
}
END_TEST

static int
wait_for_fd(void *arg)
{
    (void)arg;
    return coir_fd_wait(wait.fd, wait.events, COIR_NEVER);
}

static const unsigned both = COIR_READABLE | COIR_WRITABLE;

static int
wait_for_foreign(void *arg)
{
    struct core_actor waiters[3];
    int ends[2], bell = eventfd(0, EFD_CLOEXEC);
    char bytes[4096];
    uint64_t one = 1;
    (void)arg;
    for (int round = 0; round < 3; round++) { /* the same numbers each time */
        open_pair(ends);
        wait.fd = ends[0];
        MUST_BE(coir_fd_wait(ends[0], COIR_READABLE, COIR_NOW), -EAGAIN);
        MUST_BE(coir_fd_wait(ends[0], COIR_READABLE, core_past()), -ETIMEDOUT);
        MUST_BE(coir_fd_wait(ends[0], COIR_READABLE, coir_after(2 * COIR_MS)), -ETIMEDOUT);
        MUST_BE(coir_fd_wait(ends[0], COIR_WRITABLE, COIR_NEVER), COIR_WRITABLE);
        MUST_BE(coir_fd_wait(ends[0], both, COIR_NEVER), COIR_WRITABLE);
        wait.events = COIR_READABLE;
        core_start_all(waiters, 3, wait_for_fd, NULL);
        for (int i = 0; i < 3; i++)
            core_await_waiting(&waiters[i]);
        core_cancel(&waiters[0]);
        MUST_BE(core_end(&waiters[0]), -ECANCELED);
        send_byte(ends[1]);
        for (int i = 1; i < 3; i++) /* it stays readable: each of them learns it */
            MUST_BE(core_end(&waiters[i]), COIR_READABLE);
        MUST_BE(coir_fd_wait(ends[0], both, COIR_NEVER), both);
        MUST_BE(recv(ends[0], bytes, sizeof bytes, 0), 1); /* behind coir's back */
        MUST_BE(coir_fd_wait(ends[0], COIR_READABLE, COIR_NOW), -EAGAIN);
        fill(ends[0]);
        wait.events = COIR_WRITABLE;
        core_start(&waiters[0], wait_for_fd, NULL);
        core_await_waiting(&waiters[0]);
        wait.events = both;
        core_start(&waiters[1], wait_for_fd, NULL);
        core_await_waiting(&waiters[1]);
        while (recv(ends[1], bytes, sizeof bytes, MSG_DONTWAIT) > 0)
            continue;
        MUST_BE(core_end(&waiters[0]), COIR_WRITABLE);
        MUST_BE(core_end(&waiters[1]), COIR_WRITABLE);
        coir_fd_forget(ends[0]);
        close(ends[0]);
        close(ends[1]);
    }
    wait.fd = bell; /* no socket */
    wait.events = COIR_READABLE;
    core_start(&waiters[0], wait_for_fd, NULL);
    core_await_waiting(&waiters[0]);
    MUST_BE(write(bell, &one, sizeof one), (ssize_t)sizeof one);
    MUST_BE(core_end(&waiters[0]), COIR_READABLE);
    coir_fd_forget(bell);
    close(bell);
    return 0;
}

START_TEST(foreign_descriptors)
{
    core_play((enum core_cast)casts[_i], wait_for_foreign, NULL);
}
END_TEST

START_TEST(by_itself_the_best)
{
    struct coir_poller *poller;
    MUST_BE(coir_poller_open(NULL, &poller), 0);
    MUST(!strcmp(coir_poller_backend(poller), "epoll"));
    coir_poller_close(poller);
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_loop_test(cases, adding_modifying_removing, 0, NAMES * CASTS);
    tcase_add_loop_test(cases, what_cannot_be, 0, NAMES * CASTS);
    tcase_add_loop_test(cases, all_get_their_turn, 0, NAMES * CASTS);
    tcase_add_loop_test(cases, a_wait_ends, 0, NAMES * CASTS);
    tcase_add_loop_test(cases, foreign_descriptors, 0, CASTS);
    tcase_add_test(cases, by_itself_the_best);
}

int
main(void)
{
    return core_main("poller", add);
}
