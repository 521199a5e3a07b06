/* cmd/hub.c: coir hub: reads the command line, runs cr_hub_run, prints where it listens.
 *
 * The happy path: options from the command line, else from the environment, else the defaults; the signal thread;
 * the runtime; in it the hub, which calls back when it listens. Standard output gets exactly those lines; all else
 * is log, on standard error. The hub reads a duplicate of standard input, so that ours stays open whatever becomes
 * of it. */
#include <argp.h>
#include <coir/address.h>
#include <coir/log.h>
#include <coir/runtime.h>
#include <coir/stream.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cmd/log.h"
#include "cmd/signals.h"
#include "cmd/verb.h"
#include "servers/hub/hub.h"

struct arguments {
    struct cr_hub_options hub;
    struct coir_runtime_options runtime;
    long members, queue, connections, per_host, workers;
    double grace, name_time; /* seconds; below 0: not given */
};

enum key {
    KEY_CHAT = 256,
    KEY_WEB,
    KEY_GRACE,
    KEY_NAME_TIME,
    KEY_MEMBERS,
    KEY_QUEUE,
    KEY_CONNECTIONS,
    KEY_PER_HOST,
    KEY_WORKERS,
    KEY_BACKEND,
    KEY_LOG
};

static const char documentation[] =
    "A chat room. Members come in by lines of text over TCP or by a page in the browser, and all see all messages in "
    "one "
    "order. A line typed here goes to everybody, from the administrator."
    "\v"
    "Examples:\n"
    "  coir hub\n"
    "  nc 127.0.0.1 9000\n"
    "  coir hub --chat '*:9000' --web '[::1]:8080'\n"
    "  coir hub --chat unix:/run/chat --grace 1\n"
    "  COIR_WEB=127.0.0.1:8888 coir hub\n"
    "\n"
    "ADDR is HOST:PORT, [IPV6]:PORT, *:PORT (all addresses) or unix:PATH; port 0 takes a free one. SIGINT and SIGTERM "
    "tell the members and end the hub within --grace; a second one ends it at once.\n"
    "\n"
    "Environment: COIR_CHAT, COIR_WEB: defaults of --chat and --web. COIR_WORKERS, COIR_BACKEND: of --workers and "
    "--backend. COIR_CHAOS: sockets that misbehave, for tests (\"again=10 short_read=30 short_write=30 seed=1\"). "
    "NO_COLOR: no colour on a terminal.";

static const struct argp_option options[] = {
    {"chat", KEY_CHAT, "ADDR", 0, "Where members come in by lines (" CR_HUB_CHAT ")", 1},
    {"web", KEY_WEB, "ADDR", 0, "Where the page is (" CR_HUB_WEB ")", 1},
    {"members", KEY_MEMBERS, "N", 0, "In the room at once, at most (10000)", 2},
    {"queue", KEY_QUEUE, "N", 0, "Messages that may wait for a member before he is disconnected (256)", 2},
    {"connections", KEY_CONNECTIONS, "N", 0, "Connections at once, at most (12000)", 2},
    {"per-host", KEY_PER_HOST, "N", 0, "Connections at once from one host; 0: no limit (0)", 2},
    {"name-time", KEY_NAME_TIME, "SECONDS", 0, "To give a name (60)", 2},
    {"grace", KEY_GRACE, "SECONDS", 0, "For connections to end when the hub stops (5)", 3},
    {"workers", KEY_WORKERS, "N", 0, "Threads that run tasks, 1 to 64 (one for each CPU)", 3},
    {"backend", KEY_BACKEND, "NAME", 0, "The I/O model: epoll, poll or select (the best that opens)", 3},
    {"log", KEY_LOG, "LEVEL", 0, "error, warn, info or debug (info)", 3},
    {NULL, 0, NULL, 0, NULL, 0},
};

static const struct {
    int key;
    const char *name;
    long low, high;
    size_t place; /* of a long in struct arguments */
} numbers[] = {
    {KEY_MEMBERS, "members", 1, 65536, offsetof(struct arguments, members)},
    {KEY_QUEUE, "queue", 1, 65536, offsetof(struct arguments, queue)},
    {KEY_CONNECTIONS, "connections", 1, 1000000, offsetof(struct arguments, connections)},
    {KEY_PER_HOST, "per-host", 0, 1000000, offsetof(struct arguments, per_host)},
    {KEY_WORKERS, "workers", 1, 64, offsetof(struct arguments, workers)},
};

