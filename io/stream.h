/* io/stream.h: what a stream is, for the files that make streams of their own kind read items from them, or move bytes between them. */
#ifndef CR_STREAM_H
#define CR_STREAM_H

#include "io/frame.h"
#include "sched/lock.h"
#include "sched/operate.h"
#include <coir/stream.h>

struct cr_file;

struct coir_stream {
    int fd; /* -1: a pipe that has been shut down; that changes under out */
    bool is_socket, is_tcp, is_file;
    bool is_pipe_out;     /* nothing ever comes in: only out uses the descriptor */
    bool is_ours;         /* made here: nobody else reads from it, unless it is shown */
    struct cr_file *file; /* file.h: one that was opened by its name; NULL */
    coir_time idle;       /* no wait for the other side is longer; 0: no limit. Set before others have the stream */
    struct cr_lock in, out;
    /* Under in. */
    char *bytes;             /* the read buffer; NULL: none */
    size_t begin, end, room; /* what is inside */
    bool at_end;             /* the kernel has said so */
    bool eager;              /* something is likely to be there already (cr_op.eager) */
    bool skipping;           /* the rest of a line or frame that was too long */
    struct cr_skip skip;     /* which */
    int passed;              /* a descriptor that came with the last byte inside, plus 1; 0: none (passing.c) */
    struct cr_feeding feeding;
    /* Under out. */
    bool out_ended; /* shut down, or a write stopped half-way */
};

/* The turn for what goes out. A regular file has one for both ways, because it has one place. */
static inline struct cr_lock *
cr_stream_out(struct coir_stream *stream)
{
    return stream->is_file ? &stream->in : &stream->out;
}

/* When a wait for the other side ends, at the latest. */
static inline coir_time
cr_stream_until(const struct coir_stream *stream, coir_time deadline)
{
    coir_time until = cr_likely(!stream->idle) ? COIR_NEVER : cr_now() + stream->idle;
    return until < deadline ? until : deadline;
}

static inline size_t
cr_stream_buffered(const struct coir_stream *stream)
{
    return stream->end - stream->begin;
}

/* Takes a turn: 0, or a failure; reading CR_STREAM_END, too, and then the turn is not taken. Given back by cr_lock_give. */
enum { CR_STREAM_END = 1 };
ssize_t cr_stream_begin_reading(struct coir_stream *stream, struct coir_task *self, coir_time deadline);
int cr_stream_begin_writing(struct coir_stream *stream, struct coir_task *self, coir_time deadline);

/* Fetches more behind what is in the read buffer, which gets room for wanted bytes: > 0, 0 at the end, or a failure. */
ssize_t cr_stream_fill(struct coir_stream *stream, size_t wanted, coir_time deadline);

/* What the kernel takes of these parts, waiting until it takes some: how many bytes, or a failure. Past write buffers. */
int cr_stream_send_some(struct coir_stream *stream, struct iovec *parts, size_t count, coir_time deadline);

/* Takes over a descriptor that is no socket. On failure it is still the caller's. */
int cr_stream_over(int fd, enum cr_file_kind kind, struct coir_stream **stream);
/* Takes over a connected socket of this family. On failure fd is still the caller's. */
int cr_stream_open(int fd, bool is_tcp, struct coir_stream **stream);
/* Applies what can be applied to a connected socket; options may be NULL. fresh: the socket is new (inherits nothing). */
int cr_stream_settle(int fd, bool is_tcp, const struct coir_stream_options *options);

#endif
