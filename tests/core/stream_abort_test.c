/* stream_abort_test.c: what ends a call on a stream before its time: a deadline, a cancel, an abort, a peer that goes. The
 * behaviours run over every kind of connection (wire.h), each from fibers of one worker, of four, from threads, and
 * mixed: the loop number is cast and kind. */
#include "core.h"
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>

/* ---- Deadlines and cancels take nothing ---- */

static int
read_line_for_ever(void *arg)
{
    char line[64];
    return (int)coir_stream_read_line(arg, line, sizeof line, COIR_NEVER);
}

static int
take_nothing(void *arg)
{
    struct coir_stream *ends[2];
    struct core_actor actor;
    char bytes[64] = "";
    (void)arg;
    wire_open(wire_kind, 0, ends);
    MUST_BE(coir_stream_read(ends[0], bytes, 4, COIR_NOW), -EAGAIN);
    MUST_BE(coir_stream_read(ends[0], bytes, 4, core_past()), -ETIMEDOUT);
    MUST_BE(coir_stream_read(ends[0], bytes, 4, coir_after(COIR_MS)), -ETIMEDOUT);
    wire_put(ends[1], "123", 3);
    MUST_BE(coir_stream_read_full(ends[0], bytes, 5, coir_after(COIR_MS)), -ETIMEDOUT);
    MUST_BE(coir_stream_read_full(ends[0], bytes, 5, COIR_NOW), -EAGAIN);
    MUST_BE(coir_stream_read_line(ends[0], bytes, sizeof bytes, coir_after(COIR_MS)), -ETIMEDOUT);
    MUST_BE(coir_stream_read_line(ends[0], bytes, sizeof bytes, COIR_NOW), -EAGAIN);
    core_start(&actor, read_line_for_ever, ends[0]);
    core_await_waiting(&actor);
    coir_cancel(actor.self);
    MUST_BE(core_end(&actor), -ECANCELED);
    wire_put(ends[1], "45\nx", 4);
    MUST_BE(coir_stream_read_line(ends[0], bytes, sizeof bytes, core_soon()), 5);
    MUST(!strcmp(bytes, "12345"));
    MUST_BE(coir_stream_read(ends[0], bytes, 4, COIR_NOW), 1);
    wire_put(ends[1], "past", 4);
    wire_close(ends);
    return 0;
}

START_TEST(a_deadline_or_a_cancel_takes_nothing)
{
    wire_play(_i, take_nothing, NULL);
}
END_TEST

enum { LARGE = 8 << 20 };
static char large[LARGE];

static int
write_large(void *arg)
{
    return coir_stream_write(arg, large, sizeof large, COIR_NEVER);
}

static int
write_small(void *arg)
{
    return coir_stream_write(arg, "small", 5, COIR_NEVER);
}

static int
stop_half_way(void *arg)
{
    struct coir_stream *ends[2];
    struct core_actor actor, other;
    char byte;
    (void)arg;
    wire_open(wire_kind, 1, ends);
    MUST_BE(coir_stream_write(ends[0], large, sizeof large, coir_after(5 * COIR_MS)), -ETIMEDOUT);
    MUST_BE(coir_stream_write(ends[0], "x", 1, core_soon()), -EPIPE); /* nothing follows half a message */
    MUST_BE(coir_stream_read(ends[1], &byte, 1, core_soon()), 1);
    wire_put(ends[1], "x", 1);
    wire_close(ends);
    wire_open(wire_kind, 1, ends);
    core_start(&actor, write_large, ends[0]);
    core_await_waiting(&actor);
    MUST_BE(coir_stream_write(ends[0], "x", 1, coir_after(COIR_MS)), -ETIMEDOUT); /* its turn did not come */
    MUST_BE(coir_stream_write(ends[0], "x", 1, COIR_NOW), -EAGAIN);
    core_start(&other, write_small, ends[0]);
    core_await_waiting(&other);
    coir_cancel(actor.self);
    MUST_BE(core_end(&actor), -ECANCELED);
    MUST_BE(core_end(&other), -EPIPE);
    wire_close(ends);
    return 0;
}

START_TEST(a_write_that_stops_half_way_closes_the_way_out)
{
    wire_play(_i, stop_half_way, NULL);
}
END_TEST

/* ---- Abort ---- */

static int
read_for_ever(void *arg)
{
    char byte;
    return (int)coir_stream_read(arg, &byte, 1, COIR_NEVER);
}

static int
abort_all(void *arg)
{
    struct coir_stream *ends[2];
    char bytes[8];
    (void)arg;
    for (int round = 0; round < 5; round++) {
        struct core_actor actors[6];
        wire_open(wire_kind, 1, ends);
        for (int i = 0; i < 6; i++) {
            core_start(&actors[i], i % 2 ? write_large : i == 2 ? read_line_for_ever : read_for_ever, ends[0]);
            core_await_waiting(&actors[i]);
        }
        coir_stream_abort(ends[0]);
        for (int i = 0; i < 6; i++)
            MUST_BE(core_end(&actors[i]), -EPIPE);
        coir_stream_abort(ends[0]);
        MUST_BE(coir_stream_read(ends[0], bytes, 4, COIR_NOW), -EPIPE);
        MUST_BE(coir_stream_read_full(ends[0], bytes, 4, core_past()), -EPIPE);
        MUST_BE(coir_stream_read_line(ends[0], bytes, 4, COIR_NEVER), -EPIPE);
        MUST_BE(coir_stream_write(ends[0], bytes, 4, COIR_NEVER), -EPIPE);
        MUST_BE(coir_stream_shutdown(ends[0], COIR_NEVER), -EPIPE);
        wire_close(ends);
    }
    return 0;
}

