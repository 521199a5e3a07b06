/* sim/socket.c: the rows of the world about sockets: making them, binding, options, names, shutting down. */
#include "sim/socket.h"

#include "base/fault.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

/* Of buffers, in bytes: Linux's limits, without what it counts for its own records. */
enum { LEAST_SEND = 2304, LEAST_RECEIVE = 1152, MOST_BUFFER = 212992 };
enum { LACKS = 4 };

bool
cr_socket_is_tcp(const struct cr_socket *socket)
{
    return socket->family == AF_INET || socket->family == AF_INET6;
}

void
cr_socket_drop(struct cr_socket *socket)
{
    if (cr_socket_is_tcp(socket))
        cr_tcp_close(socket);
    else
        cr_local_close(socket);
}

/* ---- Making ---- */

int
cr_socket_lack(uint32_t ppm)
{
    static const int lacks[LACKS] = {-EMFILE, -ENFILE, -ENOBUFS, -ENOMEM};
    return cr_net_draw(ppm, "lack") ? lacks[cr_sim_chance(LACKS, "of what")] : 0;
}

static int
make(int family, struct cr_socket **made)
{
    struct cr_socket *socket = cr_socket_new(cr_host_self(), family);
    int fd = cr_host_open(socket);
    if (fd < 0)
        cr_socket_let_go(socket);
    *made = fd < 0 ? NULL : socket;
    return fd;
}

static int
may_make(void)
{
    if (cr_host_is_down(cr_host_self()))
        return -ENETDOWN;
    return cr_socket_lack(cr_net_plan()->socket_ppm);
}

static int
row_socket(int family, int type)
{
    struct cr_socket *socket;
    int error = CR_FAIL(CR_FAULT_SOCKET) ? -EMFILE : may_make(), fd;
    if (error)
        return error;
    if (family != AF_INET && family != AF_INET6 && family != AF_UNIX)
        return -EAFNOSUPPORT;
    if (type != SOCK_STREAM) /* datagrams are not simulated */
        return -EOPNOTSUPP;
    fd = make(family, &socket);
    cr_sim_note("socket", (uint64_t)(int64_t)fd);
    return fd;
}

static int
make_pair(int ends[2], struct cr_socket *sockets[2])
{
    int error = may_make();
    if (error)
        return error;
    ends[0] = make(AF_UNIX, &sockets[0]);
    if (ends[0] < 0)
        return ends[0];
    ends[1] = make(AF_UNIX, &sockets[1]);
    if (ends[1] < 0) {
        cr_host_close(ends[0]);
        cr_socket_let_go(sockets[0]);
        return ends[1];
    }
    cr_local_pair(sockets[0], sockets[1]);
    cr_sim_note("pair", (uint64_t)ends[0] << 32 | (uint32_t)ends[1]);
    return 0;
}

static int
row_pair(int ends[2])
{
    struct cr_socket *sockets[2];
    return CR_FAIL(CR_FAULT_SOCKET) ? -EMFILE : make_pair(ends, sockets);
}

int
cr_net_pipe(int ends[2])
{
    struct cr_socket *sockets[2];
    int error = make_pair(ends, sockets);
    if (error)
        return error;
    sockets[0]->is_pipe = sockets[1]->is_pipe = true;
    sockets[0]->shut = CR_SHUT_OUT;
    sockets[1]->shut = CR_SHUT_IN;
    return 0;
}

/* The socket behind a number, if calls on it make sense. */
static int
find(int fd, struct cr_socket **socket)
{
    *socket = cr_host_socket(fd);
    if (!*socket)
        return -EBADF;
    if ((*socket)->dead)
        return -ENETDOWN;
    return (*socket)->family == AF_UNSPEC || (*socket)->is_pipe ? -ENOTSOCK : 0;
}

/* ---- Places ---- */

