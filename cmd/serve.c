/* cmd/serve.c: coir serve SERVICE: one of the toys of servers/toys/, under the server model that is asked for.
 *
 * The happy path: options from the command line, else from the environment, else the defaults; coir_serve, which calls back when
 * it listens, and then runs until a signal ends it. Standard output gets the lines of that call and nothing else. */
#include <argp.h>
#include <coir/log.h>
#include <coir/runtime.h>
#include <coir/serve.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/listen.h"
#include "cmd/log.h"
#include "cmd/option.h"
#include "cmd/verb.h"
#include "servers/toys/toy.h"

#define ADDRESS "127.0.0.1:7000"
#define MODEL "fiber"

enum { ADDRESSES_SIZE = 16 * COIR_ADDRESS_TEXT };

struct arguments {
    const struct cr_toy *toy;
    bool udp;
    char listed[ADDRESSES_SIZE];    /* as they were given, blanks between */
    char addresses[ADDRESSES_SIZE]; /* as coir_serve gets them */
    struct coir_serve_options serve;
    bool listens;
};

enum key {
    KEY_LISTEN = 256,
    KEY_UDP,
    KEY_MODEL,
    KEY_CONNECTIONS,
    KEY_PER_HOST,
    KEY_IDLE,
    KEY_WHOLE,
    KEY_GRACE,
    KEY_LOG
};

static const char documentation[] = "A small service to play with, under any server model: echo gives back what it "
                                    "gets, upper answers each line in capitals, "
                                    "time tells the time and closes, sum adds the numbers of each line."
                                    "\v"
                                    "Examples:\n"
                                    "  coir serve echo\n"
                                    "  nc 127.0.0.1 7000\n"
                                    "  coir serve sum --model threads:2 --idle 10\n"
                                    "  coir serve upper --model fork --listen '*:7000' --listen unix:/tmp/upper\n"
                                    "  coir serve time --udp; then: echo | nc -u -w1 127.0.0.1 7000\n"
                                    "  COIR_MODEL=hybrid:2x2 coir serve echo\n"
                                    "\n"
                                    "ADDR is HOST:PORT, [IPV6]:PORT, *:PORT (all addresses) or unix:PATH; port 0 takes "
                                    "a free one. coir models tells what there is "
                                    "to choose from with --model. SIGINT and SIGTERM end it when its handlers have "
                                    "ended, within --grace; a second one ends it at "
                                    "once. SIGHUP exchanges the processes of models that have some.\n"
                                    "\n"
                                    "Environment: COIR_LISTEN (addresses with blanks between), COIR_MODEL: defaults of "
                                    "--listen and --model. COIR_WORKERS, "
                                    "COIR_BACKEND: what a model that does not say runs on. LISTEN_FDS, NOTIFY_SOCKET: "
                                    "from a service manager. NO_COLOR: no "
                                    "colour on a terminal.";

static const struct argp_option options[] = {
    {"listen", KEY_LISTEN, "ADDR", 0, "Where it listens (" ADDRESS "); may be repeated", 1},
    {"udp", KEY_UDP, NULL, 0, "Datagrams instead of connections", 1},
    {"model", KEY_MODEL, "MODEL", 0,
     "What serves: iterative, fork, thread, threads:K, processes:P, spin, select, poll, epoll, sigio, "
     "uring, fiber:W or hybrid:PxW (" MODEL ")",
     1},
    {"connections", KEY_CONNECTIONS, "N", 0, "At once in each process, at most; more wait (what descriptors allow)", 2},
    {"per-host", KEY_PER_HOST, "N", 0, "At once from one host, the same way; more are closed; 0: no limit (0)", 2},
    {"idle", KEY_IDLE, "SECONDS", 0, "Silence after which a connection is closed; 0: never (0)", 2},
    {"whole", KEY_WHOLE, "SECONDS", 0, "After which a connection is closed; 0: never (0)", 2},
    {"grace", KEY_GRACE, "SECONDS", 0, "For connections to end when it is told to end (5)", 3},
    {"log", KEY_LOG, "LEVEL", 0, "error, warn, info or debug (info)", 3},
    {NULL, 0, NULL, 0, NULL, 0},
};

/* Zero is the default of grace, too, so a zero that was asked for is the shortest span there is. */
static const struct cr_option rows[] = {
    {KEY_CONNECTIONS, "connections", cr_option_number, offsetof(struct arguments, serve.connections), 1, 1000000, 0},
    {KEY_PER_HOST, "per-host", cr_option_number, offsetof(struct arguments, serve.connections_per_address), 0, 1000000,
     0},
    {KEY_IDLE, "idle", cr_option_seconds, offsetof(struct arguments, serve.idle), 0, 0, 0},
    {KEY_WHOLE, "whole", cr_option_seconds, offsetof(struct arguments, serve.whole), 0, 0, 0},
    {KEY_GRACE, "grace", cr_option_seconds, offsetof(struct arguments, serve.grace), 0, 0, 1},
    {KEY_LOG, "log", cr_option_log, 0, 0, 0, 0},
};

/* ---- The command line ---- */

static void
take_toy(struct arguments *arguments, const char *text, struct argp_state *state)
{
    if (arguments->toy)
        argp_error(state, "%s is one word too many", text);
    arguments->toy = cr_toy_find(text);
    if (!arguments->toy)
        argp_error(state, "there is no service %s; there are echo, upper, time and sum", text);
}

