/* servers/http/server.h: serves HTTP/1.1 on one connection.
 *
 * The happy path: a task accepts a stream and calls cr_http_serve_connection, which reads requests, finds the route,
 * calls its handler and goes on until one side ends the connection. A handler answers with cr_http_answer, or is given a
 * WebSocket (servers/http/websocket.h) after the handshake has been checked. Everything runs on the calling task; a
 * server is many such tasks. See server.c for what is refused and how. */
#ifndef CR_SERVERS_HTTP_SERVER_H
#define CR_SERVERS_HTTP_SERVER_H

#include <coir/base.h>
#include <coir/mutex.h>
#include <coir/stream.h>

#include "protocol/http_request.h"

struct cr_http_connection;
struct cr_http_exchange;
struct cr_websocket;

/* Answers one request with cr_http_answer, once. 0; -errno: no answer is possible, the connection is closed (if nothing
 * was answered, with 500 first). */
typedef int cr_http_handler(struct cr_http_exchange *exchange, void *arg);

/* Talks over a WebSocket until it returns; then the closing handshake is finished and the connection closed. The request
 * is that of the handshake and lives as long as the call. 0 or -errno; for a WebSocket that is still open 0 means the
 * close code 1000, -errno 1011. */
typedef int cr_websocket_handler(struct cr_websocket *websocket, const struct cr_http_request *request, void *arg);

/* Exactly one of handler and websocket is set. */
struct cr_http_route {
    const char *method; /* "GET" (serves HEAD, too), "POST"...; with websocket: "GET" */
    const char *path;   /* the whole path, "/chat"; or all below: "/files/" followed by '*' */
    cr_http_handler *handler;
    cr_websocket_handler *websocket;
    void *arg; /* for the handler */
};

/* Ends idle connections when a server shuts down. Shared by all connections of a server and outlives them. */
struct cr_http_drain {
    struct coir_mutex mutex;                /* guards the rest */
    struct cr_http_connection *connections; /* those being served */
    bool begun;
};
#define CR_HTTP_DRAIN_INIT           \
    {                                \
        COIR_MUTEX_INIT, NULL, false \
    }

/* Zero in every member is the default; so is NULL for the options. Spans are in nanoseconds (COIR_SECOND). */
struct cr_http_options {
    coir_time header_time;      /* from a request's first byte to the end of its head, and again for its body; 10 s */
    coir_time idle_time;        /* between two requests; 60 s */
    coir_time write_time;       /* for one answer, and for the control frames of a WebSocket; 30 s */
    coir_time linger_time;      /* after our end of the connection, for the client's; 1 s */
    unsigned request_limit;     /* requests on one connection; 1,000 */
    size_t body_limit;          /* bytes of a request's body that are read (and thrown away); more: 413; 64 KiB */
    const char *const *origins; /* WebSockets: further origins allowed beside the server's own, NULL-terminated, such as
                                    "https://example.org"; "*" allows all. NULL: only its own */
    const char
        *security_policy; /* Content-Security-Policy of all answers; NULL: "default-src 'self'", framing refused */
    struct cr_http_drain *drain; /* NULL: none */
    uint64_t reserved[4];
};

/* Suspends. Serves requests until the connection ends; the stream stays the caller's, to be closed. 0: ended in order;
 * -ETIMEDOUT: the client was too slow; -EPROTO: it was refused (it has been told why); -ECANCELED; another -errno of the
 * stream, or of a handler. The first route that fits wins. Its memory (about 45 KiB, mostly untouched) is allocated at the
 * beginning: -ENOMEM. */
int cr_http_serve_connection(struct coir_stream *stream, const struct cr_http_route *routes, size_t count,
                             const struct cr_http_options *options);

/* From now on idle connections end at once (their tasks are canceled), the others after the answer they are at. Those
 * that are WebSockets are left to their handlers. May be called again; does not wait for their end. */
void cr_http_drain_begin(struct cr_http_drain *drain);
bool cr_http_drain_has_begun(struct cr_http_drain *drain);

/* The request being answered. Borrowed, until the handler returns. */
const struct cr_http_request *cr_http_exchange_request(const struct cr_http_exchange *exchange);
struct coir_stream *cr_http_exchange_stream(const struct cr_http_exchange *exchange); /* for its addresses */

struct cr_http_answer {
    int status;         /* 200...; 0: 200 */
    const char *type;   /* "text/html; charset=utf-8"; NULL: none, "text/plain; charset=utf-8" if there is a body */
    const char *etag;   /* with its quotes; NULL: none. If-None-Match is compared with it: 304 */
    const char *cache;  /* Cache-Control; NULL: "no-store" */
    const char *fields; /* further header lines, each ending in CRLF, already checked by the caller; NULL: none */
    const void *body;   /* the caller's */
    size_t size;
};

/* Suspends. Writes the answer with Date, Content-Length, Connection and the security headers; for HEAD without the body;
 * once per exchange (-EALREADY). 0 or -errno of the stream: then the handler returns it. */
int cr_http_answer(struct cr_http_exchange *exchange, const struct cr_http_answer *answer);

/* A short answer of plain text. */
int cr_http_answer_text(struct cr_http_exchange *exchange, int status, const char *text);

/* "Not Found" for 404; static; "" for a status it does not know. */
const char *cr_http_status_text(int status);

/* Bytes that never change, for a route {"GET", "/", cr_http_answer_content, NULL, &content}. */
struct cr_http_content {
    const char *type;  /* as above */
    const char *cache; /* NULL: "no-cache": kept by the browser, asked for again each time by its tag */
    const void *bytes;
    size_t size;
    char etag[40]; /* "" until cr_http_content_prepare */
};

/* Gives it its tag, a hash of its bytes. Before it is served. */
void cr_http_content_prepare(struct cr_http_content *content);

/* A cr_http_handler whose arg is a struct cr_http_content. */
int cr_http_answer_content(struct cr_http_exchange *exchange, void *content);

#endif
