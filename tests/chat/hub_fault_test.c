/* tests/chat/hub_fault_test.c: a hub with two members by lines and one by the web, and an HTTP server's conversations; the
 * n-th call that can fail in them, or in their clients, fails (tests/core/fault_loop.h).
 *
 * A client that reads what it should not is the failure looked for: a text that is not his, a wrong status, an answer
 * cut short that looks whole. That the hub is out of memory, that it stops, or that a connection ends, he may be told.
 *
 * Not failed: what jansson and libunistring allocate for themselves. jansson does not say whether a text was wrong or
 * memory was lacking. */
#include <coir/listener.h>
#include <coir/log.h>
#include <coir/scope.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "servers/http/server.h"
#include "servers/http/websocket.h"
#include "servers/hub/hub.h"
#include "tests/core/fault_loop.h"

static int
first_failure(int one, int other)
{
    return one && one != -ECANCELED ? one : other ? other : one;
}

static int
start(struct coir_scope *scope, coir_function *function, void *arg)
{
    int error = coir_scope_go(scope, function, arg, NULL);
    if (error)
        coir_scope_cancel(scope);
    return error;
}

/* A server that never gets a descriptor again can tell nobody. */
static void
limit_if_lasting(struct coir_scope *scope)
{
    if (fault_is_lasting())
        coir_scope_limit(scope, coir_after(200 * COIR_MS));
}

static int
told_in_time(int error)
{
    return error == -ETIMEDOUT && fault_is_lasting() ? -ECONNRESET : error;
}

/* ---- A client by lines ---- */

/* What may be said instead of what is expected. */
static const struct {
    const char *text;
    int error;
} excuses[] = {
    {"out of memory", -ENOMEM},   {"too many connections", -EUSERS}, {"the hub is stopping", -ESHUTDOWN},
    {" left", -ECONNRESET},                                     /* another one has failed */
    {"\"left\"", -ECONNRESET},    {"* welcome, ", -ECONNRESET}, /* and is not there any more; a run without faults takes no excuse */
    {"\"welcome\"", -ECONNRESET},
};

/* 0: it is as expected; else the excuse. */
static int
judge(const char *text, bool is_right, const char *wanted)
{
    if (is_right)
        return 0;
    for (size_t i = 0; i < sizeof excuses / sizeof excuses[0]; i++)
        if (strstr(text, excuses[i].text))
            return excuses[i].error;
    ck_abort_msg("'%s', not '%s'", text, wanted);
    return -EILSEQ;
}

/* A line that begins so. */
static int
expect(struct coir_stream *stream, const char *wanted)
{
    char line[512];
    ssize_t size = coir_stream_read_line(stream, line, sizeof line, core_soon());
    return size < 0 ? (int)size : judge(line, !strncmp(line, wanted, strlen(wanted)), wanted);
}

static int
enter(struct coir_stream *stream, const char *name, const char *welcome)
{
    char question[7] = "";
    ssize_t size = coir_stream_read_full(stream, question, 6, core_soon());
    int error = size < 0 ? (int)size : size == 0 ? -EPIPE : 0;
    if (!error)
        error = judge(!strcmp(question, "* too ") ? "too many connections" : question, !strcmp(question, "name? "),
                      "name? ");
    if (!error)
        error = coir_stream_print(stream, core_soon(), "%s\n", name);
    return error ? error : expect(stream, welcome);
}

/* ---- A client by the web ---- */

struct web {
    struct coir_stream *stream;
    struct cr_websocket_parser parser;
    uint8_t bytes[4096];
    size_t at, end;
    char message[8192];
};

/* Reads a head: its status, and how long the body is. */
static int
read_head(struct coir_stream *stream, size_t *length)
{
    char line[512];
    int status = 0;
    ssize_t size;
    *length = 0;
    for (bool is_first = true;; is_first = false) {
        size = coir_stream_read_line(stream, line, sizeof line, core_soon());
        if (size < 0)
            return (int)size;
        if (is_first)
            MUST_BE(sscanf(line, "HTTP/1.1 %d", &status), 1);
        (void)sscanf(line, "Content-Length: %zu", length);
        if (size == 0)
            return is_first ? -EPIPE : status;
    }
}

static int
shake_hands(struct web *web, const char *path)
{
    static const struct cr_websocket_rules rules = {.message_limit = sizeof web->message - 1, .from_server = true};
    size_t length;
    int error = coir_stream_print(web->stream, core_soon(),
                                  "GET %s HTTP/1.1\r\nHost: hub\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                                  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
                                  path);
    if (error)
        return error;
    error = read_head(web->stream, &length);
    if (error == 500 || error == 503)
        return -EUSERS;
    if (error < 0)
        return error;
    MUST_BE(error, 101);
    cr_websocket_parser_init(&web->parser, &rules);
    return 0;
}

