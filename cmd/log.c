/* cmd/log.c: "coir hub: what happened", one write for each line, so that lines of several programs do not mix.
 *
 * Standard error that is gone or full is nobody's concern here: a line is lost. */
#include "cmd/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE_SIZE = 1200 }; /* coir keeps 1,023 bytes of a line */

static const struct {
    const char *name, *prefix, *colour;
} levels[] = {
    [COIR_LOG_ERROR] = {"error", "", "\033[31m"},
    [COIR_LOG_WARN] = {"warn", "warning: ", "\033[33m"},
    [COIR_LOG_INFO] = {"info", "", ""},
    [COIR_LOG_DEBUG] = {"debug", "debug: ", "\033[2m"},
};

void
cr_log_init(struct cr_log *log, const char *program)
{
    const char *no_colour = getenv("NO_COLOR");
    log->program = program;
    log->colour = isatty(STDERR_FILENO) && !(no_colour && *no_colour);
}

void
cr_log_line(enum coir_log_level level, const char *line, void *arg)
{
    const struct cr_log *log = arg;
    const char *colour = log->colour ? levels[level].colour : "";
    char text[LINE_SIZE];
    int size = snprintf(text, sizeof text, "%s%s: %s%s%s\n", colour, log->program, levels[level].prefix, line,
                        *colour ? "\033[0m" : "");
    if (size < 0)
        return;
    size_t length = (size_t)size < sizeof text ? (size_t)size : sizeof text - 1;
    if (write(STDERR_FILENO, text, length) < 0)
        return;
}

int
cr_log_level(const char *name)
{
    for (int level = COIR_LOG_ERROR; level <= COIR_LOG_DEBUG; level++)
        if (strcmp(name, levels[level].name) == 0)
            return level;
    return -EINVAL;
}
