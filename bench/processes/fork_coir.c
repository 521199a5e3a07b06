/* fork_coir.c: a task on a process, which returns at once, and its join: ns by the clock. In a program of 50,000 fibers' stacks,
 * which a fork of its own would have to copy: `fork_coir 50000`. */
#include "bench/measure.h"

#include <coir/runtime.h>
#include <stdlib.h>

static int
seven(void *arg)
{
    (void)arg;
    return 7;
}

static long begun;

static int
wait_for_end(void *arg)
{
    (void)arg;
    begun++; /* there is one worker */
    return coir_sleep(COIR_NEVER);
}

static int
measure(void *arg)
{
    static const struct coir_task_options on_process = {.carrier = COIR_ON_PROCESS};
    long rounds = 0, fibers = *(long *)arg;
    for (long i = 0; i < fibers; i++)
        bench_check(!coir_go(wait_for_end, NULL, &(struct coir_task_options){.daemon = true}, NULL), "coir_go");
    while (begun < fibers)
        coir_yield();
    int64_t start = bench_wall(), limit = start + 300000000;
    for (; bench_wall() < limit; rounds++) {
        struct coir_task *task;
        int result;
        bench_check(!coir_go(seven, NULL, &on_process, &task) && !coir_join(task, &result, COIR_NEVER) && result == 7,
                    "a task on a process");
    }
    bench_report((double)(bench_wall() - start) / (double)rounds);
    return 0;
}

int
main(int argc, char **argv)
{
    long fibers = argc > 1 ? atol(argv[1]) : 0;
    int error = coir_run(measure, &fibers, &(struct coir_runtime_options){.workers = 1, .processes = true});
    bench_check(!error, coir_error_detail());
    return 0;
}
