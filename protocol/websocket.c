/* protocol/websocket.c: the frame parser of RFC 6455.
 *
 * A frame is read in phases: first byte (FIN, RSV, opcode), second byte (MASK, length), 0, 2 or 8 bytes of long length, 0
 * or 4 bytes of mask, payload, end. A header byte is judged when it comes, so the verdict on a stream is fixed by a prefix
 * of it and cannot depend on the cut. Payload of messages is handed on from the caller's memory, unmasked there; payload of
 * control frames (at most 125 bytes) is gathered here, because a control frame may be cut by the reads and its reader wants
 * it whole.
 *
 * Which violation gets which code: what breaks the framing, 1002; a binary message where only text is taken, 1003; text
 * or a close reason that is not UTF-8, 1007; a message longer than the limit, 1009, known from the header that announces
 * it. After a close or a violation the rest of the stream is swallowed: the peer may have sent more before it knew.
 *
 * When a text breaks off in the middle of a character, the piece before is still handed on (without is_last), then the
 * violation follows: so the bytes handed on are the same for every cut. */
#include "protocol/websocket.h"

#include <string.h>

enum phase {
    FIRST_BYTE,  /* to SECOND_BYTE */
    SECOND_BYTE, /* to LONG_LENGTH, MASK, PAYLOAD */
    LONG_LENGTH, /* to MASK, PAYLOAD */
    MASK,        /* to PAYLOAD */
    PAYLOAD,     /* to FRAME_END; at once, if it is empty */
    FRAME_END,   /* to FIRST_BYTE, FINISHED */
    VIOLATED,    /* to FINISHED: the event is still to be told */
    FINISHED     /* swallows */
};

#define CONTROL_BIT 8
#define FIN 0x80
#define RESERVED_BITS 0x70
#define MASKED 0x80

void
cr_websocket_parser_init(struct cr_websocket_parser *parser, const struct cr_websocket_rules *rules)
{
    memset(parser, 0, sizeof(*parser));
    parser->rules = *rules;
    parser->phase = FIRST_BYTE;
    parser->text = (struct cr_utf8)CR_UTF8_INIT;
}

static void
violate(struct cr_websocket_parser *parser, int code, const char *reason)
{
    parser->phase = VIOLATED;
    parser->code = code;
    parser->reason = reason;
}

static void
break_protocol(struct cr_websocket_parser *parser, const char *reason)
{
    violate(parser, CR_WEBSOCKET_PROTOCOL_ERROR, reason);
}

static bool
is_control(const struct cr_websocket_parser *parser)
{
    return parser->opcode & CONTROL_BIT;
}

/* Judges FIN, RSV and opcode against the message under way. */
static void
take_first_byte(struct cr_websocket_parser *parser, uint8_t byte)
{
    parser->opcode = byte & 0x0F;
    parser->is_final = byte & FIN;
    parser->phase = SECOND_BYTE;
    if (byte & RESERVED_BITS) {
        break_protocol(parser, "a reserved bit is set, but no extension was agreed on");
    } else if (is_control(parser)) {
        if (parser->opcode > CR_WEBSOCKET_OP_PONG)
            break_protocol(parser, "reserved control opcode");
        else if (!parser->is_final)
            break_protocol(parser, "fragmented control frame");
    } else if (parser->opcode > CR_WEBSOCKET_BINARY) {
        break_protocol(parser, "reserved data opcode");
    } else if (parser->opcode == CR_WEBSOCKET_CONTINUATION) {
        if (parser->message_kind == 0)
            break_protocol(parser, "continuation of nothing");
    } else if (parser->message_kind != 0) {
        break_protocol(parser, "a new message inside another");
    } else if (parser->opcode == CR_WEBSOCKET_BINARY && parser->rules.text_only) {
        violate(parser, CR_WEBSOCKET_UNSUPPORTED, "binary message where only text is taken");
    } else {
        parser->message_kind = parser->opcode;
        parser->message_size = 0;
        parser->text = (struct cr_utf8)CR_UTF8_INIT;
    }
}

