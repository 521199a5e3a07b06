/* backend/uring.c: operations by io_uring(7): the kernel carries them out and says how they went.
 *
 * Each worker has a ring of its own, which only its thread uses (SINGLE_ISSUER), and whose completions are made when that
 * thread asks for them (DEFER_TASKRUN, Linux 6.1): nothing interrupts a fiber. Operations are queued in memory; one
 * io_uring_enter for each round of the loop hands them all in, waits, and brings back what is done. What is likely to
 * succeed at once is tried before by a plain system call, because it costs no round: every send (its completion would
 * only end the next wait early), a receive where the last one left something behind.
 *
 *     IDLE -> QUEUED (in the submission ring or the kernel) -> ASKED (its cancel is on its way) -> back, by done
 *          -> BACKLOG (no room in the ring)                 -> TO_ASK (no room for its cancel)
 *
 * The kernel's token for an operation is the address of its record. It cannot be stale: the record's frame waits for the
 * one completion of its one request; and a cancel is handed in after the request it is about and, being done as it is
 * handed in, before any later request at the same address.
 *
 * A stream whose reads wait again and again gets a feed (uring_feed.c): one standing receive for all of them.
 *
 * Running full. Submission ring: what is queued is handed in and goes on; if the kernel takes nothing (no memory), it
 * waits in the backlog. Completion ring: the kernel keeps the rest (NODROP) and says so; it is fetched in the same reap.
 *
 * The ring is made by whoever makes the runtime, so that a refusal is told there, but disabled; the thread that enters it
 * first, its worker's, enables it and is from then on the only one that may. Left out on purpose: SQPOLL (a kernel thread
 * that burns a processor, and keeps rights that were given up), sends as operations, registered files. */
#include "backend/uring.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/time.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct cr_uring_sizes cr_uring_sizes = {.submissions = 256, .completions = 4096, .buffers = 256};
struct cr_uring_counts cr_uring_counts;

enum { FLUSHES = 64 }; /* rounds of fetching what did not fit the completion ring, in one reap */
enum { NEEDED = IORING_FEAT_NODROP | IORING_FEAT_EXT_ARG | IORING_FEAT_RW_CUR_POS | IORING_FEAT_CQE_SKIP };

/* ---- Handing in ---- */

/* The first call from the worker's own thread makes the ring that thread's. (liburing 2.3 has a function for this call, but
 * its library does not show it.) */
static int
enable(struct cr_uring *self)
{
    int error = io_uring_register((unsigned)self->ring.ring_fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0);
    if (error)
        return error;
    (void)io_uring_register_ring_fd(&self->ring); /* saves a look-up in each call; does without */
    self->is_enabled = true;
    return 0;
}

/* One io_uring_enter: hands in, lets the kernel finish what it has put off, and waits at most until for a completion. */
static int
enter(struct cr_uring *self, coir_time until)
{
    struct io_uring_cqe *first;
    int answer = cr_likely(self->is_enabled) ? 0 : enable(self);
    if (answer)
        return answer;
    if (CR_FAIL(CR_FAULT_ENTER))
        return -EAGAIN;
    if (until == COIR_NEVER)
        return io_uring_submit_and_wait(&self->ring, 1);
    if (until != COIR_NOW) {
        coir_time left = until - cr_now();
        struct __kernel_timespec limit = {.tv_sec = left / COIR_SECOND, .tv_nsec = left % COIR_SECOND};
        if (left > 0)
            return io_uring_submit_and_wait_timeout(&self->ring, &first, 1, &limit, NULL);
    }
    return io_uring_submit_and_get_events(&self->ring);
}

struct io_uring_sqe *
cr_uring_entry(struct cr_uring *self)
{
    struct io_uring_sqe *entry = io_uring_get_sqe(&self->ring);
    if (cr_likely(entry != NULL) || (!self->is_enabled && enable(self)) || CR_FAIL(CR_FAULT_ENTER))
        return entry;
    (void)io_uring_submit(&self->ring);
    return io_uring_get_sqe(&self->ring);
}

static unsigned
at_most_int(size_t length)
{
    return length < INT_MAX ? (unsigned)length : INT_MAX & ~4095u;
}

static void
fill_receive(struct io_uring_sqe *entry, struct cr_op *op)
{
    io_uring_prep_recv(entry, op->fd, op->data, at_most_int(op->length), 0);
}

static void
fill_send(struct io_uring_sqe *entry, struct cr_op *op)
{
    io_uring_prep_send(entry, op->fd, op->parts->iov_base, at_most_int(op->parts->iov_len), MSG_WAITALL | MSG_NOSIGNAL);
}

