/* sim/tcp.c: a transport that looks to its users as Linux's TCP does. Checked against the real one, call by call.
 *
 * A connection begins with SYN, SYN and ACK, ACK; a full queue drops the first or the last, and it comes again. Bytes go
 * as far as the peer's window (edge) lets them; each packet of them is acknowledged. What comes out of order is thrown
 * away: after a loss all from there on is sent again (cr_tcp_lost arms the timer: 0.2 s, doubling up to 2 minutes; 15
 * times in vain: ETIMEDOUT; a SYN from 1 s on, 6 times). There is no congestion control and no Nagle.
 *
 * Who closes with bytes unread, or with SO_LINGER 0, resets; who closes otherwise lives on without a descriptor until
 * all is acknowledged, and resets when bytes come then. Who has said its end first answers for a minute (OLD).
 *
 * Packets carry the numbers of both sockets, where TCP has sequence numbers that begin anywhere: so a late packet of an
 * earlier connection is known as such. */
#include "sim/socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

enum { PIECE = 16 * 1024, BACKLOG = 4096 }; /* backlog: somaxconn */

bool
cr_tcp_is_alone(const struct cr_socket *socket)
{
    return socket->fd < 0 && !socket->listener;
}

/* ---- Sending ---- */

/* How far the peer may send. It is never taken back. */
static uint64_t
edge(struct cr_socket *socket)
{
    size_t held = socket->in.size;
    uint64_t now = socket->received + (socket->receive_room > held ? socket->receive_room - held : 0);
    if (socket->told < now)
        socket->told = now;
    return socket->told;
}

void
cr_tcp_packet(struct cr_socket *socket, unsigned flags, uint64_t at, size_t size)
{
    struct cr_packet *packet = cr_packet_new(size);
    packet->from = socket->local;
    packet->to = socket->remote;
    packet->from_host = socket->host;
    packet->to_host = socket->remote_host;
    packet->from_id = socket->id;
    packet->to_id = socket->peer_id;
    packet->flags = flags;
    packet->at = at;
    packet->ack = socket->received;
    packet->edge = edge(socket);
    if (size)
        memcpy(packet->bytes, socket->out.memory + socket->out.begin + (at - socket->unacked), size);
    cr_link_send(socket, packet);
}

void
cr_tcp_acknowledge(struct cr_socket *socket)
{
    cr_tcp_packet(socket, CR_ACK, socket->next, 0);
}

uint64_t
cr_tcp_end(const struct cr_socket *socket)
{
    return socket->unacked + socket->out.size;
}

void
cr_tcp_send(struct cr_socket *socket)
{
    uint64_t end = cr_tcp_end(socket), most;
    if (socket->state != CR_SOCKET_OPEN)
        return;
    most = end < socket->edge ? end : socket->edge;
    while (socket->next < most) {
        uint64_t left = most - socket->next;
        size_t size = cr_link_cut(socket->host, socket->remote_host, left < PIECE ? (size_t)left : PIECE);
        cr_tcp_packet(socket, CR_ACK, socket->next, size);
        socket->next += size;
    }
    if (socket->ending && socket->next == end) {
        cr_tcp_packet(socket, CR_FIN | CR_ACK, end, 0);
        socket->next = end + 1;
    }
    /* The peer takes no more, as far as is known; that it does again may be what has been lost. */
    if (socket->lossy && socket->next < end && socket->next == socket->unacked)
        cr_tcp_arm_once(socket);
}

void
cr_tcp_taken(struct cr_socket *socket)
{
    size_t step = socket->receive_room / 2 < PIECE ? socket->receive_room / 2 : PIECE;
    if (socket->state == CR_SOCKET_OPEN && !socket->end_received &&
        socket->received + socket->receive_room >= socket->told + socket->in.size + step)
        cr_tcp_acknowledge(socket);
}

/* ---- The end ---- */

/* It is over, for its own reasons or for this error. */
void
cr_tcp_over(struct cr_socket *socket, int error)
{
    if (error)
        cr_net_note("connection fails", socket, error);
    if (socket->state == CR_SOCKET_ANSWERING)
        socket->listener = NULL;
    socket->error = error;
    socket->state = CR_SOCKET_CLOSED;
    socket->shut = CR_SHUT_BOTH;
    socket->due = 0;
    socket->ending = socket->wants_room = false;
    cr_bytes_free(&socket->out);
    cr_table_remove(socket);
    cr_socket_changed(socket);
    cr_socket_let_go(socket);
}

void
cr_tcp_too_old(void *arg)
{
    struct cr_socket *socket = arg;
    if (!cr_socket_came(socket))
        return;
    if (socket->state == CR_SOCKET_OLD ||
        (socket->state == CR_SOCKET_OPEN && cr_tcp_is_alone(socket) && socket->end_acked))
        cr_tcp_over(socket, 0);
}

