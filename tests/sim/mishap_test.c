/* mishap_test.c: each fault of the virtual network at its highest rate does what sim/net.h says of it. Over one worker and
 * over plain threads: the loop number. */
#include <check.h>
#include <coir/runtime.h>
#include <coir/task.h>
#include <errno.h>
#include <string.h>

#include "../core/core.h"
#include "backend/operation.h"
#include "hosts.h"

enum { ALWAYS = 1000000, CASTS = 2 };
static int cast;

/* A connection from host 0 to host 1; the test holds both ends. */

static struct coir_stream *met;

static int
accept_there(void *arg)
{
    struct coir_listener *listener = hosts_listen("*:9");
    met = hosts_accept(listener);
    coir_listener_close(listener);
    (void)arg;
    return 0;
}

static void
meet(struct coir_stream *ends[2])
{
    met = NULL;
    (void)hosts_start(1, HOSTS_PLAIN, accept_there, NULL);
    hosts_pause(1);
    ends[0] = hosts_dial("h2:9");
    hosts_pause(1);
    ends[1] = met;
    MUST(ends[1]);
}

static void
part(struct coir_stream *ends[2])
{
    cr_net_heal();
    MUST_BE(coir_stream_close(ends[0]), 0);
    MUST_BE(coir_stream_close(ends[1]), 0);
}

static void
storm(const struct cr_net_faults *faults)
{
    cr_net_faults_set(faults, COIR_NEVER);
}

static coir_function *scene;

static void
start(void *arg)
{
    (void)hosts_start(0, cast, scene, arg);
}

static struct cr_sim_outcome
act(int number, coir_function *function)
{
    cast = number; /* 0: plain */
    scene = function;
    return hosts_run((uint64_t)number, start, NULL);
}

static int
try(enum cr_op_kind kind, struct coir_stream *stream, char *bytes, size_t size)
{
    struct iovec part_of_it = {bytes, size};
    struct cr_op op = {
        .kind = kind, .fd = coir_stream_fd(stream), .data = bytes, .length = size, .parts = &part_of_it, .count = 1};
    return cr_operation_try(&op);
}

/* ---- What a call gets ---- */

static int
short_and_again(void *arg)
{
    struct coir_stream *ends[2];
    char bytes[100] = "";
    int count, shorter = 0;
    (void)arg;
    meet(ends);
    for (int i = 0; i < 10; i++) {
        storm(&(struct cr_net_faults){.short_write_ppm = ALWAYS});
        count = try(CR_OP_SEND, ends[0], bytes, sizeof bytes);
        MUST(count > 0 && count < (int)sizeof bytes);
        hosts_pause(5);
        storm(&(struct cr_net_faults){.again_ppm = ALWAYS});
        MUST_BE(try(CR_OP_SEND, ends[0], bytes, 1), -EAGAIN);
        MUST_BE(try(CR_OP_RECEIVE, ends[1], bytes, 1), -EAGAIN);
        storm(&(struct cr_net_faults){.short_read_ppm = ALWAYS});
        shorter += try(CR_OP_RECEIVE, ends[1], bytes, (size_t)count) < count;
        storm(NULL);
        while (try(CR_OP_RECEIVE, ends[1], bytes, sizeof bytes) > 0)
            continue;
    }
    MUST(shorter >= 8); /* but of one byte */
    part(ends);
    return 0;
}

START_TEST(short_counts_and_again)
{
    (void)act(_i, short_and_again);
}
END_TEST

static bool
is_lack(int result)
{
    return result == -EMFILE || result == -ENFILE || result == -ENOBUFS || result == -ENOMEM;
}

static void
stop_storm(void *arg)
{
    (void)arg;
    storm(NULL);
}

static int
lacks(void *arg)
{
    struct coir_listener *listener, *other;
    struct coir_stream *stream, *peer, *ends[2];
    coir_time before;
    char byte;
    (void)arg;
    storm(&(struct cr_net_faults){.socket_ppm = ALWAYS});
    MUST(is_lack(coir_listener_open("*:9", NULL, &listener)));
    MUST(is_lack(coir_stream_dial("h2:9", NULL, &stream, hosts_soon())));
    MUST(is_lack(coir_stream_pair(ends)));
    storm(NULL);
    listener = hosts_listen("*:9");
    storm(&(struct cr_net_faults){.accept_ppm = ALWAYS});
    cr_sim_at(cr_sim_now() + 3 * COIR_SECOND, stop_storm, NULL);
    stream = hosts_dial("127.0.0.1:9");
    before = coir_now();
    while (coir_listener_accept(listener, &peer, hosts_in(8000))) { /* it was turned away */
        coir_stream_close(stream);
        stream = hosts_dial("127.0.0.1:9");
    }
    MUST(coir_now() - before >= 3 * COIR_SECOND);
    coir_stream_close(peer);
    MUST(coir_stream_read(stream, &byte, 1, hosts_soon()) <= 0);
    coir_stream_close(stream);
    coir_listener_close(listener);
    MUST_BE(coir_listener_open("unix:/a", NULL, &other), 0);
    coir_listener_close(other);
    return 0;
}

