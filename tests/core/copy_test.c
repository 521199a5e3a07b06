/* copy_test.c: coir_stream_copy between each two kinds of streams. For each the whole comes over, and no more than the limit;
 * what was read ahead comes first; a deadline and a cancel lose nothing; and a peer that goes half-way is -EPIPE. */
#include "core.h"
#include "wire.h"

#include <coir/file.h>
#include <coir/stream.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fault.h"

enum kind { A_FILE, A_FOUND_FILE, A_PAIR, A_TCP, A_PIPE, KINDS };
enum { FULL = 1 << 19, PAIRS = KINDS * KINDS }; /* bytes: more than what is between two ends holds */
static char bytes[FULL];
static char folder[64];

static void
set_up(void)
{
    strcpy(folder, "/tmp/coir-copy-XXXXXX");
    MUST(mkdtemp(folder));
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i % 251 + i / 4099);
    memcpy(bytes, "a line at\n", 10); /* to be read first */
}

static void
tear_down(void)
{
    static const char *const names[] = {"from", "to", "third"};
    for (int i = 0; i < 3; i++) {
        char path[96];
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    MUST_BE(rmdir(folder), 0);
}

/* One side of a copy: the stream it has, and the end beyond it, which is written into or read from. */
struct side {
    enum kind kind;
    struct coir_stream *stream, *beyond;
    size_t size; /* to be written by beyond, in all; or what has come there */
};

static struct coir_stream *
open_file(const char *name, const char *mode, enum kind kind)
{
    struct coir_stream *stream;
    char path[96];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (kind == A_FILE)
        MUST_BE(coir_file_open(NULL, path, mode, &stream, core_soon()), 0);
    else
        MUST_BE(coir_stream_from(open(path, O_RDWR | O_CREAT, 0600), &stream), 0);
    return stream;
}

static void
open_wire(enum kind kind, struct coir_stream *ends[2])
{
    int fds[2];
    if (kind == A_PAIR) {
        MUST_BE(coir_stream_pair(ends), 0);
    } else if (kind == A_TCP) {
        wire_open(WIRE_TCP, 8192, ends);
    } else {
        MUST_BE(pipe2(fds, O_CLOEXEC), 0);
        for (int i = 0; i < 2; i++)
            MUST_BE(coir_stream_from(fds[i], &ends[i]), 0);
    }
}

static void
open_from(struct side *side, enum kind kind, size_t size)
{
    struct coir_stream *ends[2];
    *side = (struct side){.kind = kind, .size = size};
    if (kind <= A_FOUND_FILE) {
        side->stream = open_file("from", "w", A_FILE);
        MUST_BE(coir_stream_write(side->stream, bytes, size, core_soon()), 0);
        MUST_BE(coir_stream_close(side->stream), 0);
        side->stream = open_file("from", "r", kind);
        return;
    }
    open_wire(kind, ends);
    side->stream = ends[0];
    side->beyond = ends[1];
}

static void
open_to(struct side *side, enum kind kind)
{
    struct coir_stream *ends[2];
    *side = (struct side){.kind = kind};
    if (kind <= A_FOUND_FILE) {
        side->stream = open_file("to", "w", kind);
        return;
    }
    open_wire(kind, ends);
    side->stream = ends[1];
    side->beyond = ends[0];
}

static int
feed(void *arg)
{
    const struct side *side = arg;
    int error = coir_stream_write(side->beyond, bytes, side->size, core_soon());
    return error ? error : coir_stream_shutdown(side->beyond, core_soon());
}

static int
take_all(void *arg)
{
    struct side *side = arg;
    char got[20000];
    ssize_t count;
    while ((count = coir_stream_read(side->beyond, got, sizeof got, core_soon())) > 0) {
        MUST(side->size + (size_t)count <= sizeof bytes);
        MUST(!memcmp(got, bytes + side->size, (size_t)count));
        side->size += (size_t)count;
    }
    return (int)count;
}

static void
close_side(struct side *side)
{
    MUST_BE(coir_stream_close(side->stream), 0);
    MUST_BE(coir_stream_close(side->beyond), 0);
}

/* What is in the file to. */
static void
must_be_in_file(size_t size)
{
    static char got[FULL + 1];
    struct coir_stream *stream = open_file("to", "r", A_FILE);
    struct coir_buffer buffer;
    coir_buffer_init(&buffer, sizeof got);
    MUST_BE(coir_stream_read_rest(stream, &buffer, core_soon()), 0);
    MUST_BE(buffer.size, size);
    MUST(!size || !memcmp(buffer.bytes, bytes, size));
    coir_buffer_fini(&buffer);
    MUST_BE(coir_stream_close(stream), 0);
}

/* ---- Whole, and limited ---- */

struct play {
    enum kind from, to;
    size_t size;
    bool is_ahead; /* a line is read first */
};

static void
copy_pieces(struct side *from, struct side *to, size_t size, size_t done)
{
    int64_t count;
    for (int64_t limit = 1; done < size; limit *= 7) { /* 0 and 1 and more */
        int64_t most = (int64_t)(size - done) < limit ? (int64_t)(size - done) : limit;
        count = coir_stream_copy(from->stream, to->stream, limit, core_soon());
        MUST_BE(count, most);
        done += (size_t)count;
    }
    MUST_BE(coir_stream_copy(from->stream, to->stream, 0, core_soon()), 0);
    MUST_BE(coir_stream_copy(from->stream, to->stream, -1, core_soon()), 0);
}

static void
play_pair(const struct play *play, bool in_pieces)
{
    struct side from, to;
    struct core_actor feeder, taker;
    char line[32];
    size_t done = 0;
    set_up();
    open_from(&from, play->from, play->size);
    open_to(&to, play->to);
    if (from.beyond)
        core_start(&feeder, feed, &from);
    if (to.beyond)
        core_start(&taker, take_all, &to);
    if (play->is_ahead) {
        MUST_BE(coir_stream_read_line(from.stream, line, sizeof line, core_soon()), 9);
        MUST_BE(coir_stream_print(to.stream, core_soon(), "%s\n", line), 0); /* a file collects it */
        done = 10;
    }
    if (in_pieces)
        copy_pieces(&from, &to, play->size, done);
    else
        MUST_BE(coir_stream_copy(from.stream, to.stream, -1, core_soon()), play->size - done);
    MUST_BE(coir_stream_shutdown(to.stream, core_soon()), 0);
    if (from.beyond)
        MUST_BE(core_end(&feeder), 0);
    if (to.beyond) {
        MUST_BE(core_end(&taker), 0);
        MUST_BE(to.size, play->size);
    }
    close_side(&from);
    close_side(&to);
    if (!to.beyond)
        must_be_in_file(play->size);
    tear_down();
}

static int
each_pair(void *arg)
{
    static const size_t sizes[] = {0, 1, 20000, 150000};
    int pair = *(const int *)arg;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        for (int k = 0; k < 2; k++) {
            struct play play = {(enum kind)(pair / KINDS), (enum kind)(pair % KINDS), sizes[i], k && sizes[i] > 10};
            play_pair(&play, k);
        }
    return 0;
}

static const enum core_cast casts[] = {CORE_ONE, CORE_FOUR, CORE_THREADS};
enum { CASTS = sizeof casts / sizeof casts[0] };

START_TEST(from_each_kind_into_each)
{
    int pair = _i % PAIRS;
    core_play(casts[_i / PAIRS], each_pair, &pair);
}
END_TEST

/* ---- Too late, canceled, aborted, gone ---- */

/* Nobody reads from to: the copy comes to stand; when somebody does, it is gone on with, and nothing is missing. */
static void
come_to_stand(enum kind from_kind, enum kind to_kind, bool is_now)
{
    struct side from, to;
    struct core_actor feeder, taker;
    int64_t count = 0, moved;
    set_up();
    open_from(&from, from_kind, FULL);
    open_to(&to, to_kind);
    MUST_BE(coir_stream_copy(from.stream, to.stream, 0, COIR_NOW), 0);
    if (from.beyond) {
        MUST_BE(coir_stream_copy(from.stream, to.stream, -1, COIR_NOW), -EAGAIN);
        MUST_BE(coir_stream_copy(from.stream, to.stream, -1, coir_after(COIR_MS)), -ETIMEDOUT); /* nothing comes */
        core_start(&feeder, feed, &from);
    }
    for (int i = 0; i < 3; i++) {
        moved = coir_stream_copy(from.stream, to.stream, -1, is_now ? COIR_NOW : coir_after(2 * COIR_MS));
        MUST(moved == -EAGAIN || moved == -ETIMEDOUT || (moved > 0 && is_now));
        count += moved > 0 ? moved : 0;
    }
    core_start(&taker, take_all, &to);
    moved = coir_stream_copy(from.stream, to.stream, -1, core_soon());
    MUST(moved > 0);
    MUST_BE(coir_stream_shutdown(to.stream, core_soon()), 0);
    MUST_BE(core_end(&taker), 0);
    MUST_BE(to.size, FULL);
    MUST(!is_now || count + moved == FULL);
    if (from.beyond)
        MUST_BE(core_end(&feeder), 0);
    close_side(&from);
    close_side(&to);
    tear_down();
}

static struct coir_event copied = COIR_EVENT_INIT;

static int
copy_for_ever(void *arg)
{
    struct side *sides = arg;
    int result = (int)coir_stream_copy(sides[0].stream, sides[1].stream, -1, COIR_NEVER);
    coir_event_set(&copied);
    return result;
}

enum end { CANCELED, ABORTED_FROM, ABORTED_TO, PEER_GONE, ENDS };

/* The copy stands, and something happens to it: waiting for from if that is a wire, for to if it is a file. */
static void
end_it(enum kind from_kind, enum kind to_kind, enum end end)
{
    static const int results[ENDS] = {-ECANCELED, -EPIPE, -EPIPE, -EPIPE};
    struct side sides[2];
    struct core_actor copier;
    char some[1000];
    set_up();
    open_from(&sides[0], from_kind, FULL);
    open_to(&sides[1], to_kind);
    if (sides[0].beyond) {
        MUST_BE(coir_stream_write(sides[0].beyond, bytes, 5000, core_soon()), 0);
    }
    coir_event_clear(&copied);
    core_start(&copier, copy_for_ever, sides);
    MUST_BE(coir_stream_read_full(sides[1].beyond, some, sizeof some, core_soon()), sizeof some);
    MUST(!memcmp(some, bytes, sizeof some));
    core_await_waiting(&copier);
    if (end == CANCELED)
        core_cancel(&copier);
    else if (end != PEER_GONE)
        coir_stream_abort(sides[end == ABORTED_TO].stream);
    if (end == PEER_GONE) {
        MUST_BE(coir_stream_close(sides[1].beyond), 0);
        sides[1].beyond = NULL;
    }
    /* It waits for from: it is to come to to. (TCP learns only by the first send that its peer is gone.) */
    while (sides[0].beyond && end >= ABORTED_TO && !coir_event_is_set(&copied)) {
        (void)coir_stream_write(sides[0].beyond, bytes, 1, COIR_NOW);
        (void)coir_yield();
    }
    MUST_BE(core_end(&copier), results[end]);
    close_side(&sides[0]);
    close_side(&sides[1]);
    tear_down();
}

static int
stand_still(void *arg)
{
    static const enum kind froms[] = {A_FILE, A_FOUND_FILE, A_PAIR, A_PIPE};
    enum kind to = *(const enum kind *)arg;
    for (int i = 0; i < 4; i++) {
        come_to_stand(froms[i], to, i % 2);
        if (!CORE_TSAN) /* where it takes ten times as long */
            come_to_stand(froms[i], to, !(i % 2));
        for (int end = 0; end < ENDS; end++)
            if (end != ABORTED_FROM || froms[i] > A_FOUND_FILE) /* else it is not there that it waits */
                end_it(froms[i], to, (enum end)end);
    }
    return 0;
}

START_TEST(a_copy_that_stands_is_ended)
{
    enum kind to = (enum kind)(A_PAIR + _i % 3);
    core_play(casts[_i / 3], stand_still, &to);
}
END_TEST

/* ---- What is special ---- */

static int
special(void *arg)
{
    struct coir_stream *from, *to, *ends[2];
    char got[64];
    int64_t count;
    (void)arg;
    set_up();
    /* A file without a size. */
    MUST_BE(coir_file_open(NULL, "/proc/self/status", "r", &from, core_soon()), 0);
    to = open_file("to", "w", A_FILE);
    count = coir_stream_copy(from, to, -1, core_soon());
    MUST(count > 100);
    MUST_BE(coir_file_seek(to, 0, SEEK_CUR, core_soon()), count);
    MUST_BE(coir_stream_close(from), 0);
    MUST_BE(coir_stream_close(to), 0);
    /* At the end of another, which copy_file_range refuses. */
    to = open_file("to", "w", A_FILE);
    MUST_BE(coir_stream_write(to, bytes, 100, core_soon()), 0);
    MUST_BE(coir_stream_close(to), 0);
    from = open_file("from", "w+", A_FILE);
    MUST_BE(coir_stream_write(from, bytes + 100, 1000, core_soon()), 0);
    MUST_BE(coir_file_seek(from, 0, SEEK_SET, core_soon()), 0);
    to = open_file("to", "a", A_FILE);
    MUST_BE(coir_stream_copy(from, to, -1, core_soon()), 1000);
    MUST_BE(coir_stream_copy(from, from, -1, core_soon()), -EINVAL);
    MUST_BE(coir_stream_copy(to, from, -1, core_soon()), -EBADF); /* open for writing only */
    MUST_BE(coir_stream_close(to), 0);
    must_be_in_file(1100);
    to = open_file("to", "r", A_FILE);
    MUST_BE(coir_stream_copy(from, to, -1, core_soon()), -EBADF); /* for reading only */
    MUST_BE(coir_stream_close(to), 0);
    /* The place after a copy with a limit. */
    MUST_BE(coir_file_seek(from, 10, SEEK_SET, core_soon()), 10);
    to = open_file("to", "w+", A_FILE);
    MUST_BE(coir_stream_copy(from, to, 20, core_soon()), 20);
    MUST_BE(coir_file_seek(from, 0, SEEK_CUR, core_soon()), 30);
    MUST_BE(coir_stream_print(to, core_soon(), "after"), 0);
    MUST_BE(coir_file_seek(to, 0, SEEK_SET, core_soon()), 0);
    MUST_BE(coir_stream_read_full(to, got, 25, core_soon()), 25);
    MUST(!memcmp(got, bytes + 110, 20) && !memcmp(got + 20, "after", 5));
    MUST_BE(coir_stream_close(to), 0);
    /* Nothing takes it. */
    MUST_BE(coir_file_seek(from, 0, SEEK_SET, core_soon()), 0);
    MUST_BE(coir_file_open(NULL, "/dev/full", "w", &to, core_soon()), 0);
    MUST_BE(coir_stream_copy(from, to, -1, core_soon()), -ENOSPC);
    MUST_BE(coir_file_seek(from, 0, SEEK_SET, core_soon()), 0);
    MUST_BE(coir_stream_close(to), 0);
    MUST_BE(coir_stream_close(from), 0);
    /* A stream into itself: an echo. */
    MUST_BE(coir_stream_pair(ends), 0);
    MUST_BE(coir_stream_write(ends[0], "echo", 4, core_soon()), 0);
    MUST_BE(coir_stream_copy(ends[1], ends[1], 4, core_soon()), 4);
    MUST_BE(coir_stream_read_full(ends[0], got, 4, core_soon()), 4);
    MUST_BE(coir_stream_shutdown(ends[1], core_soon()), 0);
    MUST_BE(coir_stream_copy(ends[1], ends[1], 4, core_soon()), -EPIPE);
    for (int i = 0; i < 2; i++)
        MUST_BE(coir_stream_close(ends[i]), 0);
    tear_down();
    return 0;
}

START_TEST(files_of_other_sorts)
{
    core_play(casts[_i], special, NULL);
}
END_TEST

/* Three files in a ring, each copied into the next one and into the one before, at the same time: each copy holds two. */
enum { RING = 3, COPIES = 2 * RING };
static struct coir_stream *ring[RING];

static int
copy_along(void *arg)
{
    const int *number = arg;
    struct coir_stream *from = ring[*number % RING];
    struct coir_stream *to = ring[(*number + (*number < RING ? 1 : RING - 1)) % RING];
    for (long i = core_rounds(100); i > 0; i--) {
        int64_t count = coir_stream_copy(from, to, 100, core_soon());
        MUST(count >= 0 && count <= 100);
        MUST_BE(coir_file_seek(from, 0, SEEK_SET, core_soon()), 0);
        (void)coir_yield();
    }
    return 0;
}

static int
copy_in_a_ring(void *arg)
{
    static const char *const names[RING] = {"from", "to", "third"};
    struct core_actor actors[COPIES];
    int numbers[COPIES];
    (void)arg;
    set_up();
    for (int i = 0; i < RING; i++) {
        ring[i] = open_file(names[i], "w+", A_FILE);
        MUST_BE(coir_stream_write(ring[i], bytes, 1000, core_soon()), 0);
    }
    for (int i = 0; i < COPIES; i++) {
        numbers[i] = i;
        core_start(&actors[i], copy_along, &numbers[i]);
    }
    for (int i = 0; i < COPIES; i++)
        MUST_BE(core_end(&actors[i]), 0);
    for (int i = 0; i < RING; i++)
        MUST_BE(coir_stream_close(ring[i]), 0);
    tear_down();
    return 0;
}

START_TEST(copies_in_all_directions)
{
    core_play(casts[_i], copy_in_a_ring, NULL);
}
END_TEST

/* A socket that somebody gave us is left as it is, and so is coir's own afterwards. */
static int
leave_flags(void *arg)
{
    struct coir_stream *from, *ends[2], *given;
    int fds[2], flags;
    (void)arg;
    set_up();
    from = open_file("from", "w+", A_FILE);
    MUST_BE(coir_stream_write(from, bytes, 20, core_soon()), 0);
    MUST_BE(coir_file_seek(from, 0, SEEK_SET, core_soon()), 0);
    MUST_BE(coir_stream_pair(ends), 0);
    flags = fcntl(coir_stream_fd(ends[0]), F_GETFL);
    MUST_BE(coir_stream_copy(from, ends[0], 10, core_soon()), 10);
    MUST_BE(fcntl(coir_stream_fd(ends[0]), F_GETFL), flags);
    MUST_BE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    MUST_BE(coir_stream_from(fds[0], &given), 0);
    MUST_BE(coir_stream_copy(from, given, 10, core_soon()), 10);
    MUST_BE(fcntl(fds[1], F_GETFL), fcntl(fds[0], F_GETFL));
    close(fds[1]);
    MUST_BE(coir_stream_close(given), 0);
    for (int i = 0; i < 2; i++)
        MUST_BE(coir_stream_close(ends[i]), 0);
    MUST_BE(coir_stream_close(from), 0);
    tear_down();
    return 0;
}

START_TEST(no_flag_is_left_behind)
{
    core_play(casts[_i], leave_flags, NULL);
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_loop_test(cases, from_each_kind_into_each, 0, PAIRS * CASTS);
    tcase_add_loop_test(cases, a_copy_that_stands_is_ended, 0, 3 * CASTS);
    tcase_add_loop_test(cases, files_of_other_sorts, 0, CASTS);
    tcase_add_loop_test(cases, copies_in_all_directions, 0, CASTS);
    tcase_add_loop_test(cases, no_flag_is_left_behind, 0, CASTS);
}

int
main(void)
{
    return core_main("copy", add);
}
