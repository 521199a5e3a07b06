/* io/copy.c: from one stream into another.
 *
 * What was read ahead goes first. Then the kernel moves the bytes itself where that fits: from file to file
 * (copy_file_range), from a file into a socket (sendfile), from a pipe into a socket or a pipe (splice). Else, and whenever
 * the kernel's way would have to wait, it goes through the read buffer of from: filled by an ordinary read, emptied by
 * ordinary sends. That is also how a copy waits, so that deadlines, cancel and abort are those of every stream; and
 * what was read and not sent is still in the buffer, so that nothing is lost between the two.
 *
 * sendfile and splice do as the socket is: they would wait in the kernel for one that blocks. So O_NONBLOCK is on while a
 * copy into a socket of coir's own is under way (never on one that somebody gave us: that has the buffer). A file may
 * have to come from the disk: those two run as calls on files do (backend/file_call.h).
 *
 * Both turns are held for the whole copy: it is one read and one write to all others. Turns to read come before turns to
 * write; a file has one for both ways, and of two files the one at the lower address comes first, so that copies in
 * opposite directions, or in a ring, wait for each other only in turn. */
#include "backend/descriptor.h"
#include "base/time.h"
#include "io/file.h"

enum { KERNEL_STEP = 1024 * 1024 }; /* bytes; deadline and cancel are looked at in between */
enum { BUFFER = 64 * 1024, FIRST = 256 };

struct copying {
    struct coir_stream *from, *to;
    struct coir_task *self;
    int64_t left, done; /* bytes; left -1: to the end */
    coir_time deadline;
    /* How the kernel can move some: how many, 0 at the end, CR_CALL_FULL: not without waiting, or a failure. NULL: it cannot. */
    int (*move)(struct copying *copying, size_t size);
    bool was_blocking; /* to, which is to be set back */
};

/* ---- The kernel's ways ---- */

static int
by_range(struct copying *copying, size_t size)
{
    struct cr_file_call call = {.kind = CR_CALL_COPY, .fd = copying->from->fd, .to_fd = copying->to->fd, .size = size};
    return cr_file_call(&call, copying->deadline);
}

static int
by_sendfile(struct copying *copying, size_t size)
{
    struct cr_file_call call = {
        .kind = CR_CALL_SENDFILE, .fd = copying->from->fd, .to_fd = copying->to->fd, .size = size};
    return cr_file_call(&call, copying->deadline);
}

static int
by_splice(struct copying *copying, size_t size)
{
    return cr_file_splice(copying->from->fd, copying->to->fd, size);
}

/* Into a socket that is coir's own, and only of the kernel's world. */
static bool
may_be_nonblocking(const struct coir_stream *to)
{
    return to->is_socket && to->is_ours && to->fd < CR_VIRTUAL;
}

static void
choose(struct copying *copying)
{
    struct coir_stream *from = copying->from, *to = copying->to;
    enum cr_file_kind kind = CR_KIND_OTHER;
    if (from->fd < 0 || to->fd < 0)
        return;
    (void)cr_world.kind(from->fd, &kind);
    if (from->is_file && to->is_file)
        copying->move = by_range;
    else if (from->is_file && may_be_nonblocking(to))
        copying->move = by_sendfile;
    else if (kind == CR_KIND_PIPE && from->fd < CR_VIRTUAL && (may_be_nonblocking(to) || to->is_pipe_out))
        copying->move = by_splice;
    if (copying->move && to->is_socket)
        copying->was_blocking = cr_file_set_nonblocking(to->fd, true) == 0;
}

/* ---- Through the buffer ---- */

static size_t
at_most(const struct copying *copying, size_t size)
{
    return copying->left >= 0 && (uint64_t)copying->left < size ? (size_t)copying->left : size;
}

static void
count(struct copying *copying, size_t size)
{
    copying->done += (int64_t)size;
    if (copying->left >= 0)
        copying->left -= (int64_t)size;
}

/* Reads: > 0, 0 at the end, or a failure. Behind the little that a waiting read brings more is likely to be there. */
static ssize_t
fill(struct copying *copying)
{
    size_t wanted = at_most(copying, BUFFER);
    ssize_t got = cr_stream_fill(copying->from, wanted, copying->deadline);
    if (got == FIRST && wanted > FIRST)
        (void)cr_stream_fill(copying->from, wanted, COIR_NOW);
    return got;
}

/* Neither side is broken. */
static bool
is_about_waiting(int failure)
{
    return failure == -EAGAIN || failure == -ETIMEDOUT || failure == -ECANCELED;
}

