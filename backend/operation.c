/* backend/operation.c: the system call behind each operation, without waiting.
 *
 * O_NONBLOCK is never set on a description that coir did not make (it is shared with other processes), and not needed on
 * sockets: MSG_DONTWAIT does it. What is neither socket nor made by coir (a terminal, a pipe somebody gave us) is asked
 * with poll first; a pipe that says writable takes at least PIPE_BUF bytes. */
#include "backend/operation.h"
#include "backend/chaos.h"
#include "base/check.h"
#include "base/fault.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/uio.h>
#include <unistd.h>

static int
result(ssize_t answer)
{
    return answer < 0 ? -errno : (int)answer;
}

static size_t
at_most_int(size_t length)
{
    return length < INT_MAX ? length : INT_MAX & ~4095;
}

static int
try_receive(struct cr_op *op)
{
    return CR_FAIL(CR_FAULT_RECEIVE) ? -ECONNRESET
                                     : result(recv(op->fd, op->data, at_most_int(op->length), MSG_DONTWAIT));
}

static int
send_parts(int fd, const struct iovec *parts, size_t count)
{
    struct msghdr message;
    if (CR_FAIL(CR_FAULT_SEND))
        return -ECONNRESET;
    if (cr_likely(count == 1)) /* the cheaper call for the usual case */
        return result(send(fd, parts->iov_base, at_most_int(parts->iov_len), MSG_DONTWAIT | MSG_NOSIGNAL));
    message =
        (struct msghdr){.msg_iov = (struct iovec *)(uintptr_t)parts, .msg_iovlen = count < IOV_MAX ? count : IOV_MAX};
    return result(sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL));
}

static int
try_send(struct cr_op *op)
{
    return send_parts(op->fd, op->parts, op->count);
}

static int
is_ready(int fd, short events)
{
    struct pollfd poller = {.fd = fd, .events = events};
    int count = poll(&poller, 1, 0);
    return count > 0 ? 0 : count < 0 ? -errno : -EAGAIN;
}

/* An error or a hang-up ends both waits. */
static int
try_poll(struct cr_op *op)
{
    struct pollfd poller = {.fd = op->fd, .events = op->kind == CR_OP_POLL_IN ? POLLIN : POLLOUT};
    int count = poll(&poller, 1, 0);
    return count < 0 ? -errno : !count ? -EAGAIN : poller.revents & POLLNVAL ? -EBADF : 0;
}

static int
try_read(struct cr_op *op)
{
    int error = op->is_file ? 0 : is_ready(op->fd, POLLIN);
    if (error)
        return error;
    return CR_FAIL(CR_FAULT_RECEIVE) ? -EIO : result(read(op->fd, op->data, at_most_int(op->length)));
}

/* write(2) to a pipe has no MSG_NOSIGNAL: SIGPIPE is kept from this thread meanwhile, and taken away if it came by us. */
static int
write_without_signal(int fd, const void *bytes, size_t length)
{
    struct timespec now = {0, 0};
    sigset_t pipe, before, pending;
    int answer;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    sigpending(&pending);
    pthread_sigmask(SIG_BLOCK, &pipe, &before);
    answer = result(write(fd, bytes, length));
    if (answer == -EPIPE && !sigismember(&pending, SIGPIPE))
        (void)sigtimedwait(&pipe, NULL, &now);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return answer;
}

static int
try_write(struct cr_op *op)
{
    size_t length = op->parts->iov_len;
    int error = op->is_file ? 0 : is_ready(op->fd, POLLOUT);
    if (error)
        return error;
    if (!op->is_file && length > PIPE_BUF)
        length = PIPE_BUF;
    return CR_FAIL(CR_FAULT_SEND) ? -EIO : write_without_signal(op->fd, op->parts->iov_base, length);
}

/* The listener is coir's own and non-blocking. What an accept can answer for a connection that died in the queue
 * (accept(2)) is not the listener's failure: the next one is tried. The kernel takes a descriptor before it looks for a
 * connection: a lack of descriptors is one only if somebody is there. */
