/* io/frame.c: frames over a stream. See coir/frame.h.
 *
 * A frame is taken out of the stream's read buffer when it is there as a whole, never before, so a wait that ends early
 * leaves nothing behind but bytes in the buffer. The buffer grows as the bytes come, not by what a prefix promises. What is
 * too long is left to the stream to skip, before whatever is read next. */
#include "io/frame.h"
#include "io/stream.h"

#include <string.h>

enum { FIRST_WANTED = 16384 };

size_t
cr_skip_in(struct cr_skip *skip, const char *bytes, size_t count, bool *over)
{
    const char *at = skip->size && count ? memmem(bytes, count, skip->until, skip->size) : NULL;
    if (skip->size) {
        *over = at != NULL;
        if (at)
            return (size_t)(at - bytes) + skip->size;
        return count < skip->size ? 0 : count - (skip->size - 1); /* it may have begun */
    }
    if (count > skip->bytes)
        count = (size_t)skip->bytes;
    skip->bytes -= count;
    *over = !skip->bytes;
    return count;
}

/* A frame of length bytes behind head others. */
static enum cr_frame_answer
look_counted(size_t head, uint64_t length, size_t limit, size_t count, struct cr_frame_look *look)
{
    look->head = look->used = head;
    if (length > limit) {
        look->skip = (struct cr_skip){.bytes = length};
        look->has_rest = true;
        return CR_FRAME_LONG;
    }
    look->length = (size_t)length;
    look->used = look->wanted = head + look->length;
    return count < look->wanted ? CR_FRAME_MORE : CR_FRAME_WHOLE;
}

static enum cr_frame_answer
look_prefixed(const struct coir_framing *framing, size_t limit, const char *bytes, size_t count,
              struct cr_frame_look *look)
{
    uint64_t length = 0;
    look->wanted = framing->size;
    if (count < framing->size)
        return CR_FRAME_MORE;
    for (size_t i = 0; i < framing->size; i++)
        length = length << 8 | (unsigned char)bytes[framing->order == COIR_LITTLE_ENDIAN ? framing->size - 1 - i : i];
    return look_counted(framing->size, length, limit, count, look);
}

static enum cr_frame_answer
look_delimited(const struct coir_framing *framing, size_t limit, const char *bytes, size_t count,
               struct cr_frame_look *look)
{
    const char *at =
        count > look->seen ? memmem(bytes + look->seen, count - look->seen, framing->delimiter, framing->size) : NULL;
    look->head = 0;
    look->wanted = count + 1;
    if (at) {
        look->length = (size_t)(at - bytes);
        look->used = look->length + framing->size;
        look->has_rest = false;
        return look->length > limit ? CR_FRAME_LONG : CR_FRAME_WHOLE;
    }
    look->seen = count < framing->size ? 0 : count - (framing->size - 1);
    if (look->seen <= limit)
        return CR_FRAME_MORE;
    look->used = look->seen;
    look->skip = (struct cr_skip){.size = framing->size};
    memcpy(look->skip.until, framing->delimiter, framing->size);
    look->has_rest = true;
    return CR_FRAME_LONG;
}

enum cr_frame_answer
cr_frame_look(const struct coir_framing *framing, size_t limit, const char *bytes, size_t count,
              struct cr_frame_look *look)
{
    switch (framing->kind) {
    case COIR_FRAMING_PREFIXED:
        return look_prefixed(framing, limit, bytes, count, look);
    case COIR_FRAMING_DELIMITED:
        return look_delimited(framing, limit, bytes, count, look);
    default:
        return look_counted(0, framing->size, limit, count, look);
    }
}

static int
check(const struct coir_framing *framing)
{
    size_t size = framing->size;
    switch (framing->kind) {
    case COIR_FRAMING_PREFIXED:
        if (size == 1 || size == 2 || size == 4 || size == 8)
            return 0;
        return cr_fail(-EINVAL, "framing: a prefix has 1, 2, 4 or 8 bytes, not %zu", size);
    case COIR_FRAMING_DELIMITED:
        if (size && size <= COIR_DELIMITER_MOST && framing->delimiter)
            return 0;
        return cr_fail(-EINVAL, "framing: a delimiter has 1 to %d bytes, not %zu", COIR_DELIMITER_MOST, size);
    case COIR_FRAMING_FIXED:
        return size ? 0 : cr_fail(-EINVAL, "framing: frames of 0 bytes cannot be told apart");
    default:
        return cr_fail(-EINVAL, "framing: there is no kind %d", (int)framing->kind);
    }
}

