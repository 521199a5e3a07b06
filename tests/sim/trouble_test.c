/* trouble_test.c: what goes wrong in the virtual network: packets late, lost and in pieces, ways cut, hosts dead; and
 * that coir's calls and its users come through it. */
#include <check.h>
#include <coir/runtime.h>
#include <coir/task.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core/core.h"
#include "hosts.h"

static const int casts[] = {1, 3, HOSTS_PLAIN};
enum { CASTS = 3 };
#define KIB 1024

/* ---- A stream through trouble ---- */

#define PERCENT(n) ((n)*10000)

static const struct {
    const char *name;
    struct cr_net_faults faults;
} troubles[] = {
    {"none", {.again_ppm = 0}},
    {"slow", {.link = {.delay = 30 * COIR_MS, .spread = 50 * COIR_MS}}},
    {"unlike", {.link = {.delay = COIR_MS, .spread = 10 * COIR_MS, .unlike = true}}},
    {"long", {.link = {.long_delay = 5 * COIR_SECOND, .long_ppm = PERCENT(5)}}},
    {"loss", {.link = {.loss_ppm = PERCENT(10)}}},
    {"split", {.link = {.split_ppm = PERCENT(80)}}},
    {"merge", {.link = {.merge_ppm = PERCENT(80)}}},
    {"clog", {.link = {.clog = 3 * COIR_SECOND, .clog_ppm = PERCENT(2)}}},
    {"cut", {.link = {.cut = 5 * COIR_SECOND, .cut_ppm = PERCENT(2)}}},
    {"short reads", {.short_read_ppm = PERCENT(60)}},
    {"short writes", {.short_write_ppm = PERCENT(60)}},
    {"again", {.again_ppm = PERCENT(60)}},
    {"all",
     {.link = {.delay = 10 * COIR_US,
               .spread = 2 * COIR_MS,
               .long_delay = COIR_SECOND,
               .clog = COIR_SECOND,
               .cut = COIR_SECOND,
               .long_ppm = 5000,
               .loss_ppm = 5000,
               .split_ppm = PERCENT(10),
               .merge_ppm = PERCENT(10),
               .clog_ppm = 1000,
               .cut_ppm = 1000,
               .unlike = true},
      .short_read_ppm = PERCENT(20),
      .short_write_ppm = PERCENT(20),
      .again_ppm = PERCENT(20)}},
};
enum { TROUBLES = sizeof troubles / sizeof troubles[0], ALL = TROUBLES - 1 };

static struct {
    int trouble, cast;
    size_t total;
    struct cr_net_count count;
} play;

static char
pattern(size_t at)
{
    return (char)(at * 31 + at / 251);
}

static int
write_pattern(void *arg)
{
    char bytes[3000];
    for (size_t done = 0; done < play.total;) {
        size_t size = 1 + (size_t)coir_random(sizeof bytes);
        size = size < play.total - done ? size : play.total - done;
        for (size_t i = 0; i < size; i++)
            bytes[i] = pattern(done + i);
        MUST_BE(coir_stream_write(arg, bytes, size, COIR_NEVER), 0);
        done += size;
    }
    return coir_stream_shutdown(arg, COIR_NEVER);
}

static int
exchange(struct coir_stream *stream)
{
    struct hosts_task writer;
    char bytes[2500];
    size_t done = 0;
    ssize_t count;
    hosts_go(&writer, write_pattern, stream);
    while ((count = coir_stream_read(stream, bytes, sizeof bytes, COIR_NEVER)) > 0)
        for (ssize_t i = 0; i < count; i++, done++)
            MUST(bytes[i] == pattern(done));
    MUST_BE(count, 0);
    MUST_BE(done, play.total);
    MUST_BE(hosts_join(&writer), 0);
    return coir_stream_close(stream);
}

static const struct coir_stream_options narrow = {.receive_buffer = 4000, .send_buffer = 4000};

static int
exchange_there(void *arg)
{
    struct coir_listener *listener;
    struct coir_stream *stream;
    (void)arg;
    MUST_BE(coir_listener_open("*:9", &(struct coir_listener_options){.stream = narrow}, &listener), 0);
    MUST_BE(coir_listener_accept(listener, &stream, COIR_NEVER), 0);
    coir_listener_close(listener);
    return exchange(stream);
}