static int
send_frame(struct web *web, unsigned opcode, bool is_final, const char *text, size_t size)
{
    static const uint8_t mask[4] = {1, 2, 3, 4};
    uint8_t frame[CR_WEBSOCKET_HEADER_SIZE + 4096];
    size_t head = cr_websocket_encode_header(frame, opcode, is_final, size, mask);
    memcpy(frame + head, text, size);
    cr_websocket_mask(frame + head, size, mask, 0);
    return coir_stream_write(web->stream, frame, head + size, core_soon());
}

static int
next_event(struct web *web, struct cr_websocket_event *event)
{
    for (;;) {
        web->at += cr_websocket_parse(&web->parser, web->bytes + web->at, web->end - web->at, event);
        if (event->type != CR_WEBSOCKET_MORE)
            return 0;
        ssize_t size = coir_stream_read(web->stream, web->bytes, sizeof web->bytes, core_soon());
        if (size <= 0)
            return size < 0 ? (int)size : -EPIPE;
        web->at = 0;
        web->end = (size_t)size;
    }
}

/* The next message: its size. */
static ssize_t
next_message(struct web *web)
{
    struct cr_websocket_event event;
    size_t size = 0;
    do {
        int error = next_event(web, &event);
        if (error)
            return error;
        if (event.type == CR_WEBSOCKET_CLOSE) {
            MUST(event.code == CR_WEBSOCKET_SERVER_ERROR || event.code == CR_WEBSOCKET_GOING_AWAY);
            return -EPIPE;
        }
        if (event.type == CR_WEBSOCKET_PONG)
            continue;
        MUST_BE(event.type, CR_WEBSOCKET_DATA);
        memcpy(web->message + size, event.bytes, event.size);
        size += event.size;
    } while (event.type != CR_WEBSOCKET_DATA || !event.is_last);
    web->message[size] = '\0';
    return (ssize_t)size;
}

static int
expect_json(struct web *web, const char *type, const char *part)
{
    char wanted[64];
    ssize_t size = next_message(web);
    if (size < 0)
        return (int)size;
    (void)snprintf(wanted, sizeof wanted, "{\"type\":\"%s\",", type);
    return judge(web->message,
                 !strncmp(web->message, wanted, strlen(wanted)) && strstr(web->message, part) &&
                     web->message[size - 1] == '}',
                 part);
}

/* ---- The party ---- */

struct party {
    struct cr_hub_options options;
    struct coir_event ready, stop, ann_in, bob_in, eve_in;
    char places[CR_HUB_DOORS][COIR_ADDRESS_TEXT];
    bool has_served; /* at both doors */
};

static void
note_places(const struct coir_address addresses[CR_HUB_DOORS], void *arg)
{
    struct party *party = arg;
    for (int i = 0; i < CR_HUB_DOORS; i++)
        coir_address_text(&addresses[i], party->places[i], sizeof party->places[i]);
    coir_event_set(&party->ready);
}

static int
run_hub(void *arg)
{
    struct party *party = arg;
    int error = cr_hub_run(&party->options);
    /* One failed call is one client's misfortune, not everybody's. */
    MUST(!error || !party->has_served || fault_is_lasting());
    return error;
}

/* The room is closed around him: he is told, or his connection ends. */
static int
await_the_end(struct coir_stream *stream)
{
    int error;
    do
        error = expect(stream, "nothing");
    while (error == -ECONNRESET || error == -ESHUTDOWN);
    return error;
}

static int
talk_as_ann(struct party *party, struct coir_stream *stream)
{
    int error = enter(stream, "ann", "* welcome, ann; 1 here: ann");
    if (error)
        return error;
    coir_event_set(&party->ann_in);
    error = expect(stream, "* bob came in");
    if (!error)
        error = expect(stream, "* eve came in");
    if (!error)
        error = expect(stream, "eve: hello");
    return error ? error : coir_stream_print(stream, core_soon(), "hi\n");
}

static int
talk_as_bob(struct party *party, struct coir_stream *stream)
{
    int error = coir_event_wait(&party->ann_in, core_soon());
    if (!error)
        error = enter(stream, "bob", "* welcome, bob; 2 here: ann, bob");
    if (error)
        return error;
    coir_event_set(&party->bob_in);
    error = expect(stream, "* eve came in");
    if (!error)
        error = expect(stream, "eve: hello");
    return error ? error : expect(stream, "ann: hi");
}

