/* mutex_coir.c: an uncontended coir_mutex_lock and unlock by a fiber, deadlock detection on as always: ns. */
#include "bench/measure.h"

#include <coir/mutex.h>
#include <coir/runtime.h>

static struct coir_mutex mutex = COIR_MUTEX_INIT;

static int
measure(void *arg)
{
    (void)arg;
    const long enough = 4000000;
    int64_t start = bench_cpu();
    for (long i = 0; i < enough; i++) {
        bench_check(!coir_mutex_lock(&mutex, COIR_NEVER), "coir_mutex_lock");
        coir_mutex_unlock(&mutex);
    }
    bench_report((double)(bench_cpu() - start) / (double)enough);
    return 0;
}

int
main(void)
{
    return coir_run(measure, NULL, &(struct coir_runtime_options){.workers = 1}) != 0;
}