static int
exchange_here(void *arg)
{
    struct coir_stream *stream;
    (void)arg;
    hosts_pause(1);
    MUST_BE(coir_stream_dial("h2:9", &narrow, &stream, COIR_NEVER), 0);
    return exchange(stream);
}

static void
start_exchange(void *arg)
{
    struct cr_sim_thread *programs[2];
    (void)arg;
    cr_net_faults_set(&troubles[play.trouble].faults, COIR_NEVER);
    programs[0] = hosts_start(1, casts[(play.cast + 1) % CASTS], exchange_there, NULL);
    programs[1] = hosts_start(0, casts[play.cast], exchange_here, NULL);
    cr_sim_join(programs[0]);
    cr_sim_join(programs[1]);
    (void)cr_sim_wait(&play, cr_sim_now() + 60 * COIR_MINUTE / 2, "the last packets");
    MUST_BE(cr_net_bytes_in_flight(), 0);
    play.count = cr_net_count();
}

static uint64_t
run_exchange(int trouble, int cast, size_t total, uint64_t seed)
{
    play.trouble = trouble;
    play.cast = cast;
    play.total = total;
    return hosts_run(seed, start_exchange, NULL).hash;
}

START_TEST(a_stream_comes_through)
{
    for (uint64_t seed = 0; seed < (uint64_t)core_rounds(12); seed++)
        (void)run_exchange(_i, (int)seed % CASTS, 100 * KIB, seed);
}
END_TEST

START_TEST(a_long_stream_comes_through)
{
    (void)run_exchange(ALL, _i, KIB * KIB, (uint64_t)_i);
    MUST(play.count.lost > 10);
}
END_TEST

START_TEST(the_same_seed_is_the_same_trouble)
{
    enum { SEEDS = 12 };
    uint64_t hashes[SEEDS];
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        hashes[seed] = run_exchange(ALL, (int)seed % CASTS, 20 * KIB, seed);
        MUST(run_exchange(ALL, (int)seed % CASTS, 20 * KIB, seed) == hashes[seed]);
        for (uint64_t i = 0; i < seed; i++)
            MUST(hashes[i] != hashes[seed]);
    }
}
END_TEST

/* ---- Ways cut ---- */

enum { SHORT, LONG, ONE_WAY, WAYS };

static struct {
    int way;
    struct coir_stream *here, *there;
} cut;

static int
answer_all(void *arg)
{
    struct coir_listener *listener = hosts_listen("*:9");
    char bytes[16];
    ssize_t count;
    (void)arg;
    cut.there = hosts_accept(listener);
    while ((count = coir_stream_read(cut.there, bytes, sizeof bytes, COIR_NEVER)) > 0)
        if (cut.way == SHORT)
            MUST_BE(coir_stream_write(cut.there, bytes, (size_t)count, COIR_NEVER), 0);
    if (cut.way == SHORT)
        MUST_BE(count, 0);
    else
        MUST_BE(count, -ECONNRESET); /* when the way is open again: nobody there any more */
    coir_stream_close(cut.there);
    coir_listener_close(listener);
    return 0;
}

static int
ask_through_cut(void *arg)
{
    coir_time before;
    char byte;
    (void)arg;
    hosts_pause(1);
    cut.here = hosts_dial("h2:9");
    hosts_pause(1);
    before = coir_now();
    switch (cut.way) {
    case SHORT:
        cr_net_partition(0, 1, true);
        hosts_put(cut.here, "x");
        MUST_BE(coir_stream_read(cut.here, &byte, 1, hosts_in(5000)), -ETIMEDOUT);
        cr_net_heal();
        hosts_expect(cut.here, "x");
        MUST((coir_now() - before) / COIR_MS < 15000); /* the pauses between tries double */
        break;
    case LONG: /* the kernel's patience ends, which is not our deadline's */
        cr_net_partition(0, 1, true);
        hosts_put(cut.here, "x");
        MUST_BE(coir_stream_read(cut.here, &byte, 1, COIR_NEVER), -ECONNRESET);
        MUST((coir_now() - before) / COIR_SECOND >= 900 && (coir_now() - before) / COIR_SECOND <= 1100);
        cr_net_heal();
        hosts_put(cut.there, "y");
        break;
    default: /* what is said arrives, and is said again and again: no answer comes through */
        cr_net_partition(1, 0, false);
        hosts_put(cut.here, "x");
        MUST_BE(coir_stream_read(cut.here, &byte, 1, COIR_NEVER), -ECONNRESET);
        MUST_BE(coir_stream_write(cut.here, "x", 1, COIR_NEVER), -EPIPE);
        cr_net_heal();
        hosts_put(cut.there, "y");
        break;
    }
    coir_stream_close(cut.here);
    return 0;
}

