/* cmd/option.c: values of options. Each is read to its last character, so that "10s" or "1e" is an error and not a 10 or a 1. */
#include "cmd/option.h"

#include <coir/address.h>
#include <stdlib.h>

#include "cmd/log.h"

void
cr_option_number(const struct cr_option *option, const char *text, void *place, struct argp_state *state)
{
    char *end;
    long long number = strtoll(text, &end, 10);
    if (end == text || *end || number < (long long)option->low || number > (long long)option->high)
        argp_error(state, "--%s: %s is not a number from %zu to %zu", option->name, text, option->low, option->high);
    *(size_t *)place = (size_t)number;
}

void
cr_option_seconds(const struct cr_option *option, const char *text, void *place, struct argp_state *state)
{
    char *end;
    double seconds = strtod(text, &end);
    if (end == text || *end || !(seconds >= 0 && seconds <= 3600))
        argp_error(state, "--%s: %s is not a number of seconds from 0 to 3600", option->name, text);
    *(coir_time *)place = seconds > 0 ? (coir_time)(seconds * (double)COIR_SECOND) : option->zero;
}

void
cr_option_log(const struct cr_option *option, const char *text, void *place, struct argp_state *state)
{
    int level = cr_log_level(text);
    (void)place;
    if (level < 0)
        argp_error(state, "--%s: %s is not one of error, warn, info and debug", option->name, text);
    coir_log_set_level((enum coir_log_level)level);
}

error_t
cr_option_parse(const struct cr_option *rows, size_t count, int key, const char *text, void *arguments,
                struct argp_state *state)
{
    for (size_t i = 0; i < count; i++)
        if (rows[i].key == key) {
            rows[i].take(&rows[i], text, (char *)arguments + rows[i].place, state);
            return 0;
        }
    return ARGP_ERR_UNKNOWN;
}

void
cr_option_address(const char *origin, const char *text, struct argp_state *state)
{
    struct coir_address address;
    if (coir_address_parse(text, &address))
        argp_error(state, "%s: %s is no address to listen on: %s", origin, text, coir_error_detail());
}
