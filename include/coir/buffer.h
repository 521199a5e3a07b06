/* coir/buffer.h: bytes that grow, up to a limit. One task at a time. */
#ifndef COIR_BUFFER_H
#define COIR_BUFFER_H

#include <coir/base.h>

COIR_BEGIN

struct coir_buffer {
    char *bytes;           /* yours to read; NULL while empty, else a NUL follows the bytes */
    size_t size, capacity; /* in use; allocated */
    size_t limit;          /* the most size may become; 0: nothing fits */
};
/* clang-format off */
#define COIR_BUFFER_INIT(limit) {NULL, 0, 0, limit}
/* clang-format on */

COIR_EXPORT void coir_buffer_init(struct coir_buffer *buffer, size_t limit);
COIR_EXPORT void coir_buffer_fini(struct coir_buffer *buffer); /* frees the bytes */

/* Adds bytes at the end: 0; -EMSGSIZE: beyond the limit; -ENOMEM. On failure the buffer is as before. */
COIR_EXPORT int coir_buffer_append(struct coir_buffer *buffer, const void *bytes, size_t size);
COIR_EXPORT int coir_buffer_print(struct coir_buffer *buffer, const char *format, ...) COIR_PRINTF(2, 3);

/* Empties it; keeps the memory. */
COIR_EXPORT void coir_buffer_clear(struct coir_buffer *buffer);

COIR_END

#endif
