/* tests/chat/fanout_test.c: one member of a large room does not read; the others must not feel it.
 *
 * Rounds of messages to all members, by turns without and with one whose stream is full. Each member notes how long
 * each message took to him; a round's figure is the 99th percentile of all those times. Each round with is compared
 * with the one without before it, so that whatever else this machine does falls on both, and the median of those
 * ratios counts. A machine that is busy with something else gets three attempts.
 *
 * 5,000 members, each with a pair of streams; COIR_FANOUT_MEMBERS in the environment says otherwise. Under a
 * sanitizer times mean nothing: then it is a smaller room, and only that all hear everything is tested. */
#include <check.h>
#include <coir/event.h>
#include <coir/log.h>
#include <coir/runtime.h>
#include <coir/task.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/atomic.h"
#include "servers/chat/room.h"
#include "tests/core/core.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CR_SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define CR_SANITIZED
#endif
#endif

#ifdef CR_SANITIZED
enum { MEMBERS = 300, ROUNDS = 1, MEASURES_TIME = 0 };
#else
enum { MEMBERS = 5000, ROUNDS = 7, MEASURES_TIME = 1 }; /* rounds: of each kind */
#endif

enum {
    MESSAGES = 12, /* in a round, one after the other */
    ATTEMPTS = 3
};

#define ALLOWED_RATIO 1.2
#define MARK '?'
#define FULL_AFTER (100 * COIR_MS) /* of waiting a write is not just slow */

struct crowd {
    struct cr_room *room;
    size_t count;              /* members, without the stuck one */
    struct coir_event heard;   /* all have heard the message under way */
    CR_ATOMIC(size_t) missing; /* so many have not */
    CR_ATOMIC(coir_time) sent; /* when the message under way was said */
    coir_time *times;          /* of each member, how long the message took */
};

struct attendant {
    struct crowd *crowd;
    size_t number;
    struct coir_stream *near, *far;
    struct cr_member member;
    struct coir_task *deliverer, *reader;
};

static size_t
count_marks(const char *bytes, size_t size)
{
    size_t count = 0;
    for (size_t i = 0; i < size; i++)
        count += bytes[i] == MARK;
    return count;
}

/* Among all that is said only what is measured has a mark, which is one byte and so never cut. */
static int
read_along(void *arg)
{
    struct attendant *attendant = arg;
    struct crowd *crowd = attendant->crowd;
    char bytes[4096];
    ssize_t size;
    while ((size = coir_stream_read(attendant->near, bytes, sizeof bytes, COIR_NEVER)) > 0) {
        if (!count_marks(bytes, (size_t)size))
            continue;
        crowd->times[attendant->number] = coir_now() - cr_load_acq(&crowd->sent); /* pairs with say_and_wait() */
        if (cr_sub_ar(&crowd->missing, 1) == 1)
            coir_event_set(&crowd->heard);
    }
    return 0;
}

static void
join(struct coir_task *task)
{
    ck_assert_int_eq(coir_join(task, NULL, coir_after(COIR_MINUTE)), 0);
}

static void
come(struct attendant *attendant, struct crowd *crowd, size_t number)
{
    struct coir_stream *ends[2];
    const char *reason = "";
    char name[16];
    int size = snprintf(name, sizeof name, "m%zu", number);
    *attendant = (struct attendant){.crowd = crowd, .number = number};
    ck_assert_int_eq(coir_stream_pair(ends), 0);
    attendant->near = ends[0];
    attendant->far = ends[1];
    struct cr_member *member = &attendant->member;
    ck_assert_int_eq(cr_member_init(member, ends[1], CR_MESSAGE_LINE, false, cr_room_queue(crowd->room)), 0);
    ck_assert_int_eq(cr_room_arrive(crowd->room, member), 0);
    ck_assert_int_eq(coir_go_spread(cr_member_deliver, member, NULL, &attendant->deliverer), 0);
    int error = cr_room_enter(crowd->room, member, name, (size_t)size, &reason);
    ck_assert_msg(error == 0, "%s: %s", name, reason);
}

static void
go(struct attendant *attendant)
{
    cr_room_leave(attendant->crowd->room, &attendant->member);
    join(attendant->deliverer);
    cr_member_fini(&attendant->member);
    coir_stream_close(attendant->far);
    if (attendant->reader)
        join(attendant->reader);
    coir_stream_close(attendant->near);
}

static void
say(struct crowd *crowd, const char *text)
{
    const char *reason;
    ck_assert_int_eq(cr_room_say_as_administrator(crowd->room, text, strlen(text), &reason), 0);
}