/* The whole length is known. */
static void
begin_frame(struct cr_websocket_parser *parser)
{
    uint64_t limit = parser->rules.message_limit;
    parser->phase = parser->rules.from_server ? PAYLOAD : MASK;
    parser->mask_have = 0;
    parser->mask_at = 0;
    if (is_control(parser)) {
        parser->control_size = 0;
        if (parser->opcode == CR_WEBSOCKET_OP_CLOSE && parser->frame_left == 1)
            break_protocol(parser, "close frame with half a code");
    } else if (parser->message_size > limit || parser->frame_left > limit - parser->message_size) {
        violate(parser, CR_WEBSOCKET_TOO_BIG, "message too long");
    } else {
        parser->message_size += parser->frame_left;
    }
}

static void
take_second_byte(struct cr_websocket_parser *parser, uint8_t byte)
{
    uint8_t length = byte & 0x7F;
    if ((byte & MASKED) && parser->rules.from_server) {
        break_protocol(parser, "masked frame from a server");
    } else if (!(byte & MASKED) && !parser->rules.from_server) {
        break_protocol(parser, "unmasked frame from a client");
    } else if (is_control(parser) && length > CR_WEBSOCKET_CONTROL_LIMIT) {
        break_protocol(parser, "control frame longer than 125 bytes");
    } else if (length <= 125) {
        parser->frame_left = length;
        begin_frame(parser);
    } else {
        parser->frame_left = 0;
        parser->length_size = parser->length_left = length == 126 ? 2 : 8;
        parser->phase = LONG_LENGTH;
    }
}

static void
take_length_byte(struct cr_websocket_parser *parser, uint8_t byte)
{
    uint64_t least = parser->length_size == 2 ? 126 : 65536;
    if (parser->length_size == 8 && parser->length_left == 8 && byte > 0x7F) {
        break_protocol(parser, "frame length of 2^63 or more");
        return;
    }
    parser->frame_left = parser->frame_left << 8 | byte;
    if (--parser->length_left > 0)
        return;
    if (parser->frame_left < least)
        break_protocol(parser, "frame length not in its shortest form");
    else
        begin_frame(parser);
}

static void
take_mask_byte(struct cr_websocket_parser *parser, uint8_t byte)
{
    parser->mask[parser->mask_have++] = byte;
    if (parser->mask_have == sizeof(parser->mask))
        parser->phase = PAYLOAD;
}

typedef void take_byte(struct cr_websocket_parser *parser, uint8_t byte);

static take_byte *const take_header_byte[] = {
    [FIRST_BYTE] = take_first_byte,
    [SECOND_BYTE] = take_second_byte,
    [LONG_LENGTH] = take_length_byte,
    [MASK] = take_mask_byte,
};

/* Unmasks the payload bytes there are of the frame. */
static void
unmask(struct cr_websocket_parser *parser, uint8_t *bytes, size_t size)
{
    if (parser->rules.from_server)
        return;
    cr_websocket_mask(bytes, size, parser->mask, parser->mask_at);
    parser->mask_at = (uint8_t)((parser->mask_at + size) % 4);
}

static size_t
take_control_payload(struct cr_websocket_parser *parser, uint8_t *bytes, size_t size)
{
    unmask(parser, bytes, size);
    memcpy(parser->control + parser->control_size, bytes, size);
    parser->control_size = (uint8_t)(parser->control_size + size);
    parser->frame_left -= size;
    return size;
}

/* A piece of a message: checks text and tells of what is good. */
static size_t
take_message_payload(struct cr_websocket_parser *parser, uint8_t *bytes, size_t size, struct cr_websocket_event *event)
{
    bool is_text = parser->message_kind == CR_WEBSOCKET_TEXT;
    unmask(parser, bytes, size);
    size_t good = is_text ? cr_utf8_accept(&parser->text, bytes, size) : size;
    parser->frame_left -= good;
    event->type = CR_WEBSOCKET_DATA;
    event->kind = (enum cr_websocket_kind)parser->message_kind;
    event->bytes = bytes;
    event->size = good;
    event->is_last = parser->frame_left == 0 && parser->is_final;
    if (good < size)
        violate(parser, CR_WEBSOCKET_BAD_TEXT, "text is not UTF-8");
    else if (event->is_last && is_text && !cr_utf8_is_whole(&parser->text))
        violate(parser, CR_WEBSOCKET_BAD_TEXT, "text ends inside a character");
    if (parser->phase == VIOLATED) {
        event->is_last = false;
        if (good == 0)
            event->type = CR_WEBSOCKET_MORE;
    }
    return size;
}

