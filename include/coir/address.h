/* coir/address.h: where something listens. */
#ifndef COIR_ADDRESS_H
#define COIR_ADDRESS_H

#include <coir/base.h>
#include <sys/socket.h>

COIR_BEGIN

enum { COIR_ADDRESS_TEXT = 128 }; /* room enough for any address as text */

struct coir_address {
    struct sockaddr_storage storage; /* as the kernel wants it, network byte order */
    socklen_t size;                  /* bytes of storage in use */
    int type;                        /* SOCK_STREAM or SOCK_DGRAM */
};

/* Reads "tcp://127.0.0.1:9000", "127.0.0.1:9000", "udp://[::1]:53", "unix:PATH" or "unix:@NAME" (abstract): numbers,
 * "localhost" (127.0.0.1) and "*" (any address: [::], both families), no other names; port 0 to 65535. -EINVAL, with
 * what is wrong in coir_error_detail. Does not suspend. */
COIR_EXPORT int coir_address_parse(const char *text, struct coir_address *address);

/* The address as coir_address_parse reads it, for example "tcp://127.0.0.1:9000", cut to size bytes; returns text. */
COIR_EXPORT char *coir_address_text(const struct coir_address *address, char *text, size_t size);

/* All addresses of "HOST:PORT" or "tcp://HOST:PORT", HOST being a name or a number, best first (RFC 6724), without
 * blocking a worker: how many were filled. -ENOENT: no such name; -EINVAL; -EHOSTUNREACH: the resolver failed, the
 * reason is in coir_error_detail. The resolver's own time limit (resolv.conf: 5 s, twice) may outlast the deadline. */
COIR_EXPORT int coir_address_resolve(const char *text, struct coir_address *addresses, size_t capacity,
                                     coir_time deadline);

COIR_END

#endif
