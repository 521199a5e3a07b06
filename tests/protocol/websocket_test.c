/* tests/protocol/websocket_test.c: conversations with the frame parser.
 *
 * A row is some frames and what must come of them, written as one line: T[...] and B[...] are messages, P[...] and O[...]
 * pings and pongs, C1000[...] a close, ~[...] what was handed on of a message that then failed, !1002 a violation with its
 * close code; a '+' at the end says that the bytes stop inside something. Each row is fed whole, byte by byte and cut in
 * two at every place, as a client's frames (masked) and, unless it is about masks, as a server's. The names of the rows are
 * the numbers of the cases of the Autobahn test suite that they restate; what Autobahn asks of the server around the parser
 * is tested in tests/http. */
#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/websocket.h"

enum oddity { PLAIN, UNMASKED, LONG16, LONG64, HUGE64, CUT_SHORT };

struct frame {
    unsigned first; /* the first byte: FIN 0x80, RSV 0x70, opcode */
    const char *payload;
    size_t size;
    size_t times; /* the payload is repeated */
    enum oddity oddity;
};
#define F(first, payload)                             \
    {                                                 \
        first, payload, sizeof(payload) - 1, 1, PLAIN \
    }
#define TIMES(first, payload, times)                      \
    {                                                     \
        first, payload, sizeof(payload) - 1, times, PLAIN \
    }
#define ODD(first, payload, oddity)                    \
    {                                                  \
        first, payload, sizeof(payload) - 1, 1, oddity \
    }
#define FRAMES 8

struct row {
    const char *name;
    struct frame frames[FRAMES];
    const char *expected;
};

enum { TEXT = 0x81, BINARY = 0x82, CLOSE = 0x88, PING = 0x89, PONG = 0x8A, LAST = 0x80 };
enum { TEXT_PART = 0x01, BINARY_PART = 0x02, PART = 0x00, LIMIT = 70000 };

