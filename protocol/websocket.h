/* protocol/websocket.h: frames of RFC 6455, from bytes to events and back.
 *
 * A pure parser: no I/O, no memory of its own, and what it says does not depend on how the bytes were cut. It checks all
 * that the RFC lets a receiver check, and as early as it can be known: a bad byte of a text message is reported when it is
 * fed, not at the message's end. */
#ifndef CR_PROTOCOL_WEBSOCKET_H
#define CR_PROTOCOL_WEBSOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/utf8.h"

enum cr_websocket_kind { CR_WEBSOCKET_TEXT = 1, CR_WEBSOCKET_BINARY = 2 };

/* The four bits of a frame's opcode; text and binary are the kinds above. */
enum { CR_WEBSOCKET_CONTINUATION = 0, CR_WEBSOCKET_OP_CLOSE = 8, CR_WEBSOCKET_OP_PING = 9, CR_WEBSOCKET_OP_PONG = 10 };

/* Close codes. NO_CODE and BROKEN are never sent. */
enum {
    CR_WEBSOCKET_NORMAL = 1000,
    CR_WEBSOCKET_GOING_AWAY = 1001,
    CR_WEBSOCKET_PROTOCOL_ERROR = 1002,
    CR_WEBSOCKET_UNSUPPORTED = 1003,
    CR_WEBSOCKET_NO_CODE = 1005,
    CR_WEBSOCKET_BROKEN = 1006,
    CR_WEBSOCKET_BAD_TEXT = 1007,
    CR_WEBSOCKET_POLICY = 1008,
    CR_WEBSOCKET_TOO_BIG = 1009,
    CR_WEBSOCKET_SERVER_ERROR = 1011
};

enum {
    CR_WEBSOCKET_HEADER_SIZE = 14,    /* the most a frame's header takes */
    CR_WEBSOCKET_CONTROL_LIMIT = 125, /* bytes a control frame carries at most */
    CR_WEBSOCKET_REASON_LIMIT = 123   /* of them, the reason of a close */
};

enum cr_websocket_event_type {
    CR_WEBSOCKET_MORE, /* all bytes are consumed, more are needed */
    CR_WEBSOCKET_DATA, /* a piece of a message; is_last: the message is complete with it (the piece may be empty) */
    CR_WEBSOCKET_PING, /* to be answered by a pong with the same bytes */
    CR_WEBSOCKET_PONG,
    CR_WEBSOCKET_CLOSE,    /* code and reason; to be answered by a close with the same code. Nothing comes after it */
    CR_WEBSOCKET_VIOLATION /* code: the close code to send, reason: why. Nothing comes after it */
};

struct cr_websocket_event {
    enum cr_websocket_event_type type;
    enum cr_websocket_kind kind; /* DATA: of its message */
    bool is_last;                /* DATA */
    int code;                    /* CLOSE, VIOLATION */
    const char *reason;          /* VIOLATION: a static sentence. Else NULL */
    const uint8_t *bytes;        /* DATA: within the bytes fed, unmasked there. PING, PONG, CLOSE (its reason): within
                                    the parser, until the next call */
    size_t size;
};

struct cr_websocket_rules {
    uint64_t message_limit; /* bytes of a whole message; beyond: 1009 */
    bool from_server;       /* the bytes come from a server: frames must not be masked (else they must be) */
    bool text_only;         /* a binary message is refused: 1003 */
};

/* All members are private. */
struct cr_websocket_parser {
    struct cr_websocket_rules rules;
    uint64_t frame_left;   /* payload bytes of the frame still to come */
    uint64_t message_size; /* payload bytes the message's frames have announced so far */
    struct cr_utf8 text;   /* of the text message, or of the close reason */
    uint8_t phase;
    uint8_t opcode;       /* of the frame */
    bool is_final;        /* the frame's FIN */
    uint8_t message_kind; /* of the message under way; 0: none */
    uint8_t length_left;  /* bytes of the long length still to come */
    uint8_t length_size;  /* 0, 2 or 8 */
    uint8_t mask[4], mask_have;
    uint8_t mask_at; /* which of them the next payload byte takes */
    uint8_t control[CR_WEBSOCKET_CONTROL_LIMIT], control_size;
    const char *reason; /* of a violation */
    int code;
};

void cr_websocket_parser_init(struct cr_websocket_parser *parser, const struct cr_websocket_rules *rules);

/* Consumes some of the bytes (payload is unmasked in place) and says what they meant: how many were consumed. To be called
 * until the event is MORE, also when nothing is left to consume. */
size_t cr_websocket_parse(struct cr_websocket_parser *parser, uint8_t *bytes, size_t size,
                          struct cr_websocket_event *event);

/* Whether the bytes so far end inside a message or a frame. */
bool cr_websocket_parser_is_inside(const struct cr_websocket_parser *parser);

/* Changes the limit, from the next frame's header on. */
void cr_websocket_parser_set_limit(struct cr_websocket_parser *parser, uint64_t message_limit);

/* Writes a frame's header: its size, 2 to 14. mask: 4 bytes a client chose, NULL for a server. */
size_t cr_websocket_encode_header(uint8_t header[CR_WEBSOCKET_HEADER_SIZE], unsigned opcode, bool is_final,
                                  uint64_t payload_size, const uint8_t *mask);

/* Writes the payload of a close frame: its size, 2 to 125. The reason (NULL: none) is cut at a character. */
size_t cr_websocket_encode_close(uint8_t payload[CR_WEBSOCKET_CONTROL_LIMIT], int code, const char *reason);

/* Whether a close frame may carry this code. */
bool cr_websocket_is_close_code(int code);

/* Masks or unmasks bytes in place; offset: which payload byte the first of them is. */
void cr_websocket_mask(uint8_t *bytes, size_t size, const uint8_t mask[4], uint64_t offset);

#endif
