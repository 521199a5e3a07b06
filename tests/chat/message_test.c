/* tests/chat/message_test.c: what each kind of message looks like by line and on the web. */
#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/websocket.h"
#include "servers/chat/message.h"

#define BOTH (1u << CR_MESSAGE_LINE | 1u << CR_MESSAGE_WEB)

static const char *const present[] = {"ann", "bob"};

static const struct {
    struct cr_message_facts facts;
    const char *line, *json;
} samples[] = {
    {{.kind = CR_MESSAGE_CAME, .at = 5, .name = "ann"},
     "* ann came in\n",
     "{\"type\":\"came\",\"at\":5,\"name\":\"ann\"}"},
    {{.kind = CR_MESSAGE_LEFT, .at = 5, .name = "ann"},
     "* ann left\n",
     "{\"type\":\"left\",\"at\":5,\"name\":\"ann\"}"},
    {{.kind = CR_MESSAGE_SAID, .at = 5, .name = "ann", .text = "say \"%s\" \\ <b>"},
     "ann: say \"%s\" \\ <b>\n",
     "{\"type\":\"said\",\"at\":5,\"name\":\"ann\",\"text\":\"say \\\"%s\\\" \\\\ <b>\"}"},
    {{.kind = CR_MESSAGE_ADMINISTRATOR, .at = 5, .text = "lunch"},
     "* administrator: lunch\n",
     "{\"type\":\"administrator\",\"at\":5,\"text\":\"lunch\"}"},
    {{.kind = CR_MESSAGE_CLOSING, .at = 5, .text = "bye"},
     "* bye\n",
     "{\"type\":\"closing\",\"at\":5,\"text\":\"bye\"}"},
    {{.kind = CR_MESSAGE_NOTICE, .at = 5, .text = "no"}, "* no\n", "{\"type\":\"notice\",\"at\":5,\"text\":\"no\"}"},
    {{.kind = CR_MESSAGE_REFUSED, .at = 5, .text = "no"},
     "* no\nname? ",
     "{\"type\":\"refused\",\"at\":5,\"reason\":\"no\"}"},
    {{.kind = CR_MESSAGE_WELCOME, .at = 5, .name = "ann", .members = present, .member_count = 2},
     "* welcome, ann; 2 here: ann, bob\n",
     "{\"type\":\"welcome\",\"at\":5,\"name\":\"ann\",\"members\":[\"ann\",\"bob\"]}"},
    {{.kind = CR_MESSAGE_WELCOME, .at = 5, .name = "ann", .members = present, .member_count = 1},
     "* welcome, ann; 1 here: ann\n",
     "{\"type\":\"welcome\",\"at\":5,\"name\":\"ann\",\"members\":[\"ann\"]}"},
};

/* The frame's payload as text; it must be one whole text frame. The caller frees it. */
static char *
unframe(const struct cr_message_bytes *form)
{
    struct cr_websocket_rules rules = {.message_limit = 1 << 24, .from_server = true, .text_only = true};
    struct cr_websocket_parser parser;
    struct cr_websocket_event event;
    uint8_t *bytes = malloc(form->size);
    char *text = calloc(1, form->size + 1);
    size_t used = 0, size = 0;
    memcpy(bytes, form->bytes, form->size);
    cr_websocket_parser_init(&parser, &rules);
    do {
        used += cr_websocket_parse(&parser, bytes + used, form->size - used, &event);
        if (event.type != CR_WEBSOCKET_DATA)
            continue;
        memcpy(text + size, event.bytes, event.size);
        size += event.size;
    } while (event.type == CR_WEBSOCKET_DATA);
    ck_assert_int_eq(event.type, CR_WEBSOCKET_MORE);
    ck_assert(!cr_websocket_parser_is_inside(&parser));
    ck_assert_uint_eq(used, form->size);
    free(bytes);
    return text;
}