static const struct row rows[] = {
    {"1.1.1", {F(TEXT, "")}, "T[]"},
    {"1.1.2", {TIMES(TEXT, "*", 125)}, "T[125 * '*']"},
    {"1.1.3", {TIMES(TEXT, "*", 126)}, "T[126 * '*']"},
    {"1.1.4", {TIMES(TEXT, "*", 127)}, "T[127 * '*']"},
    {"1.1.5", {TIMES(TEXT, "*", 128)}, "T[128 * '*']"},
    {"1.1.6", {TIMES(TEXT, "*", 65535)}, "T[65535 * '*']"},
    {"1.1.7", {TIMES(TEXT, "*", 65536)}, "T[65536 * '*']"},
    {"1.2.1", {F(BINARY, "")}, "B[]"},
    {"1.2.2", {TIMES(BINARY, "\xfe", 125)}, "B[125 * '\\xfe']"},
    {"1.2.3", {TIMES(BINARY, "\xfe", 126)}, "B[126 * '\\xfe']"},
    {"1.2.7", {TIMES(BINARY, "\xfe", 65536)}, "B[65536 * '\\xfe']"},
    {"2.1", {F(PING, "")}, "P[]"},
    {"2.2", {F(PING, "Hello, world!")}, "P[Hello, world!]"},
    {"2.3", {F(PING, "\x00\xff\xfe\xfd\xfc\xfb\x00\xff")}, "P[\\x00\\xff\\xfe\\xfd\\xfc\\xfb\\x00\\xff]"},
    {"2.4", {TIMES(PING, "\xfe", 125)}, "P[125 * '\\xfe']"},
    {"2.5", {TIMES(PING, "\xfe", 126)}, "!1002"},
    {"2.7", {F(PONG, "")}, "O[]"},
    {"2.8", {F(PONG, "unsolicited")}, "O[unsolicited]"},
    {"2.9", {F(PONG, "unsolicited"), F(PING, "ping")}, "O[unsolicited]P[ping]"},
    {"2.10", {F(PING, "1"), F(PING, "2"), F(PING, "3"), F(PING, "4")}, "P[1]P[2]P[3]P[4]"},
    {"3.1", {F(TEXT | 0x40, "a")}, "!1002"},
    {"3.2", {F(TEXT, "a"), F(TEXT | 0x20, "b"), F(PING, "")}, "T[a]!1002"},
    {"3.3", {F(TEXT, "a"), F(TEXT | 0x60, "b"), F(PING, "")}, "T[a]!1002"},
    {"3.4", {F(TEXT, "a"), F(TEXT | 0x10, "b")}, "T[a]!1002"},
    {"3.5", {F(BINARY | 0x50, "a")}, "!1002"},
    {"3.6", {F(PING | 0x60, "a")}, "!1002"},
    {"3.7", {F(CLOSE | 0x70, "")}, "!1002"},
    {"4.1.1", {F(0x83, "")}, "!1002"},
    {"4.1.2", {F(0x84, "a")}, "!1002"},
    {"4.1.3", {F(TEXT, "a"), F(0x85, "")}, "T[a]!1002"},
    {"4.1.4", {F(TEXT, "a"), F(0x86, "b"), F(PING, "")}, "T[a]!1002"},
    {"4.1.5", {F(TEXT, "a"), F(0x87, "b")}, "T[a]!1002"},
    {"4.2.1", {F(0x8B, "")}, "!1002"},
    {"4.2.2", {F(0x8C, "a")}, "!1002"},
    {"4.2.3", {F(TEXT, "a"), F(0x8D, "")}, "T[a]!1002"},
    {"4.2.4", {F(TEXT, "a"), F(0x8E, "b"), F(PING, "")}, "T[a]!1002"},
    {"4.2.5", {F(TEXT, "a"), F(0x8F, "b")}, "T[a]!1002"},
    {"5.1", {F(0x09, "fragment1"), F(LAST, "fragment2")}, "!1002"},
    {"5.2", {F(0x0A, "fragment1"), F(LAST, "fragment2")}, "!1002"},
    {"5.3", {F(TEXT_PART, "one"), F(LAST, "two")}, "T[onetwo]"},
    {"5.6", {F(TEXT_PART, "one"), F(PING, "ping"), F(LAST, "two")}, "P[ping]T[onetwo]"},
    {"5.9", {F(LAST, "a"), F(TEXT, "b")}, "!1002"},
    {"5.12", {F(PART, "a"), F(TEXT, "b")}, "!1002"},
    {"5.15", {F(TEXT_PART, "one"), F(LAST, "two"), F(PART, "x"), F(TEXT_PART, "y"), F(LAST, "z")}, "T[onetwo]!1002"},
    {"5.16", {F(PART, "a"), F(TEXT_PART, "b"), F(LAST, "c")}, "!1002"},
    {"5.18", {F(TEXT_PART, "one"), F(TEXT, "two")}, "~[one]!1002"},
    {"5.18 binary", {F(BINARY_PART, "one"), F(BINARY, "two")}, "~[one]!1002"},
    {"5.19",
     {F(TEXT_PART, "1"), F(PART, "2"), F(PING, "p1"), F(PART, "3"), F(PART, "4"), F(PING, "p2"), F(LAST, "5")},
     "P[p1]P[p2]T[12345]"},
    {"5.20 pong, too", {F(TEXT_PART, "1"), F(PONG, "o"), F(PART, ""), F(LAST, "")}, "O[o]T[1]"},
    {"6.1.1", {F(TEXT, "")}, "T[]"},
    {"6.1.2", {F(TEXT_PART, ""), F(PART, ""), F(LAST, "")}, "T[]"},
    {"6.1.3", {F(TEXT_PART, ""), F(PART, "middle"), F(LAST, "")}, "T[middle]"},
    {"6.2.2", {F(TEXT_PART, "\xce\xba"), F(LAST, "\xe2\x82\xac")}, "T[\\xce\\xba\\xe2\\x82\\xac]"},
    {"6.2.3", {F(TEXT_PART, "\xe2"), F(PART, "\x82"), F(LAST, "\xac")}, "T[\\xe2\\x82\\xac]"},
    {"6.2.4", {F(TEXT_PART, "\xe2"), F(PING, "p"), F(LAST, "\x82\xac")}, "P[p]T[\\xe2\\x82\\xac]"},
    {"6.3.1",
     {F(TEXT, "\xce\xba\xed\xa0\x80"
              "edited")},
     "~[\\xce\\xba\\xed]!1007"},
    {"6.3.2", {F(TEXT_PART, "\xce\xba\xed"), F(LAST, "\xa0\x80")}, "~[\\xce\\xba\\xed]!1007"},
    {"6.4.1", {F(TEXT_PART, "ab"), F(PART, "\xf4\x90\x80\x80"), F(LAST, "cd")}, "~[ab\\xf4]!1007"},
    {"6.4.2", {F(TEXT_PART, "ab\xf4"), F(PART, "\x90"), F(LAST, "")}, "~[ab\\xf4]!1007"},
    {"6.4.3", {ODD(TEXT, "ab\xf4\x90", CUT_SHORT)}, "~[ab\\xf4]!1007"},
    {"6.4.4", {ODD(TEXT, "ab\xf4", CUT_SHORT)}, "~[ab\\xf4]+"},
    {"6.6.1 ends inside a character", {F(TEXT, "a\xce")}, "~[a\\xce]!1007"},
    {"6.6.2 so in the last fragment", {F(TEXT_PART, "\xe2\x82"), F(LAST, "")}, "~[\\xe2\\x82]!1007"},
    {"binary need not be text", {F(BINARY, "\xff\xc0")}, "B[\\xff\\xc0]"},
    {"a new text begins anew", {F(TEXT, "\xc3\xa9"), F(TEXT, "\xa9")}, "T[\\xc3\\xa9]!1007"},
    {"7.1.1", {F(TEXT, "Hello World!"), F(CLOSE, "")}, "T[Hello World!]C1005[]"},
    {"7.1.2", {F(CLOSE, ""), F(CLOSE, "")}, "C1005[]"},
    {"7.1.3", {F(CLOSE, ""), F(PING, "")}, "C1005[]"},
    {"7.1.4", {F(CLOSE, ""), F(TEXT, "a")}, "C1005[]"},
    {"7.1.5", {F(TEXT_PART, "a"), F(CLOSE, ""), F(LAST, "b")}, "~[a]C1005[]"},
    {"7.3.1", {F(CLOSE, "")}, "C1005[]"},
    {"7.3.2", {F(CLOSE, "a")}, "!1002"},
    {"7.3.3", {F(CLOSE, "\x03\xe8")}, "C1000[]"},
    {"7.3.4", {F(CLOSE, "\x03\xe8Hello World!")}, "C1000[Hello World!]"},
    {"7.3.6", {TIMES(CLOSE, "**", 63)}, "!1002"},
    {"7.5.1", {F(CLOSE, "\x03\xe8\xce\xba\xed\xa0\x80")}, "!1007"},
    {"7.5.1 cut off", {F(CLOSE, "\x03\xe8\xce")}, "!1007"},
    {"7.13.1", {F(CLOSE, "\x13\x88")}, "!1002"},
    {"7.13.2", {F(CLOSE, "\xff\xff")}, "!1002"},
    {"9.1 at the limit", {TIMES(TEXT, "*", LIMIT)}, "T[70000 * '*']"},
    {"9.2 one more", {TIMES(TEXT, "*", LIMIT + 1)}, "!1009"},
    {"9.3 by fragments", {TIMES(TEXT_PART, "*", LIMIT), F(PART, ""), F(LAST, "*")}, "~[70000 * '*']!1009"},
    {"9.4 each on its own", {TIMES(TEXT, "*", LIMIT), TIMES(TEXT, "*", LIMIT)}, "T[70000 * '*']T[70000 * '*']"},
    {"unmasked", {ODD(TEXT, "a", UNMASKED)}, "!1002"},
    {"unmasked later", {F(TEXT, "a"), ODD(PING, "", UNMASKED)}, "T[a]!1002"},
    {"length in 2 bytes, not needed", {ODD(TEXT, "a", LONG16)}, "!1002"},
    {"length in 8 bytes, not needed", {ODD(BINARY, "a", LONG64)}, "!1002"},
    {"length in 2 bytes, just not needed", {{TEXT, "*", 1, 125, LONG16}}, "!1002"},
    {"length in 8 bytes, just not needed", {{TEXT, "*", 1, 65535, LONG64}}, "!1002"},
    {"a control frame's, too", {ODD(PING, "a", LONG16)}, "!1002"},
    {"length of 2^63", {ODD(BINARY, "a", HUGE64)}, "!1002"},
    {"payload cut off", {ODD(TEXT, "abc", CUT_SHORT)}, "~[abc]+"},
    {"control payload cut off", {ODD(PING, "abc", CUT_SHORT)}, "+"},
    {"message cut off between frames", {F(TEXT_PART, "abc"), F(PING, "")}, "P[]~[abc]+"},
    {"nothing", {{0, NULL, 0, 0, PLAIN}}, ""},
};

