/* many_test.c: many descriptors that are waited for at once, up to what the backend can number: each byte wakes the one it
 * is for, and no other. A backend that looks at all of them (poll, select) is trusted with the largest numbers it has. */
#include "core.h"

#include <coir/scope.h>
#include <coir/semaphore.h>
#include <coir/stream.h>
#include <stdlib.h>

enum { SPARE = 40, STEP = 251, ROUNDS = 3 };

struct crowd {
    long count; /* of descriptors, two for each pair */
    struct coir_stream **streams;
    struct coir_semaphore answered;
    int wrong; /* atomic */
};

struct one {
    struct crowd *crowd;
    long number;
};

static unsigned char
byte_for(long number, int round)
{
    return (unsigned char)(number * 7 + round * 31);
}

/* Reads what was meant for it, round after round. */
static int
wait_for_own(void *arg)
{
    const struct one *own = arg;
    struct coir_stream *stream = own->crowd->streams[own->number];
    for (int round = 0; round < ROUNDS; round++) {
        unsigned char byte = 0;
        ssize_t count = coir_stream_read(stream, &byte, 1, coir_after(COIR_MINUTE));
        if (count != 1 || byte != byte_for(own->number, round))
            __atomic_add_fetch(&own->crowd->wrong, 1, __ATOMIC_RELAXED);
        MUST_BE(coir_semaphore_release(&own->crowd->answered), 0);
    }
    return 0;
}

/* To those in steps through all, so that neighbours are not woken together. */
static void
wake_all(struct crowd *crowd, int round)
{
    long at = 0, sent = 0, taken = 0;
    while (sent < crowd->count) {
        unsigned char byte = byte_for(at, round);
        MUST_BE(coir_stream_write(crowd->streams[at ^ 1], &byte, 1, core_soon()), 0);
        at = (at + STEP) % crowd->count;
        if (++sent % 64 == 0)
            for (; taken < sent; taken++)
                MUST_BE(coir_semaphore_acquire(&crowd->answered, core_soon()), 0);
    }
    for (; taken < sent; taken++)
        MUST_BE(coir_semaphore_acquire(&crowd->answered, core_soon()), 0);
}

static int
all_wait(void *arg)
{
    struct crowd crowd = {.count = (core_numbers(*(long *)arg + SPARE) - SPARE) & ~1L};
    struct one *ones;
    if (crowd.count % STEP == 0)
        crowd.count -= 2; /* steps come to each once */
    crowd.streams = calloc((size_t)crowd.count, sizeof *crowd.streams);
    ones = calloc((size_t)crowd.count, sizeof *ones);
    MUST(crowd.streams && ones);
    coir_semaphore_init(&crowd.answered, 0, 0);
    for (long i = 0; i < crowd.count; i += 2)
        MUST_BE(coir_stream_pair(crowd.streams + i), 0);
    {
        COIR_SCOPE(scope);
        for (long i = 0; i < crowd.count; i++) {
            ones[i] = (struct one){&crowd, i};
            MUST_BE(coir_scope_go(&scope, wait_for_own, &ones[i], NULL), 0);
        }
        for (int round = 0; round < ROUNDS; round++)
            wake_all(&crowd, round);
        MUST_BE(coir_scope_wait(&scope, core_soon()), 0);
    }
    MUST_BE(crowd.wrong, 0);
    for (long i = 0; i < crowd.count; i++)
        coir_stream_close(crowd.streams[i]);
    free(crowd.streams);
    free(ones);
    return 0;
}

static const long many[] = {900, 5000};

START_TEST(each_is_woken_by_its_own)
{
    long count = core_fibers(many[_i % 2]);
    core_run(_i / 2 ? 3 : 1, all_wait, &count);
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_loop_test(cases, each_is_woken_by_its_own, 0, 4);
}

int
main(void)
{
    return core_main("many", add);
}