/* From the present position, as read(2). */
static void
fill_read(struct io_uring_sqe *entry, struct cr_op *op)
{
    io_uring_prep_read(entry, op->fd, op->data, at_most_int(op->length), (uint64_t)-1);
}

static void
fill_write(struct io_uring_sqe *entry, struct cr_op *op)
{
    io_uring_prep_write(entry, op->fd, op->parts->iov_base, at_most_int(op->parts->iov_len), (uint64_t)-1);
}

static void
fill_accept(struct io_uring_sqe *entry, struct cr_op *op)
{
    io_uring_prep_accept(entry, op->fd, NULL, NULL, SOCK_CLOEXEC);
}

static void
fill_connect(struct io_uring_sqe *entry, struct cr_op *op)
{
    io_uring_prep_connect(entry, op->fd, op->data, (socklen_t)op->length);
}

/* What has no row is done by plain calls and only waited for (tries_first). */
static void (*const fill[CR_OP_KINDS])(struct io_uring_sqe *entry, struct cr_op *op) = {
    [CR_OP_RECEIVE] = fill_receive,    [CR_OP_SEND] = fill_send,     [CR_OP_READ] = fill_read,
    [CR_OP_WRITE] = fill_write,        [CR_OP_ACCEPT] = fill_accept, [CR_OP_CONNECT] = fill_connect,
    [CR_OP_FILE] = cr_uring_fill_call,
};

/* Into the submission ring, or into the backlog. */
static void
queue(struct cr_uring *self, struct cr_op *op)
{
    struct io_uring_sqe *entry = cr_uring_entry(self);
    op->result = CR_PENDING;
    if (cr_unlikely(!entry)) {
        op->stage = CR_URING_BACKLOG;
        (void)cr_add_rlx(&cr_uring_counts.backlogged, 1);
        cr_list_append(&self->backlog, &op->link);
        return;
    }
    if (cr_unlikely(op->by_poll))
        io_uring_prep_poll_add(entry, op->fd, cr_op_direction(op) == CR_OP_OUT ? POLLOUT : POLLIN);
    else
        fill[op->kind](entry, op);
    io_uring_sqe_set_data(entry, op);
    op->stage = CR_URING_QUEUED;
    cr_list_init(&op->link);
}

/* Whether the cancel of op is on its way. */
static bool
ask(struct cr_uring *self, struct cr_op *op)
{
    struct io_uring_sqe *entry = cr_uring_entry(self);
    if (!entry)
        return false;
    io_uring_prep_cancel(entry, op, 0);
    io_uring_sqe_set_data64(entry, CR_URING_NOBODY);
    entry->flags |= IOSQE_CQE_SKIP_SUCCESS;
    op->stage = CR_URING_ASKED;
    return true;
}

static void
read_bell(struct cr_uring *self)
{
    struct io_uring_sqe *entry = cr_uring_entry(self);
    if (!entry)
        return; /* the next reap does it */
    io_uring_prep_read(entry, self->bell, &self->rings, sizeof self->rings, 0);
    io_uring_sqe_set_data64(entry, CR_URING_BELL);
    self->bell_is_read = true;
}

/* What found no room before. */
static void
catch_up(struct cr_uring *self)
{
    struct cr_list waiting = self->backlog;
    struct cr_op *op;
    if (!self->bell_is_read)
        read_bell(self);
    cr_uring_feeds_catch_up(self);
    while (!cr_list_is_empty(&self->to_ask)) {
        op = cr_container(self->to_ask.next, struct cr_op, link);
        if (!ask(self, op))
            return;
        cr_list_remove(&op->link);
    }
    if (cr_list_is_empty(&self->backlog))
        return;
    /* Those that find none again go back into a list that is empty now. */
    waiting.next->prev = waiting.prev->next = &waiting;
    cr_list_init(&self->backlog);
    while (!cr_list_is_empty(&waiting)) {
        op = cr_container(waiting.next, struct cr_op, link);
        cr_list_remove(&op->link);
        queue(self, op);
    }
}

/* ---- Beginning and ending operations ---- */