/* ---------- the bytes of a row ---------- */

struct stream {
    uint8_t bytes[2 * LIMIT + 100];
    size_t size;
};

static void
add_length(struct stream *stream, uint8_t mask_bit, uint64_t length, enum oddity oddity)
{
    bool is_long = oddity == LONG64 || oddity == HUGE64 || length >= 65536;
    size_t more = is_long ? 8 : oddity == LONG16 || length > 125 ? 2 : 0;
    stream->bytes[stream->size++] = (uint8_t)(mask_bit | (more == 0 ? length : more == 2 ? 126 : 127));
    if (oddity == HUGE64)
        length |= UINT64_C(1) << 63;
    for (size_t i = more; i > 0; i--)
        stream->bytes[stream->size++] = (uint8_t)(length >> 8 * (i - 1));
}

static void
add_frame(struct stream *stream, const struct frame *frame, bool is_masked, uint8_t salt)
{
    uint8_t mask[4] = {(uint8_t)(salt * 37 + 1), (uint8_t)(salt * 91 + 130), 0, (uint8_t)(salt * 7 + 255)};
    size_t size = frame->size * frame->times;
    if (frame->oddity == UNMASKED)
        is_masked = false;
    stream->bytes[stream->size++] = (uint8_t)frame->first;
    add_length(stream, is_masked ? 0x80 : 0, size + (frame->oddity == CUT_SHORT ? 20 : 0), frame->oddity);
    if (is_masked) {
        memcpy(stream->bytes + stream->size, mask, 4);
        stream->size += 4;
    }
    for (size_t i = 0; i < size; i++) {
        uint8_t byte = (uint8_t)frame->payload[i % frame->size];
        stream->bytes[stream->size++] = (uint8_t)(is_masked ? byte ^ mask[i % 4] : byte);
    }
}

