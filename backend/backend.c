/* backend/backend.c: the table of backends. */
#include "backend/backend.h"

#include <stdio.h>
#include <string.h>

/* Best first; then those by name only. */
static const struct cr_backend *const backends[] = {
    &cr_backend_epoll,
#ifdef CR_URING
    &cr_backend_uring,
#endif
    &cr_backend_poll,  &cr_backend_select, &cr_backend_epoll_level, &cr_backend_sigio, &cr_backend_spin,
};
#define BACKENDS (sizeof backends / sizeof backends[0])

static const struct cr_backend *installed;

_Static_assert(BACKENDS < CR_BACKEND_COUNTS, "a count for each, and one for the installed");
static CR_ATOMIC(uint64_t) own_counts[CR_BACKEND_COUNTS], *counts = own_counts;

void
cr_backend_install(const struct cr_backend *backend)
{
    installed = backend;
}

static const struct cr_backend *
find(const char *name)
{
    if (installed && !strcmp(name, installed->name))
        return installed;
    for (size_t i = 0; i < BACKENDS; i++)
        if (!strcmp(name, backends[i]->name))
            return backends[i];
    return NULL;
}

const struct cr_backend *
cr_backend_choice(const char *name, size_t nth)
{
    if (name)
        return nth ? NULL : find(name);
    if (installed)
        return nth ? NULL : installed;
    return nth < BACKENDS && !backends[nth]->by_name_only ? backends[nth] : NULL;
}

const struct cr_backend *
cr_backend_at(size_t nth)
{
    return nth < BACKENDS ? backends[nth] : NULL;
}

void
cr_backend_names(char *names, size_t size)
{
    size_t length = 0;
    names[0] = '\0';
    for (size_t i = 0; i < BACKENDS && length < size; i++)
        length += (size_t)snprintf(names + length, size - length, "%s%s", i ? ", " : "", backends[i]->name);
}

void
cr_backend_count_in(CR_ATOMIC(uint64_t) * elsewhere)
{
    counts = elsewhere ? elsewhere : own_counts;
}

static size_t
place(const struct cr_backend *backend)
{
    size_t i = 0;
    while (i < BACKENDS && (!backend || strcmp(backends[i]->name, backend->name) != 0))
        i++;
    return i;
}

void
cr_backend_count(const struct cr_backend *backend, uint64_t operations)
{
    (void)cr_add_ar(&counts[place(backend)], operations);
}

uint64_t
cr_backend_counted(const struct cr_backend *backend)
{
    return cr_load_acq(&counts[place(backend)]);
}