static int
try_accept(struct cr_op *op)
{
    socklen_t size = sizeof(struct sockaddr_storage);
    int fd, answer;
    if (CR_FAIL(CR_FAULT_ACCEPT))
        return -EMFILE;
    do
        fd = accept4(op->fd, op->data, op->data ? &size : NULL, SOCK_CLOEXEC);
    while (fd < 0 && (errno == ECONNABORTED || errno == EPROTO || errno == ENETDOWN || errno == ENOPROTOOPT ||
                      errno == EHOSTDOWN || errno == ENONET || errno == EHOSTUNREACH || errno == ENETUNREACH));
    answer = result(fd);
    return (answer == -EMFILE || answer == -ENFILE) && is_ready(op->fd, POLLIN) == -EAGAIN ? -EAGAIN : answer;
}

/* The first call begins; later ones look how it went. The socket is coir's own and non-blocking. */
static int
try_connect(struct cr_op *op)
{
    int error = 0;
    socklen_t size = sizeof error;
    if (!op->begun) {
        if (CR_FAIL(CR_FAULT_CONNECT))
            return -ECONNREFUSED;
        op->begun = true;
        if (connect(op->fd, op->data, (socklen_t)op->length) == 0)
            return 0;
        return errno == EINPROGRESS || errno == EINTR ? -EAGAIN : errno == EAGAIN ? -ECONNREFUSED : -errno;
    }
    if (is_ready(op->fd, POLLOUT) == -EAGAIN)
        return -EAGAIN;
    if (getsockopt(op->fd, SOL_SOCKET, SO_ERROR, &error, &size))
        return -errno;
    return -error;
}

static cr_operation_attempt *const real[CR_OP_KINDS] = {
    [CR_OP_RECEIVE] = try_receive, [CR_OP_SEND] = try_send,     [CR_OP_READ] = try_read,
    [CR_OP_WRITE] = try_write,     [CR_OP_ACCEPT] = try_accept, [CR_OP_CONNECT] = try_connect,
    [CR_OP_POLL_IN] = try_poll,    [CR_OP_POLL_OUT] = try_poll,
};

/* The first operation of a process that has no runtime: now is the time to ask for chaos. */
static int
begin_and_try(struct cr_op *op)
{
    char why[CR_CHAOS_WHY];
    if (cr_chaos_begin(why))
        cr_misuse("%s", why);
    return cr_operation_try(op);
}

static cr_operation_attempt *const beginning[CR_OP_KINDS] = {
    [CR_OP_RECEIVE] = begin_and_try, [CR_OP_SEND] = begin_and_try,     [CR_OP_READ] = begin_and_try,
    [CR_OP_WRITE] = begin_and_try,   [CR_OP_ACCEPT] = begin_and_try,   [CR_OP_CONNECT] = begin_and_try,
    [CR_OP_POLL_IN] = begin_and_try, [CR_OP_POLL_OUT] = begin_and_try,
};

static cr_operation_attempt *const *installed = real;
/* What is called: beginning, then chaos or what is installed. */
static CR_ATOMIC(cr_operation_attempt *const *) tries = beginning;

cr_operation_attempt *const *
cr_operation_install(cr_operation_attempt *const *attempts)
{
    cr_operation_attempt *const *before = installed;
    installed = attempts ? attempts : real;
    if (cr_load_acq(&tries) == before)
        cr_store_rel(&tries, installed);
    return before;
}

void
cr_operation_precede(cr_operation_attempt *const *attempts)
{
    cr_store_rel(&tries, attempts ? attempts : installed); /* pairs with cr_operation_try */
}

int
cr_operation_under(struct cr_op *op)
{
    return installed[op->kind](op);
}

int
cr_send_now(int fd, const struct iovec *parts, size_t count)
{
    return cr_likely(cr_load_rlx(&tries) == real) ? send_parts(fd, parts, count) : -EAGAIN;
}

int
cr_operation_try(struct cr_op *op)
{
    int answer;
    do
        answer = cr_load_acq(&tries)[op->kind](op); /* pairs with precede: what chaos was told */
    while (answer == -EINTR);
    return answer == -EWOULDBLOCK ? -EAGAIN : answer;
}

int
cr_operation_block(struct cr_op *op)
{
    int answer;
    while ((answer = cr_operation_try(op)) == -EAGAIN || answer == CR_AGAIN) {
        struct pollfd poller = {.fd = op->fd, .events = cr_op_direction(op) == CR_OP_OUT ? POLLOUT : POLLIN};
        (void)poll(&poller, 1, -1);
    }
    return answer;
}
