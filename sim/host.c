/* sim/host.c: machines: the descriptors of their programs, their ports, addresses and names.
 *
 * A descriptor's number says whose it is: CR_VIRTUAL + host * ROWS + n. As in a process, n is the lowest that is free,
 * from 3 on.
 *
 * The library holds one descriptor in reserve (io/listener.c), once in a process; here a process plays many. So the
 * reserve is one number for all hosts, RESERVE, that means the calling thread's host's own: each holds it from the
 * beginning. It is not counted among the open ones. */
#include "sim/socket.h"

#include "backend/descriptor.h"
#include "base/fault.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ROWS = CR_VIRTUAL / CR_NET_HOSTS,
    MOST_ROWS = 16000,
    STANDARD = 3, /* input, output, error */
    RESERVE = 2 * CR_VIRTUAL - 1,
    FIRST_PORT = 32768,
    LAST_PORT = 60999,
    PRIVILEGED = 1024,
};
#define FIRST_HOST UINT32_C(0x0a000001)

static struct host {
    struct cr_socket **rows;
    uint32_t room, lowest, open; /* no number below lowest is free */
    uint32_t limit;
    uint32_t first_port, last_port, port; /* port: the next to be given out */
    bool gave_reserve, down, silent;
} hosts[CR_NET_HOSTS];

uint32_t
cr_host_self(void)
{
    const struct cr_sim_thread *self = cr_sim_self();
    cr_always(self && self->host < CR_NET_HOSTS);
    return self->host;
}

/* ---- Descriptors ---- */

bool
cr_host_has_number(uint32_t number)
{
    const struct host *host = &hosts[number];
    return host->open + !host->gave_reserve + STANDARD < host->limit;
}

int
cr_host_open(struct cr_socket *socket)
{
    struct host *host = &hosts[socket->host];
    uint32_t at = host->lowest < STANDARD ? STANDARD : host->lowest;
    if (!cr_host_has_number(socket->host))
        return -EMFILE;
    while (at < host->room && host->rows[at])
        at++;
    if (at >= host->room) {
        uint32_t room = host->room ? 2 * host->room : 64;
        host->rows = realloc(host->rows, room * sizeof *host->rows);
        cr_always(host->rows);
        memset(host->rows + host->room, 0, (room - host->room) * sizeof *host->rows);
        host->room = room;
    }
    host->rows[at] = socket;
    host->lowest = at + 1;
    host->open++;
    socket->fd = (int)(CR_VIRTUAL + socket->host * ROWS + at);
    return socket->fd;
}

struct cr_socket *
cr_host_socket(int fd)
{
    uint32_t number = (uint32_t)fd - CR_VIRTUAL;
    const struct host *host;
    if (fd < CR_VIRTUAL || number / ROWS >= CR_NET_HOSTS)
        return NULL;
    host = &hosts[number / ROWS];
    return number % ROWS < host->room ? host->rows[number % ROWS] : NULL;
}

void
cr_host_close(int fd)
{
    struct cr_socket *socket = cr_host_socket(fd);
    struct host *host = &hosts[socket->host];
    uint32_t at = ((uint32_t)fd - CR_VIRTUAL) % ROWS;
    host->rows[at] = NULL;
    host->open--;
    if (at < host->lowest)
        host->lowest = at;
    socket->fd = -1;
}

void
cr_host_move(struct cr_socket *from, struct cr_socket *to)
{
    hosts[from->host].rows[((uint32_t)from->fd - CR_VIRTUAL) % ROWS] = to;
    to->fd = from->fd;
    from->fd = -1;
}

static int
host_open_nothing(void)
{
    struct host *host = &hosts[cr_host_self()];
    if (!host->gave_reserve)
        return RESERVE;
    if (host->open + STANDARD >= host->limit)
        return -EMFILE;
    host->gave_reserve = false;
    return RESERVE;
}

static int
host_close(int fd)
{
    struct cr_socket *socket = cr_host_socket(fd);
    if (fd == RESERVE) {
        hosts[cr_host_self()].gave_reserve = true;
        return 0;
    }
    if (cr_net_is_file(fd))
        return cr_net_world()->close(fd);
    if (!socket)
        return -EBADF;
    cr_net_note("close", socket, fd);
    cr_host_close(fd);
    cr_socket_forget(socket);
    if (socket->family == AF_UNSPEC || socket->dead)
        cr_socket_let_go(socket);
    else
        cr_socket_drop(socket);
    cr_link_settle();
    return 0;
}