static void
build(struct stream *stream, const struct row *row, bool is_masked)
{
    stream->size = 0;
    for (size_t i = 0; i < FRAMES && row->frames[i].payload; i++)
        add_frame(stream, &row->frames[i], is_masked, (uint8_t)i);
}

/* ---------- what comes of them ---------- */

struct transcript {
    char line[1024];
    size_t used;
    uint8_t message[2 * LIMIT];
    size_t message_size;
};

static void
add_text(struct transcript *transcript, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    size_t room = sizeof(transcript->line) - transcript->used;
    int size = vsnprintf(transcript->line + transcript->used, room, format, values);
    va_end(values);
    if (size >= (int)room)
        ck_abort_msg("the transcript is too long"); /* no ck_assert on the paths walked for every cut: it is slow */
    transcript->used += (size_t)size;
}

static void
add_byte(struct transcript *transcript, uint8_t byte)
{
    add_text(transcript, byte >= 0x20 && byte < 0x7F ? "%c" : "\\x%02x", byte);
}

static void
add_bytes(struct transcript *transcript, const char *kind, const uint8_t *bytes, size_t size)
{
    add_text(transcript, "%s[", kind);
    if (size > 100) {
        for (size_t i = 1; i < size; i++)
            if (bytes[i] != bytes[0])
                ck_abort_msg("byte %zu is %02x, not %02x", i, bytes[i], bytes[0]);
        add_text(transcript, "%zu * '", size);
        add_byte(transcript, bytes[0]);
        add_text(transcript, "'");
    } else {
        for (size_t i = 0; i < size; i++)
            add_byte(transcript, bytes[i]);
    }
    add_text(transcript, "]");
}

