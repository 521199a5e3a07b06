/* tests/http/server_test.c: conversations with cr_http_serve_connection.
 *
 * A row is what a client sends and what it hears, as a line: for each answer its status, 'c' if it says that the connection
 * closes, and [the first line of its body]. The client then sends nothing more. Each row is played with the bytes in one
 * piece, byte by byte, and, if the server is to close, once more by a client that does not close its side first. Every
 * answer must have a Date, the security headers, and as many bytes as it says. */
#include <check.h>
#include <coir/runtime.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/core/core.h"
#include "tests/http/visitor.h"

/* ---- what is served ---- */

static struct cr_http_content hello = {.type = "text/html; charset=utf-8", .bytes = "hello\n", .size = 6};

static int
answer_text(struct cr_http_exchange *exchange, void *arg)
{
    const struct cr_http_request *request = cr_http_exchange_request(exchange);
    ck_assert_ptr_nonnull(cr_http_exchange_stream(exchange));
    return cr_http_answer_text(exchange, 200, arg ? arg : request->path);
}

static int
answer_twice(struct cr_http_exchange *exchange, void *arg)
{
    int error = answer_text(exchange, arg);
    ck_assert_int_eq(answer_text(exchange, arg), -EALREADY);
    return error;
}

static int
answer_with_fields(struct cr_http_exchange *exchange, void *arg)
{
    struct cr_http_answer answer = {.status = 201, .fields = arg, .cache = "max-age=60"};
    return cr_http_answer(exchange, &answer);
}

static int
break_down(struct cr_http_exchange *exchange, void *arg)
{
    (void)exchange;
    (void)arg;
    return -EIO;
}

static int
say_nothing(struct cr_http_exchange *exchange, void *arg)
{
    (void)exchange;
    (void)arg;
    return 0;
}

static char far_too_long[3000];

static const struct cr_http_route routes[] = {
    {"GET", "/", cr_http_answer_content, NULL, &hello},
    {"POST", "/", answer_text, NULL, "posted\n"},
    {"GET", "/files/*", answer_text, NULL, NULL},
    {"GET", "/twice", answer_twice, NULL, "once\n"},
    {"GET", "/fields", answer_with_fields, NULL, "Location: /a\r\n"},
    {"GET", "/long", answer_with_fields, NULL, far_too_long},
    {"PUT", "/put", answer_text, NULL, "put\n"},
    {"GET", "/fail", break_down, NULL, NULL},
    {"GET", "/silent", say_nothing, NULL, NULL},
};

static const struct cr_http_options options = {.body_limit = 10, .request_limit = 4};

/* ---- the answers, as a line ---- */

