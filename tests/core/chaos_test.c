/* chaos_test.c: COIR_CHAOS: what it says about nonsense, that it bites, what it must not touch, and that a seed repeats
 * it. Each case is a process, so each may have an environment of its own. */
#include "core.h"
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/operation.h"
#include "base/choose.h"

static void
ask_for(const char *chaos)
{
    MUST_BE(setenv("COIR_CHAOS", chaos, 1), 0);
}

/* ---- Nonsense ---- */

static const struct {
    const char *text, *word;
} nonsense[] = {{"agian=10", "'agian=10'"},
                {"again", "'again'"},
                {"again=", "'again='"},
                {"again=-1", "'again=-1'"},
                {"again=x", "'again=x'"},
                {"again=10%", "'again=10%'"},
                {"again=91", "'again=91'"},
                {"short_read=101", "'short_read=101'"},
                {"again=10 short_write=300 seed=1", "'short_write=300'"},
                {"seed=99999999999999999999", "'seed=99999999999999999999'"},
                {"=5", "'=5'"}};

static int
do_nothing(void *arg)
{
    (void)arg;
    return 0;
}

START_TEST(nonsense_is_named)
{
    ask_for(nonsense[_i].text);
    MUST_BE(coir_run(do_nothing, NULL, NULL), -EINVAL);
    MUST(strstr(coir_error_detail(), nonsense[_i].word));
    MUST(strstr(coir_error_detail(), "COIR_CHAOS=\"again=10 short_read=30 short_write=30 seed=1\""));
    MUST_BE(coir_run(do_nothing, NULL, NULL), -EINVAL); /* it is read once, and refused each time */
}
END_TEST

static int
write_a_byte(void *arg)
{
    struct coir_stream *ends[2];
    (void)arg;
    wire_open(WIRE_PAIR, 0, ends);
    return coir_stream_write(ends[0], "x", 1, core_soon());
}

START_TEST(nonsense_stops_a_program_without_a_runtime)
{
    ask_for("agian=10");
    core_must_die(write_a_byte, NULL, SIGABRT, "COIR_CHAOS: 'agian=10'");
}
END_TEST

/* ---- How often things happen ---- */

static cr_operation_attempt *const *under;
static int sends, receives; /* atomic */

static int
count_send(struct cr_op *op)
{
    __atomic_add_fetch(&sends, 1, __ATOMIC_SEQ_CST);
    return under[CR_OP_SEND](op);
}

static int
count_receive(struct cr_op *op)
{
    __atomic_add_fetch(&receives, 1, __ATOMIC_SEQ_CST);
    return under[op->kind](op);
}

static void
count_operations(void)
{
    static cr_operation_attempt *counting[CR_OP_KINDS];
    under = cr_operation_install(NULL);
    memcpy(counting, under, sizeof counting);
    counting[CR_OP_SEND] = count_send;
    counting[CR_OP_RECEIVE] = counting[CR_OP_RECEIVE_MESSAGE] = count_receive;
    cr_operation_install(counting);
}

static enum wire_kind kind;

/* 100 bytes to and fro, 20 times. */
static int
to_and_fro(void *arg)
{
    struct coir_stream *ends[2];
    char out[100], in[100];
    (void)arg;
    wire_open(kind, 0, ends);
    for (int i = 0; i < 20; i++) {
        memset(out, 'a' + i, sizeof out);
        MUST_BE(coir_stream_write(ends[i % 2], out, sizeof out, core_soon()), 0);
        MUST_BE(coir_stream_read_full(ends[1 - i % 2], in, sizeof in, core_soon()), sizeof in);
        MUST(!memcmp(in, out, sizeof in));
    }
    wire_close(ends);
    return 0;
}

static const struct {
    const char *chaos;
    bool cuts_reads, cuts_writes;
} bites[] = {{"short_read=100", true, false},
             {"short_write=100", false, true},
             {"short_read=100,short_write=100", true, true},
             {"", false, false},
             {"seed=7", false, false},
             {"again=0 short_read=0 short_write=0", false, false}};
enum { BITES = sizeof bites / sizeof bites[0], CASTS = CORE_CASTS * WIRE_KINDS };

START_TEST(cuts)
{
    int row = _i / CASTS, wanted = core_is_long() ? 40 : 21;
    ask_for(bites[row].chaos);
    count_operations();
    kind = (enum wire_kind)(_i % WIRE_KINDS);
    core_play((enum core_cast)(_i % CASTS / WIRE_KINDS), to_and_fro, NULL);
    MUST(bites[row].cuts_writes ? sends >= wanted : sends == 20);
    MUST(bites[row].cuts_reads ? receives >= wanted : receives >= 20);
}
END_TEST

/* ---- With all choices in our hands ---- */

