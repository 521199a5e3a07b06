/* servers/http/session.h: what a WebSocket is made of, for server.c, which begins and ends it. */
#ifndef CR_SERVERS_HTTP_SESSION_H
#define CR_SERVERS_HTTP_SESSION_H

#include <coir/buffer.h>
#include <coir/mutex.h>

#include "servers/http/websocket.h"

/* The reader's are used by the one task that reads. */
struct cr_websocket {
    struct coir_stream *stream;
    coir_time write_time; /* for a pong, or a close the reader sends */

    struct cr_websocket_parser parser; /* the reader's, as all up to sending */
    uint8_t *input;                    /* bytes read and not yet parsed: from, to, room */
    size_t input_at, input_size, input_capacity;
    struct coir_buffer kept; /* the part of a message that had come when a read was interrupted */
    coir_time heard;
    bool is_over;   /* nothing more will be read */
    int close_code; /* of the client; 0: none yet */

    struct coir_mutex sending; /* held for a frame's write; guards the next */
    bool is_closed;            /* our close has been sent, or its write failed */
};

/* Takes the stream and the bytes already read from it (input_size of them from input_at) over until fini. */
void cr_websocket_init(struct cr_websocket *websocket, struct coir_stream *stream, coir_time write_time, void *input,
                       size_t input_at, size_t input_size, size_t input_capacity);

/* Closes with the code, if nobody has, and waits for the client's close until the deadline. */
void cr_websocket_finish(struct cr_websocket *websocket, int code, coir_time deadline);

void cr_websocket_fini(struct cr_websocket *websocket);

#endif
