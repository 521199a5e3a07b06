/* servers/chat/line_member.h: a member by lines of text, over TCP, a Unix socket, anything that is a stream. */
#ifndef CR_SERVERS_CHAT_LINE_MEMBER_H
#define CR_SERVERS_CHAT_LINE_MEMBER_H

#include <coir/base.h>
#include <coir/stream.h>

#include "servers/chat/room.h"

enum { CR_LINE_MEMBER_ATTEMPTS = 20 }; /* names that may be refused before we give up */

/* Suspends. Asks for a name, for name_time at most, and lets him take part until one side ends it; the stream stays the
 * caller's, to be closed. 0: ended in order; else why not, -errno. */
int cr_line_member_serve(struct coir_stream *stream, struct cr_room *room, coir_time name_time);

#endif
