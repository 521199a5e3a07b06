/* io/stream.c: bytes both ways over a descriptor.
 *
 * Each direction is a lock (sched/lock.h): readers take turns, so do writers, and both may go on at the same time. abort
 * closes both locks: who waits for its turn, and who waits in the kernel holding one, is woken with -EPIPE.
 *
 * The read buffer exists only when lines or full blocks need one: plain reads go straight into the caller's memory. What
 * is in the buffer is given out first. It begins with 2 KiB and doubles as a line needs, and it is given back when it is
 * empty and a read must wait: ten thousand silent connections have no buffers. On Unix sockets descriptors may come along
 * with what it is filled with: passing.c.
 *
 * A write is tried at once; only what did not fit waits. One that stops after some of its bytes are out closes the way
 * out, because nothing sensible can follow half a message. */
#include "io/stream.h"
#include "io/passing.h"

#include "backend/descriptor.h"
#include "base/fault.h"
#include "base/memory.h"
#include "io/file.h"
#include "sched/feed.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { FIRST_ROOM = 2048, FULL_ROOM = 16384, PARTS = 64 };
enum { AT_END = CR_STREAM_END }; /* as an answer of skip_rest and begin_reading */

static int
new_stream(int fd, struct coir_stream **stream)
{
    struct coir_stream *made = cr_alloc_zero(sizeof *made);
    *stream = NULL;
    if (!made)
        return -ENOMEM;
    made->fd = fd;
    made->eager = true;
    *stream = made;
    return 0;
}

int
cr_stream_open(int fd, bool is_tcp, struct coir_stream **stream)
{
    int error = cr_descriptor_check(fd);
    if (!error)
        error = new_stream(fd, stream);
    if (error)
        return error;
    (*stream)->is_socket = (*stream)->is_ours = true;
    (*stream)->is_tcp = is_tcp;
    return 0;
}

int
cr_stream_over(int fd, enum cr_file_kind kind, struct coir_stream **stream)
{
    int error = new_stream(fd, stream);
    if (error)
        return error;
    (*stream)->is_socket = kind == CR_KIND_SOCKET;
    (*stream)->is_file = kind == CR_KIND_FILE;
    (*stream)->is_pipe_out = kind == CR_KIND_PIPE_OUT;
    return 0;
}

