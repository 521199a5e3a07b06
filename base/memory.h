/* base/memory.h: malloc with a fault point. What it gives is freed with cr_free. */
#ifndef CR_MEMORY_H
#define CR_MEMORY_H

#include "base/atomic.h"

#include <stddef.h>

void *cr_alloc(size_t size);                           /* NULL: no memory */
void *cr_alloc_zero(size_t size);                      /* the same, all bytes 0 */
void *cr_alloc_aligned(size_t alignment, size_t size); /* alignment: a power of two; size a multiple of it */
char *cr_alloc_text(const char *text);                 /* a copy; NULL: no text, or no memory */
void *cr_realloc(void *memory, size_t size);           /* NULL: no memory, the old one stays */
void cr_free(void *memory);

/* For tests: from now on *held is how many more blocks have been given than freed. Before the first runtime starts. */
void cr_memory_count_in(CR_ATOMIC(int64_t) * held);

#endif
