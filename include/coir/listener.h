/* coir/listener.h: where connections come in. */
#ifndef COIR_LISTENER_H
#define COIR_LISTENER_H

#include <coir/address.h>
#include <coir/base.h>
#include <coir/stream.h>

COIR_BEGIN

struct coir_listener;

struct coir_listener_options {
    int backlog;                       /* 0: 1,024 (the kernel's somaxconn may lower it) */
    unsigned mode;                     /* of a Unix socket's file; 0: 0600 */
    bool share_port;                   /* SO_REUSEPORT */
    struct coir_stream_options stream; /* for those it accepts; local is not used */
    uint64_t reserved[4];
};

/* Binds and listens. -EADDRINUSE, -EACCES, -EADDRNOTAVAIL, -EINVAL, with the address in coir_error_detail. A Unix
 * socket's file that nobody listens at is replaced; it is removed by close. Does not suspend. */
COIR_EXPORT int coir_listener_open(const char *address, const struct coir_listener_options *options,
                                   struct coir_listener **listener);

/* Takes over a socket that listens already, from a service manager for example: coir_listener_close will close it, and leaves a
 * Unix socket's file. backlog, mode and share_port are not used. It becomes close-on-exec and non-blocking (for all who
 * share it). -EBADF, -EINVAL (it does not listen), -ENOMEM: it is still the caller's. */
COIR_EXPORT int coir_listener_from(int fd, const struct coir_listener_options *options,
                                   struct coir_listener **listener);

/* The next connection. Survives aborted connections and a lack of descriptors by itself: then it sheds connections by a
 * descriptor held in reserve, logs once a second at most, and pauses. -EPIPE after abort. */
COIR_EXPORT int coir_listener_accept(struct coir_listener *listener, struct coir_stream **stream, coir_time deadline);

/* All calls waiting in accept and all later ones fail with -EPIPE; it is still to be closed. From any task; does not
 * suspend. */
COIR_EXPORT void coir_listener_abort(struct coir_listener *listener);

/* Where it listens: with port 0 asked for, the port it got. */
COIR_EXPORT int coir_listener_local(const struct coir_listener *listener, struct coir_address *address);
COIR_EXPORT int coir_listener_fd(const struct coir_listener *listener); /* borrowed */
COIR_EXPORT void coir_listener_close(struct coir_listener *listener);   /* the owner's last call; of NULL nothing */

COIR_END

#endif
