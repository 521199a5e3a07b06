/* sim/attempt.c: how operations are tried on virtual descriptors: as their system calls do it, and as chance has it.
 *
 * What is taken from a caller by chance (a short read, an -EAGAIN that need not be) is given back by an edge a little
 * later: an edge that Linux would not owe is allowed, one that is missing is a hang. */
#include "sim/socket.h"

#include "base/fault.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>

#define LATER COIR_MS /* at most, until what chance has held back comes */

static void
comes_back(void *arg)
{
    struct cr_socket *socket = arg;
    if (cr_socket_came(socket))
        cr_socket_changed(socket);
}

static void
hold_back(struct cr_socket *socket)
{
    cr_socket_plan(socket, cr_sim_now() + 1 + cr_net_span(LATER, "how long"), comes_back);
}

static int
find(const struct cr_op *op, struct cr_socket **socket)
{
    *socket = cr_host_socket(op->fd);
    if (!*socket)
        return -EBADF;
    if ((*socket)->dead)
        return -ENETDOWN;
    if (!(*socket)->is_pipe)
        return (*socket)->family == AF_UNSPEC ? -ENOTSOCK : 0;
    if (op->kind != CR_OP_READ && op->kind != CR_OP_WRITE)
        return -ENOTSOCK;
    return (*socket)->shut & (op->kind == CR_OP_READ ? CR_SHUT_OUT : CR_SHUT_IN) ? 0 : -EBADF;
}

static int
take_error(struct cr_socket *socket)
{
    int error = socket->error;
    socket->error = 0;
    return -error;
}

/* Whether chance says -EAGAIN of what could be done now. */
static bool
is_held(struct cr_socket *socket, unsigned events)
{
    if (!cr_net_plan()->again_ppm || !(cr_socket_ready(socket) & events) ||
        !cr_net_draw(cr_net_plan()->again_ppm, "again"))
        return false;
    hold_back(socket);
    return true;
}

/* ---- Bytes ---- */

static int
receive_nothing(struct cr_socket *socket)
{
    if (!cr_socket_is_tcp(socket))
        return socket->state != CR_SOCKET_OPEN ? -EINVAL
               : socket->error                 ? take_error(socket)
               : socket->shut & CR_SHUT_IN     ? 0
                                               : -EAGAIN;
    if (socket->state == CR_SOCKET_LISTENING)
        return -ENOTCONN;
    if (socket->done)
        return 0;
    if (socket->error)
        return take_error(socket);
    if (socket->shut & CR_SHUT_IN)
        return 0;
    return socket->state == CR_SOCKET_CLOSED ? -ENOTCONN : -EAGAIN;
}

/* Of a read that takes all there is room for: how much of it chance leaves. */
static size_t
cut_read(struct cr_socket *socket, size_t size)
{
    if (size < 2 || !cr_net_draw(cr_net_plan()->short_read_ppm, "short read"))
        return size;
    hold_back(socket);
    return 1 + cr_sim_chance((uint32_t)size - 1, "how much");
}

static int
take_bytes(struct cr_socket *socket, struct cr_op *op)
{
    size_t size = op->length < socket->in.size ? op->length : socket->in.size;
    size = cut_read(socket, size);
    cr_bytes_take(&socket->in, op->data, size);
    if (cr_socket_is_tcp(socket)) {
        cr_tcp_taken(socket);
        cr_link_settle();
    } else if (socket->peer && cr_socket_has_room(socket->peer)) {
        cr_socket_changed(socket->peer);
    }
    return (int)size;
}

static int
try_receive(struct cr_op *op)
{
    struct cr_socket *socket;
    int result = CR_FAIL(CR_FAULT_RECEIVE) ? -ECONNRESET : find(op, &socket);
    if (result)
        return result;
    if (is_held(socket, POLLIN))
        return -EAGAIN;
    result = socket->in.size ? take_bytes(socket, op) : receive_nothing(socket);
    cr_net_note("receive", socket, result);
    return result;
}

