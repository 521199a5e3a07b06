/* servers/hub/web_member.h: a member by JSON texts over a WebSocket.
 *
 * From the client: {"type":"enter","name":"ann"}, then {"type":"say","text":"hello"}. To the client, each with "at",
 * the milliseconds since 1970:
 *   {"type":"refused","reason":"..."}                          try another name
 *   {"type":"welcome","name":"ann","members":["ann","bob"]}
 *   {"type":"came","name":"bob"}, {"type":"left","name":"bob"}
 *   {"type":"said","name":"bob","text":"hi"}                   also what he says himself, in its place in the order
 *   {"type":"administrator","text":"..."}
 *   {"type":"notice","text":"..."}                             what is wrong with what he sent
 *   {"type":"closing","text":"..."}                            the last one */
#ifndef CR_SERVERS_HUB_WEB_MEMBER_H
#define CR_SERVERS_HUB_WEB_MEMBER_H

#include <coir/base.h>

#include "servers/chat/room.h"
#include "servers/http/websocket.h"

enum {
    CR_WEB_MEMBER_MESSAGE_LIMIT = 6 * CR_ROOM_TEXT_LIMIT + 256, /* a text of which each byte is escaped, and the rest */
    CR_WEB_MEMBER_ATTEMPTS = 100                                /* messages before he is in; people try names */
};

/* Suspends. Waits for a name, for name_time at most, and lets him take part until one side ends it. As a
 * cr_websocket_handler does, it leaves the end of the connection to its caller. 0: ended in order; else why not,
 * -errno. */
int cr_web_member_serve(struct cr_websocket *websocket, struct cr_room *room, coir_time name_time);

#endif
