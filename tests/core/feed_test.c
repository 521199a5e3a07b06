/* feed_test.c: feeds of the backend uring (backend/feed.h): armed when reads of a stream wait again and again; what they have
 * brought is not lost and keeps its order when nobody reads, when somebody else does (another worker, a plain thread,
 * another runtime), when the descriptor is shown, when the stream is aborted or closed; slow readers take nothing from
 * others; bulk goes without. That streams keep their promises over feeds is told by parity_test.c and stream_test.c. */
#include "core.h"
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "backend/uring.h"
#include "base/fault.h"
#include "sched/worker.h"

static bool
is_allowed(void)
{
    struct io_uring_params params = {.flags = 0};
    long ring = cr_uring_probe() ? -1 : syscall(SYS_io_uring_setup, 1, &params);
    if (ring < 0) {
        printf("SKIP: io_uring is refused here\n");
        return false;
    }
    close((int)ring);
    return true;
}

static void
run_on(const char *backend, int workers, coir_function *function, void *arg)
{
    int result = coir_run(function, arg, &(struct coir_runtime_options){.workers = workers, .backend = backend});
    if (result)
        ck_abort_msg("coir_run: %d, %s %s", result, coir_error_text(result), coir_error_detail());
}

static uint64_t
count(CR_ATOMIC(uint64_t) * counter)
{
    return cr_load_acq(counter);
}

/* ---- A stream with an armed feed ---- */

enum { ROOM = 64, WAITS = 3 };

static struct coir_stream *ends[2]; /* written to, read from */
static const struct cr_worker *home;
static CR_ATOMIC(int) reads;

static int
read_and_wait(void *arg)
{
    char bytes[ROOM];
    (void)arg;
    home = cr_here.worker;
    for (int i = 0; i < WAITS; i++) {
        MUST_BE(coir_stream_read(ends[1], bytes, sizeof bytes, core_soon()), 1);
        MUST(bytes[0] == 'a' + i);
        (void)cr_add_ar(&reads, 1);
    }
    return 0;
}

/* Each read waits; the second finds that it is worth a feed. Whoever read is gone then. */
static void
arm(void)
{
    uint64_t feeds = count(&cr_uring_counts.feeds);
    struct coir_task *task;
    int result;
    wire_open(WIRE_TCP, 0, ends);
    MUST_BE(coir_go_spread(read_and_wait, NULL, NULL, &task), 0);
    for (int i = 0; i < WAITS; i++) {
        int before = cr_load_acq(&reads);
        core_await_parked(task);
        wire_put(ends[0], &"abc"[i], 1);
        for (coir_time end = core_soon(); cr_load_acq(&reads) == before;) {
            MUST(coir_now() < end);
            (void)coir_yield();
        }
    }
    MUST_BE(coir_join(task, &result, core_soon()), 0);
    MUST_BE(result, 0);
    MUST_BE(count(&cr_uring_counts.feeds), feeds + 1);
}

static uint64_t
pieces_brought(void)
{
    return count(&((struct cr_uring *)home->backend_self)->pieces);
}

/* So many bytes with nobody reading, until the feed has brought some of them. */
static void
put_unread(const char *text)
{
    uint64_t pieces = pieces_brought();
    coir_time end = core_soon();
    wire_put(ends[0], text, strlen(text));
    while (pieces_brought() == pieces) {
        MUST(coir_now() < end);
        (void)coir_yield();
    }
}

/* ---- Read where it is armed ---- */

