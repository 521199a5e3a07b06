/* cmd/signals.c: one plain thread that waits for signals, all others never see them.
 *
 * The happy path: INT, TERM and HUP are blocked before there are threads, this one takes them by sigwait and sets the
 * event, which wakes whoever waits for it on whatever worker. No code runs inside a signal handler. */
#include "cmd/signals.h"

#include <stdbool.h>
#include <unistd.h>

static void
stop_or_end(struct cr_signals *signals, int number)
{
    if (coir_event_is_set(&signals->stop))
        _exit(128 + number);
    coir_event_set(&signals->stop);
}

static void *
take_signals(void *arg)
{
    struct cr_signals *signals = arg;
    for (;;) {
        int number;
        if (sigwait(&signals->waited, &number))
            continue;
        if (signals->over)
            return NULL;
        if (number == SIGHUP)
            cr_log_line(COIR_LOG_INFO, "SIGHUP: there is nothing to read again", signals->log);
        else
            stop_or_end(signals, number);
    }
}

int
cr_signals_start(struct cr_signals *signals, struct cr_log *log)
{
    *signals = (struct cr_signals){.stop = COIR_EVENT_INIT, .log = log};
    sigemptyset(&signals->waited);
    sigaddset(&signals->waited, SIGINT);
    sigaddset(&signals->waited, SIGTERM);
    sigaddset(&signals->waited, SIGHUP);
    int error = pthread_sigmask(SIG_BLOCK, &signals->waited, NULL);
    if (!error)
        error = pthread_create(&signals->thread, NULL, take_signals, signals);
    return -error;
}

void
cr_signals_end(struct cr_signals *signals)
{
    signals->over = true;
    pthread_kill(signals->thread, SIGHUP); /* any of them would do */
    pthread_join(signals->thread, NULL);
    coir_event_fini(&signals->stop);
}
