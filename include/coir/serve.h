/* coir/serve.h: one handler, written in blocking style, served by any model, chosen by a word.
 *
 *   iterative    one connection at a time, the others wait until it is over
 *   fork         a process for each connection
 *   thread       a thread for each connection
 *   threads:K    K threads (8), each with one connection at a time; the others wait
 *   processes:P  P processes (one for each CPU), each with one connection at a time; the others wait
 *   spin select poll epoll sigio uring
 *                one thread, a fiber for each connection, over that I/O model (coir/runtime.h)
 *   fiber:W      W workers (one for each CPU), a fiber for each connection, over the best I/O model; the default
 *   hybrid:PxW   P processes, in each W workers (2x2), a fiber for each connection
 *
 * A handler is the same code under all of them. Under the first five it has a thread to itself and may block in foreign calls;
 * under the others it shares one: coir_offload is for that. What it changes in memory the other handlers see, but for those
 * in other processes. A handler that crashes takes its process along: of `fork` one connection, of `processes` the one its
 * worker has, of `hybrid` those of one worker, which is replaced; of the others the whole server.
 *
 * `fork`, `processes` and `hybrid` fork from the caller of coir_serve, which supervises: a worker that ends is replaced, at once
 * if it lived for a second, else after a pause that doubles from 0.1 s to 10 s, with a line in the log that says how it ended.
 * HUP starts new workers; as each of them is ready one of the old is told to end: it takes no more connections, which wait in the
 * backlog for the others, and drains. If the supervisor is killed its workers drain and end, too. */
#ifndef COIR_SERVE_H
#define COIR_SERVE_H

#include <coir/address.h>
#include <coir/base.h>
#include <coir/datagram.h>
#include <coir/listener.h>
#include <coir/runtime.h>
#include <coir/stream.h>

COIR_BEGIN

struct coir_server;

/* Serves one connection, as a task of its own; when it returns the server closes the stream. A failure (-errno) is a line in
 * the log, at debug. */
typedef int coir_handler(struct coir_stream *stream, void *arg);

/* Answers one datagram, with coir_datagram_send(datagram, ..., from, ...). bytes are its own until it returns. */
typedef int coir_datagram_handler(struct coir_datagram *datagram, const struct coir_address *from, const void *bytes,
                                  size_t size, void *arg);

/* Zero in every member is the default; so is NULL for the options.
 *
 * model         above, with its numbers or without; NULL: "fiber"
 * connections   at once, in each process ("fork": in all). At the limit no more are accepted until one ends; they wait in the
 *               backlog. 0: what descriptors allow
 * connections_per_address
 *               at once from one host, counted as above; more are closed at once. 0: no limit. Not of Unix sockets
 * idle          a wait in the connection's stream, whatever its own deadline, answers -ETIMEDOUT after so long; 0: no limit
 * whole         so long after its beginning a handler is canceled; 0: never
 * grace         when the server ends: for handlers to end by themselves; then they are canceled. 0: 5 s
 *               (these three are spans, 0 or more; COIR_NEVER: without an end)
 * ready         is called when it listens and somebody accepts, by whoever called coir_serve
 * leave_signals else INT and TERM end it after a drain (a second one ends the program at once), and HUP exchanges the workers.
 *               Not with processes (-EINVAL)
 * runtime       but for what the model says: workers, backend, carrier */
struct coir_serve_options {
    const char *model;
    size_t connections, connections_per_address;
    coir_time idle, whole, grace;
    void (*ready)(const struct coir_server *server, void *arg);
    void *ready_arg;
    bool leave_signals;
    struct coir_listener_options listener;
    struct coir_runtime_options runtime;
    uint64_t reserved[4];
};

/* Suspends. Serves at one or several addresses ("A B", at most 16) until it is told to end: 0; -ETIMEDOUT: handlers had to be
 * canceled; -ECANCELED: the caller was canceled (it has drained, too). Or what kept it from beginning, or broke a listener,
 * with a sentence in coir_error_detail: -EINVAL (model, address), -EADDRINUSE, -EACCES ...; and of models with processes
 * -EBUSY: called inside a runtime, or from a program with several threads (a fork would have one of them only).
 *
 * A service manager may hand over sockets that listen already (LISTEN_PID and LISTEN_FDS in the environment, sd_listen_fds(3)):
 * the first call takes them instead of addresses, says so in the log, and leaves the files of Unix sockets. It is told
 * when the server is ready, ends, or exchanges its workers (NOTIFY_SOCKET, sd_notify(3)). */
COIR_EXPORT int coir_serve(const char *addresses, coir_handler *handler, void *arg,
                           const struct coir_serve_options *options);

/* The same for datagrams ("udp://HOST:PORT", "unix:PATH"): a handler for each, as many at once as options.connections says
 * (1,024), more wait in the kernel's buffer. "fork" is not for them (-EINVAL); listener, idle and connections_per_address are
 * not used. */
COIR_EXPORT int coir_serve_datagrams(const char *addresses, coir_datagram_handler *handler, void *arg,
                                     const struct coir_serve_options *options);

/* Serves beside the caller, without signals, and without sockets handed over; ready is not called. Models with processes: -EINVAL.
 * *server is to be ended by coir_server_stop, not from one of its handlers. */
COIR_EXPORT int coir_server_start(const char *addresses, coir_handler *handler, void *arg,
                                  const struct coir_serve_options *options, struct coir_server **server);

/* Where it listens, by its place in the list, with port 0 the one it got. -ENOENT: no such place. */
COIR_EXPORT int coir_server_local(const struct coir_server *server, size_t index, struct coir_address *address);

/* What it runs in, in this process: for coir_runtime_workers and coir_runtime_go. NULL: in others. */
COIR_EXPORT struct coir_runtime *coir_server_runtime(const struct coir_server *server);

/* Accepts no more; waits for the handlers to end, at the deadline cancels those that are left and aborts their streams; frees. 0;
 * -ETIMEDOUT: some were canceled; or what broke a listener. Handlers that do not end although they are canceled are left behind, with a
 * line in the log. */
COIR_EXPORT int coir_server_stop(struct coir_server *server, coir_time deadline);

/* What there is to choose from, for people: a sentence each. NULL behind the last. Static. */
struct coir_model {
    const char *form;  /* "threads:K" */
    const char *waits; /* what waits for the bytes */
    const char *runs;  /* who runs the handlers */
    const char *costs;
    const char *right; /* when it is */
};
COIR_EXPORT const struct coir_model *coir_model_at(size_t index);

COIR_END

#endif