/* Sends some of what is in the buffer: > 0, or a failure. A file's write buffer is passed by: it is empty. */
static int
drain(struct copying *copying)
{
    struct coir_stream *from = copying->from;
    struct iovec part = {from->bytes + from->begin, at_most(copying, cr_stream_buffered(from))};
    int sent = cr_stream_send_some(copying->to, &part, 1, copying->deadline);
    if (sent < 0) {
        if (copying->to->is_file && !is_about_waiting(sent))
            copying->to->out_ended = true;
        return sent;
    }
    from->begin += (size_t)sent;
    count(copying, (size_t)sent);
    return sent;
}

/* ---- All of it ---- */

/* Between two steps: 0, or why there is no next one. */
static int
look_up(const struct copying *copying)
{
    int error = cr_enter(copying->self, copying->deadline);
    if (error)
        return error;
    if (cr_lock_is_closed(&copying->from->in) || cr_lock_is_closed(cr_stream_out(copying->to)))
        return -EPIPE;
    return copying->done && copying->deadline != COIR_NOW && copying->deadline != COIR_NEVER &&
                   cr_now() >= copying->deadline
               ? -ETIMEDOUT
               : 0;
}

/* One step: how many bytes have come further, 0 at the end, or a failure. When the kernel's way fails, for whatever reason
 * (there is none between these two file systems, the disk is full, the peer is gone), the plain way goes on, or says why not. An
 * end is asked for by a read once more: files of /proc have no size, and copy_file_range believes it. */
static ssize_t
step(struct copying *copying)
{
    if (cr_stream_buffered(copying->from))
        return drain(copying);
    if (copying->move && !copying->from->at_end) {
        int moved = copying->move(copying, at_most(copying, KERNEL_STEP));
        if (moved > 0) {
            count(copying, (size_t)moved);
            return moved;
        }
        if (moved != CR_CALL_FULL)
            copying->move = NULL;
    }
    return fill(copying);
}

static int
go(struct copying *copying)
{
    int error = 0;
    while (!error && copying->left) {
        ssize_t moved;
        error = look_up(copying);
        if (error)
            break;
        moved = step(copying);
        if (moved == 0)
            break;
        if (moved < 0)
            error = (int)moved;
    }
    return error;
}

/* The turn of to, ready to be written past its buffer. */
static int
begin_out(struct copying *copying)
{
    struct coir_stream *to = copying->to;
    int error = cr_stream_begin_writing(to, copying->self, copying->deadline);
    if (error)
        return error;
    error = to->out_ended ? -EPIPE : cr_file_ready(to, copying->deadline);
    if (error)
        cr_lock_give(cr_stream_out(to), copying->self);
    return error;
}

/* Both turns: 0, or why none is taken; CR_STREAM_END: there is nothing to copy. */
static ssize_t
begin_both(struct copying *copying)
{
    struct coir_stream *from = copying->from, *to = copying->to;
    bool to_first = from->is_file && to->is_file && (uintptr_t)to < (uintptr_t)from;
    ssize_t begun = to_first ? begin_out(copying) : cr_stream_begin_reading(from, copying->self, copying->deadline);
    if (begun)
        return begun;
    begun = to_first ? cr_stream_begin_reading(from, copying->self, copying->deadline) : begin_out(copying);
    if (begun)
        cr_lock_give(to_first ? cr_stream_out(to) : &from->in, copying->self);
    return begun;
}

int64_t
coir_stream_copy(struct coir_stream *from, struct coir_stream *to, int64_t limit, coir_time deadline)
{
    struct copying copying = {
        .from = from, .to = to, .self = cr_task_self(), .left = limit < 0 ? -1 : limit, .deadline = deadline};
    ssize_t begun;
    int error;
    if (from->is_file && from == to)
        return cr_fail(-EINVAL, "coir_stream_copy: a file into itself");
    begun = begin_both(&copying);
    if (begun)
        return begun == CR_STREAM_END ? 0 : begun;
    error = from->file ? cr_file_before_reading(from, deadline) : 0;
    if (!error && !from->is_pipe_out)
        choose(&copying);
    if (!error)
        error = go(&copying);
    if (copying.was_blocking)
        (void)cr_file_set_nonblocking(to->fd, false);
    cr_lock_give(cr_stream_out(to), copying.self);
    cr_lock_give(&from->in, copying.self);
    return error == -EAGAIN && copying.done ? copying.done : error ? error : copying.done;
}
