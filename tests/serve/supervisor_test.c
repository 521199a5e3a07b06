/* supervisor_test.c: what becomes of a server's processes: they die, are stopped, crash in a loop, are exchanged, and lose their
 * supervisor. And what a service manager and a server say to each other. */
#include "house.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static struct house house;

static bool
open_house(const char *model)
{
    return house_open(&house, model, house_echo, (struct coir_serve_options){0});
}

static long
ask_once(void)
{
    int fd = house_dial(&house);
    long pid = house_ask_pid(fd);
    close(fd);
    return pid;
}

static void
await_gone(long pid)
{
    coir_time end = core_soon();
    while (kill((pid_t)pid, 0) == 0) {
        char path[64], state[256] = "";
        FILE *file;
        snprintf(path, sizeof path, "/proc/%ld/stat", pid);
        file = fopen(path, "r");
        if (file && fgets(state, sizeof state, file) && strstr(state, ") Z")) {
            fclose(file);
            return; /* its parent is no more, and who has it now is slow */
        }
        if (file)
            fclose(file);
        MUST(coir_now() < end);
        sched_yield();
    }
}

START_TEST(a_worker_that_is_killed_is_replaced)
{
    long before;
    if (!open_house(_i ? "hybrid:1x2" : "processes:1"))
        return;
    before = ask_once();
    MUST_BE(kill((pid_t)before, SIGKILL), 0);
    house_await(&house, "was ended by signal 9");
    MUST(ask_once() != before); /* it waits in the backlog until the new one is there */
    MUST_BE(house_end(&house, SIGTERM), 0);
}
END_TEST

START_TEST(one_that_is_stopped_keeps_nobody_waiting)
{
    long pids[2];
    int fds[2];
    if (!open_house("processes:2"))
        return;
    for (int i = 0; i < 2; i++) {
        fds[i] = house_dial(&house);
        pids[i] = house_ask_pid(fds[i]);
    }
    MUST(pids[0] != pids[1]);
    MUST_BE(kill((pid_t)pids[0], SIGSTOP), 0);
    house_await(&house, "has been stopped");
    close(fds[1]);
    for (int i = 0; i < 5; i++)
        MUST_BE(ask_once(), pids[1]);
    MUST_BE(kill((pid_t)pids[0], SIGCONT), 0);
    house_await(&house, "goes on");
    MUST_BE(house_ask_pid(fds[0]), pids[0]);
    close(fds[0]);
    MUST_BE(house_end(&house, SIGTERM), 0);
}
END_TEST

/* One that is stopped when the server ends, too, and cannot drain. */
START_TEST(one_that_stays_stopped_is_killed)
{
    long pid;
    if (!house_open(&house, "processes:1", house_echo, (struct coir_serve_options){.grace = COIR_MS}))
        return;
    pid = ask_once();
    MUST_BE(kill((pid_t)pid, SIGSTOP), 0);
    house_await(&house, "has been stopped");
    MUST_BE(house_end(&house, SIGTERM), -ETIMEDOUT);
    await_gone(pid);
}
END_TEST

static int
crash_at_once(struct coir_stream *stream, void *arg)
{
    (void)stream;
    (void)arg;
    _exit(7);
}

START_TEST(crashing_in_a_loop_is_slowed_down)
{
    coir_time begun = coir_now();
    if (CORE_TSAN) {
        printf("SKIP: ThreadSanitizer lets a process live for a second after its end\n");
        return;
    }
    if (!house_open(&house, "processes:1", crash_at_once, (struct coir_serve_options){0}))
        return;
    for (int i = 0; i < 4; i++) {
        int fd = house_dial(&house);
        house_must_end(fd);
        close(fd);
    }
    house_await(&house, "exited with code 7; a new one begins in 0.1 s");
    house_await(&house, "begins in 0.2 s");
    house_await(&house, "begins in 0.4 s");
    house_await(&house, "begins in 0.8 s");
    MUST(coir_now() - begun >= 700 * COIR_MS);
    MUST_BE(house_end(&house, SIGTERM), 0); /* in the middle of a pause */
}
END_TEST

/* ---- Exchanging ---- */

static atomic_bool enough;
static atomic_long served, refused;

static void *
be_many_clients(void *arg)
{
    (void)arg;
    while (!enough) {
        int fd = house_dial(&house); /* fails the test if it is refused */
        char word[4];
        if (send(fd, "last", 4, MSG_NOSIGNAL) == 4 && recv(fd, word, 4, MSG_WAITALL) == 4)
            served++;
        else
            refused++;
        close(fd);
    }
    return NULL;
}

