/* tests/chat/hub_test.c: a whole hub in this process, on ports the kernel chose. */
#include "servers/hub/hub.h"

#include <check.h>
#include <coir/log.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/chat/guest.h"
#include "tests/chat/web_guest.h"
#include "tests/core/core.h"

struct running {
    struct cr_hub_options options;
    struct coir_event ready, stop;
    struct coir_task *task;
    char chat[COIR_ADDRESS_TEXT], web[COIR_ADDRESS_TEXT];
};

static void
note_addresses(const struct coir_address addresses[CR_HUB_DOORS], void *arg)
{
    struct running *hub = arg;
    coir_address_text(&addresses[CR_HUB_DOOR_CHAT], hub->chat, sizeof hub->chat);
    coir_address_text(&addresses[CR_HUB_DOOR_WEB], hub->web, sizeof hub->web);
    coir_event_set(&hub->ready);
}

static int
run(void *arg)
{
    struct running *hub = arg;
    return cr_hub_run(&hub->options);
}

/* Options that are set in hub->options already are kept. */
static void
start(struct running *hub)
{
    coir_event_init(&hub->ready);
    coir_event_init(&hub->stop);
    hub->options.addresses[CR_HUB_DOOR_CHAT] = "127.0.0.1:0";
    hub->options.addresses[CR_HUB_DOOR_WEB] = "127.0.0.1:0";
    hub->options.stop = &hub->stop;
    hub->options.ready = note_addresses;
    hub->options.ready_arg = hub;
    ck_assert_int_eq(coir_go(run, hub, NULL, &hub->task), 0);
    ck_assert_int_eq(coir_event_wait(&hub->ready, coir_after(CR_GUEST_PATIENCE * COIR_SECOND)), 0);
}

static int
result_of(struct running *hub)
{
    int result;
    ck_assert_int_eq(coir_join(hub->task, &result, coir_after(CR_GUEST_PATIENCE * COIR_SECOND)), 0);
    return result;
}

static int
stop(struct running *hub)
{
    coir_event_set(&hub->stop);
    return result_of(hub);
}

static void
enter(struct cr_guest *guest, struct running *hub, const char *name, const char *welcome)
{
    cr_guest_dial(guest, hub->chat);
    cr_guest_expect_bytes(guest, "name? ");
    cr_guest_send(guest, name);
    cr_guest_send(guest, "\n");
    cr_guest_expect(guest, welcome);
}

static void
enter_by_web(struct cr_web_guest *guest, struct running *hub, const char *name)
{
    char text[128];
    ck_assert_int_eq(cr_web_guest_open(guest, hub->web, ""), 101);
    snprintf(text, sizeof text, "{\"type\":\"enter\",\"name\":\"%s\"}", name);
    cr_web_guest_send(guest, text);
    cr_web_guest_expect(guest, "welcome", "name", name);
}

