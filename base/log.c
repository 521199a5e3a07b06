/* base/log.c: formats a line, cleans it of control characters, hands it to a sink, one line at a time. */
#include "base/log.h"
#include "base/atomic.h"
#include "base/world.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { LINE = 1024 };

void (*cr_log_find_sink)(coir_log_sink **sink, void **arg);

static const char *const level_names[] = {"", "error", "warning", "info", "debug"};
static CR_ATOMIC(uint32_t) shown = COIR_LOG_INFO;
/* Held over a sink, which must not wait: so it never blocks a worker for longer than a write. */
static pthread_mutex_t one_line = PTHREAD_MUTEX_INITIALIZER;

static void
to_standard_error(enum coir_log_level level, const char *line, void *arg)
{
    char text[LINE + 32];
    int length = snprintf(text, sizeof text, "coir: %s: %s\n", level_names[level], line);
    (void)arg;
    (void)cr_world.write_error(text, (size_t)length);
}

void
coir_log_set_level(enum coir_log_level level)
{
    cr_store_rlx(&shown, (uint32_t)level);
}

static bool
is_shown(enum coir_log_level level)
{
    return level >= COIR_LOG_ERROR && level <= COIR_LOG_DEBUG && (uint32_t)level <= cr_load_rlx(&shown);
}

static void
hand_on(coir_log_sink *sink, void *arg, enum coir_log_level level, const char *format, va_list values)
{
    char line[LINE];
    vsnprintf(line, sizeof line, format, values);
    for (char *c = line; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 127)
            *c = '?';
    pthread_mutex_lock(&one_line);
    (sink ? sink : to_standard_error)(level, line, arg);
    pthread_mutex_unlock(&one_line);
}

void
cr_log_to(coir_log_sink *sink, void *arg, enum coir_log_level level, const char *format, ...)
{
    va_list values;
    if (!is_shown(level))
        return;
    va_start(values, format);
    hand_on(sink, arg, level, format, values);
    va_end(values);
}

void
coir_log(enum coir_log_level level, const char *format, ...)
{
    coir_log_sink *sink = NULL;
    void *arg = NULL;
    va_list values;
    if (!is_shown(level))
        return;
    if (cr_log_find_sink)
        cr_log_find_sink(&sink, &arg);
    va_start(values, format);
    hand_on(sink, arg, level, format, values);
    va_end(values);
}
