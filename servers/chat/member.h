/* servers/chat/member.h: one who is in a room, or at its door: his queue, and the task that writes what is in it.
 *
 * It belongs to the task that serves him (line_member.c, servers/hub/web_member.c), as the stream does. */
#ifndef CR_SERVERS_CHAT_MEMBER_H
#define CR_SERVERS_CHAT_MEMBER_H

#include <coir/base.h>
#include <coir/queue.h>
#include <coir/stream.h>
#include <stdbool.h>

#include "base/atomic.h"
#include "base/list.h"
#include "servers/chat/message.h"
#include "servers/chat/name.h"

enum cr_member_place {
    CR_MEMBER_OUTSIDE, /* the room does not know him; from here to the door */
    CR_MEMBER_AT_DOOR, /* asked for his name; hears only that the room closes; from here inside or outside */
    CR_MEMBER_INSIDE   /* has a name and hears everything; from here outside */
};

struct cr_member {
    struct coir_queue *queue;     /* of struct cr_message *, each with a hold; in the order of the room */
    struct coir_stream *stream;   /* borrowed; the deliverer writes to it, the room aborts it */
    CR_ATOMIC(size_t) * speakers; /* the room's, from his arrival on: how many wait for their turn to speak */
    enum cr_message_form form;
    bool hears_himself;                 /* what he says comes back to him, in its place in the one order */
    CR_ATOMIC(bool) deaf;               /* nothing more is put into his queue: he has left, or is thrown out */
    CR_ATOMIC(coir_time) writing_since; /* when the write under way began; 0: none is. By the deliverer only */
    enum cr_member_place place;         /* under the room's mutex; as are the next two */
    struct cr_list door;                /* his link in the room's list of those at the door */
    struct cr_name name;                /* once he is inside */
};

enum {
    CR_MEMBER_BATCH = 64,        /* messages in one write, at most */
    CR_MEMBER_WRITE_SECONDS = 60 /* a write that takes longer ends the membership */
};

/* capacity: messages his queue takes. -ENOMEM. */
int cr_member_init(struct cr_member *member, struct coir_stream *stream, enum cr_message_form form, bool hears_himself,
                   size_t capacity);

/* Drops what is still queued. Nobody may know him any more. */
void cr_member_fini(struct cr_member *member);

/* Puts a message into his queue: 0, and the queue has one hold of the caller's; else as coir_queue_put, and the caller
 * keeps it. */
int cr_member_put(struct cr_member *member, struct cr_message *message, coir_time deadline);

/* Suspends. Tells him alone something; waits for place in his queue, so this is for his own task. -ENOMEM, or as
 * coir_queue_put. */
int cr_member_tell(struct cr_member *member, enum cr_message_kind kind, const char *text);

/* Suspends. A task's function, its arg is the member: writes what is queued, several messages at a time. -ESHUTDOWN:
 * the queue was shut down and all of it has been written: a failure, so that in a scope it ends the reader's
 * waiting. Else the stream's -errno. */
int cr_member_deliver(void *member);

#endif
