/* servers/hub/hub.c: opens the doors, lets people in, and closes in order.
 *
 * The happy path: both doors are opened before anybody is let in, so a taken port is a clean failure. One task for
 * each door accepts; each connection becomes a session with a task of its own, on the less busy of two workers,
 * which runs the door's serve function. One more task reads the administrator's lines; its end ends nothing. This
 * task waits for the stop event.
 *
 * Stopping: the doors are shut, the room closes (every member is told, and his session ends when he has been written
 * to), idle HTTP connections end, and what has not ended within grace is aborted. A door that breaks stops the hub
 * the same way, and its failure is the result.
 *
 * Everything hangs off a struct hub in cr_hub_run's frame: two hubs in one process do not know of each other.
 * Sessions are not in a scope, because a scope's tasks start near their owner and these are to be spread;
 * cr_sessions_wait keeps them from outliving the hub instead. */
#include "servers/hub/hub.h"

#include <coir/listener.h>
#include <coir/log.h>
#include <coir/scope.h>
#include <errno.h>
#include <string.h>

#include "serve/sessions.h"
#include "servers/chat/line_member.h"
#include "servers/chat/room.h"
#include "servers/http/server.h"
#include "servers/hub/page.h"
#include "servers/hub/web_member.h"

enum {
    KEEPALIVE_SECONDS = 60, /* of silence before TCP asks whether the peer is still there */
    REFUSAL_SECONDS = 1,    /* for telling a connection that there is no room for it */
    LOOK_MS = 100,          /* between looks at tasks that have not begun */
    ROUTES = CR_PAGE_FILES + 1,
};

static const char security_policy[] = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
                                      "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

struct hub;

struct door {
    struct hub *hub;
    const struct door_kind *kind;
    struct coir_listener *listener; /* NULL: not open */
};

struct hub {
    const struct cr_hub_options *options;
    coir_time grace, name_time;
    struct cr_room *room;
    struct cr_sessions sessions;
    struct door doors[CR_HUB_DOORS];
    struct cr_http_content pages[CR_PAGE_FILES];
    struct cr_http_route routes[ROUTES];
    struct cr_http_drain drain;
    struct cr_http_options http;
};

/* ---- The doors ---- */

struct door_kind {
    const char *name; /* also of its option */
    const char *standard_address;
    const char *refusal; /* what a connection is told that cannot be served */
    int (*serve)(struct hub *hub, struct coir_stream *stream);
};

static int
serve_chat(struct hub *hub, struct coir_stream *stream)
{
    return cr_line_member_serve(stream, hub->room, hub->name_time);
}

static int
serve_web(struct hub *hub, struct coir_stream *stream)
{
    return cr_http_serve_connection(stream, hub->routes, ROUTES, &hub->http);
}

static const struct door_kind door_kinds[CR_HUB_DOORS] = {
    [CR_HUB_DOOR_CHAT] = {"chat", CR_HUB_CHAT, "* too many connections; try again later\n", serve_chat},
    [CR_HUB_DOOR_WEB] = {"web", CR_HUB_WEB,
                         "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
                         serve_web},
};

/* What helps when a door cannot be opened. */
static const struct {
    int error;
    const char *what, *mend;
} door_errors[] = {
    {-EADDRINUSE, "address already in use", "choose another with"},
    {-EACCES, "permission denied", "choose a port above 1023 or grant CAP_NET_BIND_SERVICE; the option is"},
    {-EADDRNOTAVAIL, "this machine has no such address", "choose one of its own with"},
    {-EINVAL, "that is no address", "write HOST:PORT or unix:PATH after"},
};

static void
report_closed_door(const struct door_kind *kind, const char *address, int error)
{
    const char *what = coir_error_text(error), *mend = "choose another with";
    for (size_t i = 0; i < sizeof door_errors / sizeof door_errors[0]; i++)
        if (door_errors[i].error == error) {
            what = door_errors[i].what;
            mend = door_errors[i].mend;
        }
    coir_log(COIR_LOG_ERROR, "cannot listen on %s (--%s): %s; %s --%s ADDR", address, kind->name, what, mend,
             kind->name);
}

