/* serve/server.h: a server, for the files that make it, run it, and supervise copies of it. */
#ifndef CR_SERVE_SERVER_H
#define CR_SERVE_SERVER_H

#include <coir/event.h>
#include <coir/semaphore.h>
#include <coir/serve.h>
#include <coir/signals.h>

#include "base/log.h"
#include "serve/model.h"
#include "serve/sessions.h"
#include "serve/shares.h"

enum { CR_SERVE_DOORS = 16 };

struct cr_serve_door {
    struct coir_server *server;
    struct coir_listener *listener; /* one of the two */
    struct coir_datagram *datagram;
    struct coir_address address;
};

struct coir_server {
    struct cr_choice choice;
    coir_handler *handler; /* one of the two */
    coir_datagram_handler *datagram_handler;
    void *arg;
    struct coir_serve_options options; /* with their defaults filled in */
    struct cr_serve_door doors[CR_SERVE_DOORS];
    size_t door_count;

    /* While it runs. */
    struct coir_runtime *runtime; /* NULL: it does not */
    struct coir_task **keepers;   /* one_each: choice.keepers for each door; else one */
    size_t keeper_count;
    struct coir_semaphore begun; /* permits: tasks of its own that run */
    struct coir_semaphore room;  /* permits: sessions that may still begin */
    struct cr_sessions sessions;
    struct coir_stream *line; /* to the supervisor whose copy it is; INT and HUP are that one's. NULL: it is none */
    struct cr_shares *shares; /* with the other processes; NULL: there are none, */
    int share;                /* and its own place among them */
    struct coir_stream *only; /* it serves this one and ends; NULL: whoever comes */
    struct coir_signals *signals;
    struct coir_event told;      /* to end */
    CR_ATOMIC(uint32_t) failure; /* the first of a door, as errno; written before told is set */
};

/* In open.c. With its doors, from the environment or from addresses; it does not run. */
int cr_server_open(const char *addresses, const struct coir_server *wanted, bool inherit, struct coir_server **server);
void cr_server_free(struct coir_server *server);

/* As coir_log, to where its runtime's lines go. */
#define cr_server_log(server, level, ...) \
    cr_log_to((server)->options.runtime.log, (server)->options.runtime.log_arg, level, __VA_ARGS__)

/* In server.c. Accepts from now on: 0, or why not, with a sentence. */
int cr_server_begin(struct coir_server *server);
/* Suspends. Begins; calls announce (NULL: nothing); ends when a signal, a door or the caller's cancel says so, or (only) its connection has ended.
 * What coir_serve answers. */
int cr_server_run(struct coir_server *server, struct coir_stream *only, void (*announce)(struct coir_server *server));
/* Suspends. As coir_server_stop, but what was opened stays. */
int cr_server_end(struct coir_server *server, coir_time deadline);

/* In supervisor.c. The same with processes. */
int cr_server_supervise(struct coir_server *server);

/* In manager.c. Tells the service manager, if there is one: "READY=1". */
void cr_manager_tell(const struct coir_server *server, const char *state);
/* The sockets it has handed over, from descriptor 3 on: how many; the first call only. */
int cr_manager_sockets(void);

#endif
