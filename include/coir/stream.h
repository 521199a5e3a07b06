/* coir/stream.h: bytes in order, both ways: TCP, Unix sockets, pipes, terminals.
 *
 * Any number of tasks may use a stream at the same time: readers take turns in order of arrival, so do writers (a
 * write never interleaves with another). Bytes, full blocks and lines may be read in turn; the read buffer (16 KiB,
 * made at the first need) is inside. End of stream: bytes answer 0, lines -EPIPE. -ERANGE: the descriptor's number is too
 * large for the runtime's backend to wait for (only select's). */
#ifndef COIR_STREAM_H
#define COIR_STREAM_H

#include <coir/address.h>
#include <coir/base.h>
#include <coir/buffer.h>
#include <sys/socket.h>
#include <sys/uio.h>

COIR_BEGIN

struct coir_stream;

struct coir_stream_options {
    const char *local;               /* the address to dial from; NULL: any */
    bool gather;                     /* TCP: keep Nagle's algorithm on */
    coir_time keepalive;             /* TCP: span of silence before probing, whole seconds; 0: off */
    int receive_buffer, send_buffer; /* the kernel's, bytes; 0: its default */
    uint64_t reserved[4];
};

/* Connects. Of a name all addresses are tried, IPv6 and IPv4 in turn, each with a head start of 250 ms before the next; the
 * first that answers is taken. -ECONNREFUSED, -EHOSTUNREACH, -ENOENT (no such name), -EINVAL. The
 * deadline covers all of it. */
COIR_EXPORT int coir_stream_dial(const char *address, const struct coir_stream_options *options,
                                 struct coir_stream **stream, coir_time deadline);

/* Takes a descriptor over (socket, pipe, terminal, file): coir_stream_close will close it. Its O_NONBLOCK is left as it
 * is. A regular file is written at once (coir_file_open collects first); else it is as coir/file.h says. -EBADF, -ENOMEM, -EINVAL (not open for reading or writing in a way a stream can use: epoll, listening sockets). */
COIR_EXPORT int coir_stream_from(int fd, struct coir_stream **stream);

/* Two ends of one connection (a Unix socket pair). */
COIR_EXPORT int coir_stream_pair(struct coir_stream *ends[2]);

/* At least one byte: how many; 0 at the end of the stream (and for size 0). With COIR_NOW, on io_uring, the first read by
 * another worker or thread than before may answer -EAGAIN although bytes have arrived: they are on their way from there,
 * and a later one has them. The same goes for blocks and lines. */
COIR_EXPORT COIR_MUSTCHECK ssize_t coir_stream_read(struct coir_stream *stream, void *bytes, size_t size,
                                                    coir_time deadline);

/* Exactly size bytes; 0 at the end; -EPIPE if the end comes in between. On -ETIMEDOUT and -ECANCELED nothing is taken if
 * size is at most 16 KiB (else what came is lost). */
COIR_EXPORT COIR_MUSTCHECK ssize_t coir_stream_read_full(struct coir_stream *stream, void *bytes, size_t size,
                                                         coir_time deadline);

/* A line of less than size bytes, its LF or CRLF replaced by NUL: its length. -EPIPE after the last; a last line
 * without LF counts. -EMSGSIZE: it is longer, and is skipped; the next call gets the next. On -ETIMEDOUT and -ECANCELED
 * nothing is taken. size at most 16 KiB. */
COIR_EXPORT COIR_MUSTCHECK ssize_t coir_stream_read_line(struct coir_stream *stream, char *line, size_t size,
                                                         coir_time deadline);

/* Appends all up to the end: 0; -EMSGSIZE: more than the buffer's limit. */
COIR_EXPORT int coir_stream_read_rest(struct coir_stream *stream, struct coir_buffer *buffer, coir_time deadline);

/* All or a failure. -EPIPE: the peer is gone, the stream was shut down or aborted, or an earlier write stopped half-way
 * (which closes the way out, so that nothing follows half a message). Never a signal. */