static void
add_rest(struct transcript *transcript)
{
    if (transcript->message_size > 0)
        add_bytes(transcript, "~", transcript->message, transcript->message_size);
    transcript->message_size = 0;
}

static void
add_data(struct transcript *transcript, const struct cr_websocket_event *event)
{
    if (event->size > sizeof(transcript->message) - transcript->message_size)
        ck_abort_msg("more data than was sent");
    memcpy(transcript->message + transcript->message_size, event->bytes, event->size);
    transcript->message_size += event->size;
    if (!event->is_last)
        return;
    const char *kind = event->kind == CR_WEBSOCKET_TEXT ? "T" : "B";
    add_bytes(transcript, kind, transcript->message, transcript->message_size);
    transcript->message_size = 0;
}

static void
add_event(struct transcript *transcript, const struct cr_websocket_event *event)
{
    switch (event->type) {
    case CR_WEBSOCKET_MORE:
        break;
    case CR_WEBSOCKET_DATA:
        add_data(transcript, event);
        break;
    case CR_WEBSOCKET_PING:
        add_bytes(transcript, "P", event->bytes, event->size);
        break;
    case CR_WEBSOCKET_PONG:
        add_bytes(transcript, "O", event->bytes, event->size);
        break;
    case CR_WEBSOCKET_CLOSE:
        add_rest(transcript);
        add_text(transcript, "C%d", event->code);
        add_bytes(transcript, "", event->bytes, event->size);
        break;
    case CR_WEBSOCKET_VIOLATION:
        add_rest(transcript);
        add_text(transcript, event->reason ? "!%d" : "no reason", event->code);
    }
}

static void
feed(struct cr_websocket_parser *parser, uint8_t *bytes, size_t size, struct transcript *transcript)
{
    struct cr_websocket_event event;
    size_t used = 0;
    do {
        used += cr_websocket_parse(parser, bytes + used, size - used, &event);
        if (used > size)
            ck_abort_msg("more was consumed than there was");
        add_event(transcript, &event);
    } while (event.type != CR_WEBSOCKET_MORE);
    if (used < size)
        ck_abort_msg("MORE before all was consumed");
}

static void
finish(const struct cr_websocket_parser *parser, struct transcript *transcript)
{
    add_rest(transcript);
    if (cr_websocket_parser_is_inside(parser))
        add_text(transcript, "+");
}

static struct transcript transcript;
static struct stream original, fed;

/* In pieces of step bytes after the first cut bytes. */
static void
check_cut(const struct row *row, const struct cr_websocket_rules *rules, size_t cut, size_t step)
{
    struct cr_websocket_parser parser;
    fed.size = original.size;
    memcpy(fed.bytes, original.bytes, original.size);
    transcript.used = transcript.message_size = 0;
    transcript.line[0] = '\0';
    cr_websocket_parser_init(&parser, rules);
    feed(&parser, fed.bytes, cut, &transcript);
    for (size_t at = cut; at < fed.size; at += step)
        feed(&parser, fed.bytes + at, fed.size - at < step ? fed.size - at : step, &transcript);
    finish(&parser, &transcript);
    if (strcmp(transcript.line, row->expected) != 0)
        ck_abort_msg("%s, cut at %zu, steps of %zu: %s, not %s", row->name, cut, step, transcript.line, row->expected);
}

