/* io/file.c: files as streams.
 *
 * A file that was opened by its name has a record (struct cr_file) beside its stream: which ways it is open, and what has
 * been written and not yet given to the kernel. stream.c asks here before it reads, and writes through here.
 *
 * A regular file has one place, the kernel's, and so one turn for both ways. What is read ahead is given back (the place is
 * moved back over it) before something is written, and what was collected is written before something is read.
 *
 * The kernel can say of a regular file what it has in memory without waiting (RWF_NOWAIT): that is fetched at once, on
 * every backend. All else is an operation that nobody gives up half-way: the ring's, or a helper thread's. So deadline and
 * cancel are looked at here, before each.
 *
 * A write is collected whole or not at all, and what is collected goes out in one operation: two programs that append to
 * one file do not tear each other's lines, as long as one is shorter than the buffer. A write that fails has torn
 * the file, and nothing may follow a hole: what was collected is dropped and the way out is ended. One that only came too late
 * or was canceled leaves what is not out in the buffer.
 *
 * Failures are told once, by the call that meets them. Left out on purpose: memory maps, locks between processes, O_DIRECT. */
#include "io/file.h"
#include "backend/descriptor.h"
#include "base/memory.h"
#include "base/time.h"

#include <string.h>
#include <unistd.h>

/* ---- Operations ---- */

int
cr_file_operate(struct cr_pending *pending, struct cr_lock *side, coir_time deadline)
{
    struct cr_op *op = &pending->op;
    int result = cr_enter(cr_task_self(), deadline);
    bool is_late = deadline != COIR_NOW && deadline != COIR_NEVER && cr_now() >= deadline;
    pending->kernel_failed = false;
    if (result)
        return result;
    if (op->kind == CR_OP_READ && op->length > CR_FILE_STEP)
        op->length = CR_FILE_STEP;
    if (op->kind == CR_OP_WRITE && op->parts->iov_len > CR_FILE_STEP) {
        op->part = (struct iovec){op->parts->iov_base, CR_FILE_STEP};
        op->parts = &op->part;
    }
    if (!is_late)
        return cr_operate(pending, side, deadline);
    result = cr_operate(pending, side, COIR_NOW);
    if (result != -EAGAIN)
        return result;
    pending->kernel_failed = false;
    return -ETIMEDOUT;
}

int
cr_file_call(struct cr_file_call *call, coir_time deadline)
{
    struct cr_pending pending;
    int error = cr_enter(cr_task_self(), deadline);
    if (error)
        return error;
    if (deadline == COIR_NOW)
        return -EAGAIN;
    if (deadline != COIR_NEVER && cr_now() >= deadline)
        return -ETIMEDOUT;
    pending.op = (struct cr_op){.kind = CR_OP_FILE, .fd = call->fd, .is_file = true, .data = call};
    return cr_operate(&pending, NULL, deadline);
}

/* Not broken: it can be tried again. */
static bool
is_about_waiting(int failure)
{
    return failure == -EAGAIN || failure == -ETIMEDOUT || failure == -ECANCELED;
}

/* ---- Opening ---- */

/* 0, or -EINVAL. */
static int
read_mode(const char *mode, int *flags, bool *by_line)
{
    static const struct {
        char letter;
        int one_way, flags;
    } ways[] = {{'r', O_RDONLY, 0},
                {'w', O_WRONLY, O_CREAT | O_TRUNC},
                {'a', O_WRONLY, O_CREAT | O_APPEND},
                {'x', O_WRONLY, O_CREAT | O_EXCL}};
    bool both = false;
    size_t way = 0;
    while (way < sizeof ways / sizeof ways[0] && ways[way].letter != *mode)
        way++;
    *by_line = false;
    for (const char *at = mode + 1; way < sizeof ways / sizeof ways[0] && *at; at++)
        if (*at == '+')
            both = true;
        else if (*at == 'l')
            *by_line = true;
        else if (*at != 'b')
            way = sizeof ways / sizeof ways[0];
    if (way == sizeof ways / sizeof ways[0])
        return cr_fail(-EINVAL, "coir_file_open: \"%s\" is no mode: one of r w a x, then + b l as needed", mode);
    *flags = ways[way].flags | (both ? O_RDWR : ways[way].one_way);
    return 0;
}

