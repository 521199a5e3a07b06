/* servers/http/route.c: which handler a request is for. A server has a handful of routes; they are tried in order. */
#include <string.h>

#include "servers/http/connection.h"

static bool
fits_path(const struct cr_http_route *route, const char *path)
{
    size_t size = strlen(route->path);
    if (size > 0 && route->path[size - 1] == '*')
        return strncmp(route->path, path, size - 1) == 0;
    return strcmp(route->path, path) == 0;
}

static bool
fits_method(const struct cr_http_route *route, const char *method)
{
    bool is_head = strcmp(method, "HEAD") == 0 && strcmp(route->method, "GET") == 0 && !route->websocket;
    return is_head || strcmp(route->method, method) == 0;
}

/* Adds a method that is not there yet and has room. */
static void
add_method(char allow[64], const char *method)
{
    size_t size = strlen(allow), length = strlen(method);
    if (cr_http_list_has(allow, method) || size + 2 + length >= 64)
        return;
    if (size > 0)
        strcpy(allow + size, ", ");
    strcat(allow, method);
}

static void
add_route(char allow[64], const struct cr_http_route *route)
{
    add_method(allow, route->method);
    if (fits_method(route, "HEAD"))
        add_method(allow, "HEAD");
}

const struct cr_http_route *
cr_http_route_find(const struct cr_http_connection *connection, int *status, char allow[64])
{
    const struct cr_http_request *request = &connection->request;
    bool is_options = strcmp(request->method, "OPTIONS") == 0;
    bool is_asterisk = strcmp(request->path, "*") == 0;
    allow[0] = '\0';
    for (size_t i = 0; i < connection->route_count; i++) {
        const struct cr_http_route *route = &connection->routes[i];
        if (!is_asterisk && !fits_path(route, request->path))
            continue;
        if (!is_asterisk && fits_method(route, request->method))
            return route;
        add_route(allow, route);
    }
    *status = allow[0] == '\0' && !is_asterisk ? 404 : is_options ? 204 : 405;
    return NULL;
}
