/* cmd/signals.h: INT and TERM as an event. */
#ifndef CR_CMD_SIGNALS_H
#define CR_CMD_SIGNALS_H

#include <coir/event.h>
#include <pthread.h>
#include <signal.h>

#include "cmd/log.h"

struct cr_signals {
    struct coir_event stop; /* set by the first INT or TERM */
    sigset_t waited;        /* what the thread takes */
    pthread_t thread;
    struct cr_log *log;
    volatile sig_atomic_t over; /* the thread is to end */
};

/* From now on the first INT or TERM sets signals->stop, the second ends the process with 128 + its number, HUP is
 * logged. Before any other thread is started: they inherit that these signals are blocked. 0 or -errno. */
int cr_signals_start(struct cr_signals *signals, struct cr_log *log);

/* Ends the thread. The signals stay blocked: the program is at its end. */
void cr_signals_end(struct cr_signals *signals);

#endif
