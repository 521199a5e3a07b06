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
#include <unistd.h>

#include "cmd/listen.h"
#include "cmd/log.h"
#include "cmd/option.h"
#include "cmd/signals.h"
#include "cmd/verb.h"
#include "servers/hub/hub.h"

struct arguments {
    struct cr_hub_options hub;
    struct coir_runtime_options runtime;
    size_t workers;
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

/* Zero is the default in the hub's options, so a span of zero that was asked for is the shortest there is. */
static const struct cr_option rows[] = {
    {KEY_MEMBERS, "members", cr_option_number, offsetof(struct arguments, hub.members), 1, 65536, 0},
    {KEY_QUEUE, "queue", cr_option_number, offsetof(struct arguments, hub.queue), 1, 65536, 0},
    {KEY_CONNECTIONS, "connections", cr_option_number, offsetof(struct arguments, hub.connections), 1, 1000000, 0},
    {KEY_PER_HOST, "per-host", cr_option_number, offsetof(struct arguments, hub.connections_per_host), 0, 1000000, 0},
    {KEY_WORKERS, "workers", cr_option_number, offsetof(struct arguments, workers), 1, 64, 0},
    {KEY_GRACE, "grace", cr_option_seconds, offsetof(struct arguments, hub.grace), 0, 0, 1},
    {KEY_NAME_TIME, "name-time", cr_option_seconds, offsetof(struct arguments, hub.name_time), 0, 0, 1},
    {KEY_LOG, "log", cr_option_log, 0, 0, 0, 0},
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

static error_t
take_option(int key, char *text, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case KEY_CHAT:
    case KEY_WEB:
        cr_option_address(doors[key - KEY_CHAT].name, text, state);
        arguments->hub.addresses[key - KEY_CHAT] = text;
        return 0;
    case KEY_BACKEND:
        arguments->runtime.backend = text;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "%s is one word too many", text);
        return 0;
    case ARGP_KEY_END:
        for (int door = 0; door < CR_HUB_DOORS; door++) {
            const char *value = getenv(doors[door].variable);
            if (arguments->hub.addresses[door] || !value || !*value)
                continue;
            cr_option_address(doors[door].variable, value, state);
            arguments->hub.addresses[door] = value;
        }
        return 0;
    default:
        return cr_option_parse(rows, sizeof rows / sizeof rows[0], key, text, arguments, state);
    }
}

static void
read_arguments(int argc, char **argv, struct arguments *arguments)
{
    static const struct argp argp = {options, take_option, NULL, documentation, NULL, NULL, NULL};
    *arguments = (struct arguments){.workers = 0};
    argp_err_exit_status = CR_EXIT_USAGE;
    argp_parse(&argp, argc, argv, 0, NULL, arguments); /* ends the program on a usage error and after --help */
    arguments->runtime.workers = (int)arguments->workers;
}

/* ---- The lines on standard output ---- */

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
    cr_listen_print("chat", &addresses[CR_HUB_DOOR_CHAT]);
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
    cr_listen_allow();
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
