/* serve/server.c: a server within one process is a runtime of its own, with keepers that accept and a task for each connection.
 *
 * A keeper takes a permit before it accepts, so that at the limit connections wait in the kernel's backlog and not in here;
 * the permit goes back when the connection's session has ended. Under models with one connection for each keeper he serves
 * it himself; under the others it gets a task, on the less busy of two workers.
 *
 * Ending: the doors are aborted, so that keepers end; sessions have until the deadline. Then their streams are aborted and the runtime
 * is stopped, which cancels every task: the first ends a wait at the peer also in handlers that shield themselves, the second all
 * others. Who does not end even then cannot be ended: the server stays in memory, and its owner is told.
 *
 * A task that cannot have a stack ends without having begun; keepers look for those (cr_sessions_stillborn). */
#include "serve/server.h"

#include <coir/scope.h>
#include <coir/task.h>

#include "backend/signal.h"
#include "base/memory.h"
#include "base/time.h"
#include "io/listener.h"
#include "io/stream.h"
#include "sched/task.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

enum { MOST_STEPS = 8, DATAGRAM = 65536, LOOK_MS = 100 /* between looks at tasks that have not begun */ };
#define STEP_BACK (500 * COIR_US)   /* for another process to accept, for each connection that it has less */
#define LAST_WAIT (2 * COIR_SECOND) /* for tasks that have been canceled */

/* ---- One session ---- */

struct letter { /* a datagram on its way to its handler */
    struct cr_serve_door *door;
    struct coir_address from;
    size_t size;
    char bytes[];
};

static int
call_handler(struct coir_server *server, struct coir_stream *stream, const struct letter *letter)
{
    if (stream)
        return server->handler(stream, server->arg);
    return server->datagram_handler(letter->door->datagram, &letter->from, letter->bytes, letter->size, server->arg);
}

static int
converse(struct coir_server *server, struct coir_stream *stream, const struct letter *letter)
{
    int result;
    COIR_SCOPE(scope);
    if (server->options.whole)
        coir_scope_limit(&scope, coir_after(server->options.whole));
    result = call_handler(server, stream, letter);
    return coir_scope_wait(&scope, COIR_NEVER) == -ETIMEDOUT ? -ETIMEDOUT : result;
}

static void
finish(struct coir_server *server, struct cr_session *session, int result)
{
    if (result < 0)
        cr_server_log(server, COIR_LOG_DEBUG, "a handler ended: %s", coir_error_text(result));
    if (!session->stream)
        cr_free(session->door); /* the letter */
    cr_sessions_close(&server->sessions, session);
    cr_shares_add(server->shares, server->share, -1);
    if (server->only)
        coir_event_set(&server->told);
    (void)coir_semaphore_release(&server->room);
}

static int
serve_session(struct coir_server *server, struct cr_session *session)
{
    finish(server, session, converse(server, session->stream, session->door));
    return 0;
}

static int
run_stream_session(void *arg)
{
    struct cr_session *session = arg;
    struct cr_serve_door *door = session->door;
    cr_sessions_begun(&door->server->sessions, session);
    return serve_session(door->server, session);
}

static int
run_letter_session(void *arg)
{
    struct cr_session *session = arg;
    struct letter *letter = session->door;
    cr_sessions_begun(&letter->door->server->sessions, session);
    return serve_session(letter->door->server, session);
}

/* ---- Keepers ---- */

/* When to look again for tasks that could not begin: at the deadline, or sooner. */
static coir_time
look_after_beginners(struct coir_server *server, coir_time deadline)
{
    struct cr_session *session;
    bool more;
    coir_time next;
    while ((session = cr_sessions_stillborn(&server->sessions, &more))) {
        cr_server_log(server, COIR_LOG_WARN, "no memory for a connection's stack: turned it away");
        finish(server, session, 0);
    }
    next = coir_after(LOOK_MS * COIR_MS);
    return more && next < deadline ? next : deadline;
}

/* It has a permit. door: of its stream, or its letter. */
static void
admit(struct coir_server *server, struct coir_stream *stream, void *door, coir_function *run)
{
    struct cr_session *session;
    int error = cr_sessions_open(&server->sessions, stream, &session);
    if (error) {
        cr_server_log(server, error == -EUSERS ? COIR_LOG_DEBUG : COIR_LOG_WARN, "turned a connection away: %s",
                      error == -EUSERS ? "there are as many from that host as may be" : coir_error_text(error));
        coir_stream_close(stream);
        if (!stream)
            cr_free(door);
        if (server->only)
            coir_event_set(&server->told);
        (void)coir_semaphore_release(&server->room);
        return;
    }
    session->door = door;
    cr_shares_add(server->shares, server->share, 1);
    if (server->choice.one_each) {
        (void)serve_session(server, session);
        return;
    }
    error = cr_sessions_start(&server->sessions, session, run,
                              &(struct coir_task_options){.name = "connection", .carrier = server->choice.carrier});
    if (error)
        finish(server, session, error);
}