START_TEST(abort_wakes_all)
{
    wire_play(_i, abort_all, NULL);
}
END_TEST

/* The abort comes at any moment of the reading. */
static int
abort_soon(void *arg)
{
    long rounds = core_rounds(2000);
    struct coir_stream *ends[2];
    (void)arg;
    for (long i = 0; i < rounds; i++) {
        struct core_actor reader;
        wire_open(wire_kind == WIRE_TCP ? WIRE_UNIX : wire_kind, 0, ends);
        core_start(&reader, read_for_ever, ends[0]);
        MUST_BE(coir_event_wait(&reader.begun, core_soon()), 0);
        for (uint64_t k = coir_random(2000); k > 0; k--)
            __asm__ volatile("");
        if (i % 2)
            coir_stream_abort(ends[0]);
        else
            coir_cancel(reader.self);
        MUST_BE(core_end(&reader), i % 2 ? -EPIPE : -ECANCELED);
        wire_close(ends);
    }
    return 0;
}

START_TEST(abort_or_cancel_at_any_moment)
{
    wire_play(_i, abort_soon, NULL);
}
END_TEST

/* ---- Peers that go ---- */

static int
peer_goes(void *arg)
{
    struct coir_stream *ends[2];
    struct core_actor writer;
    int result;
    (void)arg;
    wire_open(wire_kind, 0, ends);
    MUST_BE(coir_stream_close(ends[1]), 0);
    do
        result = coir_stream_write(ends[0], large, 100, core_soon());
    while (!result);
    MUST_BE(result, -EPIPE);
    MUST_BE(coir_stream_write(ends[0], large, 100, core_soon()), -EPIPE);
    MUST_BE(coir_stream_close(ends[0]), 0);
    wire_open(wire_kind, 1, ends); /* one that goes while we wait to write */
    core_start(&writer, write_large, ends[0]);
    core_await_waiting(&writer);
    MUST_BE(coir_stream_close(ends[1]), 0);
    MUST_BE(core_end(&writer), -EPIPE);
    MUST_BE(coir_stream_close(ends[0]), 0);
    return 0;
}

START_TEST(a_peer_that_is_gone_is_no_signal)
{
    wire_play(_i, peer_goes, NULL);
}
END_TEST

static int
read_to_the_reset(void *arg)
{
    char bytes[64];
    ssize_t count;
    int sum = 0;
    while ((count = coir_stream_read(arg, bytes, sizeof bytes, core_soon())) > 0)
        sum += (int)count;
    return count == -ECONNRESET ? sum : (int)count - 1000;
}

static int
data_and_reset(void *arg)
{
    struct coir_stream *ends[2];
    (void)arg;
    for (int i = 0; i < 60; i++) {
        struct core_actor reader;
        int sum;
        wire_open(WIRE_TCP, 0, ends);
        core_start(&reader, read_to_the_reset, ends[0]);
        if (i % 2)
            core_await_waiting(&reader);
        wire_put(ends[1], "data", 4);
        coir_stream_abort(ends[1]); /* makes its close a reset */
        MUST_BE(coir_stream_close(ends[1]), 0);
        sum = core_end(&reader);
        MUST(sum == 4 || sum == 0);
        MUST_BE(coir_stream_close(ends[0]), 0);
    }
    return 0;
}

START_TEST(a_reset_after_data)
{
    core_play((enum core_cast)_i, data_and_reset, NULL);
}
END_TEST

/* ---- Misuse ---- */

static int
close_in_use(void *arg)
{
    struct coir_stream *ends[2];
    struct core_actor reader;
    (void)arg;
    wire_open(WIRE_PAIR, 0, ends);
    core_start(&reader, read_for_ever, ends[0]);
    core_await_waiting(&reader);
    return coir_stream_close(ends[0]);
}

static int
play_close_in_use(void *arg)
{
    core_play(*(enum core_cast *)arg, close_in_use, NULL);
    return 0;
}

START_TEST(misuse_stops_the_process)
{
    enum core_cast cast = (enum core_cast)_i;
    core_must_die(play_close_in_use, &cast, SIGABRT, "coir_stream_close");
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_loop_test(cases, a_deadline_or_a_cancel_takes_nothing, 0, WIRE_PLAYS);
    tcase_add_loop_test(cases, a_write_that_stops_half_way_closes_the_way_out, 0, WIRE_PLAYS);
    tcase_add_loop_test(cases, abort_wakes_all, 0, WIRE_PLAYS);
    tcase_add_loop_test(cases, abort_or_cancel_at_any_moment, 0, WIRE_PLAYS);
    tcase_add_loop_test(cases, a_peer_that_is_gone_is_no_signal, 0, WIRE_PLAYS);
    tcase_add_loop_test(cases, a_reset_after_data, 0, CORE_CASTS);
    tcase_add_loop_test(cases, misuse_stops_the_process, 0, CORE_CASTS);
}

int
main(void)
{
    return core_main("stream_abort", add);
}
