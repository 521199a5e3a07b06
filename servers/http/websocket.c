/* servers/http/websocket.c: messages over the frame parser and a stream.
 *
 * Reading: bytes come into the connection's input buffer, the parser takes them and unmasks them there, and payload is
 * copied to the reader's buffer. The reader also answers what must be answered: a ping by a pong, a close by a close, a
 * violation by a close with its code. When a read is interrupted inside a message, what had come of it is kept for the next
 * one, so that -ETIMEDOUT loses nothing.
 *
 * Writing: a frame is one write of the stream, which orders writers among themselves. The mutex around it is there for one
 * rule: nothing may follow a close. So a control frame waits for its turn behind a message under way, for write_time
 * at most; then the connection is taken for broken.
 *
 * How it ends, seen by the reader: -EPIPE for an end the client or we have asked for, and for a broken connection; then
 * close_code tells them apart. */
#include "servers/http/session.h"

#include <errno.h>
#include <string.h>

void
cr_websocket_init(struct cr_websocket *websocket, struct coir_stream *stream, coir_time write_time, void *input,
                  size_t input_at, size_t input_size, size_t input_capacity)
{
    struct cr_websocket_rules rules = {.message_limit = 0};
    memset(websocket, 0, sizeof(*websocket));
    websocket->stream = stream;
    websocket->write_time = write_time;
    websocket->input = input;
    websocket->input_at = input_at;
    websocket->input_size = input_size;
    websocket->input_capacity = input_capacity;
    websocket->heard = coir_now();
    cr_websocket_parser_init(&websocket->parser, &rules);
    coir_buffer_init(&websocket->kept, SIZE_MAX);
    coir_mutex_init(&websocket->sending, COIR_MUTEX_PLAIN);
}

void
cr_websocket_fini(struct cr_websocket *websocket)
{
    coir_buffer_fini(&websocket->kept);
    coir_mutex_fini(&websocket->sending);
}

/* ---- Writing ---- */

static int
send_frame(struct cr_websocket *websocket, unsigned opcode, const void *bytes, size_t size, coir_time deadline)
{
    uint8_t header[CR_WEBSOCKET_HEADER_SIZE];
    size_t header_size = cr_websocket_encode_header(header, opcode, true, size, NULL);
    struct iovec parts[] = {{header, header_size}, {(void *)(uintptr_t)bytes, size}};
    int error = coir_mutex_lock(&websocket->sending, deadline);
    if (error)
        return error;
    if (websocket->is_closed)
        error = -EPIPE;
    else
        error = coir_stream_write_parts(websocket->stream, parts, size > 0 ? 2 : 1, deadline);
    if (opcode == CR_WEBSOCKET_OP_CLOSE)
        websocket->is_closed = true;
    coir_mutex_unlock(&websocket->sending);
    return error;
}

int
cr_websocket_write(struct cr_websocket *websocket, enum cr_websocket_kind kind, const void *bytes, size_t size,
                   coir_time deadline)
{
    return send_frame(websocket, kind, bytes, size, deadline);
}

int
cr_websocket_ping(struct cr_websocket *websocket, coir_time deadline)
{
    return send_frame(websocket, CR_WEBSOCKET_OP_PING, NULL, 0, deadline);
}

int
cr_websocket_close(struct cr_websocket *websocket, int code, const char *reason, coir_time deadline)
{
    uint8_t payload[CR_WEBSOCKET_CONTROL_LIMIT];
    size_t size = cr_websocket_is_close_code(code) ? cr_websocket_encode_close(payload, code, reason) : 0;
    int error = send_frame(websocket, CR_WEBSOCKET_OP_CLOSE, payload, size, deadline);
    return error == -EPIPE ? 0 : error;
}

/* ---- Reading ---- */

/* Nothing more is to come; tells the client why. */
static ssize_t
end(struct cr_websocket *websocket, int code, const char *reason, ssize_t result)
{
    websocket->is_over = true;
    (void)cr_websocket_close(websocket, code, reason, coir_after(websocket->write_time));
    return result;
}

static ssize_t
end_broken(struct cr_websocket *websocket)
{
    websocket->is_over = true;
    websocket->close_code = CR_WEBSOCKET_BROKEN;
    return -EPIPE;
}

static bool
is_passing(ssize_t error)
{
    return error == -ETIMEDOUT || error == -ECANCELED || error == -EAGAIN;
}

/* More bytes, once all have been parsed: 0 or a failure. */
static ssize_t
fill(struct cr_websocket *websocket, coir_time deadline)
{
    ssize_t size = coir_stream_read(websocket->stream, websocket->input, websocket->input_capacity, deadline);
    if (size <= 0)
        return is_passing(size) ? size : end_broken(websocket);
    websocket->input_at = 0;
    websocket->input_size = (size_t)size;
    websocket->heard = coir_now();
    return 0;
}