/* What a test has planned; operation.c asks the same before its own calls. */
static const struct {
    enum cr_fault_site site;
    int failure;
} planned[CR_OP_KINDS] = {
    [CR_OP_RECEIVE] = {CR_FAULT_RECEIVE, -ECONNRESET},
    [CR_OP_SEND] = {CR_FAULT_SEND, -ECONNRESET},
    [CR_OP_READ] = {CR_FAULT_RECEIVE, -EIO},
    [CR_OP_WRITE] = {CR_FAULT_SEND, -EIO},
    [CR_OP_ACCEPT] = {CR_FAULT_ACCEPT, -EMFILE},
    [CR_OP_CONNECT] = {CR_FAULT_CONNECT, -ECONNREFUSED},
    [CR_OP_READABLE] = {CR_FAULT_ATTACH, -ENOMEM},
    [CR_OP_WRITABLE] = {CR_FAULT_ATTACH, -ENOMEM},
    [CR_OP_FILE] = {CR_FAULT_FILE, -EIO},
};

/* Whether a plain system call comes first. Not for files, which block; for the reading of what is no socket only if the
 * kernel cannot wait for it by itself, as it has to be asked twice; a connection over the network is never there at
 * once, one to a Unix socket is, or is refused. A write to a pipe must be ours, because of SIGPIPE. */
static bool
tries_first(const struct cr_op *op)
{
    switch (op->kind) {
    case CR_OP_READ:
        return op->by_poll;
    case CR_OP_WRITE:
    case CR_OP_RECEIVE_MESSAGE:
    case CR_OP_SEND_MESSAGE:
    case CR_OP_READABLE:
    case CR_OP_WRITABLE:
        return true;
    case CR_OP_CONNECT:
        return op->begun || ((const struct sockaddr *)op->data)->sa_family == AF_UNIX;
    default:
        return op->eager || op->by_poll;
    }
}

/* What a result says about the next of its kind. */
static bool
is_worth_trying(const struct cr_op *op, int result)
{
    if (op->kind == CR_OP_RECEIVE || op->kind == CR_OP_READ)
        return result > 0 && (size_t)result == op->length;
    if (op->kind == CR_OP_SEND)
        return op->count != 1 || (result > 0 && (size_t)result == op->parts->iov_len);
    return result >= 0;
}

static int
uring_start(void *opened, struct cr_op *op)
{
    struct cr_feed *feed = op->feeding ? cr_load_rlx(&op->feeding->feed) : NULL;
    if (op->is_file) {
        int result = cr_operation_try_now(op);
        if (result != -EAGAIN || op->try_only)
            return result;
        if (op->by_poll || (op->kind == CR_OP_FILE && !cr_uring_has_call(opened, op->data)))
            return CR_BLOCKS;
        if (op->kind != CR_OP_FILE)
            op->place = cr_file_move(op->fd, 0, SEEK_CUR);
    }
    if (feed) {
        int result = CR_FAIL(CR_FAULT_RECEIVE) ? -ECONNRESET : cr_uring_feed_start(opened, op);
        if (result != CR_AGAIN)
            return result;
    }
    if (!op->is_file && (op->try_only || tries_first(op))) {
        int result = op->known_only && !op->eager ? -EAGAIN : cr_operation_try(op);
        if (result == CR_AGAIN) /* chaos: the ring waits for what is there already */
            result = -EAGAIN;
        op->eager = is_worth_trying(op, result);
        if (result != -EAGAIN || op->try_only)
            return result;
        /* What only a plain call may do is waited for, no more. */
        op->by_poll |= op->kind == CR_OP_WRITE || op->kind == CR_OP_CONNECT || !fill[op->kind];
    } else if (CR_FAIL(planned[op->kind].site)) {
        return planned[op->kind].failure;
    }
    if (CR_FAIL(CR_FAULT_ATTACH))
        return -ENOMEM;
    op->begun |= op->kind == CR_OP_CONNECT;
    if (!op->feeding || !op->feeding->calm || !cr_uring_feed_arm(opened, op))
        queue(opened, op);
    return CR_PENDING;
}

void
cr_uring_hand_over(struct cr_uring *self, struct cr_op *op, int result)
{
    cr_list_remove(&op->link); /* of those to be asked, if it is one */
    op->stage = CR_URING_IDLE;
    op->result = result;
    cr_list_append(&self->done, &op->link);
}

static void
uring_cancel(void *opened, struct cr_op *op)
{
    struct cr_uring *self = opened;
    if (op->is_file)
        return; /* it will not take for ever, and half of it may be done */
    if (op->stage == CR_URING_FED) {
        cr_uring_feed_cancel(self, op);
    } else if (op->stage == CR_URING_BACKLOG) {
        cr_uring_hand_over(self, op, -ECANCELED);
    } else if (op->stage == CR_URING_QUEUED && !ask(self, op)) {
        op->stage = CR_URING_TO_ASK;
        (void)cr_add_rlx(&cr_uring_counts.cancels_backlogged, 1);
        cr_list_append(&self->to_ask, &op->link);
    }
}

