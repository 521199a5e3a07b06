/* servers/chat/message.h: something told in a room, rendered once for all that hear it.
 *
 * A message never changes after cr_message_new, so any number of tasks may read it at the same time. It is one block of
 * memory: the struct and, behind it, each form somebody in the room reads. Who puts it into a queue gives the queue's
 * reader one hold of it; the last hold that is dropped frees it. */
#ifndef CR_SERVERS_CHAT_MESSAGE_H
#define CR_SERVERS_CHAT_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/atomic.h"

enum cr_message_kind {
    CR_MESSAGE_CAME,          /* to all others: name */
    CR_MESSAGE_LEFT,          /* to all others: name */
    CR_MESSAGE_SAID,          /* to all others, over the web to the speaker, too: name, text */
    CR_MESSAGE_ADMINISTRATOR, /* to all: text */
    CR_MESSAGE_CLOSING,       /* to all, the last one: text */
    CR_MESSAGE_WELCOME,       /* to one, the first one: name, who is there */
    CR_MESSAGE_NOTICE,        /* to one: text */
    CR_MESSAGE_REFUSED,       /* to one at the door: text, the reason why that name will not do; by line asks again */
    CR_MESSAGE_KINDS
};

/* How a member reads. */
enum cr_message_form {
    CR_MESSAGE_LINE, /* UTF-8 text, ends with LF */
    CR_MESSAGE_WEB,  /* JSON in one WebSocket frame, its header included */
    CR_MESSAGE_FORMS
};

/* A message's content; all of it is used during the call only. */
struct cr_message_facts {
    enum cr_message_kind kind;
    int64_t at;                 /* milliseconds since 1970 */
    const char *name;           /* NULL: the kind has none */
    const char *text;           /* NULL: the kind has none; valid UTF-8 without control characters */
    const char *const *members; /* CR_MESSAGE_WELCOME: the names of those that are there, himself included */
    size_t member_count;
};

struct cr_message_bytes {
    const char *bytes; /* within the message; NULL: this form was not asked for */
    size_t size;
};

struct cr_message {
    CR_ATOMIC(size_t) holds;
    enum cr_message_kind kind;
    struct cr_message_bytes forms[CR_MESSAGE_FORMS];
};

/* Of a welcome by line: so many names are listed, then "and N more". */
enum { CR_MESSAGE_NAMES_LISTED = 100 };

/* A message in the forms whose bits (1 << form) are set, with one hold, the caller's. NULL: no memory. */
struct cr_message *cr_message_new(const struct cr_message_facts *facts, unsigned forms);

/* What only one is to hear, in his form: a notice or a refusal, with one hold. NULL: no memory. */
struct cr_message *cr_message_to_one(enum cr_message_kind kind, enum cr_message_form form, const char *text);

/* Milliseconds since 1970: when what is being told happened. */
int64_t cr_message_time(void);

/* So many holds more. Does not suspend. */
void cr_message_hold(struct cr_message *message, size_t count);

/* So many holds less; the last one frees it. The caller must have them. */
void cr_message_drop(struct cr_message *message, size_t count);

#endif
