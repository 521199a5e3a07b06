/* tests/chat/web_guest.h: the client's end of a conversation by WebSocket. */
#ifndef CR_TESTS_CHAT_WEB_GUEST_H
#define CR_TESTS_CHAT_WEB_GUEST_H

#include <coir/stream.h>
#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/websocket.h"

struct cr_web_guest {
    struct coir_stream *stream;
    struct cr_websocket_parser parser;
    uint8_t bytes[4096];
    size_t at, end; /* of bytes, those read and not parsed yet */
    char message[1 << 16];
};

/* Dials and shakes hands: the status of the answer, 101 if it went well. fields: further header lines, each with
 * CRLF. */
int cr_web_guest_open(struct cr_web_guest *guest, const char *address, const char *fields);

/* One masked frame. */
void cr_web_guest_send_frame(struct cr_web_guest *guest, unsigned opcode, bool is_final, const char *bytes);
void cr_web_guest_send(struct cr_web_guest *guest, const char *text);

/* The next message, which must be a JSON object of this type; if key is given, its string there is value. The caller
 * drops it. */
json_t *cr_web_guest_next(struct cr_web_guest *guest, const char *type, const char *key, const char *value);
void cr_web_guest_expect(struct cr_web_guest *guest, const char *type, const char *key, const char *value);

/* The next thing is a close with this code. */
void cr_web_guest_expect_close(struct cr_web_guest *guest, int code);

void cr_web_guest_leave(struct cr_web_guest *guest);

#endif