START_TEST(lacks_of_everything)
{
    coir_log_set_level(COIR_LOG_ERROR);
    (void)act(_i, lacks);
}
END_TEST

static int
no_entry(void *arg)
{
    struct coir_listener *listeners[2] = {hosts_listen("*:9"), hosts_listen("unix:/a")};
    struct coir_stream *stream;
    coir_time before;
    (void)arg;
    storm(&(struct cr_net_faults){.refuse_ppm = ALWAYS});
    MUST_BE(coir_stream_dial("127.0.0.1:9", NULL, &stream, COIR_NEVER), -ECONNREFUSED);
    MUST_BE(coir_stream_dial("unix:/a", NULL, &stream, COIR_NEVER), -ECONNREFUSED);
    storm(&(struct cr_net_faults){.backlog_ppm = ALWAYS});
    before = coir_now();
    MUST_BE(coir_stream_dial("127.0.0.1:9", NULL, &stream, COIR_NEVER), -EHOSTUNREACH);
    MUST_BE((coir_now() - before) / COIR_SECOND, 127);
    MUST_BE(coir_stream_dial("unix:/a", NULL, &stream, COIR_NEVER), -ECONNREFUSED);
    storm(&(struct cr_net_faults){.resolve_ppm = ALWAYS});
    MUST_BE(coir_stream_dial("h1:9", NULL, &stream, COIR_NEVER), -EHOSTUNREACH);
    MUST(strstr(coir_error_detail(), "name server"));
    storm(NULL);
    MUST_BE(coir_stream_dial("h1:9", NULL, &stream, COIR_NEVER), 0);
    coir_stream_close(stream);
    coir_listener_close(listeners[0]);
    coir_listener_close(listeners[1]);
    return 0;
}

START_TEST(nobody_gets_in)
{
    (void)act(_i, no_entry);
}
END_TEST

/* ---- What a packet meets ---- */

static int
resets(void *arg)
{
    struct coir_stream *ends[2];
    char byte;
    (void)arg;
    meet(ends);
    storm(&(struct cr_net_faults){.link.reset_ppm = ALWAYS});
    hosts_put(ends[0], "lost");
    MUST_BE(coir_stream_read(ends[0], &byte, 1, COIR_NEVER), -ECONNRESET);
    MUST_BE(coir_stream_read(ends[1], &byte, 1, COIR_NEVER), -ECONNRESET);
    MUST_BE(cr_net_count().resets, 2);
    part(ends);
    return 0;
}

/* On one host nothing is lost. */
static int
mute(void *arg)
{
    struct coir_stream *ends[2], *other[2];
    char byte;
    (void)arg;
    meet(ends);
    storm(&(struct cr_net_faults){.link.mute_ppm = ALWAYS});
    hosts_put(ends[0], "1");
    storm(NULL); /* it stays mute */
    hosts_put(ends[1], "2");
    MUST_BE(coir_stream_read(ends[0], &byte, 1, hosts_in(10000)), -ETIMEDOUT);
    MUST_BE(coir_stream_read(ends[1], &byte, 1, hosts_in(10000)), -ETIMEDOUT);
    meet(other); /* others between the same hosts are not */
    hosts_put(other[0], "3");
    hosts_expect(other[1], "3");
    part(other);
    hosts_expect(ends[0], "2");
    hosts_expect(ends[1], "1");
    part(ends);
    return 0;
}

/* Each of these is only late. */
static int
late(void *arg)
{
    static const struct {
        struct cr_net_faults faults;
        long least, most; /* milliseconds until the answer is there */
    } table[] = {{{.again_ppm = 0}, 0, 0},
                 {{.link = {.delay = 40 * COIR_MS}}, 80, 81},
                 {{.link = {.spread = 40 * COIR_MS}}, 2, 81},
                 {{.link = {.long_delay = 1000 * COIR_MS, .long_ppm = ALWAYS}}, 2, 2001},
                 {{.link = {.clog = 1000 * COIR_MS, .clog_ppm = ALWAYS}}, 2, 4001},
                 {{.link = {.merge_ppm = ALWAYS}}, 0, 3}};
    struct coir_stream *ends[2];
    (void)arg;
    meet(ends);
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        coir_time before = coir_now();
        storm(&table[i].faults);
        hosts_put(ends[0], "question");
        hosts_expect(ends[1], "question");
        hosts_put(ends[1], "answer");
        hosts_expect(ends[0], "answer");
        MUST((coir_now() - before) / COIR_MS >= table[i].least && (coir_now() - before) / COIR_MS <= table[i].most);
        storm(NULL);
        hosts_pause(10000);
    }
    MUST_BE(cr_net_count().lost, 0);
    part(ends);
    return 0;
}