/* Appends a word, with a blank before it if it is not the first. */
static void
append(char list[ADDRESSES_SIZE], const char *prefix, const char *word, struct argp_state *state)
{
    size_t size = strlen(list);
    int added = snprintf(list + size, ADDRESSES_SIZE - size, "%s%s%s", size ? " " : "", prefix, word);
    if (added < 0 || (size_t)added >= ADDRESSES_SIZE - size)
        argp_error(state, "--listen: that is too much; at most 16 addresses");
}

/* Reads the list of addresses when all options are known: --udp may stand behind them. */
static void
take_addresses(struct arguments *arguments, struct argp_state *state)
{
    const char *origin = "--listen", *variable = getenv("COIR_LISTEN");
    char *rest = arguments->listed, *word;
    if (!*rest && variable && *variable) {
        origin = "COIR_LISTEN";
        append(arguments->listed, "", variable, state);
    }
    if (!*rest)
        append(arguments->listed, "", ADDRESS, state);
    while ((word = strtok_r(rest, " \t\n", &rest))) {
        bool is_plain = strncmp(word, "unix:", 5) != 0 && !strstr(word, "://");
        cr_option_address(origin, word, state);
        if (!arguments->udp && strncmp(word, "udp://", 6) == 0)
            argp_error(state, "%s: %s is for datagrams; say --udp, too", origin, word);
        append(arguments->addresses, arguments->udp && is_plain ? "udp://" : "", word, state);
    }
}

static void
take_defaults(struct arguments *arguments, struct argp_state *state)
{
    const char *model = getenv("COIR_MODEL");
    take_addresses(arguments, state);
    if (!arguments->serve.model)
        arguments->serve.model = model && *model ? model : MODEL;
}

static error_t
take_option(int key, char *text, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case KEY_LISTEN:
        append(arguments->listed, "", text, state);
        return 0;
    case KEY_UDP:
        arguments->udp = true;
        return 0;
    case KEY_MODEL:
        arguments->serve.model = text;
        return 0;
    case ARGP_KEY_ARG:
        take_toy(arguments, text, state);
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "which service? There are echo, upper, time and sum");
        return 0;
    case ARGP_KEY_END:
        take_defaults(arguments, state);
        return 0;
    default:
        return cr_option_parse(rows, sizeof rows / sizeof rows[0], key, text, arguments, state);
    }
}

/* ---- The run ---- */

static void
print_ready(const struct coir_server *server, void *arg)
{
    struct arguments *arguments = arg;
    struct coir_address address;
    const struct coir_runtime *runtime = coir_server_runtime(server);
    int workers = runtime ? coir_runtime_workers(runtime) : 1;
    for (size_t i = 0; coir_server_local(server, i, &address) == 0; i++)
        cr_listen_print(arguments->toy->name, &address);
    printf("coir serve %s: model %s", cr_verb_version(), arguments->serve.model);
    if (workers > 1)
        printf(", %d workers", workers);
    putchar('\n');
    fflush(stdout);
    arguments->listens = true;
}

/* What helps when it cannot begin. */
static const struct {
    int error;
    const char *mend;
} mends[] = {
    {-EADDRINUSE, "; choose another with --listen ADDR"},
    {-EADDRNOTAVAIL, "; choose one of this machine's with --listen ADDR"},
    {-EINVAL, "; see coir models, and coir serve --help"},
};

static int
report(const struct arguments *arguments, int error, struct cr_log *log)
{
    char sentence[512];
    const char *detail = coir_error_detail(), *mend = "";
    for (size_t i = 0; i < sizeof mends / sizeof mends[0]; i++)
        if (mends[i].error == error && !arguments->listens)
            mend = mends[i].mend;
    snprintf(sentence, sizeof sentence, "%s%s", *detail ? detail : coir_error_text(error), mend);
    cr_log_line(COIR_LOG_ERROR, sentence, log);
    return error == -EINVAL && !arguments->listens ? CR_EXIT_USAGE : CR_EXIT_FAILED;
}

int
cr_verb_serve(int argc, char **argv)
{
    static const struct argp argp = {options, take_option, "echo|upper|time|sum", documentation, NULL, NULL, NULL};
    struct arguments arguments = {.toy = NULL};
    struct cr_log log;
    int error;
    argp_err_exit_status = CR_EXIT_USAGE;
    argp_parse(&argp, argc, argv, 0, NULL, &arguments); /* ends the program on a usage error and after --help */
    cr_log_init(&log, argv[0]);
    cr_listen_allow();
    arguments.serve.ready = print_ready;
    arguments.serve.ready_arg = &arguments;
    arguments.serve.runtime.name = arguments.toy->name;
    arguments.serve.runtime.log = cr_log_line;
    arguments.serve.runtime.log_arg = &log;
    error = arguments.udp ? coir_serve_datagrams(arguments.addresses, arguments.toy->reply, NULL, &arguments.serve)
                          : coir_serve(arguments.addresses, arguments.toy->serve, NULL, &arguments.serve);
    /* Handlers that had to be canceled when it was told to end are what --grace is for. */
    return !error || (error == -ETIMEDOUT && arguments.listens) ? CR_EXIT_OK : report(&arguments, error, &log);
}