static void
start_cut(void *arg)
{
    (void)hosts_start(1, casts[*(int *)arg], answer_all, NULL);
    (void)hosts_start(0, casts[*(int *)arg], ask_through_cut, NULL);
}

START_TEST(a_way_is_cut)
{
    int cast = _i / WAYS;
    cut.way = _i % WAYS;
    (void)hosts_run((uint64_t)_i, start_cut, &cast);
}
END_TEST

static int
dial_through_cut(void *arg)
{
    coir_time before = coir_now();
    struct coir_stream *stream;
    (void)arg;
    cr_net_partition(0, 1, true);
    MUST_BE(coir_stream_dial("h2:9", NULL, &stream, COIR_NEVER), -EHOSTUNREACH);
    MUST_BE((coir_now() - before) / COIR_SECOND, 127); /* 1 + 2 + ... + 64 */
    MUST_BE(coir_stream_dial("h2:9", NULL, &stream, hosts_in(1500)), -ETIMEDOUT);
    cr_net_heal();
    MUST_BE(coir_stream_dial("h2:9", NULL, &stream, hosts_in(1500)), -ECONNREFUSED);
    return 0;
}

static void
start_dial_through_cut(void *arg)
{
    (void)hosts_start(0, casts[*(int *)arg], dial_through_cut, NULL);
}

START_TEST(a_cut_way_lets_nobody_in)
{
    (void)hosts_run(1, start_dial_through_cut, &_i);
}
END_TEST

static int
wait_for_clogged(void *arg)
{
    struct coir_listener *listener = hosts_listen("*:9");
    struct coir_stream *stream = hosts_accept(listener);
    char bytes[16];
    (void)arg;
    MUST_BE(coir_stream_read(stream, bytes, sizeof bytes, hosts_in(6000)), -ETIMEDOUT);
    MUST_BE(coir_stream_read_full(stream, bytes, 6, hosts_in(6000)), 6);
    MUST(!memcmp(bytes, "onetwo", 6)); /* held, not lost: both at once */
    coir_stream_close(stream);
    coir_listener_close(listener);
    return 0;
}

static int
speak_when_clogged(void *arg)
{
    struct coir_stream *stream;
    char byte;
    (void)arg;
    hosts_pause(1);
    stream = hosts_dial("h2:9");
    cr_net_clog(0, 1, 10 * COIR_SECOND);
    hosts_put(stream, "one");
    hosts_pause(100);
    hosts_put(stream, "two");
    MUST_BE(coir_stream_read(stream, &byte, 1, COIR_NEVER), 0);
    MUST_BE(cr_net_count().lost, 0);
    return coir_stream_close(stream);
}

static void
start_clog(void *arg)
{
    (void)hosts_start(1, casts[*(int *)arg], wait_for_clogged, NULL);
    (void)hosts_start(0, casts[*(int *)arg], speak_when_clogged, NULL);
}

START_TEST(a_way_is_clogged)
{
    (void)hosts_run(1, start_clog, &_i);
}
END_TEST

/* ---- Hosts die ---- */

static struct {
    enum cr_net_death death;
    int result; /* of the victim's read */
} death;

static int
be_killed(void *arg)
{
    struct coir_listener *listener = hosts_listen("*:9"), *other;
    struct coir_stream *stream = hosts_accept(listener), *second;
    char byte;
    (void)arg;
    death.result = (int)coir_stream_read(stream, &byte, 1, COIR_NEVER);
    MUST_BE(coir_listener_accept(listener, &second, COIR_NEVER), -ENETDOWN);
    MUST_BE(coir_listener_open("*:10", NULL, &other), -ENETDOWN);
    coir_stream_close(stream);
    coir_listener_close(listener);
    return 0;
}

static int
live_again(void *arg)
{
    struct coir_listener *listener = hosts_listen("*:9");
    struct coir_stream *stream = hosts_accept(listener);
    (void)arg;
    hosts_expect(stream, "again");
    coir_stream_close(stream);
    coir_listener_close(listener);
    return 0;
}

