/* load_test.c: heavy loads on each backend: much through one connection, very many connections at once, a storm of
 * connections that are reset, and far more clients than there are descriptors. Small in the daily run, in full with
 * COIR_TEST_LONG=1; what was measured is printed.
 *
 * Clients are a process of their own with plain blocking sockets, so that what is measured is the server's. They end with
 * a sentence if a byte is wrong. */
#include "tests/core/core.h"

#include <arpa/inet.h>
#include <coir/listener.h>
#include <coir/log.h>
#include <coir/scope.h>
#include <coir/stream.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "backend/backend.h"

static const char *const backends[] = {"epoll", "uring", "poll", "select"};
enum { BACKENDS = sizeof backends / sizeof backends[0] };

/* ---- What is used ---- */

struct use {
    double seconds, cpu; /* cpu: of this process, with its threads */
    long memory;         /* KiB resident */
    int descriptors;
};

static double
clock_of(clockid_t id)
{
    struct timespec now;
    MUST_BE(clock_gettime(id, &now), 0);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* A thread that begins has a file open for a moment (glibc's malloc asks /sys for the processors): the least of some. */
static int
descriptors_now(void)
{
    int least = core_open_descriptors();
    for (int i = 0; i < 20; i++) {
        int count = core_open_descriptors();
        least = count < least ? count : least;
        MUST_BE(coir_yield(), 0);
    }
    return least;
}

static struct use
use_now(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    long all, resident;
    MUST(file);
    MUST_BE(fscanf(file, "%ld %ld", &all, &resident), 2);
    fclose(file);
    return (struct use){clock_of(CLOCK_MONOTONIC), clock_of(CLOCK_PROCESS_CPUTIME_ID),
                        resident * sysconf(_SC_PAGESIZE) / 1024, descriptors_now()};
}

static bool
is_ours(void) /* memory and time, not a sanitizer's or an emulator's */
{
    return !CORE_ASAN && !CORE_TSAN && !core_is_emulated();
}

/* ---- The client's process ---- */

#define CLIENT_MUST(condition)                                                                    \
    do {                                                                                          \
        if (!(condition)) {                                                                       \
            fprintf(stderr, "client, line %d: %s (%s)\n", __LINE__, #condition, strerror(errno)); \
            _exit(1);                                                                             \
        }                                                                                         \
    } while (0)

struct load {
    const char *backend;
    long count;
    void (*client)(struct load *load);
    int control; /* a socket to the other process, on both sides */
    struct sockaddr_in place;
    pid_t pid;
    struct coir_stream *client_says; /* the server's side of control */
};

static void
hear(struct load *load, void *bytes, size_t size)
{
    CLIENT_MUST(recv(load->control, bytes, size, MSG_WAITALL) == (ssize_t)size);
}

static void
tell(struct load *load, char byte)
{
    CLIENT_MUST(send(load->control, &byte, 1, 0) == 1);
}

/* Before there are threads. The client begins when it is told where. */
static void
fork_client(struct load *load)
{
    int ends[2];
    MUST_BE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    fflush(NULL);
    load->pid = fork();
    MUST(load->pid >= 0);
    load->control = ends[load->pid != 0];
    close(ends[load->pid == 0]);
    if (load->pid)
        return;
    hear(load, &load->place, sizeof load->place);
    load->client(load);
    _exit(0);
}

static struct coir_listener *
open_for_client(struct load *load)
{
    struct coir_listener *listener;
    struct coir_address address;
    MUST_BE(coir_listener_open("127.0.0.1:0", NULL, &listener), 0);
    MUST_BE(coir_listener_local(listener, &address), 0);
    MUST_BE(coir_stream_from(load->control, &load->client_says), 0);
    MUST_BE(coir_stream_write(load->client_says, &address.storage, sizeof load->place, core_soon()), 0);
    return listener;
}

static void
await_word(struct load *load, char word)
{
    char said = 0;
    MUST_BE(coir_stream_read(load->client_says, &said, 1, coir_after(10 * COIR_MINUTE)), 1);
    MUST_BE(said, word);
}

static int
reap_client(void *arg)
{
    struct load *load = arg;
    int status;
    MUST_BE(waitpid(load->pid, &status, 0), load->pid);
    return status;
}

static void
end_with_client(struct load *load)
{
    MUST_BE(coir_offload(reap_client, load), 0);
    coir_stream_close(load->client_says);
}

static int
dial(const struct load *load, const char *from)
{
    static const int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CLIENT_MUST(fd >= 0);
    if (from) {
        struct sockaddr_in own = {.sin_family = AF_INET};
        own.sin_addr.s_addr = inet_addr(from);
        (void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one,
                         sizeof one); /* no port for good: more of them */
        CLIENT_MUST(bind(fd, (struct sockaddr *)&own, sizeof own) == 0);
    }
    CLIENT_MUST(connect(fd, (const struct sockaddr *)&load->place, sizeof load->place) == 0);
    return fd;
}

/* ---- Much through one connection ---- */

enum { PIECE = 1 << 16, WORDS = PIECE / sizeof(uint64_t) };

/* Each word is its own number, so that nothing can be lost, doubled or exchanged unseen. */
static void
fill(uint64_t *words, uint64_t first)
{
    for (uint64_t i = 0; i < WORDS; i++)
        words[i] = (first + i) * UINT64_C(0x9E3779B97F4A7C15);
}

static void
send_much(struct load *load)
{
    static uint64_t words[WORDS];
    int fd = dial(load, NULL);
    for (long piece = 0; piece < load->count; piece++) {
        fill(words, (uint64_t)piece * WORDS);
        for (size_t sent = 0; sent < PIECE;) {
            ssize_t count = send(fd, (char *)words + sent, PIECE - sent, 0);
            CLIENT_MUST(count > 0);
            sent += (size_t)count;
        }
    }
    CLIENT_MUST(shutdown(fd, SHUT_WR) == 0);
    for (long piece = 0; piece < load->count; piece++) { /* and all of it back */
        static uint64_t back[WORDS];
        fill(words, (uint64_t)piece * WORDS);
        CLIENT_MUST(recv(fd, back, PIECE, MSG_WAITALL) == PIECE);
        CLIENT_MUST(memcmp(back, words, PIECE) == 0);
    }
    CLIENT_MUST(recv(fd, words, 1, 0) == 0);
    close(fd);
}

static int
take_and_give_much(void *arg)
{
    static uint64_t words[WORDS], wanted[WORDS];
    struct load *load = arg;
    struct coir_listener *listener = open_for_client(load);
    struct coir_stream *stream;
    struct use before, after;
    coir_time end = coir_after(10 * COIR_MINUTE);
    MUST_BE(coir_listener_accept(listener, &stream, core_soon()), 0);
    before = use_now();
    for (long piece = 0; piece < load->count; piece++) {
        MUST_BE(coir_stream_read_full(stream, words, PIECE, end), PIECE);
        fill(wanted, (uint64_t)piece * WORDS);
        MUST(!memcmp(words, wanted, PIECE));
    }
    MUST_BE(coir_stream_read(stream, words, 1, end), 0);
    for (long piece = 0; piece < load->count; piece++) {
        fill(words, (uint64_t)piece * WORDS);
        MUST_BE(coir_stream_write(stream, words, PIECE, end), 0);
    }
    after = use_now();
    printf("load: %s: %ld MiB each way: %.1f s, %.1f s of CPU, memory %ld KiB, then %ld KiB\n", load->backend,
           load->count * (PIECE / 1024) / 1024, after.seconds - before.seconds, after.cpu - before.cpu, before.memory,
           after.memory);
    MUST(!is_ours() || after.memory - before.memory <= 1024);
    coir_stream_close(stream);
    coir_listener_close(listener);
    end_with_client(load);
    return 0;
}

/* ---- Very many connections at once ---- */

enum { ROUNDS = 3, CYCLES = 2 };

struct record {
    uint64_t client, round, mixed, filler;
};

static struct record
record_of(uint64_t client, uint64_t round)
{
    uint64_t mixed = (client << 8 ^ round) * UINT64_C(0x9E3779B97F4A7C15);
    return (struct record){client, round, mixed, ~mixed};
}

static void
talk_on_all(const int *fds, long count, uint64_t round)
{
    for (long i = 0; i < count; i++) {
        struct record record = record_of((uint64_t)i, round);
        CLIENT_MUST(send(fds[i], &record, sizeof record, 0) == sizeof record);
    }
    for (long i = 0; i < count; i++) {
        struct record record = record_of((uint64_t)i, round), heard;
        CLIENT_MUST(recv(fds[i], &heard, sizeof heard, MSG_WAITALL) == sizeof heard);
        CLIENT_MUST(memcmp(&heard, &record, sizeof heard) == 0);
    }
}

static void
connect_many(struct load *load)
{
    int *fds = calloc((size_t)load->count, sizeof *fds);
    char word;
    CLIENT_MUST(fds != NULL);
    for (int cycle = 0; cycle < CYCLES; cycle++) {
        for (long i = 0; i < load->count; i++)
            fds[i] = dial(load, NULL);
        for (uint64_t round = 0; round < ROUNDS; round++)
            talk_on_all(fds, load->count, round);
        tell(load, 'a');
        hear(load, &word, 1);
        for (long i = 0; i < load->count; i++) {
            struct record none;
            CLIENT_MUST(shutdown(fds[i], SHUT_WR) == 0);
            CLIENT_MUST(recv(fds[i], &none, 1, 0) == 0); /* the server has ended it, too, and no byte was left */
            close(fds[i]);
        }
        tell(load, 'z');
        hear(load, &word, 1);
    }
    free(fds);
}

static int
echo(void *arg)
{
    struct coir_stream *stream = arg;
    struct record record;
    ssize_t count;
    int error = 0;
    while (!error && (count = coir_stream_read(stream, &record, sizeof record, COIR_NEVER)) > 0)
        error = coir_stream_write(stream, &record, (size_t)count, core_soon());
    MUST(error == 0 || error == -EPIPE);
    MUST(error || count == 0 || count == -ECONNRESET);
    coir_stream_close(stream);
    return 0;
}

static int
accept_many(void *arg)
{
    struct coir_listener *listener = arg;
    struct coir_stream *stream;
    int error;
    COIR_SCOPE(scope);
    while (!(error = coir_listener_accept(listener, &stream, COIR_NEVER)))
        MUST_BE(coir_scope_go(&scope, echo, stream, NULL), 0);
    MUST_BE(error, -EPIPE);
    return coir_scope_wait(&scope, core_soon());
}

static int
have_many(void *arg)
{
    struct load *load = arg;
    struct coir_listener *listener = open_for_client(load);
    struct coir_task *acceptor;
    struct use before = use_now(), all[CYCLES], after[CYCLES];
    MUST_BE(coir_go(accept_many, listener, NULL, &acceptor), 0);
    for (int cycle = 0; cycle < CYCLES; cycle++) {
        coir_time end = core_soon();
        await_word(load, 'a');
        all[cycle] = use_now();
        MUST_BE(all[cycle].descriptors - before.descriptors, load->count);
        MUST_BE(coir_stream_write(load->client_says, "g", 1, core_soon()), 0);
        await_word(load, 'z');
        while (core_open_descriptors() != before.descriptors)
            MUST(coir_yield() == 0 && coir_now() < end);
        after[cycle] = use_now();
        MUST_BE(coir_stream_write(load->client_says, "g", 1, core_soon()), 0);
    }
    printf("load: %s: %ld connections at once, %d times: %.1f s, %.1f s of CPU; memory %ld KiB, with them %ld and %ld, "
           "without %ld and %ld\n",
           load->backend, load->count, CYCLES, after[1].seconds - before.seconds, after[1].cpu - before.cpu,
           before.memory, all[0].memory, all[1].memory, after[0].memory, after[1].memory);
    MUST(!is_ours() || all[1].memory <= all[0].memory + 1024 + (all[0].memory - before.memory) / 50);
    coir_listener_abort(listener);
    MUST_BE(coir_join(acceptor, NULL, core_soon()), 0);
    coir_listener_close(listener);
    end_with_client(load);
    return 0;
}

/* ---- A storm of resets ---- */

enum { SOURCES = 8 };

static void
connect_and_reset(struct load *load)
{
    static const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    char word;
    for (int part = 0; part < 2; part++) {
        for (long i = 0; i < load->count / 2; i++) {
            char from[32];
            int fd;
            snprintf(from, sizeof from, "127.0.0.%ld", 2 + i % SOURCES);
            fd = dial(load, from);
            CLIENT_MUST(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) == 0);
            close(fd);
        }
        close(dial(load, NULL)); /* behind all of them */
        tell(load, 'z');
        hear(load, &word, 1);
    }
}

static int
weather(void *arg)
{
    struct load *load = arg;
    struct coir_listener *listener = open_for_client(load);
    struct coir_task *acceptor;
    struct use before = use_now(), after[2];
    MUST_BE(coir_go(accept_many, listener, NULL, &acceptor), 0);
    for (int part = 0; part < 2; part++) {
        coir_time end = core_soon();
        await_word(load, 'z');
        do
            MUST(coir_yield() == 0 && coir_now() < end);
        while (core_open_descriptors() != before.descriptors);
        after[part] = use_now();
        MUST_BE(coir_stream_write(load->client_says, "g", 1, core_soon()), 0);
    }
    printf("load: %s: %ld connects that reset at once: %.1f s, %.1f s of CPU; memory %ld KiB, half-way %ld, then %ld; "
           "descriptors %d, then %d\n",
           load->backend, load->count, after[1].seconds - before.seconds, after[1].cpu - before.cpu, before.memory,
           after[0].memory, after[1].memory, before.descriptors, after[1].descriptors);
    MUST(!is_ours() || after[1].memory <= after[0].memory + 1024);
    coir_listener_abort(listener);
    MUST_BE(coir_join(acceptor, NULL, core_soon()), 0);
    coir_listener_close(listener);
    end_with_client(load);
    return 0;
}

/* ---- Far more clients than descriptors ---- */

enum { NUMBERS = 64, CLIENTS = 500, SERVED_LEAST = 20, PING_MS = 100 };

struct crowd {
    int fds[CLIENTS];
    char state[CLIENTS]; /* 'w'aits in the queue, is 's'erved, has been turned 'a'way */
    int served, turned_away;
};

/* Hears who is served and who is turned away, for so long. */
static void
hear_crowd(struct crowd *crowd, int milliseconds)
{
    struct pollfd polled[CLIENTS];
    char byte;
    for (int i = 0; i < CLIENTS; i++)
        polled[i] = (struct pollfd){crowd->state[i] == 'w' ? crowd->fds[i] : -1, POLLIN, 0};
    CLIENT_MUST(poll(polled, CLIENTS, milliseconds) >= 0);
    for (int i = 0; i < CLIENTS; i++) {
        if (!polled[i].revents)
            continue;
        crowd->state[i] = recv(crowd->fds[i], &byte, 1, 0) == 1 ? 's' : 'a';
        crowd->served += crowd->state[i] == 's';
        crowd->turned_away += crowd->state[i] == 'a';
    }
}

/* One of those that are served is still. */
static void
ping_one(struct crowd *crowd, int *at)
{
    struct timeval soon = {is_ours() ? 1 : 10, 0};
    char byte = 'p';
    do
        *at = (*at + 1) % CLIENTS;
    while (crowd->state[*at] != 's');
    CLIENT_MUST(setsockopt(crowd->fds[*at], SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon) == 0);
    CLIENT_MUST(send(crowd->fds[*at], &byte, 1, 0) == 1);
    CLIENT_MUST(recv(crowd->fds[*at], &byte, 1, 0) == 1 && byte == 'p');
}

static void
come_in_a_crowd(struct load *load)
{
    static struct crowd crowd;
    double began, end, cpu, share;
    int at = 0, before;
    clockid_t server;
    CLIENT_MUST(clock_getcpuclockid(getppid(), &server) == 0);
    for (int i = 0; i < CLIENTS; i++) {
        crowd.fds[i] = dial(load, NULL);
        crowd.state[i] = 'w';
    }
    end = clock_of(CLOCK_MONOTONIC) + 10;
    while (crowd.served < SERVED_LEAST || crowd.turned_away < 2) { /* it has found out that there are no more */
        CLIENT_MUST(clock_of(CLOCK_MONOTONIC) < end);
        hear_crowd(&crowd, PING_MS);
    }
    began = clock_of(CLOCK_MONOTONIC);
    cpu = clock_of(server);
    while (clock_of(CLOCK_MONOTONIC) - began < (double)load->count) {
        ping_one(&crowd, &at);
        hear_crowd(&crowd, PING_MS);
    }
    share = (clock_of(server) - cpu) / (clock_of(CLOCK_MONOTONIC) - began);
    printf("load: %s: %d clients, %d descriptors: %d served, %d turned away, %.2f %% of a processor over %ld s",
           load->backend, CLIENTS, NUMBERS, crowd.served, crowd.turned_away, share * 100, load->count);
    CLIENT_MUST(!is_ours() || share < 0.05);
    for (int i = 0; i < CLIENTS; i++)
        if (crowd.state[i] == 's')
            close(crowd.fds[i]);
    before = crowd.served;
    began = clock_of(CLOCK_MONOTONIC);
    for (int i = 0; i < CLIENTS; i++)
        crowd.state[i] = crowd.state[i] == 's' ? 'a' : crowd.state[i];
    while (crowd.served == before)
        hear_crowd(&crowd, PING_MS);
    printf("; after they had gone the next was served within %.0f ms\n", (clock_of(CLOCK_MONOTONIC) - began) * 1000);
    CLIENT_MUST(!is_ours() || clock_of(CLOCK_MONOTONIC) - began < 1);
    fflush(stdout);
    tell(load, 'z');
}

static int lines; /* atomic */

static void
count_lines(enum coir_log_level level, const char *line, void *arg)
{
    (void)level, (void)line, (void)arg;
    __atomic_add_fetch(&lines, 1, __ATOMIC_RELAXED);
}

static int
greet_and_echo(void *arg)
{
    if (coir_stream_write(arg, "k", 1, core_soon()) == 0)
        return echo(arg);
    coir_stream_close(arg);
    return 0;
}

static int
greet_all(void *arg)
{
    struct coir_stream *stream;
    int error;
    COIR_SCOPE(scope);
    while (!(error = coir_listener_accept(arg, &stream, COIR_NEVER)))
        MUST_BE(coir_scope_go(&scope, greet_and_echo, stream, NULL), 0);
    MUST_BE(error, -EPIPE);
    return coir_scope_wait(&scope, core_soon());
}

static int
be_short(void *arg)
{
    struct rlimit few = {NUMBERS, NUMBERS};
    struct load *load = arg;
    struct coir_listener *listener = open_for_client(load);
    struct coir_task *acceptor;
    coir_time began = coir_now();
    MUST_BE(setrlimit(RLIMIT_NOFILE, &few), 0);
    MUST_BE(coir_go(greet_all, listener, NULL, &acceptor), 0);
    await_word(load, 'z');
    MUST(__atomic_load_n(&lines, __ATOMIC_RELAXED) <= 2 + (coir_now() - began) / COIR_SECOND);
    coir_listener_abort(listener);
    MUST_BE(coir_join(acceptor, NULL, core_soon()), 0);
    coir_listener_close(listener);
    end_with_client(load);
    return 0;
}

/* ---- The loads ---- */

static const struct {
    const char *name;
    void (*client)(struct load *load);
    coir_function *server;
    long little, much; /* the count: a day's, and in full */
    bool in_numbers;   /* it is one of descriptors */
} loads[] = {
    {"transfer", send_much, take_and_give_much, 1024, 81920, false}, /* pieces of 64 KiB: 5 GiB each way */
    {"connections", connect_many, have_many, 2000, 10000, true},
    {"resets", connect_and_reset, weather, 3000, 500000, false},
    {"shortage", come_in_a_crowd, be_short, 2, 20, false}, /* seconds */
};
enum { LOADS = sizeof loads / sizeof loads[0], SPARE = 64 };

static int
do_nothing(void *arg)
{
    (void)arg;
    return 0;
}

static bool
is_here(const struct coir_runtime_options *options)
{
    const struct cr_backend *backend = cr_backend_choice(options->backend, 0);
    int error = backend ? coir_run(do_nothing, NULL, options) : -ENOENT;
    if (error)
        printf("SKIP: no backend %s here: %s\n", options->backend, coir_error_text(error));
    return !error;
}

static void
bear(int which, const char *name)
{
    /* One worker: the client has the other processor, and what is held depends on no chance of stealing. */
    struct coir_runtime_options options = {.workers = 1, .backend = name, .log = count_lines};
    struct load load = {.backend = name, .client = loads[which].client};
    if (!is_here(&options))
        return;
    load.count = core_is_long() ? loads[which].much : core_rounds(loads[which].little);
    if (loads[which].in_numbers) {
        long numbers = cr_backend_choice(name, 0)->numbers;
        load.count = core_numbers(load.count + SPARE) - SPARE;
        if (numbers && load.count > numbers - SPARE)
            load.count = numbers - SPARE;
    }
    if (load.count < 1)
        load.count = 1;
    fork_client(&load);
    MUST_BE(coir_run(loads[which].server, &load, &options), 0);
    MUST(waitpid(load.pid, NULL, 0) < 0);
}

START_TEST(a_load)
{
    bear(_i / BACKENDS, backends[_i % BACKENDS]);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("load");
    setvbuf(stdout, NULL, _IOLBF, 0); /* what was measured is said, whatever comes of it */
    for (int i = 0; i < LOADS; i++) {
        TCase *cases = tcase_create(loads[i].name);
        if (core_is_long())
            tcase_set_timeout(cases, 500);
        tcase_add_loop_test(cases, a_load, i * BACKENDS, (i + 1) * BACKENDS);
        suite_add_tcase(suite, cases);
    }
    return core_run_suite(suite);
}
