/* backend/backend.c: the table of backends. */
#include "backend/backend.h"

#include <stdio.h>
#include <string.h>

/* Best first. */
static const struct cr_backend *const backends[] = {
    &cr_backend_epoll,
#ifdef CR_URING
    &cr_backend_uring,
#endif
    &cr_backend_poll,
    &cr_backend_select,
};
enum { BACKENDS = sizeof backends / sizeof backends[0] };

static const struct cr_backend *installed;

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