/* Each door's option, and the variable that stands in for it. */
static const struct {
    int key;
    const char *name, *variable;
} doors[CR_HUB_DOORS] = {
    [CR_HUB_DOOR_CHAT] = {KEY_CHAT, "--chat", "COIR_CHAT"},
    [CR_HUB_DOOR_WEB] = {KEY_WEB, "--web", "COIR_WEB"},
};

/* ---- The command line ---- */

static void
take_address(struct cr_hub_options *hub, int door, const char *origin, const char *text, struct argp_state *state)
{
    struct coir_address address;
    if (coir_address_parse(text, &address))
        argp_error(state, "%s: %s is no address to listen on: %s", origin, text, coir_error_detail());
    hub->addresses[door] = text;
}

static bool
take_number(struct arguments *arguments, int key, const char *text, struct argp_state *state)
{
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (numbers[i].key != key)
            continue;
        char *end;
        long number = strtol(text, &end, 10);
        if (end == text || *end || number < numbers[i].low || number > numbers[i].high)
            argp_error(state, "--%s: %s is not a number from %ld to %ld", numbers[i].name, text, numbers[i].low,
                       numbers[i].high);
        memcpy((char *)arguments + numbers[i].place, &number, sizeof number);
        return true;
    }
    return false;
}

static double
read_seconds(const char *name, const char *text, struct argp_state *state)
{
    char *end;
    double seconds = strtod(text, &end);
    if (end == text || *end || !(seconds >= 0 && seconds <= 3600))
        argp_error(state, "--%s: %s is not a number of seconds from 0 to 3600", name, text);
    return seconds;
}

static error_t
take_option(int key, char *text, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case KEY_CHAT:
    case KEY_WEB:
        take_address(&arguments->hub, key - KEY_CHAT, doors[key - KEY_CHAT].name, text, state);
        return 0;
    case KEY_GRACE:
        arguments->grace = read_seconds("grace", text, state);
        return 0;
    case KEY_NAME_TIME:
        arguments->name_time = read_seconds("name-time", text, state);
        return 0;
    case KEY_BACKEND:
        arguments->runtime.backend = text;
        return 0;
    case KEY_LOG:
        if (cr_log_level(text) < 0)
            argp_error(state, "--log: %s is not one of error, warn, info and debug", text);
        coir_log_set_level((enum coir_log_level)cr_log_level(text));
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "%s is one word too many", text);
        return 0;
    case ARGP_KEY_END:
        for (int door = 0; door < CR_HUB_DOORS; door++) {
            const char *value = getenv(doors[door].variable);
            if (!arguments->hub.addresses[door] && value && *value)
                take_address(&arguments->hub, door, doors[door].variable, value, state);
        }
        return 0;
    default:
        return take_number(arguments, key, text, state) ? 0 : ARGP_ERR_UNKNOWN;
    }
}

/* Zero is the default in the hub's options, so a zero that was asked for is the shortest span there is. */
static coir_time
span(double seconds)
{
    if (seconds < 0)
        return 0;
    return seconds > 0 ? (coir_time)(seconds * (double)COIR_SECOND) : 1;
}

static void
read_arguments(int argc, char **argv, struct arguments *arguments)
{
    static const struct argp argp = {options, take_option, NULL, documentation, NULL, NULL, NULL};
    *arguments = (struct arguments){.grace = -1, .name_time = -1};
    argp_err_exit_status = CR_EXIT_USAGE;
    argp_parse(&argp, argc, argv, 0, NULL, arguments); /* ends the program on a usage error and after --help */
    arguments->hub.members = (size_t)arguments->members;
    arguments->hub.queue = (size_t)arguments->queue;
    arguments->hub.connections = (size_t)arguments->connections;
    arguments->hub.connections_per_host = (size_t)arguments->per_host;
    arguments->hub.grace = span(arguments->grace);
    arguments->hub.name_time = span(arguments->name_time);
    arguments->runtime.workers = (int)arguments->workers;
}

