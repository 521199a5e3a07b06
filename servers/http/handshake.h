/* servers/http/handshake.h: the beginning of a WebSocket (RFC 6455, 4.2). */
#ifndef CR_SERVERS_HTTP_HANDSHAKE_H
#define CR_SERVERS_HTTP_HANDSHAKE_H

#include "protocol/http_request.h"

enum { CR_HANDSHAKE_ACCEPT_SIZE = 29 }; /* 28 characters and a NUL */

/* Whether the request is a handshake we take: 0, or the status to refuse it with and why. origins: as in struct
 * cr_http_options. */
int cr_handshake_check(const struct cr_http_request *request, const char *const *origins, const char **reason);

/* What the server answers to a client's key. */
void cr_handshake_accept(const char *key, char accept[CR_HANDSHAKE_ACCEPT_SIZE]);

#endif
