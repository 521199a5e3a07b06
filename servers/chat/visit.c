/* servers/chat/visit.c: one task reads, one writes, and neither outlives the other.
 *
 * The happy path: the calling task talks (reads requests and does them); the deliverer runs inside its scope. When
 * talk returns, leaving the room shuts the member's queue down, and the deliverer ends when all that was queued is
 * written. When the deliverer ends first (the stream failed, he was thrown out, the room closed and he has been
 * told), the scope cancels what talk is waiting for.
 *
 * The deliverer may run on another worker than the talker: they share the member, the stream and nothing else. */
#include "servers/chat/visit.h"

#include <coir/scope.h>
#include <errno.h>

int
cr_visit(struct cr_room *room, struct cr_member *member, coir_function *talk, void *arg)
{
    COIR_SCOPE(scope);
    int error = cr_room_arrive(room, member);
    if (error)
        return -ESHUTDOWN;
    error = coir_scope_go(&scope, cr_member_deliver, member, NULL);
    if (!error)
        error = talk(arg);
    cr_room_leave(room, member);
    int delivered = coir_scope_wait(&scope, coir_after(CR_VISIT_FAREWELL_SECONDS * COIR_SECOND));
    if (delivered != -ESHUTDOWN)
        return delivered ? delivered : error;
    return cr_room_is_closed(room) ? -ESHUTDOWN : error;
}