static int
read_kept_bytes(void *arg)
{
    char bytes[ROOM];
    (void)arg;
    arm();
    put_unread("first ");
    put_unread("second");
    MUST_BE(coir_stream_read(ends[1], bytes, 4, COIR_NOW), 4);
    MUST_BE(coir_stream_read(ends[1], bytes + 4, sizeof bytes - 4, core_soon()), 8);
    MUST(!memcmp(bytes, "first second", 12));
    MUST_BE(coir_stream_read(ends[1], bytes, sizeof bytes, COIR_NOW), -EAGAIN);
    /* What has arrived and nobody has looked at is there at once. */
    wire_put(ends[0], "third", 5);
    MUST_BE(coir_stream_read(ends[1], bytes, sizeof bytes, COIR_NOW), 5);
    put_unread("a line\nand its");
    wire_put(ends[0], " end\n", 5);
    MUST_BE(coir_stream_read_line(ends[1], bytes, sizeof bytes, core_soon()), 6);
    MUST_BE(coir_stream_read_line(ends[1], bytes, sizeof bytes, core_soon()), 11);
    MUST(!strcmp(bytes, "and its end"));
    put_unread("last");
    MUST_BE(coir_stream_close(ends[0]), 0);
    MUST_BE(coir_stream_read(ends[1], bytes, sizeof bytes, core_soon()), 4);
    MUST_BE(coir_stream_read(ends[1], bytes, sizeof bytes, core_soon()), 0);
    MUST_BE(coir_stream_read(ends[1], bytes, sizeof bytes, COIR_NOW), 0);
    MUST_BE(coir_stream_close(ends[1]), 0);
    return 0;
}

START_TEST(kept_bytes_come_in_order)
{
    if (is_allowed())
        run_on("uring", 1, read_kept_bytes, NULL);
}
END_TEST

static int
read_byte_of_many(void *arg)
{
    char bytes[ROOM];
    (void)arg;
    MUST_BE(coir_stream_read(ends[1], bytes, sizeof bytes, core_soon()), 1);
    return 0;
}

/* What is there before a feed is armed, together with the end, which no later event tells. */
static int
find_the_end(void *arg)
{
    uint64_t feeds = count(&cr_uring_counts.feeds);
    struct coir_task *task;
    char bytes[ROOM];
    (void)arg;
    wire_open(WIRE_TCP, 0, ends);
    MUST_BE(coir_stream_read(ends[1], bytes, 1, COIR_NOW), -EAGAIN);
    MUST_BE(coir_go(read_byte_of_many, NULL, NULL, &task), 0);
    core_await_parked(task);
    wire_put(ends[0], "a", 1);
    MUST_BE(coir_join(task, NULL, core_soon()), 0);
    wire_put(ends[0], "the", 3);
    MUST_BE(coir_stream_shutdown(ends[0], core_soon()), 0);
    MUST_BE(coir_stream_read(ends[1], bytes, sizeof bytes, core_soon()), 3);
    MUST_BE(count(&cr_uring_counts.feeds), feeds + 1);
    MUST_BE(coir_stream_read(ends[1], bytes, sizeof bytes, core_soon()), 0);
    wire_close(ends);
    return 0;
}

START_TEST(the_end_is_found_behind_bytes)
{
    if (is_allowed())
        run_on("uring", 1, find_the_end, NULL);
}
END_TEST

/* A read that runs out of time has its feed ended; nothing is lost between it and the next. */
static int
read_with_little_time(void *arg)
{
    long rounds = core_rounds(2000), late = 0, got = 0, sent = 0;
    char first;
    (void)arg;
    arm();
    /* Its reader may have been on another worker: who waits here has that feed ended, so that who only tries meets his own. */
    wire_put(ends[0], "x", 1);
    MUST_BE(coir_stream_read(ends[1], &first, 1, core_soon()), 1);
    for (long i = 0; i < rounds || !late; i++) {
        unsigned char bytes[ROOM], byte = (unsigned char)sent;
        ssize_t size;
        if (i % 3) {
            wire_put(ends[0], (char *)&byte, 1);
            sent++;
        }
        size = coir_stream_read(ends[1], bytes, sizeof bytes, coir_after(i % 2 ? 20 * COIR_US : COIR_US));
        if (size == -ETIMEDOUT) {
            late++;
            size = 0;
        }
        MUST(size >= 0);
        for (ssize_t k = 0; k < size; k++)
            MUST_BE(bytes[k], (unsigned char)got++);
        if (size == 0 && i % 4 == 0) { /* no feed is left: whoever asks now is told at once */
            MUST_BE(coir_stream_read(ends[1], bytes, sizeof bytes, COIR_NOW), got < sent ? sent - got : -EAGAIN);
            got = sent;
        }
    }
    MUST_BE(coir_stream_shutdown(ends[0], core_soon()), 0);
    for (char byte; coir_stream_read(ends[1], &byte, 1, core_soon()) == 1;)
        MUST_BE((unsigned char)byte, (unsigned char)got++);
    MUST_BE(got, sent);
    wire_close(ends);
    return 0;
}

