/* cmd/verb.h: one thing the program coir can do. */
#ifndef CR_CMD_VERB_H
#define CR_CMD_VERB_H

enum { CR_EXIT_OK = 0, CR_EXIT_FAILED = 1, CR_EXIT_USAGE = 2 };

struct cr_verb {
    const char *name;
    const char *summary; /* for coir --help */
    const char *program; /* "coir NAME": what its messages begin with */
    /* argv[0] is program. The exit code. */
    int (*run)(int argc, char **argv);
};

int cr_verb_hub(int argc, char **argv);
int cr_verb_serve(int argc, char **argv);
int cr_verb_models(int argc, char **argv);

/* Standard output has it all: the exit code. */
int cr_verb_flushed(void);

/* "0.1", or "0.1.2" if there is a patch number; static. */
const char *cr_verb_version(void);

#endif