static int
bind_tcp(struct cr_socket *socket, const struct sockaddr *address, socklen_t size)
{
    struct cr_place place;
    int error = cr_place_read(socket, address, size, &place);
    bool is_bound = socket->state != CR_SOCKET_CLOSED || socket->local.port;
    if (!error && !cr_host_owns(socket->host, place.ip))
        error = -EADDRNOTAVAIL;
    if (error == -EADDRNOTAVAIL && socket->family == AF_INET6 && is_bound) /* as Linux has it: not so for AF_INET */
        return -EINVAL;
    if (error)
        return error;
    if (is_bound || (socket->only_six && cr_place_is_mapped(socket, place)))
        return -EINVAL;
    if (place.port) {
        error = cr_table_may_bind(socket, place);
        socket->local = place;
    } else {
        socket->local = place;
        error = cr_host_give_port(socket, NULL);
    }
    if (error)
        socket->local = (struct cr_place){0, 0};
    else
        cr_table_add(socket);
    return error;
}

static int
row_bind(int fd, const struct sockaddr *address, socklen_t size)
{
    struct cr_socket *socket;
    int error = CR_FAIL(CR_FAULT_BIND) ? -EADDRINUSE : find(fd, &socket);
    if (error)
        return error;
    if (cr_socket_is_tcp(socket))
        return bind_tcp(socket, address, size);
    if (size < sizeof address->sa_family || size > sizeof(struct sockaddr_un) || address->sa_family != AF_UNIX)
        return -EINVAL;
    return cr_local_bind(socket, (const struct sockaddr_un *)(const void *)address, size);
}

static int
row_listen(int fd, int backlog)
{
    struct cr_socket *socket;
    int error = CR_FAIL(CR_FAULT_BIND) ? -EADDRINUSE : find(fd, &socket);
    if (error)
        return error;
    cr_net_note("listen", socket, backlog);
    return cr_socket_is_tcp(socket) ? cr_tcp_listen(socket, backlog) : cr_local_listen(socket, backlog);
}

static void
write_local(const struct sockaddr_un *name, socklen_t length, struct sockaddr *address, socklen_t *size)
{
    struct sockaddr_un none = {.sun_family = AF_UNIX};
    if (!length) {
        name = &none;
        length = sizeof none.sun_family;
    }
    memcpy(address, name, length < *size ? length : *size);
    *size = length;
}

static int
row_local(int fd, struct sockaddr *address, socklen_t *size)
{
    struct cr_socket *socket;
    int error = find(fd, &socket);
    if (error)
        return error;
    if (cr_socket_is_tcp(socket))
        cr_place_write(socket, socket->local, address, size);
    else
        write_local(&socket->name, socket->name_size, address, size);
    return 0;
}

static int
row_peer(int fd, struct sockaddr *address, socklen_t *size)
{
    struct cr_socket *socket;
    int error = find(fd, &socket);
    if (error)
        return error;
    if (socket->state != CR_SOCKET_OPEN)
        return -ENOTCONN;
    if (cr_socket_is_tcp(socket))
        cr_place_write(socket, socket->remote, address, size);
    else
        write_local(&socket->peer_name, socket->peer_name_size, address, size);
    return 0;
}

/* ---- Options ---- */

static size_t
room(int wanted, int least)
{
    return (size_t)(wanted < least ? least : wanted > MOST_BUFFER ? MOST_BUFFER : wanted);
}

static int
set_socket_option(struct cr_socket *socket, int name, const void *value, socklen_t size)
{
    int number;
    if (size < sizeof number)
        return -EINVAL;
    memcpy(&number, value, sizeof number);
    switch (name) {
    case SO_REUSEADDR:
        socket->reuse = number;
        return 0;
    case SO_REUSEPORT:
        socket->share = number;
        return 0;
    case SO_SNDBUF:
        socket->send_room = room(number, LEAST_SEND);
        return 0;
    case SO_RCVBUF:
        socket->receive_room = room(number, LEAST_RECEIVE);
        return 0;
    case SO_KEEPALIVE:
        if (!socket->keepalive && number && cr_socket_is_tcp(socket)) {
            socket->keepalive = true;
            cr_tcp_keepalive(socket);
        }
        socket->keepalive = number;
        return 0;
    case SO_LINGER: {
        struct linger linger;
        if (size < sizeof linger)
            return -EINVAL;
        memcpy(&linger, value, sizeof linger);
        socket->reset_at_close = linger.l_onoff && !linger.l_linger; /* others close without waiting */
        return 0;
    }
    default:
        return -ENOPROTOOPT;
    }
}

