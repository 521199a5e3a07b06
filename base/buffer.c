/* base/buffer.c: bytes that grow up to a limit. Capacity doubles; a NUL always follows the bytes. */
#include <coir/buffer.h>

#include "base/memory.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { SMALLEST = 64 };

void
coir_buffer_init(struct coir_buffer *buffer, size_t limit)
{
    *buffer = (struct coir_buffer)COIR_BUFFER_INIT(limit);
}

void
coir_buffer_fini(struct coir_buffer *buffer)
{
    cr_free(buffer->bytes);
    coir_buffer_init(buffer, buffer->limit);
}

/* Makes room for size more bytes and a NUL. */
static int
reserve(struct coir_buffer *buffer, size_t size)
{
    size_t capacity = buffer->capacity ? buffer->capacity : SMALLEST;
    char *bytes;
    if (size > buffer->limit - buffer->size)
        return -EMSGSIZE;
    if (size > SIZE_MAX / 4 - buffer->size)
        return -ENOMEM;
    while (capacity < buffer->size + size + 1)
        capacity *= 2;
    if (capacity == buffer->capacity)
        return 0;
    bytes = cr_realloc(buffer->bytes, capacity);
    if (!bytes)
        return -ENOMEM;
    buffer->bytes = bytes;
    buffer->capacity = capacity;
    return 0;
}

int
coir_buffer_append(struct coir_buffer *buffer, const void *bytes, size_t size)
{
    int error = reserve(buffer, size);
    if (error)
        return error;
    if (size)
        memcpy(buffer->bytes + buffer->size, bytes, size);
    buffer->size += size;
    buffer->bytes[buffer->size] = '\0';
    return 0;
}

int
coir_buffer_print(struct coir_buffer *buffer, const char *format, ...)
{
    va_list values;
    int size, error;
    va_start(values, format);
    size = vsnprintf(NULL, 0, format, values);
    va_end(values);
    if (size < 0)
        return -EINVAL;
    error = reserve(buffer, (size_t)size);
    if (error)
        return error;
    va_start(values, format);
    vsnprintf(buffer->bytes + buffer->size, (size_t)size + 1, format, values);
    va_end(values);
    buffer->size += (size_t)size;
    return 0;
}

void
coir_buffer_clear(struct coir_buffer *buffer)
{
    buffer->size = 0;
    if (buffer->bytes)
        buffer->bytes[0] = '\0';
}