static int
lines_and_web_in_one_room(void *arg)
{
    static struct cr_web_guest bob;
    struct running hub = {.options = {.grace = 0}};
    struct cr_guest ann;
    (void)arg;
    start(&hub);
    enter(&ann, &hub, "ann", "* welcome, ann; 1 here: ann");
    ck_assert_int_eq(cr_web_guest_open(&bob, hub.web, ""), 101);
    cr_web_guest_send(&bob, "{\"type\":\"say\",\"text\":\"too early\"}");
    cr_web_guest_expect(&bob, "refused", "reason", "enter with a name first");
    cr_web_guest_send(&bob, "{\"type\":\"enter\",\"name\":\"ANN\"}");
    cr_web_guest_expect(&bob, "refused", "reason", "that name is taken; choose another");
    cr_web_guest_send(&bob, "{\"type\":\"enter\",\"name\":\" bob \"}");
    json_t *welcome = cr_web_guest_next(&bob, "welcome", "name", "bob");
    json_t *members = json_object_get(welcome, "members");
    ck_assert_uint_eq(json_array_size(members), 2);
    ck_assert_str_eq(json_string_value(json_array_get(members, 0)), "ann");
    ck_assert_str_eq(json_string_value(json_array_get(members, 1)), "bob");
    json_decref(welcome);
    cr_guest_expect(&ann, "* bob came in");
    cr_web_guest_send(&bob, "{\"type\":\"say\",\"text\":\"<b>h\\u00e9</b>\"}");
    cr_web_guest_expect(&bob, "said", "text", "<b>h\xC3\xA9</b>"); /* he hears himself */
    cr_guest_expect(&ann, "bob: <b>h\xC3\xA9</b>");
    cr_guest_send(&ann, "hi \"bob\"\n");
    cr_web_guest_expect(&bob, "said", "text", "hi \"bob\"");
    cr_web_guest_send(&bob, "{\"type\":\"enter\",\"name\":\"bob2\"}");
    cr_web_guest_expect(&bob, "notice", "text", "you are in already");
    cr_web_guest_send(&bob, "{\"type\":\"say\",\"text\":\"two\\nlines\"}");
    cr_web_guest_expect(&bob, "notice", "text", "that had control characters in it; nobody heard it");
    cr_web_guest_send_frame(&bob, CR_WEBSOCKET_TEXT, false, "{\"type\":\"say\",");
    cr_web_guest_send_frame(&bob, CR_WEBSOCKET_CONTINUATION, true, "\"text\":\"in pieces\"}");
    cr_web_guest_expect(&bob, "said", "text", "in pieces");
    cr_guest_expect(&ann, "bob: in pieces");
    cr_guest_leave(&ann);
    cr_web_guest_expect(&bob, "left", "name", "ann");
    cr_web_guest_leave(&bob);
    ck_assert_int_eq(stop(&hub), 0);
    return 0;
}

static int
told_of_the_end(void *arg)
{
    static struct cr_web_guest bob, visitor;
    struct running hub = {.options = {.grace = COIR_MINUTE}}; /* nobody may need it */
    struct cr_guest ann, unnamed;
    (void)arg;
    start(&hub);
    enter(&ann, &hub, "ann", "* welcome, ann; 1 here: ann");
    enter_by_web(&bob, &hub, "bob");
    cr_guest_expect(&ann, "* bob came in");
    cr_guest_dial(&unnamed, hub.chat);
    cr_guest_expect_bytes(&unnamed, "name? ");
    ck_assert_int_eq(cr_web_guest_open(&visitor, hub.web, ""), 101);
    cr_web_guest_send(&visitor, "{}");
    cr_web_guest_expect(&visitor, "refused", NULL, NULL);
    coir_event_set(&hub.stop);
    cr_guest_expect(&ann, "* the hub is stopping");
    cr_guest_expect_end(&ann);
    cr_guest_expect(&unnamed, "* the hub is stopping");
    cr_guest_expect_end(&unnamed);
    cr_web_guest_expect(&bob, "closing", "text", "the hub is stopping");
    cr_web_guest_expect_close(&bob, CR_WEBSOCKET_GOING_AWAY);
    cr_web_guest_expect(&visitor, "closing", "text", "the hub is stopping");
    cr_web_guest_expect_close(&visitor, CR_WEBSOCKET_GOING_AWAY);
    cr_web_guest_leave(&bob);
    cr_web_guest_leave(&visitor);
    ck_assert_int_eq(result_of(&hub), 0);
    cr_guest_leave(&ann);
    cr_guest_leave(&unnamed);
    return 0;
}

static int
stuck_at_the_end(void *arg)
{
    static char line[4098];
    struct running hub = {.options = {.grace = 200 * COIR_MS, .queue = 4096}};
    struct cr_guest ann, stuck;
    (void)arg;
    memset(line, 'x', sizeof line - 2);
    strcpy(line + 4096, "\n");
    start(&hub);
    enter(&stuck, &hub, "stuck", "* welcome, stuck; 1 here: stuck");
    enter(&ann, &hub, "ann", "* welcome, ann; 2 here: ann, stuck");
    for (int i = 0; i < 3000; i++) /* more than the kernel takes for him, less than his queue does */
        cr_guest_send(&ann, line);
    cr_guest_send(&ann, "\x07\n");
    cr_guest_expect(&ann, "* that had control characters in it; nobody heard it"); /* all before it has been said */
    ck_assert_int_eq(stop(&hub), 0);
    cr_guest_leave(&ann);
    cr_guest_leave(&stuck);
    return 0;
}