/* ---- The lines on standard output ---- */

/* Splits "tcp://HOST:PORT" in place: HOST without brackets, or "localhost" for any. NULL: not such an address. */
static char *
split_host(char *text, char **port)
{
    static char localhost[] = "localhost";
    if (strncmp(text, "tcp://", 6) != 0)
        return NULL;
    char *host = text + 6, *colon = strrchr(host, ':');
    *colon = '\0';
    *port = colon + 1;
    if (host[0] == '[') {
        colon[-1] = '\0';
        host++;
    }
    return strcmp(host, "::") == 0 || strcmp(host, "0.0.0.0") == 0 ? localhost : host;
}

static void
print_chat(const struct coir_address *address)
{
    char text[COIR_ADDRESS_TEXT], *port;
    printf("chat  %s", coir_address_text(address, text, sizeof text));
    const char *host = split_host(text, &port);
    if (host)
        printf("   try: nc %s %s\n", host, port);
    else
        printf("   try: nc -U %s\n", text + strlen("unix:"));
}

static void
print_web(const struct coir_address *address)
{
    char text[COIR_ADDRESS_TEXT];
    coir_address_text(address, text, sizeof text);
    if (strncmp(text, "tcp://", 6) == 0)
        printf("web   http://%s/   open it in a browser\n", text + 6);
    else
        printf("web   %s\n", text);
}

static void
print_ready(const struct coir_address addresses[CR_HUB_DOORS], void *arg)
{
    const struct coir_runtime *runtime = coir_runtime_self();
    int workers = coir_runtime_workers(runtime);
    (void)arg;
    print_chat(&addresses[CR_HUB_DOOR_CHAT]);
    print_web(&addresses[CR_HUB_DOOR_WEB]);
    printf("coir hub %s: %s backend, %d worker%s\n", cr_verb_version(), coir_runtime_backend(runtime), workers,
           workers == 1 ? "" : "s");
    fflush(stdout);
}

/* ---- The run ---- */

struct run {
    struct arguments *arguments;
    bool started; /* the runtime is up: what fails from then on the hub has logged */
};

static int
run_hub(void *arg)
{
    struct run *run = arg;
    struct coir_stream *input = NULL;
    run->started = true;
    int fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (fd >= 0 && coir_stream_from(fd, &input)) {
        coir_log(COIR_LOG_DEBUG, "standard input cannot be read; the administrator says nothing");
        close(fd);
    }
    run->arguments->hub.input = input;
    int error = cr_hub_run(&run->arguments->hub);
    if (input)
        coir_stream_close(input);
    return error;
}

static void
allow_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit))
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit); /* else fewer connections */
}

static int
run_until_stopped(struct arguments *arguments, struct cr_log *log)
{
    struct run run = {.arguments = arguments};
    char sentence[512];
    int error = coir_run(run_hub, &run, &arguments->runtime);
    if (error && !run.started) {
        const char *detail = coir_error_detail();
        snprintf(sentence, sizeof sentence, "cannot start: %s", *detail ? detail : coir_error_text(error));
        cr_log_line(COIR_LOG_ERROR, sentence, log);
    }
    return error ? CR_EXIT_FAILED : CR_EXIT_OK;
}

int
cr_verb_hub(int argc, char **argv)
{
    struct arguments arguments;
    struct cr_signals signals;
    struct cr_log log;
    read_arguments(argc, argv, &arguments);
    cr_log_init(&log, argv[0]);
    signal(SIGTTIN, SIG_IGN); /* in the background reading a terminal fails instead of stopping the program */
    allow_descriptors();
    if (cr_signals_start(&signals, &log)) {
        cr_log_line(COIR_LOG_ERROR, "cannot start a thread for signals", &log);
        return CR_EXIT_FAILED;
    }
    arguments.hub.stop = &signals.stop;
    arguments.hub.ready = print_ready;
    arguments.runtime.name = "hub";
    arguments.runtime.log = cr_log_line;
    arguments.runtime.log_arg = &log;
    int code = run_until_stopped(&arguments, &log);
    cr_signals_end(&signals);
    return code;
}
