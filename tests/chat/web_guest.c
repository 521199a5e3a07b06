/* tests/chat/web_guest.c: as guest.c: each step has a time limit and fails the test by itself. */
#include "tests/chat/web_guest.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/chat/guest.h"

static coir_time
patience(void)
{
    return coir_after(CR_GUEST_PATIENCE * COIR_SECOND);
}

int
cr_web_guest_open(struct cr_web_guest *guest, const char *address, const char *fields)
{
    struct cr_websocket_rules rules = {
        .message_limit = sizeof guest->message - 1, .from_server = true, .text_only = true};
    char line[1024];
    int status;
    memset(guest, 0, sizeof *guest);
    cr_websocket_parser_init(&guest->parser, &rules);
    ck_assert_int_eq(coir_stream_dial(address, NULL, &guest->stream, patience()), 0);
    int error = coir_stream_print(guest->stream, patience(),
                                  "GET /chat HTTP/1.1\r\nHost: hub\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                                  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n",
                                  fields);
    ck_assert_int_eq(error, 0);
    ck_assert_int_ge(coir_stream_read_line(guest->stream, line, sizeof line, patience()), 0);
    ck_assert_int_eq(sscanf(line, "HTTP/1.1 %d", &status), 1);
    while (coir_stream_read_line(guest->stream, line, sizeof line, patience()) > 0)
        continue;
    return status;
}

void
cr_web_guest_send_frame(struct cr_web_guest *guest, unsigned opcode, bool is_final, const char *bytes)
{
    static const uint8_t mask[4] = {1, 2, 3, 4};
    uint8_t header[CR_WEBSOCKET_HEADER_SIZE];
    size_t size = strlen(bytes);
    uint8_t *payload = malloc(size + 1);
    memcpy(payload, bytes, size);
    cr_websocket_mask(payload, size, mask, 0);
    size_t header_size = cr_websocket_encode_header(header, opcode, is_final, size, mask);
    ck_assert_int_eq(coir_stream_write(guest->stream, header, header_size, patience()), 0);
    ck_assert_int_eq(coir_stream_write(guest->stream, payload, size, patience()), 0);
    free(payload);
}

void
cr_web_guest_send(struct cr_web_guest *guest, const char *text)
{
    cr_web_guest_send_frame(guest, CR_WEBSOCKET_TEXT, true, text);
}

static void
next_event(struct cr_web_guest *guest, struct cr_websocket_event *event)
{
    for (;;) {
        guest->at += cr_websocket_parse(&guest->parser, guest->bytes + guest->at, guest->end - guest->at, event);
        if (event->type != CR_WEBSOCKET_MORE)
            return;
        ssize_t size = coir_stream_read(guest->stream, guest->bytes, sizeof guest->bytes, patience());
        ck_assert_msg(size > 0, "a frame was expected, but reading answered %zd", size);
        guest->at = 0;
        guest->end = (size_t)size;
    }
}

json_t *
cr_web_guest_next(struct cr_web_guest *guest, const char *type, const char *key, const char *value)
{
    struct cr_websocket_event event;
    size_t size = 0;
    do {
        next_event(guest, &event);
        ck_assert_msg(event.type == CR_WEBSOCKET_DATA, "%s was expected, not event %d with code %d", type,
                      (int)event.type, event.code);
        memcpy(guest->message + size, event.bytes, event.size);
        size += event.size;
    } while (!event.is_last);
    guest->message[size] = '\0';
    json_t *json = json_loadb(guest->message, size, 0, NULL);
    const char *is = json_string_value(json_object_get(json, "type"));
    ck_assert_msg(is && strcmp(is, type) == 0, "%s was expected, not %s", type, guest->message);
    ck_assert(json_is_integer(json_object_get(json, "at")));
    if (key)
        ck_assert_str_eq(json_string_value(json_object_get(json, key)), value);
    return json;
}

void
cr_web_guest_expect(struct cr_web_guest *guest, const char *type, const char *key, const char *value)
{
    json_decref(cr_web_guest_next(guest, type, key, value));
}

void
cr_web_guest_expect_close(struct cr_web_guest *guest, int code)
{
    struct cr_websocket_event event;
    next_event(guest, &event);
    ck_assert_msg(event.type == CR_WEBSOCKET_CLOSE, "a close was expected, not event %d", (int)event.type);
    ck_assert_int_eq(event.code, code);
}

void
cr_web_guest_leave(struct cr_web_guest *guest)
{
    coir_stream_close(guest->stream);
}