COIR_EXPORT int coir_stream_write(struct coir_stream *stream, const void *bytes, size_t size, coir_time deadline);
COIR_EXPORT int coir_stream_write_parts(struct coir_stream *stream, const struct iovec *parts, size_t count,
                                        coir_time deadline);
/* The same with formatted text, of any length. */
COIR_EXPORT int coir_stream_print(struct coir_stream *stream, coir_time deadline, const char *format, ...)
    COIR_PRINTF(3, 4);

/* Moves up to limit bytes (-1: all up to the end) of from into to, in the kernel where it can: how many. All others see one
 * read and one write. A failure is answered also when something has been moved: who needs to know how far it came copies
 * in pieces. After -ETIMEDOUT and -ECANCELED nothing is lost: what is not in to can still be read from from. With COIR_NOW
 * what can be moved at once, -EAGAIN: nothing. -EPIPE: to's peer is gone, or one of them was aborted (which is noticed when
 * the copy comes to that side). Others are from's.
 * -EINVAL: a file into itself. */
COIR_EXPORT int64_t coir_stream_copy(struct coir_stream *from, struct coir_stream *to, int64_t limit,
                                     coir_time deadline);

/* Nothing more goes out (half-close); the peer of a socket or a pipe reads the end. Waits for writes under way. */
COIR_EXPORT int coir_stream_shutdown(struct coir_stream *stream, coir_time deadline);

/* Resets it: all calls waiting in it and all later ones fail with -EPIPE; it is still to be closed. From any task; does
 * not suspend. */
COIR_EXPORT void coir_stream_abort(struct coir_stream *stream);

/* The owner's last call: closes and frees, of NULL nothing. 0; of a file the first failure that nobody has been told of.
 * Suspends if it is one with something collected, or a replacement; that cannot be canceled. No call on it may be running or
 * come after. */
COIR_EXPORT int coir_stream_close(struct coir_stream *stream);

/* The descriptor, borrowed; -EBADF: a pipe that has been shut down. What coir has read ahead (the rest of a line's bytes; on
 * io_uring also what arrived while nobody read) is not to be had there; from now on it reads ahead for lines and full
 * blocks only. */
COIR_EXPORT int coir_stream_fd(const struct coir_stream *stream);
COIR_EXPORT int coir_stream_local(const struct coir_stream *stream, struct coir_address *address);
COIR_EXPORT int coir_stream_peer(const struct coir_stream *stream, struct coir_address *address);
/* setsockopt(2) and getsockopt(2): any option of a socket. -ENOTSOCK, -ENOPROTOOPT, -EINVAL. */
COIR_EXPORT int coir_stream_set_option(struct coir_stream *stream, int level, int name, const void *value,
                                       socklen_t size);
COIR_EXPORT int coir_stream_get_option(struct coir_stream *stream, int level, int name, void *value, socklen_t *size);

/* Of Unix sockets only; else -EOPNOTSUPP. Who was at the other end when the connection was made, as the kernel knows it. */
struct coir_credentials {
    pid_t pid;
    uid_t uid;
    gid_t gid;
};
COIR_EXPORT int coir_stream_credentials(const struct coir_stream *stream, struct coir_credentials *peer);

/* Sends a duplicate of a descriptor, with one zero byte, in order with what is written before and after; fd stays the
 * caller's. -EBADF, -EPIPE. */
COIR_EXPORT int coir_stream_send_fd(struct coir_stream *stream, int fd, coir_time deadline);

/* The descriptor that comes next, close-on-exec and from now on the caller's. -EPIPE at the end; -EPROTO: what comes next is a
 * byte without one, which stays to be read. Lines, blocks and frames before it may be read as usual; whose byte is read as a
 * byte, that descriptor is closed. */
COIR_EXPORT int coir_stream_receive_fd(struct coir_stream *stream, coir_time deadline);

COIR_END

#endif
