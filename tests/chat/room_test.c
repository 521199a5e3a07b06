/* tests/chat/room_test.c: one order, bounded queues, and nobody who reads loses his place. */
#include <check.h>
#include <coir/scope.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "servers/chat/room.h"
#include "tests/chat/guest.h"
#include "tests/core/core.h"

/* A member without tasks: the test looks into his queue itself. */
struct dummy {
    struct cr_member member;
    struct coir_stream *ends[2];
};

static void
come(struct dummy *dummy, struct cr_room *room, const char *name)
{
    const char *reason = "";
    ck_assert_int_eq(coir_stream_pair(dummy->ends), 0);
    ck_assert_int_eq(cr_member_init(&dummy->member, dummy->ends[0], CR_MESSAGE_LINE, false, cr_room_queue(room)), 0);
    ck_assert_int_eq(cr_room_arrive(room, &dummy->member), 0);
    int error = cr_room_enter(room, &dummy->member, name, strlen(name), &reason);
    ck_assert_msg(error == 0, "%s: %s", name, reason);
}

static void
go(struct dummy *dummy, struct cr_room *room)
{
    cr_room_leave(room, &dummy->member);
    cr_member_fini(&dummy->member);
    coir_stream_close(dummy->ends[0]);
    coir_stream_close(dummy->ends[1]);
}

static void
expect(struct dummy *dummy, const char *line)
{
    struct cr_message *message;
    int error = coir_queue_get(dummy->member.queue, &message, COIR_NOW);
    ck_assert_msg(error == 0, "%s was expected, but his queue answered %d", line, error);
    ck_assert_uint_eq(message->forms[CR_MESSAGE_LINE].size, strlen(line));
    ck_assert_mem_eq(message->forms[CR_MESSAGE_LINE].bytes, line, strlen(line));
    cr_message_drop(message, 1);
}

static void
expect_nothing(struct dummy *dummy)
{
    ck_assert_uint_eq(coir_queue_size(dummy->member.queue), 0);
}

static void
say(struct dummy *dummy, struct cr_room *room, const char *text)
{
    const char *reason = "";
    int error = cr_room_say(room, &dummy->member, text, strlen(text), &reason);
    ck_assert_msg(error == 0, "%s: %s", text, reason);
}

static int
who_hears_what(void *arg)
{
    struct cr_room *room = cr_room_new(NULL);
    struct dummy ann, bob;
    const char *reason;
    (void)arg;
    come(&bob, room, "bob");
    come(&ann, room, "ann");
    expect(&bob, "* welcome, bob; 1 here: bob\n");
    expect(&bob, "* ann came in\n");
    expect(&ann, "* welcome, ann; 2 here: ann, bob\n");
    say(&ann, room, "hello");
    say(&ann, room, "");
    expect(&bob, "ann: hello\n");
    ann.member.hears_himself = true;
    say(&ann, room, "again");
    expect(&bob, "ann: again\n");
    expect(&ann, "ann: again\n");
    ck_assert_int_eq(cr_room_say_as_administrator(room, "lunch", 5, &reason), 0);
    expect(&ann, "* administrator: lunch\n");
    expect(&bob, "* administrator: lunch\n");
    go(&ann, room);
    expect(&bob, "* ann left\n");
    expect_nothing(&bob);
    go(&bob, room);
    cr_room_free(room);
    return 0;
}

static int
texts(void *arg)
{
    static char too_long[CR_ROOM_TEXT_LIMIT + 2];
    static const struct {
        const char *text;
        int error;
    } samples[] = {
        {"hello", 0},
        {"\xC3\xA4\xC3\xB6 \xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x9A\x80 \xE2\x9D\xA4\xEF\xB8\x8F", 0},
        {"", 0},
        {too_long, -EMSGSIZE},
        {too_long + 1, 0},
        {"\x01", -EINVAL},
        {"\x7F", -EINVAL},
        {"\xC2\x85", -EINVAL}, /* C1: next line */
        {"a\nb", -EINVAL},
        {"a\xE2\x80\xA8"
         "b",
         -EINVAL}, /* line separator */
        {"\x80", -EILSEQ},
        {"\xF4\x90\x80\x80", -EILSEQ}, /* beyond U+10FFFF */
    };
    (void)arg;
    memset(too_long, 'x', CR_ROOM_TEXT_LIMIT + 1);
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        const char *reason = NULL;
        int error = cr_room_check_text(samples[i].text, strlen(samples[i].text), &reason);
        ck_assert_msg(error == samples[i].error, "sample %zu: %d", i, error);
        ck_assert_int_eq(!error, !reason);
    }
    return 0;
}

