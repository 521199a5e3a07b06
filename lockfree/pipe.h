/* lockfree/pipe.h: bytes in order through memory, as through pipe(7): one writer, one reader, which may be two processes.
 *
 *   who            what                              beside whom
 *   writer         cr_pipe_room, cr_pipe_put         the reader
 *   reader         cr_pipe_held, cr_pipe_take        the writer
 *   who sleeps     cr_pipe_doze, cr_pipe_wake_up     who changes what it sleeps for
 *   who changes    cr_pipe_rouse                     who sleeps
 *
 * A place is a count of all bytes that have ever gone through. Each side has its own in memory that nobody else writes, and
 * tells it to the other, which believes a distance that can be and nothing else: the other may be a process that has gone
 * mad.
 *
 * To sleep is to say what for, and to look once more; who puts or takes asks afterwards whether the other sleeps for that. A
 * fence on both sides sees to it that one of the two sees the other, and exactly one that has changed something is told to
 * wake a sleeper. */
#ifndef CR_PIPE_H
#define CR_PIPE_H

#include "base/atomic.h"
#include "base/mutant.h"

#include <stddef.h>
#include <string.h>

enum { CR_PIPE_BYTES = 32768 };

struct cr_pipe {
    CR_ATOMIC(uint64_t) put __attribute__((aligned(64))); /* the writer's place */
    CR_ATOMIC(uint64_t) got __attribute__((aligned(64))); /* the reader's */
    unsigned char bytes[CR_PIPE_BYTES] __attribute__((aligned(64)));
};

/* One side's own. size: how many of the bytes are used, the same on both; a power of two, so that places may wrap around. */
struct cr_pipe_end {
    struct cr_pipe *pipe;
    uint64_t place;
    uint32_t size;
};

/* Of who may sleep. */
enum cr_pipe_sleep { CR_PIPE_AWAKE, CR_PIPE_FOR_BYTES, CR_PIPE_FOR_ROOM };

/* How many bytes can be put; < 0: what the reader tells cannot be. */
static inline int
cr_pipe_room(const struct cr_pipe_end *end)
{
    uint64_t held = end->place - cr_load_acq(&end->pipe->got); /* acquire: those bytes have been read */
    return held > end->size ? -1 : (int)(end->size - held);
}

/* How many bytes can be taken; < 0: what the writer tells cannot be. */
static inline int
cr_pipe_held(const struct cr_pipe_end *end)
{
    uint64_t held = cr_load_acq(&end->pipe->put) - end->place; /* pairs with put */
    return held > end->size ? -1 : (int)held;
}

/* Where the next byte is, and how many of size lie there in a row. */
static inline unsigned char *
cr_pipe_at(const struct cr_pipe_end *end, size_t size, size_t *in_row)
{
    size_t at = end->place % end->size, row = end->size - at;
    *in_row = size < row ? size : row;
    return end->pipe->bytes + at;
}

/* size: at most the room. */
static inline void
cr_pipe_put(struct cr_pipe_end *end, const void *bytes, size_t size)
{
    size_t row;
    unsigned char *at = cr_pipe_at(end, size, &row);
    if (CR_MUTANT(PIPE_PUT_FIRST))
        cr_store_rel(&end->pipe->put, end->place + size);
    CR_SHARED_WRITE_BYTES(at, row);
    memcpy(at, bytes, row);
    if (row < size) {
        CR_SHARED_WRITE_BYTES(end->pipe->bytes, size - row);
        memcpy(end->pipe->bytes, (const unsigned char *)bytes + row, size - row);
    }
    end->place += size;
    cr_store_rel(&end->pipe->put, end->place); /* pairs with held */
}

/* size: at most what is held. bytes: NULL: they are not wanted. */
static inline void
cr_pipe_take(struct cr_pipe_end *end, void *bytes, size_t size)
{
    size_t row;
    const unsigned char *at = cr_pipe_at(end, size, &row);
    if (bytes) {
        CR_SHARED_READ_BYTES(at, row);
        memcpy(bytes, at, row);
    }
    if (bytes && row < size) {
        CR_SHARED_READ_BYTES(end->pipe->bytes, size - row);
        memcpy((unsigned char *)bytes + row, end->pipe->bytes, size - row);
    }
    end->place += size;
    cr_store_rel(&end->pipe->got, end->place); /* pairs with room */
}

/* From here on who changes what is slept for wakes; look once more before you sleep. */
static inline void
cr_pipe_doze(CR_ATOMIC(uint32_t) * sleeps, enum cr_pipe_sleep what_for)
{
    cr_store_rlx(sleeps, (uint32_t)what_for);
    if (!CR_MUTANT(PIPE_DOZE_UNFENCED))
        cr_fence_sc(); /* pairs with rouse */
}

static inline void
cr_pipe_wake_up(CR_ATOMIC(uint32_t) * sleeps)
{
    cr_store_rlx(sleeps, (uint32_t)CR_PIPE_AWAKE);
}

/* After a change: whether the caller is to wake the other, which sleeps for that. */
static inline bool
cr_pipe_rouse(CR_ATOMIC(uint32_t) * sleeps, enum cr_pipe_sleep what_for)
{
    cr_fence_sc(); /* pairs with doze */
    return cr_load_rlx(sleeps) == (uint32_t)what_for && cr_swap_ar(sleeps, (uint32_t)CR_PIPE_AWAKE) != CR_PIPE_AWAKE;
}

#endif
