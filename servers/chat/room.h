/* servers/chat/room.h: who is here, and the one order in which all hear what is said.
 *
 * Who runs beside whom: any task may call any function here at any time; the room's mutex decides. A member is the
 * room's from a successful cr_room_arrive to cr_room_leave, and must stay where it is so long. */
#ifndef CR_SERVERS_CHAT_ROOM_H
#define CR_SERVERS_CHAT_ROOM_H

#include <coir/base.h>
#include <stdbool.h>
#include <stddef.h>

#include "servers/chat/member.h"

struct cr_room;

/* Zero is the default. */
struct cr_room_options {
    size_t members; /* in the room at once, at most; 10,000 */
    size_t queue;   /* messages that may wait for one member; who has more waiting is thrown out; 256 */
};

enum { CR_ROOM_TEXT_LIMIT = 4096 }; /* bytes of what is said at once */

/* NULL: no memory. */
struct cr_room *cr_room_new(const struct cr_room_options *options);
void cr_room_free(struct cr_room *room); /* nobody is in it any more; of NULL nothing */

/* How many messages a member's queue is to take. */
size_t cr_room_queue(const struct cr_room *room);

/* How many are here; advice, old at once. */
size_t cr_room_size(const struct cr_room *room);

bool cr_room_is_closed(const struct cr_room *room);

/* Suspends, as all below. Comes to the door: from now on he hears it when the room closes. -EPIPE: it is closed. */
int cr_room_arrive(struct cr_room *room, struct cr_member *member);

/* From the door comes in under a name: the welcome is put into his queue, and the others hear that he came. -EINVAL:
 * not a name; -EEXIST: taken; -ENOSPC: the room is full; -EPIPE: it is closed; -ENOMEM; each with a reason for
 * people, static, and nothing has changed. */
int cr_room_enter(struct cr_room *room, struct cr_member *member, const char *name, size_t size, const char **reason);

/* Goes, from inside or from the door; his queue is shut down. If he was inside the others hear it, once. Works in a
 * canceled task. */
void cr_room_leave(struct cr_room *room, struct cr_member *member);

/* Says something (size bytes and a NUL) to all others, and to himself if he hears himself. An empty text says
 * nothing. Waits while the hub is behind with delivering what was said before. -EMSGSIZE: more than
 * CR_ROOM_TEXT_LIMIT bytes; -EILSEQ: not UTF-8; -EINVAL: characters that cannot be shown; -ENOMEM; each with a
 * reason. 0 also when the room is closed. */
int cr_room_say(struct cr_room *room, struct cr_member *member, const char *text, size_t size, const char **reason);
int cr_room_say_as_administrator(struct cr_room *room, const char *text, size_t size, const char **reason);

/* Tells all, those at the door, too, that it is over, and why; nothing comes after it: their queues are shut down. */
void cr_room_close(struct cr_room *room, const char *why);

/* What a text of this size with this content would be refused for: 0, or as cr_room_say. Does not suspend. */
int cr_room_check_text(const char *text, size_t size, const char **reason);

#endif
