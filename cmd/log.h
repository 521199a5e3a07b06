/* cmd/log.h: log lines on standard error. */
#ifndef CR_CMD_LOG_H
#define CR_CMD_LOG_H

#include <coir/log.h>
#include <stdbool.h>

struct cr_log {
    const char *program; /* what every line begins with */
    bool colour;
};

/* Colour only on a terminal, and not if NO_COLOR is in the environment. */
void cr_log_init(struct cr_log *log, const char *program);

/* A coir_log_sink; arg is a struct cr_log. */
void cr_log_line(enum coir_log_level level, const char *line, void *arg);

/* The level of that name: "error", "warn", "info", "debug"; -EINVAL. */
int cr_log_level(const char *name);

#endif