static void
check_row(const struct row *row, bool from_server)
{
    struct cr_websocket_rules rules = {.message_limit = LIMIT, .from_server = from_server};
    build(&original, row, !from_server);
    size_t whole = original.size > 0 ? original.size : 1;
    check_cut(row, &rules, 0, whole);
    check_cut(row, &rules, 0, 1);
    check_cut(row, &rules, 0, 7);
    size_t stride = original.size > 2000 ? 5003 : 1; /* long ones: the headers, and here and there */
    for (size_t cut = 1; cut < original.size; cut += cut < 30 ? 1 : stride)
        check_cut(row, &rules, cut, whole);
}

START_TEST(from_clients)
{
    check_row(&rows[_i], false);
}
END_TEST

START_TEST(from_servers)
{
    for (size_t i = 0; i < FRAMES; i++)
        if (rows[_i].frames[i].oddity == UNMASKED)
            return;
    check_row(&rows[_i], true);
}
END_TEST

/* Autobahn 6.5 to 6.23: texts, each in one frame and in a frame for each byte. */
static const struct {
    const char *bytes;
    bool is_valid;
} texts[] = {
    {"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5", true},
    {"Hello-\xc2\xb5@\xc3\x9f\xc3\xb6\xc3\xa4\xc3\xbc\xc3\xa0\xc3\xa1-UTF-8!!", true},
    {"\xc2\x80", true},
    {"\xe0\xa0\x80", true},
    {"\xf0\x90\x80\x80", true},
    {"\xf8\x88\x80\x80\x80", false},
    {"\xfc\x84\x80\x80\x80\x80", false},
    {"\xdf\xbf", true},
    {"\xef\xbf\xbf", true},
    {"\xf7\xbf\xbf\xbf", false},
    {"\xed\x9f\xbf", true},
    {"\xee\x80\x80", true},
    {"\xef\xbf\xbd", true},
    {"\xf4\x8f\xbf\xbf", true},
    {"\xf4\x90\x80\x80", false},
    {"\x80", false},
    {"\xbf", false},
    {"\x80\xbf\x80", false},
    {"\xc0 \xc1 \xc2 ", false},
    {"\xe0 \xe1 ", false},
    {"\xf0 \xf1 ", false},
    {"\xc0", false},
    {"\xe0\x80", false},
    {"\xf0\x80\x80", false},
    {"\xdf", false},
    {"\xef\xbf", false},
    {"\xfe\xfe\xff\xff", false},
    {"\xc0\xaf", false},
    {"\xe0\x80\xaf", false},
    {"\xf0\x80\x80\xaf", false},
    {"\xc1\xbf", false},
    {"\xe0\x9f\xbf", false},
    {"\xf0\x8f\xbf\xbf", false},
    {"\xed\xa0\x80", false},
    {"\xed\xad\xbf\xed\xb0\x80", false},
    {"\xef\xbf\xbe", true},
    {"\xf0\x9f\xbf\xbf", true},
};

START_TEST(texts_whole_and_by_the_byte)
{
    const char *text = texts[_i].bytes;
    size_t size = strlen(text);
    struct cr_websocket_rules rules = {.message_limit = LIMIT};
    for (int split = 0; split < 2; split++) {
        struct cr_websocket_parser parser;
        struct frame whole = {TEXT, text, size, 1, PLAIN};
        original.size = 0;
        for (size_t i = 0; split && i < size; i++) {
            struct frame part = {(i == 0 ? TEXT_PART : PART) | (i == size - 1 ? 0x80u : 0), text + i, 1, 1, PLAIN};
            add_frame(&original, &part, true, (uint8_t)i);
        }
        if (!split)
            add_frame(&original, &whole, true, 0);
        transcript.used = transcript.message_size = 0;
        cr_websocket_parser_init(&parser, &rules);
        feed(&parser, original.bytes, original.size, &transcript);
        bool is_refused = strstr(transcript.line, "!1007") != NULL;
        ck_assert_msg(is_refused != texts[_i].is_valid, "%s", transcript.line);
        ck_assert_msg((transcript.line[0] == 'T') == texts[_i].is_valid, "%s", transcript.line);
    }
}
END_TEST

