/* base/memory.c: the only place that calls malloc and its kin. A checker is told what comes and goes, so that it sees the
 * use of what has been freed. */
#include "base/memory.h"
#include "base/fault.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

static CR_ATOMIC(int64_t) * counted;

void
cr_memory_count_in(CR_ATOMIC(int64_t) * held)
{
    counted = held;
}

static inline void
count(int64_t change)
{
    if (cr_unlikely(counted != NULL))
        cr_add_rlx(counted, change);
}

static inline void *
born(void *memory)
{
    if (memory) {
        cr_tell_born(memory, malloc_usable_size(memory));
        count(1);
    }
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

char *
cr_alloc_text(const char *text)
{
    char *copy = text ? cr_alloc(strlen(text) + 1) : NULL;
    return copy ? strcpy(copy, text) : NULL;
}

void *
cr_alloc_aligned(size_t alignment, size_t size)
{
    return CR_FAIL(CR_FAULT_MEMORY) ? NULL : born(aligned_alloc(alignment, size));
}

void *
cr_realloc(void *memory, size_t size)
{
    void *moved = CR_FAIL(CR_FAULT_MEMORY) ? NULL : realloc(memory, size);
    if (moved && !memory)
        count(1);
    return moved;
}

void
cr_free(void *memory)
{
    if (memory) {
        cr_tell_freed(memory, malloc_usable_size(memory));
        count(-1);
    }
    free(memory);
}