static int
see_death(void *arg)
{
    struct coir_stream_options lively = {.keepalive = 10 * COIR_SECOND};
    struct coir_stream *stream, *patient;
    coir_time before;
    char byte;
    hosts_pause(1);
    stream = hosts_dial("h2:9");
    MUST_BE(coir_stream_dial("h2:9", &lively, &patient, hosts_soon()), 0);
    hosts_pause(1);
    before = coir_now();
    cr_net_kill(1, death.death);
    switch (death.death) {
    case CR_NET_CLOSED:
        MUST_BE(coir_stream_read(stream, &byte, 1, COIR_NEVER), 0);
        break;
    case CR_NET_RESET:
        MUST_BE(coir_stream_read(stream, &byte, 1, COIR_NEVER), -ECONNRESET);
        break;
    default:
        MUST_BE(coir_stream_read(stream, &byte, 1, hosts_in(100000)), -ETIMEDOUT);
        MUST_BE(coir_stream_read(patient, &byte, 1, COIR_NEVER), -ECONNRESET); /* by its probes */
        MUST_BE((coir_now() - before + COIR_SECOND / 2) / COIR_SECOND, 10 + 9 * 75);
        hosts_put(stream, "into the dark");
        MUST_BE(coir_stream_read(stream, &byte, 1, hosts_in(100000)), -ETIMEDOUT);
    }
    cr_net_revive(1);
    hosts_pause(120000);
    if (death.death == CR_NET_SILENT) /* it has lost its memory, and says so when it is spoken to */
        MUST_BE(coir_stream_read(stream, &byte, 1, COIR_NEVER), -ECONNRESET);
    coir_stream_close(stream);
    coir_stream_close(patient);
    MUST_BE(coir_stream_dial("h2:9", NULL, &stream, hosts_soon()), -ECONNREFUSED);
    (void)hosts_start(1, HOSTS_PLAIN, live_again, arg);
    hosts_pause(10);
    stream = hosts_dial("h2:9");
    hosts_put(stream, "again");
    return coir_stream_close(stream);
}

static void
start_death(void *arg)
{
    (void)hosts_start(1, casts[*(int *)arg], be_killed, NULL);
    (void)hosts_start(0, casts[*(int *)arg], see_death, NULL);
}

START_TEST(a_host_dies)
{
    int cast = _i / 3;
    death.death = (enum cr_net_death)(_i % 3);
    (void)hosts_run(1, start_death, &cast);
    MUST_BE(death.result, -ENETDOWN);
}
END_TEST

/* ---- Everything at once ---- */

enum { GUESTS = 6, QUESTIONS = 15 };
#define STORM (60 * COIR_SECOND)

/* Connections may fail in all ways: guests come again until each question has been answered. */
static const struct cr_net_faults storm = {
    .link = {.delay = 50 * COIR_US,
             .spread = COIR_MS,
             .long_delay = COIR_SECOND,
             .clog = COIR_SECOND,
             .cut = 2 * COIR_SECOND,
             .long_ppm = PERCENT(1),
             .loss_ppm = PERCENT(1),
             .reset_ppm = PERCENT(1),
             .mute_ppm = PERCENT(1),
             .split_ppm = PERCENT(10),
             .merge_ppm = PERCENT(10),
             .clog_ppm = 2000,
             .cut_ppm = 2000,
             .unlike = true},
    .short_read_ppm = PERCENT(10),
    .short_write_ppm = PERCENT(10),
    .again_ppm = PERCENT(10),
    .socket_ppm = PERCENT(5),
    .accept_ppm = PERCENT(5),
    .resolve_ppm = PERCENT(5),
    .refuse_ppm = PERCENT(5),
    .backlog_ppm = PERCENT(5),
};

static struct {
    uint64_t answered, failed;
    coir_time over; /* when the storm is */
    struct coir_listener *listener;
    int cast;
} house;

static int
answer_guest(void *arg)
{
    struct coir_stream *stream = arg;
    char line[64];
    ssize_t count = 0;
    int result = 0;
    while (!result && (count = coir_stream_read_line(stream, line, sizeof line, hosts_in(5000))) >= 0)
        result = coir_stream_print(stream, hosts_in(5000), "%s, yes\n", line);
    return coir_stream_close(stream);
}

