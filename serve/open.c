/* serve/open.c: a server's doors: sockets that a service manager has handed over, or one for each address. */
#include "serve/server.h"

#include "base/memory.h"
#include "base/time.h"
#include "sched/task.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { FIRST_HANDED_OVER = 3, DATAGRAMS = 1024 /* at once */ };
#define GRACE (5 * COIR_SECOND)
#define LONGEST (CR_CLOCK_START / 4) /* so that it can be added to: nine years */

static int
find_address(struct cr_serve_door *door)
{
    return door->listener ? coir_listener_local(door->listener, &door->address)
                          : coir_datagram_local(door->datagram, &door->address);
}

static int
open_door(struct cr_serve_door *door, const char *address)
{
    const struct coir_server *server = door->server;
    int error = server->handler ? coir_listener_open(address, &server->options.listener, &door->listener)
                                : coir_datagram_open(address, NULL, &door->datagram);
    return error ? error : find_address(door);
}

static int
take_door(struct cr_serve_door *door, int fd)
{
    const struct coir_server *server = door->server;
    int error = server->handler ? coir_listener_from(fd, &server->options.listener, &door->listener)
                                : coir_datagram_from(fd, &door->datagram);
    if (error)
        return cr_fail(error, "socket %d, which the service manager has handed over (LISTEN_FDS), does not fit: %s", fd,
                       coir_error_text(error));
    return find_address(door);
}

static struct cr_serve_door *
next_door(struct coir_server *server)
{
    struct cr_serve_door *door = &server->doors[server->door_count];
    if (server->door_count == CR_SERVE_DOORS)
        return NULL;
    door->server = server;
    server->door_count++;
    return door;
}

static int
open_doors(struct coir_server *server, const char *addresses)
{
    const char *rest = addresses ? addresses : "";
    for (;;) {
        char address[COIR_ADDRESS_TEXT];
        size_t length;
        struct cr_serve_door *door;
        int error;
        rest += strspn(rest, " \t\n");
        length = strcspn(rest, " \t\n");
        if (!length)
            return server->door_count ? 0 : cr_fail(-EINVAL, "coir_serve: no address to serve at");
        door = next_door(server);
        if (!door || length >= sizeof address)
            return cr_fail(-EINVAL, "coir_serve: %s", door ? "an address is too long" : "at most 16 addresses");
        memcpy(address, rest, length);
        address[length] = '\0';
        error = open_door(door, address);
        if (error)
            return error;
        rest += length;
    }
}

static int
take_doors(struct coir_server *server, int count)
{
    int error = count > CR_SERVE_DOORS ? cr_fail(-EINVAL, "coir_serve: at most 16 sockets (LISTEN_FDS)") : 0;
    for (int i = 0; i < count && !error; i++)
        error = take_door(next_door(server), FIRST_HANDED_OVER + i);
    if (!error)
        cr_server_log(server, COIR_LOG_INFO, "serving at %d socket%s that the service manager has handed over", count,
                      count == 1 ? "" : "s");
    return error;
}

static bool
is_span(coir_time *span)
{
    if (*span == COIR_NEVER)
        *span = LONGEST;
    return *span >= 0 && *span <= LONGEST;
}

static int
take_spans(struct coir_serve_options *options)
{
    if (!options->grace)
        options->grace = GRACE;
    return is_span(&options->idle) && is_span(&options->whole) && is_span(&options->grace)
               ? 0
               : cr_fail(-EINVAL,
                         "coir_serve: idle, whole and grace are spans, such as 5 * COIR_SECOND, and not moments");
}

int
cr_server_open(const char *addresses, const struct coir_server *wanted, bool inherit, struct coir_server **server)
{
    struct coir_server *made = cr_alloc(sizeof *made);
    int handed_over = inherit ? cr_manager_sockets() : 0, error;
    *server = NULL;
    if (!made)
        return -ENOMEM;
    *made = *wanted;
    error = cr_model_parse(made->options.model, &made->choice);
    if (!error && !made->handler && made->choice.process_each)
        error = cr_fail(
            -EINVAL, "model fork: it makes a process for each connection, and datagrams have none; take processes:P");
    if (!error)
        error = take_spans(&made->options);
    if (!made->options.connections)
        made->options.connections = made->handler ? SIZE_MAX : DATAGRAMS;
    if (!error)
        error = handed_over > 0 ? take_doors(made, handed_over) : open_doors(made, addresses);
    if (error)
        cr_server_free(made);
    else
        *server = made;
    return error;
}

void
cr_server_free(struct coir_server *server)
{
    for (size_t i = 0; i < server->door_count; i++) {
        coir_listener_close(server->doors[i].listener);
        coir_datagram_close(server->doors[i].datagram);
    }
    cr_free(server);
}

int
coir_server_local(const struct coir_server *server, size_t index, struct coir_address *address)
{
    if (index >= server->door_count)
        return -ENOENT;
    *address = server->doors[index].address;
    return 0;
}
