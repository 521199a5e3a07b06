/* sim/again.c: what a machine does when no answer comes: it sends again, later each time, and gives up in the end.
 *
 * Timers run only where something has been lost (cr_tcp_lost), and where a window is closed on a connection that has lost
 * something before: its opening may have been what was lost. */
#include "sim/socket.h"

#include <errno.h>

enum {
    TRIES = 15,
    TRIES_TO_CONNECT = 6,
    TRIES_TO_ANSWER = 5,
    TRIES_ALONE = 8, /* without a descriptor */
    PROBES = 9,
};
#define FIRST_PAUSE (200 * COIR_MS)
#define FIRST_PAUSE_TO_CONNECT COIR_SECOND
#define LONGEST_PAUSE (120 * COIR_SECOND)
#define PROBE_PAUSE (75 * COIR_SECOND)

bool
cr_tcp_is_outstanding(const struct cr_socket *socket)
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
           : cr_tcp_is_alone(socket)              ? TRIES_ALONE
                                                  : TRIES;
}

static void
send_again(struct cr_socket *socket)
{
    if (!cr_tcp_is_outstanding(socket))
        return;
    if (socket->tries++ >= most_tries(socket)) {
        cr_tcp_over(socket, ETIMEDOUT);
        return;
    }
    if (socket->state != CR_SOCKET_OPEN) {
        cr_tcp_packet(socket, socket->state == CR_SOCKET_CONNECTING ? CR_SYN : CR_SYN | CR_ACK, 0, 0);
        return;
    }
    socket->next = socket->unacked;
    cr_tcp_send(socket);
    if (socket->next == socket->unacked)
        cr_tcp_packet(socket, CR_ACK | CR_PROBE, socket->next, 0);
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

void
cr_tcp_arm(struct cr_socket *socket)
{
    coir_time pause = socket->state == CR_SOCKET_OPEN ? FIRST_PAUSE : FIRST_PAUSE_TO_CONNECT;
    pause = socket->tries < 10 ? pause << socket->tries : LONGEST_PAUSE;
    socket->due = cr_sim_now() + (pause < LONGEST_PAUSE ? pause : LONGEST_PAUSE);
    if (socket->alarm && socket->alarm <= socket->due)
        return;
    socket->alarm = socket->due;
    cr_socket_plan(socket, socket->due, come_due);
}

void
cr_tcp_arm_once(struct cr_socket *socket)
{
    if (!socket->due && socket->state != CR_SOCKET_OLD)
        cr_tcp_arm(socket);
}

/* The sender has to send it again; the receiver may have to, as what was lost may have been an answer. */
void
cr_tcp_lost(const struct cr_packet *packet)
{
    struct cr_socket *ends[2] = {cr_table_find(packet->from_host, packet->from, packet->to),
                                 cr_table_find(packet->to_host, packet->to, packet->from)};
    for (int i = 0; i < 2; i++)
        if (ends[i]) {
            ends[i]->lossy = true;
            cr_tcp_arm_once(ends[i]);
        }
}

/* ---- Probing a silent peer (SO_KEEPALIVE) ---- */

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
            cr_tcp_over(socket, ETIMEDOUT);
            return;
        }
        cr_tcp_packet(socket, CR_ACK | CR_PROBE, socket->next, 0);
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
