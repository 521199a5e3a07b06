/* tests/protocol/http_request_test.c: what requests are taken for, and which are refused with what.
 *
 * A row is the bytes of a connection and the requests read from it, one after the other, as a line: method, path, ?query,
 * the letters of what it wishes (k: keep the connection, u: upgrade, c: 100-continue), [body], and ';' when it is complete;
 * or !STATUS, after which nothing is read. A '+' at the end: the bytes stop inside a request. Each row is fed whole, byte
 * by byte, and cut in two at every place. */
#include <check.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/http_bytes.h"
#include "protocol/http_request.h"

struct row {
    const char *name, *bytes;
    size_t size;
    const char *expected;
};
#define ROW(name, bytes, expected)               \
    {                                            \
        name, bytes, sizeof(bytes) - 1, expected \
    }
#define GET(name, headers, expected) ROW(name, "GET / HTTP/1.1\r\nHost: a\r\n" headers "\r\n\r\n", expected)
#define LINE(name, line, expected) ROW(name, line "\r\nHost: a\r\n\r\n", expected)
#define POST(name, headers, body, expected) \
    ROW(name, "POST / HTTP/1.1\r\nHost: a\r\n" headers "\r\n\r\n" body, expected)
#define CHUNKS(name, body, expected) POST(name, "Transfer-Encoding: chunked", body, expected)

