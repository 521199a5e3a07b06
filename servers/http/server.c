/* servers/http/server.c: the life of one connection.
 *
 * The happy path: wait for a request (idle), read its head, find its route, read its body and throw it away, call the
 * handler, and again. Bytes that came behind a request stay in the input buffer, so pipelined requests are answered one
 * after the other, in order.
 *
 * How it ends:
 *   the client ends it between requests, or is silent for idle_time     nothing is said
 *   the client is too slow with a request (header_time)                 408
 *   a request is refused (protocol/http_request.c, body_limit)          its status
 *   "Connection: close", HTTP/1.0, request_limit, a drain               after the answer
 *   a handler fails                                                     500, if it has not answered
 *   a route becomes a WebSocket                                         when its handler returns
 * When the end is ours, the way out is closed first and what the client still sends is read for a moment (linger): a socket
 * closed over unread bytes sends a reset, which may destroy the answer on its way.
 *
 * Bodies are read so that the next request is found, never for the handler. A client that asks (Expect) is told to go on
 * when its request has a route and is not too large. The body of a request that is answered without being read cannot be
 * told from the next request: then the answer is the last one.
 *
 * A connection's memory is allocated in one piece and mostly never touched: 8 KiB of input, 33 KiB for a head. */
#include "servers/http/server.h"

#include <coir/log.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "servers/http/connection.h"
#include "servers/http/handshake.h"
#include "servers/http/session.h"

#define LINGER_BYTES (256 * 1024) /* read at most after our end */

static const struct cr_http_options defaults = {
    .header_time = 10 * COIR_SECOND,
    .idle_time = 60 * COIR_SECOND,
    .write_time = 30 * COIR_SECOND,
    .linger_time = 1 * COIR_SECOND,
    .request_limit = 1000,
    .body_limit = 64 * 1024,
};

/* ---- Reading ---- */

/* The next event of the request, read for until the deadline: 0 or -errno; -ENODATA at the end of the stream. */
static int
next_event(struct cr_http_connection *connection, coir_time deadline, enum cr_http_event *event)
{
    for (;;) {
        size_t left = connection->input_size - connection->input_at;
        const char *bytes = connection->input + connection->input_at;
        connection->input_at += cr_http_request_feed(&connection->request, bytes, left, event);
        if (*event != CR_HTTP_MORE)
            return 0;
        ssize_t size = coir_stream_read(connection->stream, connection->input, sizeof(connection->input), deadline);
        if (size <= 0)
            return size == 0 ? -ENODATA : (int)size;
        connection->input_at = 0;
        connection->input_size = (size_t)size;
    }
}

/* Waits for the first bytes of a request: 0; -ENODATA: there are none to come; -ESHUTDOWN: it is time to end. */
static int
await_request(struct cr_http_connection *connection)
{
    coir_time span = connection->served == 0 ? connection->options.header_time : connection->options.idle_time;
    if (connection->input_at < connection->input_size)
        return 0;
    int error = cr_http_connection_idle(connection);
    if (error)
        return error;
    ssize_t size = coir_stream_read(connection->stream, connection->input, sizeof(connection->input), coir_after(span));
    bool is_draining = cr_http_connection_busy(connection);
    connection->input_at = 0;
    connection->input_size = size > 0 ? (size_t)size : 0;
    if (size == -ECANCELED && is_draining)
        return -ESHUTDOWN;
    if (size == -ETIMEDOUT && connection->served > 0)
        return -ENODATA;
    return size > 0 ? 0 : size == 0 ? -ENODATA : (int)size;
}

/* ---- Answers of our own ---- */

static int
answer_last(struct cr_http_connection *connection, int status, const char *fields)
{
    struct cr_http_exchange exchange = {connection, false};
    connection->is_last = true;
    return cr_http_answer_status(&exchange, status, fields);
}

static int
refuse(struct cr_http_connection *connection, int status, const char *reason)
{
    coir_log(COIR_LOG_DEBUG, "http: refused with %d: %s", status, reason);
    int error = answer_last(connection, status, NULL);
    return error ? error : -EPROTO;
}

