/* servers/chat/visit.h: the two tasks of a member, from his arrival to his departure. */
#ifndef CR_SERVERS_CHAT_VISIT_H
#define CR_SERVERS_CHAT_VISIT_H

#include <coir/base.h>

#include "servers/chat/room.h"

enum { CR_VISIT_FAREWELL_SECONDS = 5 }; /* for writing what is still queued when he leaves */

/* Suspends. Brings the member to the room's door, delivers to him while talk(arg) runs, which reads from him, and
 * when either has ended takes him out and writes what is left. -ESHUTDOWN: the room has closed and he has been told;
 * else what ended it: talk's result, or the deliverer's failure. */
int cr_visit(struct cr_room *room, struct cr_member *member, coir_function *talk, void *arg);

#endif
