/* offload.c: a function that blocks its thread runs on a helper thread, so that the worker's other fibers go on. With
 * one worker and without coir_offload this program would hang: the reader blocks the thread its writer needs. */
#include <coir/runtime.h>
#include <stdio.h>
#include <unistd.h>

static int
read_blocking(void *arg)
{
    char byte;
    return read(*(int *)arg, &byte, 1) == 1 ? byte : -1;
}

static int
reader(void *arg)
{
    int letter = coir_offload(read_blocking, arg);
    printf("the helper read '%c'\n", letter);
    return letter == 'x' ? 0 : -1;
}

static int
first(void *arg)
{
    struct coir_task *task;
    int ends[2], result = -1, error;
    (void)arg;
    if (pipe(ends))
        return -1;
    error = coir_go(reader, &ends[0], NULL, &task);
    if (!error) {
        coir_yield();
        printf("the worker is free meanwhile\n");
        error = write(ends[1], "x", 1) == 1 ? coir_join(task, &result, coir_after(5 * COIR_SECOND)) : -1;
    }
    close(ends[0]);
    close(ends[1]);
    return error ? error : result;
}

int
main(void)
{
    return coir_run(first, NULL, &(struct coir_runtime_options){.workers = 1}) != 0;
}