static int
talk_as_eve(struct party *party, struct web *web)
{
    static const char come_in[] = "{\"type\":\"enter\",\"name\":\"eve\"}",
                      hello[] = "{\"type\":\"say\",\"text\":\"hello\"}";
    int error = coir_event_wait(&party->bob_in, core_soon());
    if (!error)
        error = shake_hands(web, "/chat");
    if (error)
        return error;
    party->has_served = true;
    error = send_frame(web, CR_WEBSOCKET_TEXT, true, come_in, sizeof come_in - 1);
    if (!error)
        error = expect_json(web, "welcome", "\"members\":[\"ann\",\"bob\",\"eve\"]");
    if (!error)
        error = send_frame(web, CR_WEBSOCKET_TEXT, true, hello, sizeof hello - 1);
    if (!error)
        error = expect_json(web, "said", "\"name\":\"eve\",\"text\":\"hello\"");
    if (!error)
        error = expect_json(web, "said", "\"name\":\"ann\",\"text\":\"hi\"");
    return error;
}

struct guest {
    struct party *party;
    enum cr_hub_door door;
    int (*talk)(struct party *party, struct coir_stream *stream);
};

static int
be_there(void *arg)
{
    struct guest *guest = arg;
    struct coir_stream *stream;
    int error = coir_stream_dial(guest->party->places[guest->door], NULL, &stream, core_soon());
    if (error)
        return error;
    if (guest->talk) {
        error = guest->talk(guest->party, stream);
    } else {
        struct web *web = calloc(1, sizeof *web);
        MUST(web);
        web->stream = stream;
        error = talk_as_eve(guest->party, web);
        free(web);
    }
    coir_stream_close(stream);
    return error;
}

static int
have_guests(struct party *party)
{
    struct guest guests[] = {
        {party, CR_HUB_DOOR_CHAT, talk_as_ann}, {party, CR_HUB_DOOR_CHAT, talk_as_bob}, {party, CR_HUB_DOOR_WEB, NULL}};
    int error = 0, ended;
    COIR_SCOPE(scope);
    limit_if_lasting(&scope);
    for (int i = 0; i < 3 && !error; i++)
        error = start(&scope, be_there, &guests[i]);
    ended = told_in_time(coir_scope_wait(&scope, core_soon()));
    return first_failure(error, ended);
}

/* One is still inside when the hub stops. */
static int
stop_under_a_guest(struct party *party)
{
    struct coir_stream *stream;
    int error = coir_stream_dial(party->places[CR_HUB_DOOR_CHAT], NULL, &stream, core_soon());
    if (error)
        return error;
    error = enter(stream, "zoe", "* welcome, zoe; ");
    coir_event_set(&party->stop);
    if (!error)
        error = await_the_end(stream);
    coir_stream_close(stream);
    return error == -EPIPE || error == -ESHUTDOWN ? 0 : error;
}

static int
be_hosts(struct party *party)
{
    int error = 0, ended;
    COIR_SCOPE(scope);
    error = coir_scope_go(&scope, run_hub, party, NULL);
    if (!error)
        error = coir_event_wait(&party->ready, core_soon()); /* canceled, if the hub's task fails */
    if (!error)
        error = have_guests(party);
    if (!error && !fault_is_lasting())
        error = stop_under_a_guest(party);
    coir_event_set(&party->stop);
    ended = coir_scope_wait(&scope, core_soon());
    return first_failure(error, ended);
}

static int
party(void *arg)
{
    struct party party = {.options = {.addresses = {"127.0.0.1:0", "127.0.0.1:0"},
                                      .ready = note_places,
                                      .grace = COIR_MINUTE}}; /* nobody may need it */
    (void)arg;
    party.options.stop = &party.stop;
    party.options.ready_arg = &party;
    return be_hosts(&party);
}

/* ---- HTTP ---- */

enum { PAGE = 3000, SAID = 2500 };

static char page[PAGE];

static int
echo_messages(struct cr_websocket *websocket, const struct cr_http_request *request, void *arg)
{
    char message[SAID];
    enum cr_websocket_kind kind;
    ssize_t size;
    int error = 0;
    (void)request;
    (void)arg;
    while (!error && (size = cr_websocket_read(websocket, message, sizeof message, &kind, core_soon())) >= 0)
        error = cr_websocket_write(websocket, kind, message, (size_t)size, core_soon());
    return error ? error : size == -EPIPE ? 0 : (int)size;
}

static int
answer_with_page(struct cr_http_exchange *exchange, void *arg)
{
    (void)arg;
    return cr_http_answer(exchange, &(struct cr_http_answer){.type = "text/plain", .body = page, .size = PAGE});
}

static const struct cr_http_route routes[] = {
    {"GET", "/page", answer_with_page, NULL, NULL},
    {"POST", "/page", answer_with_page, NULL, NULL},
    {"GET", "/echo", NULL, echo_messages, NULL},
};