int
cr_stream_settle(int fd, bool is_tcp, const struct coir_stream_options *options)
{
    int one = 1, seconds, error = 0;
    if (is_tcp && !(options && options->gather))
        error = cr_world.set_option(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (!options || error)
        return error;
    if (is_tcp && options->keepalive) {
        seconds = (int)((options->keepalive + COIR_SECOND - 1) / COIR_SECOND);
        error = cr_world.set_option(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
        if (!error)
            error = cr_world.set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, &seconds, sizeof seconds);
    }
    if (!error && options->receive_buffer)
        error = cr_world.set_option(fd, SOL_SOCKET, SO_RCVBUF, &options->receive_buffer, sizeof(int));
    if (!error && options->send_buffer)
        error = cr_world.set_option(fd, SOL_SOCKET, SO_SNDBUF, &options->send_buffer, sizeof(int));
    return error;
}

int
coir_stream_from(int fd, struct coir_stream **stream)
{
    enum cr_file_kind kind;
    int listens = 0, family = 0, type = 0, error = cr_descriptor_check(fd);
    socklen_t size = sizeof listens;
    *stream = NULL;
    if (!error)
        error = cr_world.kind(fd, &kind);
    if (error)
        return error;
    if (kind == CR_KIND_OTHER)
        return cr_fail(-EINVAL, "coir_stream_from: descriptor %d is nothing bytes come through", fd);
    if (kind == CR_KIND_SOCKET) {
        (void)cr_world.get_option(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size);
        (void)cr_world.get_option(fd, SOL_SOCKET, SO_DOMAIN, &family, &size);
        (void)cr_world.get_option(fd, SOL_SOCKET, SO_TYPE, &type, &size);
        if (listens || type != SOCK_STREAM)
            return cr_fail(-EINVAL, "coir_stream_from: descriptor %d is no connected stream socket", fd);
    }
    error = cr_stream_over(fd, kind, stream);
    if (error)
        return error;
    (*stream)->is_tcp = kind == CR_KIND_SOCKET && (family == AF_INET || family == AF_INET6);
    return 0;
}

int
coir_stream_pair(struct coir_stream *ends[2])
{
    int fds[2], error;
    ends[0] = ends[1] = NULL;
    error = cr_world.pair(fds);
    if (error)
        return error;
    error = cr_stream_open(fds[0], false, &ends[0]);
    if (error)
        goto fail_close;
    error = cr_stream_open(fds[1], false, &ends[1]);
    if (error)
        goto fail_free;
    return 0;

fail_free:
    cr_free(ends[0]);
    ends[0] = NULL;
fail_close:
    (void)cr_world.close(fds[0]);
    (void)cr_world.close(fds[1]);
    return error;
}

/* ---- Reading ---- */

static const struct cr_edge_kind turn_to_read_kind = {.text = "its turn to read a stream"};
static const struct cr_edge turn_to_read = {.kind = &turn_to_read_kind};
static const struct cr_edge_kind turn_to_write_kind = {.text = "its turn to write to a stream"};
static const struct cr_edge turn_to_write = {.kind = &turn_to_write_kind};

/* The peer's own time-out is not ours; a reset or a lost peer reads as what it is. */
static int
map_failure(int result)
{
    return result == -ETIMEDOUT ? -ECONNRESET : result;
}

enum manner { ASK, KNOWN_ONLY }; /* the second: COIR_NOW without a system call that may be in vain */

/* One receive into bytes: how many, 0 at the end, or a failure. Under in. */
static ssize_t
fetch_by(struct coir_stream *stream, void *bytes, size_t size, enum manner manner, coir_time deadline)
{
    struct cr_pending pending;
    int result;
    if (stream->at_end)
        return 0;
    if (cr_unlikely(stream->is_pipe_out))
        return -EBADF;
    if (cr_unlikely(stream->file)) {
        result = cr_file_before_reading(stream, deadline);
        if (result)
            return result;
    }
    pending.op = (struct cr_op){.kind = stream->is_socket ? CR_OP_RECEIVE : CR_OP_READ,
                                .fd = stream->fd,
                                .is_tcp = stream->is_tcp,
                                .is_file = stream->is_file,
                                .known_only = manner == KNOWN_ONLY,
                                .eager = stream->eager,
                                .feeding = stream->is_ours && stream->is_tcp ? &stream->feeding : NULL,
                                .data = bytes,
                                .length = size};
    result = stream->is_file ? cr_file_operate(&pending, &stream->in, deadline)
                             : cr_operate(&pending, &stream->in, cr_stream_until(stream, deadline));
    stream->eager = pending.op.eager;
    if (result == 0)
        stream->at_end = !stream->is_file; /* a file may grow */
    else if (result == -EIO && !stream->is_socket && !stream->is_file)
        result = 0; /* a terminal that has hung up */
    return pending.kernel_failed ? map_failure(result) : result;
}

static ssize_t
fetch(struct coir_stream *stream, void *bytes, size_t size, coir_time deadline)
{
    return fetch_by(stream, bytes, size, ASK, deadline);
}

static size_t
buffered(const struct coir_stream *stream)
{
    return stream->end - stream->begin;
}

static size_t
take(struct coir_stream *stream, void *bytes, size_t size)
{
    size_t count = buffered(stream) < size ? buffered(stream) : size;
    if (count)
        memcpy(bytes, stream->bytes + stream->begin, count);
    stream->begin += count;
    return count;
}

/* Room for wanted bytes in all. */
static int
make_room(struct coir_stream *stream, size_t wanted)
{
    size_t room = stream->room ? stream->room : stream->is_file ? FULL_ROOM : FIRST_ROOM;
    char *bytes;
    if (stream->begin) { /* then there is a buffer */
        memmove(stream->bytes, stream->bytes + stream->begin, buffered(stream));
        stream->end -= stream->begin;
        stream->begin = 0;
    }
    while (room < wanted)
        room *= 2;
    if (room == stream->room)
        return 0;
    bytes = cr_realloc(stream->bytes, room);
    if (!bytes)
        return -ENOMEM;
    stream->bytes = bytes;
    stream->room = room;
    return 0;
}

static void
drop_buffer(struct coir_stream *stream)
{
    cr_free(stream->bytes);
    stream->bytes = NULL;
    stream->begin = stream->end = stream->room = 0;
}

/* Into the read buffer: from a Unix socket descriptors may come along. */
static ssize_t
fetch_ahead(struct coir_stream *stream, void *bytes, size_t size, enum manner manner, coir_time deadline)
{
    if (cr_likely(stream->is_tcp || !stream->is_socket))
        return fetch_by(stream, bytes, size, manner, deadline);
    if (!buffered(stream)) /* its byte has been passed over */
        cr_passing_drop(stream);
    return cr_passing_fetch(stream, bytes, size, manner == KNOWN_ONLY, deadline);
}

/* Fetches more behind what is in the buffer: > 0, 0 at the end, or a failure. An empty buffer is not kept over a wait. (A
 * file's is: that will be over soon.) */
static ssize_t
refill(struct coir_stream *stream, size_t wanted, coir_time deadline)
{
    ssize_t count;
    int error = make_room(stream, wanted);
    if (error)
        return error;
    count = fetch_ahead(stream, stream->bytes + stream->end, stream->room - stream->end,
                        deadline == COIR_NOW ? ASK : KNOWN_ONLY, COIR_NOW);
    if (count == -EAGAIN && deadline != COIR_NOW) {
        char first[256];
        if (buffered(stream) || stream->is_file) {
            count = fetch_ahead(stream, stream->bytes + stream->end, stream->room - stream->end, ASK, deadline);
        } else {
            drop_buffer(stream);
            count = fetch_ahead(stream, first, sizeof first, ASK, deadline);
            if (count <= 0)
                return count;
            error = make_room(stream, wanted);
            if (error)
                return error; /* what came is lost with the memory: the stream is not usable */
            memcpy(stream->bytes, first, (size_t)count);
        }
    }
    if (count > 0)
        stream->end += (size_t)count;
    return count;
}

/* Drops the rest of what was too long: 0 when its end has been passed, AT_END, or a failure. */
static ssize_t
skip_rest(struct coir_stream *stream, coir_time deadline)
{
    for (;;) {
        const char *at = stream->bytes ? stream->bytes + stream->begin : "";
        ssize_t count;
        bool over;
        stream->begin += cr_skip_in(&stream->skip, at, buffered(stream), &over);
        if (over) {
            stream->skipping = false;
            return 0;
        }
        count = refill(stream, FIRST_ROOM, deadline);
        if (count <= 0)
            return count ? count : AT_END;
    }
}

/* Takes the turn: 0, AT_END, or a failure; then the turn is not taken. */
static ssize_t
begin_reading(struct coir_stream *stream, struct coir_task *self, coir_time deadline)
{
    ssize_t result = cr_enter(self, deadline);
    if (result)
        return result;
    result = cr_lock_take(&stream->in, self, deadline, CR_LOCK_CANCELABLE, &turn_to_read);
    if (result == -EDEADLK)
        cr_misuse("a stream is read by a task that is reading it: a destroy function or signal handler must not");
    if (result || cr_likely(!stream->skipping))
        return result;
    result = skip_rest(stream, deadline);
    if (result)
        cr_lock_give(&stream->in, self);
    return result;
}

ssize_t
coir_stream_read(struct coir_stream *stream, void *bytes, size_t size, coir_time deadline)
{
    struct coir_task *self = cr_task_self();
    ssize_t result;
    CR_STEP(0); /* JOURNEY 0: a handler calls coir_stream_read; nothing is buffered */
    result = begin_reading(stream, self, deadline);
    if (result)
        return result == AT_END ? 0 : result;
    if (size)
        result = buffered(stream) ? (ssize_t)take(stream, bytes, size) : fetch(stream, bytes, size, deadline);
    CR_STEP(5); /* JOURNEY 5: the bytes are in the handler's own memory */
    cr_lock_give(&stream->in, self);
    return result;
}

/* More than the buffer holds: straight into the caller's memory. */
static ssize_t
read_large(struct coir_stream *stream, char *bytes, size_t size, coir_time deadline)
{
    size_t done = take(stream, bytes, size);
    while (done < size) {
        ssize_t count = fetch(stream, bytes + done, size - done, deadline);
        if (count < 0)
            return count;
        if (count == 0)
            return done ? -EPIPE : 0;
        done += (size_t)count;
    }
    return (ssize_t)size;
}

static ssize_t
read_small(struct coir_stream *stream, void *bytes, size_t size, coir_time deadline)
{
    while (buffered(stream) < size) {
        ssize_t count = refill(stream, size, deadline);
        if (count < 0)
            return count;
        if (count == 0)
            return buffered(stream) ? -EPIPE : 0;
    }
    return (ssize_t)take(stream, bytes, size);
}

ssize_t
coir_stream_read_full(struct coir_stream *stream, void *bytes, size_t size, coir_time deadline)
{
    struct coir_task *self = cr_task_self();
    ssize_t result = begin_reading(stream, self, deadline);
    if (result)
        return result == AT_END ? 0 : result;
    if (size)
        result =
            size > FULL_ROOM ? read_large(stream, bytes, size, deadline) : read_small(stream, bytes, size, deadline);
    cr_lock_give(&stream->in, self);
    return result;
}

/* A whole line of length bytes lies at the beginning of the buffer, followed by feed bytes of line end. */
static ssize_t
hand_out(struct coir_stream *stream, char *line, size_t size, size_t length, size_t feed)
{
    const char *at = stream->bytes + stream->begin;
    if (feed && length && at[length - 1] == '\r') {
        length--;
        feed++;
    }
    if (length >= size) {
        stream->begin += length + feed;
        return -EMSGSIZE;
    }
    memcpy(line, at, length);
    line[length] = '\0';
    stream->begin += length + feed;
    return (ssize_t)length;
}

static ssize_t
read_line(struct coir_stream *stream, char *line, size_t size, coir_time deadline)
{
    size_t seen = 0;
    ssize_t count;
    for (;;) {
        const char *at = stream->bytes ? stream->bytes + stream->begin : NULL;
        const char *feed = buffered(stream) > seen ? memchr(at + seen, '\n', buffered(stream) - seen) : NULL;
        if (feed)
            return hand_out(stream, line, size, (size_t)(feed - at), 1);
        seen = buffered(stream);
        if (seen > size) { /* not even a CR at its end would make it fit */
            stream->skipping = true;
            stream->skip = (struct cr_skip){.size = 1, .until = "\n"};
            stream->begin = stream->end = 0;
            return -EMSGSIZE;
        }
        count = refill(stream, seen + 1 > size + 2 ? seen + 1 : size + 2 < FIRST_ROOM ? size + 2 : seen + 2, deadline);
        if (count < 0)
            return count;
        if (count == 0)
            return seen ? hand_out(stream, line, size, seen, 0) : -EPIPE;
    }
}

ssize_t
coir_stream_read_line(struct coir_stream *stream, char *line, size_t size, coir_time deadline)
{
    struct coir_task *self = cr_task_self();
    ssize_t result = begin_reading(stream, self, deadline);
    if (result)
        return result == AT_END ? -EPIPE : result;
    result = size ? read_line(stream, line, size, deadline) : -EINVAL;
    cr_lock_give(&stream->in, self);
    return result;
}

int
coir_stream_read_rest(struct coir_stream *stream, struct coir_buffer *buffer, coir_time deadline)
{
    char part[4096];
    ssize_t count;
    while ((count = coir_stream_read(stream, part, sizeof part, deadline)) > 0) {
        int error = coir_buffer_append(buffer, part, (size_t)count);
        if (error)
            return error;
    }
    return (int)count;
}

ssize_t
cr_stream_begin_reading(struct coir_stream *stream, struct coir_task *self, coir_time deadline)
{
    return begin_reading(stream, self, deadline);
}

ssize_t
cr_stream_fill(struct coir_stream *stream, size_t wanted, coir_time deadline)
{
    return refill(stream, wanted, deadline);
}

/* ---- Writing ---- */

/* Moves past count bytes that are out. */
static void
advance(struct iovec **parts, size_t *left, size_t count)
{
    while (*left && count >= (*parts)->iov_len) {
        count -= (*parts)->iov_len;
        (*parts)++;
        (*left)--;
    }
    if (*left) {
        (*parts)->iov_base = (char *)(*parts)->iov_base + count;
        (*parts)->iov_len -= count;
    }
}

/* What the kernel did not take at once: waits until it takes some. */
static int
send_waiting(struct coir_stream *stream, struct iovec *parts, size_t count, coir_time deadline)
{
    struct cr_pending pending;
    int sent;
    pending.op = (struct cr_op){.kind = stream->is_socket ? CR_OP_SEND : CR_OP_WRITE,
                                .fd = stream->fd,
                                .is_tcp = stream->is_tcp,
                                .is_file = stream->is_file,
                                .eager = !stream->is_socket, /* a socket has just said no */
                                .parts = parts,
                                .count = stream->is_socket ? count : 1};
    sent = stream->is_file ? cr_file_operate(&pending, cr_stream_out(stream), deadline)
                           : cr_operate(&pending, &stream->out, cr_stream_until(stream, deadline));
    return pending.kernel_failed && sent == -ETIMEDOUT ? -EPIPE : sent;
}

/* Nearly always a socket takes all of it at once, without a record and without the backend. */
static inline int
send_some(struct coir_stream *stream, struct iovec *parts, size_t count, coir_time deadline)
{
    int sent = -EAGAIN;
    if (cr_likely(stream->is_socket) && !cr_lock_is_closed(&stream->out))
        sent = cr_send_now(stream->fd, parts, count);
    if (sent == -EAGAIN || sent == -EINTR)
        sent = send_waiting(stream, parts, count, deadline);
    else if (sent == -ETIMEDOUT)
        sent = -EPIPE;
    return sent == -ECONNRESET ? -EPIPE : sent;
}

/* All parts (which are changed on the way). Under out. */
static int
send_all(struct coir_stream *stream, struct iovec *parts, size_t count, bool *begun, coir_time deadline)
{
    if (cr_unlikely(stream->is_file || stream->file))
        return cr_file_put(stream, parts, count, begun, deadline);
    advance(&parts, &count, 0);
    while (count) {
        int sent = send_some(stream, parts, count, deadline);
        if (cr_unlikely(sent < 0))
            return sent;
        *begun = true;
        advance(&parts, &count, (size_t)sent);
    }
    return 0;
}

static int
begin_writing(struct coir_stream *stream, struct coir_task *self, coir_time deadline)
{
    int error = cr_enter(self, deadline);
    if (!error)
        error = cr_lock_take(cr_stream_out(stream), self, deadline, CR_LOCK_CANCELABLE, &turn_to_write);
    return error;
}

int
cr_stream_begin_writing(struct coir_stream *stream, struct coir_task *self, coir_time deadline)
{
    return begin_writing(stream, self, deadline);
}

int
coir_stream_write_parts(struct coir_stream *stream, const struct iovec *parts, size_t count, coir_time deadline)
{
    struct coir_task *self = cr_task_self();
    struct iovec some[PARTS];
    bool begun = false;
    int error = begin_writing(stream, self, deadline);
    if (error)
        return error;
    if (stream->out_ended)
        error = -EPIPE;
    while (!error && count) {
        size_t now = count < PARTS ? count : PARTS;
        memcpy(some, parts, now * sizeof *parts);
        error = send_all(stream, some, now, &begun, deadline);
        begun |= !error; /* a file has collected these: the others must follow */
        parts += now;
        count -= now;
    }
    if (error && begun)
        stream->out_ended = true;
    cr_lock_give(cr_stream_out(stream), self);
    return error;
}

int
coir_stream_write(struct coir_stream *stream, const void *bytes, size_t size, coir_time deadline)
{
    struct coir_task *self = cr_task_self();
    struct iovec part = {(void *)(uintptr_t)bytes, size};
    bool begun = false;
    int error = begin_writing(stream, self, deadline);
    if (error)
        return error;
    error = stream->out_ended ? -EPIPE : send_all(stream, &part, 1, &begun, deadline);
    if (cr_unlikely(error && begun))
        stream->out_ended = true;
    cr_lock_give(cr_stream_out(stream), self);
    return error;
}

int
coir_stream_print(struct coir_stream *stream, coir_time deadline, const char *format, ...)
{
    char short_text[512], *text = short_text;
    va_list values;
    int size, error;
    va_start(values, format);
    size = vsnprintf(short_text, sizeof short_text, format, values);
    va_end(values);
    if (size < 0)
        return -EINVAL;
    if (size >= (int)sizeof short_text) {
        text = cr_alloc((size_t)size + 1);
        if (!text)
            return -ENOMEM;
        va_start(values, format);
        vsnprintf(text, (size_t)size + 1, format, values);
        va_end(values);
    }
    error = coir_stream_write(stream, text, (size_t)size, deadline);
    if (text != short_text)
        cr_free(text);
    return error;
}

/* ---- Ending ---- */

int
coir_stream_shutdown(struct coir_stream *stream, coir_time deadline)
{
    struct coir_task *self = cr_task_self();
    int error = begin_writing(stream, self, deadline);
    if (error)
        return error;
    if (!stream->out_ended && stream->is_socket)
        error = cr_world.shutdown(stream->fd, SHUT_WR);
    else if (!stream->out_ended && stream->file)
        error = cr_file_write_out(stream, deadline);
    stream->out_ended |= !error || stream->is_socket;
    if (stream->is_pipe_out && stream->out_ended && stream->fd >= 0) { /* its reader learns the end in no other way */
        (void)cr_descriptor_close(stream->fd);
        stream->fd = -1;
    }
    cr_lock_give(cr_stream_out(stream), self);
    return error == -ENOTCONN ? -EPIPE : error;
}

void
coir_stream_abort(struct coir_stream *stream)
{
    cr_lock_close(&stream->in);
    cr_lock_close(&stream->out);
}

int
coir_stream_close(struct coir_stream *stream)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    int error = 0, late = 0;
    bool is_file = stream && stream->is_file;
    if (!stream)
        return 0;
    if ((cr_load_acq(&stream->in.word) | cr_load_acq(&stream->out.word)) >> CR_LOCK_SHIFT)
        cr_misuse("coir_stream_close: the stream is in use; coir_stream_abort wakes those that wait in it");
    /* Aborted: the peer is to see a reset, not an end. */
    if (cr_lock_is_closed(&stream->in) && stream->is_tcp)
        (void)cr_world.set_option(stream->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    if (stream->file)
        error = cr_file_end(stream);
    if (stream->fd >= 0 && !cr_feed_leave(&stream->feeding, stream->fd))
        late = cr_descriptor_close(stream->fd);
    cr_passing_drop(stream);
    cr_free(stream->bytes);
    cr_free(stream);
    return error ? error : is_file ? late : 0;
}

int
coir_stream_fd(const struct coir_stream *shown)
{
    struct coir_stream *stream = (struct coir_stream *)(uintptr_t)shown;
    cr_store_rlx(&stream->feeding.shown, true);
    if (cr_load_rlx(&stream->feeding.feed)) { /* else nothing is read ahead; nor if somebody is reading, but for him */
        struct coir_task *self = cr_task_self();
        if (cr_lock_try(&stream->in, self)) {
            cr_feed_stop(&stream->feeding);
            cr_lock_give(&stream->in, self);
        }
    }
    return stream->fd >= 0 ? stream->fd : -EBADF;
}

static int
name(int (*row)(int fd, struct sockaddr *address, socklen_t *size), int fd, struct coir_address *address)
{
    int error;
    memset(address, 0, sizeof *address);
    address->size = sizeof address->storage;
    address->type = SOCK_STREAM;
    error = row(fd, (struct sockaddr *)&address->storage, &address->size);
    if (address->size > sizeof address->storage)
        address->size = sizeof address->storage;
    return error;
}

int
coir_stream_local(const struct coir_stream *stream, struct coir_address *address)
{
    return name(cr_world.local, stream->fd, address);
}

int
coir_stream_peer(const struct coir_stream *stream, struct coir_address *address)
{
    return name(cr_world.peer, stream->fd, address);
}

int
coir_stream_set_option(struct coir_stream *stream, int level, int option, const void *value, socklen_t size)
{
    return cr_world.set_option(stream->fd, level, option, value, size);
}

int
coir_stream_get_option(struct coir_stream *stream, int level, int option, void *value, socklen_t *size)
{
    return cr_world.get_option(stream->fd, level, option, value, size);
}

int
cr_stream_send_some(struct coir_stream *stream, struct iovec *parts, size_t count, coir_time deadline)
{
    return send_some(stream, parts, count, deadline);
}