static int
names_are_unique_and_come_free(void *arg)
{
    struct cr_room *room = cr_room_new(NULL);
    struct dummy ann, other;
    const char *reason;
    (void)arg;
    come(&ann, room, "Ann");
    ck_assert_int_eq(coir_stream_pair(other.ends), 0);
    ck_assert_int_eq(cr_member_init(&other.member, other.ends[0], CR_MESSAGE_LINE, false, 256), 0);
    ck_assert_int_eq(cr_room_arrive(room, &other.member), 0);
    ck_assert_int_eq(cr_room_enter(room, &other.member, "aNN", 3, &reason), -EEXIST);
    ck_assert_int_eq(cr_room_enter(room, &other.member, "a b", 3, &reason), -EINVAL);
    ck_assert_uint_eq(cr_room_size(room), 1);
    go(&ann, room);
    ck_assert_int_eq(cr_room_enter(room, &other.member, "aNN", 3, &reason), 0);
    expect(&other, "* welcome, aNN; 1 here: aNN\n");
    expect_nothing(&other);
    go(&other, room);
    cr_room_free(room);
    return 0;
}

static int
sorted_whatever_the_order(void *arg)
{
    enum { CROWD = 300 };
    static struct dummy crowd[CROWD];
    struct cr_room *room = cr_room_new(&(struct cr_room_options){.queue = 1024});
    struct dummy last;
    char name[16];
    (void)arg;
    for (int i = 0; i < CROWD; i++) {
        snprintf(name, sizeof name, "%c%03d", i % 2 ? 'M' : 'm', i * 7 % CROWD);
        come(&crowd[i], room, name);
    }
    for (int i = 0; i < CROWD; i += 2)
        go(&crowd[i], room);
    ck_assert_uint_eq(cr_room_size(room), CROWD / 2);
    come(&last, room, "m150x");
    struct cr_message *welcome;
    ck_assert_int_eq(coir_queue_get(last.member.queue, &welcome, COIR_NOW), 0);
    const char *text = welcome->forms[CR_MESSAGE_LINE].bytes;
    static const char beginning[] = "* welcome, m150x; 151 here: M001, M003, M005, ";
    ck_assert_mem_eq(text, beginning, strlen(beginning));
    cr_message_drop(welcome, 1);
    go(&last, room);
    for (int i = 1; i < CROWD; i += 2)
        go(&crowd[i], room);
    cr_room_free(room);
    return 0;
}

static int
full(void *arg)
{
    struct cr_room *room = cr_room_new(&(struct cr_room_options){.members = 2});
    struct dummy ann, bob, cid;
    const char *reason;
    (void)arg;
    come(&ann, room, "ann");
    come(&bob, room, "bob");
    ck_assert_int_eq(coir_stream_pair(cid.ends), 0);
    ck_assert_int_eq(cr_member_init(&cid.member, cid.ends[0], CR_MESSAGE_LINE, false, 256), 0);
    ck_assert_int_eq(cr_room_arrive(room, &cid.member), 0);
    ck_assert_int_eq(cr_room_enter(room, &cid.member, "cid", 3, &reason), -ENOSPC);
    go(&bob, room);
    ck_assert_int_eq(cr_room_enter(room, &cid.member, "cid", 3, &reason), 0);
    go(&cid, room);
    go(&ann, room);
    cr_room_free(room);
    return 0;
}

/* He does not read: at the bound he is thrown out, once, and his stream is aborted; those that read notice nothing. */
static int
thrown_out_at_the_bound(void *arg)
{
    enum { QUEUE = 8 };
    struct cr_room *room = cr_room_new(&(struct cr_room_options){.queue = QUEUE});
    struct dummy ann, stuck;
    char text[16], line[32];
    (void)arg;
    come(&stuck, room, "stuck");
    come(&ann, room, "ann");
    expect(&ann, "* welcome, ann; 2 here: ann, stuck\n");
    stuck.member.writing_since = coir_now() - COIR_SECOND; /* as in a write that has been waiting */
    ann.member.hears_himself = true;
    for (int i = 0; i < 3 * QUEUE; i++) {
        snprintf(text, sizeof text, "%d", i);
        snprintf(line, sizeof line, "ann: %d\n", i);
        ck_assert_int_eq(stuck.member.deaf, 2 + i > QUEUE); /* the welcome and her coming are in his queue, too */
        say(&ann, room, text);
        expect(&ann, line);
    }
    ck_assert_int_eq(coir_stream_write(stuck.ends[0], "x", 1, COIR_NOW), -EPIPE);
    expect(&stuck, "* welcome, stuck; 1 here: stuck\n");
    for (int i = 1; i < QUEUE; i++) {
        struct cr_message *message;
        ck_assert_int_eq(coir_queue_get(stuck.member.queue, &message, COIR_NOW), 0);
        cr_message_drop(message, 1);
    }
    go(&stuck, room);
    expect(&ann, "* stuck left\n");
    expect_nothing(&ann);
    go(&ann, room);
    cr_room_free(room);
    return 0;
}

struct talker {
    struct cr_guest guest;
    int number, lines;
};

