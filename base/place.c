/* base/place.c: see place.h. The dynamic linker knows the module and, of functions that are exported, the name. */
#include "base/place.h"

#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

char *
cr_place_text(const void *address, char *text, size_t size)
{
    Dl_info found;
    const char *file;
    if (!dladdr(address, &found) || !found.dli_fname) {
        snprintf(text, size, "%p", address);
        return text;
    }
    file = strrchr(found.dli_fname, '/');
    file = file ? file + 1 : found.dli_fname;
    if (found.dli_sname)
        snprintf(text, size, "%s+0x%zx (%s+0x%zx)", found.dli_sname,
                 (size_t)((uintptr_t)address - (uintptr_t)found.dli_saddr), file,
                 (size_t)((uintptr_t)address - (uintptr_t)found.dli_fbase));
    else
        snprintf(text, size, "%s+0x%zx", file, (size_t)((uintptr_t)address - (uintptr_t)found.dli_fbase));
    return text;
}
