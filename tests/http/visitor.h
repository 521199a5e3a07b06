/* tests/http/visitor.h: a client of servers/http in the same process, over a pair of streams. */
#ifndef CR_TESTS_HTTP_VISITOR_H
#define CR_TESTS_HTTP_VISITOR_H

#include <coir/stream.h>
#include <coir/task.h>

#include "servers/http/server.h"

enum { CR_VISITOR_PATIENCE = 15 }; /* seconds for each step of a conversation; then the test fails */

struct cr_visitor {
    struct coir_stream *near, *far; /* the client's end; the server's, closed by its task */
    struct coir_task *server;
    int result; /* of cr_http_serve_connection, after leave */
    const struct cr_http_route *routes;
    size_t route_count;
    const struct cr_http_options *options;
};

/* Runs body(arg) as the first task of a runtime of one worker; what is not 0 fails the test. */
void cr_visitor_run(coir_function *body, void *arg);

/* The same with several workers. */
void cr_visitor_run_on(int workers, coir_function *body, void *arg);

/* Comes: a task of the calling task's runtime serves him. */
void cr_visitor_come(struct cr_visitor *visitor, const struct cr_http_route *routes, size_t count,
                     const struct cr_http_options *options);

/* Sends in pieces of step bytes, letting the server run between them. The server may have ended before: then the rest is
 * lost. */
void cr_visitor_send(struct cr_visitor *visitor, const void *bytes, size_t size, size_t step);

/* Sends nothing more, but goes on reading. */
void cr_visitor_half_close(struct cr_visitor *visitor);

/* All the server says up to its end, NUL-terminated: its size, less than room. */
size_t cr_visitor_hear_all(struct cr_visitor *visitor, char *bytes, size_t room);

/* Waits until the server has ended of itself, the client being there still: its result. */
int cr_visitor_await_end(struct cr_visitor *visitor);

/* Closes the client's end and waits for the server's: its result. */
int cr_visitor_leave(struct cr_visitor *visitor);

/* The deadline of a step. */
coir_time cr_visitor_patience(void);

#endif