/* What answers the peer's last packet if it comes once more. */
static void
leave_old(const struct cr_socket *socket)
{
    struct cr_socket *old = cr_socket_new(socket->host, socket->family);
    old->id = socket->id; /* to the peer it is the same */
    old->state = CR_SOCKET_OLD;
    old->local = socket->local;
    old->remote = socket->remote;
    old->remote_host = socket->remote_host;
    old->peer_id = socket->peer_id;
    old->received = socket->received;
    old->next = socket->next;
    old->latest = socket->latest;
    old->reuse = socket->reuse;
    old->muted = socket->muted;
    cr_table_add(old);
    cr_socket_plan(old, cr_sim_now() + CR_TCP_OLD_AGE, cr_tcp_too_old);
}

void
cr_tcp_finish(struct cr_socket *socket)
{
    cr_table_remove(socket);
    if (!socket->second)
        leave_old(socket);
    cr_tcp_over(socket, 0);
}

void
cr_tcp_reset(struct cr_socket *socket, bool tell)
{
    if (tell && (socket->state == CR_SOCKET_OPEN || socket->state == CR_SOCKET_ANSWERING))
        cr_tcp_packet(socket, CR_RST, socket->next, 0);
    cr_tcp_over(socket, ECONNRESET);
}

/* ---- Calls ---- */

int
cr_tcp_connect(struct cr_socket *socket, struct cr_place remote)
{
    int host = cr_host_of(socket->host, remote.ip), error = 0;
    if (socket->state != CR_SOCKET_CLOSED)
        return socket->state == CR_SOCKET_CONNECTING ? -EALREADY : -EISCONN;
    if (host < 0)
        return host;
    if (!remote.port)
        return -ECONNREFUSED;
    if (remote.ip == CR_IP_ANY)
        remote.ip = socket->family == AF_INET6 ? CR_IP_SIX : CR_IP_LOOP;
    if (socket->local.ip == CR_IP_ANY)
        socket->local.ip = cr_host_source(socket->host, remote.ip);
    if (!socket->local.port)
        error = cr_host_give_port(socket, &remote);
    if (!error && cr_table_find(socket->host, socket->local, remote))
        error = -EADDRNOTAVAIL;
    if (error)
        return error;
    socket->remote = remote;
    socket->remote_host = (uint32_t)host;
    socket->state = CR_SOCKET_CONNECTING;
    socket->shut = 0;
    cr_table_add(socket);
    cr_tcp_packet(socket, CR_SYN, 0, 0);
    return -EINPROGRESS;
}

int
cr_tcp_listen(struct cr_socket *socket, int backlog)
{
    int error = 0;
    if (socket->state != CR_SOCKET_CLOSED && socket->state != CR_SOCKET_LISTENING)
        return -EINVAL;
    if (!socket->local.port)
        error = cr_host_give_port(socket, NULL);
    else if (socket->state == CR_SOCKET_CLOSED)
        error = cr_table_may_bind(socket, socket->local);
    if (error)
        return error;
    socket->backlog = backlog < 0 || backlog > BACKLOG ? BACKLOG : (uint32_t)backlog;
    socket->state = CR_SOCKET_LISTENING;
    socket->shut = 0;
    cr_table_add(socket);
    return 0;
}

static void
stop_listening(struct cr_socket *listener)
{
    struct cr_list *link = cr_sockets()->next, *next;
    for (; link != cr_sockets(); link = next) {
        struct cr_socket *child = cr_container(link, struct cr_socket, link);
        next = link->next;
        if (child->listener != listener)
            continue;
        cr_list_remove(&child->queue_link);
        child->listener = NULL;
        if (child->state == CR_SOCKET_CLOSED)
            cr_socket_let_go(child);
        else
            cr_tcp_reset(child, child->state == CR_SOCKET_OPEN);
    }
    listener->queued = 0;
    listener->state = CR_SOCKET_CLOSED;
    cr_table_remove(listener);
}

void
cr_tcp_shutdown(struct cr_socket *socket, unsigned how)
{
    if (socket->state == CR_SOCKET_LISTENING && how & CR_SHUT_IN) {
        stop_listening(socket);
    } else if (socket->state == CR_SOCKET_CONNECTING) {
        cr_tcp_over(socket, ECONNRESET);
        socket->shut = 0;
    } else if (socket->state != CR_SOCKET_LISTENING) {
        socket->shut |= how;
        if (how & CR_SHUT_OUT && socket->state == CR_SOCKET_OPEN) {
            socket->ending = true;
            cr_tcp_send(socket);
        }
    }
    cr_socket_changed(socket);
}

void
cr_tcp_close(struct cr_socket *socket)
{
    if (socket->state == CR_SOCKET_OPEN && (socket->in.size || socket->reset_at_close)) {
        cr_tcp_reset(socket, true);
    } else if (socket->state == CR_SOCKET_OPEN) {
        socket->shut = CR_SHUT_BOTH;
        socket->ending = true;
        cr_tcp_send(socket);
        if (socket->end_acked)
            cr_socket_plan(socket, cr_sim_now() + CR_TCP_OLD_AGE, cr_tcp_too_old);
    } else {
        if (socket->state == CR_SOCKET_LISTENING)
            stop_listening(socket);
        cr_tcp_over(socket, 0);
    }
}
