/* servers/toys/toy.c: the toys by their names. */
#include "servers/toys/toy.h"

#include <string.h>

static const struct cr_toy toys[] = {
    {"echo", "gives back what it gets", cr_echo_serve, cr_echo_reply},
    {"upper", "answers each line in capitals", cr_upper_serve, cr_upper_reply},
    {"time", "tells the date and the time, and closes", cr_time_serve, cr_time_reply},
    {"sum", "adds the numbers of each line", cr_sum_serve, cr_sum_reply},
};

const struct cr_toy *
cr_toy_at(size_t index)
{
    return index < sizeof toys / sizeof toys[0] ? &toys[index] : NULL;
}

const struct cr_toy *
cr_toy_find(const char *name)
{
    for (size_t i = 0; i < sizeof toys / sizeof toys[0]; i++)
        if (strcmp(toys[i].name, name) == 0)
            return &toys[i];
    return NULL;
}