static void
send_merged(void *arg)
{
    struct cr_socket *socket = arg;
    if (!cr_socket_came(socket))
        return;
    cr_tcp_send(socket);
    cr_link_settle();
}

/* How many bytes can be taken now; or why none. */
static int
may_send(struct cr_socket *socket)
{
    size_t held;
    if (!cr_socket_is_tcp(socket) && socket->state != CR_SOCKET_OPEN)
        return -ENOTCONN;
    if (socket->state == CR_SOCKET_CONNECTING)
        return -EAGAIN;
    if (!cr_socket_is_tcp(socket)) {
        if (socket->shut & CR_SHUT_OUT)
            return -EPIPE;
        if (socket->error)
            return take_error(socket);
        held = socket->peer->in.size;
    } else {
        if (socket->error)
            return take_error(socket);
        if (socket->state != CR_SOCKET_OPEN || socket->shut & CR_SHUT_OUT)
            return -EPIPE;
        held = socket->out.size;
    }
    if (held < socket->send_room)
        return (int)(socket->send_room - held);
    socket->wants_room = true;
    return -EAGAIN;
}

static size_t
put_parts(struct cr_bytes *bytes, const struct cr_op *op, size_t most)
{
    size_t done = 0;
    for (size_t i = 0; i < op->count && done < most; i++) {
        size_t size = op->parts[i].iov_len < most - done ? op->parts[i].iov_len : most - done;
        cr_bytes_put(bytes, op->parts[i].iov_base, size);
        done += size;
    }
    return done;
}

static size_t
length_of(const struct cr_op *op)
{
    size_t length = 0;
    for (size_t i = 0; i < op->count; i++)
        length += op->parts[i].iov_len;
    return length;
}

static int
give_bytes(struct cr_socket *socket, const struct cr_op *op, size_t most)
{
    size_t size = length_of(op), done;
    if (size > most) { /* what does not fit is waited for, as after -EAGAIN: Linux, too, remembers it (SOCK_NOSPACE) */
        size = most;
        socket->wants_room = true;
    }
    if (size > 1 && cr_net_draw(cr_net_plan()->short_write_ppm, "short write")) {
        size = 1 + cr_sim_chance((uint32_t)size - 1, "how much");
        hold_back(socket);
    }
    if (!cr_socket_is_tcp(socket)) {
        done = put_parts(&socket->peer->in, op, size);
        cr_socket_changed(socket->peer);
        return (int)done;
    }
    done = put_parts(&socket->out, op, size);
    if (cr_link_merges(socket->host, socket->remote_host))
        cr_socket_plan(socket, cr_sim_now() + 1 + cr_net_span(LATER, "how long"), send_merged);
    else
        cr_tcp_send(socket);
    cr_link_settle();
    return (int)done;
}

static int
try_send(struct cr_op *op)
{
    struct cr_socket *socket;
    int result = CR_FAIL(CR_FAULT_SEND) ? -ECONNRESET : find(op, &socket);
    if (result)
        return result;
    if (is_held(socket, POLLOUT))
        return -EAGAIN;
    result = may_send(socket);
    if (result > 0)
        result = give_bytes(socket, op, (size_t)result);
    cr_net_note("send", socket, result);
    return result;
}

/* ---- Connections ---- */

static int
take_from_queue(struct cr_socket *listener, struct cr_op *op)
{
    struct cr_socket *child = cr_container(listener->queue.next, struct cr_socket, queue_link);
    socklen_t size = sizeof(struct sockaddr_storage);
    int fd = cr_host_open(child);
    if (fd < 0)
        return fd;
    cr_list_remove(&child->queue_link);
    child->listener = NULL;
    listener->queued--;
    if (op->data && cr_socket_is_tcp(child))
        cr_place_write(child, child->remote, op->data, &size);
    else if (op->data)
        *(struct sockaddr_un *)op->data = (struct sockaddr_un){.sun_family = AF_UNIX};
    return fd;
}

