/* base/memory.c: the only place that calls malloc and its kin. */
#include "base/memory.h"
#include "base/fault.h"

#include <stdlib.h>

void *
cr_alloc(size_t size)
{
    return CR_FAIL(CR_FAULT_MEMORY) ? NULL : malloc(size);
}

void *
cr_alloc_zero(size_t size)
{
    return CR_FAIL(CR_FAULT_MEMORY) ? NULL : calloc(1, size);
}

void *
cr_alloc_aligned(size_t alignment, size_t size)
{
    return CR_FAIL(CR_FAULT_MEMORY) ? NULL : aligned_alloc(alignment, size);
}

void *
cr_realloc(void *memory, size_t size)
{
    return CR_FAIL(CR_FAULT_MEMORY) ? NULL : realloc(memory, size);
}

void
cr_free(void *memory)
{
    free(memory);
}
