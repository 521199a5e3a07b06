/* wire.h: connections of every kind for the tests of streams and listeners. */
#ifndef TESTS_WIRE_H
#define TESTS_WIRE_H

#include <coir/listener.h>
#include <coir/stream.h>

#include "core.h"

enum wire_kind { WIRE_PAIR, WIRE_TCP, WIRE_UNIX, WIRE_FROM, WIRE_KINDS };

/* Two ends of a connection; buffer: bytes of the kernel's buffers; 0: its default, 1: the
 * least there is. */
void wire_open(enum wire_kind kind, int buffer, struct coir_stream *ends[2]);
void wire_close(struct coir_stream *ends[2]);
/* Until the kernel holds nothing more for this stream to read. */
void wire_await_taken(struct coir_stream *stream);
/* A listener on a free port, and its address as text. */
struct coir_listener *wire_listen(const char *where, char text[COIR_ADDRESS_TEXT]);

/* Plays of every kind of connection with every cast: director(arg) uses wire_kind. number: 0 to WIRE_PLAYS - 1. */
enum { WIRE_PLAYS = CORE_CASTS * WIRE_KINDS };
extern enum wire_kind wire_kind;
void wire_play(int number, coir_function *director, void *arg);
void wire_put(struct coir_stream *stream, const char *bytes, size_t size);

#endif