static void
end_close(struct cr_websocket_parser *parser, struct cr_websocket_event *event)
{
    if (parser->control_size == 0) {
        event->code = CR_WEBSOCKET_NO_CODE;
    } else {
        event->code = parser->control[0] << 8 | parser->control[1];
        event->bytes = parser->control + 2;
        event->size = (size_t)parser->control_size - 2;
    }
    if (parser->control_size > 0 && !cr_websocket_is_close_code(event->code)) {
        break_protocol(parser, "close code that must not be sent");
    } else if (!cr_utf8_is_valid(event->bytes, event->size)) {
        violate(parser, CR_WEBSOCKET_BAD_TEXT, "close reason is not UTF-8");
    } else {
        event->type = CR_WEBSOCKET_CLOSE;
        parser->phase = FINISHED;
    }
}

/* All of the frame is in. */
static void
end_frame(struct cr_websocket_parser *parser, struct cr_websocket_event *event)
{
    parser->phase = FIRST_BYTE;
    event->bytes = parser->control;
    switch (parser->opcode) {
    case CR_WEBSOCKET_OP_CLOSE:
        end_close(parser, event);
        break;
    case CR_WEBSOCKET_OP_PING:
    case CR_WEBSOCKET_OP_PONG:
        event->type = parser->opcode == CR_WEBSOCKET_OP_PING ? CR_WEBSOCKET_PING : CR_WEBSOCKET_PONG;
        event->size = parser->control_size;
        break;
    default: /* told already, with its last piece */
        if (parser->is_final)
            parser->message_kind = 0;
    }
}

/* Payload there is, or an empty frame. */
static size_t
take_payload(struct cr_websocket_parser *parser, uint8_t *bytes, size_t size, struct cr_websocket_event *event)
{
    size_t here = size < parser->frame_left ? size : (size_t)parser->frame_left;
    bool is_empty_end = parser->frame_left == 0 && parser->is_final;
    size_t used = 0;
    if (is_control(parser))
        used = take_control_payload(parser, bytes, here);
    else if (here > 0 || is_empty_end)
        used = take_message_payload(parser, bytes, here, event);
    if (parser->phase == PAYLOAD && parser->frame_left == 0)
        parser->phase = FRAME_END;
    return used;
}

static void
tell_violation(struct cr_websocket_parser *parser, struct cr_websocket_event *event)
{
    *event =
        (struct cr_websocket_event){.type = CR_WEBSOCKET_VIOLATION, .code = parser->code, .reason = parser->reason};
    parser->phase = FINISHED;
}

size_t
cr_websocket_parse(struct cr_websocket_parser *parser, uint8_t *bytes, size_t size, struct cr_websocket_event *event)
{
    size_t used = 0;
    memset(event, 0, sizeof(*event));
    event->type = CR_WEBSOCKET_MORE;
    while (event->type == CR_WEBSOCKET_MORE) {
        if (parser->phase == VIOLATED)
            tell_violation(parser, event);
        else if (parser->phase == FINISHED)
            return size;
        else if (parser->phase == FRAME_END)
            end_frame(parser, event);
        else if (parser->phase == PAYLOAD && (used < size || parser->frame_left == 0))
            used += take_payload(parser, bytes + used, size - used, event);
        else if (used == size)
            return used;
        else
            take_header_byte[parser->phase](parser, bytes[used++]);
    }
    return used;
}

bool
cr_websocket_parser_is_inside(const struct cr_websocket_parser *parser)
{
    return parser->phase != FINISHED && (parser->message_kind != 0 || parser->phase != FIRST_BYTE);
}

void
cr_websocket_parser_set_limit(struct cr_websocket_parser *parser, uint64_t message_limit)
{
    parser->rules.message_limit = message_limit;
}