static void
next_event(struct cr_websocket *websocket, struct cr_websocket_event *event)
{
    size_t left = websocket->input_size - websocket->input_at;
    websocket->input_at += cr_websocket_parse(&websocket->parser, websocket->input + websocket->input_at, left, event);
}

/* An event that is not part of a message: 0 to go on, or how reading ends. */
static ssize_t
obey(struct cr_websocket *websocket, const struct cr_websocket_event *event, coir_time deadline)
{
    ssize_t error;
    switch (event->type) {
    case CR_WEBSOCKET_MORE:
        return fill(websocket, deadline);
    case CR_WEBSOCKET_PING:
        error =
            send_frame(websocket, CR_WEBSOCKET_OP_PONG, event->bytes, event->size, coir_after(websocket->write_time));
        if (error == 0 || error == -EPIPE) /* after our own close no pong is due */
            return 0;
        return error == -ECANCELED ? error : end_broken(websocket);
    case CR_WEBSOCKET_CLOSE:
        websocket->close_code = event->code;
        return end(websocket, event->code, NULL, -EPIPE);
    case CR_WEBSOCKET_VIOLATION:
        return end(websocket, event->code, event->reason, event->code == CR_WEBSOCKET_TOO_BIG ? -EMSGSIZE : -EPROTO);
    default:
        return 0;
    }
}

/* Puts what an interrupted read has kept into the reader's buffer: its size. */
static ssize_t
take_kept(struct cr_websocket *websocket, void *buffer, size_t size)
{
    size_t kept = websocket->kept.size;
    if (kept > size)
        return end(websocket, CR_WEBSOCKET_TOO_BIG, "message too long", -EMSGSIZE);
    if (kept > 0)
        memcpy(buffer, websocket->kept.bytes, kept);
    coir_buffer_fini(&websocket->kept);
    coir_buffer_init(&websocket->kept, SIZE_MAX);
    return (ssize_t)kept;
}

/* An interrupted read. */
static ssize_t
keep(struct cr_websocket *websocket, const void *buffer, size_t size, ssize_t why)
{
    if (is_passing(why) && size > 0 && coir_buffer_append(&websocket->kept, buffer, size) != 0)
        return end(websocket, CR_WEBSOCKET_SERVER_ERROR, "out of memory", -ENOMEM);
    return why;
}

ssize_t
cr_websocket_read(struct cr_websocket *websocket, void *buffer, size_t size, enum cr_websocket_kind *kind,
                  coir_time deadline)
{
    struct cr_websocket_event event;
    if (websocket->is_over)
        return -EPIPE;
    cr_websocket_parser_set_limit(&websocket->parser, size);
    ssize_t have = take_kept(websocket, buffer, size);
    while (have >= 0) {
        next_event(websocket, &event);
        if (event.type != CR_WEBSOCKET_DATA) {
            ssize_t error = obey(websocket, &event, deadline);
            if (error)
                return keep(websocket, buffer, (size_t)have, error);
            continue;
        }
        if (event.size > size - (size_t)have) /* the rest of a message begun with a larger buffer */
            return end(websocket, CR_WEBSOCKET_TOO_BIG, "message too long", -EMSGSIZE);
        if (event.size > 0)
            memcpy((char *)buffer + have, event.bytes, event.size);
        have += (ssize_t)event.size;
        if (event.is_last) {
            if (kind)
                *kind = event.kind;
            break;
        }
    }
    return have;
}

coir_time
cr_websocket_heard(const struct cr_websocket *websocket)
{
    return websocket->heard;
}

int
cr_websocket_close_code(const struct cr_websocket *websocket)
{
    return websocket->close_code;
}

struct coir_stream *
cr_websocket_stream(const struct cr_websocket *websocket)
{
    return websocket->stream;
}

/* ---- The end ---- */

void
cr_websocket_finish(struct cr_websocket *websocket, int code, coir_time deadline)
{
    struct cr_websocket_event event;
    if (websocket->close_code == CR_WEBSOCKET_BROKEN) /* it did not end well, and a close would say so */
        return;
    if (cr_websocket_close(websocket, code, NULL, deadline) != 0)
        return;
    cr_websocket_parser_set_limit(&websocket->parser, UINT64_MAX);
    while (!websocket->is_over) {
        next_event(websocket, &event);
        if (event.type == CR_WEBSOCKET_CLOSE || event.type == CR_WEBSOCKET_VIOLATION)
            websocket->is_over = true;
        else if (event.type == CR_WEBSOCKET_MORE && fill(websocket, deadline) != 0)
            return;
    }
}
