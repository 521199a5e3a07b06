/* tests/chat/line_member_test.c: conversations of line clients with a room. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "servers/chat/line_member.h"
#include "tests/chat/guest.h"
#include "tests/core/core.h"

static int
hello_and_farewell(void *arg)
{
    struct cr_room *room = cr_room_new(NULL);
    struct cr_guest ann, bob;
    (void)arg;
    cr_guest_connect(&ann, room, COIR_MINUTE);
    cr_guest_expect_bytes(&ann, "name? ");
    cr_guest_send(&ann, "ann\n");
    cr_guest_expect(&ann, "* welcome, ann; 1 here: ann");
    cr_guest_connect(&bob, room, COIR_MINUTE);
    cr_guest_expect_bytes(&bob, "name? ");
    cr_guest_send(&bob, "bob\r\n");
    cr_guest_expect(&bob, "* welcome, bob; 2 here: ann, bob");
    cr_guest_expect(&ann, "* bob came in");
    cr_guest_send(&bob, "hello\r\n");
    cr_guest_expect(&ann, "bob: hello");
    cr_guest_send(&ann, "hello yourself\n");
    cr_guest_expect(&bob, "ann: hello yourself"); /* and not his own hello */
    ck_assert_int_eq(cr_guest_leave(&bob), 0);
    cr_guest_expect(&ann, "* bob left");
    ck_assert_uint_eq(cr_room_size(room), 1);
    ck_assert_int_eq(cr_guest_leave(&ann), 0);
    ck_assert_uint_eq(cr_room_size(room), 0);
    cr_room_free(room);
    return 0;
}

static int
refused_names(void *arg)
{
    static const struct {
        const char *name, *answer;
    } names[] = {
        {"\n", "* a name has at least one character"},
        {"two words\n", "* a name has visible characters only, and no blanks"},
        {"\xFF\n", "* that is not UTF-8 text"},
        {"abcdefghijklmnopqrstuvwxy\n", "* a name has at most 24 characters"},
        {"ANN\n", "* that name is taken; choose another"},
        {"Administrator\n", "* that name is the administrator's"},
    };
    struct cr_room *room = cr_room_new(NULL);
    struct cr_guest ann, bob;
    char long_line[10002];
    (void)arg;
    cr_guest_enter(&ann, room, "ann");
    cr_guest_connect(&bob, room, COIR_MINUTE);
    cr_guest_expect_bytes(&bob, "name? ");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        cr_guest_send(&bob, names[i].name);
        cr_guest_expect(&bob, names[i].answer);
        cr_guest_expect_bytes(&bob, "name? ");
    }
    memset(long_line, 'b', 10000);
    strcpy(long_line + 10000, "\n");
    cr_guest_send(&bob, long_line);
    cr_guest_expect(&bob, "* a name has at most 24 characters");
    cr_guest_expect_bytes(&bob, "name? ");
    cr_guest_send(&bob, "bob\n");
    cr_guest_expect(&bob, "* welcome, bob; 2 here: ann, bob");
    cr_guest_expect(&ann, "* bob came in"); /* the first she hears of it */
    cr_guest_leave(&ann);
    cr_guest_leave(&bob);
    cr_room_free(room);
    return 0;
}

static int
refused_lines(void *arg)
{
    char longest[4098], too_long[4099];
    struct cr_room *room = cr_room_new(NULL);
    struct cr_guest ann, bob;
    (void)arg;
    cr_guest_enter(&ann, room, "ann");
    cr_guest_enter(&bob, room, "bob");
    cr_guest_expect(&ann, "* bob came in");
    memset(too_long, 'x', sizeof too_long);
    strcpy(too_long + 4097, "\n");
    cr_guest_send(&bob, too_long);
    cr_guest_expect(&bob, "* that was longer than 4096 bytes; nobody heard it");
    cr_guest_send(&bob, "bell\x07\n");
    cr_guest_expect(&bob, "* that had control characters in it; nobody heard it");
    cr_guest_send(&bob, "\x1b[2J\n");
    cr_guest_expect(&bob, "* that had control characters in it; nobody heard it");
    cr_guest_send(&bob, "na\xC3\n");
    cr_guest_expect(&bob, "* that was not UTF-8 text; nobody heard it");
    cr_guest_send(&bob, "\n\r\n\n");
    memset(longest, 'y', sizeof longest);
    strcpy(longest + 4096, "\n");
    cr_guest_send(&bob, longest);
    longest[4096] = '\0';
    char expected[5 + sizeof longest];
    snprintf(expected, sizeof expected, "bob: %s", longest);
    cr_guest_expect(&ann, expected); /* and nothing before it */
    cr_guest_leave(&ann);
    cr_guest_leave(&bob);
    cr_room_free(room);
    return 0;
}

