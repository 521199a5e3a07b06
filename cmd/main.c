/* cmd/main.c: coir VERB [ARGS]: finds the verb and runs it.
 *
 * What all verbs rely on is made true here: descriptors 0 to 2 are open (a program started without them would
 * otherwise find its own sockets there), and writing to a closed pipe is an error, not a death. Exit codes: 0; 1
 * failed; 2 usage. */
#include <coir/base.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/verb.h"

enum { TYPOS = 2 }; /* a verb is suggested for a word that is so many changes away from it */

static int help(int argc, char **argv);
static int version(int argc, char **argv);

static const struct cr_verb verbs[] = {
    {"hub", "a chat room, by lines over TCP and in the browser", "coir hub", cr_verb_hub},
    {"serve", "a small service to play with, under any server model", "coir serve", cr_verb_serve},
    {"models", "what server models there are, and when each is right", "coir models", cr_verb_models},
    {"help", "this text, or that of a verb: coir help hub", "coir help", help},
    {"version", "the version", "coir version", version},
};

/* Options that are verbs. */
static const struct {
    const char *option, *verb;
} options[] = {
    {"--help", "help"}, {"-h", "help"}, {"-?", "help"}, {"--version", "version"}, {"-V", "version"},
};

const char *
cr_verb_version(void)
{
    static char text[32];
    int number = coir_version(), patch = number % 100;
    int size = snprintf(text, sizeof text, "%d.%d", number / 10000, number / 100 % 100);
    if (patch)
        snprintf(text + size, sizeof text - (size_t)size, ".%d", patch);
    return text;
}

static const struct cr_verb *
find_verb(const char *name)
{
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
        if (strcmp(name, options[i].option) == 0)
            name = options[i].verb;
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (strcmp(name, verbs[i].name) == 0)
            return &verbs[i];
    return NULL;
}

int
cr_verb_flushed(void)
{
    if (fflush(stdout) == 0)
        return CR_EXIT_OK;
    perror("coir");
    return CR_EXIT_FAILED;
}

static void
print_help(FILE *file)
{
    fputs("Usage: coir VERB [ARGS]\n\n", file);
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        fprintf(file, "  %-9s %s\n", verbs[i].name, verbs[i].summary);
    fputs("\nExamples:\n"
          "  coir hub                          chat on 127.0.0.1:9000, its page on http://127.0.0.1:8080/\n"
          "  nc 127.0.0.1 9000                 come in from a terminal\n"
          "  coir hub --web '*:8080'           the page for everybody who can reach this machine\n"
          "  coir serve echo --model fork      bytes back on 127.0.0.1:7000, by a process for each connection\n"
          "\ncoir VERB --help tells more about one of them.\n",
          file);
}

static int
help(int argc, char **argv)
{
    char option[] = "--help";
    if (argc < 2) {
        print_help(stdout);
        return cr_verb_flushed();
    }
    const struct cr_verb *verb = find_verb(argv[1]);
    if (verb && verb->run != help && verb->run != version) {
        char program[64];
        snprintf(program, sizeof program, "%s", verb->program);
        return verb->run(2, (char *[]){program, option, NULL});
    }
    fprintf(stderr, "coir help: no more is known about %s; see coir --help\n", argv[1]);
    return CR_EXIT_USAGE;
}

static int
version(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    printf("coir %s\n", cr_verb_version());
    return cr_verb_flushed();
}

static int
smallest(int one, int other, int third)
{
    int smaller = one < other ? one : other;
    return smaller < third ? smaller : third;
}

/* How many letters must be changed, added or taken away to make one of the other; of words up to 15 letters. */
static int
distance(const char *one, const char *other)
{
    int row[16];
    size_t width = strlen(other);
    if (strlen(one) > 15 || width > 15)
        return TYPOS + 1;
    for (int j = 0; j < 16; j++)
        row[j] = j;
    for (; *one; one++) {
        int diagonal = row[0]++;
        for (size_t j = 1; j <= width; j++) {
            int above = row[j];
            row[j] = smallest(above + 1, row[j - 1] + 1, diagonal + (*one != other[j - 1]));
            diagonal = above;
        }
    }
    return row[width];
}

static int
refuse(const char *word)
{
    int nearest = TYPOS + 1;
    const char *suggestion = NULL;
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (distance(word, verbs[i].name) < nearest) {
            nearest = distance(word, verbs[i].name);
            suggestion = verbs[i].name;
        }
    fprintf(stderr, "coir: there is no %s %s; ", word[0] == '-' ? "option" : "verb", word);
    if (suggestion)
        fprintf(stderr, "did you mean coir %s?\n", suggestion);
    else
        fputs("see coir --help\n", stderr);
    return CR_EXIT_USAGE;
}

static void
open_missing_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", O_RDWR) != fd)
            exit(CR_EXIT_FAILED); /* the lowest free number is the one that is missing, unless there is no /dev/null */
}

int
main(int argc, char **argv)
{
    open_missing_descriptors();
    signal(SIGPIPE, SIG_IGN);
    if (argc < 2) {
        print_help(stderr);
        return CR_EXIT_USAGE;
    }
    const struct cr_verb *verb = find_verb(argv[1]);
    if (!verb)
        return refuse(argv[1]);
    char program[64];
    snprintf(program, sizeof program, "%s", verb->program);
    argv[1] = program; /* argp prints it */
    return verb->run(argc - 1, argv + 1);
}
