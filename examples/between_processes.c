/* between_processes.c: two producers and three consumers, each a process of its own, share a queue of bytes; a consumer waits in a
 * fiber, so its process can do something else meanwhile. The end is said by shutdown. Then a process dies with a mutex, and
 * the next that takes it is told.
 *
 * The processes are forked before there is a runtime or a thread; what they share they have inherited. */
#include <coir/runtime.h>
#include <coir/shared.h>
#include <coir/task.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ITEMS = 500, PRODUCERS = 2, CONSUMERS = 3 };

static struct coir_shared_queue *items, *sums;
static struct coir_shared_mutex *mutex;

static int
produce(void *arg)
{
    int error = 0;
    (void)arg;
    for (int item = 1; !error && item <= ITEMS; item++)
        error = coir_shared_queue_put(items, &item, sizeof item, coir_after(COIR_MINUTE));
    return error;
}

static int
consume(void *arg)
{
    int sum = 0, item;
    ssize_t size;
    (void)arg;
    while ((size = coir_shared_queue_get(items, &item, sizeof item, coir_after(COIR_MINUTE))) >= 0) {
        sum += item;
        coir_shared_queue_done(items);
    }
    return size == -EPIPE ? coir_shared_queue_put(sums, &sum, sizeof sum, coir_after(COIR_MINUTE)) : (int)size;
}

static int
consume_in_fiber(void *arg)
{
    return coir_run(consume, arg, &(struct coir_runtime_options){.workers = 1});
}

static int
die_with_mutex(void *arg)
{
    int error = coir_shared_mutex_lock(mutex, COIR_NOW);
    (void)arg;
    return error ? error : raise(SIGKILL);
}

/* What function answers is the process's exit code, with the sign turned. */
static pid_t
start(coir_function *function)
{
    pid_t pid = fork();
    if (pid < 0) {
        perror("fork");
        exit(1);
    }
    if (!pid)
        _exit(-function(NULL));
    return pid;
}

static int
trade(void)
{
    pid_t producers[PRODUCERS], consumers[CONSUMERS];
    int total = 0, sum, error = 0, status;
    for (int i = 0; i < CONSUMERS; i++)
        consumers[i] = start(consume_in_fiber);
    for (int i = 0; i < PRODUCERS; i++)
        producers[i] = start(produce);
    for (int i = 0; i < PRODUCERS; i++) {
        waitpid(producers[i], &status, 0);
        error |= status;
    }
    if (!error)
        error = coir_shared_queue_join(items, coir_after(COIR_MINUTE)); /* all is done */
    coir_shared_queue_shutdown(items);
    for (int i = 0; i < CONSUMERS; i++) {
        waitpid(consumers[i], &status, 0);
        if (coir_shared_queue_get(sums, &sum, sizeof sum, COIR_NOW) > 0)
            total += sum;
    }
    printf("%d items, sum %d\n", PRODUCERS * ITEMS, total);
    return error;
}

int
main(void)
{
    int error = coir_shared_queue_open(8192, &items);
    if (!error)
        error = coir_shared_queue_open(8192, &sums);
    if (!error)
        error = coir_shared_mutex_open(&mutex);
    if (!error)
        error = trade();
    if (!error) {
        waitpid(start(die_with_mutex), NULL, 0);
        error = coir_shared_mutex_lock(mutex, coir_after(COIR_MINUTE));
        printf("the mutex: %s\n", coir_error_text(error));
        if (error == -EOWNERDEAD)
            error = 0; /* it is ours; what it guards would be looked over now */
        coir_shared_mutex_unlock(mutex);
    }
    if (error)
        fprintf(stderr, "between_processes: %s: %s\n", coir_error_text(error), coir_error_detail());
    coir_shared_mutex_close(mutex);
    coir_shared_queue_close(sums);
    coir_shared_queue_close(items);
    return error != 0;
}