static int
losses(void *arg)
{
    struct coir_stream *ends[2];
    char byte;
    (void)arg;
    meet(ends);
    for (int i = 0; i < 2; i++) {
        storm(i ? &(struct cr_net_faults){.link = {.cut = COIR_SECOND, .cut_ppm = ALWAYS}}
                : &(struct cr_net_faults){.link.loss_ppm = ALWAYS});
        hosts_put(ends[0], "x");
        MUST_BE(coir_stream_read(ends[1], &byte, 1, hosts_in(10000)), -ETIMEDOUT);
        storm(NULL);
        hosts_expect(ends[1], "x"); /* it is said again */
    }
    MUST(cr_net_count().lost > 5);
    part(ends);
    return 0;
}

static int
pieces(void *arg)
{
    struct coir_stream *ends[2];
    char bytes[100];
    uint64_t before;
    ssize_t count;
    (void)arg;
    meet(ends);
    before = cr_net_count().sent;
    hosts_put(ends[0], "0123456789");
    hosts_pause(1);
    MUST_BE(cr_net_count().sent - before, 2); /* and its acknowledgement */
    MUST_BE(coir_stream_read(ends[1], bytes, sizeof bytes, COIR_NEVER), 10);
    storm(&(struct cr_net_faults){.link.split_ppm = ALWAYS});
    before = cr_net_count().sent;
    hosts_put(ends[0], "0123456789");
    hosts_pause(1);
    MUST(cr_net_count().sent - before >= 4);
    MUST_BE(coir_stream_read(ends[1], bytes, sizeof bytes, COIR_NEVER), 10);
    storm(&(struct cr_net_faults){.link.merge_ppm = ALWAYS});
    before = cr_net_count().sent;
    for (int i = 0; i < 10; i++)
        hosts_put(ends[0], "x");
    count = coir_stream_read(ends[1], bytes, sizeof bytes, COIR_NEVER);
    MUST(count > 1);
    MUST(cr_net_count().sent - before < 10);
    hosts_pause(10);
    if (count < 10)
        MUST_BE(coir_stream_read(ends[1], bytes, sizeof bytes, COIR_NEVER), 10 - count);
    part(ends);
    return 0;
}

static coir_function *const packets[] = {resets, mute, late, losses, pieces};
enum { PACKETS = sizeof packets / sizeof packets[0] };

START_TEST(packets_meet_with_mishaps)
{
    (void)act(_i % CASTS, packets[_i / CASTS]);
}
END_TEST

/* ---- Ways differ, once and for all ---- */

static coir_time trips[4];

static int
time_trips(void *arg)
{
    static const char *const there[] = {"h2:9", "h3:9", "h4:9", "h5:9"};
    (void)arg;
    storm(&(struct cr_net_faults){.link = {.delay = COIR_MS, .unlike = true}});
    for (int i = 0; i < 8; i++) {
        struct coir_stream *stream;
        coir_time before = coir_now();
        MUST_BE(coir_stream_dial(there[i % 4], NULL, &stream, COIR_NEVER), -ECONNREFUSED);
        if (i < 4)
            trips[i] = coir_now() - before;
        else
            MUST_BE(coir_now() - before, trips[i % 4]);
    }
    return 0;
}

START_TEST(ways_are_unlike)
{
    (void)act(_i, time_trips);
    MUST(trips[0] != trips[1] || trips[1] != trips[2] || trips[2] != trips[3]);
}
END_TEST

/* ---- A plan has its time ---- */

static int
outlast(void *arg)
{
    struct coir_listener *listener = hosts_listen("*:9");
    struct coir_stream *stream;
    cr_net_faults_set(&(struct cr_net_faults){.refuse_ppm = ALWAYS}, hosts_in(100));
    (void)arg;
    MUST_BE(coir_stream_dial("127.0.0.1:9", NULL, &stream, COIR_NEVER), -ECONNREFUSED);
    hosts_pause(99);
    MUST_BE(coir_stream_dial("127.0.0.1:9", NULL, &stream, COIR_NEVER), -ECONNREFUSED);
    hosts_pause(1);
    coir_stream_close(hosts_dial("127.0.0.1:9"));
    coir_listener_close(listener);
    return 0;
}

START_TEST(a_plan_has_its_time)
{
    (void)act(_i, outlast);
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_checked_fixture(cases, hosts_begin, hosts_end);
    tcase_add_loop_test(cases, short_counts_and_again, 0, CASTS);
    tcase_add_loop_test(cases, lacks_of_everything, 0, CASTS);
    tcase_add_loop_test(cases, nobody_gets_in, 0, CASTS);
    tcase_add_loop_test(cases, packets_meet_with_mishaps, 0, CASTS * PACKETS);
    tcase_add_loop_test(cases, ways_are_unlike, 0, CASTS);
    tcase_add_loop_test(cases, a_plan_has_its_time, 0, CASTS);
}

int
main(void)
{
    return core_main("sim_mishap", add);
}