START_TEST(time_out_loses_nothing)
{
    if (is_allowed())
        run_on("uring", _i ? 4 : 1, read_with_little_time, NULL);
}
END_TEST

/* ---- Read elsewhere ---- */

static void
read_the_rest_until(coir_time deadline)
{
    char bytes[ROOM];
    MUST_BE(coir_stream_read_full(ends[1], bytes, 12, deadline), 12);
    MUST(!memcmp(bytes, "first second", 12));
    wire_put(ends[0], "third", 5);
    MUST_BE(coir_stream_read_full(ends[1], bytes, 5, deadline), 5);
    MUST(!memcmp(bytes, "third", 5));
}

static void
read_the_rest(void)
{
    read_the_rest_until(core_soon());
}

enum { NOT_ELSEWHERE = 1 };

/* Not on the feed's home. */
static int
read_elsewhere(void *arg)
{
    (void)arg;
    if (cr_here.worker == home)
        return NOT_ELSEWHERE;
    read_the_rest();
    return 0;
}

static int
read_and_close_elsewhere(void *arg)
{
    int result = read_elsewhere(arg);
    return result ? result : coir_stream_close(ends[1]);
}

/* With the feed armed, and what it has brought not looked at. */
static int
close_elsewhere(void *arg)
{
    (void)arg;
    return cr_here.worker == home ? NOT_ELSEWHERE : coir_stream_close(ends[1]);
}

/* Until a worker that is not the feed's home has had it. */
static void
play_elsewhere(coir_function *function)
{
    int result = NOT_ELSEWHERE;
    while (result == NOT_ELSEWHERE) {
        struct coir_task *task;
        MUST_BE(coir_go_spread(function, NULL, NULL, &task), 0);
        MUST_BE(coir_join(task, &result, core_soon()), 0);
    }
    MUST_BE(result, 0);
}

/* The peer of a stream that is closed elsewhere sees its end all the same. */
static void
must_see_the_end(void)
{
    char byte;
    ssize_t got = coir_stream_read(ends[0], &byte, 1, core_soon());
    MUST(got == 0 || got == -ECONNRESET); /* bytes it had not read */
    MUST_BE(coir_stream_close(ends[0]), 0);
}

static void *
read_as_thread(void *arg)
{
    read_the_rest_until(COIR_NEVER);
    coir_event_set(arg);
    return NULL;
}

/* The workers go on meanwhile: one is the home. Nobody has a deadline, and yet not everyone waits: the home has been told. */
static void
play_as_thread(void)
{
    struct coir_event done = {0};
    pthread_t thread;
    MUST_BE(pthread_create(&thread, NULL, read_as_thread, &done), 0);
    MUST_BE(coir_event_wait(&done, COIR_NEVER), 0);
    MUST_BE(pthread_join(thread, NULL), 0);
}

enum way { WAY_WORKER, WAY_THREAD, WAY_CLOSE, WAY_CLOSE_UNREAD, WAY_CLOSE_AT_HOME, WAY_BACK, WAYS };

static int
hand_over(void *arg)
{
    enum way way = *(enum way *)arg;
    arm();
    put_unread("first ");
    put_unread("second");
    switch (way) {
    case WAY_WORKER:
        play_elsewhere(read_elsewhere);
        wire_close(ends);
        break;
    case WAY_THREAD:
        play_as_thread();
        wire_close(ends);
        break;
    case WAY_CLOSE:
        play_elsewhere(read_and_close_elsewhere);
        must_see_the_end();
        break;
    case WAY_CLOSE_UNREAD:
        play_elsewhere(close_elsewhere);
        must_see_the_end();
        break;
    case WAY_CLOSE_AT_HOME:
        MUST_BE(coir_stream_close(ends[1]), 0);
        must_see_the_end();
        break;
    default:
        play_elsewhere(read_elsewhere);
        wire_put(ends[0], "first second", 12);
        read_the_rest();
        wire_close(ends);
    }
    return 0;
}