START_TEST(exchanged_under_load_without_a_refused_connection)
{
    pthread_t client;
    long before, after, kept_pid;
    int kept;
    if (!open_house(_i ? "hybrid:2x1" : "processes:3"))
        return;
    kept = house_dial(&house);
    kept_pid = house_ask_pid(kept);
    before = ask_once();
    MUST_BE(pthread_create(&client, NULL, be_many_clients, NULL), 0);
    for (int round = 0; round < 5; round++) {
        const char *said = house.said + house.length;
        coir_time end = core_soon();
        long now = served;
        MUST_BE(kill(house.pid, SIGHUP), 0);
        do
            MUST(coir_now() < end && !sched_yield());
        while (!house_says(&house, "have been exchanged") || !strstr(said, "have been exchanged"));
        while (served < now + 10)
            sched_yield();
    }
    enough = true;
    MUST_BE(pthread_join(client, NULL), 0);
    MUST(refused == 0);
    after = ask_once();
    MUST(after != before && after != kept_pid);
    MUST_BE(house_ask_pid(kept), kept_pid); /* five generations ago; it drains for 5 s */
    house_say(kept, "last");
    house_must_hear(kept, "last");
    house_must_end(kept);
    close(kept);
    await_gone(kept_pid);
    MUST_BE(house_end(&house, SIGTERM), 0);
}
END_TEST

START_TEST(without_its_supervisor_nobody_stays)
{
    long pids[2];
    int fds[2];
    if (!house_open(&house, _i ? "fork" : "processes:2", house_echo,
                    (struct coir_serve_options){.grace = 10 * COIR_MS}))
        return;
    for (int i = 0; i < 2; i++) {
        fds[i] = house_dial(&house);
        pids[i] = house_ask_pid(fds[i]);
    }
    MUST_BE(house_end(&house, SIGKILL), -(COIR_KILLED + SIGKILL));
    for (int i = 0; i < 2; i++) {
        await_gone(pids[i]);
        close(fds[i]);
    }
}
END_TEST

START_TEST(a_second_signal_ends_it_at_once)
{
    long pid;
    int fd, end;
    if (!open_house(_i ? "fiber:1" : "processes:1"))
        return;
    fd = house_dial(&house);
    pid = house_ask_pid(fd);
    MUST_BE(kill(house.pid, SIGTERM), 0);
    house_await(&house, "told to end");
    end = house_end(&house, SIGTERM);
    MUST_BE(end, -(128 + SIGTERM));
    await_gone(pid);
    close(fd);
}
END_TEST

/* ---- What keeps it from beginning ---- */

static const struct {
    const char *model;
    const char *addresses;
    int error;
    const char *sentence;
} refusals[] = {
    {"thread:3", NULL, -EINVAL, "model thread"},
    {"threads:0", NULL, -EINVAL, "the number of threads is from 1 to 1024"},
    {"threads:1025", NULL, -EINVAL, "from 1 to 1024"},
    {"threads:", NULL, -EINVAL, "threads"},
    {"threads:3x", NULL, -EINVAL, "write it as threads:K"},
    {"hybrid:2", NULL, -EINVAL, "write it as hybrid:PxW"},
    {"hybrid:2x", NULL, -EINVAL, "workers"},
    {"hybrid:2x65", NULL, -EINVAL, "the number of workers is from 1 to 64"},
    {"fibre", NULL, -EINVAL, "there is no model 'fibre'; there are iterative, fork,"},
    {"", NULL, -EINVAL, "there is no model ''"},
    {"fiber", "", -EINVAL, "no address"},
    {"fiber", "127.0.0.1:x", -EINVAL, "127.0.0.1:x"},
    {"processes:2", "192.0.2.1:0", -EADDRNOTAVAIL, "192.0.2.1:0"},
    {"fiber", "udp://127.0.0.1:0", -EINVAL, "listeners are tcp://"},
};

START_TEST(is_refused_with_a_sentence)
{
    struct coir_serve_options options = {.model = refusals[_i].model};
    MUST_BE(house_try(&house, refusals[_i].addresses, house_echo, NULL, &options), refusals[_i].error);
    if (!strstr(house.said, refusals[_i].sentence))
        ck_abort_msg("it said: %s", house.said);
}
END_TEST

static int
serve_inside(void *arg)
{
    struct coir_serve_options options = {.model = arg};
    struct coir_server *server;
    MUST_BE(coir_serve("127.0.0.1:0", house_echo, NULL, &options), -EBUSY);
    MUST(strstr(coir_error_detail(), "runtime"));
    MUST_BE(coir_server_start("127.0.0.1:0", house_echo, NULL, &options, &server), -EINVAL);
    MUST(!server && strstr(coir_error_detail(), "supervisor"));
    return 0;
}

START_TEST(forks_only_outside_a_runtime)
{
    static char *const models[] = {"fork", "processes:2", "hybrid:2x2"};
    core_run(1, serve_inside, models[_i]);
}
END_TEST

/* ---- The service manager ---- */

static void
must_be_told(int manager, const char *state)
{
    char word[128] = "";
    MUST(recv(manager, word, sizeof word - 1, 0) > 0);
    if (strncmp(word, state, strlen(state)) != 0)
        ck_abort_msg("'%s', not '%s'", word, state);
}

