/* cmd/option.h: what options of several verbs mean alike. What is wrong ends the program: a sentence that names the option, exit
 * code 2. */
#ifndef CR_CMD_OPTION_H
#define CR_CMD_OPTION_H

#include <argp.h>
#include <coir/base.h>
#include <stddef.h>

struct cr_option;

/* Reads text to where the option's value belongs. */
typedef void cr_option_take(const struct cr_option *option, const char *text, void *place, struct argp_state *state);

/* A whole number, to a size_t; seconds, 0 to 3600, to a coir_time; a level of the log, to the process. */
cr_option_take cr_option_number, cr_option_seconds, cr_option_log;

struct cr_option {
    int key;
    const char *name; /* without "--" */
    cr_option_take *take;
    size_t place;     /* in the verb's arguments */
    size_t low, high; /* of a number */
    coir_time zero;   /* of seconds: what 0 means */
};

/* An argp_parser for options that are rows of a table: ARGP_ERR_UNKNOWN: key is none of them. */
error_t cr_option_parse(const struct cr_option *rows, size_t count, int key, const char *text, void *arguments,
                        struct argp_state *state);

/* text is an address to listen on. origin: the option or the variable it comes from. */
void cr_option_address(const char *origin, const char *text, struct argp_state *state);

#endif