static int
byte_by_byte(void *arg)
{
    static const char said[] = "b\xC3\xBC\r\nhel\r\r\nlo\n";
    struct cr_room *room = cr_room_new(NULL);
    struct cr_guest ann, bob;
    (void)arg;
    cr_guest_enter(&ann, room, "ann");
    cr_guest_connect(&bob, room, COIR_MINUTE);
    for (const char *byte = said; *byte; byte++) {
        cr_guest_send(&bob, (char[]){*byte, '\0'});
        coir_yield();
    }
    cr_guest_expect(&ann, "* b\xC3\xBC came in");
    cr_guest_expect(&ann, "b\xC3\xBC: lo"); /* a CR inside a line is a control character */
    cr_guest_leave(&ann);
    cr_guest_leave(&bob);
    cr_room_free(room);
    return 0;
}

static int
half_close(void *arg)
{
    struct cr_room *room = cr_room_new(NULL);
    struct cr_guest ann, bob;
    (void)arg;
    cr_guest_enter(&ann, room, "ann");
    cr_guest_connect(&bob, room, COIR_MINUTE);
    cr_guest_send(&bob, "bob\nhello\nlast without LF");
    cr_guest_half_close(&bob);
    cr_guest_expect(&ann, "* bob came in");
    cr_guest_expect(&ann, "bob: hello");
    cr_guest_expect(&ann, "bob: last without LF");
    cr_guest_expect(&ann, "* bob left");
    cr_guest_expect_bytes(&bob, "name? ");
    cr_guest_expect(&bob, "* welcome, bob; 2 here: ann, bob");
    cr_guest_expect_end(&bob);
    ck_assert_int_eq(cr_guest_leave(&bob), 0);
    cr_guest_leave(&ann);
    cr_room_free(room);
    return 0;
}

static int
no_name_in_time(void *arg)
{
    struct cr_room *room = cr_room_new(NULL);
    struct cr_guest bob;
    (void)arg;
    cr_guest_connect(&bob, room, 20 * COIR_MS);
    cr_guest_expect_bytes(&bob, "name? ");
    cr_guest_expect(&bob, "* no name in time; good-bye");
    cr_guest_expect_end(&bob);
    ck_assert_int_eq(cr_guest_leave(&bob), -ETIMEDOUT);
    cr_room_free(room);
    return 0;
}

static int
too_many_names(void *arg)
{
    struct cr_room *room = cr_room_new(NULL);
    struct cr_guest bob;
    (void)arg;
    cr_guest_connect(&bob, room, COIR_MINUTE);
    cr_guest_expect_bytes(&bob, "name? ");
    for (int i = 0; i < CR_LINE_MEMBER_ATTEMPTS; i++) {
        cr_guest_send(&bob, "\n");
        cr_guest_expect(&bob, "* a name has at least one character");
        cr_guest_expect_bytes(&bob, "name? ");
    }
    cr_guest_expect(&bob, "* too many attempts; good-bye");
    cr_guest_expect_end(&bob);
    cr_guest_leave(&bob);
    cr_room_free(room);
    return 0;
}

static int
gone_before_naming_himself(void *arg)
{
    struct cr_room *room = cr_room_new(NULL);
    struct cr_guest ann, bob;
    (void)arg;
    cr_guest_enter(&ann, room, "ann");
    cr_guest_connect(&bob, room, COIR_MINUTE);
    cr_guest_expect_bytes(&bob, "name? ");
    ck_assert_int_eq(cr_guest_leave(&bob), 0);
    cr_guest_connect(&bob, room, COIR_MINUTE);
    int result = cr_guest_leave(&bob); /* perhaps before the question could be written, or with it unread */
    ck_assert(result == 0 || result == -ECONNRESET);
    cr_guest_half_close(&ann);
    cr_guest_expect_end(&ann); /* she heard of nobody */
    cr_guest_leave(&ann);
    cr_room_free(room);
    return 0;
}

static int
room_closes(void *arg)
{
    struct cr_room *room = cr_room_new(NULL);
    struct cr_guest ann, visitor, late;
    (void)arg;
    cr_guest_enter(&ann, room, "ann");
    cr_guest_connect(&visitor, room, COIR_MINUTE);
    cr_guest_expect_bytes(&visitor, "name? ");
    cr_room_close(room, "the hub is stopping");
    cr_guest_expect(&ann, "* the hub is stopping");
    cr_guest_expect_end(&ann);
    cr_guest_expect(&visitor, "* the hub is stopping");
    cr_guest_expect_end(&visitor);
    ck_assert_int_eq(cr_guest_leave(&ann), 0);
    ck_assert_int_eq(cr_guest_leave(&visitor), 0);
    cr_guest_connect(&late, room, COIR_MINUTE);
    cr_guest_expect_end(&late);
    ck_assert_int_eq(cr_guest_leave(&late), 0);
    cr_room_free(room);
    return 0;
}

static coir_function *const conversations[] = {
    hello_and_farewell,         refused_names, refused_lines, byte_by_byte, half_close, no_name_in_time, too_many_names,
    gone_before_naming_himself, room_closes,
};

START_TEST(test_conversations)
{
    cr_guest_run(conversations[_i]);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("line_member");
    TCase *cases = tcase_create("line_member");
    tcase_add_loop_test(cases, test_conversations, 0, (int)(sizeof conversations / sizeof conversations[0]));
    suite_add_tcase(suite, cases);
    return core_run_suite(suite);
}
