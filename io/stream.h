/* io/stream.h: what a stream is, for the files that make streams of their own kind or read items from them. */
#ifndef CR_STREAM_H
#define CR_STREAM_H

#include "io/frame.h"
#include "sched/lock.h"
#include "sched/operate.h"
#include <coir/stream.h>

struct coir_stream {
    int fd; /* -1: a pipe that has been shut down; that changes under out */
    bool is_socket, is_tcp, is_file;
    bool is_pipe_out; /* nothing ever comes in: only out uses the descriptor */
    bool is_ours;     /* made here: nobody else reads from it, unless it is shown */
    struct cr_lock in, out;
    /* Under in. */
    char *bytes;             /* the read buffer; NULL: none */
    size_t begin, end, room; /* what is inside */
    bool at_end;             /* the kernel has said so */
    bool eager;              /* something is likely to be there already (cr_op.eager) */
    bool skipping;           /* the rest of a line or frame that was too long */
    struct cr_skip skip;     /* which */
    struct cr_feeding feeding;
    /* Under out. */
    bool out_ended; /* shut down, or a write stopped half-way */
};

static inline size_t
cr_stream_buffered(const struct coir_stream *stream)
{
    return stream->end - stream->begin;
}

/* Takes the turn to read: 0, CR_STREAM_END, or a failure; only with 0 it is taken. Given back by cr_lock_give. */
enum { CR_STREAM_END = 1 };
ssize_t cr_stream_begin_reading(struct coir_stream *stream, struct coir_task *self, coir_time deadline);

/* Fetches more behind what is in the read buffer, which gets room for wanted bytes: > 0, 0 at the end, or a failure. */
ssize_t cr_stream_fill(struct coir_stream *stream, size_t wanted, coir_time deadline);

/* Takes over a connected socket of this family. On failure fd is still the caller's. */
int cr_stream_open(int fd, bool is_tcp, struct coir_stream **stream);
/* Applies what can be applied to a connected socket; options may be NULL. fresh: the socket is new (inherits nothing). */
int cr_stream_settle(int fd, bool is_tcp, const struct coir_stream_options *options);

#endif