static int
open_door(struct hub *hub, enum cr_hub_door which)
{
    static const struct coir_listener_options options = {.stream = {.keepalive = KEEPALIVE_SECONDS * COIR_SECOND}};
    struct door *door = &hub->doors[which];
    *door = (struct door){.hub = hub, .kind = &door_kinds[which]};
    const char *address = hub->options->addresses[which];
    if (!address)
        address = door->kind->standard_address;
    int error = coir_listener_open(address, &options, &door->listener);
    if (error)
        report_closed_door(door->kind, address, error);
    return error;
}

static int
open_doors(struct hub *hub, struct coir_address addresses[CR_HUB_DOORS])
{
    int error = 0;
    for (enum cr_hub_door which = 0; which < CR_HUB_DOORS && !error; which++) {
        error = open_door(hub, which);
        if (!error)
            error = coir_listener_local(hub->doors[which].listener, &addresses[which]);
    }
    return error;
}

static void
shut_doors(struct hub *hub)
{
    for (enum cr_hub_door which = 0; which < CR_HUB_DOORS; which++)
        coir_listener_abort(hub->doors[which].listener);
}

static void
close_doors(struct hub *hub)
{
    for (enum cr_hub_door which = 0; which < CR_HUB_DOORS; which++)
        coir_listener_close(hub->doors[which].listener);
}

/* ---- Sessions ---- */

static int
run_session(void *arg)
{
    struct cr_session *session = arg;
    struct door *door = session->door;
    cr_sessions_begun(&door->hub->sessions, session);
    int error = door->kind->serve(door->hub, session->stream);
    if (error)
        coir_log(COIR_LOG_DEBUG, "%s: a connection ended: %s", door->kind->name, coir_error_text(error));
    cr_sessions_close(&door->hub->sessions, session);
    return 0;
}

static void
turn_away(const struct door_kind *kind, struct coir_stream *stream, int error)
{
    coir_log(COIR_LOG_WARN, "%s: turned a connection away: %s", kind->name, coir_error_text(error));
    (void)coir_stream_write(stream, kind->refusal, strlen(kind->refusal), coir_after(REFUSAL_SECONDS * COIR_SECOND));
}

/* Turns those away whose tasks could not begin. When to look again: at the deadline, or sooner. */
static coir_time
look_after_beginners(struct hub *hub, coir_time deadline)
{
    struct cr_session *session;
    bool more;
    while ((session = cr_sessions_stillborn(&hub->sessions, &more))) {
        turn_away(((struct door *)session->door)->kind, session->stream, -ENOMEM);
        cr_sessions_close(&hub->sessions, session);
    }
    coir_time next = coir_after(LOOK_MS * COIR_MS);
    return more && next < deadline ? next : deadline;
}

static void
admit(struct door *door, struct coir_stream *stream)
{
    struct cr_session *session;
    int error = cr_sessions_open(&door->hub->sessions, stream, &session);
    if (error) {
        turn_away(door->kind, stream, error);
        coir_stream_close(stream);
        return;
    }
    session->door = door;
    error = cr_sessions_start(&door->hub->sessions, session, run_session,
                              &(struct coir_task_options){.name = door->kind->name});
    if (error) {
        turn_away(door->kind, stream, error);
        cr_sessions_close(&door->hub->sessions, session);
    }
}

static int
keep_door(void *arg)
{
    struct door *door = arg;
    struct coir_stream *stream;
    int error;
    do {
        error = coir_listener_accept(door->listener, &stream, look_after_beginners(door->hub, COIR_NEVER));
        if (!error)
            admit(door, stream);
    } while (!error || error == -ETIMEDOUT);
    return error == -EPIPE ? 0 : error;
}

/* ---- The administrator ---- */

static int
read_administrator(void *arg)
{
    struct hub *hub = arg;
    char line[CR_ROOM_TEXT_LIMIT + 1];
    for (;;) {
        const char *reason;
        ssize_t size = coir_stream_read_line(hub->options->input, line, sizeof line, COIR_NEVER);
        if (size < 0 && size != -EMSGSIZE)
            return 0; /* the end, or a terminal that may not be read: he says nothing more */
        size_t length = size < 0 ? sizeof line : (size_t)size;
        if (cr_room_say_as_administrator(hub->room, line, length, &reason))
            coir_log(COIR_LOG_WARN, "your line: %s", reason);
    }
}

/* ---- The web ---- */

static int
serve_websocket(struct cr_websocket *websocket, const struct cr_http_request *request, void *arg)
{
    struct hub *hub = arg;
    (void)request;
    return cr_web_member_serve(websocket, hub->room, hub->name_time);
}