static int
administrator(void *arg)
{
    struct coir_stream *ends[2];
    struct cr_guest ann;
    (void)arg;
    ck_assert_int_eq(coir_stream_pair(ends), 0);
    struct running hub = {.options = {.input = ends[0]}};
    start(&hub);
    enter(&ann, &hub, "ann", "* welcome, ann; 1 here: ann");
    ck_assert_int_eq(coir_stream_print(ends[1], COIR_NEVER, "lunch\r\n\x01\n\nsoon\n"), 0);
    coir_stream_close(ends[1]); /* its end ends nothing */
    cr_guest_expect(&ann, "* administrator: lunch");
    cr_guest_expect(&ann, "* administrator: soon");
    ck_assert_int_eq(stop(&hub), 0);
    cr_guest_expect(&ann, "* the hub is stopping");
    cr_guest_leave(&ann);
    coir_stream_close(ends[0]);
    return 0;
}

static int
taken_port(void *arg)
{
    struct running hub = {.options = {.grace = 0}};
    (void)arg;
    start(&hub);
    struct cr_hub_options second = {.addresses = {"127.0.0.1:0", hub.web}};
    coir_log_set_level((enum coir_log_level)0);
    ck_assert_int_eq(cr_hub_run(&second), -EADDRINUSE);
    second = (struct cr_hub_options){.addresses = {hub.chat, "127.0.0.1:0"}};
    ck_assert_int_eq(cr_hub_run(&second), -EADDRINUSE);
    ck_assert_int_eq(stop(&hub), 0);
    return 0;
}

static int
limits_of_connections(void *arg)
{
    struct running hub = {.options = {.connections = 3, .connections_per_host = 2}};
    struct cr_guest guests[2], third;
    (void)arg;
    start(&hub);
    for (int i = 0; i < 2; i++) {
        cr_guest_dial(&guests[i], hub.chat);
        cr_guest_expect_bytes(&guests[i], "name? ");
    }
    cr_guest_dial(&third, hub.chat);
    cr_guest_expect(&third, "* too many connections; try again later");
    cr_guest_expect_end(&third);
    cr_guest_leave(&third);
    cr_guest_dial(&third, hub.web);
    cr_guest_expect(&third, "HTTP/1.1 503 Service Unavailable");
    cr_guest_leave(&third);
    cr_guest_half_close(&guests[0]);
    cr_guest_expect_end(&guests[0]);
    cr_guest_leave(&guests[0]);
    for (;;) { /* his session has ended for him; until it has for the hub, the place is taken */
        char line[64];
        cr_guest_dial(&third, hub.chat);
        ck_assert_int_eq(coir_stream_read_full(third.near, line, 6, coir_after(CR_GUEST_PATIENCE * COIR_SECOND)), 6);
        if (memcmp(line, "name? ", 6) == 0)
            break;
        cr_guest_leave(&third);
    }
    cr_guest_leave(&third);
    cr_guest_leave(&guests[1]);
    ck_assert_int_eq(stop(&hub), 0);
    return 0;
}

/* What breaks the rules of the web door, and how it is told. */
static const struct {
    unsigned opcode;
    const char *bytes;
    int code;
} breaches[] = {
    {CR_WEBSOCKET_BINARY, "{}", CR_WEBSOCKET_UNSUPPORTED},
    {CR_WEBSOCKET_TEXT, "\xff", CR_WEBSOCKET_BAD_TEXT},
    {CR_WEBSOCKET_CONTINUATION, "x", CR_WEBSOCKET_PROTOCOL_ERROR},
    {CR_WEBSOCKET_OP_CLOSE,
     "\x03\xe8"
     "bye",
     CR_WEBSOCKET_NORMAL},
};