static int
over(int fd, int flags, bool by_line, struct coir_stream **stream)
{
    enum cr_file_kind kind;
    struct cr_file *file;
    int error = cr_descriptor_check(fd);
    if (!error)
        error = cr_world.kind(fd, &kind);
    if (!error && kind == CR_KIND_OTHER)
        error = -EISDIR;
    if (!error && kind == CR_KIND_FILE) { /* the kernel's ring must wait for it, not say -EAGAIN */
        error = cr_file_set_nonblocking(fd, false);
        error = error < 0 ? error : 0;
    }
    if (error)
        return error;
    file = cr_alloc_zero(sizeof *file);
    if (!file)
        return -ENOMEM;
    error = cr_stream_over(fd, kind, stream);
    if (error) {
        cr_free(file);
        return error;
    }
    file->reads = (flags & O_ACCMODE) != O_WRONLY;
    file->writes = (flags & O_ACCMODE) != O_RDONLY;
    file->by_line = by_line;
    (*stream)->file = file;
    return 0;
}

int
cr_file_adopt(int fd, int flags, bool by_line, struct coir_stream **stream)
{
    int error = over(fd, flags, by_line, stream);
    if (error)
        (void)cr_world.close(fd);
    return error;
}

/* O_NONBLOCK: no FIFO, device or lease keeps the open waiting. */
int
coir_file_open(struct coir_root *root, const char *path, const char *mode, struct coir_stream **stream,
               coir_time deadline)
{
    bool by_line;
    int flags = 0, fd, error = read_mode(mode, &flags, &by_line);
    *stream = NULL;
    if (error)
        return error;
    fd = cr_root_open(root, path, flags | O_NOCTTY | O_NONBLOCK, flags & O_CREAT ? 0666 : 0, deadline);
    return fd < 0 ? fd : cr_file_adopt(fd, flags, by_line, stream);
}

/* ---- Writing ---- */

/* What was collected and is out. */
static void
drop(struct cr_file *file, size_t count)
{
    file->size -= count;
    memmove(file->bytes, file->bytes + count, file->size);
}

int
cr_file_write_out(struct coir_stream *stream, coir_time deadline)
{
    struct cr_file *file = stream->file;
    size_t done = 0;
    int sent = 0;
    while (sent >= 0 && done < file->size) {
        struct iovec part = {file->bytes + done, file->size - done};
        sent = cr_stream_send_some(stream, &part, 1, deadline);
        done += sent > 0 ? (size_t)sent : 0;
    }
    if (sent < 0 && !is_about_waiting(sent)) {
        done = file->size;
        stream->out_ended = true;
    }
    if (done)
        drop(file, done);
    return sent < 0 ? sent : 0;
}

/* The place is moved back over what was read ahead. */
static int
give_back(struct coir_stream *stream)
{
    size_t ahead = cr_stream_buffered(stream);
    int64_t place = ahead ? cr_file_move(stream->fd, -(int64_t)ahead, SEEK_CUR) : 0;
    if (place < 0)
        return (int)place;
    stream->begin = stream->end = 0;
    stream->skipping = false;
    return 0;
}

static size_t
total(const struct iovec *parts, size_t count)
{
    size_t size = 0;
    for (size_t i = 0; i < count; i++)
        size += parts[i].iov_len;
    return size;
}

/* There is room for all of them. */
static void
collect(struct cr_file *file, const struct iovec *parts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (parts[i].iov_len) {
            memcpy(file->bytes + file->size, parts[i].iov_base, parts[i].iov_len);
            file->size += parts[i].iov_len;
        }
}

static bool
has_line_end(const struct iovec *parts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (parts[i].iov_len && memchr(parts[i].iov_base, '\n', parts[i].iov_len))
            return true;
    return false;
}

/* Past the buffer, which is empty. */
static int
write_through(struct coir_stream *stream, struct iovec *parts, size_t count, bool *begun, coir_time deadline)
{
    for (size_t i = 0; i < count; i++)
        while (parts[i].iov_len) {
            struct iovec part = parts[i];
            int sent = cr_stream_send_some(stream, &part, 1, deadline);
            if (sent < 0) {
                *begun |= !is_about_waiting(sent);
                return sent;
            }
            *begun = true;
            parts[i].iov_base = (char *)parts[i].iov_base + sent;
            parts[i].iov_len -= (size_t)sent;
        }
    return 0;
}

static int
put(struct coir_stream *stream, struct iovec *parts, size_t count, bool *begun, coir_time deadline)
{
    struct cr_file *file = stream->file;
    size_t size = total(parts, count);
    int error = 0;
    if (!file->writes)
        return -EBADF;
    if (size > CR_FILE_ROOM - file->size)
        error = cr_file_write_out(stream, deadline);
    if (error)
        return error;
    if (size >= CR_FILE_ROOM)
        return write_through(stream, parts, count, begun, deadline);
    if (!file->bytes && !(file->bytes = cr_alloc(CR_FILE_ROOM)))
        return -ENOMEM;
    collect(file, parts, count);
    if (!file->by_line || !has_line_end(parts, count))
        return 0;
    error = cr_file_write_out(stream, deadline);
    return is_about_waiting(error) ? 0 : error; /* it has been taken, and goes out later */
}