START_TEST(a_service_manager_is_told)
{
    struct sockaddr_un place = {.sun_family = AF_UNIX};
    char name[sizeof place.sun_path];
    int manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct timeval limit = {.tv_sec = 20};
    snprintf(name, sizeof name, "@coir-manager-%d", (int)getpid());
    memcpy(place.sun_path + 1, name + 1, strlen(name) - 1);
    MUST_BE(
        bind(manager, (struct sockaddr *)&place, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))),
        0);
    MUST_BE(setsockopt(manager, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
    setenv("NOTIFY_SOCKET", name, 1);
    if (!open_house(_i ? "processes:2" : "fiber:2"))
        return;
    must_be_told(manager, "READY=1");
    if (_i) {
        MUST_BE(kill(house.pid, SIGHUP), 0);
        must_be_told(manager, "RELOADING=1\nMONOTONIC_USEC=");
        must_be_told(manager, "READY=1");
    }
    MUST_BE(kill(house.pid, SIGTERM), 0);
    must_be_told(manager, "STOPPING=1");
    MUST_BE(house_end(&house, 0), 0);
    close(manager);
}
END_TEST

/* As systemd does it: the sockets are descriptors 3 and 4 of a process that knows that they are meant for it. */
static int
serve_handed_over(void *arg)
{
    struct coir_serve_options options = {.model = arg};
    char pid[16];
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    setenv("LISTEN_PID", pid, 1);
    setenv("LISTEN_FDS", "2", 1);
    _exit(-coir_serve("127.0.0.1:1", house_echo, NULL, &options) &
          0xff); /* the address is not used: port 1 is not free to us */
}

static int
open_for_handing_over(int *port)
{
    struct sockaddr_in place = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof place;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    MUST_BE(bind(fd, (struct sockaddr *)&place, size), 0);
    MUST_BE(listen(fd, 10), 0);
    MUST_BE(getsockname(fd, (struct sockaddr *)&place, &size), 0);
    *port = ntohs(place.sin_port);
    return fcntl(fd, F_DUPFD_CLOEXEC, 100);
}

START_TEST(takes_sockets_that_are_handed_over)
{
    static char *const models[] = {"fiber:1", "processes:2", "fork"};
    struct house ways[2];
    int status, fds[2];
    pid_t child;
    if (core_is_emulated()) {
        printf("SKIP: 3 and 4 are the emulator's own\n");
        return;
    }
    for (int i = 0; i < 2; i++)
        fds[i] = open_for_handing_over(&ways[i].port);
    child = fork();
    if (!child) {
        dup2(fds[0], 3);
        dup2(fds[1], 4);
        (void)serve_handed_over(models[_i]);
    }
    for (int i = 0; i < 2; i++) {
        int fd = house_dial(&ways[i]);
        house_say(fd, "last");
        house_must_hear(fd, "last");
        close(fd);
    }
    MUST_BE(kill(child, SIGTERM), 0);
    MUST_BE(waitpid(child, &status, 0), child);
    MUST(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
END_TEST

START_TEST(a_unix_socket_leaves_no_file)
{
    struct coir_serve_options options = {.model = _i ? "processes:2" : "fiber:1"};
    struct stat status;
    char address[64];
    int error;
    snprintf(address, sizeof address, "unix:/tmp/coir-house-%d", (int)getpid());
    error = house_try(&house, address, house_echo, NULL, &options);
    if (error == -EBUSY && core_is_emulated()) {
        printf("SKIP: the emulator has threads of its own\n");
        return;
    }
    MUST_BE(error, 0);
    MUST_BE(stat(address + 5, &status), 0);
    MUST(S_ISSOCK(status.st_mode));
    MUST_BE(house_end(&house, SIGTERM), 0);
    MUST(stat(address + 5, &status) && errno == ENOENT);
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_loop_test(cases, a_worker_that_is_killed_is_replaced, 0, 2);
    tcase_add_test(cases, one_that_is_stopped_keeps_nobody_waiting);
    tcase_add_test(cases, one_that_stays_stopped_is_killed);
    tcase_add_test(cases, crashing_in_a_loop_is_slowed_down);
    tcase_add_loop_test(cases, exchanged_under_load_without_a_refused_connection, 0, 2);
    tcase_add_loop_test(cases, without_its_supervisor_nobody_stays, 0, 2);
    tcase_add_loop_test(cases, a_second_signal_ends_it_at_once, 0, 2);
    tcase_add_loop_test(cases, is_refused_with_a_sentence, 0, sizeof refusals / sizeof refusals[0]);
    tcase_add_loop_test(cases, forks_only_outside_a_runtime, 0, 3);
    tcase_add_loop_test(cases, a_service_manager_is_told, 0, 2);
    tcase_add_loop_test(cases, takes_sockets_that_are_handed_over, 0, 3);
    tcase_add_loop_test(cases, a_unix_socket_leaves_no_file, 0, 2);
}

int
main(void)
{
    return core_main("supervisor", add);
}
