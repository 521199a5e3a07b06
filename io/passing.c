/* io/passing.c: descriptors handed from process to process over a Unix socket, and who the peer is.
 *
 * A descriptor travels with one byte, so that both sides agree where in the stream it is. The kernel gives it to whoever
 * receives that byte, and closes it if he has not asked for descriptors. Whole lines, blocks and frames are read ahead: so what
 * a Unix socket's read buffer is filled with is always asked for with descriptors. A receive ends behind a byte that brings
 * one; nothing more is fetched while it lies there, so the last byte in the buffer is the one it came with. Feeds
 * (backend/feed.h), which take bytes without asking, are for TCP only for the same reason. */
#include "io/passing.h"

#include <string.h>

union control {
    struct cmsghdr head;
    char room[CMSG_SPACE(sizeof(int))];
};

static int
check(const struct coir_stream *stream, const char *call)
{
    return stream->is_socket && !stream->is_tcp ? 0 : cr_fail(-EOPNOTSUPP, "%s: the stream is no Unix socket", call);
}

void
cr_passing_drop(struct coir_stream *stream)
{
    if (stream->passed)
        (void)cr_world.close(stream->passed - 1);
    stream->passed = 0;
}

ssize_t
cr_passing_fetch(struct coir_stream *stream, void *bytes, size_t size, bool known_only, coir_time deadline)
{
    union control control;
    struct iovec part = {bytes, size};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = CMSG_LEN(sizeof(int))};
    struct cr_pending pending;
    int result;
    if (stream->at_end)
        return 0;
    pending.op = (struct cr_op){.kind = CR_OP_RECEIVE_MESSAGE,
                                .fd = stream->fd,
                                .known_only = known_only,
                                .eager = stream->eager,
                                .data = &message};
    result = cr_operate(&pending, &stream->in, cr_stream_until(stream, deadline));
    stream->eager = pending.op.eager;
    if (result == 0)
        stream->at_end = true;
    if (result > 0)
        cr_passing_drop(stream); /* its byte is no longer the last */
    if (result > 0 && message.msg_controllen >= CMSG_LEN(sizeof(int)) && control.head.cmsg_type == SCM_RIGHTS) {
        memcpy(&stream->passed, CMSG_DATA(&control.head), sizeof(int));
        stream->passed++;
    }
    return result;
}

int
coir_stream_send_fd(struct coir_stream *stream, int fd, coir_time deadline)
{
    struct coir_task *self = cr_task_self();
    union control control = {
        .head = {.cmsg_len = CMSG_LEN(sizeof fd), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
    struct iovec part = {"", 1};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = CMSG_LEN(sizeof fd)};
    struct cr_pending pending;
    int result = check(stream, "coir_stream_send_fd");
    if (!result)
        result = cr_stream_begin_writing(stream, self, deadline);
    if (result)
        return result;
    memcpy(CMSG_DATA(&control.head), &fd, sizeof fd);
    pending.op = (struct cr_op){.kind = CR_OP_SEND_MESSAGE, .fd = stream->fd, .eager = true, .data = &message};
    result = stream->out_ended ? -EPIPE : cr_operate(&pending, &stream->out, cr_stream_until(stream, deadline));
    cr_lock_give(&stream->out, self);
    return result == -ECONNRESET ? -EPIPE : result < 0 ? result : 0;
}

/* The next byte of the stream and its descriptor. Under in. */
static int
receive(struct coir_stream *stream, coir_time deadline)
{
    ssize_t count = 1;
    int fd;
    if (!cr_stream_buffered(stream))
        count = cr_stream_fill(stream, 1, deadline); /* what was kept has been passed over, and is dropped by it */
    if (count <= 0)
        return count ? (int)count : -EPIPE;
    fd = stream->passed - 1;
    if (fd < 0 || cr_stream_buffered(stream) > 1)
        return cr_fail(-EPROTO, "coir_stream_receive_fd: what comes next is a byte without a descriptor");
    stream->begin++;
    stream->passed = 0;
    return fd;
}

int
coir_stream_receive_fd(struct coir_stream *stream, coir_time deadline)
{
    struct coir_task *self = cr_task_self();
    ssize_t result = check(stream, "coir_stream_receive_fd");
    if (!result)
        result = cr_stream_begin_reading(stream, self, deadline);
    if (result)
        return result == CR_STREAM_END ? -EPIPE : (int)result;
    result = receive(stream, deadline);
    cr_lock_give(&stream->in, self);
    return (int)result;
}

int
coir_stream_credentials(const struct coir_stream *stream, struct coir_credentials *peer)
{
    struct ucred credentials;
    socklen_t size = sizeof credentials;
    int error = check(stream, "coir_stream_credentials");
    if (!error)
        error = cr_world.get_option(stream->fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size);
    if (!error)
        *peer = (struct coir_credentials){credentials.pid, credentials.uid, credentials.gid};
    return error;
}
