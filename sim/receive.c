/* sim/receive.c: what a packet does to the socket it is for, in each of its states; see tcp.c. */
#include "sim/socket.h"

#include <errno.h>

/* Nobody has such a connection. */
static void
answer_by_reset(const struct cr_packet *packet)
{
    struct cr_packet *reset;
    if (packet->flags & CR_RST)
        return;
    reset = cr_packet_new(0);
    reset->from = packet->to;
    reset->to = packet->from;
    reset->from_host = packet->to_host;
    reset->to_host = packet->from_host;
    reset->from_id = packet->to_id;
    reset->to_id = packet->from_id;
    reset->flags = CR_RST;
    cr_link_send(NULL, reset);
}

static void
become_open(struct cr_socket *socket)
{
    socket->state = CR_SOCKET_OPEN;
    socket->tries = 0;
    socket->due = 0;
    socket->heard = cr_sim_now();
    cr_tcp_keepalive(socket);
    cr_net_note("connection is open", socket, socket->remote.port);
}

static void
receive_at_listener(struct cr_socket *listener, const struct cr_packet *packet)
{
    struct cr_socket *child;
    if (packet->flags != CR_SYN || cr_net_draw(cr_net_plan()->refuse_ppm, "refuse")) {
        answer_by_reset(packet);
        return;
    }
    if (listener->queued > listener->backlog || cr_net_draw(cr_net_plan()->backlog_ppm, "backlog")) {
        cr_net_note("queue is full", listener, listener->queued);
        cr_tcp_lost(packet);
        return;
    }
    child = cr_socket_new(listener->host, listener->family);
    child->state = CR_SOCKET_ANSWERING;
    child->listener = listener;
    child->reuse = listener->reuse;
    child->share = listener->share;
    child->only_six = listener->only_six;
    child->reset_at_close = listener->reset_at_close;
    child->send_room = listener->send_room;
    child->receive_room = listener->receive_room;
    child->keepalive = listener->keepalive;
    child->idle_span = listener->idle_span;
    child->local = packet->to;
    child->remote = packet->from;
    child->remote_host = packet->from_host;
    child->peer_id = packet->from_id;
    child->edge = packet->edge;
    cr_table_add(child);
    cr_tcp_packet(child, CR_SYN | CR_ACK, 0, 0);
}

static void
receive_connecting(struct cr_socket *socket, const struct cr_packet *packet)
{
    if (packet->flags & CR_RST) {
        cr_tcp_over(socket, ECONNREFUSED);
    } else if (packet->flags == (CR_SYN | CR_ACK)) {
        socket->peer_id = packet->from_id;
        socket->edge = packet->edge;
        become_open(socket);
        cr_tcp_acknowledge(socket);
        cr_socket_changed(socket);
    } else {
        answer_by_reset(packet);
    }
}

static void
take_acknowledgement(struct cr_socket *socket, const struct cr_packet *packet)
{
    uint64_t end = cr_tcp_end(socket), known = packet->ack < end ? packet->ack : end;
    bool was_acked = socket->end_acked, progress = known > socket->unacked;
    if (socket->edge < packet->edge)
        socket->edge = packet->edge;
    if (progress) {
        cr_bytes_take(&socket->out, NULL, (size_t)(known - socket->unacked));
        socket->unacked = known;
        if (socket->next < known)
            socket->next = known;
    }
    if (socket->ending && packet->ack > end) {
        socket->end_acked = true;
        socket->next = end + 1;
        progress |= !was_acked;
    }
    if (progress || socket->next == socket->unacked)
        socket->tries = 0;
    if (progress && socket->due) {
        socket->due = 0;
        if (cr_tcp_is_outstanding(socket)) /* what is lost may be behind what has come */
            cr_tcp_arm(socket);
    }
    if ((socket->wants_room && cr_socket_has_room(socket)) || socket->end_acked != was_acked) {
        socket->wants_room = false;
        cr_socket_changed(socket);
    }
    if (socket->end_acked && !was_acked && cr_tcp_is_alone(socket) && !socket->end_received)
        cr_socket_plan(socket, cr_sim_now() + CR_TCP_OLD_AGE, cr_tcp_too_old);
}

