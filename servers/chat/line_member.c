/* servers/chat/line_member.c: one line in, one line out.
 *
 * The happy path: "name? ", a name, and from then on each line is said in the room, while what the room says is
 * written beside it (visit.c). What cannot be said is answered by a line that begins with "* ", to him alone. A
 * client that only half-closes (printf | nc -N) still gets what had been said before he left. */
#include "servers/chat/line_member.h"

#include <coir/log.h>
#include <errno.h>

#include "servers/chat/visit.h"

enum {
    QUESTION_SECONDS = 10, /* for writing the first question */
    DISCARDED_READS = 16,  /* of what he had still said, so that closing does not reset */
    DISCARDED_SIZE = 4096,
};

struct session {
    struct coir_stream *stream;
    struct cr_room *room;
    coir_time name_time;
    bool came_in;
    struct cr_member member;
    char line[CR_ROOM_TEXT_LIMIT + 1];
};

static void
report(const struct session *session, const char *what)
{
    char text[COIR_ADDRESS_TEXT] = "?";
    struct coir_address address;
    if (coir_stream_peer(session->stream, &address) == 0)
        coir_address_text(&address, text, sizeof text);
    coir_log(COIR_LOG_INFO, "chat: %s %s (%s); %zu here", session->member.name.text, what, text,
             cr_room_size(session->room));
}

/* Reads one name and tries to come in under it. 0; -EAGAIN: it was refused, he may try again; else it is over. */
static int
try_name(struct session *session, coir_time deadline)
{
    const char *reason;
    ssize_t size = coir_stream_read_line(session->stream, session->line, sizeof session->line, deadline);
    if (size < 0 && size != -EMSGSIZE)
        return (int)size;
    size_t length = size < 0 ? sizeof session->line : (size_t)size; /* too long a line is too long a name */
    int error = cr_room_enter(session->room, &session->member, session->line, length, &reason);
    if (!error)
        return 0;
    int untold = cr_member_tell(&session->member, CR_MESSAGE_REFUSED, reason);
    return untold ? untold : -EAGAIN;
}

static int
come_in(struct session *session)
{
    coir_time deadline = coir_after(session->name_time);
    int error = coir_stream_print(session->stream, coir_after(QUESTION_SECONDS * COIR_SECOND), "name? ");
    if (error)
        return error;
    error = -EAGAIN;
    for (int attempt = 0; error == -EAGAIN && attempt < CR_LINE_MEMBER_ATTEMPTS; attempt++)
        error = try_name(session, deadline);
    if (error == -ETIMEDOUT || error == -EAGAIN)
        (void)cr_member_tell(&session->member, CR_MESSAGE_NOTICE,
                             error == -EAGAIN ? "too many attempts; good-bye" : "no name in time; good-bye");
    return error;
}

/* Reads a line and says it: 0, or why there are no more. */
static int
say_next(struct session *session)
{
    const char *reason;
    ssize_t size = coir_stream_read_line(session->stream, session->line, sizeof session->line, COIR_NEVER);
    if (size < 0 && size != -EMSGSIZE)
        return (int)size;
    size_t length = size < 0 ? sizeof session->line : (size_t)size; /* too long is for the room to refuse, too */
    int error = cr_room_say(session->room, &session->member, session->line, length, &reason);
    return error ? cr_member_tell(&session->member, CR_MESSAGE_NOTICE, reason) : 0;
}

static int
talk(void *arg)
{
    struct session *session = arg;
    int error = come_in(session);
    if (error)
        return error;
    session->came_in = true;
    report(session, "came in");
    while (!error)
        error = say_next(session);
    return error;
}

/* Bytes left unread would turn the close into a reset, and could cost him the last lines. */
static void
part(struct coir_stream *stream)
{
    char bytes[DISCARDED_SIZE];
    if (coir_stream_shutdown(stream, COIR_NOW))
        return;
    for (int i = 0; i < DISCARDED_READS; i++)
        if (coir_stream_read(stream, bytes, sizeof bytes, COIR_NOW) <= 0)
            return;
}

int
cr_line_member_serve(struct coir_stream *stream, struct cr_room *room, coir_time name_time)
{
    struct session session = {.stream = stream, .room = room, .name_time = name_time};
    int error = cr_member_init(&session.member, stream, CR_MESSAGE_LINE, false, cr_room_queue(room));
    if (error)
        return error;
    error = cr_visit(room, &session.member, talk, &session);
    if (session.came_in)
        report(&session, "left");
    part(stream);
    cr_member_fini(&session.member);
    return error == -EPIPE || error == -ESHUTDOWN ? 0 : error;
}
