/* sigio_test.c: what is peculiar to the backend sigio: a queue of signals that is full, and descriptors that send none. What
 * streams promise is told by parity_test.c, which plays on this backend, too. */
#include "core.h"

#include <coir/poller.h>
#include <coir/stream.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

enum { MANY = 40, ROUNDS = 5 };

static void
play(int number, coir_function *director)
{
    static const struct coir_runtime_options options[] = {{.workers = 1, .backend = "sigio"},
                                                          {.workers = 3, .backend = "sigio"}};
    if (!core_refused("sigio"))
        core_play_with(number ? CORE_FOUR : CORE_ONE, &options[number], director, NULL);
}

static int
read_byte(void *stream)
{
    char byte;
    ssize_t count = coir_stream_read(stream, &byte, 1, core_soon());
    return count > 0 ? byte : (int)count;
}

static rlim_t room; /* for signals that are queued, of all processes of this user */

/* All have something to say at once. */
static int
speak_at_once(void *arg)
{
    struct coir_stream *ends[MANY][2];
    struct core_actor readers[MANY];
    struct rlimit before, limit;
    (void)arg;
    MUST_BE(getrlimit(RLIMIT_SIGPENDING, &before), 0);
    limit = before;
    limit.rlim_cur = room;
    MUST_BE(setrlimit(RLIMIT_SIGPENDING, &limit), 0);
    for (int i = 0; i < MANY; i++)
        MUST_BE(coir_stream_pair(ends[i]), 0);
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < MANY; i++)
            core_start(&readers[i], read_byte, ends[i][0]);
        for (int i = 0; i < MANY; i++)
            core_await_waiting(&readers[i]);
        for (int i = 0; i < MANY; i++)
            MUST_BE(coir_stream_write(ends[i][1], "x", 1, core_soon()), 0);
        for (int i = 0; i < MANY; i++)
            MUST_BE(core_end(&readers[i]), 'x');
    }
    for (int i = 0; i < MANY; i++)
        for (int k = 0; k < 2; k++)
            MUST_BE(coir_stream_close(ends[i][k]), 0);
    MUST_BE(setrlimit(RLIMIT_SIGPENDING, &before), 0); /* libcheck's timers count, too */
    return 0;
}

START_TEST(signals_without_room)
{
    room = _i / 2 ? 0 : 16;
    play(_i % 2, speak_at_once);
}
END_TEST

static int
await_bell(void *bell)
{
    return coir_fd_wait(*(const int *)bell, COIR_READABLE, core_soon());
}

/* An eventfd sends no signals. */
static int
await_bells(void *arg)
{
    struct core_actor waiters[MANY];
    int bells[MANY];
    uint64_t one = 1, rings;
    (void)arg;
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < MANY; i++) {
            bells[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
            MUST(bells[i] >= 0);
            core_start(&waiters[i], await_bell, &bells[i]);
        }
        for (int i = 0; i < MANY; i++)
            core_await_waiting(&waiters[i]);
        for (int i = MANY; i-- > 0;)
            MUST_BE(write(bells[i], &one, sizeof one), sizeof one);
        for (int i = 0; i < MANY; i++) {
            MUST_BE(core_end(&waiters[i]), COIR_READABLE);
            MUST_BE(read(bells[i], &rings, sizeof rings), sizeof rings);
            coir_fd_forget(bells[i]);
            close(bells[i]);
        }
    }
    return 0;
}

START_TEST(descriptors_without_signals)
{
    play(_i, await_bells);
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_loop_test(cases, signals_without_room, 0, 4);
    tcase_add_loop_test(cases, descriptors_without_signals, 0, 2);
}

int
main(void)
{
    return core_main("sigio", add);
}
