/* servers/http/connection.h: one connection, as the files of servers/http share it. The task that serves it owns all of it;
 * only the drain part is looked at by others. */
#ifndef CR_SERVERS_HTTP_CONNECTION_H
#define CR_SERVERS_HTTP_CONNECTION_H

#include <coir/task.h>

#include "servers/http/server.h"

enum { CR_HTTP_INPUT_SIZE = 8192 };

/* A request that is being answered. */
struct cr_http_exchange {
    struct cr_http_connection *connection;
    bool is_answered;
};

struct cr_http_connection {
    struct coir_stream *stream; /* borrowed */
    const struct cr_http_route *routes;
    size_t route_count;
    struct cr_http_options options; /* no member but drain and origins is 0 */
    unsigned served;                /* requests begun */
    bool is_last;                   /* after the answer to this request the connection ends */

    struct cr_http_connection *next, *previous; /* under options.drain->mutex */
    struct coir_task *task;                     /* to be canceled; set before it is listed */
    struct coir_mutex mutex;                    /* guards the next two; taken inside options.drain->mutex */
    bool is_idle, is_draining;

    int64_t date_second; /* when date is from, in seconds since 1970 */
    char date[32];       /* "Sun, 06 Nov 1994 08:49:37 GMT" */

    struct cr_http_request request;
    size_t input_at, input_size; /* input bytes not yet consumed: from, to */
    char input[CR_HTTP_INPUT_SIZE];
    char text[CR_HTTP_TEXT_SIZE]; /* the request's */
};

/* ---- drain.c ---- */

void cr_http_drain_join(struct cr_http_connection *connection);
void cr_http_drain_leave(struct cr_http_connection *connection);

/* Between two requests: from here to busy the task may be canceled. -ESHUTDOWN: it is time to end. */
int cr_http_connection_idle(struct cr_http_connection *connection);

/* From here on it is not canceled any more. Whether it has been asked to end. */
bool cr_http_connection_busy(struct cr_http_connection *connection);

/* ---- route.c ---- */

/* The first route for the request, or NULL and what to answer instead: 404, 405 or 204; allow (64 bytes) then holds the
 * methods the path is served with, "GET, HEAD". */
const struct cr_http_route *cr_http_route_find(const struct cr_http_connection *connection, int *status,
                                               char allow[64]);

/* ---- answer.c ---- */

/* A plain answer that only says its status; further header lines as in struct cr_http_answer. */
int cr_http_answer_status(struct cr_http_exchange *exchange, int status, const char *fields);

#endif
