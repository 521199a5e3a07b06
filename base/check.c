/* base/check.c: how the process ends when an assertion fails or coir is misused: one line on standard error, abort. */
#include "base/check.h"
#include "base/world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static void
say(const char *line, int length)
{
    if (length > 0)
        (void)cr_world.write_error(line, (size_t)length);
}

void
cr_check_failed(const char *condition, const char *file, int line)
{
    char text[512];
    int length = snprintf(text, sizeof text, "coir: fault in coir: %s does not hold (%s:%d)\n", condition, file, line);
    say(text, length < (int)sizeof text ? length : (int)sizeof text - 1);
    abort();
}

void
cr_misuse(const char *format, ...)
{
    char text[512] = "coir: ";
    va_list values;
    int length;
    va_start(values, format);
    length = 6 + vsnprintf(text + 6, sizeof text - 7, format, values);
    va_end(values);
    if (length > (int)sizeof text - 2)
        length = (int)sizeof text - 2;
    text[length++] = '\n';
    say(text, length);
    abort();
}
