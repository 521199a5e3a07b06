/* trouble_test.c: servers to which something happens at a bad moment: they are told to exchange their workers before any of those is
 * ready, a worker hears nothing, the supervisor is killed; and spans without an end. */
#include "house.h"

#include "base/world.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static struct house house;

/* Whether somebody answers; else the connection has ended. */
static bool
is_served(void)
{
    char answer[4];
    int fd = house_dial(&house);
    bool served = send(fd, "last", 4, MSG_NOSIGNAL) == 4 && recv(fd, answer, 4, MSG_WAITALL) == 4;
    MUST(served || errno != EAGAIN); /* the limit of house_dial */
    close(fd);
    return served;
}

/* ---- Exchanges ---- */

static atomic_int *words; /* that workers still say, before they are ready */
static const char *(*environment)(const char *name);

static const char *
ask_for_an_exchange(const char *name)
{
    if (!strcmp(name, "COIR_CARRIER") && atomic_fetch_sub(words, 1) > 0)
        MUST_BE(kill(getppid(), SIGHUP), 0);
    return environment(name);
}

static int
count_workers(void)
{
    char path[64], text[1024] = "";
    int count = 0;
    FILE *file;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)house.pid, (int)house.pid);
    file = fopen(path, "r");
    if (!file) {
        printf("SKIP: this kernel does not list children\n");
        return 2;
    }
    MUST(fgets(text, sizeof text, file) || feof(file));
    fclose(file);
    for (const char *at = text; (at = strchr(at, ' ')); at++)
        count++;
    return count;
}

START_TEST(asked_for_before_anybody_is_ready)
{
    coir_time end = core_soon();
    bool open;
    words = mmap(NULL, sizeof *words, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    MUST(words != MAP_FAILED);
    atomic_store(words, 3);
    environment = cr_world.environment;
    cr_world.environment = ask_for_an_exchange;
    open = house_open(&house, _i ? "hybrid:2x1" : "processes:2", house_echo, (struct coir_serve_options){0});
    cr_world.environment = environment;
    if (!open)
        return;
    house_await(&house, "have been exchanged");
    while (count_workers() != 2)
        MUST(coir_now() < end && !sched_yield());
    MUST(is_served());
    MUST_BE(house_end(&house, SIGTERM), 0);
}
END_TEST

static int
hear_nothing(struct coir_stream *stream, void *arg)
{
    (void)arg;
    MUST_BE(coir_stream_print(stream, COIR_NEVER, "here"), 0);
    while (pause() < 0)
        continue;
    return 0;
}

/* Its handlers keep all threads of its runtime in foreign calls: it is told all the same, and goes without them. */
START_TEST(handlers_that_hear_nothing_are_left_behind)
{
    int fd;
    if (!house_open(&house, _i ? "hybrid:1x1" : "fiber:1", hear_nothing, (struct coir_serve_options){.grace = COIR_MS}))
        return;
    fd = house_dial(&house);
    house_must_hear(fd, "here");
    MUST_BE(kill(house.pid, _i ? SIGHUP : SIGTERM), 0);
    house_await(&house, "some of 1 handlers do not end although they have been canceled");
    if (!_i) {
        MUST_BE(house_end(&house, 0), -ETIMEDOUT);
        close(fd);
        return;
    }
    house_must_end(fd);
    close(fd);
    fd = house_dial(&house); /* the new one serves */
    house_must_hear(fd, "here");
    close(fd);
    MUST_BE(house_end(&house, SIGTERM), -ETIMEDOUT);
}
END_TEST

/* Until the supervisor has taken note of its end. */
static void
await_collected(long pid)
{
    coir_time end = core_soon();
    while (kill((pid_t)pid, 0) == 0) {
        MUST(coir_now() < end);
        (void)sched_yield();
    }
}

START_TEST(one_that_hears_nothing_is_killed)
{
    long pid;
    int fd;
    coir_time grace = 500 * COIR_MS; /* enough for the one that does hear, under an emulator on a busy machine */
    if (!house_open(&house, "hybrid:1x1", house_echo, (struct coir_serve_options){.grace = grace}))
        return;
    fd = house_dial(&house);
    pid = house_ask_pid(fd);
    MUST_BE(kill((pid_t)pid, SIGSTOP), 0);
    house_await(&house, "has been stopped");
    MUST_BE(kill(house.pid, SIGHUP), 0);
    house_must_end(fd);
    house_await(&house, "does not: killed it");
    close(fd);
    fd = house_dial(&house); /* the new one serves */
    MUST(house_ask_pid(fd) != pid);
    close(fd);
    await_collected(pid); /* else it is one of those that have to be killed at the end */
    MUST_BE(house_end(&house, SIGTERM), 0);
}
END_TEST

/* ---- Ends ---- */

START_TEST(handlers_may_have_for_ever)
{
    static const char *const some[] = {"fiber:1", "fork", "processes:1", "hybrid:1x1"};
    struct coir_serve_options options = {.grace = COIR_NEVER, .idle = COIR_NEVER, .whole = COIR_NEVER};
    int fd;
    if (!house_open(&house, some[_i], house_echo, options))
        return;
    fd = house_dial(&house);
    house_say(fd, "hello");
    house_must_hear(fd, "hello");
    MUST_BE(kill(house.pid, SIGTERM), 0);
    house_await(&house, "told to end");
    house_say(fd, "last");
    house_must_hear(fd, "last");
    house_must_end(fd);
    close(fd);
    MUST_BE(house_end(&house, 0), 0);
}
END_TEST

START_TEST(spans_are_no_moments)
{
    const struct coir_serve_options wrong[] = {
        {.idle = -1}, {.whole = -COIR_SECOND}, {.grace = coir_after(COIR_SECOND)}};
    MUST_BE(house_try(&house, NULL, house_echo, NULL, &wrong[_i]), -EINVAL);
    MUST(house_says(&house, "are spans"));
}
END_TEST

/* Whoever comes next can have its address, although copies of it drain. */
START_TEST(copies_for_one_connection_hold_no_door)
{
    struct sockaddr_in place = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd, second;
    if (!house_open(&house, "fork", house_echo, (struct coir_serve_options){0}))
        return;
    place.sin_port = htons((uint16_t)house.port);
    fd = house_dial(&house);
    house_say(fd, "hello");
    house_must_hear(fd, "hello");
    MUST_BE(house_end(&house, SIGKILL), -(COIR_KILLED + SIGKILL));
    second = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    MUST(connect(second, (struct sockaddr *)&place, sizeof place) && errno == ECONNREFUSED);
    house_say(fd, "last");
    house_must_hear(fd, "last");
    close(second);
    close(fd);
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_loop_test(cases, asked_for_before_anybody_is_ready, 0, 2);
    tcase_add_loop_test(cases, handlers_that_hear_nothing_are_left_behind, 0, 2);
    tcase_add_test(cases, one_that_hears_nothing_is_killed);
    tcase_add_loop_test(cases, handlers_may_have_for_ever, 0, 4);
    tcase_add_loop_test(cases, spans_are_no_moments, 0, 3);
    tcase_add_test(cases, copies_for_one_connection_hold_no_door);
}

int
main(void)
{
    return core_main("trouble", add);
}
