/* servers/hub/web_member.c: one JSON text in, one JSON text out.
 *
 * The happy path: a request to enter with a name, then requests to say something, while what the room says is
 * written beside it (visit.c). A request that cannot be done is answered by a notice to him alone. He hears himself,
 * so that the page shows the one order. A client that has been silent is pinged: a browser that went to sleep does
 * not end its connection.
 *
 * The frames in the queue are whole (message.c), and the WebSocket writes each of its own control frames in one
 * write of the stream, so the deliverer writes to the stream itself, many frames at a time. After a close from
 * either side nothing should follow: ours is sent when the deliverer has ended; a frame that crosses a client's
 * close is ignored by it. */
#include "servers/hub/web_member.h"

#include <coir/log.h>
#include <errno.h>

#include "base/memory.h"
#include "servers/chat/visit.h"
#include "servers/hub/request.h"

enum {
    PING_SECONDS = 45,     /* of silence before he is asked whether he is there */
    SILENCE_SECONDS = 120, /* before he is given up */
    CONTROL_SECONDS = 10,  /* for writing a ping or a close */
};

struct session {
    struct cr_websocket *websocket;
    struct cr_room *room;
    coir_time name_time;
    bool came_in;
    struct cr_member member;
    char message[CR_WEB_MEMBER_MESSAGE_LIMIT];
};

static void
report(const struct session *session, const char *what)
{
    char text[COIR_ADDRESS_TEXT] = "?";
    struct coir_address address;
    if (coir_stream_peer(cr_websocket_stream(session->websocket), &address) == 0)
        coir_address_text(&address, text, sizeof text);
    coir_log(COIR_LOG_INFO, "chat: %s %s (web, %s); %zu here", session->member.name.text, what, text,
             cr_room_size(session->room));
}

/* After so much silence: asks whether he is still there. -EHOSTUNREACH: he has been asked before. */
static int
ask_for_life(struct session *session)
{
    if (coir_now() - cr_websocket_heard(session->websocket) > SILENCE_SECONDS * COIR_SECOND)
        return -EHOSTUNREACH;
    return cr_websocket_ping(session->websocket, coir_after(CONTROL_SECONDS * COIR_SECOND));
}

/* The next text, waited for until the deadline: its size. */
static ssize_t
read_text(struct session *session, coir_time deadline)
{
    enum cr_websocket_kind kind = CR_WEBSOCKET_TEXT;
    for (;;) {
        coir_time next_ping = coir_after(PING_SECONDS * COIR_SECOND);
        ssize_t size = cr_websocket_read(session->websocket, session->message, sizeof session->message, &kind,
                                         next_ping < deadline ? next_ping : deadline);
        if (size >= 0)
            return kind == CR_WEBSOCKET_TEXT ? size : -EPROTONOSUPPORT;
        if (size != -ETIMEDOUT || coir_now() >= deadline)
            return size;
        int error = ask_for_life(session);
        if (error)
            return error;
    }
}

/* What to do with a request, by where he is. 0; -errno and a reason: he is told. */
typedef int doing(struct session *session, const struct cr_request *request, const char **reason);

static int
enter(struct session *session, const struct cr_request *request, const char **reason)
{
    if (request->kind == CR_REQUEST_ENTER)
        return cr_room_enter(session->room, &session->member, request->text, request->size, reason);
    *reason = "enter with a name first";
    return -EINVAL;
}

static int
say(struct session *session, const struct cr_request *request, const char **reason)
{
    if (request->kind == CR_REQUEST_SAY)
        return cr_room_say(session->room, &session->member, request->text, request->size, reason);
    *reason = "you are in already";
    return -EINVAL;
}

/* Reads a request and does it. 0; -EAGAIN: it could not be done, he has been told so by a message of this kind; else
 * there are no more. */
static int
do_next(struct session *session, doing *what, enum cr_message_kind refusal, coir_time deadline)
{
    struct cr_request request;
    const char *reason;
    ssize_t size = read_text(session, deadline);
    if (size < 0)
        return (int)size;
    int error = cr_request_read(session->message, (size_t)size, &request, &reason);
    if (!error) {
        error = what(session, &request, &reason);
        cr_request_fini(&request);
    }
    if (!error)
        return 0;
    int untold = cr_member_tell(&session->member, refusal, reason);
    return untold ? untold : -EAGAIN;
}

static int
talk(void *arg)
{
    struct session *session = arg;
    coir_time deadline = coir_after(session->name_time);
    int error = -EAGAIN;
    for (int attempt = 0; error == -EAGAIN && attempt < CR_WEB_MEMBER_ATTEMPTS; attempt++)
        error = do_next(session, enter, CR_MESSAGE_REFUSED, deadline);
    if (error)
        return error;
    session->came_in = true;
    report(session, "came in");
    while (!error || error == -EAGAIN)
        error = do_next(session, say, CR_MESSAGE_NOTICE, COIR_NEVER);
    return error;
}

/* How each end is told to the client; of those that are not here the WebSocket has told him already, or nobody
 * hears. */
static const struct {
    int error, code;
    const char *reason;
} endings[] = {
    {-ESHUTDOWN, CR_WEBSOCKET_GOING_AWAY, "the hub is stopping"},
    {-EPROTONOSUPPORT, CR_WEBSOCKET_UNSUPPORTED, "texts only"},
    {-ETIMEDOUT, CR_WEBSOCKET_POLICY, "no name in time"},
    {-EAGAIN, CR_WEBSOCKET_POLICY, "too many attempts"},
    {-ENOMEM, CR_WEBSOCKET_SERVER_ERROR, "the hub is out of memory"},
    {-EPIPE, CR_WEBSOCKET_SERVER_ERROR, "what was said could not be sent"}, /* unless he has closed */
};

static void
say_why(struct cr_websocket *websocket, int error)
{
    coir_time deadline = coir_after(CONTROL_SECONDS * COIR_SECOND);
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++)
        if (endings[i].error == error)
            (void)cr_websocket_close(websocket, endings[i].code, endings[i].reason, deadline);
}

static int
serve(struct session *session)
{
    struct coir_stream *stream = cr_websocket_stream(session->websocket);
    int error = cr_member_init(&session->member, stream, CR_MESSAGE_WEB, true, cr_room_queue(session->room));
    if (error)
        return error;
    error = cr_visit(session->room, &session->member, talk, session);
    if (session->came_in)
        report(session, "left");
    cr_member_fini(&session->member);
    return error;
}

int
cr_web_member_serve(struct cr_websocket *websocket, struct cr_room *room, coir_time name_time)
{
    struct session *session = cr_alloc(sizeof *session);
    int error = -ENOMEM;
    if (session) {
        session->websocket = websocket;
        session->room = room;
        session->name_time = name_time;
        session->came_in = false;
        error = serve(session);
        cr_free(session);
    }
    say_why(websocket, error);
    return error == -EPIPE || error == -ESHUTDOWN ? 0 : error;
}