static uint32_t
always(uint32_t n, const char *label)
{
    (void)n, (void)label;
    return 0;
}

/* Nine times of ten; each thread counts for itself. */
static uint32_t
nearly_always(uint32_t n, const char *label)
{
    static _Thread_local int count;
    return !strcmp(label, "again") && ++count % 10 == 0 ? n - 1 : 0;
}

static int
play_ping_pong(void *arg)
{
    struct coir_stream *stream = arg;
    char byte;
    ssize_t count;
    while ((count = coir_stream_read(stream, &byte, 1, core_soon())) > 0)
        MUST_BE(coir_stream_write(stream, &byte, 1, core_soon()), 0);
    return (int)count;
}

static int
ping_pong(void *arg)
{
    struct coir_stream *ends[2];
    struct core_actor player;
    (void)arg;
    wire_open(kind, 0, ends);
    core_start(&player, play_ping_pong, ends[1]);
    for (int i = 0; i < 200; i++) {
        char byte = (char)i, back = 0;
        MUST_BE(coir_stream_write(ends[0], &byte, 1, core_soon()), 0);
        MUST_BE(coir_stream_read(ends[0], &back, 1, core_soon()), 1);
        MUST(back == byte);
    }
    MUST_BE(coir_stream_shutdown(ends[0], core_soon()), 0);
    MUST_BE(core_end(&player), 0);
    wire_close(ends);
    return 0;
}

START_TEST(no_edge_is_lost)
{
    ask_for("again=90");
    cr_choose_install(nearly_always);
    kind = (enum wire_kind)(_i % WIRE_KINDS);
    core_play((enum core_cast)(_i / WIRE_KINDS), ping_pong, NULL);
}
END_TEST

/* Who only tries, and who looks a last time before he gives up, is told the truth. */
static int
now_and_late(void *arg)
{
    char address[COIR_ADDRESS_TEXT], byte;
    struct coir_listener *listener = wire_listen(arg, address);
    struct coir_stream *ends[2];
    MUST_BE(coir_listener_accept(listener, &ends[1], COIR_NOW), -EAGAIN);
    MUST_BE(coir_stream_dial(address, NULL, &ends[0], core_soon()), 0);
    MUST_BE(coir_listener_accept(listener, &ends[1], COIR_NOW), 0);
    MUST_BE(coir_stream_write(ends[0], "n", 1, COIR_NOW), 0);
    MUST_BE(coir_stream_write(ends[0], "l", 1, core_past()), 0);
    MUST_BE(coir_stream_read(ends[1], &byte, 1, COIR_NOW), 1);
    MUST(byte == 'n');
    MUST_BE(coir_stream_read(ends[1], &byte, 1, core_past()), 1);
    MUST(byte == 'l');
    MUST_BE(coir_stream_read(ends[1], &byte, 1, COIR_NOW), -EAGAIN);
    MUST_BE(coir_stream_read(ends[1], &byte, 1, coir_after(COIR_MS)), -ETIMEDOUT);
    wire_close(ends);
    coir_listener_close(listener);
    return 0;
}

START_TEST(tries_are_told_the_truth)
{
    char place[64];
    snprintf(place, sizeof place, "unix:@coir-chaos-%d", (int)getpid());
    ask_for("again=1");
    cr_choose_install(always);
    core_play((enum core_cast)_i, now_and_late, place);
}
END_TEST

/* ---- What is not touched ---- */

static void
receive_whole(int type)
{
    struct cr_op op = {.kind = CR_OP_RECEIVE};
    char bytes[64];
    int fds[2];
    MUST_BE(socketpair(AF_UNIX, type, 0, fds), 0);
    op.fd = fds[0];
    op.data = bytes;
    op.length = sizeof bytes;
    MUST_BE(send(fds[1], "0123456789", 10, 0), 10);
    MUST_BE(cr_operation_try(&op), CR_AGAIN);
    op.try_only = true;
    MUST_BE(cr_operation_try(&op), type == SOCK_STREAM ? 1 : 10);
    op = (struct cr_op){.kind = CR_OP_SEND, .fd = fds[0], .parts = &(struct iovec){bytes, 10}, .count = 1};
    op.try_only = true;
    MUST_BE(cr_operation_try(&op), type == SOCK_STREAM ? 1 : 10);
    close(fds[0]);
    close(fds[1]);
}

/* O_DIRECT: a pipe of packets, which only its writing end knows. */
static void
through_a_pipe(int flags)
{
    char bytes[64] = "0123456789";
    struct cr_op op = {.kind = CR_OP_WRITE, .try_only = true, .parts = &(struct iovec){bytes, 10}, .count = 1};
    int fds[2], written = flags & O_DIRECT ? 10 : 1;
    MUST_BE(pipe2(fds, flags), 0);
    op.fd = fds[1];
    MUST_BE(cr_operation_try(&op), written);
    op = (struct cr_op){.kind = CR_OP_READ, .fd = fds[0], .try_only = true, .data = bytes, .length = sizeof bytes};
    MUST_BE(cr_operation_try(&op), written);
    close(fds[0]);
    close(fds[1]);
}

