/* backend/operation.h: what a task wants done with a descriptor: one record, one result, always.
 *
 * The record lives in the frame of the call that waits for it. It is given to a backend by start and comes back exactly
 * once: at once, as the result of start, or later through reap. Until then it belongs to the backend. */
#ifndef CR_OPERATION_H
#define CR_OPERATION_H

#include "backend/feed.h"
#include "base/list.h"
#include "base/world.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

enum cr_op_kind {
    CR_OP_RECEIVE,         /* data, length: recv */
    CR_OP_SEND,            /* parts, count: sendmsg */
    CR_OP_READ,            /* data, length: read, of what is no socket */
    CR_OP_WRITE,           /* parts, count: writev, of what is no socket */
    CR_OP_ACCEPT,          /* the result is the new descriptor, close-on-exec; data: struct sockaddr_storage or NULL */
    CR_OP_CONNECT,         /* data, length: the address */
    CR_OP_RECEIVE_MESSAGE, /* data: struct msghdr; as with recvmsg what is in it is changed */
    CR_OP_SEND_MESSAGE,    /* the same: sendmsg, whole or not at all */
    CR_OP_READABLE,        /* 0 once it can be read from, or has ended; nothing is taken */
    CR_OP_WRITABLE,        /* 0 once it can be written to, or has ended */
    CR_OP_FILE,            /* data: a struct cr_file_call (file_call.h). is_file */
    CR_OP_KINDS
};

enum cr_op_direction { CR_OP_IN, CR_OP_OUT };

/* Answers of start besides a result (>= 0 or -errno). Below every errno. */
enum {
    CR_PENDING = -5000, /* it will come through reap */
    CR_AGAIN = -5001,   /* as a result from reap: it can go on now; start it again */
    CR_BLOCKS = -5002,  /* this descriptor cannot be waited for (a file): do it on a helper thread */
    CR_BEYOND = -5003   /* this backend cannot wait for a descriptor of this number (cr_backend.numbers) */
};

struct cr_op {
    struct cr_list link; /* the backend's */
    enum cr_op_kind kind;
    int fd;
    bool is_tcp;     /* a short read means that there is no more */
    bool try_only;   /* do not wait: -EAGAIN */
    bool known_only; /* with try_only: -EAGAIN also if it would have to be found out whether it can be done */
    bool is_file;    /* a regular file: always "ready", and still it blocks */
    bool begun;      /* CONNECT: the connection is under way */
    bool eager;      /* trying at once is likely to be worth it; afterwards: whether the next one's try is */
    bool by_poll;    /* uring: it has to be waited for by a poll; a file's by a thread. False at the beginning */
    uint8_t stage;   /* uring: where it is */
    int32_t result;
    int64_t place;              /* uring: of a file, when it was handed in */
    struct cr_feeding *feeding; /* RECEIVE: the stream's place for a feed (feed.h); NULL: it may have none */
    union {
        struct {
            void *data;
            size_t length;
        };
        struct iovec part; /* SEND, WRITE: room for what is tried instead of parts (chaos.c) */
    };
    const struct iovec *parts;
    size_t count;
};

static inline enum cr_op_direction
cr_op_direction(const struct cr_op *op)
{
    static const uint32_t out =
        1 << CR_OP_SEND | 1 << CR_OP_WRITE | 1 << CR_OP_CONNECT | 1 << CR_OP_SEND_MESSAGE | 1 << CR_OP_WRITABLE;
    return out >> op->kind & 1 ? CR_OP_OUT : CR_OP_IN;
}

/* What a kind of operation is: one system call, or what stands for it. */
typedef int cr_operation_attempt(struct cr_op *op);
/* Exchanges them, by kind: a simulation's, or ones that look at what they hand on; NULL: the real ones. Before runtimes
 * start. Those that were there before. */
cr_operation_attempt *const *cr_operation_install(cr_operation_attempt *const *attempts);

/* The real one, whatever is installed: what a simulation does with files. */
int cr_operation_real(struct cr_op *op);

/* What a socket takes of these parts at once, without a record: how many bytes, or -errno. -EAGAIN, too, when attempts have
 * been exchanged: then each is to be seen. May answer -EINTR. */
int cr_send_now(int fd, const struct iovec *parts, size_t count);

/* chaos.c: these come first, whatever is installed; NULL: nothing does. */
void cr_operation_precede(cr_operation_attempt *const *attempts);
/* What those hand on to. */
int cr_operation_under(struct cr_op *op);

/* Does it without waiting: the result; -EAGAIN: not now; CR_AGAIN (by chaos, and not if try_only): as if not now, but
 * nothing will tell when. Never answers -EINTR. */
int cr_operation_try(struct cr_op *op);

/* The same of a file's: what is in memory (RWF_NOWAIT); -EAGAIN: it would have to wait for the disk, or that is not known. */
int cr_operation_try_now(struct cr_op *op);

/* What a plain write says to a pipe or socket whose reader is gone, besides its answer: SIGPIPE is kept from the calling
 * thread between the two, and taken away if answer tells that it came meanwhile. */
struct cr_held_signal {
    sigset_t before;
    bool was_pending;
};
void cr_signal_hold(struct cr_held_signal *held);
void cr_signal_release(struct cr_held_signal *held, int answer);

/* Does it, waiting in the kernel; for helper threads and files. */
int cr_operation_block(struct cr_op *op);

#endif
