/* retry.c: a program whose service is not up yet: it knocks a counted number of times, with pauses that grow, and an event
 * says when the service has come; or it gives up at its deadline. */
#include <coir/event.h>
#include <coir/retry.h>
#include <coir/runtime.h>
#include <coir/scope.h>
#include <errno.h>
#include <stdio.h>

static struct coir_event up = COIR_EVENT_INIT;

static int
come_up(void *arg)
{
    (void)arg;
    int error = coir_sleep(coir_after(30 * COIR_MS)); /* it reads its files */
    coir_event_set(&up);
    return error;
}

static int
connect_once(void *arg)
{
    int *attempts = arg;
    ++*attempts;
    return coir_event_is_set(&up) ? 0 : -ECONNREFUSED;
}

static int
program(void *arg)
{
    struct coir_retry_options options = {.name = "redis", .first = 5 * COIR_MS, .longest = 20 * COIR_MS};
    int attempts = 0, error;
    COIR_SCOPE(service);
    (void)arg;
    options.attempts = 2; /* two attempts are too few for a service that takes its time */
    printf("two attempts: %s\n", coir_error_text(coir_retry(connect_once, &attempts, &options, COIR_NEVER)));
    coir_scope_go(&service, come_up, NULL, NULL);
    options.attempts = 0; /* until the deadline: the log has a line for each attempt */
    error = coir_retry(connect_once, &attempts, &options, coir_after(COIR_MINUTE));
    printf("until the deadline: %s\n", coir_error_text(error));
    return error;
}

int
main(void)
{
    return coir_run(program, NULL, NULL) != 0;
}
