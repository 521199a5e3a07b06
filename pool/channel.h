/* pool/channel.h: bytes both ways between a program and one of its processes: two pipes in memory that both have
 * (lockfree/pipe.h), and a socket pair each way: who has nothing to read, or no room, sleeps until a byte comes there. While both
 * are awake no call of the kernel is made; the end of a socket pair is the end of the channel. With one pair for both ways
 * the program would be woken when its byte is taken, too: there is room again, says epoll.
 *
 * What is written is read from at once by one that is awake; one that sleeps is told by cr_channel_tell, and before the writer
 * sleeps itself. Calls suspend; one task at a time. */
#ifndef CR_CHANNEL_H
#define CR_CHANNEL_H

#include "lockfree/pipe.h"
#include <coir/base.h>

#include <sys/uio.h>

struct coir_stream;

struct cr_channel_memory {
    CR_ATOMIC(uint64_t) mark; /* the users' own; 0 at the beginning */
    CR_ATOMIC(uint32_t) sleeps[2];
    struct cr_pipe pipes[2]; /* written by the program; by the process */
};

struct cr_channel {
    struct cr_channel_memory *memory; /* NULL: there is none */
    struct coir_stream *ring, *hear;  /* of the socket pairs: what wakes the other; where this side sleeps */
    int side;
    struct cr_pipe_end out, in;
    uint64_t told; /* the place in out that a sleeper was told of */
};

/* What the process needs of it. */
struct cr_channel_other {
    int memory;
    struct coir_stream *hear, *ring;
};

/* The program's side. *other is to be dropped when the process has it. */
int cr_channel_open(struct cr_channel *channel, struct cr_channel_other *other);
void cr_channel_drop(struct cr_channel_other *other);
/* The process's; takes the descriptors over. */
int cr_channel_join(struct cr_channel *channel, int memory, int hear, int ring);
void cr_channel_close(struct cr_channel *channel);
/* Nothing more is written: the other learns it. */
void cr_channel_end(struct cr_channel *channel);
/* Nothing more is read but what is there; from any task. */
void cr_channel_cut(struct cr_channel *channel);

/* All of it: 0; -EPIPE: the other is gone, -EPROTO: it has gone mad. */
int cr_channel_write(struct cr_channel *channel, const struct iovec *parts, size_t count);
/* bytes: NULL: they are thrown away. What was written before the other went is read first. */
int cr_channel_read(struct cr_channel *channel, void *bytes, size_t size);
void cr_channel_tell(struct cr_channel *channel);
/* Until there is something to read: 0, -EAGAIN (COIR_NOW), -ETIMEDOUT, -EPIPE, -EPROTO. */
int cr_channel_await(struct cr_channel *channel, coir_time deadline);

#endif
