/* wire.h: connections of every kind for the tests of streams and listeners. */
#ifndef TESTS_WIRE_H
#define TESTS_WIRE_H

#include <coir/listener.h>
#include <coir/stream.h>

enum wire_kind { WIRE_PAIR, WIRE_TCP, WIRE_UNIX, WIRE_FROM, WIRE_KINDS };

/* Two ends of a connection; buffer: bytes of the kernel's buffers; 0: its default, 1: the
 * least there is. */
void wire_open(enum wire_kind kind, int buffer, struct coir_stream *ends[2]);
void wire_close(struct coir_stream *ends[2]);
/* Until the kernel holds nothing more for this stream to read. */
void wire_await_taken(struct coir_stream *stream);
/* A listener on a free port, and its address as text. */
struct coir_listener *wire_listen(const char *where, char text[COIR_ADDRESS_TEXT]);

#endif