START_TEST(a_feed_ends_for_others)
{
    enum way way = (enum way)_i;
    int before;
    if (!is_allowed())
        return;
    run_on("uring", 2, hand_over, &way); /* what the library keeps for good is made */
    before = core_open_descriptors();
    run_on("uring", 2, hand_over, &way);
    MUST_BE(core_open_descriptors(), before);
}
END_TEST

static int
arm_and_leave(void *arg)
{
    (void)arg;
    arm();
    put_unread("first ");
    wire_put(ends[0], "second", 6);
    return 0;
}

static int
read_after_all(void *arg)
{
    (void)arg;
    read_the_rest();
    wire_close(ends);
    return 0;
}

/* The runtime has gone, and with it the ring: what it had is still there, for another one or for none. */
START_TEST(a_stream_outlives_its_feed)
{
    static const char *const backends[] = {"epoll", "uring"};
    if (!is_allowed())
        return;
    run_on("uring", 2, arm_and_leave, NULL);
    if (_i < 2)
        run_on(backends[_i], 2, read_after_all, NULL);
    else
        MUST_BE(read_after_all(NULL), 0);
}
END_TEST

/* ---- Waiting for the end of a feed whose home is busy ---- */

struct visitor {
    pthread_t thread;
    CR_ATOMIC(struct coir_task *) self;
    ssize_t result;
};

static void *
read_briefly(void *arg)
{
    char byte;
    (void)arg;
    MUST_BE(coir_stream_read(ends[1], &byte, 1, COIR_NOW), -EAGAIN);
    MUST_BE(coir_stream_read(ends[1], &byte, 1, coir_after(COIR_MS)), -ETIMEDOUT);
    MUST_BE(coir_stream_read(ends[1], &byte, 1, COIR_NOW), -EAGAIN);
    return NULL;
}

static void *
read_until_ended(void *arg)
{
    struct visitor *visitor = arg;
    char byte;
    cr_store_rel(&visitor->self, coir_self());
    visitor->result = coir_stream_read(ends[1], &byte, 1, core_soon());
    return NULL;
}

/* The director is the only fiber of the home, and gives no turn while threads want its stream. */
static int
keep_home_busy(void *arg)
{
    int wanted = *(int *)arg;
    struct visitor visitor = {.result = 0};
    struct coir_task *task;
    arm();
    put_unread("first ");
    MUST_BE(pthread_create(&visitor.thread, NULL, read_briefly, NULL), 0);
    MUST_BE(pthread_join(visitor.thread, NULL), 0);
    MUST_BE(pthread_create(&visitor.thread, NULL, read_until_ended, &visitor), 0);
    while (!(task = cr_load_acq(&visitor.self)) || (cr_load_acq(&task->claim) & CR_CLAIM_STATE) != CR_WAITING)
        sched_yield();
    if (wanted == -EPIPE)
        coir_stream_abort(ends[1]);
    else
        coir_cancel(task);
    MUST_BE(pthread_join(visitor.thread, NULL), 0);
    MUST_BE(visitor.result, wanted);
    wire_put(ends[0], "second", 6);
    if (wanted != -EPIPE)
        read_the_rest();
    wire_close(ends);
    return 0;
}

START_TEST(waiting_for_a_busy_home_can_be_ended)
{
    int wanted = _i ? -EPIPE : -ECANCELED;
    if (is_allowed())
        run_on("uring", 1, keep_home_busy, &wanted);
}
END_TEST

/* ---- Shown ---- */