START_TEST(test_renderings)
{
    struct cr_message *message = cr_message_new(&samples[_i].facts, BOTH);
    ck_assert_ptr_nonnull(message);
    const struct cr_message_bytes *line = &message->forms[CR_MESSAGE_LINE];
    ck_assert_uint_eq(line->size, strlen(samples[_i].line));
    ck_assert_mem_eq(line->bytes, samples[_i].line, line->size);
    char *text = unframe(&message->forms[CR_MESSAGE_WEB]);
    json_t *is = json_loads(text, 0, NULL), *should = json_loads(samples[_i].json, 0, NULL);
    ck_assert_ptr_nonnull(should);
    ck_assert_msg(json_equal(is, should), "%s is not %s", text, samples[_i].json);
    json_decref(is);
    json_decref(should);
    free(text);
    cr_message_drop(message, 1);
}
END_TEST

START_TEST(test_only_what_is_asked_for)
{
    struct cr_message *message = cr_message_new(&samples[0].facts, 1u << CR_MESSAGE_LINE);
    ck_assert_ptr_nonnull(message->forms[CR_MESSAGE_LINE].bytes);
    ck_assert_ptr_null(message->forms[CR_MESSAGE_WEB].bytes);
    cr_message_drop(message, 1);
}
END_TEST

/* A size around each of the frame header's three lengths. */
static const size_t sizes[] = {0, 40, 80, 100, 125, 126, 4096, 65500, 65536, 100000};

START_TEST(test_frames_of_all_sizes)
{
    char *said = calloc(1, sizes[_i] + 1);
    memset(said, 'x', sizes[_i]);
    struct cr_message_facts facts = {.kind = CR_MESSAGE_SAID, .name = "ann", .text = said};
    struct cr_message *message = cr_message_new(&facts, BOTH);
    char *text = unframe(&message->forms[CR_MESSAGE_WEB]);
    json_t *json = json_loads(text, 0, NULL);
    ck_assert_str_eq(json_string_value(json_object_get(json, "text")), said);
    json_decref(json);
    free(text);
    free(said);
    cr_message_drop(message, 1);
}
END_TEST

START_TEST(test_a_crowd_is_cut_by_line_only)
{
    enum { CROWD = 5000 };
    static const char *names[CROWD];
    static char texts[CROWD][8];
    for (int i = 0; i < CROWD; i++) {
        snprintf(texts[i], sizeof texts[i], "m%04d", i);
        names[i] = texts[i];
    }
    struct cr_message_facts facts = {
        .kind = CR_MESSAGE_WELCOME, .name = "m0000", .members = names, .member_count = CROWD};
    struct cr_message *message = cr_message_new(&facts, BOTH);
    const struct cr_message_bytes *line = &message->forms[CR_MESSAGE_LINE];
    static const char end[] = ", m0099 and 4900 more\n";
    ck_assert_mem_eq(line->bytes + line->size - strlen(end), end, strlen(end));
    char *text = unframe(&message->forms[CR_MESSAGE_WEB]);
    json_t *json = json_loads(text, 0, NULL);
    ck_assert_uint_eq(json_array_size(json_object_get(json, "members")), CROWD);
    json_decref(json);
    free(text);
    cr_message_drop(message, 1);
}
END_TEST

START_TEST(test_holds)
{
    struct cr_message *message = cr_message_new(&samples[0].facts, BOTH);
    cr_message_hold(message, 1000);
    cr_message_drop(message, 999);
    cr_message_drop(message, 0);
    cr_message_drop(message, 1);
    ck_assert_int_eq(message->kind, CR_MESSAGE_CAME);
    cr_message_drop(message, 1); /* a sanitizer would tell of a leak, or of one too many */
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("message");
    TCase *cases = tcase_create("message");
    tcase_add_loop_test(cases, test_renderings, 0, (int)(sizeof samples / sizeof samples[0]));
    tcase_add_test(cases, test_only_what_is_asked_for);
    tcase_add_loop_test(cases, test_frames_of_all_sizes, 0, (int)(sizeof sizes / sizeof sizes[0]));
    tcase_add_test(cases, test_a_crowd_is_cut_by_line_only);
    tcase_add_test(cases, test_holds);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
