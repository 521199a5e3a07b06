/* backend/backend.c: the table of backends. */
#include "backend/backend.h"

#include <string.h>

/* Best first. */
static const struct cr_backend *const backends[] = {
    &cr_backend_epoll,
#ifdef CR_URING
    &cr_backend_uring,
#endif
};
static const struct cr_backend *installed;

void
cr_backend_install(const struct cr_backend *backend)
{
    installed = backend;
}

const struct cr_backend *
cr_backend_find(const char *name)
{
    if (installed && (!name || !strcmp(name, installed->name)))
        return installed;
    for (size_t i = 0; i < sizeof backends / sizeof backends[0]; i++)
        if (!name || !strcmp(name, backends[i]->name))
            return backends[i];
    return NULL;
}

const char *
cr_backend_names(void)
{
    return "epoll, uring";
}