size_t
cr_net_arrived(int fd)
{
    const struct cr_socket *socket = cr_host_socket(fd);
    return socket ? socket->in.size : 0;
}

uint32_t
cr_net_open_descriptors(uint32_t host)
{
    return hosts[host].open;
}

void
cr_net_host_set(uint32_t number, const struct cr_net_host *options)
{
    struct host *host = &hosts[number];
    cr_always(options->descriptors <= MOST_ROWS && options->first_port <= options->last_port);
    host->limit = options->descriptors ? options->descriptors : CR_NET_DESCRIPTORS;
    host->first_port = options->first_port ? options->first_port : FIRST_PORT;
    host->last_port = options->last_port ? options->last_port : LAST_PORT;
    host->port = host->first_port;
}

void
cr_host_reset_all(void)
{
    for (uint32_t i = 0; i < CR_NET_HOSTS; i++) {
        free(hosts[i].rows);
        hosts[i] = (struct host){0};
        cr_net_host_set(i, &(struct cr_net_host){0});
    }
}

/* ---- Up and down ---- */

bool
cr_host_is_down(uint32_t host)
{
    return hosts[host].down;
}

bool
cr_host_is_silent(uint32_t host)
{
    return hosts[host].silent;
}

void
cr_host_down(uint32_t host, bool silent)
{
    hosts[host].down = true;
    hosts[host].silent = silent;
}

void
cr_net_revive(uint32_t host)
{
    cr_sim_note("host revives", host);
    hosts[host].down = hosts[host].silent = false;
}

/* ---- Addresses ---- */

static bool
is_loop(uint32_t ip)
{
    return ip >> 24 == 127 || ip == CR_IP_SIX;
}

bool
cr_host_owns(uint32_t host, uint32_t ip)
{
    return ip == CR_IP_ANY || is_loop(ip) || ip == FIRST_HOST + host;
}

int
cr_host_of(uint32_t self, uint32_t ip)
{
    if (cr_host_owns(self, ip))
        return (int)self;
    return ip >= FIRST_HOST && ip < FIRST_HOST + CR_NET_HOSTS ? (int)(ip - FIRST_HOST) : -ENETUNREACH;
}

uint32_t
cr_host_source(uint32_t host, uint32_t to)
{
    return to == CR_IP_SIX ? CR_IP_SIX : is_loop(to) ? CR_IP_LOOP : FIRST_HOST + host;
}

static int
read_six(const struct sockaddr_in6 *six, struct cr_place *place)
{
    static const struct in6_addr loop = IN6ADDR_LOOPBACK_INIT;
    uint32_t last;
    memcpy(&last, &six->sin6_addr.s6_addr[12], sizeof last);
    place->port = ntohs(six->sin6_port);
    if (IN6_IS_ADDR_UNSPECIFIED(&six->sin6_addr))
        place->ip = CR_IP_ANY;
    else if (!memcmp(&six->sin6_addr, &loop, sizeof loop))
        place->ip = CR_IP_SIX;
    else if (IN6_IS_ADDR_V4MAPPED(&six->sin6_addr))
        place->ip = ntohl(last);
    else
        return -EADDRNOTAVAIL;
    return 0;
}

int
cr_place_read(const struct cr_socket *socket, const struct sockaddr *address, socklen_t size, struct cr_place *place)
{
    const struct sockaddr_in *four = (const struct sockaddr_in *)(const void *)address;
    if (size < sizeof address->sa_family)
        return -EINVAL;
    if (address->sa_family != socket->family)
        return size < sizeof *four ? -EINVAL : -EAFNOSUPPORT;
    if (socket->family == AF_INET6)
        return size < sizeof(struct sockaddr_in6) ? -EINVAL
                                                  : read_six((const struct sockaddr_in6 *)(const void *)address, place);
    if (size < sizeof *four)
        return -EINVAL;
    place->ip = ntohl(four->sin_addr.s_addr);
    place->port = ntohs(four->sin_port);
    return 0;
}