/* Whether the connection is still there. */
static bool
take_bytes(struct cr_socket *socket, const struct cr_packet *packet)
{
    uint64_t skip = socket->received - packet->at;
    size_t fresh;
    if (packet->at > socket->received)
        return true; /* one before it was lost */
    fresh = skip < packet->size ? packet->size - (size_t)skip : 0;
    if (fresh && socket->ending && socket->shut & CR_SHUT_IN) { /* nobody will ever read it */
        cr_tcp_reset(socket, true);
        return false;
    }
    cr_bytes_put(&socket->in, packet->bytes + (packet->size - fresh), fresh);
    socket->received += fresh;
    if (packet->flags & CR_FIN && socket->received == packet->at + packet->size) {
        socket->received++;
        socket->end_received = socket->done = true;
        socket->second = !socket->ending;
        socket->shut |= CR_SHUT_IN;
        fresh = 1;
    }
    cr_tcp_acknowledge(socket);
    if (fresh)
        cr_socket_changed(socket);
    return true;
}

static void
receive_open(struct cr_socket *socket, const struct cr_packet *packet)
{
    socket->heard = cr_sim_now();
    socket->probes = 0;
    if (packet->flags & CR_RST) {
        cr_tcp_over(socket, socket->end_received && !socket->ending ? EPIPE : ECONNRESET);
        return;
    }
    if (packet->flags & CR_SYN) { /* our answer to it was lost */
        cr_tcp_acknowledge(socket);
        return;
    }
    take_acknowledgement(socket, packet);
    if (packet->size || packet->flags & CR_FIN) {
        if (!take_bytes(socket, packet))
            return;
    } else if (packet->flags & CR_PROBE) {
        cr_tcp_acknowledge(socket);
    }
    cr_tcp_send(socket);
    if (socket->end_acked && socket->end_received)
        cr_tcp_finish(socket);
}

static void
receive_answering(struct cr_socket *socket, const struct cr_packet *packet)
{
    struct cr_socket *listener = socket->listener;
    if (packet->flags & CR_RST) {
        cr_tcp_over(socket, 0);
    } else if (packet->flags & CR_SYN) {
        cr_tcp_packet(socket, CR_SYN | CR_ACK, 0, 0);
    } else if (listener->queued > listener->backlog) {
        cr_net_note("queue is full", listener, listener->queued);
        cr_tcp_arm_once(socket);
    } else {
        become_open(socket);
        cr_list_append(&listener->queue, &socket->queue_link);
        listener->queued++;
        cr_socket_changed(listener);
        receive_open(socket, packet);
    }
}

static void
receive_old(struct cr_socket *socket, const struct cr_packet *packet)
{
    if (packet->flags & CR_RST)
        cr_tcp_over(socket, 0);
    else if (packet->size || packet->flags & (CR_FIN | CR_PROBE))
        cr_tcp_acknowledge(socket);
}

/* Whether it belongs to an earlier or later connection with the same four numbers. */
static bool
is_of_another(const struct cr_socket *socket, const struct cr_packet *packet)
{
    return (packet->to_id && packet->to_id != socket->id) ||
           (packet->from_id && socket->peer_id && packet->from_id != socket->peer_id);
}

void
cr_tcp_receive(const struct cr_packet *packet)
{
    static void (*const receive[])(struct cr_socket * socket, const struct cr_packet *packet) = {
        [CR_SOCKET_LISTENING] = receive_at_listener,
        [CR_SOCKET_CONNECTING] = receive_connecting,
        [CR_SOCKET_ANSWERING] = receive_answering,
        [CR_SOCKET_OPEN] = receive_open,
        [CR_SOCKET_OLD] = receive_old,
    };
    struct cr_socket *socket = cr_table_find(packet->to_host, packet->to, packet->from);
    bool begins = packet->flags == CR_SYN;
    if (socket && is_of_another(socket, packet)) {
        if (begins && socket->state != CR_SOCKET_OLD) { /* the peer has lost its memory: it has to ask again */
            cr_tcp_lost(packet);
            cr_tcp_over(socket, ECONNRESET);
            return;
        }
        if (begins)
            cr_tcp_over(socket, 0);
        socket = NULL;
    }
    if (!socket && begins)
        socket = cr_table_listener(packet->to_host, packet->to);
    if (socket)
        receive[socket->state](socket, packet);
    else
        answer_by_reset(packet);
}