static void
uring_detach(void *opened, int fd)
{
    (void)opened, (void)fd; /* without operations nothing is attached to a descriptor */
}

/* ---- What comes back ---- */

/* What accept(2) says of a connection that died in the queue. */
static bool
is_about_connection(int result)
{
    return result == -ECONNABORTED || result == -EPROTO || result == -ENETDOWN || result == -ENOPROTOOPT ||
           result == -EHOSTDOWN || result == -ENONET || result == -EHOSTUNREACH || result == -ENETUNREACH;
}

/* When the second half of a request fails, the kernel answers with the first half's count and, up to 6.18 at least, leaves
 * the file's place where it was: the next write would go over what was written, and succeed. */
static void
keep_place(const struct cr_op *op, int result)
{
    size_t asked = op->kind == CR_OP_READ ? op->length : op->parts->iov_len;
    if (result > 0 && (size_t)result < asked && cr_file_move(op->fd, 0, SEEK_CUR) == op->place)
        (void)cr_file_move(op->fd, result, SEEK_CUR);
}

/* The kernel's answer to a request, as an operation's result. */
static void
complete(struct cr_uring *self, struct cr_op *op, int result, bool is_more)
{
    if (op->is_file && op->kind != CR_OP_FILE)
        keep_place(op, result);
    if (op->kind == CR_OP_CONNECT && result == -EAGAIN)
        result = -ECONNREFUSED; /* as operation.c says it */
    if (op->by_poll && result >= 0) {
        op->eager = true;
        cr_uring_hand_over(self, op, CR_AGAIN);
    } else if (op->is_file && result == -EAGAIN) {
        /* A file whose description has O_NONBLOCK, an open whose ".." raced with a rename: asking again would be all it
         * does. A helper thread waits, or knows how often to try (file_call.c). */
        op->by_poll = true;
        (void)cr_add_rlx(&cr_uring_counts.by_thread, 1);
        cr_uring_hand_over(self, op, CR_AGAIN);
    } else if (op->kind == CR_OP_FILE) {
        cr_uring_hand_over(self, op, result == -EINTR ? CR_AGAIN : result);
    } else if (result == -EAGAIN || (op->kind == CR_OP_CONNECT && result == -EINPROGRESS) ||
               (op->kind == CR_OP_ACCEPT && (result == -EMFILE || result == -ENFILE))) {
        /* A description with O_NONBLOCK on some kernels: it is not waited for. Nor is a connection without a number for
         * it, and nobody may be there: the plain call knows (operation.c). */
        if (op->stage != CR_URING_QUEUED) {
            cr_uring_hand_over(self, op, -ECANCELED);
            return;
        }
        op->by_poll = true;
        queue(self, op);
    } else if (result == -EINTR || (op->kind == CR_OP_ACCEPT && is_about_connection(result))) {
        cr_uring_hand_over(self, op, op->stage == CR_URING_QUEUED ? CR_AGAIN : -ECANCELED);
    } else {
        op->eager = is_more || is_worth_trying(op, result);
        if (op->feeding)
            op->feeding->calm = !op->eager && result > 0 && result < CR_URING_BUFFER;
        cr_uring_hand_over(self, op, result);
    }
}

/* All that is in the completion ring. */
static void
take(struct cr_uring *self)
{
    struct io_uring_cqe *entry;
    unsigned head, count = 0;
    io_uring_for_each_cqe(&self->ring, head, entry)
    {
        uint64_t token = io_uring_cqe_get_data64(entry);
        count++;
        if (token & CR_URING_FEED)
            cr_uring_feed_came(self, token, entry->res, entry->flags);
        else if (token == CR_URING_BELL)
            self->bell_is_read = false;
        else if (token != CR_URING_NOBODY)
            complete(self, (struct cr_op *)(uintptr_t)token, entry->res, entry->flags & IORING_CQE_F_SOCK_NONEMPTY);
    }
    io_uring_cq_advance(&self->ring, count);
}

static unsigned
flags_of(const struct cr_uring *self)
{
    return IO_URING_READ_ONCE(*self->ring.sq.kflags);
}

bool
cr_uring_has_news(const struct cr_uring *self)
{
    return io_uring_cq_ready(&self->ring) || io_uring_sq_ready(&self->ring) ||
           flags_of(self) & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW);
}