/* The parser has refused the request. */
static int
refuse_request(struct cr_http_connection *connection)
{
    return refuse(connection, connection->request.status, connection->request.reason);
}

/* The request has stopped coming in the middle. */
static int
give_up(struct cr_http_connection *connection, int error)
{
    connection->is_last = true;
    if (error == -ENODATA)
        return -EPROTO;
    if (error == -ETIMEDOUT)
        (void)answer_last(connection, 408, NULL);
    return error;
}

/* ---- The body ---- */

static bool
waits_for_continue(const struct cr_http_connection *connection)
{
    const struct cr_http_request *request = &connection->request;
    return request->expects_continue && request->has_body && connection->input_at == connection->input_size;
}

/* Reads the body away, so that the next request is found: 0; a failure after which nothing can follow. */
static int
skip_body(struct cr_http_connection *connection)
{
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
    struct cr_http_request *request = &connection->request;
    coir_time deadline = coir_after(connection->options.header_time);
    size_t limit = connection->options.body_limit, have = 0;
    enum cr_http_event event = CR_HTTP_MORE;
    int error = 0;
    if (request->content_length > limit)
        return refuse(connection, 413, "body too large");
    if (waits_for_continue(connection))
        error = coir_stream_write(connection->stream, go_on, sizeof(go_on) - 1, deadline);
    while (!error && event != CR_HTTP_DONE) {
        error = next_event(connection, deadline, &event);
        if (!error && event == CR_HTTP_REFUSED)
            return refuse_request(connection);
        if (!error && event == CR_HTTP_BODY)
            have += request->body_size;
        if (have > limit)
            return refuse(connection, 413, "body too large");
    }
    return error ? give_up(connection, error) : 0;
}

/* ---- WebSockets ---- */

static int
answer_handshake(struct cr_http_connection *connection)
{
    char accept[CR_HANDSHAKE_ACCEPT_SIZE];
    cr_handshake_accept(cr_http_request_field(&connection->request, "sec-websocket-key"), accept);
    return coir_stream_print(connection->stream, coir_after(connection->options.write_time),
                             "HTTP/1.1 101 Switching Protocols\r\n"
                             "Upgrade: websocket\r\n"
                             "Connection: Upgrade\r\n"
                             "Sec-WebSocket-Accept: %s\r\n\r\n",
                             accept);
}

static int
close_code(int result)
{
    return result >= 0            ? CR_WEBSOCKET_NORMAL
           : result == -ECANCELED ? CR_WEBSOCKET_GOING_AWAY
                                  : CR_WEBSOCKET_SERVER_ERROR;
}

static int
talk(struct cr_http_connection *connection, const struct cr_http_route *route)
{
    struct cr_websocket websocket;
    cr_websocket_init(&websocket, connection->stream, connection->options.write_time, connection->input,
                      connection->input_at, connection->input_size, sizeof(connection->input));
    int result = route->websocket(&websocket, &connection->request, route->arg);
    /* Canceled, it may not wait any more: the close is sent if it can be sent at once. */
    coir_time deadline = coir_is_canceled() ? COIR_NOW : coir_after(connection->options.linger_time);
    cr_websocket_finish(&websocket, close_code(result), deadline);
    cr_websocket_fini(&websocket);
    return result < 0 ? result : 0;
}

static int
serve_websocket(struct cr_http_connection *connection, const struct cr_http_route *route)
{
    static const char upgrade[] = "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
    const char *reason;
    connection->is_last = true;
    int status = cr_handshake_check(&connection->request, connection->options.origins, &reason);
    if (status != 0) {
        coir_log(COIR_LOG_DEBUG, "http: handshake refused with %d: %s", status, reason);
        return answer_last(connection, status, status == 426 ? upgrade : NULL);
    }
    int error = answer_handshake(connection);
    return error ? error : talk(connection, route);
}

/* ---- Requests ---- */

