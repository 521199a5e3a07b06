/* channel_test.c: bytes through memory that two sides share (pool/channel.h): nothing lost, whoever sleeps is woken, an end is told
 * after what came before it, and a side that has gone mad is found out. The other side is a fiber or a thread of this process,
 * which maps the memory a second time. */
#include "core.h"

#include <coir/stream.h>
#include <coir/task.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pool/channel.h"

static struct cr_channel here, there;

static void
open_both(void)
{
    struct cr_channel_other other;
    int fds[3];
    MUST_BE(cr_channel_open(&here, &other), 0);
    fds[0] = fcntl(other.memory, F_DUPFD_CLOEXEC, 0);
    fds[1] = fcntl(coir_stream_fd(other.hear), F_DUPFD_CLOEXEC, 0);
    fds[2] = fcntl(coir_stream_fd(other.ring), F_DUPFD_CLOEXEC, 0);
    MUST(fds[0] >= 0 && fds[1] >= 0 && fds[2] >= 0);
    cr_channel_drop(&other);
    MUST_BE(cr_channel_join(&there, fds[0], fds[1], fds[2]), 0);
    MUST(here.memory != there.memory);
}

static void
close_both(void)
{
    cr_channel_close(&there);
    cr_channel_close(&here);
    MUST(!here.memory && !there.memory);
}

/* Not the same at places that are a pipe's room apart. */
static unsigned char
byte_at(size_t place)
{
    return (unsigned char)(place * 7 + place / 251 + place / CR_PIPE_BYTES);
}

/* ---- All sizes ---- */

static const size_t sizes[] = {
    1, 0, 100, CR_PIPE_BYTES - 1, CR_PIPE_BYTES, CR_PIPE_BYTES + 1, 3, 5 * CR_PIPE_BYTES + 17, 300000};
enum { SIZES = sizeof sizes / sizeof *sizes };

/* Each message back, in two parts, until an empty one has come twice. */
static int
send_back(void *arg)
{
    size_t size;
    (void)arg;
    while (!cr_channel_read(&there, &size, sizeof size)) {
        char *bytes = malloc(size + 1);
        MUST(bytes);
        MUST_BE(cr_channel_read(&there, bytes, size), 0);
        MUST_BE(cr_channel_write(&there, (struct iovec[]){{bytes, size / 3}, {bytes + size / 3, size - size / 3}}, 2),
                0);
        free(bytes);
        cr_channel_tell(&there);
    }
    return 0;
}

static int
send_sizes(void *arg)
{
    struct core_actor actor;
    size_t place = 0;
    (void)arg;
    open_both();
    core_start(&actor, send_back, NULL);
    for (int i = 0; i < SIZES; i++) {
        size_t size = sizes[i];
        unsigned char *bytes = malloc(size + 1);
        MUST(bytes);
        for (size_t k = 0; k < size; k++)
            bytes[k] = byte_at(place + k);
        MUST_BE(cr_channel_write(&here, (struct iovec[]){{&size, sizeof size}, {bytes, size}}, 2), 0);
        memset(bytes, 0, size);
        MUST_BE(cr_channel_read(&here, bytes, size), 0); /* tells the other before it sleeps */
        for (size_t k = 0; k < size; k++)
            MUST_BE(bytes[k], byte_at(place + k));
        free(bytes);
        place += size;
    }
    cr_channel_end(&here);
    MUST_BE(core_end(&actor), 0);
    close_both();
    return 0;
}

START_TEST(each_size_comes_whole)
{
    core_play((enum core_cast)_i, send_sizes, NULL);
}
END_TEST

/* ---- Many small ones, some under way ---- */

enum { WINDOW = 20 };

static int
answer_numbers(void *arg)
{
    uint64_t number;
    (void)arg;
    while (!cr_channel_read(&there, &number, sizeof number)) {
        number = ~number;
        MUST_BE(cr_channel_write(&there, &(struct iovec){&number, sizeof number}, 1), 0);
    } /* a sleeping reader is told when there is no more to do */
    return 0;
}

static int
send_numbers(void *arg)
{
    struct core_actor actor;
    uint64_t many = (uint64_t)core_rounds(20000), answered = 0, answer;
    (void)arg;
    open_both();
    core_start(&actor, answer_numbers, NULL);
    for (uint64_t number = 0; number < many; number++) {
        MUST_BE(cr_channel_write(&here, &(struct iovec){&number, sizeof number}, 1), 0);
        if (number % 3 == 0)
            cr_channel_tell(&here);
        for (; number + 1 - answered >= WINDOW; answered++) {
            MUST_BE(cr_channel_await(&here, core_soon()), 0);
            MUST_BE(cr_channel_read(&here, &answer, sizeof answer), 0);
            MUST_BE(answer, ~answered);
        }
    }
    cr_channel_end(&here);
    MUST_BE(core_end(&actor), 0); /* it has read all that was written before the end */
    for (; answered < many; answered++) {
        MUST_BE(cr_channel_read(&here, &answer, sizeof answer), 0);
        MUST_BE(answer, ~answered);
    }
    close_both();
    return 0;
}

