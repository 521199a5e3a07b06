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

enum {
    PIECE = 16 * 1024,
    TRIES = 15,
    TRIES_TO_CONNECT = 6,
    TRIES_TO_ANSWER = 5,
    TRIES_ALONE = 8, /* without a descriptor */
    PROBES = 9,
    BACKLOG = 4096, /* somaxconn */
};
#define FIRST_PAUSE (200 * COIR_MS)
#define FIRST_PAUSE_TO_CONNECT COIR_SECOND
#define LONGEST_PAUSE (120 * COIR_SECOND)
#define PROBE_PAUSE (75 * COIR_SECOND)
#define OLD_AGE (60 * COIR_SECOND)

static bool
is_alone(const struct cr_socket *socket)
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

static void
send_packet(struct cr_socket *socket, unsigned flags, uint64_t at, size_t size)
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

static void
acknowledge(struct cr_socket *socket)
{
    send_packet(socket, CR_ACK, socket->next, 0);
}

static uint64_t
end_of(const struct cr_socket *socket)
{
    return socket->unacked + socket->out.size;
}

void
cr_tcp_send(struct cr_socket *socket)
{
    uint64_t end = end_of(socket), most;
    if (socket->state != CR_SOCKET_OPEN)
        return;
    most = end < socket->edge ? end : socket->edge;
    while (socket->next < most) {
        uint64_t left = most - socket->next;
        size_t size = cr_link_cut(socket->host, socket->remote_host, left < PIECE ? (size_t)left : PIECE);
        send_packet(socket, CR_ACK, socket->next, size);
        socket->next += size;
    }
    if (socket->ending && socket->next == end) {
        send_packet(socket, CR_FIN | CR_ACK, end, 0);
        socket->next = end + 1;
    }
}

void
cr_tcp_taken(struct cr_socket *socket)
{
    size_t step = socket->receive_room / 2 < PIECE ? socket->receive_room / 2 : PIECE;
    if (socket->state == CR_SOCKET_OPEN && !socket->end_received &&
        socket->received + socket->receive_room >= socket->told + socket->in.size + step)
        acknowledge(socket);
}

/* ---- The end ---- */

/* It is over, for its own reasons or for this error. */
static void
over(struct cr_socket *socket, int error)
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

static void
too_old(void *arg)
{
    struct cr_socket *socket = arg;
    if (!cr_socket_came(socket))
        return;
    if (socket->state == CR_SOCKET_OLD || (socket->state == CR_SOCKET_OPEN && is_alone(socket) && socket->end_acked))
        over(socket, 0);
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
    cr_socket_plan(old, cr_sim_now() + OLD_AGE, too_old);
}

static void
finish(struct cr_socket *socket)
{
    cr_table_remove(socket);
    if (!socket->second)
        leave_old(socket);
    over(socket, 0);
}

void
cr_tcp_reset(struct cr_socket *socket, bool tell)
{
    if (tell && (socket->state == CR_SOCKET_OPEN || socket->state == CR_SOCKET_ANSWERING))
        send_packet(socket, CR_RST, socket->next, 0);
    over(socket, ECONNRESET);
}

/* ---- Sending again ---- */

static bool
is_outstanding(const struct cr_socket *socket)
{
    if (socket->state == CR_SOCKET_OPEN)
        return socket->out.size || (socket->ending && !socket->end_acked);
    return socket->state == CR_SOCKET_CONNECTING || socket->state == CR_SOCKET_ANSWERING;
}

static uint32_t
most_tries(const struct cr_socket *socket)
{
    return socket->state == CR_SOCKET_CONNECTING  ? TRIES_TO_CONNECT
           : socket->state == CR_SOCKET_ANSWERING ? TRIES_TO_ANSWER
           : is_alone(socket)                     ? TRIES_ALONE
                                                  : TRIES;
}

static void
send_again(struct cr_socket *socket)
{
    if (!is_outstanding(socket))
        return;
    if (socket->tries++ >= most_tries(socket)) {
        over(socket, ETIMEDOUT);
        return;
    }
    if (socket->state != CR_SOCKET_OPEN) {
        send_packet(socket, socket->state == CR_SOCKET_CONNECTING ? CR_SYN : CR_SYN | CR_ACK, 0, 0);
        return;
    }
    socket->next = socket->unacked;
    cr_tcp_send(socket);
    if (socket->next == socket->unacked) /* the peer takes nothing, as far as is known: it may have said so in vain */
        send_packet(socket, CR_ACK | CR_PROBE, socket->next, 0);
}

/* One event at a time is planned (alarm); if it comes too early another one is. */
static void
come_due(void *arg)
{
    struct cr_socket *socket = arg;
    coir_time due = socket->due;
    socket->alarm = 0;
    if (!cr_socket_came(socket) || !due)
        return;
    if (cr_sim_now() < due) {
        socket->alarm = due;
        cr_socket_plan(socket, due, come_due);
        return;
    }
    socket->due = 0;
    send_again(socket);
    cr_link_settle();
}

