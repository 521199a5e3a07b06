/* cmd/option.h: what options of several verbs mean alike. What is wrong ends the program: a sentence that names the option, exit
 * code 2. */
#ifndef CR_CMD_OPTION_H
#define CR_CMD_OPTION_H

#include <argp.h>
#include <coir/base.h>
#include <stdbool.h>
#include <stddef.h>

/* An option that is a whole number. */
struct cr_option_number {
    int key;
    const char *name; /* without "--" */
    size_t low, high;
    size_t place; /* of a size_t in the verb's arguments */
};

/* An option that is a number of seconds, 0 to 3600. */
struct cr_option_seconds {
    int key;
    const char *name;
    coir_time zero; /* what 0 means */
    size_t place;   /* of a coir_time in the verb's arguments */
};

/* Takes the option that key is. False: it is none of these rows. */
bool cr_option_number(const struct cr_option_number *rows, size_t count, int key, const char *text, void *arguments,
                      struct argp_state *state);
bool cr_option_seconds(const struct cr_option_seconds *rows, size_t count, int key, const char *text, void *arguments,
                       struct argp_state *state);

/* text is an address to listen on. origin: the option or the variable it comes from. */
void cr_option_address(const char *origin, const char *text, struct argp_state *state);

/* --log LEVEL. */
void cr_option_log(const char *text, struct argp_state *state);

#endif
