/* serve/sessions.h: the connections a server serves: how many there are, from where, and the way to end them all. */
#ifndef CR_SERVE_SESSIONS_H
#define CR_SERVE_SESSIONS_H

#include <coir/base.h>
#include <coir/event.h>
#include <coir/mutex.h>
#include <coir/stream.h>
#include <coir/task.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"

enum { CR_SESSIONS_BUCKETS = 1024 };

/* One host that has connections here. */
struct cr_sessions_host {
    struct cr_sessions_host *next; /* in its bucket */
    uint8_t address[16];           /* IPv6; IPv4 as ::ffff:a.b.c.d */
    size_t count;                  /* its connections, 1 or more */
};

struct cr_session {
    struct cr_list link;           /* under the sessions' mutex, */
    struct cr_list starting;       /* among those whose task has not begun, */
    struct coir_task *task;        /* and then its handle, too; the rest does not change */
    struct coir_stream *stream;    /* the session's own; NULL: none (datagrams) */
    struct cr_sessions_host *host; /* NULL: hosts are not counted, or it has no address (Unix sockets) */
    void *door;                    /* the server's: where it came in, or what else it needs */
};

/* Invariant: count is the length of all, and the sum of the hosts' counts is at most count. */
struct cr_sessions {
    struct coir_mutex mutex; /* guards what follows */
    struct coir_event empty; /* set while all is empty */
    struct cr_list all, starting;
    size_t count;
    size_t limit, limit_per_host; /* never change; limit_per_host 0: none */
    struct cr_sessions_host *hosts[CR_SESSIONS_BUCKETS];
};

/* The host of the stream's peer, as above; false: it has none. */
bool cr_sessions_find_host(const struct coir_stream *stream, uint8_t host[16]);

void cr_sessions_init(struct cr_sessions *sessions, size_t limit, size_t limit_per_host);
void cr_sessions_fini(struct cr_sessions *sessions); /* there are none any more */

/* Suspends. Takes a stream (NULL: none) over as a session. -ENOSPC: there are limit sessions; -EUSERS: limit_per_host from this
 * one's host; -ENOMEM: the stream stays the caller's. */
int cr_sessions_open(struct cr_sessions *sessions, struct coir_stream *stream, struct cr_session **session);

/* Suspends. Starts the session's task, as coir_go_spread; it gets the session, and begins with cr_sessions_begun. */
int cr_sessions_start(struct cr_sessions *sessions, struct cr_session *session, coir_function *function,
                      const struct coir_task_options *options);
void cr_sessions_begun(struct cr_sessions *sessions, struct cr_session *session);

/* Suspends. A session whose task has ended without having begun, for lack of a stack: it is the caller's, to be told and
 * closed. NULL: there is none; *more: some are still to begin. */
struct cr_session *cr_sessions_stillborn(struct cr_sessions *sessions, bool *more);

/* Suspends. Closes the session and its stream; its own task's last call. */
void cr_sessions_close(struct cr_sessions *sessions, struct cr_session *session);

/* Until there are none: 0. */
int cr_sessions_wait(struct cr_sessions *sessions, coir_time deadline);

/* Suspends. Aborts the streams of all that there are now: how many. */
size_t cr_sessions_abort(struct cr_sessions *sessions);

#endif