/* Autobahn 7.7 and 7.9, for every code there is. */
START_TEST(close_codes)
{
    for (int code = 0; code <= 0xFFFF; code++) {
        bool is_registered = (code >= 1000 && code <= 1014) && code != 1004 && code != 1005 && code != 1006;
        bool expected = is_registered || (code >= 3000 && code < 5000);
        uint8_t bytes[] = {CLOSE, 2, (uint8_t)(code >> 8), (uint8_t)code};
        struct cr_websocket_rules rules = {.message_limit = LIMIT, .from_server = true};
        struct cr_websocket_parser parser;
        struct cr_websocket_event event;
        cr_websocket_parser_init(&parser, &rules);
        cr_websocket_parse(&parser, bytes, sizeof(bytes), &event);
        enum cr_websocket_event_type type = expected ? CR_WEBSOCKET_CLOSE : CR_WEBSOCKET_VIOLATION;
        if (event.type != type || event.code != (expected ? code : CR_WEBSOCKET_PROTOCOL_ERROR))
            ck_abort_msg("code %d", code);
    }
}
END_TEST

START_TEST(longest_close_reason)
{
    struct frame frame = {CLOSE, "\x03\xe8", 2, 1, PLAIN};
    char payload[126];
    memset(payload, '*', sizeof(payload));
    memcpy(payload, frame.payload, 2);
    frame.payload = payload;
    for (frame.size = 125; frame.size <= 126; frame.size++) {
        struct row row = {"7.3.5, 7.3.6", {frame}, frame.size == 125 ? "C1000[123 * '*']" : "!1002"};
        check_row(&row, false);
    }
}
END_TEST

START_TEST(text_only)
{
    struct row row = {"text only", {F(TEXT, "a"), F(BINARY, "b")}, "T[a]!1003"};
    struct cr_websocket_rules rules = {.message_limit = LIMIT, .text_only = true};
    build(&original, &row, true);
    check_cut(&row, &rules, 0, original.size);
    check_cut(&row, &rules, 0, 1);
}
END_TEST

START_TEST(masked_from_a_server)
{
    struct row row = {"masked", {F(TEXT, "a")}, "!1002"};
    struct cr_websocket_rules rules = {.message_limit = LIMIT, .from_server = true};
    build(&original, &row, true);
    check_cut(&row, &rules, 0, original.size);
}
END_TEST

START_TEST(limit_changes_between_frames)
{
    struct cr_websocket_rules rules = {.message_limit = 10};
    struct cr_websocket_parser parser;
    struct frame frames[] = {F(TEXT_PART, "12345"), F(LAST, "678901")};
    for (int raise = 0; raise < 2; raise++) {
        transcript.used = transcript.message_size = 0;
        cr_websocket_parser_init(&parser, &rules);
        for (size_t i = 0; i < 2; i++) {
            original.size = 0;
            add_frame(&original, &frames[i], true, 0);
            feed(&parser, original.bytes, original.size, &transcript);
            if (raise)
                cr_websocket_parser_set_limit(&parser, 11);
        }
        ck_assert_str_eq(transcript.line, raise ? "T[12345678901]" : "~[12345]!1009");
    }
}
END_TEST

