/* tests/http/session_test.c: conversations over WebSockets with the server's side.
 *
 * A row is what a client sends after the handshake and what it hears up to the end of the connection, as a line: T[...] and
 * B[...] messages, O[...] pongs, P[...] pings, C1000[...] a close. The server echoes each message and returns what its
 * reading ended with. Rows are played in one piece with the handshake (so that frames come with it), and byte by byte. */
#include <check.h>
#include <coir/runtime.h>
#include <coir/scope.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "servers/http/session.h"
#include "tests/core/core.h"
#include "tests/http/visitor.h"

#define HANDSHAKE                                                                                                   \
    "GET /ws?a=b HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
enum { MESSAGE_LIMIT = 1000, TEXT = 0x81, BINARY = 0x82, CLOSE = 0x88, PING = 0x89, PONG = 0x8A, LAST = 0x80 };

/* ---- the server ---- */

struct ending {
    ssize_t read; /* what reading ended with */
    int code;     /* cr_websocket_close_code then */
    int result;   /* what the handler returns */
};

static int
echo(struct cr_websocket *websocket, const struct cr_http_request *request, void *arg)
{
    char message[MESSAGE_LIMIT];
    enum cr_websocket_kind kind;
    struct ending *ending = arg;
    ck_assert_str_eq(request->query, "a=b");
    while ((ending->read = cr_websocket_read(websocket, message, sizeof(message), &kind, COIR_NEVER)) >= 0) {
        int error = cr_websocket_write(websocket, kind, message, (size_t)ending->read, cr_visitor_patience());
        if (error)
            return error;
    }
    ending->code = cr_websocket_close_code(websocket);
    ck_assert_int_eq(cr_websocket_read(websocket, message, sizeof(message), &kind, COIR_NEVER), -EPIPE);
    return ending->result;
}

static int
serve_nothing(struct cr_http_exchange *exchange, void *arg)
{
    (void)arg;
    return cr_http_answer_text(exchange, 200, "hello\n");
}

static struct ending ending;

/* ---- the client ---- */

struct frames {
    uint8_t bytes[20000];
    size_t size;
};

static void
add(struct frames *frames, unsigned first, const char *payload, size_t size)
{
    static const uint8_t mask[4] = {0xA1, 0, 0x37, 0xFF};
    uint8_t *at = frames->bytes + frames->size;
    size_t header = cr_websocket_encode_header(at, first & 0x0F, first & 0x80, size, mask);
    at[0] |= (uint8_t)(first & 0x70); /* what an encoder would not write */
    memcpy(at + header, payload, size);
    cr_websocket_mask(at + header, size, mask, 0);
    frames->size += header + size;
}

struct heard {
    uint8_t bytes[200000];
    char line[2000];
    size_t used;
};

static void
say(struct heard *heard, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    int size = vsnprintf(heard->line + heard->used, sizeof(heard->line) - heard->used, format, values);
    va_end(values);
    ck_assert_int_lt(size, (int)(sizeof(heard->line) - heard->used));
    heard->used += (size_t)size;
}

/* The frames a server has sent; each message must be in one. */
static void
say_frames(struct heard *heard, uint8_t *bytes, size_t size)
{
    static const char letters[] = {[CR_WEBSOCKET_PING] = 'P', [CR_WEBSOCKET_PONG] = 'O', [CR_WEBSOCKET_CLOSE] = 'C'};
    struct cr_websocket_rules rules = {.message_limit = sizeof(heard->bytes), .from_server = true};
    struct cr_websocket_parser parser;
    struct cr_websocket_event event;
    cr_websocket_parser_init(&parser, &rules);
    heard->used = 0;
    heard->line[0] = '\0';
    do {
        size_t used = cr_websocket_parse(&parser, bytes, size, &event);
        bytes += used;
        size -= used;
        ck_assert_int_ne(event.type, CR_WEBSOCKET_VIOLATION);
        if (event.type == CR_WEBSOCKET_MORE)
            break;
        ck_assert(event.type != CR_WEBSOCKET_DATA || event.is_last);
        char letter =
            event.type == CR_WEBSOCKET_DATA ? (event.kind == CR_WEBSOCKET_TEXT ? 'T' : 'B') : letters[event.type];
        say(heard, "%c", letter);
        if (event.type == CR_WEBSOCKET_CLOSE)
            say(heard, "%d", event.code);
        say(heard, event.size > 200 ? "[%zu bytes]" : "[%.*s]", event.size, event.bytes);
    } while (event.type != CR_WEBSOCKET_MORE);
    ck_assert(!cr_websocket_parser_is_inside(&parser));
}