/* One answer: the whole page, or that there is none. */
static int
expect_answer(struct coir_stream *stream, int wanted)
{
    char body[PAGE];
    size_t length;
    ssize_t size = 0;
    int status = read_head(stream, &length);
    if (status == 500)
        return -ENOMEM;
    if (status < 0)
        return status;
    MUST_BE(status, wanted);
    MUST(length <= sizeof body);
    if (status == 200)
        MUST_BE(length, PAGE);
    size = coir_stream_read_full(stream, body, length, core_soon());
    if (size <= 0)
        return size < 0 ? (int)size : -EPIPE;
    MUST(status != 200 || !memcmp(body, page, PAGE));
    return 0;
}

/* Two questions at once, then one with a body, then one for what is not there. */
static int
ask_for_pages(struct coir_stream *stream)
{
    static const char two[] = "GET /page HTTP/1.1\r\nHost: a\r\n\r\nGET /page HTTP/1.1\r\nHost: a\r\n\r\n",
                      post[] = "POST /page HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                               "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n",
                      none[] = "GET /none HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    char end;
    int error = coir_stream_write(stream, two, sizeof two - 1, core_soon());
    for (int i = 0; i < 2 && !error; i++)
        error = expect_answer(stream, 200);
    if (!error)
        error = coir_stream_write(stream, post, sizeof post - 1, core_soon());
    if (!error)
        error = expect_answer(stream, 200);
    if (!error)
        error = coir_stream_write(stream, none, sizeof none - 1, core_soon());
    if (!error)
        error = expect_answer(stream, 404);
    return error ? error : (int)coir_stream_read(stream, &end, 1, core_soon());
}

static int
ask_for_an_echo(struct coir_stream *stream)
{
    struct web *web = calloc(1, sizeof *web);
    int error;
    MUST(web);
    web->stream = stream;
    error = shake_hands(web, "/echo");
    for (int i = 0; i < 3 && !error; i++) {
        error = send_frame(web, CR_WEBSOCKET_TEXT, false, page, SAID / 2);
        if (!error)
            error = send_frame(web, CR_WEBSOCKET_OP_PING, true, "?", 1);
        if (!error)
            error = send_frame(web, CR_WEBSOCKET_CONTINUATION, true, page + SAID / 2, SAID / 2);
        if (!error) {
            ssize_t size = next_message(web);
            MUST(size < 0 || (size == SAID && !memcmp(web->message, page, SAID)));
            error = size < 0 ? (int)size : 0;
        }
    }
    free(web);
    return error;
}

struct conversation {
    struct coir_listener *listener;
    struct coir_stream *stream; /* the server's end, its owner's to close */
};

static int
serve_one(void *arg)
{
    struct conversation *own = arg;
    int error = coir_listener_accept(own->listener, &own->stream, core_soon());
    if (!error)
        error = cr_http_serve_connection(own->stream, routes, sizeof routes / sizeof routes[0],
                                         &(struct cr_http_options){.linger_time = COIR_MS});
    if (own->stream) { /* the client is to learn it now */
        coir_stream_close(own->stream);
        own->stream = NULL;
    }
    return error;
}

static int
converse_at(struct coir_listener *listener, int (*ask)(struct coir_stream *stream))
{
    struct conversation own = {listener, NULL};
    struct coir_address address;
    struct coir_stream *stream;
    char text[COIR_ADDRESS_TEXT];
    int error, ended;
    COIR_SCOPE(scope);
    limit_if_lasting(&scope);
    error = start(&scope, serve_one, &own);
    if (!error)
        error = coir_listener_local(listener, &address);
    if (!error)
        error = coir_stream_dial(coir_address_text(&address, text, sizeof text), NULL, &stream, core_soon());
    if (!error) {
        error = ask(stream);
        coir_stream_close(stream);
    }
    if (error)
        coir_scope_cancel(&scope);
    ended = told_in_time(coir_scope_wait(&scope, core_soon()));
    return first_failure(error, ended);
}

/* With a listener of its own: one that has failed may leave its connection there, unaccepted. */
static int
converse(int (*ask)(struct coir_stream *stream))
{
    struct coir_listener *listener;
    int error = coir_listener_open("127.0.0.1:0", NULL, &listener);
    if (error)
        return error;
    error = converse_at(listener, ask);
    coir_listener_close(listener);
    return error;
}

static int
http(void *arg)
{
    int error;
    (void)arg;
    for (int i = 0; i < PAGE; i++)
        page[i] = (char)('a' + i * 7 % 26);
    error = converse(ask_for_pages);
    return first_failure(error, converse(ask_for_an_echo));
}

/* ---- Both ---- */

static const struct fault_program programs[] = {{"hub", party, 100}, {"http", http, 60}};
enum { PROGRAMS = sizeof programs / sizeof programs[0] };

START_TEST(a_call_fails)
{
    fault_loop(&programs[_i / 4], _i % 2 ? 3 : 1, _i / 2 % 2);
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_loop_test(cases, a_call_fails, 0, 4 * PROGRAMS);
}

int
main(void)
{
    return core_main("hub_fault", add);
}
