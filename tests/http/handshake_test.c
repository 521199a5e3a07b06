/* tests/http/handshake_test.c: which requests become WebSockets. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "servers/http/handshake.h"

#define UPGRADE "Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n"
#define VERSION "Sec-WebSocket-Version: 13\r\n"
#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define ALL UPGRADE VERSION KEY

static const struct {
    const char *line, *header;
    int status;
} rows[] = {
    {"GET / HTTP/1.1", ALL, 0},
    {"GET / HTTP/1.1", ALL "Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Extensions: permessage-deflate\r\n", 0},
    {"GET / HTTP/1.1", "Upgrade: h2c, websocket\r\nConnection: upgrade\r\n" VERSION KEY, 0},
    {"POST / HTTP/1.1", ALL, 400},
    {"GET / HTTP/1.0", ALL, 400},
    {"GET / HTTP/1.1", ALL "Content-Length: 1\r\n", 400},
    {"GET / HTTP/1.1", "", 426},
    {"GET / HTTP/1.1", "Connection: upgrade\r\n" VERSION KEY, 426},
    {"GET / HTTP/1.1", "Upgrade: websocket\r\n" VERSION KEY, 426},
    {"GET / HTTP/1.1", "Upgrade: websockets\r\nConnection: upgrade\r\n" VERSION KEY, 426},
    {"GET / HTTP/1.1", UPGRADE KEY, 426},
    {"GET / HTTP/1.1", UPGRADE KEY "Sec-WebSocket-Version: 8\r\n", 426},
    {"GET / HTTP/1.1", UPGRADE KEY "Sec-WebSocket-Version: 013\r\n", 426},
    {"GET / HTTP/1.1", ALL VERSION, 426},
    {"GET / HTTP/1.1", UPGRADE VERSION, 400},
    {"GET / HTTP/1.1", ALL KEY, 400},
    {"GET / HTTP/1.1", UPGRADE VERSION "Sec-WebSocket-Key:\r\n", 400},
    {"GET / HTTP/1.1", UPGRADE VERSION "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=\r\n", 400},
    {"GET / HTTP/1.1", UPGRADE VERSION "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQAA\r\n", 400},
    {"GET / HTTP/1.1", UPGRADE VERSION "Sec-WebSocket-Key: dGhlIHNhbXBsZSB!b25jZQ==\r\n", 400},
    {"GET / HTTP/1.1", UPGRADE VERSION "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==AAAA\r\n", 400},
    {"GET / HTTP/1.1", ALL "Origin: http://a.org:8080\r\n", 0},
    {"GET / HTTP/1.1", ALL "Origin: https://A.ORG:8080\r\n", 0},
    {"GET / HTTP/1.1", ALL "Origin: http://a.org\r\n", 403},
    {"GET / HTTP/1.1", ALL "Origin: http://a.org:80800\r\n", 403},
    {"GET / HTTP/1.1", ALL "Origin: http://xa.org:8080\r\n", 403},
    {"GET / HTTP/1.1", ALL "Origin: http://a.org:8080.evil\r\n", 403},
    {"GET / HTTP/1.1", ALL "Origin: a.org:8080\r\n", 403},
    {"GET / HTTP/1.1", ALL "Origin: null\r\n", 403},
    {"GET / HTTP/1.1", ALL "Origin:\r\n", 403},
    {"GET / HTTP/1.1", ALL "Origin: http://a.org:8080\r\nOrigin: http://a.org:8080\r\n", 403},
    {"GET / HTTP/1.1", ALL "Origin: https://friend.org\r\n", 0},
    {"GET / HTTP/1.1", ALL "Origin: http://friend.org\r\n", 403},
};

static struct cr_http_request request;
static char text[CR_HTTP_TEXT_SIZE];

static void
read_request(const char *line, const char *header)
{
    char bytes[600];
    enum cr_http_event event;
    int size = snprintf(bytes, sizeof(bytes), "%s\r\nHost: a.org:8080\r\n%s\r\n", line, header);
    cr_http_request_init(&request, text);
    cr_http_request_feed(&request, bytes, (size_t)size, &event);
    ck_assert_int_eq(event, CR_HTTP_HEAD);
}

START_TEST(checks)
{
    static const char *const origins[] = {"https://other.org", "https://friend.org", NULL};
    const char *reason = NULL;
    read_request(rows[_i].line, rows[_i].header);
    int status = cr_handshake_check(&request, origins, &reason);
    ck_assert_msg(status == rows[_i].status, "%s %s: %d", rows[_i].line, rows[_i].header, status);
    ck_assert((status != 0) == (reason != NULL));
}
END_TEST

START_TEST(any_origin_or_only_its_own)
{
    static const char *const any[] = {"*", NULL};
    const char *reason;
    read_request("GET / HTTP/1.1", ALL "Origin: https://friend.org\r\n");
    ck_assert_int_eq(cr_handshake_check(&request, any, &reason), 0);
    ck_assert_int_eq(cr_handshake_check(&request, NULL, &reason), 403);
}
END_TEST

/* The example of RFC 6455, 1.3. */
START_TEST(accepts)
{
    char accept[CR_HANDSHAKE_ACCEPT_SIZE];
    cr_handshake_accept("dGhlIHNhbXBsZSBub25jZQ==", accept);
    ck_assert_str_eq(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("handshake");
    TCase *all = tcase_create("all");
    tcase_add_loop_test(all, checks, 0, (int)(sizeof(rows) / sizeof(rows[0])));
    tcase_add_test(all, any_origin_or_only_its_own);
    tcase_add_test(all, accepts);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