static int
keep_house(void *arg)
{
    struct coir_stream *stream;
    int result;
    (void)arg;
    MUST_BE(coir_listener_open("*:9", NULL, &house.listener), 0);
    while ((result = coir_listener_accept(house.listener, &stream, COIR_NEVER)) == 0)
        if (coir_go_spread(answer_guest, stream, NULL, NULL))
            coir_stream_close(stream);
    MUST_BE(result, -EPIPE);
    coir_listener_close(house.listener);
    return 0;
}

/* Asks as many as the connection lasts. */
static int
ask(struct coir_stream *stream, int from)
{
    char line[64], wanted[64];
    for (; from < QUESTIONS; from++) {
        snprintf(wanted, sizeof wanted, "question %d, yes", from);
        if (coir_stream_print(stream, hosts_in(3000), "question %d\n", from) ||
            coir_stream_read_line(stream, line, sizeof line, hosts_in(3000)) < 0)
            break;
        MUST(!strcmp(line, wanted));
        house.answered++;
        hosts_pause(100);
    }
    return from;
}

static int
visit(void *arg)
{
    int done = 0;
    hosts_pause(1);
    while (done < QUESTIONS) {
        struct coir_stream *stream;
        if (coir_stream_dial(arg, NULL, &stream, hosts_in(2000))) {
            house.failed++;
            hosts_pause(50);
            continue;
        }
        done = ask(stream, done);
        house.failed += done < QUESTIONS;
        coir_stream_close(stream);
    }
    return 0;
}

static int
visit_together(void *arg)
{
    struct hosts_task guests[GUESTS];
    for (int i = 0; i < GUESTS; i++)
        hosts_go(&guests[i], visit, arg);
    for (int i = 0; i < GUESTS; i++)
        MUST_BE(hosts_join(&guests[i]), 0);
    return 0;
}

static void
end_storm(void *arg)
{
    (void)arg;
    cr_net_heal();
}

static void
start_storm(void *arg)
{
    struct cr_sim_thread *guests[2];
    (void)arg;
    house.over = cr_sim_now() + STORM;
    cr_net_faults_set(&storm, house.over);
    cr_sim_at(house.over, end_storm, NULL);
    while (cr_net_open_descriptors(1) == 0) { /* until it has a socket, in spite of all */
        cr_net_faults_set(NULL, 0);
        (void)hosts_start(1, 1 + house.cast, keep_house, NULL);
        (void)cr_sim_wait(&house, cr_sim_now() + 1, "the house");
        cr_net_faults_set(&storm, house.over);
    }
    guests[0] = hosts_start(0, casts[house.cast], visit_together, "h2:9");
    guests[1] = hosts_start(2, casts[(house.cast + 1) % CASTS], visit_together, "10.0.0.2:9");
    cr_sim_join(guests[0]);
    cr_sim_join(guests[1]);
    MUST(cr_sim_now() < house.over + 30 * COIR_SECOND); /* all comes to its end once it is healed */
    coir_listener_abort(house.listener);
}

START_TEST(guests_come_through_a_storm)
{
    uint64_t lost = 0, resets = 0;
    coir_log_set_level(COIR_LOG_ERROR);
    for (uint64_t seed = 0; seed < (uint64_t)core_rounds(20); seed++) {
        memset(&house, 0, sizeof house);
        house.cast = (int)seed % CASTS;
        (void)hosts_run(seed + 1000 * (uint64_t)_i, start_storm, NULL);
        MUST_BE(house.answered, 2 * GUESTS * QUESTIONS);
        lost += cr_net_count().lost;
        resets += cr_net_count().resets;
    }
    MUST(lost > 20 && resets > 5 && house.failed > 0);
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_checked_fixture(cases, hosts_begin, hosts_end);
    tcase_add_loop_test(cases, a_stream_comes_through, 0, TROUBLES);
    tcase_add_loop_test(cases, a_long_stream_comes_through, 0, CASTS);
    tcase_add_test(cases, the_same_seed_is_the_same_trouble);
    tcase_add_loop_test(cases, a_way_is_cut, 0, WAYS * CASTS);
    tcase_add_loop_test(cases, a_cut_way_lets_nobody_in, 0, CASTS);
    tcase_add_loop_test(cases, a_way_is_clogged, 0, CASTS);
    tcase_add_loop_test(cases, a_host_dies, 0, 3 * CASTS);
    tcase_add_loop_test(cases, guests_come_through_a_storm, 0, 3);
}

int
main(void)
{
    return core_main("sim_trouble", add);
}
