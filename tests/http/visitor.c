/* tests/http/visitor.c: the client's half of a conversation, in one task of the runtime that serves the other. */
#include "tests/http/visitor.h"

#include <check.h>
#include <coir/runtime.h>

coir_time
cr_visitor_patience(void)
{
    return coir_after(CR_VISITOR_PATIENCE * COIR_SECOND);
}

void
cr_visitor_run(coir_function *body, void *arg)
{
    cr_visitor_run_on(1, body, arg);
}

void
cr_visitor_run_on(int workers, coir_function *body, void *arg)
{
    struct coir_runtime_options options = {.workers = workers};
    int result = coir_run(body, arg, &options);
    ck_assert_msg(result == 0, "%s", coir_error_text(result));
}

static int
serve(void *arg)
{
    struct cr_visitor *visitor = arg;
    int result = cr_http_serve_connection(visitor->far, visitor->routes, visitor->route_count, visitor->options);
    coir_stream_close(visitor->far);
    return result;
}

void
cr_visitor_come(struct cr_visitor *visitor, const struct cr_http_route *routes, size_t count,
                const struct cr_http_options *options)
{
    struct coir_stream *ends[2];
    ck_assert_int_eq(coir_stream_pair(ends), 0);
    *visitor = (struct cr_visitor){
        .near = ends[0], .far = ends[1], .routes = routes, .route_count = count, .options = options};
    ck_assert_int_eq(coir_go(serve, visitor, NULL, &visitor->server), 0);
}

void
cr_visitor_send(struct cr_visitor *visitor, const void *bytes, size_t size, size_t step)
{
    for (size_t at = 0; at < size; at += step) {
        size_t piece = size - at < step ? size - at : step;
        if (coir_stream_write(visitor->near, (const char *)bytes + at, piece, cr_visitor_patience()) != 0)
            return;
        if (piece < size)
            coir_yield();
    }
}

void
cr_visitor_half_close(struct cr_visitor *visitor)
{
    (void)coir_stream_shutdown(visitor->near, cr_visitor_patience());
}

size_t
cr_visitor_hear_all(struct cr_visitor *visitor, char *bytes, size_t room)
{
    size_t have = 0;
    ssize_t size;
    do {
        size = coir_stream_read(visitor->near, bytes + have, room - 1 - have, cr_visitor_patience());
        have += size > 0 ? (size_t)size : 0;
    } while (size > 0 && have < room - 1);
    ck_assert_msg(size == 0, "not the server's end: %s", coir_error_text((int)size)); /* a reset neither */
    bytes[have] = '\0';
    return have;
}

int
cr_visitor_await_end(struct cr_visitor *visitor)
{
    int error = coir_join(visitor->server, &visitor->result, cr_visitor_patience());
    ck_assert_msg(error == 0, "the server's task does not end: %s", coir_error_text(error));
    return visitor->result;
}

int
cr_visitor_leave(struct cr_visitor *visitor)
{
    coir_stream_close(visitor->near);
    return cr_visitor_await_end(visitor);
}