static const struct row rows[] = {
    /* taken */
    LINE("plain", "GET / HTTP/1.1", "GET / k;"),
    LINE("query", "GET /a/b?c=d&e HTTP/1.1", "GET /a/b ?c=d&e k;"),
    LINE("empty query", "GET /? HTTP/1.1", "GET / ? k;"),
    LINE("decoded path", "GET /%61%2Db/%C3%A9%25 HTTP/1.1", "GET /a-b/\xc3\xa9% k;"),
    LINE("query is not decoded", "GET /?a=%62 HTTP/1.1", "GET / ?a=%62 k;"),
    LINE("dots that do not climb", "GET /.a/..b/c../... HTTP/1.1", "GET /.a/..b/c../... k;"),
    LINE("doubled slashes stay", "GET //a//b HTTP/1.1", "GET //a//b k;"),
    LINE("absolute form", "GET http://a/b?c HTTP/1.1", "GET /b ?c k;"),
    LINE("absolute form, no path", "GET http://a HTTP/1.1", "GET / k;"),
    LINE("absolute form, only a query", "GET HTTP://A?b HTTP/1.1", "GET / ?b k;"),
    LINE("asterisk", "OPTIONS * HTTP/1.1", "OPTIONS * k;"),
    LINE("HEAD", "HEAD / HTTP/1.1", "HEAD / k;"),
    LINE("PATCH", "PATCH / HTTP/1.1", "PATCH / k;"),
    LINE("an empty line before", "\r\nGET / HTTP/1.1", "GET / k;"),
    LINE("1.0 closes", "GET / HTTP/1.0", "GET / ;"),
    ROW("1.0 without Host", "GET / HTTP/1.0\r\n\r\n", "GET / ;"),
    ROW("1.0 may stay", "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", "GET / k;"),
    GET("close", "Connection: close", "GET / ;"),
    GET("close in a list", "Connection: foo ,  CLOSE", "GET / ;"),
    GET("close wins", "Connection: close\r\nConnection: keep-alive", "GET / ;"),
    GET("close and a tab", "Connection: close\t", "GET / ;"),
    GET("closed is not close", "Connection: closed", "GET / k;"),
    GET("upgrade", "Connection: keep-alive, Upgrade\r\nUpgrade: websocket", "GET / ku;"),
    GET("upgrade without the option", "Upgrade: websocket", "GET / k;"),
    GET("option without upgrade", "Connection: upgrade", "GET / k;"),
    GET("expect", "Expect: 100-Continue", "GET / kc;"),
    GET("name: empty value", "X:", "GET / k;"),
    GET("obs-text in a value", "X: \xe9\xff", "GET / k;"),
    GET("tab in a value", "X: a\tb \t", "GET / k;"),
    GET("strange but legal name", "!#$%&'*+-.^_`|~09aZ: b", "GET / k;"),
    ROW("IPv6 Host", "GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n", "GET / k;"),
    ROW("pipelined", "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n", "GET /1 k;GET /2 k;"),
    ROW("pipelined, a line between", "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /1 k;GET /2 k;"),
    POST("body", "Content-Length: 5", "hello", "POST / k[hello];"),
    POST("body, then a request", "Content-Length: 2", "hiGET /2 HTTP/1.1\r\nHost: a\r\n\r\n", "POST / k[hi];GET /2 k;"),
    POST("no body", "Content-Length: 0", "", "POST / k;"),
    POST("body cut off", "Content-Length: 5", "hel", "POST / k[hel]+"),
    ROW("GET with a body", "GET / HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc", "GET / [abc];"),
    CHUNKS("chunks", "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", "POST / k[hello world];"),
    CHUNKS("no chunk", "0\r\n\r\n", "POST / k;"),
    CHUNKS("chunk size in hex", "0b\r\nhello world\r\nA\r\n0123456789\r\n0\r\n\r\n",
           "POST / k[hello world0123456789];"),
    CHUNKS("many digits together", "00000001\r\na\r\n00000001\r\nb\r\n00000001\r\nc\r\n0\r\n\r\n", "POST / k[abc];"),
    CHUNKS("chunk extension", "2;a=b;c=\"d e\"\r\nhi\r\n0;x\r\n\r\n", "POST / k[hi];"),
    CHUNKS("quoted chunk extension", "2;a=\"\\\"\t;\";b\r\nhi\r\n0\r\n\r\n", "POST / k[hi];"),
    CHUNKS("trailer", "2\r\nhi\r\n0\r\nDigest: x\r\nY:\r\n\r\n", "POST / k[hi];"),
    CHUNKS("chunks, then a request", "1\r\na\r\n0\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n", "POST / k[a];GET /2 k;"),
    CHUNKS("chunk cut off", "5\r\nhel", "POST / k[hel]+"),
    POST("coding in capitals", "Transfer-Encoding: Chunked ", "0\r\n\r\n", "POST / k;"),
    ROW("nothing", "", ""),
    ROW("head cut off", "GET / HTTP/1.1\r\nHost: a\r\n", "+"),
    ROW("head cut off in the CR LF", "GET / HTTP/1.1\r\nHost: a\r\n\r", "+"),

    /* the request line */
    LINE("method unknown", "BREW / HTTP/1.1", "!501"),
    LINE("method in small letters", "get / HTTP/1.1", "!501"),
    LINE("method of another protocol", "DESCRIBE / HTTP/1.1", "!501"),
    LINE("method of WebDAV", "PROPFIND / HTTP/1.1", "!501"),
    LINE("method too long", "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG / HTTP/1.1", "!501"),
    LINE("method with a control", "G\x01T / HTTP/1.1", "!400"),
    LINE("method missing", " / HTTP/1.1", "!400"),
    LINE("CONNECT", "CONNECT a:80 HTTP/1.1", "!501"),
    ROW("HTTP/2's preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "!505"),
    LINE("two blanks before the target", "GET  / HTTP/1.1", "!400"),
    LINE("two blanks behind it", "GET /  HTTP/1.1", "!400"),
    LINE("tab for a blank", "GET\t/ HTTP/1.1", "!400"),
    LINE("blank in the target", "GET /a b HTTP/1.1", "!400"),
    LINE("blank at the end", "GET / HTTP/1.1 ", "!400"),
    LINE("no version", "GET /", "!400"),
    LINE("no target", "GET HTTP/1.1", "!400"),
    LINE("version 0.9", "GET / HTTP/0.9", "!505"),
    LINE("version 1.2", "GET / HTTP/1.2", "!505"),
    LINE("version 2.0", "GET / HTTP/2.0", "!505"),
    LINE("version in small letters", "GET / http/1.1", "!400"),
    LINE("version of three parts", "GET / HTTP/1.1.1", "!400"),
    LINE("version of one part", "GET / HTTP/1", "!400"),
    LINE("version 1.10", "GET / HTTP/1.10", "!400"),
    LINE("another protocol", "GET / ICE/1.0", "!400"),
    ROW("two empty lines before", "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "!400"),
    ROW("LF before", "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "!400"),
    ROW("TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "!400"),
    LINE("raw 8-bit byte in the target", "GET /\xc3\xa9 HTTP/1.1", "!400"),
    LINE("fragment", "GET /a#b HTTP/1.1", "!400"),
    LINE("quote in the target", "GET /a\"b HTTP/1.1", "!400"),
    LINE("NUL in the target", "GET /a\0b HTTP/1.1", "!400"),
    LINE("encoded NUL", "GET /a%00b HTTP/1.1", "!400"),
    LINE("encoded control", "GET /a%0db HTTP/1.1", "!400"),
    LINE("encoded slash", "GET /a%2fb HTTP/1.1", "!400"),
    LINE("encoded backslash", "GET /a%5c..%5cb HTTP/1.1", "!400"),
    LINE("backslash", "GET /a\\b HTTP/1.1", "!400"),
    LINE("bad percent", "GET /a%4 HTTP/1.1", "!400"),
    LINE("bad percent digits", "GET /a%4gb HTTP/1.1", "!400"),
    LINE("not UTF-8", "GET /%ff HTTP/1.1", "!400"),
    LINE("overlong slash", "GET /%c0%af HTTP/1.1", "!400"),
    LINE("climbs", "GET /a/../b HTTP/1.1", "!400"),
    LINE("climbs at the end", "GET /a/.. HTTP/1.1", "!400"),
    LINE("climbs, encoded", "GET /a/%2e%2E/b HTTP/1.1", "!400"),
    LINE("stays, but by a dot", "GET /./a HTTP/1.1", "!400"),
    LINE("asterisk with GET", "GET * HTTP/1.1", "!400"),
    LINE("not a path", "GET a HTTP/1.1", "!400"),
    LINE("another scheme", "GET ftp://a/ HTTP/1.1", "!400"),
    LINE("absolute form of another host", "GET http://b/ HTTP/1.1", "!400"),
    LINE("absolute form with a user", "GET http://u@a/ HTTP/1.1", "!400"),
    LINE("absolute form without a host", "GET http:///b HTTP/1.1", "!400"),

    /* the header */
    ROW("Host missing", "GET / HTTP/1.1\r\n\r\n", "!400"),
    GET("Host twice", "Host: a", "!400"),
    ROW("Host empty", "GET / HTTP/1.1\r\nHost:\r\n\r\n", "!400"),
    ROW("Host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "!400"),
    ROW("Host with a user", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", "!400"),
    ROW("two in one Host", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", "!400"),
    ROW("Host with a bad port", "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", "!400"),
    ROW("Host with a long port", "GET / HTTP/1.1\r\nHost: a:123456\r\n\r\n", "!400"),
    ROW("Host with an open bracket", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", "!400"),
    GET("blank before the colon", "X : a", "!400"),
    GET("tab before the colon", "X\t: a", "!400"),
    GET("no colon", "X", "!400"),
    GET("no name", ": a", "!400"),
    GET("blank in the name", "X Y: a", "!400"),
    GET("8-bit byte in the name", "X\xe9: a", "!400"),
    GET("folded", "X: a\r\n b", "!400"),
    GET("folded by a tab", "X: a\r\n\tb", "!400"),
    GET("folded to nothing", "X: a\r\n ", "!400"),
    ROW("folded first line", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", "!400"),
    ROW("LF ends the line", "GET / HTTP/1.1\nHost: a\r\n\r\n", "!400"),
    GET("LF ends a field", "X: a\nY: b", "!400"),
    GET("LF LF ends the head", "X: a\n", "!400"),
    GET("CR in a value", "X: a\rb", "!400"),
    GET("CR CR LF", "X: a\r", "!400"),
    GET("NUL in a value", "X: a\0b", "!400"),
    GET("NUL in a name", "X\0Y: a", "!400"),
    GET("control in a value", "X: a\x0b", "!400"),
    GET("DEL in a value", "X: a\x7f", "!400"),
    GET("unknown expectation", "Expect: 200-ok", "!417"),
    GET("expectation twice", "Expect: 100-continue\r\nExpect: 100-continue", "!417"),

    /* where the body ends */
    POST("length and chunks", "Content-Length: 3\r\nTransfer-Encoding: chunked", "0\r\n\r\n", "!400"),
    POST("chunks and length", "Transfer-Encoding: chunked\r\nContent-Length: 3", "0\r\n\r\n", "!400"),
    POST("length twice", "Content-Length: 3\r\nContent-Length: 4", "abc", "!400"),
    POST("the same length twice", "Content-Length: 3\r\nContent-Length: 3", "abc", "!400"),
    POST("a list of lengths", "Content-Length: 3, 3", "abc", "!400"),
    POST("plus", "Content-Length: +3", "abc", "!400"),
    POST("minus", "Content-Length: -1", "abc", "!400"),
    POST("zeros before", "Content-Length: 03", "abc", "!400"),
    POST("hex", "Content-Length: 0x3", "abc", "!400"),
    POST("exponent", "Content-Length: 1e3", "abc", "!400"),
    POST("two numbers", "Content-Length: 3 3", "abc", "!400"),
    POST("no number", "Content-Length:", "abc", "!400"),
    POST("20 digits", "Content-Length: 18446744073709551616", "abc", "!400"),
    POST("19 digits", "Content-Length: 9223372036854775808", "abc", "!400"),
    POST("unknown coding", "Transfer-Encoding: gzip, chunked", "0\r\n\r\n", "!501"),
    POST("unknown coding only", "Transfer-Encoding: gzip", "abc", "!400"),
    POST("chunked not last", "Transfer-Encoding: chunked, gzip", "abc", "!400"),
    POST("chunked twice", "Transfer-Encoding: chunked, chunked", "abc", "!400"),
    POST("coding twice", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "0\r\n\r\n", "!400"),
    POST("coding twice, one odd", "Transfer-Encoding: chunked\r\nTransfer-Encoding: x", "0\r\n\r\n", "!400"),
    POST("identity", "Transfer-Encoding: identity", "abc", "!400"),
    POST("not quite chunked", "Transfer-Encoding: xchunked", "0\r\n\r\n", "!400"),
    POST("quoted", "Transfer-Encoding: \"chunked\"", "0\r\n\r\n", "!400"),
    POST("tab behind it", "Transfer-Encoding: chunked\t", "0\r\n\r\n", "!400"),
    POST("tab behind the length", "Content-Length: 3\t", "abc", "!400"),
    POST("with a parameter", "Transfer-Encoding: chunked;a=b", "0\r\n\r\n", "!400"),
    POST("vertical tab",
         "Transfer-Encoding: \x0b"
         "chunked",
         "0\r\n\r\n", "!400"),
    POST("empty coding", "Transfer-Encoding:", "0\r\n\r\n", "!400"),
    ROW("chunks from 1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "!400"),

    /* chunks */
    CHUNKS("LF behind the size", "2\nhi\r\n0\r\n\r\n", "POST / k!400"),
    CHUNKS("CR behind the size", "2\rXhi\r\n0\r\n\r\n", "POST / k!400"),
    CHUNKS("blank behind the size", "2 \r\nhi\r\n0\r\n\r\n", "POST / k!400"),
    CHUNKS("blank before the size", " 2\r\nhi\r\n0\r\n\r\n", "POST / k!400"),
    CHUNKS("plus before the size", "+2\r\nhi\r\n0\r\n\r\n", "POST / k!400"),
    CHUNKS("0x before the size", "0x2\r\nhi\r\n0\r\n\r\n", "POST / k!400"),
    CHUNKS("no size", "\r\nhi\r\n0\r\n\r\n", "POST / k!400"),
    CHUNKS("no size of the second", "2\r\nhi\r\n\r\nhi\r\n0\r\n\r\n", "POST / k[hi]!400"),
    CHUNKS("size of an extension only", ";a\r\nhi\r\n0\r\n\r\n", "POST / k!400"),
    CHUNKS("size of 64 bits", "ffffffffffffffff\r\nhi", "POST / k!400"),
    CHUNKS("size of 17 digits", "00000000000000002\r\nhi\r\n0\r\n\r\n", "POST / k!400"),
    CHUNKS("size of 2^63", "8000000000000000\r\nhi", "POST / k!400"),
    CHUNKS("chunk too long", "2\r\nhix\r\n0\r\n\r\n", "POST / k[hi]!400"),
    CHUNKS("LF behind the chunk", "2\r\nhi\n0\r\n\r\n", "POST / k[hi]!400"),
    CHUNKS("nothing behind the chunk", "2\r\nhi0\r\n\r\n", "POST / k[hi]!400"),
    CHUNKS("LF in an extension", "2;a\nhi\r\n0\r\n\r\n", "POST / k!400"),
    CHUNKS("CR in an extension", "2;a\rb\r\nhi\r\n0\r\n\r\n", "POST / k!400"),
    CHUNKS("extension without a name", "2;\r\nhi\r\n0\r\n\r\n", "POST / k!400"),
    CHUNKS("extension without its value", "2;a=\r\nhi\r\n0\r\n\r\n", "POST / k!400"),
    CHUNKS("blank in an extension", "2;a b\r\nhi\r\n0\r\n\r\n", "POST / k!400"),
    CHUNKS("token behind a quote", "2;a=\"b\"c\r\nhi\r\n0\r\n\r\n", "POST / k!400"),
    CHUNKS("quote left open", "2;a=\"b\r\nhi\r\n0\r\n\r\n", "POST / k!400"),
    CHUNKS("CR LF escaped in a quote", "2;a=\"\\\r\n\"\r\nhi\r\n0\r\n\r\n", "POST / k!400"),
    CHUNKS("NUL in an extension", "2;a\0\r\nhi\r\n0\r\n\r\n", "POST / k!400"),
    CHUNKS("LF ends the trailer", "0\r\nX: a\n\r\n", "POST / k!400"),
    CHUNKS("LF ends the body", "0\r\n\n", "POST / k!400"),
    CHUNKS("folded trailer", "0\r\nX: a\r\n b\r\n\r\n", "POST / k!400"),
    CHUNKS("trailer without a colon", "0\r\nX\r\n\r\n", "POST / k!400"),
    CHUNKS("length in the trailer", "0\r\ncontent-LENGTH: 5\r\n\r\n", "POST / k!400"),
    CHUNKS("coding in the trailer", "0\r\nTransfer-Encoding: chunked\r\n\r\n", "POST / k!400"),
    CHUNKS("Host in the trailer", "0\r\nHost: b\r\n\r\n", "POST / k!400"),
};

/* ---------- what comes of them ---------- */

struct transcript {
    struct cr_http_request request;
    char text[CR_HTTP_TEXT_SIZE];
    char line[4096];
    size_t used;
    bool is_refused;
    char body[70000];
    size_t body_size;
};

static void
say(struct transcript *transcript, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    size_t room = sizeof(transcript->line) - transcript->used;
    int size = vsnprintf(transcript->line + transcript->used, room, format, values);
    va_end(values);
    if (size >= (int)room)
        ck_abort_msg("the transcript is too long");
    transcript->used += (size_t)size;
}

static void
say_head(struct transcript *transcript)
{
    const struct cr_http_request *request = &transcript->request;
    say(transcript, "%s %s ", request->method, request->path);
    if (request->query)
        say(transcript, "?%s ", request->query);
    say(transcript, "%s%s%s", request->keep_alive ? "k" : "", request->upgrade ? "u" : "",
        request->expects_continue ? "c" : "");
}

static void
say_body(struct transcript *transcript)
{
    if (transcript->body_size > 0)
        say(transcript, "[%.*s]", (int)transcript->body_size, transcript->body);
    transcript->body_size = 0;
}

static void
say_event(struct transcript *transcript, enum cr_http_event event)
{
    struct cr_http_request *request = &transcript->request;
    switch (event) {
    case CR_HTTP_MORE:
        break;
    case CR_HTTP_HEAD:
        say_head(transcript);
        break;
    case CR_HTTP_BODY:
        memcpy(transcript->body + transcript->body_size, request->body, request->body_size);
        transcript->body_size += request->body_size;
        break;
    case CR_HTTP_DONE:
        say_body(transcript);
        say(transcript, ";");
        cr_http_request_init(request, transcript->text);
        break;
    case CR_HTTP_REFUSED:
        say_body(transcript);
        say(transcript, request->reason ? "!%d" : "no reason", request->status);
        transcript->is_refused = true;
    }
}

static void
feed(struct transcript *transcript, const char *bytes, size_t size)
{
    enum cr_http_event event = CR_HTTP_DONE;
    size_t used = 0;
    while (!transcript->is_refused && (used < size || event != CR_HTTP_MORE)) {
        if (used == size && event == CR_HTTP_DONE)
            break;
        used += cr_http_request_feed(&transcript->request, bytes + used, size - used, &event);
        if (used > size)
            ck_abort_msg("more was consumed than there was");
        say_event(transcript, event);
    }
}

static struct transcript transcript;

static void
begin(void)
{
    transcript.used = transcript.body_size = 0;
    transcript.line[0] = '\0';
    transcript.is_refused = false;
    cr_http_request_init(&transcript.request, transcript.text);
}

static void
check_cut(const char *name, const char *bytes, size_t size, const char *expected, size_t cut, size_t step)
{
    begin();
    feed(&transcript, bytes, cut);
    for (size_t at = cut; at < size; at += step)
        feed(&transcript, bytes + at, size - at < step ? size - at : step);
    say_body(&transcript);
    if (!transcript.is_refused && cr_http_request_has_begun(&transcript.request))
        say(&transcript, "+");
    if (strcmp(transcript.line, expected) != 0)
        ck_abort_msg("%s, cut at %zu, steps of %zu: %s, not %s", name, cut, step, transcript.line, expected);
}

START_TEST(requests)
{
    const struct row *row = &rows[_i];
    for (size_t cut = 0; cut <= row->size; cut++)
        check_cut(row->name, row->bytes, row->size, row->expected, cut, row->size + 1);
    check_cut(row->name, row->bytes, row->size, row->expected, 0, 1);
}
END_TEST

/* ---------- at the limits ---------- */

static char bytes[200000];

/* before, then filler repeated, then after. */
static size_t
build(const char *before, const char *filler, size_t times, const char *after)
{
    size_t size = strlen(before), length = strlen(filler);
    memcpy(bytes, before, size);
    for (size_t i = 0; i < times; i++, size += length)
        memcpy(bytes + size, filler, length);
    strcpy(bytes + size, after);
    return size + strlen(after);
}

static void
check_limit(const char *name, size_t size, const char *expected)
{
    check_cut(name, bytes, size, expected, 0, size);
    check_cut(name, bytes, size, expected, 0, 1);
    check_cut(name, bytes, size, expected, 0, 1000);
    check_cut(name, bytes, size, expected, size - 3, size);
}

START_TEST(longest_target)
{
    static char expected[8300];
    size_t size = build("GET /?", "a", CR_HTTP_TARGET_LIMIT - 1, " HTTP/1.1\r\nHost: a\r\n\r\n");
    check_limit("one too many", size, "!414");
    size = build("GET /", "%41", (CR_HTTP_TARGET_LIMIT - 2) / 3, " HTTP/1.1\r\nHost: a\r\n\r\n");
    begin();
    feed(&transcript, bytes, size);
    size_t filled = (size_t)sprintf(expected, "GET /");
    memset(expected + filled, 'A', (CR_HTTP_TARGET_LIMIT - 2) / 3);
    strcpy(expected + filled + (CR_HTTP_TARGET_LIMIT - 2) / 3, " k;");
    ck_assert_str_eq(transcript.line, expected);
    ck_assert_uint_gt(CR_HTTP_TEXT_SIZE, CR_HTTP_METHOD_LIMIT + 2 * CR_HTTP_TARGET_LIMIT + CR_HTTP_HEADER_LIMIT + 32);
}
END_TEST

START_TEST(target_at_the_limit)
{
    size_t size = build("GET /?", "a", CR_HTTP_TARGET_LIMIT - 2, " HTTP/1.1\r\nHost: a\r\n\r\n");
    enum cr_http_event event;
    cr_http_request_init(&transcript.request, transcript.text);
    ck_assert_uint_eq(cr_http_request_feed(&transcript.request, bytes, size, &event), size);
    ck_assert_int_eq(event, CR_HTTP_HEAD);
    ck_assert_uint_eq(strlen(transcript.request.target), CR_HTTP_TARGET_LIMIT);
}
END_TEST

START_TEST(longest_header)
{
    const char *line = "GET / HTTP/1.1\r\nHost: a\r\nX:";
    size_t rest = CR_HTTP_HEADER_LIMIT - strlen("Host: a\r\nX:");
    check_limit("at the limit", build(line, "a", rest, "\r\n\r\n"), "GET / k;");
    check_limit("one too many", build(line, "a", rest + 1, "\r\n\r\n"), "!431");
    check_limit("far too many", build(line, "a", 150000, ""), "!431");
    check_limit("a long name", build("GET / HTTP/1.1\r\n", "a", CR_HTTP_HEADER_LIMIT + 1, ": b\r\n\r\n"), "!431");
}
END_TEST

START_TEST(most_fields)
{
    check_limit("64", build("GET / HTTP/1.1\r\nHost: a\r\n", "X: a\r\n", 63, "\r\n"), "GET / k;");
    check_limit("65", build("GET / HTTP/1.1\r\nHost: a\r\n", "X: a\r\n", 64, "\r\n"), "!431");
}
END_TEST

#define CHUNKED "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"

START_TEST(longest_extensions_and_trailers)
{
    check_limit("extension", build(CHUNKED "1;", "a", CR_HTTP_EXTENSION_LIMIT, "\r\nx\r\n0\r\n\r\n"), "POST / k[x];");
    check_limit("extension + 1", build(CHUNKED "1;", "a", CR_HTTP_EXTENSION_LIMIT + 1, "\r\nx"), "POST / k!400");
    check_limit("trailer", build(CHUNKED "0\r\nX:", "a", CR_HTTP_TRAILER_LIMIT - 6, "\r\n\r\n"), "POST / k;");
    check_limit("trailer + 1", build(CHUNKED "0\r\nX:", "a", CR_HTTP_TRAILER_LIMIT - 5, "\r\n\r\n"), "POST / k!400");
}
END_TEST

/* ---------- what a request shows ---------- */

static void
read_head(const char *text)
{
    enum cr_http_event event;
    cr_http_request_init(&transcript.request, transcript.text);
    cr_http_request_feed(&transcript.request, text, strlen(text), &event);
    ck_assert_int_eq(event, CR_HTTP_HEAD);
}

START_TEST(fields)
{
    const struct cr_http_request *request = &transcript.request;
    read_head("PUT /a%20b?c HTTP/1.0\r\nHost: Example.ORG:80\r\nX-One:  1 \t\r\nx-two:\r\nX-ONE: 3\r\n"
              "Content-Length: 12\r\n\r\n");
    ck_assert_str_eq(request->method, "PUT");
    ck_assert_str_eq(request->target, "/a%20b?c");
    ck_assert_str_eq(request->path, "/a b");
    ck_assert_str_eq(request->query, "c");
    ck_assert_str_eq(request->host, "Example.ORG:80");
    ck_assert_int_eq(request->minor, 0);
    ck_assert_uint_eq(request->content_length, 12);
    ck_assert(request->has_body && !request->is_chunked);
    ck_assert_uint_eq(request->field_count, 5);
    ck_assert_str_eq(request->fields[1].name, "X-One");
    ck_assert_str_eq(cr_http_request_field(request, "x-one"), "1");
    ck_assert_str_eq(cr_http_request_field(request, "X-Two"), "");
    ck_assert_ptr_null(cr_http_request_field(request, "x-on"));
    ck_assert_ptr_null(cr_http_request_field(request, "x-one1"));
    ck_assert_uint_eq(cr_http_request_field_count(request, "X-one"), 2);
}
END_TEST

static const struct {
    const char *value, *token;
    bool expected;
} lists[] = {
    {"a", "a", true},
    {"A", "a", true},
    {"b, a", "a", true},
    {"b ,\ta ", "a", true},
    {"a, b", "a", true},
    {",,a", "a", true},
    {"ab", "a", false},
    {"b a", "a", false},
    {"a b", "a", false},
    {"", "a", false},
    {" , ,", "a", false},
    {NULL, "a", false},
    {"websocket", "websocket", true},
    {"websocke", "websocket", false},
};

START_TEST(in_lists)
{
    ck_assert(cr_http_list_has(lists[_i].value, lists[_i].token) == lists[_i].expected);
}
END_TEST

static const struct {
    const char *target, *name;
    int expected; /* the length, or the failure */
    const char *value;
} parameters[] = {
    {"/?a=b", "a", 1, "b"},
    {"/?x=y&a=b&a=c", "a", 1, "b"},
    {"/?a=", "a", 0, ""},
    {"/?a", "a", 0, ""},
    {"/?a=b+c%20d", "a", 5, "b c d"},
    {"/?%61=b", "a", 1, "b"},
    {"/?a=b=c", "a", 3, "b=c"},
    {"/?a=1234567", "a", 7, "1234567"},
    {"/?a=12345678", "a", -EMSGSIZE, NULL},
    {"/?a=%", "a", -EINVAL, NULL},
    {"/?a=%0", "a", -EINVAL, NULL},
    {"/?a=%00", "a", -EINVAL, NULL},
    {"/?a=%zz", "a", -EINVAL, NULL},
    {"/?ab=c", "a", -ENOENT, NULL},
    {"/?b=a", "a", -ENOENT, NULL},
    {"/?", "a", -ENOENT, NULL},
    {"/", "a", -ENOENT, NULL},
    {"/?&&a=b&", "a", 1, "b"},
};

START_TEST(in_queries)
{
    char text[100], value[8];
    snprintf(text, sizeof(text), "GET %s HTTP/1.0\r\n\r\n", parameters[_i].target);
    read_head(text);
    int size = cr_http_request_parameter(&transcript.request, parameters[_i].name, value, sizeof(value));
    ck_assert_int_eq(size, parameters[_i].expected);
    if (size >= 0)
        ck_assert_str_eq(value, parameters[_i].value);
}
END_TEST

START_TEST(classes_of_bytes)
{
    static const char token[] = "!#$%&'*+-.^_`|~";
    for (int i = 0; i < 256; i++) {
        char byte = (char)i;
        bool is_digit = i >= '0' && i <= '9';
        bool is_letter = (i >= 'a' && i <= 'z') || (i >= 'A' && i <= 'Z');
        bool is_token = is_digit || is_letter || (i > 0 && i < 128 && strchr(token, i));
        bool is_hex = is_digit || (i >= 'a' && i <= 'f') || (i >= 'A' && i <= 'F');
        bool is_target = i > 0x20 && i < 0x7F && !strchr("\"<>#", i);
        ck_assert(cr_http_is(byte, CR_HTTP_TOKEN) == is_token);
        ck_assert(cr_http_is(byte, CR_HTTP_DIGIT) == is_digit);
        ck_assert(cr_http_is(byte, CR_HTTP_HEX) == is_hex);
        ck_assert(cr_http_is(byte, CR_HTTP_VALUE) == (i == '\t' || (i >= 0x20 && i != 0x7F)));
        ck_assert(cr_http_is(byte, CR_HTTP_TARGET) == is_target);
        ck_assert(cr_http_is(byte, CR_HTTP_HOST) == (is_digit || is_letter || (i > 0 && strchr("-._~", i))));
        if (is_hex)
            ck_assert_uint_eq(cr_http_hex(byte), strtoul((char[]){byte, '\0'}, NULL, 16));
    }
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("http_request");
    TCase *table = tcase_create("table");
    TCase *limits = tcase_create("limits");
    TCase *shown = tcase_create("shown");
    tcase_set_timeout(limits, 60);
    tcase_add_loop_test(table, requests, 0, (int)(sizeof(rows) / sizeof(rows[0])));
    tcase_add_test(limits, longest_target);
    tcase_add_test(limits, target_at_the_limit);
    tcase_add_test(limits, longest_header);
    tcase_add_test(limits, most_fields);
    tcase_add_test(limits, longest_extensions_and_trailers);
    tcase_add_test(shown, fields);
    tcase_add_loop_test(shown, in_lists, 0, (int)(sizeof(lists) / sizeof(lists[0])));
    tcase_add_loop_test(shown, in_queries, 0, (int)(sizeof(parameters) / sizeof(parameters[0])));
    tcase_add_test(shown, classes_of_bytes);
    suite_add_tcase(suite, table);
    suite_add_tcase(suite, limits);
    suite_add_tcase(suite, shown);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