static int
talk(void *arg)
{
    struct talker *talker = arg;
    char line[64];
    for (int i = 0; i < talker->lines; i++) {
        snprintf(line, sizeof line, "%d\n", i);
        cr_guest_send(&talker->guest, line);
    }
    return 0;
}

/* So that he is not one who does not read. */
static int
discard(void *arg)
{
    struct talker *talker = arg;
    char bytes[4096];
    while (coir_stream_read(talker->guest.near, bytes, sizeof bytes, COIR_NEVER) > 0)
        continue;
    return 0;
}

/* Several speak at the same time on several workers; two that only listen hear everything, in the same order, and each
 * speaker's lines in his own. Far more than a queue holds, so that this is also about pacing. */
static int
one_order(void *arg)
{
    enum { TALKERS = 6, LINES = 1000 };
    static struct talker talkers[TALKERS];
    struct cr_room *room = cr_room_new(NULL);
    struct cr_guest one, other;
    int next[TALKERS] = {0};
    char name[16], line[64], same[64];
    (void)arg;
    cr_guest_enter(&one, room, "one");
    cr_guest_enter(&other, room, "other");
    cr_guest_expect(&one, "* other came in");
    for (int i = 0; i < TALKERS; i++) {
        snprintf(name, sizeof name, "t%d", i);
        cr_guest_enter(&talkers[i].guest, room, name);
        talkers[i].lines = LINES;
        snprintf(line, sizeof line, "* t%d came in", i);
        cr_guest_expect(&one, line);
        cr_guest_expect(&other, line);
    }
    COIR_SCOPE(readers);
    COIR_SCOPE(scope);
    for (int i = 0; i < TALKERS; i++) {
        ck_assert_int_eq(coir_scope_go(&readers, discard, &talkers[i], NULL), 0);
        ck_assert_int_eq(coir_scope_go(&scope, talk, &talkers[i], NULL), 0);
    }
    for (int i = 0; i < TALKERS * LINES; i++) {
        int who, number;
        coir_time limit = coir_after(10 * COIR_SECOND);
        ck_assert_int_ge(coir_stream_read_line(one.near, line, sizeof line, limit), 0);
        ck_assert_int_ge(coir_stream_read_line(other.near, same, sizeof same, limit), 0);
        ck_assert_str_eq(line, same);
        ck_assert_int_eq(sscanf(line, "t%d: %d", &who, &number), 2);
        ck_assert_int_eq(number, next[who]++);
    }
    ck_assert_int_eq(coir_scope_wait(&scope, COIR_NEVER), 0);
    coir_scope_cancel(&readers);
    ck_assert_int_eq(coir_scope_wait(&readers, COIR_NEVER), 0);
    for (int i = 0; i < TALKERS; i++)
        cr_guest_leave(&talkers[i].guest);
    cr_guest_leave(&one);
    cr_guest_leave(&other);
    cr_room_free(room);
    return 0;
}

/* One that never reads, in a flood: it is disconnected, its leaving is told once, and the reader gets every line. */
static int
stuck_in_a_flood(void *arg)
{
    enum { LINES = 4000 };
    static char text[512];
    struct cr_room *room = cr_room_new(NULL);
    struct cr_guest reader, stuck;
    struct dummy speaker;
    char line[600];
    int left = 0, said = 0;
    (void)arg;
    memset(text, 'x', sizeof text - 1);
    come(&speaker, room, "speaker");
    cr_guest_enter(&reader, room, "reader");
    cr_guest_enter(&stuck, room, "stuck");
    cr_guest_expect(&reader, "* stuck came in");
    speaker.member.deaf = true; /* nobody looks into his queue */
    while (said < LINES || !left) {
        const char *reason;
        if (said < LINES)
            ck_assert_int_eq(cr_room_say(room, &speaker.member, text, strlen(text), &reason), 0);
        ck_assert_int_ge(coir_stream_read_line(reader.near, line, sizeof line, coir_after(10 * COIR_SECOND)), 0);
        left += strcmp(line, "* stuck left") == 0;
        said += strncmp(line, "speaker: ", 9) == 0;
    }
    ck_assert_int_eq(left, 1);
    ck_assert_uint_eq(cr_room_size(room), 2);
    cr_guest_leave(&stuck);
    cr_guest_leave(&reader);
    go(&speaker, room);
    cr_room_free(room);
    return 0;
}

static coir_function *const bodies[] = {
    who_hears_what,
    texts,
    names_are_unique_and_come_free,
    sorted_whatever_the_order,
    full,
    thrown_out_at_the_bound,
    one_order,
    stuck_in_a_flood,
};

START_TEST(test_bodies)
{
    cr_guest_run(bodies[_i]);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("room");
    TCase *cases = tcase_create("room");
    tcase_add_loop_test(cases, test_bodies, 0, (int)(sizeof bodies / sizeof bodies[0]));
    suite_add_tcase(suite, cases);
    return core_run_suite(suite);
}
