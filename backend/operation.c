/* backend/operation.c: the system call behind each operation, without waiting.
 *
 * O_NONBLOCK is never set on a description that coir did not make (it is shared with other processes), and not needed on
 * sockets: MSG_DONTWAIT does it. What is neither socket nor made by coir (a terminal, a pipe somebody gave us) is asked
 * with poll first; a pipe that says writable takes at least PIPE_BUF bytes. */
#include "backend/operation.h"
#include "backend/chaos.h"
#include "backend/file_call.h"
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

/* What the file system cannot say without waiting, or at all (RWF_NOWAIT), is not now. */
static int
not_now(int answer)
{
    return answer == -EOPNOTSUPP || answer == -ENOSYS || answer == -EINVAL ? -EAGAIN : answer;
}

static int
read_file(struct cr_op *op)
{
    struct iovec part = {op->data, at_most_int(op->length)};
    if (CR_FAIL(CR_FAULT_RECEIVE))
        return -EIO;
    if (op->try_only)
        return not_now(result(preadv2(op->fd, &part, 1, -1, RWF_NOWAIT)));
    return result(read(op->fd, part.iov_base, part.iov_len));
}

static int
try_read(struct cr_op *op)
{
    int error;
    if (op->is_file)
        return read_file(op);
    error = is_ready(op->fd, POLLIN);
    if (error)
        return error;
    return CR_FAIL(CR_FAULT_RECEIVE) ? -EIO : result(read(op->fd, op->data, at_most_int(op->length)));
}

/* write(2) to a pipe has no MSG_NOSIGNAL. */
void
cr_signal_hold(struct cr_held_signal *held)
{
    sigset_t pipe, pending;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    sigpending(&pending);
    held->was_pending = sigismember(&pending, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, &held->before);
}

void
cr_signal_release(struct cr_held_signal *held, int answer)
{
    struct timespec now = {0, 0};
    sigset_t pipe;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    if (answer == -EPIPE && !held->was_pending)
        (void)sigtimedwait(&pipe, NULL, &now);
    pthread_sigmask(SIG_SETMASK, &held->before, NULL);
}

static int
write_file(struct cr_op *op)
{
    struct iovec part = {op->parts->iov_base, at_most_int(op->parts->iov_len)};
    if (CR_FAIL(CR_FAULT_SEND))
        return -EIO;
    if (op->try_only)
        return not_now(result(pwritev2(op->fd, &part, 1, -1, RWF_NOWAIT)));
    return result(write(op->fd, part.iov_base, part.iov_len));
}

static int
try_write(struct cr_op *op)
{
    struct cr_held_signal held;
    size_t length = op->parts->iov_len;
    int answer;
    if (op->is_file)
        return write_file(op);
    answer = is_ready(op->fd, POLLOUT);
    if (answer)
        return answer;
    if (CR_FAIL(CR_FAULT_SEND))
        return -EIO;
    cr_signal_hold(&held);
    answer = result(write(op->fd, op->parts->iov_base, length > PIPE_BUF ? PIPE_BUF : length));
    cr_signal_release(&held, answer);
    return answer;
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

/* Never -EAGAIN when it may wait: nobody could tell when to try again. */
static int
try_file(struct cr_op *op)
{
    return op->try_only ? -EAGAIN : cr_file_call_do(op->data);
}

static int
look(struct cr_op *op)
{
    struct pollfd poller = {.fd = op->fd, .events = op->kind == CR_OP_WRITABLE ? POLLOUT : POLLIN};
    int count = poll(&poller, 1, 0);
    return count < 0 ? -errno : !count ? -EAGAIN : poller.revents & POLLNVAL ? -EBADF : 0;
}

static int
try_receive_message(struct cr_op *op)
{
    return CR_FAIL(CR_FAULT_RECEIVE) ? -ECONNRESET : result(recvmsg(op->fd, op->data, MSG_DONTWAIT | MSG_CMSG_CLOEXEC));
}

static int
try_send_message(struct cr_op *op)
{
    return CR_FAIL(CR_FAULT_SEND) ? -ECONNRESET : result(sendmsg(op->fd, op->data, MSG_DONTWAIT | MSG_NOSIGNAL));
}

static cr_operation_attempt *const real[CR_OP_KINDS] = {
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
    [CR_OP_FILE] = try_file,
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
    [CR_OP_RECEIVE] = begin_and_try,
    [CR_OP_SEND] = begin_and_try,
    [CR_OP_READ] = begin_and_try,
    [CR_OP_WRITE] = begin_and_try,
    [CR_OP_ACCEPT] = begin_and_try,
    [CR_OP_CONNECT] = begin_and_try,
    [CR_OP_RECEIVE_MESSAGE] = begin_and_try,
    [CR_OP_SEND_MESSAGE] = begin_and_try,
    [CR_OP_READABLE] = look,
    [CR_OP_WRITABLE] = look,
    [CR_OP_FILE] = begin_and_try,
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
cr_operation_real(struct cr_op *op)
{
    return real[op->kind](op);
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
cr_operation_try_now(struct cr_op *op)
{
    bool try_only = op->try_only;
    int answer;
    op->try_only = true;
    answer = cr_operation_try(op);
    op->try_only = try_only;
    return answer;
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
