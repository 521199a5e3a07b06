/* io/datagram.c: messages with borders. See coir/datagram.h.
 *
 * Each direction is a lock, as a stream's is (stream.c): abort closes both. A message is one recvmsg or sendmsg, so nothing of it
 * is ever left half done.
 *
 * A socket that is bound to "*", or to no address, is an IPv6 one for both families; its addresses of IPv4 are written as IPv4
 * for who uses it, in both directions.
 *
 * A Unix socket that sends to a full receiver cannot be waited for on every backend: without a peer poll(2) looks at the sender's
 * buffer only, and signals (sigio) never tell of the receiver's. So it naps and tries again, 1 ms at first and 8 ms in the end. */
#include "backend/descriptor.h"
#include "base/memory.h"
#include "io/unix.h"
#include "sched/operate.h"
#include <coir/datagram.h>

#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/un.h>

#define FIRST_NAP COIR_MS
#define LONGEST_NAP (8 * COIR_MS)

struct coir_datagram {
    int fd, family;
    bool has_peer;
    struct cr_lock in, out;
    struct coir_address address; /* as it was asked for */
};

/* ---- Addresses ---- */

static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff}; /* ::ffff:a.b.c.d is a.b.c.d */

/* As an IPv6 socket wants it. */
static void
widen(const struct coir_address *from, struct coir_address *to)
{
    const struct sockaddr_in *four = (const struct sockaddr_in *)&from->storage;
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = four->sin_port};
    memcpy(six.sin6_addr.s6_addr, mapped, sizeof mapped);
    memcpy(six.sin6_addr.s6_addr + sizeof mapped, &four->sin_addr, sizeof four->sin_addr);
    memcpy(&to->storage, &six, sizeof six);
    to->size = sizeof six;
}

static void
narrow(struct coir_address *address)
{
    struct sockaddr_in6 six;
    struct sockaddr_in four = {.sin_family = AF_INET};
    memcpy(&six, &address->storage, sizeof six);
    if (six.sin6_family != AF_INET6 || memcmp(six.sin6_addr.s6_addr, mapped, sizeof mapped))
        return;
    four.sin_port = six.sin6_port;
    memcpy(&four.sin_addr, six.sin6_addr.s6_addr + sizeof mapped, sizeof four.sin_addr);
    memset(&address->storage, 0, sizeof address->storage);
    memcpy(&address->storage, &four, sizeof four);
    address->size = sizeof four;
}

static int
parse(const char *text, struct coir_address *address)
{
    int error = coir_address_parse(text, address);
    if (!error && !strncmp(text, "tcp://", 6))
        return cr_fail(-EINVAL, "address '%.200s': datagrams are udp:// or unix:", text);
    address->type = SOCK_DGRAM;
    return error;
}

/* Any free port, fit for the peer, if there is one. */
static void
choose_address(const struct coir_address *peer, struct coir_address *address)
{
    sa_family_t family = peer->size ? peer->storage.ss_family : AF_INET6;
    memset(address, 0, sizeof *address);
    address->type = SOCK_DGRAM;
    address->storage.ss_family = family;
    address->size = family == AF_INET    ? sizeof(struct sockaddr_in)
                    : family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                         : sizeof(sa_family_t); /* the kernel finds a name */
}

/* ---- Opening and closing ---- */