static bool
uring_maybe_ready(void *opened)
{
    struct cr_uring *self = opened;
    return cr_uring_has_news(self) || !cr_list_is_empty(&self->done) || !cr_list_is_empty(&self->backlog) ||
           !cr_list_is_empty(&self->to_ask) || self->wanting || cr_load_rlx(&self->feeds.wished);
}

/* Not while something is to be handed over, or could not be handed in. */
static bool
may_wait(const struct cr_uring *self)
{
    return self->bell_is_read && cr_list_is_empty(&self->done) && cr_list_is_empty(&self->backlog) &&
           cr_list_is_empty(&self->to_ask) && !self->wanting;
}

/* Hands in, waits at most until, and takes all that is there. */
static int
go_round(struct cr_uring *self, coir_time until)
{
    int answer;
    catch_up(self);
    answer = enter(self, may_wait(self) ? until : COIR_NOW);
    cr_always(answer != -EBADR); /* the kernel had no memory to keep a completion: its task would wait for ever */
    take(self);
    for (int i = 0; i < FLUSHES && flags_of(self) & IORING_SQ_CQ_OVERFLOW; i++) {
        (void)cr_add_rlx(&cr_uring_counts.overflows, 1);
        (void)io_uring_get_events(&self->ring);
        take(self);
    }
    return answer;
}

void
cr_uring_look(struct cr_uring *self)
{
    (void)go_round(self, COIR_NOW);
}

static int
uring_reap(void *opened, coir_time until, struct cr_list *done)
{
    struct cr_uring *self = opened;
    int answer = go_round(self, until);
    cr_list_init(done);
    if (!cr_list_is_empty(&self->done)) { /* the whole ring changes its head */
        cr_list_append(&self->done, done);
        cr_list_remove(&self->done);
    }
    /* A signal, the time; no memory for requests, or for completions: the next round goes on. */
    return answer >= 0 || answer == -EINTR || answer == -ETIME || answer == -EAGAIN || answer == -EBUSY ? 0 : answer;
}

static void
uring_wake(void *opened)
{
    struct cr_uring *self = opened;
    uint64_t one = 1;
    (void)!write(self->bell, &one, sizeof one);
}

/* ---- Opening and closing ---- */

static int
make_ring(struct io_uring *ring)
{
    struct io_uring_params params = {.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                                              IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL |
                                              IORING_SETUP_R_DISABLED | IORING_SETUP_CQSIZE,
                                     .cq_entries = cr_uring_sizes.completions};
    int error =
        CR_FAIL(CR_FAULT_DESCRIPTOR) ? -EMFILE : io_uring_queue_init_params(cr_uring_sizes.submissions, ring, &params);
    if (error)
        return error == -EINVAL ? -ENOSYS : error; /* before Linux 6.1 */
    /* A forked child must not hand in anything: it would be done by its parent. */
    error = (params.features & NEEDED) == NEEDED ? io_uring_ring_dontfork(ring) : -ENOSYS;
    if (error)
        io_uring_queue_exit(ring);
    return error;
}

static int
uring_open(void **opened, unsigned slot)
{
    struct cr_uring *self;
    int error = cr_uring_probe();
    if (error)
        return error;
    self = cr_alloc_zero(sizeof *self);
    if (!self)
        return -ENOMEM;
    cr_list_init(&self->done);
    cr_list_init(&self->backlog);
    cr_list_init(&self->to_ask);
    error = make_ring(&self->ring);
    if (error)
        goto fail_free;
    self->bell = CR_FAIL(CR_FAULT_DESCRIPTOR) ? (errno = EMFILE, -1) : eventfd(0, EFD_CLOEXEC);
    if (self->bell < 0) {
        error = -errno;
        goto fail_exit;
    }
    cr_uring_feeds_open(self, slot, uring_wake);
    *opened = self;
    return 0;

fail_exit:
    io_uring_queue_exit(&self->ring);
fail_free:
    cr_free(self);
    return error;
}

static void
uring_close(void *opened)
{
    struct cr_uring *self = opened;
    io_uring_queue_exit(&self->ring);
    cr_uring_feeds_close(self);
    close(self->bell);
    cr_free(self);
}

const struct cr_backend cr_backend_uring = {
    .name = "uring",
    .open = uring_open,
    .close = uring_close,
    .start = uring_start,
    .cancel = uring_cancel,
    .detach = uring_detach,
    .maybe_ready = uring_maybe_ready,
    .reap = uring_reap,
    .wake = uring_wake,
    .end_feed = cr_uring_feed_end,
    .leave = cr_uring_feeds_leave,
};
