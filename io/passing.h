/* io/passing.h: descriptors that come along with bytes of a Unix socket. */
#ifndef CR_PASSING_H
#define CR_PASSING_H

#include "io/stream.h"

/* Receives into the stream's read buffer, as fetch in stream.c does, and keeps a descriptor that comes along: it belongs to the
 * last byte. deadline COIR_NOW with known_only: as in cr_op. Under in. */
ssize_t cr_passing_fetch(struct coir_stream *stream, void *bytes, size_t size, bool known_only, coir_time deadline);
/* A descriptor that nobody asked for: its byte has been read as a byte, or the stream is closed. Under in. */
void cr_passing_drop(struct coir_stream *stream);

#endif