static void
a_file(void)
{
    char bytes[64], path[] = "/tmp/coir-chaos-XXXXXX";
    struct cr_op op = {.kind = CR_OP_READ, .is_file = true, .data = bytes, .length = sizeof bytes};
    op.fd = mkstemp(path);
    MUST_BE(unlink(path), 0);
    MUST_BE(write(op.fd, "0123456789", 10), 10);
    MUST_BE(lseek(op.fd, 0, SEEK_SET), 0);
    MUST_BE(cr_operation_try(&op), 10);
    close(op.fd);
}

static void
accepting(void)
{
    char address[COIR_ADDRESS_TEXT];
    struct coir_listener *listener = wire_listen("127.0.0.1:0", address);
    struct cr_op op = {.kind = CR_OP_ACCEPT, .fd = coir_listener_fd(listener)};
    struct coir_stream *dialler;
    int fd;
    MUST_BE(cr_operation_try(&op), -EAGAIN); /* nobody is there: the truth, or no event would ever come */
    MUST_BE(coir_stream_dial(address, NULL, &dialler, core_soon()), 0);
    MUST_BE(cr_operation_try(&op), CR_AGAIN);
    op.try_only = true;
    fd = cr_operation_try(&op);
    MUST(fd >= 0);
    close(fd);
    coir_stream_close(dialler);
    coir_listener_close(listener);
}

START_TEST(what_has_borders_is_not_cut)
{
    ask_for("again=1 short_read=1 short_write=1");
    cr_choose_install(always);
    receive_whole(SOCK_STREAM);
    receive_whole(SOCK_DGRAM);
    receive_whole(SOCK_SEQPACKET);
    through_a_pipe(0);
    through_a_pipe(O_DIRECT);
    a_file();
    accepting();
}
END_TEST

/* ---- Seeds ---- */

static char lengths[400];

static int
note_lengths(void *arg)
{
    struct coir_stream *ends[2];
    char bytes[200];
    size_t at = 0;
    (void)arg;
    wire_open(WIRE_PAIR, 0, ends);
    for (int i = 0; i < 10; i++) {
        MUST_BE(coir_stream_write(ends[0], bytes, sizeof bytes, core_soon()), 0);
        for (ssize_t left = sizeof bytes, count; left > 0 && at < sizeof lengths; left -= count) {
            count = coir_stream_read(ends[1], bytes, (size_t)left, core_soon());
            MUST(count > 0);
            lengths[at++] = (char)count;
        }
    }
    wire_close(ends);
    return 0;
}

/* In a process of its own, with this chaos: the lengths of its reads. */
static void
lengths_with(const char *chaos, char got[sizeof lengths])
{
    int ends[2], status;
    pid_t child;
    MUST_BE(pipe(ends), 0);
    child = fork();
    MUST(child >= 0);
    if (!child) {
        ask_for(chaos);
        core_run(1, note_lengths, NULL);
        _exit(write(ends[1], lengths, sizeof lengths) == sizeof lengths ? 0 : 1);
    }
    close(ends[1]);
    MUST_BE(read(ends[0], got, sizeof lengths), sizeof lengths);
    close(ends[0]);
    MUST_BE(waitpid(child, &status, 0), child);
    MUST_BE(status, 0);
}

START_TEST(a_seed_repeats_all)
{
    char one[sizeof lengths], again[sizeof lengths], other[sizeof lengths];
    lengths_with("again=20 short_read=50 short_write=50 seed=1", one);
    lengths_with("seed=1 again=20 short_read=50 short_write=50", again);
    lengths_with("again=20 short_read=50 short_write=50 seed=2", other);
    MUST(!memcmp(one, again, sizeof one));
    MUST(memcmp(one, other, sizeof one) != 0);
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_loop_test(cases, nonsense_is_named, 0, sizeof nonsense / sizeof nonsense[0]);
    tcase_add_test(cases, nonsense_stops_a_program_without_a_runtime);
    tcase_add_loop_test(cases, cuts, 0, BITES * CASTS);
    tcase_add_loop_test(cases, no_edge_is_lost, 0, CASTS);
    tcase_add_loop_test(cases, tries_are_told_the_truth, 0, CORE_CASTS);
    tcase_add_test(cases, what_has_borders_is_not_cut);
    tcase_add_test(cases, a_seed_repeats_all);
}

int
main(void)
{
    return core_main("chaos", add);
}
