/* base/memory.c: the only place that calls malloc and its kin. A checker is told what comes and goes, so that it sees the
 * use of what has been freed. */
#include "base/memory.h"
#include "base/fault.h"

#include <malloc.h>
#include <stdlib.h>

static inline void *
born(void *memory)
{
    if (memory)
        cr_tell_born(memory, malloc_usable_size(memory));
    return memory;
}

void *
cr_alloc(size_t size)
{
    return CR_FAIL(CR_FAULT_MEMORY) ? NULL : born(malloc(size));
}

void *
cr_alloc_zero(size_t size)
{
    return CR_FAIL(CR_FAULT_MEMORY) ? NULL : born(calloc(1, size));
}

void *
cr_alloc_aligned(size_t alignment, size_t size)
{
    return CR_FAIL(CR_FAULT_MEMORY) ? NULL : born(aligned_alloc(alignment, size));
}

void *
cr_realloc(void *memory, size_t size)
{
    return CR_FAIL(CR_FAULT_MEMORY) ? NULL : realloc(memory, size);
}

void
cr_free(void *memory)
{
    if (memory)
        cr_tell_freed(memory, malloc_usable_size(memory));
    free(memory);
}