bool
cr_place_is_mapped(const struct cr_socket *socket, struct cr_place place)
{
    return socket->family == AF_INET6 && place.ip != CR_IP_ANY && place.ip != CR_IP_SIX;
}

static void
copy_out(const void *from, socklen_t length, struct sockaddr *address, socklen_t *size)
{
    memcpy(address, from, length < *size ? length : *size);
    *size = length;
}

void
cr_place_write(const struct cr_socket *socket, struct cr_place place, struct sockaddr *address, socklen_t *size)
{
    struct sockaddr_in four = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(place.ip), .sin_port = htons(place.port)};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(place.port)};
    if (socket->family == AF_INET) {
        copy_out(&four, sizeof four, address, size);
        return;
    }
    if (place.ip == CR_IP_SIX) {
        six.sin6_addr = (struct in6_addr)IN6ADDR_LOOPBACK_INIT;
    } else if (place.ip != CR_IP_ANY) {
        six.sin6_addr.s6_addr[10] = six.sin6_addr.s6_addr[11] = 0xff;
        memcpy(&six.sin6_addr.s6_addr[12], &four.sin_addr, sizeof four.sin_addr);
    }
    copy_out(&six, sizeof six, address, size);
}

/* ---- Ports ---- */

static bool
is_free(const struct cr_socket *socket, const struct cr_place *remote)
{
    if (cr_table_may_bind(socket, socket->local))
        return false;
    return !remote || !(remote->ip == socket->local.ip && remote->port == socket->local.port);
}

/* A port for a socket that has an address already. remote: where it connects to; NULL: it is only bound. */
int
cr_host_give_port(struct cr_socket *socket, const struct cr_place *remote)
{
    struct host *host = &hosts[socket->host];
    for (uint32_t i = host->first_port; i <= host->last_port; i++) {
        socket->local.port = (uint16_t)host->port;
        host->port = host->port < host->last_port ? host->port + 1 : host->first_port;
        if (is_free(socket, remote))
            return 0;
    }
    socket->local.port = 0;
    return remote ? -EADDRNOTAVAIL : -EADDRINUSE;
}

/* ---- Names ---- */

static bool
read_name(const char *name, uint32_t *ip)
{
    struct in_addr number;
    char *end;
    unsigned long host;
    if (inet_aton(name, &number)) { /* as getaddrinfo: also short forms, such as 127.1 */
        *ip = ntohl(number.s_addr);
        return true;
    }
    host = strtoul(name + (*name == 'h'), &end, 10);
    *ip = FIRST_HOST - 1 + (uint32_t)host;
    return *name == 'h' && name[1] >= '1' && name[1] <= '9' && !*end && host <= CR_NET_HOSTS;
}

static int
host_resolve(const char *name, const char *port, struct addrinfo **list, const char **reason)
{
    struct {
        struct addrinfo info;
        struct sockaddr_in address;
    } * made;
    uint32_t ip;
    char *end;
    unsigned long number = strtoul(port, &end, 10);
    *list = NULL;
    *reason = "no such name in the virtual network";
    if (CR_FAIL(CR_FAULT_RESOLVE))
        return -ENOMEM;
    if (*end || number > UINT16_MAX)
        return -EINVAL;
    if (cr_net_draw(cr_net_plan()->resolve_ppm, "no name server")) {
        *reason = "the name server does not answer";
        (void)cr_sim_wait(list, cr_sim_now() + cr_net_span(10 * COIR_SECOND, "name server"), "a name server");
        return -EHOSTUNREACH;
    }
    if (!read_name(name, &ip))
        return -ENOENT;
    made = cr_net_alloc(sizeof *made);
    made->address =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(ip), .sin_port = htons((uint16_t)number)};
    made->info = (struct addrinfo){.ai_family = AF_INET,
                                   .ai_socktype = SOCK_STREAM,
                                   .ai_addrlen = sizeof made->address,
                                   .ai_addr = (struct sockaddr *)&made->address};
    *list = &made->info;
    *reason = "";
    return 0;
}

static void
host_resolve_free(struct addrinfo *list)
{
    free(list);
}

void
cr_host_install(void)
{
    cr_world.open_nothing = host_open_nothing;
    cr_world.close = host_close;
    cr_world.resolve = host_resolve;
    cr_world.resolve_free = host_resolve_free;
}
