/* pool_map.c: the same job on threads, fibers or processes: ./pool_map threads:4. Computing gains from threads or processes, one
 * for each CPU; fibers share those of the runtime. */
#include <coir/pool.h>
#include <coir/runtime.h>
#include <stdio.h>
#include <string.h>

struct job { /* goes to a worker and comes back: what it needs and what it finds */
    int limit, primes;
};

static int
count_primes(void *arg)
{
    struct job *job = arg;
    for (int n = 2; n < job->limit; n++) {
        int divisor = 2;
        while (divisor * divisor <= n && n % divisor)
            divisor++;
        job->primes += divisor * divisor > n;
    }
    return 0;
}

static int
count_all(void *workers)
{
    struct job jobs[16];
    struct coir_pool *pool;
    int error = coir_pool_open(workers, NULL, &pool);
    if (error)
        return error;
    for (int i = 0; i < 16; i++)
        jobs[i] = (struct job){.limit = 1000 * (i + 1)};
    error = coir_pool_map(pool, count_primes, jobs, sizeof jobs[0], 16, coir_after(COIR_MINUTE));
    for (int i = 0; !error && i < 16; i++)
        printf("%d primes below %d\n", jobs[i].primes, jobs[i].limit);
    coir_pool_close(pool);
    return error;
}

int
main(int argc, char **argv)
{
    char *workers = argc > 1 ? argv[1] : "threads";
    struct coir_runtime_options options = {.processes = strncmp(workers, "processes", 9) == 0};
    int error = coir_run(count_all, workers, &options);
    if (error)
        fprintf(stderr, "pool_map: %s\n", coir_error_text(error));
    return error != 0;
}