static struct heard heard;

/* All up to the end; what stands before the first frame must be 101's answer. */
static void
hear_all(struct cr_visitor *visitor)
{
    size_t size = cr_visitor_hear_all(visitor, (char *)heard.bytes, sizeof(heard.bytes));
    char *end = strstr((char *)heard.bytes, "\r\n\r\n");
    ck_assert_msg(end && strncmp((char *)heard.bytes, "HTTP/1.1 101 Switching Protocols\r\n", 34) == 0, "%s",
                  (char *)heard.bytes);
    end[2] = '\0';
    ck_assert_ptr_nonnull(strstr((char *)heard.bytes, "\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
    ck_assert_ptr_nonnull(strstr((char *)heard.bytes, "\r\nUpgrade: websocket\r\n"));
    ck_assert_ptr_nonnull(strstr((char *)heard.bytes, "\r\nConnection: Upgrade\r\n"));
    uint8_t *frames = (uint8_t *)end + 4;
    say_frames(&heard, frames, size - (size_t)(frames - heard.bytes));
}

/* ---- the rows ---- */

struct frame {
    unsigned first;
    const char *payload;
    size_t size;
};
#define F(first, payload)                   \
    {                                       \
        first, payload, sizeof(payload) - 1 \
    }

struct row {
    const char *name;
    struct frame frames[6];
    const char *expected;
    ssize_t read;
    int code;
};

static const char bytes_125[126] = "12345678901234567890123456789012345678901234567890123456789012345678901234567890"
                                   "123456789012345678901234567890123456789012345";
static char longest[MESSAGE_LIMIT + 2];

static const struct row rows[] = {
    {"text, close", {F(TEXT, "Hello"), F(CLOSE, "\x03\xe8")}, "T[Hello]C1000[]", -EPIPE, 1000},
    {"close with a reason",
     {F(CLOSE, "\x03\xe9"
               "bye")},
     "C1001[]",
     -EPIPE,
     1001},
    {"close with an own code", {F(CLOSE, "\x0f\xa0")}, "C4000[]", -EPIPE, 4000},
    {"close without a code", {F(CLOSE, "")}, "C1005[]", -EPIPE, 1005},
    {"nothing after a close", {F(CLOSE, "\x03\xe8"), F(TEXT, "a"), F(PING, "b")}, "C1000[]", -EPIPE, 1000},
    {"empty messages", {F(TEXT, ""), F(BINARY, ""), F(CLOSE, "")}, "T[]B[]C1005[]", -EPIPE, 1005},
    {"binary", {F(BINARY, "\xff"), F(CLOSE, "")}, "B[\xff]C1005[]", -EPIPE, 1005},
    {"ping", {F(PING, "p"), F(CLOSE, "")}, "O[p]C1005[]", -EPIPE, 1005},
    {"empty ping", {F(PING, ""), F(CLOSE, "")}, "O[]C1005[]", -EPIPE, 1005},
    {"longest ping", {{PING, bytes_125, 125}, F(CLOSE, "")}, NULL, -EPIPE, 1005},
    {"pong unasked", {F(PONG, "p"), F(TEXT, "a"), F(CLOSE, "")}, "T[a]C1005[]", -EPIPE, 1005},
    {"fragments", {F(1, "a"), F(0, "b"), F(LAST, "c"), F(CLOSE, "")}, "T[abc]C1005[]", -EPIPE, 1005},
    {"ping inside", {F(1, "a"), F(PING, "p"), F(LAST, "c"), F(CLOSE, "")}, "O[p]T[ac]C1005[]", -EPIPE, 1005},
    {"close inside", {F(1, "a"), F(CLOSE, "\x03\xe8")}, "C1000[]", -EPIPE, 1000},
    {"longest message", {{TEXT, longest, MESSAGE_LIMIT}, F(CLOSE, "")}, "T[1000 bytes]C1005[]", -EPIPE, 1005},
    {"message too long", {{TEXT, longest, MESSAGE_LIMIT + 1}}, "C1009[message too long]", -EMSGSIZE, 0},
    {"fragments too long", {{1, longest, MESSAGE_LIMIT}, F(LAST, "a")}, "C1009[message too long]", -EMSGSIZE, 0},
    {"reserved bit", {F(TEXT | 0x40, "a")}, "C1002[a reserved bit is set, but no extension was agreed on]", -EPROTO, 0},
    {"reserved opcode", {F(0x83, "a")}, "C1002[reserved data opcode]", -EPROTO, 0},
    {"fragmented ping", {F(9, "a")}, "C1002[fragmented control frame]", -EPROTO, 0},
    {"continuation of nothing", {F(LAST, "a")}, "C1002[continuation of nothing]", -EPROTO, 0},
    {"bad text", {F(TEXT, "a\xff"), F(TEXT, "b")}, "C1007[text is not UTF-8]", -EPROTO, 0},
    {"bad text in a fragment", {F(1, "a\xe2"), F(LAST, "b")}, "C1007[text is not UTF-8]", -EPROTO, 0},
    {"bad close code", {F(CLOSE, "\x03\xec")}, "C1002[close code that must not be sent]", -EPROTO, 0},
    {"half a close code", {F(CLOSE, "\x03")}, "C1002[close frame with half a code]", -EPROTO, 0},
    {"bad close reason", {F(CLOSE, "\x03\xe8\xff")}, "C1007[close reason is not UTF-8]", -EPROTO, 0},
    {"gone without a close", {F(TEXT, "a")}, "T[a]", -EPIPE, 1006},
    {"gone inside a message", {F(1, "a")}, "", -EPIPE, 1006},
};

static const struct cr_http_route routes[] = {
    {"GET", "/", serve_nothing, NULL, NULL},
    {"GET", "/ws", NULL, echo, &ending},
};

struct play {
    const struct row *row;
    size_t step;
};

static int
play(void *arg)
{
    static struct frames frames;
    const struct play *play = arg;
    const struct row *row = play->row;
    struct cr_visitor visitor;
    frames.size = strlen(HANDSHAKE);
    memcpy(frames.bytes, HANDSHAKE, frames.size);
    for (size_t i = 0; i < 6 && row->frames[i].payload; i++)
        add(&frames, row->frames[i].first, row->frames[i].payload, row->frames[i].size);
    memset(&ending, 0, sizeof(ending));
    cr_visitor_come(&visitor, routes, 2, NULL);
    cr_visitor_send(&visitor, frames.bytes, frames.size, play->step);
    if (row->code == CR_WEBSOCKET_BROKEN)
        cr_visitor_half_close(&visitor);
    hear_all(&visitor);
    ck_assert_int_eq(cr_visitor_leave(&visitor), 0);
    if (row->expected)
        ck_assert_msg(strncmp(heard.line, row->expected, strlen(row->expected)) == 0, "%s: %s", row->name, heard.line);
    if (row->expected && row->code != CR_WEBSOCKET_BROKEN)
        ck_assert_str_eq(heard.line, row->expected);
    ck_assert_int_eq(ending.read, row->read);
    ck_assert_int_eq(ending.code, row->code);
    return 0;
}

START_TEST(conversations)
{
    struct play whole = {&rows[_i], 100000}, bytewise = {&rows[_i], 1};
    cr_visitor_run(play, &whole);
    cr_visitor_run(play, &bytewise);
}
END_TEST

/* ---- what does not fit a row ---- */

static void
come(struct cr_visitor *visitor, cr_websocket_handler *handler, const struct cr_http_options *options)
{
    static struct cr_http_route route;
    route = (struct cr_http_route){"GET", "/ws", NULL, handler, NULL};
    cr_visitor_come(visitor, &route, 1, options);
    cr_visitor_send(visitor, HANDSHAKE, strlen(HANDSHAKE), 1000);
}

static void
send_frame(struct cr_visitor *visitor, unsigned first, const char *payload)
{
    static struct frames frames;
    frames.size = 0;
    add(&frames, first, payload, strlen(payload));
    cr_visitor_send(visitor, frames.bytes, frames.size, frames.size);
}

/* A conversation in which the client sends one frame, then a close, and hears all. */
static void
talk(cr_websocket_handler *handler, const char *text, const char *expected, int result)
{
    struct cr_visitor visitor;
    come(&visitor, handler, NULL);
    if (text)
        send_frame(&visitor, TEXT, text);
    send_frame(&visitor, CLOSE, "\x03\xe8");
    hear_all(&visitor);
    ck_assert_int_eq(cr_visitor_leave(&visitor), result);
    ck_assert_str_eq(heard.line, expected);
}

static int
return_at_once(struct cr_websocket *websocket, const struct cr_http_request *request, void *arg)
{
    (void)request;
    (void)arg;
    ck_assert_int_eq(cr_websocket_close_code(websocket), 0);
    ck_assert_ptr_nonnull(cr_websocket_stream(websocket));
    return 0;
}

static int
fail_at_once(struct cr_websocket *websocket, const struct cr_http_request *request, void *arg)
{
    (void)websocket;
    (void)request;
    (void)arg;
    return -EIO;
}

static int
close_first(struct cr_websocket *websocket, const struct cr_http_request *request, void *arg)
{
    char message[10];
    (void)request;
    (void)arg;
    ck_assert_int_eq(cr_websocket_close(websocket, 4001, "enough", cr_visitor_patience()), 0);
    ck_assert_int_eq(cr_websocket_close(websocket, 4002, "again", cr_visitor_patience()), 0);
    int error = cr_websocket_write(websocket, CR_WEBSOCKET_TEXT, "a", 1, cr_visitor_patience());
    ck_assert_int_eq(error, -EPIPE);
    ck_assert_int_eq(cr_websocket_ping(websocket, cr_visitor_patience()), -EPIPE);
    /* what was on its way still comes, then the client's close */
    ck_assert_int_eq(cr_websocket_read(websocket, message, sizeof(message), NULL, cr_visitor_patience()), 1);
    ck_assert_int_eq(cr_websocket_read(websocket, message, sizeof(message), NULL, cr_visitor_patience()), -EPIPE);
    ck_assert_int_eq(cr_websocket_close_code(websocket), 1000);
    return 0;
}

static int
end_from_here(void *arg)
{
    (void)arg;
    talk(return_at_once, "not read by the handler", "C1000[]", 0);
    talk(return_at_once, NULL, "C1000[]", 0);
    talk(fail_at_once, NULL, "C1011[]", -EIO);
    talk(close_first, "a", "C4001[enough]", 0);
    return 0;
}

START_TEST(ends_from_the_server)
{
    cr_visitor_run(end_from_here, NULL);
}
END_TEST

/* A read that is interrupted inside a message loses nothing; a smaller buffer is another matter. */
static int
read_with_patience(struct cr_websocket *websocket, const struct cr_http_request *request, void *arg)
{
    char message[20] = "";
    int interrupted = 0;
    ssize_t size;
    (void)request;
    (void)arg;
    coir_time begun = cr_websocket_heard(websocket);
    ck_assert_int_eq(cr_websocket_read(websocket, message, sizeof(message), NULL, COIR_NOW), -EAGAIN);
    for (;;) { /* the client sends a fragment after each ping, that is, after each time-out */
        size = cr_websocket_read(websocket, message, sizeof(message), NULL, coir_after(5 * COIR_MS));
        if (size != -ETIMEDOUT)
            break;
        interrupted++;
        memset(message, 'x', sizeof(message));
        ck_assert_int_eq(cr_websocket_ping(websocket, cr_visitor_patience()), 0);
    }
    ck_assert_int_eq(size, 12);
    ck_assert_mem_eq(message, "onetwothree!", 12);
    ck_assert_int_ge(interrupted, 3);
    ck_assert(cr_websocket_heard(websocket) > begun);
    do
        size = cr_websocket_read(websocket, message, 4, NULL, coir_after(5 * COIR_MS));
    while (size == -ETIMEDOUT && cr_websocket_ping(websocket, cr_visitor_patience()) == 0);
    ck_assert_int_eq(size, 4);
    ck_assert_int_eq(cr_websocket_ping(websocket, cr_visitor_patience()), 0);
    while (websocket->kept.size < 5) /* until the fragment has come */
        ck_assert_int_eq(cr_websocket_read(websocket, message, 20, NULL, coir_after(5 * COIR_MS)), -ETIMEDOUT);
    ck_assert_int_eq(cr_websocket_read(websocket, message, 4, NULL, cr_visitor_patience()), -EMSGSIZE);
    return 0;
}

/* Reads one ping. */
static void
await_ping(struct cr_visitor *visitor)
{
    uint8_t frame[2];
    ck_assert_int_eq(coir_stream_read_full(visitor->near, frame, 2, cr_visitor_patience()), 2);
    ck_assert_uint_eq(frame[0], PING);
    ck_assert_uint_eq(frame[1], 0);
}

static int
send_with_pauses(void *arg)
{
    static const struct frame parts[] = {F(1, "one"),  F(0, "two"),     F(0, "three"),
                                         F(LAST, "!"), F(TEXT, "four"), F(1, "fifth")};
    struct cr_visitor visitor;
    char answer[129];
    (void)arg;
    come(&visitor, read_with_patience, NULL);
    ck_assert_int_eq(coir_stream_read_full(visitor.near, answer, 129, cr_visitor_patience()), 129);
    ck_assert_mem_eq(answer + 125, "\r\n\r\n", 4); /* all of 101's answer */
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        await_ping(&visitor);
        send_frame(&visitor, parts[i].first, parts[i].payload);
    }
    cr_visitor_hear_all(&visitor, (char *)heard.bytes, sizeof(heard.bytes));
    ck_assert_int_eq(cr_visitor_leave(&visitor), 0);
    return 0;
}

START_TEST(interrupted_reads)
{
    cr_visitor_run(send_with_pauses, NULL);
}
END_TEST

/* One task reads and echoes, three write, one pings, while the client pings, too: frames never interleave. On one worker and on more. */
enum { WRITERS = 3, MESSAGES = 100 };
static struct cr_websocket *shared;

static int
write_many(void *arg)
{
    char message[300];
    memset(message, (int)(intptr_t)arg, sizeof(message));
    for (size_t i = 0; i < MESSAGES; i++) {
        int error = cr_websocket_write(shared, CR_WEBSOCKET_TEXT, message, i * 3 % 300, cr_visitor_patience());
        if (error)
            return error;
    }
    return 0;
}

static int
ping_many(void *arg)
{
    (void)arg;
    for (size_t i = 0; i < MESSAGES; i++)
        ck_assert_int_eq(cr_websocket_ping(shared, cr_visitor_patience()), 0);
    return 0;
}

static int
serve_many(struct cr_websocket *websocket, const struct cr_http_request *request, void *arg)
{
    char message[100];
    ssize_t size;
    COIR_SCOPE(scope);
    (void)request;
    (void)arg;
    shared = websocket;
    for (intptr_t i = 0; i < WRITERS; i++)
        ck_assert_int_eq(coir_scope_go(&scope, write_many, (void *)('a' + i), NULL), 0);
    ck_assert_int_eq(coir_scope_go(&scope, ping_many, NULL, NULL), 0);
    int echoed = 0;
    for (; echoed < MESSAGES; echoed++) {
        size = cr_websocket_read(websocket, message, sizeof(message), NULL, cr_visitor_patience());
        ck_assert_int_eq(size, 5);
        ck_assert_int_eq(cr_websocket_write(websocket, CR_WEBSOCKET_BINARY, message, 5, cr_visitor_patience()), 0);
    }
    ck_assert_int_eq(coir_scope_wait(&scope, cr_visitor_patience()), 0);
    return 0;
}

static int
send_many(void *arg)
{
    struct cr_visitor *visitor = arg;
    for (size_t i = 0; i < MESSAGES; i++) {
        send_frame(visitor, PING, "ping");
        send_frame(visitor, TEXT, "hello");
    }
    return 0;
}

/* How many frames of each kind there are; messages must be of one letter. */
static void
count_frames(uint8_t *bytes, size_t size, int counts[5])
{
    struct cr_websocket_rules rules = {.message_limit = 1000, .from_server = true};
    struct cr_websocket_parser parser;
    struct cr_websocket_event event;
    cr_websocket_parser_init(&parser, &rules);
    for (;;) {
        size_t used = cr_websocket_parse(&parser, bytes, size, &event);
        if (event.type == CR_WEBSOCKET_MORE)
            break;
        if (event.type == CR_WEBSOCKET_VIOLATION)
            ck_abort_msg("%s", event.reason);
        bool is_echo = event.type == CR_WEBSOCKET_DATA && event.kind == CR_WEBSOCKET_BINARY;
        for (size_t i = 1; event.type == CR_WEBSOCKET_DATA && !is_echo && i < event.size; i++)
            if (event.bytes[i] != event.bytes[0])
                ck_abort_msg("two messages in one");
        counts[is_echo                           ? 4
               : event.type == CR_WEBSOCKET_DATA ? 0
               : event.type == CR_WEBSOCKET_PING ? 1
               : event.type == CR_WEBSOCKET_PONG ? 2
                                                 : 3]++;
        bytes += used;
        size -= used;
    }
}

static int
talk_much(void *arg)
{
    struct cr_visitor visitor;
    struct coir_task *sender;
    int counts[5] = {0}, result;
    (void)arg;
    come(&visitor, serve_many, NULL);
    ck_assert_int_eq(coir_go(send_many, &visitor, NULL, &sender), 0);
    size_t size = cr_visitor_hear_all(&visitor, (char *)heard.bytes, sizeof(heard.bytes));
    ck_assert_int_eq(coir_join(sender, &result, cr_visitor_patience()), 0);
    ck_assert_int_eq(cr_visitor_leave(&visitor), 0);
    count_frames(heard.bytes + 129, size - 129, counts);
    ck_assert_int_eq(counts[0], WRITERS * MESSAGES);
    ck_assert_int_eq(counts[1], MESSAGES);
    ck_assert_int_eq(counts[2], MESSAGES);
    ck_assert_int_eq(counts[3], 1);
    ck_assert_int_eq(counts[4], MESSAGES);
    return 0;
}

START_TEST(many_at_a_time)
{
    cr_visitor_run_on(_i, talk_much, NULL);
}
END_TEST

/* A client that pings for ever and reads nothing is given up when a pong cannot be written in time. */
static int
flood(void *arg)
{
    struct cr_http_options short_times = {.write_time = 30 * COIR_MS, .linger_time = 30 * COIR_MS};
    struct cr_visitor visitor;
    (void)arg;
    memset(&ending, 0, sizeof(ending));
    cr_visitor_come(&visitor, routes, 2, &short_times);
    cr_visitor_send(&visitor, HANDSHAKE, strlen(HANDSHAKE), 1000);
    static struct frames frames;
    frames.size = 0;
    while (frames.size + 140 < sizeof(frames.bytes))
        add(&frames, PING, bytes_125, 125);
    while (coir_stream_write(visitor.near, frames.bytes, frames.size, cr_visitor_patience()) == 0) {
    }
    ck_assert_int_eq(cr_visitor_leave(&visitor), 0);
    ck_assert_int_eq(ending.read, -EPIPE);
    ck_assert_int_eq(ending.code, CR_WEBSOCKET_BROKEN);
    return 0;
}

START_TEST(floods_of_pings)
{
    cr_visitor_run(flood, NULL);
}
END_TEST

static struct cr_http_drain drain = CR_HTTP_DRAIN_INIT;

static int
echo_until_canceled(struct cr_websocket *websocket, const struct cr_http_request *request, void *arg)
{
    char message[MESSAGE_LIMIT];
    ssize_t size;
    (void)request;
    (void)arg;
    while ((size = cr_websocket_read(websocket, message, sizeof(message), NULL, COIR_NEVER)) >= 0)
        ck_assert_int_eq(cr_websocket_write(websocket, CR_WEBSOCKET_TEXT, message, (size_t)size, cr_visitor_patience()),
                         0);
    return (int)size;
}

/* A drain leaves WebSockets to their handlers; a cancel ends them, and the client is told. */
static int
drain_and_cancel(void *arg)
{
    struct cr_http_options with_drain = {.drain = &drain};
    struct cr_visitor visitor;
    (void)arg;
    come(&visitor, echo_until_canceled, &with_drain);
    char answer[129];
    ck_assert_int_eq(coir_stream_read_full(visitor.near, answer, 129, cr_visitor_patience()), 129);
    cr_http_drain_begin(&drain);
    send_frame(&visitor, TEXT, "still there?");
    ck_assert_int_eq(coir_stream_read_full(visitor.near, answer, 14, cr_visitor_patience()), 14);
    ck_assert_mem_eq(answer + 2, "still there?", 12);
    coir_cancel(visitor.server);
    uint8_t closing[10];
    ssize_t size = coir_stream_read_full(visitor.near, closing, 4, cr_visitor_patience());
    ck_assert_int_eq(size, 4);
    ck_assert_mem_eq(closing, "\x88\x02\x03\xe9", 4);
    ck_assert_int_eq(cr_visitor_leave(&visitor), -ECANCELED);
    return 0;
}

START_TEST(draining_and_canceling)
{
    cr_visitor_run(drain_and_cancel, NULL);
}
END_TEST

/* ---- handshakes that fail ---- */

static const struct {
    const char *request, *status, *field;
} refusals[] = {
    {"GET /ws HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 426 ", "\r\nUpgrade: websocket\r\n"},
    {"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 8\r\n"
     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
     "HTTP/1.1 426 ", "\r\nSec-WebSocket-Version: 13\r\n"},
    {"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
     "Sec-WebSocket-Key: short\r\n\r\n",
     "HTTP/1.1 400 ", "\r\nConnection: close\r\n"},
    {"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: http://b\r\n\r\n",
     "HTTP/1.1 403 ", "\r\nConnection: close\r\n"},
    {"POST /ws HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 405 ", "\r\nAllow: GET\r\n"},
    {"HEAD /ws HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 405 ", "\r\nAllow: GET\r\n"},
    /* a plain route does not care for the wish */
    {"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", "HTTP/1.1 200 ",
     "\r\nContent-Length: 6\r\n"},
};

static int
be_refused(void *arg)
{
    int i = *(int *)arg;
    struct cr_visitor visitor;
    cr_visitor_come(&visitor, routes, 2, NULL);
    cr_visitor_send(&visitor, refusals[i].request, strlen(refusals[i].request), 1000);
    cr_visitor_half_close(&visitor);
    cr_visitor_hear_all(&visitor, (char *)heard.bytes, sizeof(heard.bytes));
    ck_assert_int_eq(cr_visitor_leave(&visitor), 0);
    const char *answer = (const char *)heard.bytes;
    ck_assert_msg(strncmp(answer, refusals[i].status, 13) == 0 && strstr(answer, refusals[i].field), "%s", answer);
    return 0;
}

START_TEST(refused_handshakes)
{
    cr_visitor_run(be_refused, &_i);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("websocket session");
    TCase *table = tcase_create("conversations");
    TCase *rest = tcase_create("rest");
    memset(longest, 'a', sizeof(longest) - 1);
    tcase_add_loop_test(table, conversations, 0, (int)(sizeof(rows) / sizeof(rows[0])));
    tcase_add_test(rest, ends_from_the_server);
    tcase_add_test(rest, interrupted_reads);
    tcase_add_loop_test(rest, many_at_a_time, 1, 5); /* workers */
    tcase_add_test(rest, floods_of_pings);
    tcase_add_test(rest, draining_and_canceling);
    tcase_add_loop_test(rest, refused_handshakes, 0, (int)(sizeof(refusals) / sizeof(refusals[0])));
    suite_add_tcase(suite, table);
    suite_add_tcase(suite, rest);
    return core_run_suite(suite);
}