static int
show(void *arg)
{
    char bytes[ROOM];
    uint64_t feeds;
    int fd, left;
    (void)arg;
    arm();
    put_unread("first ");
    fd = coir_stream_fd(ends[1]);
    wire_put(ends[0], "second", 6);
    MUST_BE(coir_sleep(coir_after(COIR_US)), 0); /* the backend is asked: it must not bring them */
    MUST_BE(ioctl(fd, FIONREAD, &left), 0);
    MUST_BE(left, 6);
    MUST_BE(coir_stream_read(ends[1], bytes, sizeof bytes, core_soon()), 6);
    MUST(!memcmp(bytes, "first ", 6));
    MUST_BE(recv(fd, bytes, sizeof bytes, MSG_DONTWAIT), 6);
    MUST(!memcmp(bytes, "second", 6));
    feeds = count(&cr_uring_counts.feeds);
    for (int i = 0; i < 5; i++) {
        MUST_BE(coir_stream_read(ends[1], bytes, sizeof bytes, coir_after(COIR_US)), -ETIMEDOUT);
        wire_put(ends[0], "x", 1);
        MUST_BE(coir_stream_read(ends[1], bytes, sizeof bytes, core_soon()), 1);
    }
    MUST_BE(count(&cr_uring_counts.feeds), feeds);
    wire_close(ends);
    return 0;
}

START_TEST(what_is_shown_is_not_read_ahead)
{
    if (is_allowed())
        run_on("uring", 1, show, NULL);
}
END_TEST

/* ---- Slow readers and bulk ---- */

enum { CROWD = 40, PIECES = 50 };

static struct coir_stream *crowd[CROWD][2];

static int
read_numbers(void *arg)
{
    struct coir_stream *stream = arg;
    for (int i = 0; i < PIECES; i++) {
        char bytes[ROOM];
        int number;
        ssize_t got = coir_stream_read(stream, bytes, sizeof number, core_soon());
        MUST_BE(got, sizeof number);
        memcpy(&number, bytes, sizeof number);
        MUST_BE(number, i);
    }
    return 0;
}

/* Every second stream has a feed full of what nobody reads; the others go on. Two buffers for all of them: a burst finds
 * none, again and again. */
static int
burst(void *arg)
{
    struct coir_task *tasks[CROWD];
    int result, got;
    (void)arg;
    for (int i = 0; i < CROWD; i++) {
        arm();
        memcpy(crowd[i], ends, sizeof ends);
    }
    for (int i = 0; i < CROWD; i += 2)
        MUST_BE(coir_go(read_numbers, crowd[i][1], NULL, &tasks[i]), 0);
    for (int n = 0; n < PIECES; n++) {
        for (int i = 0; i < CROWD; i++)
            wire_put(crowd[i][0], (const char *)&n, sizeof n);
        if (n % 4 == 0)
            (void)coir_sleep(coir_after(COIR_US)); /* until the backend is asked */
    }
    for (int i = 0; i < CROWD; i += 2) {
        MUST_BE(coir_join(tasks[i], &result, core_soon()), 0);
        MUST_BE(result, 0);
    }
    for (int i = 1; i < CROWD; i += 2)
        for (int n = 0; n < PIECES; n++) {
            MUST_BE(coir_stream_read_full(crowd[i][1], &got, sizeof got, core_soon()), sizeof got);
            MUST_BE(got, n);
        }
    for (int i = 0; i < CROWD; i++)
        wire_close(crowd[i]);
    return 0;
}

START_TEST(slow_readers_take_no_buffers_from_others)
{
    if (!is_allowed())
        return;
    cr_uring_sizes.buffers = 2;
    run_on("uring", 1, burst, NULL);
    MUST(count(&cr_uring_counts.starved) > 0);
}
END_TEST

/* More than the two socket buffers grow to by themselves (tcp_wmem, tcp_rmem: 4 and 6 MiB). */
enum { LARGE = 16 << 20 };

static int
write_large(void *arg)
{
    static unsigned char bytes[LARGE];
    (void)arg;
    for (size_t i = 0; i < LARGE; i++)
        bytes[i] = (unsigned char)(i % 251);
    return coir_stream_write(ends[0], bytes, LARGE, core_soon());
}

