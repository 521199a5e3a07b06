/* tests/chat/request_test.c: what is understood of what a page, or something worse, sends. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "servers/hub/request.h"

static const struct {
    const char *sent;
    int kind; /* -1: refused */
    const char *text;
} requests[] = {
    {"{\"type\":\"enter\",\"name\":\"ann\"}", CR_REQUEST_ENTER, "ann"},
    {" { \"name\" : \"ann\" , \"type\" : \"enter\" } ", CR_REQUEST_ENTER, "ann"},
    {"{\"type\":\"say\",\"text\":\"\"}", CR_REQUEST_SAY, ""},
    {"{\"type\":\"say\",\"text\":\"\\u00fc\\ud83d\\udc22 [[[[[[[[[[[[\"}", CR_REQUEST_SAY,
     "\xC3\xBC\xF0\x9F\x90\xA2 [[[[[[[[[[[["},
    {"{\"type\":\"say\",\"text\":\"hi\",\"later\":{\"a\":[1,2]}}", CR_REQUEST_SAY, "hi"},
    {"{\"type\":\"say\",\"text\":\"a \\\" [[[[[[[[[[[ \\\\\"}", CR_REQUEST_SAY, "a \" [[[[[[[[[[[ \\"},
    {"", -1, NULL},
    {"hello", -1, NULL},
    {"[]", -1, NULL},
    {"\"say\"", -1, NULL},
    {"{}", -1, NULL},
    {"{\"type\":\"say\"}", -1, NULL},
    {"{\"type\":\"say\",\"text\":5}", -1, NULL},
    {"{\"type\":\"say\",\"name\":\"hi\"}", -1, NULL},
    {"{\"type\":\"leave\"}", -1, NULL},
    {"{\"type\":5}", -1, NULL},
    {"{\"type\":\"say\",\"text\":\"hi\"", -1, NULL},
    {"{\"type\":\"say\",\"text\":\"hi\"} more", -1, NULL},
    {"{\"type\":\"say\",\"text\":\"one\",\"text\":\"two\"}", -1, NULL},
    {"{\"type\":\"say\",\"text\":\"\\u0000\"}", -1, NULL},
    {"{\"type\":\"say\",\"text\":\"\\ud83d\"}", -1, NULL},
    {"{\"type\":\"say\",\"text\":\"\xff\"}", -1, NULL},
    {"{\"a\":[[[[[[[[[]]]]]]]]]}", -1, NULL},
};

START_TEST(test_requests)
{
    struct cr_request request;
    const char *reason = NULL;
    int error = cr_request_read(requests[_i].sent, strlen(requests[_i].sent), &request, &reason);
    if (requests[_i].kind < 0) {
        ck_assert_msg(error == -EINVAL, "understood: %s", requests[_i].sent);
        ck_assert_ptr_nonnull(reason);
        return;
    }
    ck_assert_msg(error == 0, "%s: %s", requests[_i].sent, reason);
    ck_assert_int_eq((int)request.kind, requests[_i].kind);
    ck_assert_str_eq(request.text, requests[_i].text);
    ck_assert_uint_eq(request.size, strlen(requests[_i].text));
    cr_request_fini(&request);
}
END_TEST

/* What would take the parser far down the stack must not get to it, wherever quotes stand. */
START_TEST(test_deep)
{
    static const char *const beginnings[] = {"", "{\"a\":", "{\"a\\\"\":", "{\"\\\\\":"};
    char sent[24000 + 16];
    struct cr_request request;
    const char *reason;
    size_t size = strlen(beginnings[_i]);
    memcpy(sent, beginnings[_i], size);
    memset(sent + size, '[', 24000);
    ck_assert_int_eq(cr_request_read(sent, size + 24000, &request, &reason), -EINVAL);
    ck_assert_str_eq(reason, "that was nested too deeply to be a request");
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("request");
    TCase *cases = tcase_create("request");
    tcase_add_loop_test(cases, test_requests, 0, (int)(sizeof requests / sizeof requests[0]));
    tcase_add_loop_test(cases, test_deep, 0, 4);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