static void
prepare_web(struct hub *hub)
{
    for (size_t i = 0; i < CR_PAGE_FILES; i++) {
        const struct cr_page_file *file = &cr_page_files[i];
        hub->pages[i] = (struct cr_http_content){
            .type = file->type, .bytes = file->begin, .size = (size_t)(file->end - file->begin)};
        cr_http_content_prepare(&hub->pages[i]);
        hub->routes[i] = (struct cr_http_route){
            .method = "GET", .path = file->path, .handler = cr_http_answer_content, .arg = &hub->pages[i]};
    }
    hub->routes[CR_PAGE_FILES] =
        (struct cr_http_route){.method = "GET", .path = "/chat", .websocket = serve_websocket, .arg = hub};
    hub->drain = (struct cr_http_drain)CR_HTTP_DRAIN_INIT;
    hub->http = (struct cr_http_options){.security_policy = security_policy, .drain = &hub->drain};
}

/* ---- From open to closed ---- */

static int
wait_for_stop(struct hub *hub)
{
    struct coir_event never = COIR_EVENT_INIT;
    return coir_event_wait(hub->options->stop ? hub->options->stop : &never, COIR_NEVER);
}

/* Works when this task is canceled, too: by a door that broke, or from outside. */
static void
close_all(struct hub *hub)
{
    COIR_SHIELD();
    coir_log(COIR_LOG_INFO, "stopping; %zu here", cr_room_size(hub->room));
    cr_room_close(hub->room, "the hub is stopping");
    shut_doors(hub);
    cr_http_drain_begin(&hub->drain);
}

/* When no door is kept any more: a keeper lets in whom he has accepted before his door was shut. */
static void
end_sessions(struct hub *hub)
{
    COIR_SHIELD();
    coir_time deadline = coir_after(hub->grace - hub->grace / 10); /* the rest is for ending what has not ended */
    while (cr_sessions_wait(&hub->sessions, look_after_beginners(hub, deadline)) == -ETIMEDOUT) {
        if (coir_now() < deadline)
            continue;
        size_t left = cr_sessions_abort(&hub->sessions);
        coir_log(COIR_LOG_WARN, "%zu connections did not end in time; ended them", left);
        deadline = COIR_NEVER;
    }
}

static int
start_tasks(struct hub *hub, struct coir_scope *scope)
{
    int error = 0;
    for (enum cr_hub_door which = 0; which < CR_HUB_DOORS && !error; which++)
        error = coir_scope_go(scope, keep_door, &hub->doors[which], NULL);
    if (!error && hub->options->input)
        error = coir_scope_go(scope, read_administrator, hub, NULL);
    return error;
}

static int
run(struct hub *hub)
{
    COIR_SCOPE(scope);
    int error = start_tasks(hub, &scope);
    if (!error)
        error = wait_for_stop(hub);
    close_all(hub);
    coir_scope_cancel(&scope); /* the administrator's reader; the doors' keepers have ended or end now */
    int broken = coir_scope_wait(&scope, COIR_NEVER);
    end_sessions(hub);
    return broken ? broken : error;
}

static int
open_and_run(struct hub *hub)
{
    struct coir_address addresses[CR_HUB_DOORS];
    int error = open_doors(hub, addresses);
    if (!error) {
        if (hub->options->ready)
            hub->options->ready(addresses, hub->options->ready_arg);
        error = run(hub);
    }
    close_doors(hub);
    return error;
}

int
cr_hub_run(const struct cr_hub_options *options)
{
    struct hub hub = {.options = options};
    hub.grace = options->grace ? options->grace : CR_HUB_GRACE_SECONDS * COIR_SECOND;
    hub.name_time = options->name_time ? options->name_time : CR_HUB_NAME_SECONDS * COIR_SECOND;
    hub.room = cr_room_new(&(struct cr_room_options){.members = options->members, .queue = options->queue});
    if (!hub.room)
        return -ENOMEM;
    cr_sessions_init(&hub.sessions, options->connections ? options->connections : CR_HUB_CONNECTIONS,
                     options->connections_per_host);
    prepare_web(&hub);
    int error = open_and_run(&hub);
    cr_sessions_fini(&hub.sessions);
    cr_room_free(hub.room);
    return error;
}