int
cr_file_put(struct coir_stream *stream, struct iovec *parts, size_t count, bool *begun, coir_time deadline)
{
    int error = stream->is_file ? give_back(stream) : 0;
    if (error)
        return error;
    return stream->file ? put(stream, parts, count, begun, deadline)
                        : write_through(stream, parts, count, begun, deadline);
}

int
cr_file_ready(struct coir_stream *stream, coir_time deadline)
{
    int error = stream->is_file ? give_back(stream) : 0;
    if (error || !stream->file)
        return error;
    return stream->file->writes ? cr_file_write_out(stream, deadline) : -EBADF;
}

int
cr_file_before_reading(struct coir_stream *stream, coir_time deadline)
{
    struct cr_file *file = stream->file;
    if (!file->reads)
        return -EBADF;
    return stream->is_file && file->size ? cr_file_write_out(stream, deadline) : 0;
}

/* ---- Flush, sync, seek ---- */

/* Takes the turn, and writes out: 0, or a failure, and the turn is not taken. */
static int
begin_flushed(struct coir_stream *stream, struct coir_task *self, coir_time deadline)
{
    int error = cr_stream_begin_writing(stream, self, deadline);
    if (error)
        return error;
    if (stream->file && stream->file->size)
        error = cr_file_write_out(stream, deadline);
    if (error)
        cr_lock_give(cr_stream_out(stream), self);
    return error;
}

int
coir_file_flush(struct coir_stream *stream, coir_time deadline)
{
    struct coir_task *self = cr_task_self();
    int error = begin_flushed(stream, self, deadline);
    if (!error)
        cr_lock_give(cr_stream_out(stream), self);
    return error;
}

int
cr_file_sync(struct coir_stream *stream, coir_time deadline)
{
    struct cr_file_call call = {.kind = CR_CALL_SYNC, .fd = stream->fd};
    int error = stream->file && stream->file->is_lost ? -EPIPE : cr_file_call(&call, deadline);
    if (error && !is_about_waiting(error) && stream->is_file && stream->file)
        stream->file->is_lost = stream->out_ended = true;
    return error;
}

int
coir_file_sync(struct coir_stream *stream, coir_time deadline)
{
    struct coir_task *self = cr_task_self();
    int error;
    if (stream->is_socket)
        return -EINVAL;
    error = begin_flushed(stream, self, deadline);
    if (error)
        return error;
    error = cr_file_sync(stream, deadline);
    cr_lock_give(cr_stream_out(stream), self);
    return error;
}

/* In the turn, nothing being collected. Where the end is may have to be asked over a network. */
static int64_t
move(struct coir_stream *stream, int64_t offset, int whence, coir_time deadline)
{
    struct cr_file_call call = {.kind = CR_CALL_SEEK, .fd = stream->fd, .flags = whence, .offset = offset};
    size_t ahead = cr_stream_buffered(stream);
    int64_t place;
    int error;
    if (whence == SEEK_CUR && !offset) { /* what was read ahead is kept */
        place = cr_file_move(stream->fd, 0, SEEK_CUR);
        return place < 0 ? place : place - (int64_t)ahead;
    }
    error = give_back(stream);
    if (error)
        return error;
    if (whence != SEEK_END)
        return cr_file_move(stream->fd, offset, whence);
    error = cr_file_call(&call, deadline);
    return error ? error : call.offset;
}

int64_t
coir_file_seek(struct coir_stream *stream, int64_t offset, int whence, coir_time deadline)
{
    struct coir_task *self = cr_task_self();
    int64_t place;
    if (whence != SEEK_SET && whence != SEEK_CUR && whence != SEEK_END)
        return -EINVAL;
    if (!stream->is_file)
        return -ESPIPE;
    place = begin_flushed(stream, self, deadline);
    if (place)
        return place;
    place = move(stream, offset, whence, deadline);
    cr_lock_give(cr_stream_out(stream), self);
    return place;
}

/* ---- The end ---- */

int
cr_file_end(struct coir_stream *stream)
{
    struct cr_file *file = stream->file;
    int error = 0;
    COIR_SHIELD(); /* a cancel loses nothing that was taken */
    if (file->replacement)
        cr_replacement_end(file->replacement);
    else if (file->size && !cr_lock_is_closed(cr_stream_out(stream)))
        error = cr_file_write_out(stream, COIR_NEVER);
    cr_free(file->bytes);
    cr_free(file);
    return error;
}
