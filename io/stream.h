/* io/stream.h: how dial and accept make streams. */
#ifndef CR_STREAM_H
#define CR_STREAM_H

#include "backend/operation.h"
#include <coir/stream.h>

/* Takes over a connected socket of this family. On failure fd is still the caller's. */
int cr_stream_open(int fd, bool is_tcp, struct coir_stream **stream);
/* Applies what can be applied to a connected socket; options may be NULL. fresh: the socket is new (inherits nothing). */
int cr_stream_settle(int fd, bool is_tcp, const struct coir_stream_options *options);

#endif