/* The number comes first, as in Linux: without one it is -EMFILE though nobody waits. */
static int
try_accept(struct cr_op *op)
{
    struct cr_socket *listener;
    int result = CR_FAIL(CR_FAULT_ACCEPT) ? -EMFILE : find(op, &listener);
    if (result)
        return result;
    if (!cr_host_has_number(listener->host))
        return -EMFILE;
    if (listener->state != CR_SOCKET_LISTENING)
        return -EINVAL;
    if (is_held(listener, POLLIN) || cr_list_is_empty(&listener->queue))
        return -EAGAIN;
    result = cr_socket_lack(cr_net_plan()->accept_ppm);
    if (!result)
        result = take_from_queue(listener, op);
    cr_net_note("accept", listener, result);
    return result;
}

static int
connect_tcp(struct cr_socket *socket, struct cr_op *op)
{
    struct cr_place place;
    int result = cr_place_read(socket, op->data, (socklen_t)op->length, &place);
    if (result)
        return result == -EADDRNOTAVAIL ? -ENETUNREACH : result;
    if (socket->only_six && cr_place_is_mapped(socket, place))
        return -ENETUNREACH;
    result = cr_tcp_connect(socket, place);
    cr_link_settle();
    return result == -EINPROGRESS ? -EAGAIN : result;
}

static int
connect_local(struct cr_socket *socket, struct cr_op *op)
{
    const struct sockaddr_un *address = op->data;
    int result;
    if (op->length > sizeof *address || address->sun_family != AF_UNIX)
        return -EINVAL;
    result = cr_local_connect(socket, address, (socklen_t)op->length);
    return result == -EAGAIN ? -ECONNREFUSED : result; /* as backend/operation.c does */
}

static int
try_connect(struct cr_op *op)
{
    struct cr_socket *socket;
    int result = find(op, &socket);
    if (result)
        return result;
    if (op->begun)
        return cr_socket_ready(socket) & (POLLOUT | POLLHUP | POLLERR) ? take_error(socket) : -EAGAIN;
    if (CR_FAIL(CR_FAULT_CONNECT))
        return -ECONNREFUSED;
    op->begun = true;
    result = cr_socket_is_tcp(socket) ? connect_tcp(socket, op) : connect_local(socket, op);
    cr_net_note("connect", socket, result);
    return result;
}

/* Files are the real ones (docs/simulation.md). */
static int
try_read(struct cr_op *op)
{
    return op->is_file ? cr_operation_real(op) : try_receive(op);
}

static int
try_write(struct cr_op *op)
{
    return op->is_file ? cr_operation_real(op) : try_send(op);
}

static int
look(struct cr_op *op)
{
    struct cr_socket *socket;
    unsigned wanted = op->kind == CR_OP_WRITABLE ? POLLOUT : POLLIN;
    int result = find(op, &socket);
    return result ? result : cr_socket_ready(socket) & (wanted | POLLHUP | POLLERR) ? 0 : -EAGAIN;
}

/* Without descriptors: nobody can send one. */
static int
try_receive_message(struct cr_op *op)
{
    struct msghdr *message = op->data;
    struct cr_op plain = *op;
    plain.kind = CR_OP_RECEIVE;
    plain.data = message->msg_iov->iov_base;
    plain.length = message->msg_iov->iov_len;
    message->msg_controllen = 0;
    return try_receive(&plain);
}

static int
try_send_message(struct cr_op *op)
{
    (void)op;
    return -EOPNOTSUPP;
}

static cr_operation_attempt *const attempts[CR_OP_KINDS] = {
    [CR_OP_RECEIVE] = try_receive,
    [CR_OP_SEND] = try_send,
    [CR_OP_READ] = try_read,
    [CR_OP_WRITE] = try_write,
    [CR_OP_ACCEPT] = try_accept,
    [CR_OP_CONNECT] = try_connect,
    [CR_OP_RECEIVE_MESSAGE] = try_receive_message,
    [CR_OP_SEND_MESSAGE] = try_send_message,
    [CR_OP_READABLE] = look,
    [CR_OP_WRITABLE] = look,
    [CR_OP_FILE] = cr_operation_real,
};

void
cr_attempt_install(void)
{
    cr_operation_install(attempts);
}