/* Until it is ours to accept; others may be quicker. */
static int
await_turn(struct cr_serve_door *door, coir_time deadline)
{
    const struct coir_server *server = door->server;
    int error = cr_listener_await(door->listener, deadline);
    uint32_t lead = error ? 0 : cr_shares_lead(server->shares, server->share);
    return lead ? coir_sleep(coir_after(STEP_BACK * (lead < MOST_STEPS ? lead : MOST_STEPS))) : error;
}

static int
take_stream(struct cr_serve_door *door, coir_time deadline)
{
    struct coir_stream *stream;
    int error = door->server->shares ? await_turn(door, deadline) : 0;
    if (!error)
        error = coir_listener_accept(door->listener, &stream, door->server->shares ? COIR_NOW : deadline);
    if (error)
        return error;
    stream->idle = door->server->options.idle;
    admit(door->server, stream, door, run_stream_session);
    return 0;
}

static int
take_datagram(struct cr_serve_door *door, char *bytes, coir_time deadline)
{
    struct coir_address from;
    struct letter *letter;
    ssize_t size = coir_datagram_receive(door->datagram, bytes, DATAGRAM, &from, deadline);
    if (size < 0)
        return (int)size;
    letter = cr_alloc(sizeof *letter + (size_t)size + !size);
    if (!letter)
        return -ENOMEM;
    *letter = (struct letter){.door = door, .from = from, .size = (size_t)size};
    memcpy(letter->bytes, bytes, (size_t)size);
    admit(door->server, NULL, letter, run_letter_session);
    return 0;
}

/* What ends a keeper: the door is shut, or broken. */
static bool
is_over(int error)
{
    return error && error != -ETIMEDOUT && error != -EAGAIN && error != -ENOMEM && error != -ECONNREFUSED;
}

static int
keep(void *arg)
{
    struct cr_serve_door *door = arg;
    struct coir_server *server = door->server;
    char *bytes = door->datagram ? cr_alloc(DATAGRAM) : NULL;
    int error = door->datagram && !bytes ? -ENOBUFS : 0;
    (void)coir_semaphore_release(&server->begun);
    while (!is_over(error)) {
        error = coir_semaphore_acquire(&server->room, look_after_beginners(server, COIR_NEVER));
        if (error)
            continue;
        error = door->datagram ? take_datagram(door, bytes, look_after_beginners(server, COIR_NEVER))
                               : take_stream(door, look_after_beginners(server, COIR_NEVER));
        if (error)
            (void)coir_semaphore_release(&server->room);
    }
    cr_free(bytes);
    if (error != -EPIPE && error != -ECANCELED) {
        uint32_t none = 0;
        if (cr_cas_ar(&server->failure, &none, (uint32_t)-error))
            cr_server_log(server, COIR_LOG_ERROR, "a listener broke: %s", coir_error_text(error));
        coir_event_set(&server->told);
    }
    return 0;
}

/* The one keeper of a server with one connection. */
static int
serve_only(void *arg)
{
    struct coir_server *server = arg;
    (void)coir_semaphore_release(&server->begun);
    server->only->idle = server->options.idle;
    (void)!coir_semaphore_acquire(&server->room, COIR_NOW);
    admit(server, server->only, &server->doors[0], run_stream_session);
    return 0;
}

/* ---- Beginning and ending ---- */

static bool
are_alive(struct coir_task *const *tasks, size_t count)
{
    while (count && coir_task_is_alive(tasks[count - 1]))
        count--;
    return !count;
}

/* Until these tasks run: what they run on may not be to be had, and then they have ended without having begun. */
static int
await_begun(struct coir_server *server, struct coir_task *const *tasks, size_t count)
{
    size_t begun = 0;
    int error = 0;
    while (begun < count && (!error || error == -ETIMEDOUT)) {
        bool all_live = are_alive(tasks, count); /* else whoever has begun has given his permit */
        error = coir_semaphore_acquire(&server->begun, all_live ? coir_after(LOOK_MS * COIR_MS) : COIR_NOW);
        begun += !error;
    }
    return error == -EAGAIN ? cr_fail(-ENOMEM, "the server cannot begin: no memory, or no thread, for its own tasks")
                            : error;
}

static int
start_keepers(struct coir_server *server)
{
    struct coir_task_options options = {.name = "keeper", .carrier = server->choice.carrier};
    size_t doors = server->only ? 1 : server->door_count, each = server->only ? 1 : (size_t)server->choice.keepers;
    int error = 0;
    server->keeper_count = 0;
    server->keepers = cr_alloc_zero(doors * each * sizeof *server->keepers);
    if (!server->keepers)
        return -ENOMEM;
    for (size_t i = 0; i < doors * each && !error; i++) {
        error = server->only
                    ? coir_runtime_go(server->runtime, serve_only, server, &options, &server->keepers[i])
                    : coir_runtime_go(server->runtime, keep, &server->doors[i / each], &options, &server->keepers[i]);
        server->keeper_count += !error;
    }
    return error ? error : await_begun(server, server->keepers, server->keeper_count);
}

