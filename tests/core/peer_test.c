/* peer_test.c: what the other side, or another task, can do to a descriptor that is waited for, each forced to happen at
 * its worst moment. The other side is a plain socket, driven by hand. Played with one worker and with three, on the
 * backend that COIR_BACKEND names.
 *
 * That waiting is sleeping is seen from the number of tries (system calls through cr_operation_try) and of looks: times
 * that a backend has returned. */
#include "core.h"
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/backend.h"

enum { MUCH = 1 << 20, ROOM = 1 << 16, FEW_TRIES = 12, FEW_LOOKS = 100 };

static char much[MUCH];

/* ---- A stream and its peer ---- */

/* A TCP connection: the peer has dialled. Its buffers hold a small part of much. */
static struct coir_stream *
open_tcp(int *peer)
{
    struct coir_listener_options options = {.stream = {.send_buffer = ROOM, .receive_buffer = ROOM}};
    struct coir_listener *listener;
    struct coir_stream *stream;
    struct coir_address place;
    int one = 1, room = ROOM;
    MUST_BE(coir_listener_open("127.0.0.1:0", &options, &listener), 0);
    MUST_BE(coir_listener_local(listener, &place), 0);
    *peer = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    MUST_BE(setsockopt(*peer, SOL_SOCKET, SO_RCVBUF, &room, sizeof room), 0);
    MUST_BE(connect(*peer, (struct sockaddr *)&place.storage, place.size), 0);
    MUST_BE(setsockopt(*peer, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one), 0);
    MUST_BE(coir_listener_accept(listener, &stream, core_soon()), 0);
    coir_listener_close(listener);
    return stream;
}

static struct coir_stream *
open_unix(int *peer)
{
    struct coir_stream *stream;
    int fds[2];
    MUST_BE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    MUST_BE(coir_stream_from(fds[0], &stream), 0);
    *peer = fds[1];
    return stream;
}

