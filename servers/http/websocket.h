/* servers/http/websocket.h: whole messages over a WebSocket (RFC 6455), the server's side.
 *
 * A handler (server.h) gets one after the handshake. One task reads; any number of tasks write, ping and close at the
 * same time: a frame is one write of the stream, so frames never interleave. Who reads also answers pings and the
 * client's close. No extensions and no subprotocols are negotiated. */
#ifndef CR_SERVERS_HTTP_WEBSOCKET_H
#define CR_SERVERS_HTTP_WEBSOCKET_H

#include <coir/base.h>
#include <coir/stream.h>
#include <sys/types.h>

#include "protocol/websocket.h"

struct cr_websocket;

/* The next whole message, put together from its fragments: its length, 0 or more (empty messages exist); *kind (may be
 * NULL) says which of CR_WEBSOCKET_TEXT (valid UTF-8) and CR_WEBSOCKET_BINARY. No NUL is added. One task at a time.
 * -EPIPE: it is closed, cr_websocket_close_code says how; -EMSGSIZE: the message is longer than size, the client has been
 * told 1009 and nothing more comes; -EPROTO: the client broke the protocol and has been told so (1002, 1007), nothing
 * more comes; -ETIMEDOUT, -ECANCELED: nothing is lost, the next call goes on. */
COIR_MUSTCHECK ssize_t cr_websocket_read(struct cr_websocket *websocket, void *buffer, size_t size,
                                         enum cr_websocket_kind *kind, coir_time deadline);

/* One message in one frame. Text must be valid UTF-8 (the caller sees to it). -EPIPE: closed by either side, or broken.
 * A deadline that passes in the middle of the frame breaks the connection (as coir_stream_write). */
int cr_websocket_write(struct cr_websocket *websocket, enum cr_websocket_kind kind, const void *bytes, size_t size,
                       coir_time deadline);

/* A ping; the pong shows in cr_websocket_heard. */
int cr_websocket_ping(struct cr_websocket *websocket, coir_time deadline);

/* When the last byte came from the client (the moment of the handshake at first). For the task that reads, after its
 * -ETIMEDOUT: ping if it is some time ago, give up if it is long ago. */
coir_time cr_websocket_heard(const struct cr_websocket *websocket);

/* Tells the client that we close (once: later calls answer 0 and do nothing); reason is cut to 123 bytes at a character,
 * NULL: none. Nothing can be written after it. Does not wait for the client's answer: whoever reads gets what is still on
 * the way and then -EPIPE, and after the handler has returned the server waits for it for a short time. */
int cr_websocket_close(struct cr_websocket *websocket, int code, const char *reason, coir_time deadline);

/* Why read answered -EPIPE: the code the client sent; 1005: it sent none; 1006: the connection broke without a close. 0:
 * the client has not closed. */
int cr_websocket_close_code(const struct cr_websocket *websocket);

/* For its addresses, and for coir_stream_abort, which makes all calls fail at once. Borrowed. */
struct coir_stream *cr_websocket_stream(const struct cr_websocket *websocket);

#endif
