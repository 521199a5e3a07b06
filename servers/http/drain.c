/* servers/http/drain.c: how a server that shuts down ends its idle connections.
 *
 * Each connection lists itself once. While it waits for its next request it says so; a drain that begins cancels the tasks
 * of those that do, and marks all others, which then answer with "Connection: close" and end. So nobody polls, and the lock
 * a request takes is its connection's own. A request that arrives in the very moment its idle connection is canceled gets
 * no answer: to the client that is the same as a connection that had ended just before, which it must expect anyway
 * (RFC 9112, 9.3.1).
 *
 * Order of locks: the drain's, then the connection's. */
#include <errno.h>

#include "servers/http/connection.h"

static void
mark(struct cr_http_connection *connection)
{
    COIR_HOLD(&connection->mutex);
    connection->is_draining = true;
    if (connection->is_idle)
        coir_cancel(connection->task);
}

void
cr_http_drain_begin(struct cr_http_drain *drain)
{
    COIR_HOLD(&drain->mutex);
    drain->begun = true;
    for (struct cr_http_connection *each = drain->connections; each; each = each->next)
        mark(each);
}

bool
cr_http_drain_has_begun(struct cr_http_drain *drain)
{
    COIR_HOLD(&drain->mutex);
    return drain->begun;
}

void
cr_http_drain_join(struct cr_http_connection *connection)
{
    struct cr_http_drain *drain = connection->options.drain;
    coir_mutex_init(&connection->mutex, COIR_MUTEX_PLAIN);
    connection->task = coir_self();
    if (!drain)
        return;
    COIR_HOLD(&drain->mutex);
    connection->is_draining = drain->begun;
    connection->next = drain->connections;
    if (connection->next)
        connection->next->previous = connection;
    drain->connections = connection;
}

static void
unlist(struct cr_http_drain *drain, struct cr_http_connection *connection)
{
    COIR_HOLD(&drain->mutex);
    if (connection->next)
        connection->next->previous = connection->previous;
    if (connection->previous)
        connection->previous->next = connection->next;
    else
        drain->connections = connection->next;
}

void
cr_http_drain_leave(struct cr_http_connection *connection)
{
    if (connection->options.drain)
        unlist(connection->options.drain, connection);
    coir_mutex_fini(&connection->mutex);
}

int
cr_http_connection_idle(struct cr_http_connection *connection)
{
    if (!connection->options.drain)
        return 0;
    COIR_HOLD(&connection->mutex);
    connection->is_idle = !connection->is_draining;
    return connection->is_draining ? -ESHUTDOWN : 0;
}

bool
cr_http_connection_busy(struct cr_http_connection *connection)
{
    if (!connection->options.drain)
        return false;
    COIR_HOLD(&connection->mutex);
    connection->is_idle = false;
    return connection->is_draining;
}
