/* tests/chat/guest.h: the client's end of a conversation by lines, and the runtime a test's body runs in. */
#ifndef CR_TESTS_CHAT_GUEST_H
#define CR_TESTS_CHAT_GUEST_H

#include <coir/stream.h>
#include <coir/task.h>

#include "servers/chat/room.h"

struct cr_guest {
    struct coir_stream *near, *far; /* his end; the session's, closed by it */
    struct cr_room *room;           /* NULL: he came through a hub's door, and there is no session to join */
    coir_time name_time;
    struct coir_task *session;
};

enum { CR_GUEST_PATIENCE = 10 }; /* seconds for each step of a conversation; then the test fails */

/* Runs body(NULL) as the first task of a runtime; what is not 0 fails the test. */
void cr_guest_run(coir_function *body);

/* Comes to the room by a pair of streams, with a task serving him; or to a hub by its address. */
void cr_guest_connect(struct cr_guest *guest, struct cr_room *room, coir_time name_time);
void cr_guest_dial(struct cr_guest *guest, const char *address);

/* Comes in under a name that is free: connect, question, name, welcome. */
void cr_guest_enter(struct cr_guest *guest, struct cr_room *room, const char *name);

void cr_guest_send(struct cr_guest *guest, const char *text);

/* The next thing he reads is exactly this: a line (without its LF), some bytes, the end. */
void cr_guest_expect(struct cr_guest *guest, const char *line);
void cr_guest_expect_bytes(struct cr_guest *guest, const char *bytes);
void cr_guest_expect_end(struct cr_guest *guest);

/* Says nothing more, but goes on reading. */
void cr_guest_half_close(struct cr_guest *guest);

/* Closes his end; the result of the session that served him. */
int cr_guest_leave(struct cr_guest *guest);

#endif