/* Room for what is wanted, but not much more than has come. */
static size_t
room(size_t count, size_t wanted)
{
    size_t most = 2 * count < FIRST_WANTED ? FIRST_WANTED : 2 * count;
    return wanted < most ? wanted : most;
}

/* Under in. */
static ssize_t
read_frame(struct coir_stream *stream, const struct coir_framing *framing, void *bytes, size_t size, coir_time deadline)
{
    struct cr_frame_look look = {.seen = 0};
    for (;;) {
        const char *at = stream->bytes ? stream->bytes + stream->begin : "";
        size_t count = cr_stream_buffered(stream);
        enum cr_frame_answer answer = cr_frame_look(framing, size, at, count, &look);
        ssize_t got;
        if (answer == CR_FRAME_WHOLE && look.length)
            memcpy(bytes, at + look.head, look.length);
        if (answer != CR_FRAME_MORE) {
            stream->begin += look.used;
            stream->skipping = answer == CR_FRAME_LONG && look.has_rest;
            stream->skip = look.skip;
            return answer == CR_FRAME_LONG ? -EMSGSIZE : (ssize_t)look.length;
        }
        got = cr_stream_fill(stream, room(count, look.wanted), deadline);
        if (got <= 0)
            return got ? got : count ? -EPROTO : -EPIPE;
    }
}

ssize_t
coir_frame_read(struct coir_stream *stream, const struct coir_framing *framing, void *bytes, size_t size,
                coir_time deadline)
{
    struct coir_task *self = cr_task_self();
    ssize_t result = check(framing);
    if (!result)
        result = cr_stream_begin_reading(stream, self, deadline);
    if (result)
        return result == CR_STREAM_END ? -EPROTO : result;
    result = read_frame(stream, framing, bytes, size < PTRDIFF_MAX / 4 ? size : PTRDIFF_MAX / 4, deadline);
    cr_lock_give(&stream->in, self);
    return result;
}

/* Whether the delimiter is found where it belongs: not in the bytes, nor where they and the delimiter meet. */
static bool
ends_well(const struct coir_framing *framing, const char *bytes, size_t size)
{
    char seam[2 * COIR_DELIMITER_MOST];
    size_t last = size < framing->size - 1 ? size : framing->size - 1;
    if (size && memmem(bytes, size, framing->delimiter, framing->size))
        return false;
    if (last)
        memcpy(seam, bytes + size - last, last);
    memcpy(seam + last, framing->delimiter, framing->size);
    return memmem(seam, last + framing->size, framing->delimiter, framing->size) == seam + last;
}

int
coir_frame_write(struct coir_stream *stream, const struct coir_framing *framing, const void *bytes, size_t size,
                 coir_time deadline)
{
    unsigned char prefix[8];
    struct iovec parts[2] = {{(void *)(uintptr_t)bytes, size}, {(void *)(uintptr_t)framing->delimiter, framing->size}};
    int error = check(framing);
    if (error)
        return error;
    switch (framing->kind) {
    case COIR_FRAMING_PREFIXED:
        if (framing->size < 8 && (uint64_t)size >> 8 * framing->size)
            return cr_fail(-EMSGSIZE, "frame: a prefix of %zu bytes cannot say %zu", framing->size, size);
        for (size_t i = 0; i < framing->size; i++)
            prefix[framing->order == COIR_LITTLE_ENDIAN ? i : framing->size - 1 - i] =
                (unsigned char)((uint64_t)size >> 8 * i);
        parts[1] = parts[0];
        parts[0] = (struct iovec){prefix, framing->size};
        return coir_stream_write_parts(stream, parts, 2, deadline);
    case COIR_FRAMING_DELIMITED:
        if (!ends_well(framing, bytes, size))
            return cr_fail(-EINVAL, "frame: its delimiter would be found before its end");
        return coir_stream_write_parts(stream, parts, 2, deadline);
    default:
        if (size != framing->size)
            return cr_fail(-EINVAL, "frame: all have %zu bytes, this one %zu", framing->size, size);
        return coir_stream_write(stream, bytes, size, deadline);
    }
}