/* The fast way against one byte after the other, at every alignment and offset. */
START_TEST(masks_like_the_plain_loop)
{
    static const uint8_t mask[4] = {0x12, 0x00, 0xFF, 0x9A};
    for (size_t size = 0; size < 70; size++) {
        for (size_t offset = 0; offset < 9; offset++) {
            uint8_t bytes[80], expected[80];
            for (size_t i = 0; i < sizeof(bytes); i++)
                bytes[i] = expected[i] = (uint8_t)(i * 29);
            for (size_t i = 0; i < size; i++)
                expected[i + offset % 8] ^= mask[(offset + i) % 4];
            cr_websocket_mask(bytes + offset % 8, size, mask, offset);
            if (memcmp(bytes, expected, sizeof(bytes)) != 0)
                ck_abort_msg("size %zu, offset %zu", size, offset);
        }
    }
}
END_TEST

static const struct {
    uint64_t size;
    uint8_t expected[10];
    size_t header_size;
} headers[] = {
    {0, {0x81, 0}, 2},
    {125, {0x81, 125}, 2},
    {126, {0x81, 126, 0, 126}, 4},
    {65535, {0x81, 126, 0xFF, 0xFF}, 4},
    {65536, {0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0}, 10},
    {UINT64_C(0x7FFFFFFFFFFFFFFF), {0x81, 127, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}, 10},
};

START_TEST(encodes_headers)
{
    static const uint8_t mask[4] = {1, 2, 3, 4};
    uint8_t header[CR_WEBSOCKET_HEADER_SIZE];
    size_t size = cr_websocket_encode_header(header, CR_WEBSOCKET_TEXT, true, headers[_i].size, NULL);
    ck_assert_uint_eq(size, headers[_i].header_size);
    ck_assert_mem_eq(header, headers[_i].expected, size);
    ck_assert_uint_eq(cr_websocket_encode_header(header, CR_WEBSOCKET_TEXT, true, headers[_i].size, mask), size + 4);
    ck_assert_uint_eq(header[1], headers[_i].expected[1] | 0x80);
    ck_assert_mem_eq(header + size, mask, 4);
    cr_websocket_encode_header(header, CR_WEBSOCKET_OP_PING, false, 0, NULL);
    ck_assert_uint_eq(header[0], 9);
}
END_TEST

START_TEST(encodes_closes)
{
    uint8_t payload[CR_WEBSOCKET_CONTROL_LIMIT];
    char reason[200];
    ck_assert_uint_eq(cr_websocket_encode_close(payload, 1000, NULL), 2);
    ck_assert_mem_eq(payload, "\x03\xe8", 2);
    ck_assert_uint_eq(cr_websocket_encode_close(payload, 1001, "bye"), 5);
    ck_assert_mem_eq(payload,
                     "\x03\xe9"
                     "bye",
                     5);
    memset(reason, 'a', sizeof(reason));
    strcpy(reason + 122, "\xe2\x82\xac"); /* the limit falls into it */
    ck_assert_uint_eq(cr_websocket_encode_close(payload, 1001, reason), 2 + 122);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("websocket");
    TCase *frames = tcase_create("frames");
    TCase *rest = tcase_create("rest");
    tcase_set_timeout(frames, 60);
    tcase_add_loop_test(frames, from_clients, 0, (int)(sizeof(rows) / sizeof(rows[0])));
    tcase_add_loop_test(frames, from_servers, 0, (int)(sizeof(rows) / sizeof(rows[0])));
    tcase_add_loop_test(frames, texts_whole_and_by_the_byte, 0, (int)(sizeof(texts) / sizeof(texts[0])));
    tcase_add_test(rest, close_codes);
    tcase_add_test(rest, longest_close_reason);
    tcase_add_test(rest, text_only);
    tcase_add_test(rest, masked_from_a_server);
    tcase_add_test(rest, limit_changes_between_frames);
    tcase_add_test(rest, masks_like_the_plain_loop);
    tcase_add_loop_test(rest, encodes_headers, 0, (int)(sizeof(headers) / sizeof(headers[0])));
    tcase_add_test(rest, encodes_closes);
    suite_add_tcase(suite, frames);
    suite_add_tcase(suite, rest);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
