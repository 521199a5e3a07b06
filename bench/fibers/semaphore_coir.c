/* semaphore_coir.c: an uncontended coir_semaphore_acquire and release by a fiber: ns. */
#include "bench/measure.h"

#include <coir/runtime.h>
#include <coir/semaphore.h>

static struct coir_semaphore semaphore = COIR_SEMAPHORE_INIT(1, 0);

static int
measure(void *arg)
{
    (void)arg;
    const long enough = 4000000;
    int64_t start = bench_cpu();
    for (long i = 0; i < enough; i++) {
        bench_check(!coir_semaphore_acquire(&semaphore, COIR_NEVER), "coir_semaphore_acquire");
        coir_semaphore_release(&semaphore);
    }
    bench_report((double)(bench_cpu() - start) / (double)enough);
    return 0;
}

int
main(void)
{
    return coir_run(measure, NULL, &(struct coir_runtime_options){.workers = 1}) != 0;
}