static int
call_handler(struct cr_http_connection *connection, const struct cr_http_route *route)
{
    struct cr_http_exchange exchange = {connection, false};
    int error = route->handler(&exchange, route->arg);
    if (error >= 0 && exchange.is_answered)
        return 0;
    connection->is_last = true;
    if (!exchange.is_answered) {
        coir_log(COIR_LOG_ERROR, "http: no answer to %s %s: %s", connection->request.method, connection->request.path,
                 coir_error_text(error));
        (void)cr_http_answer_status(&exchange, 500, NULL);
    }
    return error < 0 ? error : 0;
}

/* No route: 404, 405, or 204 for OPTIONS. */
static int
answer_no_route(struct cr_http_connection *connection, int status, const char *allow)
{
    struct cr_http_exchange exchange = {connection, false};
    char fields[64 + 16];
    snprintf(fields, sizeof(fields), "Allow: %s\r\n", allow);
    if (waits_for_continue(connection))
        return answer_last(connection, status, status == 404 ? NULL : fields);
    int error = skip_body(connection);
    return error ? error : cr_http_answer_status(&exchange, status, status == 404 ? NULL : fields);
}

/* The head is complete. */
static int
answer_request(struct cr_http_connection *connection)
{
    char allow[64];
    int status;
    connection->is_last = ++connection->served >= connection->options.request_limit;
    const struct cr_http_route *route = cr_http_route_find(connection, &status, allow);
    if (!route)
        return answer_no_route(connection, status, allow);
    if (route->websocket)
        return serve_websocket(connection, route);
    int error = skip_body(connection);
    return error ? error : call_handler(connection, route);
}

/* From one request to the next: 0; -ENODATA or -ESHUTDOWN: there is none; else what broke. */
static int
serve_request(struct cr_http_connection *connection)
{
    enum cr_http_event event;
    cr_http_request_init(&connection->request, connection->text);
    int error = await_request(connection);
    if (error)
        return error;
    error = next_event(connection, coir_after(connection->options.header_time), &event);
    if (error)
        return give_up(connection, error);
    return event == CR_HTTP_REFUSED ? refuse_request(connection) : answer_request(connection);
}

/* ---- Connections ---- */

/* Ends our way and gives the client a moment to end its own. */
static void
linger(struct cr_http_connection *connection)
{
    coir_time deadline = coir_after(connection->options.linger_time);
    size_t have = 0;
    ssize_t size = coir_stream_shutdown(connection->stream, deadline) == 0;
    while (size > 0 && have < LINGER_BYTES) {
        size = coir_stream_read(connection->stream, connection->input, sizeof(connection->input), deadline);
        have += size > 0 ? (size_t)size : 0;
    }
}

static int
serve(struct cr_http_connection *connection)
{
    int error = 0;
    while (!error && !connection->is_last)
        error = serve_request(connection);
    if (connection->is_last)
        linger(connection);
    return error == -ENODATA || error == -ESHUTDOWN ? 0 : error;
}

static void
set_options(struct cr_http_options *options, const struct cr_http_options *asked)
{
    *options = asked ? *asked : defaults;
    options->header_time = options->header_time ? options->header_time : defaults.header_time;
    options->idle_time = options->idle_time ? options->idle_time : defaults.idle_time;
    options->write_time = options->write_time ? options->write_time : defaults.write_time;
    options->linger_time = options->linger_time ? options->linger_time : defaults.linger_time;
    options->request_limit = options->request_limit ? options->request_limit : defaults.request_limit;
    options->body_limit = options->body_limit ? options->body_limit : defaults.body_limit;
}

int
cr_http_serve_connection(struct coir_stream *stream, const struct cr_http_route *routes, size_t count,
                         const struct cr_http_options *options)
{
    struct cr_http_connection *connection = cr_alloc(sizeof(*connection));
    if (!connection)
        return -ENOMEM;
    memset(connection, 0, offsetof(struct cr_http_connection, request));
    set_options(&connection->options, options);
    connection->stream = stream;
    connection->routes = routes;
    connection->route_count = count;
    connection->date_second = -1;
    connection->input_at = connection->input_size = 0;
    cr_http_drain_join(connection);
    int error = serve(connection);
    cr_http_drain_leave(connection);
    cr_free(connection);
    return error;
}
