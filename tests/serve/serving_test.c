/* serving_test.c: servers beside their caller, datagrams, and who gets how many of the connections. */
#include "house.h"

#include "base/fault.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- Beside the caller ---- */

static const char *const in_process[] = {"iterative", "thread", "threads:3", "select", "poll",
                                         "epoll",     "uring",  "fiber:1",   "fiber:3"};
enum { IN_PROCESS = sizeof in_process / sizeof in_process[0] };

static void
talk(const struct coir_address *address, const char *text)
{
    char place[COIR_ADDRESS_TEXT], heard[64] = "";
    struct coir_stream *stream;
    MUST_BE(coir_stream_dial(coir_address_text(address, place, sizeof place), NULL, &stream, core_soon()), 0);
    MUST_BE(coir_stream_write(stream, text, strlen(text), core_soon()), 0);
    MUST_BE(coir_stream_read_full(stream, heard, strlen(text), core_soon()), strlen(text));
    MUST(!strcmp(heard, text));
    MUST_BE(coir_stream_close(stream), 0);
}

static const char *model;

static int
serve_beside(void *arg)
{
    struct coir_serve_options options = {.model = model};
    struct coir_server *servers[2];
    struct coir_address address, other;
    int error = coir_server_start("127.0.0.1:0 [::1]:0", house_echo, NULL, &options, &servers[0]), second = 1;
    (void)arg;
    if (house_is_refused(model, error))
        return 0;
    MUST_BE(error, 0);
    MUST_BE(coir_server_start("unix:@coir-serving", house_echo, NULL, &options, &servers[1]), 0);
    MUST_BE(coir_server_local(servers[0], 0, &address), 0);
    MUST_BE(coir_server_local(servers[0], 1, &other), 0);
    MUST_BE(coir_server_local(servers[0], 2, &other), -ENOENT);
    MUST_BE(coir_server_local(servers[0], 1, &other), 0);
    MUST(other.storage.ss_family == AF_INET6);
    for (int i = 0; i < 5; i++) {
        talk(&address, "one");
        talk(&other, "two");
        MUST_BE(coir_server_local(servers[second], 0, &other), 0);
        talk(&other, "three");
        MUST_BE(coir_server_local(servers[0], 1, &other), 0);
    }
    MUST_BE(coir_server_stop(servers[0], core_soon()), 0);
    MUST_BE(coir_server_local(servers[1], 0, &other), 0);
    talk(&other, "still here");
    MUST_BE(coir_server_stop(servers[1], core_soon()), 0);
    return 0;
}

START_TEST(beside_its_caller)
{
    model = in_process[_i % IN_PROCESS];
    core_play((enum core_cast)(_i / IN_PROCESS), serve_beside, NULL);
}
END_TEST

/* Handlers that sleep, and one that will not hear of being canceled until it has been seen to be asked. */
static int
stop_the_unwilling(void *arg)
{
    struct coir_serve_options options = {.model = model};
    struct coir_server *server;
    struct coir_address address;
    struct coir_stream *stream;
    char place[COIR_ADDRESS_TEXT], byte;
    (void)arg;
    MUST_BE(coir_server_start("127.0.0.1:0", house_echo, NULL, &options, &server), 0);
    MUST_BE(coir_server_local(server, 0, &address), 0);
    MUST_BE(coir_stream_dial(coir_address_text(&address, place, sizeof place), NULL, &stream, core_soon()), 0);
    MUST_BE(coir_stream_write(stream, "hello", 5, core_soon()), 0);
    MUST_BE(coir_stream_read_full(stream, place, 5, core_soon()), 5);
    MUST_BE(coir_stream_write(stream, "sleep", 5, core_soon()), 0);
    MUST_BE(coir_server_stop(server, coir_after(10 * COIR_MS)), -ETIMEDOUT);
    MUST(coir_stream_read(stream, &byte, 1, core_soon()) <= 0);
    MUST_BE(coir_stream_close(stream), 0);
    return 0;
}

START_TEST(those_that_sleep_are_canceled)
{
    static const char *const some[] = {"iterative", "thread", "threads:3", "epoll", "fiber:3"};
    int before;
    model = some[_i % 5];
    before = core_open_descriptors();
    core_play((enum core_cast)(_i / 5), stop_the_unwilling, NULL);
    MUST(core_open_descriptors() <= before + 2); /* a bell, the reserve of listeners */
}
END_TEST