struct heard {
    char bytes[20000];
    char line[1000];
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

/* How often a header line is in the head. */
static int
count_of(const char *head, const char *line)
{
    int count = 0;
    for (const char *at = strstr(head, line); at; at = strstr(at + 1, line))
        count++;
    return count;
}

static void
check_head(const char *head, int status)
{
    ck_assert_msg(count_of(head, "\r\nDate: ") == 1 && strstr(head, " GMT\r\n"), "%s", head);
    ck_assert_msg(count_of(head, "\r\nX-Content-Type-Options: nosniff\r\n") == 1, "%s", head);
    ck_assert_msg(count_of(head, "\r\nContent-Security-Policy: ") == 1, "%s", head);
    ck_assert_msg(count_of(head, "\r\nCache-Control: ") == 1, "%s", head);
    ck_assert_msg(count_of(head, "\r\nContent-Length: ") == (status != 204 && status != 304), "%s", head);
}

/* One answer: where the next one begins. */
static char *
say_answer(struct heard *heard, char *at, bool is_head)
{
    char *body = strstr(at, "\r\n\r\n");
    ck_assert_msg(body != NULL, "half an answer: %s", at);
    body[2] = '\0';
    body += 4;
    int status = 0;
    ck_assert_msg(sscanf(at, "HTTP/1.1 %3d ", &status) == 1, "%s", at);
    if (status == 100) {
        say(heard, "%s100", heard->used ? " " : "");
        return body;
    }
    check_head(at, status);
    const char *length = strstr(at, "\r\nContent-Length: ");
    size_t size = length && !is_head ? strtoul(length + 18, NULL, 10) : 0;
    ck_assert_uint_le(size, strlen(body));
    say(heard, "%s%d%s", heard->used ? " " : "", status, strstr(at, "\r\nConnection: close\r\n") ? "c" : "");
    size_t line = strcspn(body, "\n");
    if (size > 0)
        say(heard, "[%.*s]", (int)(line < size ? line : size), body);
    return body + size;
}

static void
say_all(struct heard *heard, bool is_head)
{
    heard->used = 0;
    heard->line[0] = '\0';
    for (char *at = heard->bytes; *at;)
        at = say_answer(heard, at, is_head);
}

/* ---- the rows ---- */

struct row {
    const char *name, *bytes;
    size_t size;
    const char *expected;
    int result;
};
#define ROW(name, bytes, expected, result)               \
    {                                                    \
        name, bytes, sizeof(bytes) - 1, expected, result \
    }
#define H "Host: a\r\n"
#define GET(path) "GET " path " HTTP/1.1\r\n" H "\r\n"
#define LAST(path) "GET " path " HTTP/1.1\r\n" H "Connection: close\r\n\r\n"
#define POST(headers, body) "POST / HTTP/1.1\r\n" H headers "\r\n" body
#define HEADER(headers) "GET / HTTP/1.1\r\n" H headers "\r\n"
#define REFUSED(name, bytes, status) ROW(name, bytes GET("/"), status, -EPROTO)

static const struct row rows[] = {
    /* served */
    ROW("one", GET("/"), "200[hello]", 0),
    ROW("one, and close", LAST("/"), "200c[hello]", 0),
    ROW("three in a row", GET("/") GET("/files/a") GET("/"), "200[hello] 200[/files/a] 200[hello]", 0),
    ROW("nothing follows the last one", LAST("/") GET("/"), "200c[hello]", 0),
    ROW("as many as are allowed", GET("/") GET("/") GET("/") GET("/") GET("/"),
        "200[hello] 200[hello] 200[hello] 200c[hello]", 0),
    ROW("nothing", "", "", 0),
    ROW("1.0", "GET / HTTP/1.0\r\n\r\n", "200c[hello]", 0),
    ROW("1.0, kept", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET / HTTP/1.0\r\n\r\n", "200[hello] 200c[hello]",
        0),
    ROW("HEAD", "HEAD / HTTP/1.1\r\n" H "\r\n", "200", 0),
    ROW("HEAD of a missing page", "HEAD /x HTTP/1.1\r\n" H "\r\n", "404", 0),
    ROW("absolute form", "GET http://a/ HTTP/1.1\r\n" H "\r\n", "200[hello]", 0),
    ROW("query", GET("/files/b?c"), "200[/files/b]", 0),
    ROW("prefix itself", GET("/files/"), "200[/files/]", 0),
    ROW("not quite the prefix", GET("/files"), "404[404 Not Found]", 0),
    ROW("missing", GET("/x") GET("/"), "404[404 Not Found] 200[hello]", 0),
    ROW("longer than a route", GET("/twice/"), "404[404 Not Found]", 0),
    ROW("encoded route", GET("/%74wice"), "200[once]", 0),
    ROW("method not allowed", "DELETE / HTTP/1.1\r\n" H "\r\n", "405[405 Method Not Allowed]", 0),
    ROW("method not allowed, POST", "POST /twice HTTP/1.1\r\n" H "Content-Length: 2\r\n\r\nab" GET("/"),
        "405[405 Method Not Allowed] 200[hello]", 0),
    ROW("options", "OPTIONS / HTTP/1.1\r\n" H "\r\n", "204", 0),
    ROW("options of all", "OPTIONS * HTTP/1.1\r\n" H "\r\n", "204", 0),
    ROW("options of a missing page", "OPTIONS /x HTTP/1.1\r\n" H "\r\n", "404[404 Not Found]", 0),
    ROW("fields", GET("/fields"), "201", 0),
    ROW("two answers", GET("/twice") GET("/"), "200[once] 200[hello]", 0),
    ROW("handler fails", GET("/fail") GET("/"), "500c[500 Internal Server Error]", -EIO),
    ROW("handler does not answer", GET("/silent") GET("/"), "500c[500 Internal Server Error]", 0),
    ROW("answer too long", GET("/long"), "500c[500 Internal Server Error]", -EMSGSIZE),

    /* bodies */
    ROW("body", POST("Content-Length: 4\r\n", "abcd") GET("/"), "200[posted] 200[hello]", 0),
    ROW("body with GET", "GET / HTTP/1.1\r\n" H "Content-Length: 4\r\n\r\nGET " GET("/"), "200[hello] 200[hello]", 0),
    ROW("body of a missing page", "POST /x HTTP/1.1\r\n" H "Content-Length: 4\r\n\r\nabcd" GET("/"),
        "404[404 Not Found] 200[hello]", 0),
    ROW("body at the limit", POST("Content-Length: 10\r\n", "0123456789") GET("/"), "200[posted] 200[hello]", 0),
    ROW("body above it", POST("Content-Length: 11\r\n", "0123456789a") GET("/"), "413c[413 Content Too Large]",
        -EPROTO),
    ROW("body far above it", POST("Content-Length: 1000000000000\r\n", ""), "413c[413 Content Too Large]", -EPROTO),
    ROW("chunks", POST("Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n0\r\n\r\n") GET("/"), "200[posted] 200[hello]",
        0),
    ROW("chunks at the limit", POST("Transfer-Encoding: chunked\r\n", "5\r\nabcde\r\n5\r\nabcde\r\n0\r\n\r\n") GET("/"),
        "200[posted] 200[hello]", 0),
    ROW("chunks above it", POST("Transfer-Encoding: chunked\r\n", "6\r\nabcdef\r\n5\r\nabcde\r\n0\r\n\r\n") GET("/"),
        "413c[413 Content Too Large]", -EPROTO),
    ROW("bad chunks", POST("Transfer-Encoding: chunked\r\n", "3\nabc\r\n0\r\n\r\n") GET("/"), "400c[400 Bad Request]",
        -EPROTO),
    ROW("body cut off", POST("Content-Length: 4\r\n", "ab"), "", -EPROTO),
    ROW("head cut off", "GET / HTTP/1.1\r\nHos", "", -EPROTO),
    ROW("head cut off behind a request", GET("/") "GET / HTTP/1.1\r\nHos", "200[hello]", -EPROTO),
    ROW("100 for a missing page", "POST /x HTTP/1.1\r\n" H "Content-Length: 4\r\nExpect: 100-continue\r\n\r\n",
        "404c[404 Not Found]", 0),
    ROW("100 for too much", POST("Content-Length: 11\r\nExpect: 100-continue\r\n", ""), "413c[413 Content Too Large]",
        -EPROTO),
    ROW("100 without a body", HEADER("Expect: 100-continue\r\n"), "200[hello]", 0),
    ROW("100 from 1.0", "POST / HTTP/1.0\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\nx", "200c[posted]", 0),
    REFUSED("another expectation", HEADER("Expect: tea\r\n"), "417c[417 Expectation Failed]"),

    /* refused */
    REFUSED("unknown method", "BREW / HTTP/1.1\r\n" H "\r\n", "501c[501 Not Implemented]"),
    REFUSED("CONNECT", "CONNECT a:1 HTTP/1.1\r\n" H "\r\n", "501c[501 Not Implemented]"),
    REFUSED("version 2", "GET / HTTP/2.0\r\n" H "\r\n", "505c[505 HTTP Version Not Supported]"),
    REFUSED("version 1.2", "GET / HTTP/1.2\r\n" H "\r\n", "505c[505 HTTP Version Not Supported]"),
    REFUSED("version 0.9", "GET /\r\n", "400c[400 Bad Request]"),
    REFUSED("no Host", "GET / HTTP/1.1\r\n\r\n", "400c[400 Bad Request]"),
    REFUSED("two Hosts", HEADER("Host: b\r\n"), "400c[400 Bad Request]"),
    REFUSED("other host", "GET http://b/ HTTP/1.1\r\n" H "\r\n", "400c[400 Bad Request]"),
    REFUSED("LF for CR LF", "GET / HTTP/1.1\nHost: a\n\n", "400c[400 Bad Request]"),
    REFUSED("LF in the header", HEADER("X: a\nY: b\r\n"), "400c[400 Bad Request]"),
    REFUSED("CR in the header", HEADER("X: a\rY: b\r\n"), "400c[400 Bad Request]"),
    REFUSED("NUL in the header", HEADER("X: a\0b\r\n"), "400c[400 Bad Request]"),
    REFUSED("folded", HEADER("X: a\r\n b\r\n"), "400c[400 Bad Request]"),
    REFUSED("blank before the colon", HEADER("X : a\r\n"), "400c[400 Bad Request]"),
    REFUSED("no colon", HEADER("X\r\n"), "400c[400 Bad Request]"),
    REFUSED("climbs", GET("/../etc/passwd"), "400c[400 Bad Request]"),
    REFUSED("climbs, encoded", GET("/%2e%2e/etc/passwd"), "400c[400 Bad Request]"),
    REFUSED("encoded slash", GET("/files%2fa"), "400c[400 Bad Request]"),
    REFUSED("encoded NUL", GET("/files/%00"), "400c[400 Bad Request]"),
    REFUSED("length and chunks", POST("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
            "400c[400 Bad Request]"),
    REFUSED("two lengths", POST("Content-Length: 3\r\nContent-Length: 4\r\n", "abc"), "400c[400 Bad Request]"),
    REFUSED("a list of lengths", POST("Content-Length: 3, 3\r\n", "abc"), "400c[400 Bad Request]"),
    REFUSED("signed length", POST("Content-Length: +3\r\n", "abc"), "400c[400 Bad Request]"),
    REFUSED("long length", POST("Content-Length: 99999999999999999999\r\n", "abc"), "400c[400 Bad Request]"),
    REFUSED("coding hidden by a tab",
            POST("Transfer-Encoding:\x0b"
                 "chunked\r\n",
                 "0\r\n\r\n"),
            "400c[400 Bad Request]"),
    REFUSED("coding twice", POST("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "0\r\n\r\n"),
            "400c[400 Bad Request]"),
    REFUSED("unknown coding", POST("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), "501c[501 Not Implemented]"),
    REFUSED("chunks from 1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "400c[400 Bad Request]"),
    REFUSED("TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "400c[400 Bad Request]"),
    REFUSED("a second one", GET("/") "GET / HTTP/1.1\r\n\r\n", "200[hello] 400c[400 Bad Request]"),
};

struct play {
    const struct row *row;
    size_t step;
    bool stays_open; /* the client waits for the server to close */
};

static int
play(void *arg)
{
    static struct heard heard;
    const struct play *play = arg;
    const struct row *row = play->row;
    struct cr_visitor visitor;
    cr_visitor_come(&visitor, routes, sizeof(routes) / sizeof(routes[0]), &options);
    cr_visitor_send(&visitor, row->bytes, row->size, play->step);
    if (!play->stays_open)
        cr_visitor_half_close(&visitor);
    cr_visitor_hear_all(&visitor, heard.bytes, sizeof(heard.bytes));
    ck_assert_int_eq(cr_visitor_leave(&visitor), row->result);
    say_all(&heard, strncmp(row->bytes, "HEAD", 4) == 0);
    ck_assert_msg(strcmp(heard.line, row->expected) == 0, "%s: %s, not %s", row->name, heard.line, row->expected);
    return 0;
}

START_TEST(conversations)
{
    const struct row *row = &rows[_i];
    struct play whole = {row, row->size + 1, false}, bytewise = {row, 1, false}, open = {row, row->size + 1, true};
    cr_visitor_run(play, &whole);
    cr_visitor_run(play, &bytewise);
    if (strstr(row->expected, "c["))
        cr_visitor_run(play, &open);
}
END_TEST

/* ---- what does not fit a row ---- */

static struct heard heard;

/* Comes, sends, hears all, leaves. */
static int
ask(const char *request, const struct cr_http_options *with)
{
    struct cr_visitor visitor;
    cr_visitor_come(&visitor, routes, sizeof(routes) / sizeof(routes[0]), with);
    cr_visitor_send(&visitor, request, strlen(request), strlen(request));
    cr_visitor_half_close(&visitor);
    cr_visitor_hear_all(&visitor, heard.bytes, sizeof(heard.bytes));
    return cr_visitor_leave(&visitor);
}

static void
expect_line(const char *line)
{
    ck_assert_msg(strstr(heard.bytes, line) != NULL, "no %sin %s", line, heard.bytes);
}

static int
show_headers(void *arg)
{
    (void)arg;
    ask(GET("/"), NULL);
    expect_line("HTTP/1.1 200 OK\r\n");
    expect_line("\r\nContent-Type: text/html; charset=utf-8\r\n");
    expect_line("\r\nContent-Length: 6\r\n");
    expect_line("\r\nCache-Control: no-cache\r\n");
    expect_line("\r\nETag: \"5891b5b522d5df086d0ff0b110fbd9d2\"\r\n"); /* sha256sum of "hello\n", the first half */
    expect_line("\r\nContent-Security-Policy: default-src 'self';");
    ask("HEAD / HTTP/1.1\r\n" H "\r\n", NULL);
    expect_line("\r\nContent-Length: 6\r\n");
    ask(GET("/fields"), &(struct cr_http_options){.security_policy = "default-src 'none'"});
    expect_line("\r\nLocation: /a\r\n");
    expect_line("\r\nCache-Control: max-age=60\r\n");
    expect_line("\r\nContent-Length: 0\r\n");
    expect_line("\r\nContent-Security-Policy: default-src 'none'\r\n");
    ask(GET("/twice"), NULL);
    expect_line("\r\nContent-Type: text/plain; charset=utf-8\r\n");
    expect_line("\r\nCache-Control: no-store\r\n");
    ask("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", NULL);
    expect_line("\r\nConnection: keep-alive\r\n");
    ask("PATCH / HTTP/1.1\r\n" H "\r\n", NULL);
    expect_line("\r\nAllow: GET, HEAD, POST\r\n");
    ask("OPTIONS /put HTTP/1.1\r\n" H "\r\n", NULL);
    expect_line("\r\nAllow: PUT\r\n");
    ask("OPTIONS * HTTP/1.1\r\n" H "\r\n", NULL);
    expect_line("\r\nAllow: GET, HEAD, POST, PUT\r\n");
    return 0;
}

START_TEST(headers)
{
    cr_visitor_run(show_headers, NULL);
}
END_TEST

#define TAG "\"5891b5b522d5df086d0ff0b110fbd9d2\""
static const struct {
    const char *value;
    int status;
} tags[] = {
    {TAG, 304},     {"W/" TAG, 304},     {"\"a\", " TAG, 304},    {"\"a\",W/" TAG ",\"b\"", 304},
    {"*", 304},     {"\"5891b5\"", 200}, {"5891b5b522d5df", 200}, {"", 200},
    {TAG "x", 200},
};

static int
ask_with_tag(void *arg)
{
    int i = *(int *)arg;
    char request[200];
    snprintf(request, sizeof(request), "GET / HTTP/1.1\r\n" H "If-None-Match: %s\r\n\r\n" LAST("/"), tags[i].value);
    ask(request, NULL);
    say_all(&heard, false);
    ck_assert_str_eq(heard.line, tags[i].status == 304 ? "304 200c[hello]" : "200[hello] 200c[hello]");
    return 0;
}

START_TEST(asks_again_by_tag)
{
    cr_visitor_run(ask_with_tag, &_i);
}
END_TEST

/* The client does send its body only when it is told to. */
static int
wait_for_100(void *arg)
{
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
    char told[sizeof(go_on)] = "";
    struct cr_visitor visitor;
    (void)arg;
    cr_visitor_come(&visitor, routes, sizeof(routes) / sizeof(routes[0]), &options);
    const char *head = POST("Content-Length: 4\r\nExpect: 100-continue\r\n", "");
    cr_visitor_send(&visitor, head, strlen(head), 1000);
    ssize_t size = coir_stream_read_full(visitor.near, told, sizeof(go_on) - 1, cr_visitor_patience());
    ck_assert_int_eq(size, (ssize_t)sizeof(go_on) - 1);
    ck_assert_str_eq(told, go_on);
    cr_visitor_send(&visitor, "abcd", 4, 4);
    cr_visitor_half_close(&visitor);
    cr_visitor_hear_all(&visitor, heard.bytes, sizeof(heard.bytes));
    ck_assert_int_eq(cr_visitor_leave(&visitor), 0);
    say_all(&heard, false);
    ck_assert_str_eq(heard.line, "200[posted]");
    return 0;
}

START_TEST(tells_to_go_on)
{
    cr_visitor_run(wait_for_100, NULL);
}
END_TEST

/* Clients that stop sending at some point, and stay. */
static const struct {
    const char *sent, *expected;
    int result;
} slow[] = {
    {"", "", -ETIMEDOUT},
    {"GE", "408c[408 Request Timeout]", -ETIMEDOUT},
    {"GET / HTTP/1.1\r\nHost: a\r\n", "408c[408 Request Timeout]", -ETIMEDOUT},
    {POST("Content-Length: 4\r\n", "ab"), "408c[408 Request Timeout]", -ETIMEDOUT},
    {POST("Transfer-Encoding: chunked\r\n", "5\r\nab"), "408c[408 Request Timeout]", -ETIMEDOUT},
    {GET("/"), "200[hello]", 0},
    {GET("/") "G", "200[hello] 408c[408 Request Timeout]", -ETIMEDOUT},
};

static int
be_slow(void *arg)
{
    int i = *(int *)arg;
    struct cr_http_options short_times = {
        .header_time = 30 * COIR_MS, .idle_time = 30 * COIR_MS, .linger_time = 30 * COIR_MS};
    struct cr_visitor visitor;
    cr_visitor_come(&visitor, routes, sizeof(routes) / sizeof(routes[0]), &short_times);
    cr_visitor_send(&visitor, slow[i].sent, strlen(slow[i].sent), 1000);
    ck_assert_int_eq(cr_visitor_await_end(&visitor), slow[i].result);
    cr_visitor_hear_all(&visitor, heard.bytes, sizeof(heard.bytes));
    coir_stream_close(visitor.near);
    say_all(&heard, false);
    ck_assert_str_eq(heard.line, slow[i].expected);
    return 0;
}

START_TEST(slow_clients)
{
    cr_visitor_run(be_slow, &_i);
}
END_TEST

/* One byte each now and then is as slow as none: the deadline is for the head, not for the byte. */
static int
drip(void *arg)
{
    struct cr_http_options short_times = {.header_time = 50 * COIR_MS};
    struct cr_visitor visitor;
    char byte;
    (void)arg;
    cr_visitor_come(&visitor, routes, sizeof(routes) / sizeof(routes[0]), &short_times);
    cr_visitor_send(&visitor, "GET /", 5, 5);
    coir_time give_up = cr_visitor_patience();
    ssize_t size;
    do { /* each read's time-out is the pause between two bytes */
        size = coir_stream_read(visitor.near, &byte, 1, coir_after(5 * COIR_MS));
        if (size == -ETIMEDOUT)
            cr_visitor_send(&visitor, "a", 1, 1);
    } while (size == -ETIMEDOUT && coir_now() < give_up);
    ck_assert_int_eq(size, 1); /* the H of 408's answer */
    ck_assert_int_eq(cr_visitor_leave(&visitor), -ETIMEDOUT);
    return 0;
}

START_TEST(dripping_clients)
{
    cr_visitor_run(drip, NULL);
}
END_TEST

/* What a client goes on to send after it has been refused must not turn the answer into a reset. */
static int
send_after_refusal(void *arg)
{
    static char junk[100000];
    struct cr_visitor visitor;
    (void)arg;
    cr_visitor_come(&visitor, routes, sizeof(routes) / sizeof(routes[0]), NULL);
    cr_visitor_send(&visitor, "BREW / HTTP/1.1\r\n\r\n", 19, 19);
    cr_visitor_send(&visitor, junk, sizeof(junk), 1000);
    cr_visitor_hear_all(&visitor, heard.bytes, sizeof(heard.bytes));
    ck_assert_int_eq(cr_visitor_leave(&visitor), -EPROTO);
    say_all(&heard, false);
    ck_assert_str_eq(heard.line, "501c[501 Not Implemented]");
    return 0;
}

START_TEST(lingering)
{
    cr_visitor_run(send_after_refusal, NULL);
}
END_TEST

/* A client that never reads: its answers do not fit into the socket, and the write's time ends. */
static int
never_read(void *arg)
{
    static char megabytes[4 << 20];
    static struct cr_http_content large = {.type = "text/plain", .bytes = megabytes, .size = sizeof(megabytes)};
    struct cr_http_route route = {"GET", "/", cr_http_answer_content, NULL, &large};
    struct cr_http_options short_times = {.write_time = 30 * COIR_MS, .linger_time = 30 * COIR_MS};
    struct cr_visitor visitor;
    (void)arg;
    cr_visitor_come(&visitor, &route, 1, &short_times);
    cr_visitor_send(&visitor, GET("/"), strlen(GET("/")), 1000);
    ck_assert_int_eq(cr_visitor_await_end(&visitor), -ETIMEDOUT);
    coir_stream_close(visitor.near);
    return 0;
}

START_TEST(clients_that_do_not_read)
{
    cr_visitor_run(never_read, NULL);
}
END_TEST

/* ---- draining ---- */

static struct cr_http_drain drain = CR_HTTP_DRAIN_INIT;

/* The server goes down while one connection idles, one is at a request, and one comes too late. */
static int
drain_all(void *arg)
{
    struct cr_http_options with_drain = {.drain = &drain};
    struct cr_visitor idle, busy, late;
    char byte;
    (void)arg;
    cr_visitor_come(&idle, routes, sizeof(routes) / sizeof(routes[0]), &with_drain);
    cr_visitor_come(&busy, routes, sizeof(routes) / sizeof(routes[0]), &with_drain);
    cr_visitor_send(&idle, GET("/"), strlen(GET("/")), 1000);
    ck_assert_int_eq(coir_stream_read(idle.near, &byte, 1, cr_visitor_patience()), 1);
    cr_visitor_send(&busy, GET("/") "GET / HT", strlen(GET("/") "GET / HT"), 1000);
    ck_assert_int_eq(coir_stream_read(busy.near, &byte, 1, cr_visitor_patience()), 1);
    ck_assert(!cr_http_drain_has_begun(&drain));
    cr_http_drain_begin(&drain);
    ck_assert(cr_http_drain_has_begun(&drain));
    cr_visitor_come(&late, routes, sizeof(routes) / sizeof(routes[0]), &with_drain);

    cr_visitor_hear_all(&idle, heard.bytes, sizeof(heard.bytes));
    ck_assert_int_eq(cr_visitor_leave(&idle), 0);
    ck_assert_uint_eq(cr_visitor_hear_all(&late, heard.bytes, sizeof(heard.bytes)), 0);
    ck_assert_int_eq(cr_visitor_leave(&late), 0);
    cr_visitor_send(&busy, "TP/1.1\r\n" H "\r\n" GET("/"), strlen("TP/1.1\r\n" H "\r\n" GET("/")), 1000);
    cr_visitor_hear_all(&busy, heard.bytes + 1, sizeof(heard.bytes) - 1);
    heard.bytes[0] = byte;
    ck_assert_int_eq(cr_visitor_leave(&busy), 0);
    say_all(&heard, false);
    ck_assert_str_eq(heard.line, "200[hello] 200c[hello]");
    ck_assert_ptr_null(drain.connections);
    cr_http_drain_begin(&drain); /* again: nothing to do */
    return 0;
}

START_TEST(draining)
{
    drain.begun = false;
    cr_visitor_run_on(_i, drain_all, NULL);
}
END_TEST

static int
cancel_it(void *arg)
{
    struct cr_visitor visitor;
    char byte;
    (void)arg;
    cr_visitor_come(&visitor, routes, sizeof(routes) / sizeof(routes[0]), NULL);
    cr_visitor_send(&visitor, GET("/"), strlen(GET("/")), 1000);
    ck_assert_int_eq(coir_stream_read(visitor.near, &byte, 1, cr_visitor_patience()), 1);
    coir_cancel(visitor.server);
    ck_assert_int_eq(cr_visitor_await_end(&visitor), -ECANCELED);
    coir_stream_close(visitor.near);
    return 0;
}

START_TEST(canceling)
{
    cr_visitor_run(cancel_it, NULL);
}
END_TEST

START_TEST(statuses)
{
    ck_assert_str_eq(cr_http_status_text(404), "Not Found");
    ck_assert_str_eq(cr_http_status_text(999), "");
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("http server");
    TCase *table = tcase_create("conversations");
    TCase *rest = tcase_create("rest");
    memset(far_too_long, 'a', sizeof(far_too_long) - 1);
    cr_http_content_prepare(&hello);
    tcase_add_loop_test(table, conversations, 0, (int)(sizeof(rows) / sizeof(rows[0])));
    tcase_add_test(rest, headers);
    tcase_add_loop_test(rest, asks_again_by_tag, 0, (int)(sizeof(tags) / sizeof(tags[0])));
    tcase_add_test(rest, tells_to_go_on);
    tcase_add_loop_test(rest, slow_clients, 0, (int)(sizeof(slow) / sizeof(slow[0])));
    tcase_add_test(rest, dripping_clients);
    tcase_add_test(rest, lingering);
    tcase_add_test(rest, clients_that_do_not_read);
    tcase_add_loop_test(rest, draining, 1, 5); /* workers */
    tcase_add_test(rest, canceling);
    tcase_add_test(rest, statuses);
    suite_add_tcase(suite, table);
    suite_add_tcase(suite, rest);
    return core_run_suite(suite);
}