static int
breaches_by_web(void *arg)
{
    static struct cr_web_guest bob;
    struct running hub = {.options = {.grace = 0}};
    struct cr_guest ann;
    (void)arg;
    start(&hub);
    enter(&ann, &hub, "ann", "* welcome, ann; 1 here: ann");
    for (size_t i = 0; i < sizeof breaches / sizeof breaches[0]; i++) {
        enter_by_web(&bob, &hub, "bob");
        cr_web_guest_send_frame(&bob, breaches[i].opcode, true, breaches[i].bytes);
        cr_web_guest_expect_close(&bob, breaches[i].code);
        cr_web_guest_leave(&bob);
        cr_guest_expect(&ann, "* bob came in");
        cr_guest_expect(&ann, "* bob left");
    }
    cr_guest_leave(&ann);
    ck_assert_int_eq(stop(&hub), 0);
    return 0;
}

static int
long_by_web(void *arg)
{
    static struct cr_web_guest bob;
    static char text[40000];
    struct running hub = {.options = {.grace = 0}};
    (void)arg;
    start(&hub);
    enter_by_web(&bob, &hub, "bob");
    strcpy(text, "{\"type\":\"say\",\"text\":\"");
    size_t size = strlen(text);
    memset(text + size, 'x', 4097);
    strcpy(text + size + 4097, "\"}");
    cr_web_guest_send(&bob, text);
    cr_web_guest_expect(&bob, "notice", "text", "that was longer than 4096 bytes; nobody heard it");
    memset(text, '[', 20000);
    text[20000] = '\0';
    cr_web_guest_send(&bob, text);
    cr_web_guest_expect(&bob, "notice", "text", "that was nested too deeply to be a request");
    memset(text, ' ', 30000);
    text[30000] = '\0';
    cr_web_guest_send(&bob, text);
    cr_web_guest_expect_close(&bob, CR_WEBSOCKET_TOO_BIG);
    cr_web_guest_leave(&bob);
    ck_assert_int_eq(stop(&hub), 0);
    return 0;
}

static int
foreign_origin(void *arg)
{
    static struct cr_web_guest bob;
    struct running hub = {.options = {.grace = 0}};
    (void)arg;
    start(&hub);
    ck_assert_int_eq(cr_web_guest_open(&bob, hub.web, "Origin: http://evil.example\r\n"), 403);
    cr_web_guest_leave(&bob);
    ck_assert_int_eq(cr_web_guest_open(&bob, hub.web, "Origin: http://hub\r\n"), 101);
    cr_web_guest_leave(&bob);
    ck_assert_int_eq(stop(&hub), 0);
    return 0;
}

static int
no_name_by_web(void *arg)
{
    static struct cr_web_guest bob;
    struct running hub = {.options = {.name_time = 20 * COIR_MS}};
    (void)arg;
    start(&hub);
    ck_assert_int_eq(cr_web_guest_open(&bob, hub.web, ""), 101);
    cr_web_guest_expect_close(&bob, CR_WEBSOCKET_POLICY);
    cr_web_guest_leave(&bob);
    ck_assert_int_eq(stop(&hub), 0);
    return 0;
}

static int
canceled(void *arg)
{
    struct running hub = {.options = {.grace = 0}};
    struct cr_guest ann;
    (void)arg;
    start(&hub);
    enter(&ann, &hub, "ann", "* welcome, ann; 1 here: ann");
    coir_cancel(hub.task);
    cr_guest_expect(&ann, "* the hub is stopping");
    cr_guest_expect_end(&ann);
    ck_assert_int_eq(result_of(&hub), -ECANCELED);
    cr_guest_leave(&ann);
    return 0;
}

static coir_function *const bodies[] = {
    lines_and_web_in_one_room, told_of_the_end, stuck_at_the_end, administrator,  taken_port, limits_of_connections,
    breaches_by_web,           long_by_web,     foreign_origin,   no_name_by_web, canceled,
};

START_TEST(test_bodies)
{
    cr_guest_run(bodies[_i]);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("hub");
    TCase *cases = tcase_create("hub");
    tcase_add_loop_test(cases, test_bodies, 0, (int)(sizeof bodies / sizeof bodies[0]));
    suite_add_tcase(suite, cases);
    return core_run_suite(suite);
}
