/* timeout.c: a deadline is a moment, so one deadline serves several calls; COIR_NOW tries, COIR_NEVER waits. */
#include <coir/event.h>
#include <coir/queue.h>
#include <coir/runtime.h>
#include <stdio.h>

static int
waits(void *arg)
{
    struct coir_event event = COIR_EVENT_INIT;
    struct coir_queue *queue = coir_queue_new(sizeof(int), 1, NULL);
    coir_time deadline = coir_after(20 * COIR_MS);
    int item = 7;
    (void)arg;
    if (!queue)
        return -1;
    printf("now: %s\n", coir_error_text(coir_event_wait(&event, COIR_NOW)));
    printf("in 20 ms: %s\n", coir_error_text(coir_event_wait(&event, deadline)));
    printf("the same moment again: %s\n", coir_error_text(coir_queue_get(queue, &item, deadline)));
    printf("late by at least nothing: %s\n", coir_now() >= deadline ? "yes" : "no");
    printf("room in the queue: %s\n", coir_error_text(coir_queue_put(queue, &item, deadline)));
    coir_event_set(&event);
    printf("never: %s\n", coir_error_text(coir_event_wait(&event, COIR_NEVER)));
    coir_queue_free(queue);
    return 0;
}

int
main(void)
{
    return coir_run(waits, NULL, NULL) != 0;
}