/* More than a feed keeps, and nobody reads: the rest stays in the kernel, and the writer waits. Then it is read by large
 * pieces, which need no feed. */
static int
read_large_late(void *arg)
{
    static unsigned char bytes[LARGE];
    uint64_t pieces;
    struct coir_task *task;
    size_t got = 0;
    int result;
    (void)arg;
    arm();
    pieces = pieces_brought();
    MUST_BE(coir_go(write_large, NULL, NULL, &task), 0);
    core_await_parked(task);
    (void)coir_sleep(coir_after(20 * COIR_MS)); /* whatever is taken without a reader is taken now */
    MUST_BE(coir_join(task, &result, COIR_NOW), -EAGAIN);
    MUST(pieces_brought() - pieces < 200);
    while (got < LARGE) {
        ssize_t some = coir_stream_read(ends[1], bytes + got, LARGE - got, core_soon());
        MUST(some > 0);
        got += (size_t)some;
    }
    for (size_t i = 0; i < LARGE; i++)
        MUST(bytes[i] == i % 251);
    MUST_BE(coir_join(task, &result, core_soon()), 0);
    MUST_BE(result, 0);
    MUST(pieces_brought() - pieces < 200);
    wire_close(ends);
    return 0;
}

START_TEST(bulk_goes_without)
{
    if (is_allowed())
        run_on("uring", 1, read_large_late, NULL);
}
END_TEST

/* ---- What fails ---- */

/* The n-th allocation, ring call, or attachment: a feed that cannot be had is done without; bytes that cannot be kept are
 * a failure that is told, not a hole. */
static int
arm_and_fail(void *arg)
{
    int site = *(int *)arg;
    for (uint64_t n = 1; n < 12; n++) {
        struct coir_task *task;
        char bytes[ROOM];
        ssize_t got;
        int result;
        wire_open(WIRE_TCP, 0, ends);
        MUST_BE(coir_go(read_and_wait, NULL, NULL, &task), 0);
        core_await_parked(task);
        cr_fault_arm(UINT64_C(1) << site, n, false);
        for (int i = 0; i < WAITS; i++) {
            int before = cr_load_acq(&reads);
            wire_put(ends[0], &"abc"[i], 1);
            while (cr_load_acq(&reads) == before)
                (void)coir_yield();
        }
        wire_put(ends[0], "kept", 4);
        (void)coir_sleep(coir_after(COIR_US));
        (void)cr_fault_disarm();
        MUST_BE(coir_join(task, &result, core_soon()), 0);
        MUST_BE(result, 0);
        got = coir_stream_read(ends[1], bytes, sizeof bytes, core_soon());
        MUST((got == 4 && !memcmp(bytes, "kept", 4)) || (got == -ENOMEM && site == CR_FAULT_MEMORY));
        wire_close(ends);
    }
    return 0;
}

static const int sites[] = {CR_FAULT_MEMORY, CR_FAULT_ENTER};

START_TEST(what_fails_is_told)
{
    int site = sites[_i];
    if (is_allowed())
        run_on("uring", 1, arm_and_fail, &site);
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_test(cases, kept_bytes_come_in_order);
    tcase_add_test(cases, the_end_is_found_behind_bytes);
    tcase_add_loop_test(cases, time_out_loses_nothing, 0, 2);
    tcase_add_loop_test(cases, a_feed_ends_for_others, 0, WAYS);
    tcase_add_loop_test(cases, a_stream_outlives_its_feed, 0, 3);
    tcase_add_loop_test(cases, waiting_for_a_busy_home_can_be_ended, 0, 2);
    tcase_add_test(cases, what_is_shown_is_not_read_ahead);
    tcase_add_test(cases, slow_readers_take_no_buffers_from_others);
    tcase_add_test(cases, bulk_goes_without);
    tcase_add_loop_test(cases, what_fails_is_told, 0, sizeof sites / sizeof sites[0]);
}

int
main(void)
{
    return core_main("feed", add);
}