/* Says it to all and waits until all have heard it. */
static void
say_and_wait(struct crowd *crowd)
{
    cr_store_rlx(&crowd->missing, crowd->count);
    coir_event_clear(&crowd->heard);
    cr_store_rel(&crowd->sent, coir_now()); /* pairs with read_along() */
    say(crowd, "how long does this take?");
    ck_assert_int_eq(coir_event_wait(&crowd->heard, coir_after(COIR_MINUTE)), 0);
}

static int
compare_times(const void *one, const void *other)
{
    coir_time a = *(const coir_time *)one, b = *(const coir_time *)other;
    return (a > b) - (a < b);
}

/* The 99th percentile, in microseconds. */
static double
measure(struct crowd *crowd)
{
    size_t count = MESSAGES * crowd->count;
    coir_time *all = calloc(count, sizeof *all);
    for (size_t i = 0; i < MESSAGES; i++) {
        say_and_wait(crowd);
        memcpy(all + i * crowd->count, crowd->times, crowd->count * sizeof *all);
    }
    qsort(all, count, sizeof *all, compare_times);
    double result = (double)all[count * 99 / 100] / (double)COIR_US;
    free(all);
    return result;
}

/* His stream takes next to nothing and nobody reads at the other end; all else is like the others. */
static void
bring_stuck(struct attendant *stuck, struct crowd *crowd)
{
    int size = 1;
    coir_time since = 0;
    come(stuck, crowd, crowd->count);
    setsockopt(coir_stream_fd(stuck->far), SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    while (!since || coir_now() - since < FULL_AFTER) { /* until a write to him has been waiting */
        since = cr_load_rlx(&stuck->member.writing_since);
        if (!since)
            say(crowd, "is it full");
        coir_yield();
    }
}

static void
remove_stuck(struct attendant *stuck)
{
    ck_assert(!cr_load_rlx(&stuck->member.deaf)); /* he was there all the time */
    coir_stream_abort(stuck->far);
    go(stuck);
}

static int
compare_ratios(const void *one, const void *other)
{
    double a = *(const double *)one, b = *(const double *)other;
    return (a > b) - (a < b);
}

/* The median of all rounds' ratios. */
static double
compare(struct crowd *crowd)
{
    static struct attendant stuck;
    double ratios[ROUNDS];
    for (int round = 0; round < ROUNDS; round++) {
        double calm = measure(crowd);
        bring_stuck(&stuck, crowd);
        double disturbed = measure(crowd);
        remove_stuck(&stuck);
        ratios[round] = disturbed / calm;
        printf("fan-out to %zu members, p99: %.0f us; with one that does not read: %.0f us, %.2f times that\n",
               crowd->count, calm, disturbed, ratios[round]);
    }
    qsort(ratios, ROUNDS, sizeof *ratios, compare_ratios);
    return ratios[ROUNDS / 2];
}

static void
compare_until_quiet(struct crowd *crowd)
{
    double ratio = 0;
    measure(crowd); /* a first round, to have all memory touched */
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        ratio = compare(crowd);
        printf("median: %.2f times\n", ratio);
        if (!MEASURES_TIME || ratio <= ALLOWED_RATIO)
            return;
    }
    ck_abort_msg("with one that does not read it takes %.2f times as long", ratio);
}

static size_t
wanted_members(void)
{
    const char *text = getenv("COIR_FANOUT_MEMBERS");
    long wanted = text ? strtol(text, NULL, 10) : MEMBERS;
    return (size_t)(core_numbers(2 * wanted + 100) - 100) / 2;
}

static int
fan_out(void *arg)
{
    static struct crowd crowd;
    (void)arg;
    crowd.count = wanted_members();
    crowd.room = cr_room_new(NULL);
    crowd.times = calloc(crowd.count, sizeof *crowd.times);
    struct attendant *attendants = calloc(crowd.count, sizeof *attendants);
    for (size_t i = 0; i < crowd.count; i++) {
        come(&attendants[i], &crowd, i);
        ck_assert_int_eq(coir_go_spread(read_along, &attendants[i], NULL, &attendants[i].reader), 0);
    }
    ck_assert_uint_eq(cr_room_size(crowd.room), crowd.count); /* nobody who reads was thrown out in the rush */
    compare_until_quiet(&crowd);
    cr_room_close(crowd.room, "over");
    for (size_t i = 0; i < crowd.count; i++)
        go(&attendants[i]);
    cr_room_free(crowd.room);
    free(attendants);
    free(crowd.times);
    return 0;
}

START_TEST(test_fan_out)
{
    coir_log_set_level(COIR_LOG_ERROR);
    ck_assert_int_eq(coir_run(fan_out, NULL, NULL), 0);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("fanout");
    TCase *cases = tcase_create("fanout");
    tcase_add_test(cases, test_fan_out);
    tcase_set_timeout(cases, 110);
    suite_add_tcase(suite, cases);
    return core_run_suite(suite);
}
