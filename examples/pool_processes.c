/* pool_processes.c: jobs for processes: each goes to a worker as bytes and comes back changed. One of them brings its worker down:
 * that job has failed, the others have not, and another worker takes its place. */
#include <coir/future.h>
#include <coir/log.h>
#include <coir/pool.h>
#include <coir/runtime.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { JOBS = 5, UNLUCKY = 3 };

struct job {
    int number;
    char text[48];
};

static int workers_home; /* each process has its own, set by the start function */

static int
begin(void *arg)
{
    workers_home = *(int *)arg;
    return 0;
}

static int
work(void *arg)
{
    struct job *job = arg;
    if (job->number == UNLUCKY)
        abort();
    snprintf(job->text, sizeof job->text, "%d squared is %d, at home in %d", job->number, job->number * job->number,
             workers_home);
    return 0;
}

static void
tell(struct coir_future *future, void *arg)
{
    (void)future;
    (*(int *)arg)++;
}

static int
hand_out(void *arg)
{
    struct coir_future *futures[JOBS];
    struct coir_pool *pool;
    int home = 7, told = 0, error;
    struct coir_pool_options options = {.start = begin, .start_arg = &home, .start_arg_size = sizeof home};
    (void)arg;
    error = coir_pool_open("processes:2", &options, &pool);
    if (error)
        return error;
    for (int i = 0; i < JOBS; i++) {
        struct job job = {.number = i + 1};
        error = coir_pool_submit(pool, work, &job, sizeof job, &futures[i], coir_after(COIR_MINUTE));
        if (error)
            return error;
        error = coir_future_on_done(futures[i], tell, &told);
        if (error)
            return error;
    }
    for (int i = 0; i < JOBS; i++) {
        struct job job;
        error = coir_future_get(futures[i], &job, sizeof job, coir_after(COIR_MINUTE));
        printf("%d: %s\n", i + 1, error ? coir_error_text(error) : job.text);
        coir_future_free(futures[i]);
    }
    coir_pool_close(pool);
    printf("%d were done, well or not\n", told);
    return 0;
}

static void
no_log(enum coir_log_level level, const char *line, void *arg)
{
    (void)level, (void)line, (void)arg;
}

int
main(void)
{
    int error =
        coir_run(hand_out, NULL, &(struct coir_runtime_options){.workers = 1, .processes = true, .log = no_log});
    if (error)
        fprintf(stderr, "pool_processes: %s: %s\n", coir_error_text(error), coir_error_detail());
    return error != 0;
}
