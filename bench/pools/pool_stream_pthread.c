/* pool_stream_pthread.c [THREADS]: a stream of tiny jobs through a pool of threads made by hand: a mutex, two conditions; no
 * copies of arguments, no results, no cancel: ns of CPU time for one. */
#include "bench/measure.h"
#include "bench/pools/line.h"

enum { JOBS = 300000, MOST = 16 };

struct job {
    void (*function)(void *arg);
    void *arg;
};

static struct line line = LINE_INIT;

static void
tiny(void *arg)
{
    __atomic_add_fetch((long *)arg, 1, __ATOMIC_RELAXED);
}

static void *
work(void *arg)
{
    struct job *job;
    while ((job = line_get(&line))) {
        job->function(job->arg);
        free(job);
    }
    return arg;
}

int
main(int argc, char **argv)
{
    long threads = bench_argument(argc, argv, 1, 2), count = 0;
    pthread_t ids[MOST];
    int64_t start = 0;
    bench_check(threads > 0 && threads <= MOST, "1 to 16 threads");
    for (long i = 0; i < threads; i++)
        bench_check(!pthread_create(&ids[i], NULL, work, NULL), "pthread_create");
    for (int i = -JOBS / 10; i < JOBS; i++) {
        struct job *job = malloc(sizeof *job);
        if (!i)
            start = bench_cpu();
        *job = (struct job){tiny, &count};
        line_put(&line, job);
    }
    for (long i = 0; i < threads; i++)
        line_put(&line, NULL);
    for (long i = 0; i < threads; i++)
        pthread_join(ids[i], NULL);
    bench_report((double)(bench_cpu() - start) / JOBS);
    return count != JOBS + JOBS / 10;
}