static int
set_up(struct coir_datagram *made, const struct coir_datagram_options *options, const struct coir_address *peer)
{
    int one = 1, none = 0, error = cr_descriptor_check(made->fd);
    struct coir_address target = *peer;
    struct cr_op op = {.kind = CR_OP_CONNECT, .fd = made->fd, .data = &target.storage};
    if (!error && options->broadcast)
        error = cr_world.set_option(made->fd, SOL_SOCKET, SO_BROADCAST, &one, sizeof one);
    if (!error && options->share_port)
        error = cr_world.set_option(made->fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
    if (!error && made->family == AF_INET6)
        (void)cr_world.set_option(made->fd, IPPROTO_IPV6, IPV6_V6ONLY, &none, sizeof none); /* both families */
    if (!error)
        error = cr_unix_bind(made->fd, &made->address, SOCK_DGRAM, 0);
    if (error || !peer->size)
        return error;
    made->has_peer = true;
    if (made->family == AF_INET6 && peer->storage.ss_family == AF_INET)
        widen(peer, &target);
    op.length = target.size;
    error = cr_operation_try(&op); /* of a datagram socket it is over at once */
    if (error)
        cr_unix_leave(&made->address);
    return error;
}

static int
refuse(int error, const char *address, const char *peer)
{
    return cr_fail(error, "cannot open datagrams at %s%s%s: %s", address ? address : "any port", peer ? " with " : "",
                   peer ? peer : "", coir_error_text(error));
}

int
coir_datagram_open(const char *address, const struct coir_datagram_options *wanted, struct coir_datagram **datagram)
{
    struct coir_datagram_options options = wanted ? *wanted : (struct coir_datagram_options){0};
    struct coir_address peer = {.size = 0}, own;
    struct coir_datagram *made;
    int error = options.peer ? parse(options.peer, &peer) : 0;
    *datagram = NULL;
    if (!error && address)
        error = parse(address, &own);
    else if (!error)
        choose_address(&peer, &own);
    if (error)
        return error;
    made = cr_alloc_zero(sizeof *made);
    if (!made)
        return -ENOMEM;
    made->fd = cr_world.socket(own.storage.ss_family, SOCK_DGRAM);
    if (made->fd == -EAFNOSUPPORT && !address && !peer.size) { /* a machine without IPv6 */
        own.storage.ss_family = AF_INET;
        own.size = sizeof(struct sockaddr_in);
        made->fd = cr_world.socket(AF_INET, SOCK_DGRAM);
    }
    made->address = own;
    made->family = own.storage.ss_family;
    error = made->fd;
    if (error < 0)
        goto fail_free;
    error = set_up(made, &options, &peer);
    if (error)
        goto fail_close;
    *datagram = made;
    return 0;

fail_close:
    (void)cr_world.close(made->fd);
fail_free:
    cr_free(made);
    return refuse(error, address, options.peer);
}

int
coir_datagram_from(int fd, struct coir_datagram **datagram)
{
    struct coir_address peer = {.size = sizeof peer.storage};
    struct coir_datagram *made;
    int type = 0, family = 0, error = cr_descriptor_check(fd);
    socklen_t size = sizeof type;
    *datagram = NULL;
    if (!error)
        error = cr_world.get_option(fd, SOL_SOCKET, SO_TYPE, &type, &size);
    if (error == -ENOTSOCK || (!error && type != SOCK_DGRAM))
        return cr_fail(-EINVAL, "coir_datagram_from: descriptor %d is no socket for datagrams", fd);
    if (!error)
        error = cr_world.get_option(fd, SOL_SOCKET, SO_DOMAIN, &family, &size);
    if (!error)
        error = cr_descriptor_inherit(fd);
    if (error)
        return error;
    made = cr_alloc_zero(sizeof *made);
    if (!made)
        return -ENOMEM;
    made->fd = fd;
    made->family = (sa_family_t)family;
    made->has_peer = cr_world.peer(fd, (struct sockaddr *)&peer.storage, &peer.size) == 0;
    *datagram = made;
    return 0;
}

void
coir_datagram_abort(struct coir_datagram *datagram)
{
    cr_lock_close(&datagram->in);
    cr_lock_close(&datagram->out);
}

void
coir_datagram_close(struct coir_datagram *datagram)
{
    if (!datagram)
        return;
    if ((cr_load_acq(&datagram->in.word) | cr_load_acq(&datagram->out.word)) >> CR_LOCK_SHIFT)
        cr_misuse("coir_datagram_close: it is in use; coir_datagram_abort wakes those that wait in it");
    (void)cr_descriptor_close(datagram->fd);
    cr_unix_leave(&datagram->address);
    cr_free(datagram);
}

/* ---- Messages ---- */

static const struct cr_edge_kind turn_to_receive_kind = {.text = "its turn to receive a datagram"};
static const struct cr_edge turn_to_receive = {.kind = &turn_to_receive_kind};
static const struct cr_edge_kind turn_to_send_kind = {.text = "its turn to send a datagram"};
static const struct cr_edge turn_to_send = {.kind = &turn_to_send_kind};
static const struct cr_edge_kind room_kind = {.text = "room at the receiver of a datagram"};
static const struct cr_edge room = {.kind = &room_kind};

static int
begin(struct cr_lock *lock, struct coir_task *self, coir_time deadline, const struct cr_edge *edge)
{
    int error = cr_enter(self, deadline);
    if (!error)
        error = cr_lock_take(lock, self, deadline, CR_LOCK_CANCELABLE, edge);
    if (error == -EDEADLK)
        cr_misuse(
            "a datagram socket is used by a task that is using it: a destroy function or signal handler must not");
    return error;
}

static int
operate(struct coir_datagram *datagram, enum cr_op_kind kind, struct msghdr *message, coir_time deadline)
{
    struct cr_pending pending;
    int result;
    pending.op = (struct cr_op){.kind = kind, .fd = datagram->fd, .eager = true, .data = message};
    result = cr_operate(&pending, kind == CR_OP_RECEIVE_MESSAGE ? &datagram->in : &datagram->out, deadline);
    return pending.kernel_failed && result == -ETIMEDOUT ? -EHOSTUNREACH : result;
}

ssize_t
coir_datagram_receive(struct coir_datagram *datagram, void *bytes, size_t size, struct coir_address *from,
                      coir_time deadline)
{
    struct coir_task *self = cr_task_self();
    struct iovec part = {bytes, size};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    ssize_t result = begin(&datagram->in, self, deadline, &turn_to_receive);
    if (result)
        return result;
    if (from) {
        memset(from, 0, sizeof *from);
        from->type = SOCK_DGRAM;
        message.msg_name = &from->storage;
        message.msg_namelen = sizeof from->storage;
    }
    result = operate(datagram, CR_OP_RECEIVE_MESSAGE, &message, deadline);
    if (from && result >= 0) {
        from->size = message.msg_namelen;
        narrow(from);
    }
    cr_lock_give(&datagram->in, self);
    return result >= 0 && message.msg_flags & MSG_TRUNC ? -EMSGSIZE : result;
}

/* To a Unix socket. Under out. */
static int
send_napping(struct coir_datagram *datagram, struct coir_task *self, struct msghdr *message, coir_time deadline)
{
    coir_time nap = FIRST_NAP;
    for (;;) {
        int result = operate(datagram, CR_OP_SEND_MESSAGE, message, COIR_NOW);
        coir_time until = cr_now() + nap;
        struct cr_wait wait;
        if (result != -EAGAIN || deadline == COIR_NOW)
            return result;
        cr_wait_begin_for(&wait, self, &room);
        wait.closed = &datagram->out.word;
        wait.closed_bit = CR_LOCK_CLOSED;
        result = cr_park(&wait, deadline < until ? deadline : until);
        if (result != -ETIMEDOUT || deadline <= until)
            return result;
        nap = nap * 2 < LONGEST_NAP ? nap * 2 : LONGEST_NAP;
    }
}

int
coir_datagram_send(struct coir_datagram *datagram, const void *bytes, size_t size, const struct coir_address *to,
                   coir_time deadline)
{
    struct coir_task *self = cr_task_self();
    struct iovec part = {(void *)(uintptr_t)bytes, size};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    struct coir_address target;
    int result = begin(&datagram->out, self, deadline, &turn_to_send);
    if (result)
        return result;
    if (to) {
        target = *to;
        if (datagram->family == AF_INET6 && to->storage.ss_family == AF_INET)
            widen(to, &target);
        message.msg_name = &target.storage;
        message.msg_namelen = target.size;
    } else if (!datagram->has_peer) {
        cr_lock_give(&datagram->out, self);
        return -EDESTADDRREQ;
    }
    result = datagram->family == AF_UNIX ? send_napping(datagram, self, &message, deadline)
                                         : operate(datagram, CR_OP_SEND_MESSAGE, &message, deadline);
    cr_lock_give(&datagram->out, self);
    return result < 0 ? result : 0;
}

/* ---- What it is ---- */

int
coir_datagram_local(const struct coir_datagram *datagram, struct coir_address *address)
{
    int error;
    *address = (struct coir_address){.size = sizeof address->storage, .type = SOCK_DGRAM};
    error = cr_world.local(datagram->fd, (struct sockaddr *)&address->storage, &address->size);
    return error;
}

int
coir_datagram_set_option(struct coir_datagram *datagram, int level, int name, const void *value, socklen_t size)
{
    return cr_world.set_option(datagram->fd, level, name, value, size);
}

int
coir_datagram_fd(const struct coir_datagram *datagram)
{
    return datagram->fd;
}
