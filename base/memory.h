/* base/memory.h: malloc with a fault point. What it gives is freed with cr_free. */
#ifndef CR_MEMORY_H
#define CR_MEMORY_H

#include <stddef.h>

void *cr_alloc(size_t size);                           /* NULL: no memory */
void *cr_alloc_zero(size_t size);                      /* the same, all bytes 0 */
void *cr_alloc_aligned(size_t alignment, size_t size); /* alignment: a power of two; size a multiple of it */
void *cr_realloc(void *memory, size_t size);           /* NULL: no memory, the old one stays */
void cr_free(void *memory);

#endif