static void
arm(struct cr_socket *socket)
{
    coir_time pause = socket->state == CR_SOCKET_OPEN ? FIRST_PAUSE : FIRST_PAUSE_TO_CONNECT;
    pause = socket->tries < 10 ? pause << socket->tries : LONGEST_PAUSE;
    socket->due = cr_sim_now() + (pause < LONGEST_PAUSE ? pause : LONGEST_PAUSE);
    if (socket->alarm && socket->alarm <= socket->due)
        return;
    socket->alarm = socket->due;
    cr_socket_plan(socket, socket->due, come_due);
}

static void
arm_once(struct cr_socket *socket)
{
    if (socket && !socket->due && socket->state != CR_SOCKET_OLD)
        arm(socket);
}

/* The sender has to send it again; the receiver may have to, as what was lost may have been an answer. */
void
cr_tcp_lost(const struct cr_packet *packet)
{
    arm_once(cr_table_find(packet->from_host, packet->from, packet->to));
    arm_once(cr_table_find(packet->to_host, packet->to, packet->from));
}

static void
probe_silent(void *arg)
{
    struct cr_socket *socket = arg;
    coir_time next;
    if (!cr_socket_came(socket) || socket->state != CR_SOCKET_OPEN || !socket->keepalive)
        return;
    next = socket->heard + socket->idle_span;
    if (cr_sim_now() >= next) {
        if (socket->probes++ >= PROBES) {
            over(socket, ETIMEDOUT);
            return;
        }
        send_packet(socket, CR_ACK | CR_PROBE, socket->next, 0);
        next = cr_sim_now() + PROBE_PAUSE;
    }
    cr_socket_plan(socket, next, probe_silent);
    cr_link_settle();
}

void
cr_tcp_keepalive(struct cr_socket *socket)
{
    if (socket->keepalive && socket->state == CR_SOCKET_OPEN)
        cr_socket_plan(socket, cr_sim_now() + socket->idle_span, probe_silent);
}

/* ---- Receiving ---- */

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
    send_packet(child, CR_SYN | CR_ACK, 0, 0);
}

static void
receive_connecting(struct cr_socket *socket, const struct cr_packet *packet)
{
    if (packet->flags & CR_RST) {
        over(socket, ECONNREFUSED);
    } else if (packet->flags == (CR_SYN | CR_ACK)) {
        socket->peer_id = packet->from_id;
        socket->edge = packet->edge;
        become_open(socket);
        acknowledge(socket);
        cr_socket_changed(socket);
    } else {
        answer_by_reset(packet);
    }
}

static void
take_acknowledgement(struct cr_socket *socket, const struct cr_packet *packet)
{
    uint64_t end = end_of(socket), known = packet->ack < end ? packet->ack : end;
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
        if (is_outstanding(socket)) /* what is lost may be behind what has come */
            arm(socket);
    }
    if ((socket->wants_room && cr_socket_has_room(socket)) || socket->end_acked != was_acked) {
        socket->wants_room = false;
        cr_socket_changed(socket);
    }
    if (socket->end_acked && !was_acked && is_alone(socket) && !socket->end_received)
        cr_socket_plan(socket, cr_sim_now() + OLD_AGE, too_old);
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
    acknowledge(socket);
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
        over(socket, socket->end_received && !socket->ending ? EPIPE : ECONNRESET);
        return;
    }
    if (packet->flags & CR_SYN) { /* our answer to it was lost */
        acknowledge(socket);
        return;
    }
    take_acknowledgement(socket, packet);
    if (packet->size || packet->flags & CR_FIN) {
        if (!take_bytes(socket, packet))
            return;
    } else if (packet->flags & CR_PROBE) {
        acknowledge(socket);
    }
    cr_tcp_send(socket);
    if (socket->end_acked && socket->end_received)
        finish(socket);
}

static void
receive_answering(struct cr_socket *socket, const struct cr_packet *packet)
{
    struct cr_socket *listener = socket->listener;
    if (packet->flags & CR_RST) {
        over(socket, 0);
    } else if (packet->flags & CR_SYN) {
        send_packet(socket, CR_SYN | CR_ACK, 0, 0);
    } else if (listener->queued > listener->backlog) {
        cr_net_note("queue is full", listener, listener->queued);
        arm_once(socket);
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
        over(socket, 0);
    else if (packet->size || packet->flags & (CR_FIN | CR_PROBE))
        acknowledge(socket);
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
            over(socket, ECONNRESET);
            return;
        }
        if (begins)
            over(socket, 0);
        socket = NULL;
    }
    if (!socket && begins)
        socket = cr_table_listener(packet->to_host, packet->to);
    if (socket)
        receive[socket->state](socket, packet);
    else
        answer_by_reset(packet);
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
    send_packet(socket, CR_SYN, 0, 0);
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
        over(socket, ECONNRESET);
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
            cr_socket_plan(socket, cr_sim_now() + OLD_AGE, too_old);
    } else {
        if (socket->state == CR_SOCKET_LISTENING)
            stop_listening(socket);
        over(socket, 0);
    }
}