/* Whatever thread, memory or descriptor its beginning is refused once: it says so, or it serves; and nothing stays. */
START_TEST(it_begins_or_says_why_not)
{
    static const char *const some[] = {"iterative", "threads:2", "fiber:1"};
    static const uint64_t sites[] = {1 << CR_FAULT_THREAD, 1 << CR_FAULT_MEMORY | 1 << CR_FAULT_MAP,
                                     1 << CR_FAULT_DESCRIPTOR};
    struct coir_serve_options options = {.model = some[_i % 3]};
    int before = -1, refused = 0, begun = 0;
    for (uint64_t n = 0; n <= 40; n++) { /* 0: none */
        struct coir_server *server;
        struct coir_address address;
        int error;
        if (n)
            cr_fault_arm(sites[_i / 3], n, false);
        error = coir_server_start("127.0.0.1:0", house_echo, NULL, &options, &server);
        cr_fault_disarm();
        refused += error != 0;
        begun += !error;
        MUST(!error == !!server);
        if (!error) {
            MUST_BE(coir_server_local(server, 0, &address), 0);
            talk(&address, "hello");
            MUST_BE(coir_server_stop(server, core_soon()), 0);
        }
        if (before < 0)
            before = core_open_descriptors();
        MUST(core_open_descriptors() <= before + 1); /* the bell of a thread */
    }
    MUST(refused && begun);
}
END_TEST

/* ---- Datagrams ---- */

static int
answer(struct coir_datagram *datagram, const struct coir_address *from, const void *bytes, size_t size, void *arg)
{
    (void)arg;
    if (size == 5 && !memcmp(bytes, "crash", 5))
        raise(SIGSEGV);
    return coir_datagram_send(datagram, bytes, size, from, COIR_NEVER);
}

static int
dial_datagrams(void)
{
    struct timeval limit = {.tv_sec = 20};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in place = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    MUST_BE(bind(fd, (struct sockaddr *)&place, sizeof place), 0);
    MUST_BE(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
    return fd;
}

START_TEST(datagrams_are_answered)
{
    const struct house_model *row = &house_models[_i];
    struct coir_serve_options options = {.model = row->name};
    struct sockaddr_in place = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct house house;
    int error = house_try(&house, "udp://127.0.0.1:0", NULL, answer, &options), fd;
    if (!strcmp(row->name, "fork")) {
        MUST_BE(error, -EINVAL);
        MUST(strstr(house.said, "processes:P"));
        return;
    }
    if (house_is_refused(row->name, error))
        return;
    MUST_BE(error, 0);
    place.sin_port = htons((uint16_t)house.port);
    fd = dial_datagrams();
    for (int i = 0; i < 50; i++) {
        char text[32], heard[32] = "";
        int length = i == 7 ? 0 : snprintf(text, sizeof text, "message %d", i);
        MUST_BE(sendto(fd, text, (size_t)length, 0, (struct sockaddr *)&place, sizeof place), length);
        MUST_BE(recv(fd, heard, sizeof heard, 0), length);
        MUST(!memcmp(text, heard, (size_t)length));
    }
    close(fd);
    MUST_BE(house_end(&house, SIGTERM), 0);
}
END_TEST

/* ---- Who gets how many ---- */

/* Of connections that stay open each process has some, and none more than twice its share. */
START_TEST(connections_are_spread)
{
    enum { MANY = 64, PROCESSES = 4 };
    struct {
        long pid;
        int count;
    } shares[PROCESSES] = {{0, 0}};
    struct house house;
    int fds[MANY], sharers = 0;
    if (CORE_TSAN || core_is_emulated()) {
        printf("SKIP: nobody is quick enough here to take his share in time\n");
        return;
    }
    if (!house_open(&house, "hybrid:4x1", house_echo, (struct coir_serve_options){0}))
        return;
    for (int i = 0; i < MANY; i++)
        fds[i] = house_dial(&house);
    for (int i = 0; i < MANY; i++) {
        long pid = house_ask_pid(fds[i]);
        int k = 0;
        while (k < sharers && shares[k].pid != pid)
            k++;
        MUST(k < PROCESSES);
        if (k == sharers)
            shares[sharers++].pid = pid;
        shares[k].count++;
    }
    for (int k = 0; k < sharers; k++)
        printf("%d of %d\n", shares[k].count, MANY);
    for (int i = 0; i < MANY; i++)
        close(fds[i]);
    MUST_BE(sharers, PROCESSES);
    for (int k = 0; k < sharers; k++)
        MUST(shares[k].count <= 2 * MANY / PROCESSES);
    MUST_BE(house_end(&house, SIGTERM), 0);
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_loop_test(cases, beside_its_caller, 0, IN_PROCESS * CORE_CASTS);
    tcase_add_loop_test(cases, those_that_sleep_are_canceled, 0, 5 * CORE_CASTS);
    tcase_add_loop_test(cases, it_begins_or_says_why_not, 0, 9);
    tcase_add_loop_test(cases, datagrams_are_answered, 0, house_model_count);
    tcase_add_test(cases, connections_are_spread);
}

int
main(void)
{
    return core_main("serving", add);
}