int
cr_server_begin(struct coir_server *server)
{
    struct coir_runtime_options options = server->options.runtime;
    uint32_t room =
        server->options.connections < UINT32_MAX / 2 ? (uint32_t)server->options.connections : UINT32_MAX / 2;
    int error;
    options.workers = server->choice.workers ? server->choice.workers : options.workers;
    options.backend = server->choice.backend ? server->choice.backend : options.backend;
    options.name = options.name ? options.name : "server";
    coir_semaphore_init(&server->room, room, room);
    coir_semaphore_init(&server->begun, 0, UINT32_MAX / 2);
    coir_event_init(&server->told);
    cr_sessions_init(&server->sessions, room, server->options.connections_per_address);
    error = coir_runtime_start(&options, &server->runtime);
    if (error)
        return error;
    error = start_keepers(server);
    if (error)
        (void)cr_server_end(server, COIR_NOW);
    return error;
}

static void
shut_doors(struct coir_server *server)
{
    for (size_t i = 0; i < server->door_count; i++)
        if (server->doors[i].datagram)
            coir_datagram_abort(server->doors[i].datagram);
        else
            coir_listener_abort(server->doors[i].listener);
}

/* The keepers of a door that is shut end when they have room, or when they have served: at the deadline they are let go. */
static void
await_keepers(struct coir_server *server, coir_time deadline)
{
    for (size_t i = 0; i < server->keeper_count; i++)
        if (coir_join(server->keepers[i], NULL, deadline))
            coir_detach(server->keepers[i]);
    cr_free(server->keepers);
    server->keepers = NULL;
    server->keeper_count = 0;
}

/* How many were left at the deadline. */
static size_t
await_sessions(struct coir_server *server, coir_time deadline)
{
    while (cr_sessions_wait(&server->sessions, look_after_beginners(server, deadline)))
        if (cr_now() >= deadline)
            return cr_sessions_abort(&server->sessions);
    return 0;
}

int
cr_server_end(struct coir_server *server, coir_time deadline)
{
    size_t left;
    int error;
    COIR_SHIELD();
    shut_doors(server);
    await_keepers(server, deadline);
    left = await_sessions(server, deadline);
    error = coir_runtime_stop(server->runtime, cr_now() + LAST_WAIT);
    if (error) {
        cr_server_log(server, COIR_LOG_WARN,
                      "some of %zu handlers do not end although they have been canceled: left them behind", left);
        return error;
    }
    server->runtime = NULL;
    /* A supervisor's worker ends with its process, which must not die of being told to, a moment before. */
    if (!server->line) {
        coir_signals_close(server->signals);
        server->signals = NULL;
    }
    cr_sessions_fini(&server->sessions);
    coir_event_fini(&server->told);
    coir_semaphore_fini(&server->room);
    coir_semaphore_fini(&server->begun);
    if (left)
        cr_server_log(server, COIR_LOG_WARN, "%zu handler%s did not end in time: canceled", left, left == 1 ? "" : "s");
    error = -(int)cr_load_acq(&server->failure);
    return error ? error : left ? -ETIMEDOUT : 0;
}

/* ---- As a whole program ---- */

/* The first INT or TERM ends the server, the second the program. HUP is for supervisors. A copy hears INT from its terminal and
 * TERM from its supervisor, perhaps also from whoever ends the whole group. */
static int
heed_signals(void *arg)
{
    struct coir_server *server = arg;
    int number;
    (void)coir_semaphore_release(&server->begun);
    while ((number = coir_signals_wait(server->signals, COIR_NEVER)) > 0) {
        if (number == SIGHUP || (number == SIGINT && server->line))
            continue;
        if (!coir_event_is_set(&server->told))
            cr_server_log(server, server->line ? COIR_LOG_DEBUG : COIR_LOG_INFO, "told to end: draining");
        else if (!server->line)
            _exit(128 + number);
        coir_event_set(&server->told);
    }
    return 0;
}

/* On a thread of its own: handlers may keep all workers. */
static int
start_heeding(struct coir_server *server)
{
    struct coir_task_options options = {.name = "signals", .carrier = COIR_ON_THREAD};
    struct coir_task *task;
    int error = coir_runtime_go(server->runtime, heed_signals, server, &options, &task);
    if (error)
        return error;
    error = await_begun(server, &task, 1);
    coir_detach(task);
    return error;
}

/* Before anybody is served: who has been may send one. */
static int
begin_with_signals(struct coir_server *server)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    int error;
    if (server->options.leave_signals)
        return cr_server_begin(server);
    error = coir_signals_open(numbers, sizeof numbers / sizeof numbers[0], &server->signals);
    if (server->line)
        cr_signal_forked();
    if (!error)
        error = cr_server_begin(server);
    if (!error)
        return start_heeding(server);
    coir_signals_close(server->signals);
    server->signals = NULL;
    return error;
}

int
cr_server_run(struct coir_server *server, struct coir_stream *only, void (*announce)(struct coir_server *server))
{
    int error, end;
    server->only = only;
    error = begin_with_signals(server);
    if (!server->runtime)
        return error;
    if (!error && announce)
        announce(server);
    if (!error)
        error = coir_event_wait(&server->told, COIR_NEVER);
    if (!server->line)
        cr_manager_tell(server, "STOPPING=1");
    end = cr_server_end(server, coir_after(server->options.grace));
    return error ? error : end;
}
