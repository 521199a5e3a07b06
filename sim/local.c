/* sim/local.c: Unix stream sockets, as Linux has them. What is sent is in the peer's buffer at once; the sender's room is
 * counted by what lies there. A host's names are its own; a name of a file stays when its socket is closed, until it is
 * unlinked. Every folder exists. */
#include "sim/socket.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { SOMAXCONN_HERE = 4096 };

/* A name and who is bound to it; NULL: nobody any more. */
struct name {
    struct cr_list link;
    uint32_t host;
    struct sockaddr_un address;
    socklen_t size;
    struct cr_socket *socket;
};

static struct cr_list names = {&names, &names};

/* A path's length is told by its NUL; an abstract name's by size. */
static socklen_t
real_size(const struct sockaddr_un *address, socklen_t size)
{
    socklen_t head = offsetof(struct sockaddr_un, sun_path);
    if (size <= head || !address->sun_path[0])
        return size;
    return head + (socklen_t)strnlen(address->sun_path, size - head) + 1;
}

static struct name *
find(uint32_t host, const struct sockaddr_un *address, socklen_t size)
{
    for (struct cr_list *link = names.next; link != &names; link = link->next) {
        struct name *name = cr_container(link, struct name, link);
        if (name->host == host && name->size == size && !memcmp(&name->address, address, size))
            return name;
    }
    return NULL;
}

static struct name *
find_path(uint32_t host, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    return find(host, &address, real_size(&address, sizeof address));
}

static void
remove_name(struct name *name)
{
    cr_list_remove(&name->link);
    free(name);
}

int
cr_local_bind(struct cr_socket *socket, const struct sockaddr_un *address, socklen_t size)
{
    struct name *name;
    size = real_size(address, size);
    if (socket->name_size || size <= offsetof(struct sockaddr_un, sun_path))
        return -EINVAL;
    if (find(socket->host, address, size))
        return -EADDRINUSE;
    name = cr_net_alloc(sizeof *name);
    name->host = socket->host;
    memcpy(&name->address, address, size < sizeof name->address ? size : sizeof name->address);
    name->size = size;
    name->socket = socket;
    cr_list_append(&names, &name->link);
    socket->name = name->address;
    socket->name_size = size;
    return 0;
}

int
cr_local_listen(struct cr_socket *socket, int backlog)
{
    if (!socket->name_size || (socket->state != CR_SOCKET_CLOSED && socket->state != CR_SOCKET_LISTENING))
        return -EINVAL;
    socket->backlog = backlog < 0 || backlog > SOMAXCONN_HERE ? SOMAXCONN_HERE : (uint32_t)backlog;
    socket->state = CR_SOCKET_LISTENING;
    return 0;
}

void
cr_local_pair(struct cr_socket *one, struct cr_socket *other)
{
    one->state = other->state = CR_SOCKET_OPEN;
    one->peer = other;
    other->peer = one;
}

int
cr_local_connect(struct cr_socket *socket, const struct sockaddr_un *address, socklen_t size)
{
    struct name *name;
    struct cr_socket *listener, *child;
    if (size <= offsetof(struct sockaddr_un, sun_path))
        return -EINVAL;
    size = real_size(address, size);
    if (socket->state != CR_SOCKET_CLOSED || socket->peer_name_size)
        return socket->state == CR_SOCKET_LISTENING ? -EINVAL : -EISCONN;
    name = find(socket->host, address, size);
    if (!name)
        return address->sun_path[0] ? -ENOENT : -ECONNREFUSED;
    listener = name->socket;
    if (!listener || listener->state != CR_SOCKET_LISTENING || listener->shut & CR_SHUT_IN ||
        cr_net_draw(cr_net_plan()->refuse_ppm, "refuse"))
        return -ECONNREFUSED;
    if (listener->queued > listener->backlog || cr_net_draw(cr_net_plan()->backlog_ppm, "backlog"))
        return -EAGAIN;
    child = cr_socket_new(socket->host, AF_UNIX);
    child->name = socket->peer_name = name->address;
    child->name_size = socket->peer_name_size = name->size;
    child->peer_name = socket->name;
    child->peer_name_size = socket->name_size;
    child->listener = listener;
    cr_local_pair(socket, child);
    cr_list_append(&listener->queue, &child->queue_link);
    listener->queued++;
    cr_socket_changed(listener);
    cr_socket_changed(socket);
    return 0;
}

void
cr_local_shutdown(struct cr_socket *socket, unsigned how)
{
    socket->shut |= how;
    if (socket->peer) {
        socket->peer->shut |= (how & CR_SHUT_OUT ? CR_SHUT_IN : 0u) | (how & CR_SHUT_IN ? CR_SHUT_OUT : 0u);
        cr_socket_changed(socket->peer);
    }
    cr_socket_changed(socket);
}

static void
drop_queue(struct cr_socket *listener)
{
    while (!cr_list_is_empty(&listener->queue)) {
        struct cr_socket *child = cr_container(listener->queue.next, struct cr_socket, queue_link);
        cr_list_remove(&child->queue_link);
        child->listener = NULL;
        if (child->peer) /* as if something had been left unread */
            child->peer->error = ECONNRESET;
        cr_local_close(child);
    }
    listener->queued = 0;
}

/* Its descriptor is gone already. */
void
cr_local_close(struct cr_socket *socket)
{
    struct cr_socket *peer = socket->peer;
    if (socket->state == CR_SOCKET_LISTENING)
        drop_queue(socket);
    for (struct cr_list *link = names.next; link != &names; link = link->next) {
        struct name *name = cr_container(link, struct name, link);
        if (name->socket != socket)
            continue;
        name->socket = NULL;
        if (!name->address.sun_path[0])
            remove_name(name);
        break;
    }
    if (peer) {
        peer->shut = CR_SHUT_BOTH;
        peer->peer = NULL;
        if (socket->in.size && !socket->is_pipe)
            peer->error = ECONNRESET;
        cr_socket_changed(peer);
    }
    socket->peer = NULL;
    socket->state = CR_SOCKET_CLOSED;
    cr_socket_let_go(socket);
}

/* ---- Rows ---- */

static int
local_unlink(const char *path)
{
    struct name *name = find_path(cr_host_self(), path);
    if (!name)
        return -ENOENT;
    remove_name(name);
    return 0;
}

static int
local_set_mode(const char *path, unsigned mode)
{
    (void)mode;
    return find_path(cr_host_self(), path) ? 0 : -ENOENT;
}

void
cr_local_install(void)
{
    cr_world.unlink_socket = local_unlink;
    cr_world.set_mode = local_set_mode;
}

void
cr_local_reset_all(void)
{
    while (!cr_list_is_empty(&names))
        remove_name(cr_container(names.next, struct name, link));
}