START_TEST(small_ones_follow_each_other)
{
    core_play((enum core_cast)_i, send_numbers, NULL);
}
END_TEST

/* ---- Deadlines and ends ---- */

static int
wait_in_vain(void *arg)
{
    char byte;
    (void)arg;
    open_both();
    MUST_BE(cr_channel_await(&here, coir_after(COIR_MS)), -ETIMEDOUT);
    MUST_BE(cr_channel_await(&here, COIR_NOW), -EAGAIN);
    MUST_BE(cr_channel_write(&there, &(struct iovec){"x", 1}, 1), 0); /* it has been told to nobody */
    MUST_BE(cr_channel_await(&here, COIR_NOW), 0);
    MUST_BE(cr_channel_read(&here, &byte, 1), 0);
    MUST_BE(byte, 'x');
    close_both();
    return 0;
}

START_TEST(a_deadline_passes)
{
    core_play((enum core_cast)_i, wait_in_vain, NULL);
}
END_TEST

static int
read_one(void *arg)
{
    char byte;
    (void)arg;
    return cr_channel_read(&here, &byte, 1);
}

static int
fill(void *arg)
{
    static char much[2 * CR_PIPE_BYTES];
    (void)arg;
    return cr_channel_write(&here, &(struct iovec){much, sizeof much}, 1);
}

/* The other goes: what it wrote before comes first, and who waits for bytes, or for room, is told. */
static int
let_other_go(void *arg)
{
    static int (*const waits[])(void *) = {read_one, fill};
    char bytes[4];
    (void)arg;
    for (int i = 0; i < 2; i++) {
        struct core_actor actor;
        open_both();
        core_start(&actor, waits[i], NULL);
        core_await_waiting(&actor);
        cr_channel_close(&there);
        MUST_BE(core_end(&actor), -EPIPE);
        cr_channel_close(&here);
    }
    open_both();
    MUST_BE(cr_channel_write(&there, &(struct iovec){"last", 4}, 1), 0);
    cr_channel_close(&there);
    MUST_BE(cr_channel_read(&here, bytes, 3), 0);
    MUST(!memcmp(bytes, "las", 3));
    MUST_BE(cr_channel_read(&here, bytes, 2), -EPIPE); /* half of what was wanted */
    MUST_BE(fill(NULL), -EPIPE);
    cr_channel_close(&here);
    return 0;
}

START_TEST(an_end_is_told)
{
    core_play((enum core_cast)_i, let_other_go, NULL);
}
END_TEST

/* ---- Madness ---- */

START_TEST(what_cannot_be_is_not_believed)
{
    static const uint64_t put[] = {CR_PIPE_BYTES + 1, UINT64_MAX, UINT64_C(1) << 63};
    static const uint64_t got[] = {1, CR_PIPE_BYTES, UINT64_C(1) << 63};
    char bytes[8];
    open_both();
    cr_store_rel(&there.memory->pipes[1].put, put[_i]);
    MUST_BE(cr_channel_await(&here, COIR_NOW), -EPROTO);
    MUST_BE(cr_channel_read(&here, bytes, sizeof bytes), -EPROTO);
    cr_store_rel(&there.memory->pipes[0].got, got[_i]);
    MUST_BE(cr_channel_write(&here, &(struct iovec){bytes, sizeof bytes}, 1), -EPROTO);
    close_both();
}
END_TEST

static int turns;

static int
take_turns(void *arg)
{
    for (;; turns++)
        if (coir_yield())
            return arg != NULL;
}

/* It rings again and again, for nothing: others run all the same, and the wait ends. */
static int
be_flooded(void *arg)
{
    static const char rings[65536];
    struct coir_task *other;
    open_both();
    MUST_BE(coir_go(take_turns, arg, NULL, &other), 0);
    MUST(coir_stream_write(there.ring, rings, sizeof rings, COIR_NOW) <= 0); /* as many as there is room for */
    while (!turns)                                                           /* until it has begun */
        (void)coir_yield();
    turns = 0;
    MUST(cr_channel_await(&here, COIR_NOW) < 0);
    MUST(turns > 0);
    coir_cancel(other);
    MUST_BE(coir_join(other, NULL, core_soon()), 0);
    close_both();
    return 0;
}

START_TEST(rings_for_nothing_keep_nobody_from_running)
{
    core_play(CORE_ONE, be_flooded, NULL);
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_loop_test(cases, each_size_comes_whole, 0, CORE_CASTS);
    tcase_add_loop_test(cases, small_ones_follow_each_other, 0, CORE_CASTS);
    tcase_add_loop_test(cases, a_deadline_passes, 0, CORE_CASTS);
    tcase_add_loop_test(cases, an_end_is_told, 0, CORE_CASTS);
    tcase_add_loop_test(cases, what_cannot_be_is_not_believed, 0, 3);
    tcase_add_test(cases, rings_for_nothing_keep_nobody_from_running);
}

int
main(void)
{
    return core_main("channel", add);
}