static void
say(int peer, const char *text)
{
    MUST_BE(send(peer, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* Its close is a reset. */
static void
reset(int peer)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    MUST_BE(setsockopt(peer, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
    close(peer);
}

static void
must_read(struct coir_stream *stream, const char *text)
{
    char bytes[64] = "";
    MUST_BE(coir_stream_read(stream, bytes, sizeof bytes, core_soon()), strlen(text));
    MUST(!memcmp(bytes, text, strlen(text)));
}

static void
drain(int peer, size_t left)
{
    static char bytes[65536];
    while (left) {
        ssize_t got = recv(peer, bytes, left < sizeof bytes ? left : sizeof bytes, MSG_DONTWAIT);
        MUST(got > 0 || errno == EAGAIN);
        left -= got > 0 ? (size_t)got : 0;
        (void)coir_yield();
    }
}

/* A task that reads once, and one that writes more than fits. */
struct reading {
    struct coir_stream *stream;
    char bytes[64];
};

static int
read_once(void *arg)
{
    struct reading *reading = arg;
    return (int)coir_stream_read(reading->stream, reading->bytes, sizeof reading->bytes, core_soon());
}

static int
write_much(void *stream)
{
    return coir_stream_write(stream, much, sizeof much, core_soon());
}

/* Has it read while it waits for what does(peer); its result. */
static int
read_across(struct coir_stream *stream, int peer, void (*does)(int peer), const char *text)
{
    struct reading reading = {.stream = stream};
    struct core_actor reader;
    int result;
    core_start(&reader, read_once, &reading);
    core_await_waiting(&reader);
    does(peer);
    result = core_end(&reader);
    MUST(result <= 0 || ((size_t)result == strlen(text) && !memcmp(reading.bytes, text, strlen(text))));
    return result;
}

/* ---- Tries and looks ---- */

static cr_operation_attempt *const *under;
static uint64_t tries; /* atomic */

static int
count_and_try(struct cr_op *op)
{
    __atomic_add_fetch(&tries, 1, __ATOMIC_RELAXED);
    return under[op->kind](op);
}

static cr_operation_attempt *const counting[CR_OP_KINDS] = {[0 ... CR_OP_KINDS - 1] = count_and_try};

static struct cr_backend watched, original;
static uint64_t looks; /* atomic */

static int
count_and_reap(void *self, coir_time until, struct cr_list *done)
{
    __atomic_add_fetch(&looks, 1, __ATOMIC_RELAXED);
    return original.reap(self, until, done);
}

static void
watch(void)
{
    const char *name = getenv("COIR_BACKEND");
    original = *cr_backend_choice(name && *name ? name : NULL, 0);
    watched = original;
    watched.reap = count_and_reap;
    cr_backend_install(&watched);
    under = cr_operation_install(counting);
}

/* Whether a read that finds nothing slept to its deadline; on spin it tries until then, which is what spin is. */
static bool
has_slept(struct coir_stream *stream)
{
    uint64_t tries_before = __atomic_load_n(&tries, __ATOMIC_RELAXED);
    uint64_t looks_before = __atomic_load_n(&looks, __ATOMIC_RELAXED);
    char byte;
    MUST_BE(coir_stream_read(stream, &byte, 1, coir_after(20 * COIR_MS)), -ETIMEDOUT);
    return (__atomic_load_n(&tries, __ATOMIC_RELAXED) - tries_before <= FEW_TRIES || core_backend_is("spin")) &&
           __atomic_load_n(&looks, __ATOMIC_RELAXED) - looks_before <= FEW_LOOKS;
}

/* On sigio the worker that hears of a description sends each signal on: some of before may come only now, and that ends. */
static void
must_sleep(struct coir_stream *stream)
{
    int reads = core_backend_is("sigio") ? 10 : 1;
    while (!has_slept(stream))
        MUST(--reads);
}

/* ---- Ends and resets ---- */

static void
say_ten(int peer)
{
    say(peer, "ten bytes!");
}

static void
say_and_end(int peer)
{
    int on = 1; /* the bytes leave with the FIN, in one segment */
    (void)setsockopt(peer, IPPROTO_TCP, TCP_CORK, &on, sizeof on);
    say(peer, "ten bytes!");
    MUST_BE(shutdown(peer, SHUT_WR), 0);
}

static void
end(int peer)
{
    MUST_BE(shutdown(peer, SHUT_WR), 0);
}

static void
say_and_reset(int peer)
{
    say(peer, "ten bytes!");
    reset(peer);
}

typedef struct coir_stream *opener(int *peer);
static opener *const openers[] = {open_tcp, open_unix};

static int
end_by_end(opener *open)
{
    int peer;
    struct coir_stream *stream = open(&peer);
    MUST_BE(read_across(stream, peer, say_ten, "ten bytes!"), 10);
    MUST_BE(read_across(stream, peer, end, ""), 0); /* it waits, though the last read was short */
    MUST_BE(coir_stream_close(stream), 0);
    close(peer);
    stream = open(&peer);
    say_ten(peer);
    must_read(stream, "ten bytes!");
    end(peer); /* before anybody waits */
    must_read(stream, "");
    must_read(stream, "");
    MUST_BE(coir_stream_close(stream), 0);
    close(peer);
    return 0;
}

static int
ends_with_the_data(opener *open)
{
    for (int i = 0; i < 20; i++) {
        int peer;
        struct coir_stream *stream = open(&peer);
        if (i % 2)
            MUST_BE(read_across(stream, peer, say_and_end, "ten bytes!"), 10);
        else
            say_and_end(peer), must_read(stream, "ten bytes!");
        must_read(stream, "");
        MUST_BE(coir_stream_write(stream, "still", 5, core_soon()), 0); /* it is a half-close */
        MUST_BE(recv(peer, much, 5, MSG_WAITALL), 5);
        MUST_BE(coir_stream_close(stream), 0);
        close(peer);
    }
    return 0;
}

static int
ends(void *arg)
{
    (void)arg;
    for (int i = 0; i < 2; i++) {
        end_by_end(openers[i]);
        ends_with_the_data(openers[i]);
    }
    return 0;
}

/* Linux drops what was not read when the reset comes; then the reset is all there is. */
static int
resets(void *arg)
{
    (void)arg;
    for (int i = 0; i < 20; i++) {
        int peer, result;
        struct core_actor writer;
        struct coir_stream *stream = open_tcp(&peer);
        result = read_across(stream, peer, say_and_reset, "ten bytes!");
        MUST(result == 10 || result == -ECONNRESET);
        MUST_BE(coir_stream_close(stream), 0);
        stream = open_tcp(&peer);
        MUST_BE(read_across(stream, peer, say_ten, "ten bytes!"), 10);
        MUST_BE(read_across(stream, peer, reset, ""), -ECONNRESET); /* after a short read */
        MUST_BE(coir_stream_close(stream), 0);
        stream = open_tcp(&peer);
        core_start(&writer, write_much, stream);
        core_await_waiting(&writer);
        reset(peer); /* with bytes in it that nobody has read */
        MUST_BE(core_end(&writer), -EPIPE);
        MUST_BE(coir_stream_close(stream), 0);
    }
    return 0;
}

/* ---- Out-of-band data ---- */

/* The urgent byte is not in the stream, and a mark is where it was: nothing is lost, nothing out of order, nobody spins. */
static int
urgent_bytes(void *arg)
{
    struct coir_stream *stream;
    char bytes[16];
    int peer;
    (void)arg;
    stream = open_tcp(&peer);
    must_sleep(stream); /* registered */
    MUST_BE(send(peer, "!", 1, MSG_OOB), 1);
    must_sleep(stream); /* alone it is nothing to read */
    for (int i = 0; i < 20; i++) {
        say(peer, "abc");
        MUST_BE(send(peer, "!", 1, MSG_OOB), 1);
        say(peer, "def");
        MUST_BE(coir_stream_read_full(stream, bytes, 6, core_soon()), 6);
        MUST(!memcmp(bytes, "abcdef", 6));
        MUST_BE(read_across(stream, peer, say_ten, "ten bytes!"), 10);
    }
    MUST_BE(send(peer, "!", 1, MSG_OOB), 1);
    must_sleep(stream);
    end(peer);
    must_read(stream, "");
    MUST_BE(coir_stream_close(stream), 0);
    close(peer);
    return 0;
}

/* ---- Descriptors that somebody passes ---- */

static int pass_end; /* what is passed */

static void
pass(int peer)
{
    union {
        char bytes[CMSG_SPACE(3 * sizeof(int))];
        struct cmsghdr head;
    } control = {.head = {.cmsg_len = CMSG_LEN(3 * sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
    struct iovec part = {"ten bytes!", 10};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    int three[3] = {pass_end, pass_end, pass_end};
    memcpy(CMSG_DATA(&control.head), three, sizeof three);
    MUST_BE(sendmsg(peer, &message, MSG_NOSIGNAL), 10);
}

/* The bytes come as always; the descriptors, which nobody asked for, are closed: the pipe's reader sees its end. */
static int
passed_descriptors(void *arg)
{
    int before = core_open_descriptors();
    (void)arg;
    /* The emulator leaks those that come and have no room: there only what nobody reads. */
    for (int i = core_is_emulated() ? 2 : 0; i < 30; i += core_is_emulated() ? 3 : 1) {
        int peer, ends[2];
        char byte, bytes[64];
        struct coir_stream *stream = open_unix(&peer);
        MUST_BE(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
        pass_end = ends[1];
        if (i % 3 == 0) {
            say(peer, "before ");
            pass(peer);
            say(peer, " after");
            MUST_BE(coir_stream_read_full(stream, bytes, 23, core_soon()), 23);
            MUST(!memcmp(bytes, "before ten bytes! after", 23));
        } else if (i % 3 == 1) {
            MUST_BE(read_across(stream, peer, pass, "ten bytes!"), 10);
        } else {
            pass(peer); /* nobody reads it */
        }
        close(ends[1]);
        MUST_BE(coir_stream_close(stream), 0);
        MUST_BE(read(ends[0], &byte, 1), 0);
        close(ends[0]);
        close(peer);
    }
    MUST(core_open_descriptors() - before <= 1); /* a thread's bell */
    return 0;
}

/* ---- What stays true must not be told for ever ---- */

static int
half_closed(opener *open)
{
    struct coir_stream *other, *stream;
    struct core_actor writer;
    int peer, other_peer;
    other = open(&other_peer);
    stream = open(&peer);
    core_start(&writer, write_much, stream);
    core_await_waiting(&writer);
    end(peer); /* no more comes from there: nothing to the writer */
    must_sleep(other);
    drain(peer, sizeof much);
    MUST_BE(core_end(&writer), 0);
    must_read(stream, "");
    must_sleep(other); /* beside one that is at its end and writable */
    core_start(&writer, write_much, stream);
    core_await_waiting(&writer);
    must_sleep(other);
    close(peer);
    MUST_BE(core_end(&writer), -EPIPE);
    must_sleep(other); /* beside one that is dead */
    MUST_BE(coir_stream_close(stream), 0);
    MUST_BE(coir_stream_close(other), 0);
    close(other_peer);
    return 0;
}

static int
lasting_states(void *arg)
{
    (void)arg;
    for (int i = 0; i < 2; i++)
        half_closed(openers[i]);
    return 0;
}

/* ---- Closing with bytes on their way ---- */

static int
closed_too_early(void *arg)
{
    int before = core_open_descriptors();
    (void)arg;
    for (int i = 0; i < 40; i++) {
        int peer;
        char line[64];
        struct coir_stream *stream = openers[i % 2](&peer);
        ssize_t got;
        if (i % 4 < 2) { /* one line is read, one is in the stream's buffer, one is in the kernel's */
            say(peer, "one\ntwo\n");
            MUST_BE(coir_stream_read_line(stream, line, sizeof line, core_soon()), 3);
            say(peer, "three\n");
            MUST_BE(coir_stream_close(stream), 0);
            got = recv(peer, line, sizeof line, 0);
            MUST(got == 0 || (got < 0 && errno == ECONNRESET)); /* the reset says that bytes were thrown away */
        } else { /* what was written arrives, although the writer has gone */
            memset(much, 'm', 32768);
            MUST_BE(coir_stream_write(stream, much, 32768, core_soon()), 0);
            MUST_BE(coir_stream_close(stream), 0);
            MUST_BE(recv(peer, much, 32768, MSG_WAITALL), 32768);
            MUST_BE(recv(peer, line, sizeof line, 0), 0);
        }
        close(peer);
    }
    MUST(core_open_descriptors() - before <= 1);
    return 0;
}

/* ---- Two workers, one descriptor ---- */

struct place {
    int worker;
    coir_function *function;
    void *arg;
    struct coir_event decided;
    bool right;
};

static int
if_here(void *arg)
{
    struct place *place = arg;
    place->right = coir_worker_self() == place->worker;
    coir_event_set(&place->decided);
    return place->right ? place->function(place->arg) : 0;
}

/* On that worker. */
static struct coir_task *
go_on(int worker, struct place *place, coir_function *function, void *arg)
{
    coir_time end_of_patience = core_soon();
    for (int i = 0;; i++) {
        struct coir_task *task;
        *place = (struct place){.worker = worker, .function = function, .arg = arg};
        MUST_BE((i % 2 ? coir_go : coir_go_spread)(if_here, place, NULL, &task), 0);
        MUST_BE(coir_event_wait(&place->decided, core_soon()), 0);
        if (place->right)
            return task;
        MUST_BE(coir_join(task, NULL, core_soon()), 0);
        MUST(coir_now() < end_of_patience);
    }
}

static int
join(struct coir_task *task)
{
    int result;
    MUST_BE(coir_join(task, &result, core_soon()), 0);
    return result;
}

/* A reader on one worker, a writer on the other, both asleep; each order of waking. */
static int
reader_and_writer_apart(void *arg)
{
    (void)arg;
    for (int i = 0; i < 16; i++) {
        int peer;
        struct reading reading = {.stream = openers[i % 2](&peer)};
        struct place places[2];
        struct coir_task *reader = go_on(i / 2 % 2, &places[0], read_once, &reading);
        struct coir_task *writer = go_on(!(i / 2 % 2), &places[1], write_much, reading.stream);
        core_await_parked(reader);
        core_await_parked(writer);
        if (i / 4 % 2)
            say_ten(peer), MUST_BE(join(reader), 10);
        drain(peer, sizeof much);
        MUST_BE(join(writer), 0);
        if (i / 4 % 2 == 0)
            say_ten(peer), MUST_BE(join(reader), 10);
        MUST(!memcmp(reading.bytes, "ten bytes!", 10));
        MUST_BE(coir_stream_close(reading.stream), 0);
        close(peer);
    }
    return 0;
}

static int
read_in_vain(void *stream)
{
    char byte;
    return (int)coir_stream_read(stream, &byte, 1, coir_after(COIR_US));
}

/* A worker has a descriptor registered and sleeps, because somebody waits there for another one; meanwhile it is closed
 * elsewhere, and its number belongs to a new one at once, for which somebody waits there, too. */
static int
a_number_again(void *arg)
{
    struct reading keeper, reading;
    struct place places[3];
    struct coir_task *kept, *reader;
    int keeper_peer, peer, number, left;
    (void)arg;
    keeper.stream = open_unix(&keeper_peer);
    kept = go_on(1, &places[0], read_once, &keeper);
    for (int i = 0; i < 100; i++) {
        struct coir_stream *old = open_unix(&peer);
        int old_peer = peer;
        number = coir_stream_fd(old);
        MUST_BE(join(go_on(1, &places[1], read_in_vain, old)), -ETIMEDOUT);
        core_await_parked(kept);
        left = i % 2 ? dup(number) : -1; /* keeps the old description alive, and reported */
        MUST_BE(coir_stream_close(old), 0);
        reading.stream = openers[i / 2 % 2](&peer);
        if (openers[i / 2 % 2] == open_unix)
            MUST_BE(coir_stream_fd(reading.stream), number);
        reader = go_on(1, &places[2], read_once, &reading);
        (void)!send(old_peer, "old", 3, MSG_NOSIGNAL);
        core_await_parked(reader);
        say_ten(peer);
        MUST_BE(join(reader), 10);
        MUST(!memcmp(reading.bytes, "ten bytes!", 10));
        MUST_BE(coir_stream_close(reading.stream), 0);
        close(peer);
        close(old_peer);
        close(left);
    }
    say_ten(keeper_peer);
    MUST_BE(join(kept), 10);
    MUST_BE(coir_stream_close(keeper.stream), 0);
    close(keeper_peer);
    return 0;
}

/* ---- An inherited standard input ---- */

static int
read_standard_input(void *arg)
{
    struct coir_stream *stream;
    char line[64];
    ssize_t length;
    (void)arg;
    MUST_BE(coir_stream_from(0, &stream), 0);
    while ((length = coir_stream_read_line(stream, line, sizeof line, core_soon())) >= 0)
        MUST(!strcmp(line, "a line"));
    MUST_BE(length, -EPIPE);
    return coir_stream_close(stream);
}

/* Two descriptors: the first to inherit, the other to write into; or the same, if there is nothing to wait for. */
static void
open_pipe(int ends[2])
{
    MUST_BE(pipe2(ends, O_CLOEXEC), 0);
}

static void
open_pair(int ends[2])
{
    MUST_BE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
}

static void
open_terminal(int ends[2])
{
    ends[1] = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    MUST(ends[1] >= 0);
    MUST_BE(grantpt(ends[1]), 0);
    MUST_BE(unlockpt(ends[1]), 0);
    ends[0] = open(ptsname(ends[1]), O_RDWR | O_NOCTTY | O_CLOEXEC);
    MUST(ends[0] >= 0);
}

static void
open_file(int ends[2])
{
    char path[] = "/tmp/coir-peer-XXXXXX";
    ends[0] = mkstemp(path);
    MUST(ends[0] >= 0);
    MUST_BE(unlink(path), 0);
    MUST_BE(pwrite(ends[0], "a line\na line\n", 14, 0), 14);
    ends[1] = -1;
}

static void (*const inherited[])(int ends[2]) = {open_pipe, open_pair, open_terminal, open_file};

START_TEST(an_inherited_input_is_left_as_it_was)
{
    int ends[2], flags, status;
    pid_t child;
    inherited[_i / 2](ends);
    flags = fcntl(ends[0], F_GETFL) | (_i % 2 ? O_NONBLOCK : 0);
    MUST_BE(fcntl(ends[0], F_SETFL, flags), 0);
    flags = fcntl(ends[0], F_GETFL);
    child = fork();
    MUST(child >= 0);
    if (!child) {
        close(ends[1]);
        dup2(ends[0], 0);
        _exit(coir_run(read_standard_input, NULL, &(struct coir_runtime_options){.workers = 2}));
    }
    if (ends[1] >= 0) {
        MUST_BE(write(ends[1], "a line\na line\n", 14), 14);
        if (isatty(ends[1]) || isatty(ends[0]))
            MUST_BE(write(ends[1], "\x04", 1), 1); /* the terminal's word for the end */
        else
            close(ends[1]);
    }
    MUST_BE(waitpid(child, &status, 0), child);
    MUST_BE(status, 0);
    MUST_BE(fcntl(ends[0], F_GETFL), flags);
    close(ends[0]);
}
END_TEST

/* ---- The rows ---- */

static coir_function *const bodies[] = {ends,           resets,          urgent_bytes, passed_descriptors,
                                        lasting_states, closed_too_early};
enum { BODIES = sizeof bodies / sizeof bodies[0] };

START_TEST(a_peer)
{
    watch();
    core_play((enum core_cast)(_i / BODIES), bodies[_i % BODIES], NULL);
}
END_TEST

static coir_function *const bodies_apart[] = {reader_and_writer_apart, a_number_again};

START_TEST(two_workers)
{
    core_run(2, bodies_apart[_i], NULL);
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_loop_test(cases, a_peer, 0, CORE_CASTS * BODIES);
    tcase_add_loop_test(cases, two_workers, 0, 2);
    tcase_add_loop_test(cases, an_inherited_input_is_left_as_it_was, 0, 2 * sizeof inherited / sizeof inherited[0]);
}

int
main(void)
{
    return core_main("peer", add);
}
