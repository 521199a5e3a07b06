/* coir/datagram.h: messages with borders: UDP, and Unix datagram sockets. Each send is one message, each receive takes one;
 * over a network they may be lost, come twice or in another order.
 *
 * Any number of tasks may use a datagram socket at the same time; those that receive take turns in order of arrival, so do
 * those that send. The simulation of the tests has no datagrams: opening one there answers -EOPNOTSUPP. */
#ifndef COIR_DATAGRAM_H
#define COIR_DATAGRAM_H

#include <coir/address.h>
#include <coir/base.h>

COIR_BEGIN

struct coir_datagram;

struct coir_datagram_options {
    const char *peer; /* an address: send goes there by itself, only what comes from there is received */
    bool broadcast;   /* may send to broadcast addresses */
    bool
        share_port; /* SO_REUSEPORT: others that say so, too, may have the same port; each message goes to one of them */
    uint64_t reserved[4]; /* multicast: coir_datagram_set_option with IP_ADD_MEMBERSHIP and its kin */
};

/* Binds "udp://HOST:PORT" (or without "udp://"), "unix:PATH" or "unix:@NAME", numbers and "localhost" only. NULL: any free
 * port, or none for a peer that is a Unix socket. A Unix socket's file (mode 0600) that nobody has open is replaced; it is
 * removed by close. -EADDRINUSE, -EACCES, -EADDRNOTAVAIL, -EINVAL; -ECONNREFUSED: nobody is at the Unix peer. Does not
 * suspend. */
COIR_EXPORT int coir_datagram_open(const char *address, const struct coir_datagram_options *options,
                                   struct coir_datagram **datagram);

/* Takes over a socket for datagrams, from a service manager for example: coir_datagram_close will close it, and leaves a Unix
 * socket's file. It becomes close-on-exec and non-blocking (for all who share it). -EBADF, -EINVAL (another kind), -ENOMEM:
 * it is still the caller's. */
COIR_EXPORT int coir_datagram_from(int fd, struct coir_datagram **datagram);

/* One message, whole: 0. to NULL: to the peer; without one -EDESTADDRREQ. -EMSGSIZE: larger than a message may be. Of UDP 0 says
 * only that the kernel has it; what came back about an earlier message to the peer may be answered here or by receive, once:
 * -ECONNREFUSED, -EHOSTUNREACH. A Unix socket waits until its receiver has room. */
COIR_EXPORT int coir_datagram_send(struct coir_datagram *datagram, const void *bytes, size_t size,
                                   const struct coir_address *to, coir_time deadline);

/* One message: its size, which may be 0; from (may be NULL) is who sent it, of size 0 if that has no address. -EMSGSIZE: it was
 * larger than size; bytes and from are filled, the rest is gone. */
COIR_EXPORT COIR_MUSTCHECK ssize_t coir_datagram_receive(struct coir_datagram *datagram, void *bytes, size_t size,
                                                         struct coir_address *from, coir_time deadline);

/* All calls waiting in it and all later ones fail with -EPIPE; it is still to be closed. From any task; does not suspend. */
COIR_EXPORT void coir_datagram_abort(struct coir_datagram *datagram);

/* Where it receives: with port 0 asked for, the port it got. */
COIR_EXPORT int coir_datagram_local(const struct coir_datagram *datagram, struct coir_address *address);
/* setsockopt(2), for example level IPPROTO_IP, name IP_ADD_MEMBERSHIP. */
COIR_EXPORT int coir_datagram_set_option(struct coir_datagram *datagram, int level, int name, const void *value,
                                         socklen_t size);
COIR_EXPORT int coir_datagram_fd(const struct coir_datagram *datagram); /* borrowed */
COIR_EXPORT void coir_datagram_close(struct coir_datagram *datagram);   /* the owner's last call; of NULL nothing */

COIR_END

#endif
