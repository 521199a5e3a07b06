/* pool/channel.c: see channel.h. */
#include "pool/channel.h"
#include "backend/descriptor.h"
#include "base/world_shared.h"
#include <coir/stream.h>
#include <coir/task.h>

#include <errno.h>
#include <sys/socket.h>

enum { IN_VAIN = 16 };

static void
join(struct cr_channel *channel, struct cr_channel_memory *memory, struct coir_stream *hear, struct coir_stream *ring,
     int side)
{
    *channel = (struct cr_channel){.memory = memory,
                                   .hear = hear,
                                   .ring = ring,
                                   .side = side,
                                   .out = {.pipe = &memory->pipes[side], .size = CR_PIPE_BYTES},
                                   .in = {.pipe = &memory->pipes[!side], .size = CR_PIPE_BYTES}};
}

int
cr_channel_open(struct cr_channel *channel, struct cr_channel_other *other)
{
    struct coir_stream *there[2], *back[2];
    void *memory;
    int error = other->memory = cr_memory_open(sizeof(struct cr_channel_memory));
    if (error < 0)
        return error;
    error = cr_memory_map(other->memory, sizeof(struct cr_channel_memory), &memory);
    if (error)
        goto fail_close;
    error = coir_stream_pair(there);
    if (error)
        goto fail_unmap;
    error = coir_stream_pair(back);
    if (error)
        goto fail_there;
    join(channel, memory, back[0], there[0], 0);
    other->hear = there[1];
    other->ring = back[1];
    return 0;

fail_there:
    (void)coir_stream_close(there[0]);
    (void)coir_stream_close(there[1]);
fail_unmap:
    cr_memory_unmap(memory, sizeof(struct cr_channel_memory));
fail_close:
    (void)cr_descriptor_close(other->memory);
    return error;
}

void
cr_channel_drop(struct cr_channel_other *other)
{
    (void)coir_stream_close(other->hear);
    (void)coir_stream_close(other->ring);
    (void)cr_descriptor_close(other->memory);
}

int
cr_channel_join(struct cr_channel *channel, int memory, int hear, int ring)
{
    struct coir_stream *streams[2];
    void *mapped;
    int error = cr_memory_map(memory, sizeof(struct cr_channel_memory), &mapped);
    (void)cr_descriptor_close(memory);
    if (error)
        return error;
    error = coir_stream_from(hear, &streams[0]);
    if (error)
        goto fail_unmap;
    error = coir_stream_from(ring, &streams[1]);
    if (error)
        goto fail_hear;
    join(channel, mapped, streams[0], streams[1], 1);
    return 0;

fail_hear:
    (void)coir_stream_close(streams[0]);
fail_unmap:
    cr_memory_unmap(mapped, sizeof(struct cr_channel_memory));
    return error;
}

void
cr_channel_close(struct cr_channel *channel)
{
    (void)coir_stream_close(channel->hear);
    (void)coir_stream_close(channel->ring);
    cr_memory_unmap(channel->memory, sizeof *channel->memory);
    channel->memory = NULL;
}

void
cr_channel_end(struct cr_channel *channel)
{
    (void)coir_stream_shutdown(channel->ring, COIR_NEVER);
}

void
cr_channel_cut(struct cr_channel *channel)
{
    (void)cr_world.shutdown(coir_stream_fd(channel->hear), SHUT_RDWR);
}

static void
rouse(struct cr_channel *channel, enum cr_pipe_sleep what_for)
{
    if (cr_pipe_rouse(&channel->memory->sleeps[!channel->side], what_for))
        (void)coir_stream_write(channel->ring, "", 1, COIR_NOW); /* if there is no room, there is enough to wake it */
}

void
cr_channel_tell(struct cr_channel *channel)
{
    if (channel->told == channel->out.place)
        return;
    channel->told = channel->out.place;
    rouse(channel, CR_PIPE_FOR_BYTES);
}

static int
amount(const struct cr_channel *channel, enum cr_pipe_sleep of)
{
    return of == CR_PIPE_FOR_ROOM ? cr_pipe_room(&channel->out) : cr_pipe_held(&channel->in);
}

/* Until there is some of it: how much, also when the other has gone since; or -EAGAIN, -ETIMEDOUT, -EPIPE, -EPROTO. */
static int
await(struct cr_channel *channel, enum cr_pipe_sleep what_for, coir_time deadline)
{
    CR_ATOMIC(uint32_t) *sleeps = &channel->memory->sleeps[channel->side];
    ssize_t rings = 1; /* bytes that have come, or the failure */
    int there;
    char bytes[256];
    for (unsigned vain = 1; !(there = amount(channel, what_for)); vain++) {
        if (rings <= 0)
            return rings == -ETIMEDOUT || rings == -EAGAIN ? (int)rings : -EPIPE;
        if (vain % IN_VAIN == 0) { /* it rings for nothing, and all the time */
            (void)coir_yield();
            if (coir_now() >= deadline)
                return -ETIMEDOUT;
        }
        cr_channel_tell(channel);
        cr_pipe_doze(sleeps, what_for);
        if (!amount(channel, what_for))
            rings = coir_stream_read(channel->hear, bytes, sizeof bytes, deadline);
        cr_pipe_wake_up(sleeps);
    }
    return there < 0 ? -EPROTO : there;
}

int
cr_channel_await(struct cr_channel *channel, coir_time deadline)
{
    int there = await(channel, CR_PIPE_FOR_BYTES, deadline);
    return there < 0 ? there : 0;
}

static int
write_all(struct cr_channel *channel, const char *bytes, size_t size)
{
    while (size) {
        int room = await(channel, CR_PIPE_FOR_ROOM, COIR_NEVER);
        size_t part = (size_t)room < size ? (size_t)room : size;
        if (room < 0)
            return room;
        cr_pipe_put(&channel->out, bytes, part);
        bytes += part;
        size -= part;
    }
    return 0;
}

int
cr_channel_write(struct cr_channel *channel, const struct iovec *parts, size_t count)
{
    int error = 0;
    for (size_t i = 0; i < count && !error; i++)
        error = write_all(channel, parts[i].iov_base, parts[i].iov_len);
    return error;
}

int
cr_channel_read(struct cr_channel *channel, void *bytes, size_t size)
{
    char *to = bytes;
    while (size) {
        int held = await(channel, CR_PIPE_FOR_BYTES, COIR_NEVER);
        size_t part = (size_t)held < size ? (size_t)held : size;
        if (held < 0)
            return held;
        cr_pipe_take(&channel->in, to, part);
        rouse(channel, CR_PIPE_FOR_ROOM);
        to = to ? to + part : NULL;
        size -= part;
    }
    return 0;
}
