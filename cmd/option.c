/* cmd/option.c: values of options. Each is read to its last character, so that "10s" or "1e" is an error and not a 10 or a 1. */
#include "cmd/option.h"

#include <coir/address.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/log.h"

bool
cr_option_number(const struct cr_option_number *rows, size_t count, int key, const char *text, void *arguments,
                 struct argp_state *state)
{
    for (size_t i = 0; i < count; i++) {
        if (rows[i].key != key)
            continue;
        char *end;
        long long number = strtoll(text, &end, 10);
        if (end == text || *end || number < (long long)rows[i].low || number > (long long)rows[i].high)
            argp_error(state, "--%s: %s is not a number from %zu to %zu", rows[i].name, text, rows[i].low,
                       rows[i].high);
        *(size_t *)((char *)arguments + rows[i].place) = (size_t)number;
        return true;
    }
    return false;
}

bool
cr_option_seconds(const struct cr_option_seconds *rows, size_t count, int key, const char *text, void *arguments,
                  struct argp_state *state)
{
    for (size_t i = 0; i < count; i++) {
        if (rows[i].key != key)
            continue;
        char *end;
        double seconds = strtod(text, &end);
        if (end == text || *end || !(seconds >= 0 && seconds <= 3600))
            argp_error(state, "--%s: %s is not a number of seconds from 0 to 3600", rows[i].name, text);
        *(coir_time *)((char *)arguments + rows[i].place) =
            seconds > 0 ? (coir_time)(seconds * (double)COIR_SECOND) : rows[i].zero;
        return true;
    }
    return false;
}

void
cr_option_address(const char *origin, const char *text, struct argp_state *state)
{
    struct coir_address address;
    if (coir_address_parse(text, &address))
        argp_error(state, "%s: %s is no address to listen on: %s", origin, text, coir_error_detail());
}

void
cr_option_log(const char *text, struct argp_state *state)
{
    if (cr_log_level(text) < 0)
        argp_error(state, "--log: %s is not one of error, warn, info and debug", text);
    coir_log_set_level((enum coir_log_level)cr_log_level(text));
}