static int
set_protocol_option(struct cr_socket *socket, int level, int name, const void *value, socklen_t size)
{
    int number;
    if (size < sizeof number)
        return -EINVAL;
    memcpy(&number, value, sizeof number);
    if (level == IPPROTO_TCP && cr_socket_is_tcp(socket)) {
        if (name == TCP_KEEPIDLE) {
            socket->idle_span = number * COIR_SECOND;
            return number < 1 ? -EINVAL : 0;
        }
        return name == TCP_NODELAY ? 0 : -ENOPROTOOPT; /* there is no Nagle here */
    }
    if (level == IPPROTO_IPV6 && name == IPV6_V6ONLY && socket->family == AF_INET6) {
        socket->only_six = number;
        return socket->local.port ? -EINVAL : 0;
    }
    return socket->family == AF_UNIX ? -EOPNOTSUPP : -ENOPROTOOPT;
}

static int
row_set_option(int fd, int level, int name, const void *value, socklen_t size)
{
    struct cr_socket *socket;
    int error = find(fd, &socket);
    if (error)
        return error;
    return level == SOL_SOCKET ? set_socket_option(socket, name, value, size)
                               : set_protocol_option(socket, level, name, value, size);
}

static int
row_get_option(int fd, int level, int name, void *value, socklen_t *size)
{
    struct cr_socket *socket;
    int number, error = find(fd, &socket);
    if (error)
        return error;
    if (level != SOL_SOCKET)
        return -ENOPROTOOPT;
    switch (name) {
    case SO_ERROR:
        number = socket->error;
        socket->error = 0;
        break;
    case SO_ACCEPTCONN:
        number = socket->state == CR_SOCKET_LISTENING;
        break;
    case SO_DOMAIN:
        number = socket->family;
        break;
    case SO_TYPE:
        number = SOCK_STREAM;
        break;
    case SO_SNDBUF: /* doubled, as Linux answers */
        number = (int)(2 * socket->send_room);
        break;
    case SO_RCVBUF:
        number = (int)(2 * socket->receive_room);
        break;
    default:
        return -ENOPROTOOPT;
    }
    memcpy(value, &number, *size < sizeof number ? *size : sizeof number);
    *size = sizeof number;
    return 0;
}

/* ---- The rest ---- */

static int
row_shutdown(int fd, int how)
{
    struct cr_socket *socket;
    unsigned ways = how == SHUT_RD ? CR_SHUT_IN : how == SHUT_WR ? CR_SHUT_OUT : CR_SHUT_BOTH;
    int error = find(fd, &socket);
    if (error)
        return error;
    cr_net_note("shutdown", socket, ways);
    if (!cr_socket_is_tcp(socket)) {
        cr_local_shutdown(socket, ways);
        return 0;
    }
    error = socket->state == CR_SOCKET_CLOSED ? -ENOTCONN : 0;
    cr_tcp_shutdown(socket, ways);
    cr_link_settle();
    return error;
}

static int
row_kind(int fd, enum cr_file_kind *kind)
{
    struct cr_socket *socket = cr_host_socket(fd);
    if (cr_net_is_file(fd))
        return cr_net_world()->kind(fd, kind);
    if (!socket)
        return -EBADF;
    *kind = socket->family == AF_UNSPEC ? CR_KIND_OTHER : socket->is_pipe ? CR_KIND_PIPE : CR_KIND_SOCKET;
    return 0;
}

void
cr_socket_install(void)
{
    cr_world.socket = row_socket;
    cr_world.pair = row_pair;
    cr_world.bind = row_bind;
    cr_world.listen = row_listen;
    cr_world.set_option = row_set_option;
    cr_world.get_option = row_get_option;
    cr_world.local = row_local;
    cr_world.peer = row_peer;
    cr_world.shutdown = row_shutdown;
    cr_world.kind = row_kind;
}
