/* fairness_coir.c: what a busy worker leaves for the others. Two ball players hand a ball to and fro without end, 1,000
 * sockets wait silently, all on one worker. Beside them: a task that sleeps 1 ms (how late it wakes), an echo over a
 * socket pair (how long a round takes), a newborn (after how many turns of the players it starts), a yielder (how many
 * turns pass between two of its own). Prints the 99th percentiles of 1,000 each: late and echo in ns of wall time, birth
 * and yield in turns. */
#include "bench/measure.h"

#include <coir/event.h>
#include <coir/runtime.h>
#include <coir/stream.h>

enum { SILENT = 1000, ROUNDS = 1000 };

static struct coir_event ball[2];
static struct coir_stream *silent[SILENT][2], *echo[2];
static uint64_t turns;

static int
play(void *arg)
{
    long side = (long)(intptr_t)arg;
    for (;;) {
        int error = coir_event_wait(&ball[side], COIR_NEVER);
        if (error)
            return error;
        coir_event_clear(&ball[side]);
        turns++;
        coir_event_set(&ball[!side]);
    }
}

static int
listen_in_vain(void *stream)
{
    char byte;
    return (int)coir_stream_read(stream, &byte, 1, COIR_NEVER);
}

static int
answer(void *stream)
{
    char bytes[64];
    ssize_t count;
    while ((count = coir_stream_read(stream, bytes, sizeof bytes, COIR_NEVER)) > 0)
        bench_check(!coir_stream_write(stream, bytes, (size_t)count, COIR_NEVER), "coir_stream_write");
    return (int)count;
}

static int
note_turn(void *arg)
{
    *(uint64_t *)arg = turns;
    return 0;
}

static int
ascending(const void *one, const void *other)
{
    double a = *(const double *)one, b = *(const double *)other;
    return (a > b) - (a < b);
}

static void
report(const char *name, double *values)
{
    qsort(values, ROUNDS, sizeof *values, ascending);
    bench_report_named(name, values[ROUNDS * 99 / 100]);
}

static double late[ROUNDS], round_trip[ROUNDS], birth[ROUNDS], yield[ROUNDS];

static void
measure_once(int i)
{
    coir_time deadline = coir_after(COIR_MS), start;
    struct coir_task *newborn;
    uint64_t before, born = 0;
    char byte = 'x';
    bench_check(!coir_sleep(deadline), "coir_sleep");
    late[i] = (double)(coir_now() - deadline);
    bench_check(late[i] >= 0, "a timer that is not early");
    start = coir_now();
    bench_check(!coir_stream_write(echo[0], &byte, 1, COIR_NEVER), "coir_stream_write");
    bench_check(coir_stream_read(echo[0], &byte, 1, COIR_NEVER) == 1, "coir_stream_read");
    round_trip[i] = (double)(coir_now() - start);
    before = turns;
    bench_check(!coir_go(note_turn, &born, NULL, &newborn), "coir_go");
    bench_check(!coir_join(newborn, NULL, COIR_NEVER), "coir_join");
    birth[i] = (double)(born - before);
    before = turns;
    bench_check(!coir_yield(), "coir_yield");
    yield[i] = (double)(turns - before);
}

static int
measure(void *arg)
{
    static const struct coir_task_options daemon = {.daemon = true};
    (void)arg;
    for (int i = 0; i < SILENT; i++) {
        bench_check(!coir_stream_pair(silent[i]), "coir_stream_pair");
        bench_check(!coir_go(listen_in_vain, silent[i][0], &daemon, NULL), "coir_go");
    }
    bench_check(!coir_stream_pair(echo) && !coir_go(answer, echo[1], &daemon, NULL), "coir_stream_pair");
    for (intptr_t side = 0; side < 2; side++)
        bench_check(!coir_go(play, (void *)side, &daemon, NULL), "coir_go");
    coir_event_set(&ball[0]);
    for (int i = 0; i < ROUNDS; i++)
        measure_once(i);
    report("late", late);
    report("echo", round_trip);
    report("birth", birth);
    report("yield", yield);
    return 0;
}

int
main(void)
{
    return coir_run(measure, NULL, &(struct coir_runtime_options){.workers = 1}) != 0;
}
