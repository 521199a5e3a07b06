/* shield.c: a canceled task cleans up. Its waits fail from the cancel on, except inside a shield; locks work anyway. */
#include <coir/mutex.h>
#include <coir/runtime.h>
#include <coir/stream.h>
#include <stdio.h>

static struct coir_mutex books = COIR_MUTEX_INIT;

static int
guest(void *arg)
{
    struct coir_stream *stream = arg;
    char line[64];
    ssize_t length = coir_stream_read_line(stream, line, sizeof line, COIR_NEVER);
    printf("reading: %s\n", coir_error_text((int)length));
    printf("another wait: %s\n", coir_error_text(coir_sleep(coir_after(1 * COIR_MS))));
    {
        COIR_HOLD(&books);
        printf("the lock is ours\n");
    }
    {
        COIR_SHIELD();
        int error = coir_stream_print(stream, coir_after(1 * COIR_SECOND), "good bye\n");
        printf("the last word, shielded: %s\n", coir_error_text(error));
    }
    printf("after the shield: %s\n", coir_error_text(coir_yield()));
    return (int)length;
}

static int
host(void *arg)
{
    struct coir_stream *ends[2];
    struct coir_task *task;
    char line[64];
    int error = coir_stream_pair(ends);
    (void)arg;
    if (error)
        return error;
    error = coir_go(guest, ends[0], NULL, &task);
    if (!error) {
        coir_cancel(task);
        error = coir_join(task, NULL, coir_after(5 * COIR_SECOND));
    }
    if (!error && coir_stream_read_line(ends[1], line, sizeof line, COIR_NOW) >= 0)
        printf("the host heard: %s\n", line);
    coir_stream_close(ends[0]);
    coir_stream_close(ends[1]);
    return error;
}

int
main(void)
{
    return coir_run(host, NULL, NULL) != 0;
}
