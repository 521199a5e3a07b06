/* servers/chat/member.c: delivering.
 *
 * The happy path: wait for a message, take what else is queued by now, up to CR_MEMBER_BATCH, and hand it all to the
 * kernel in one call. So the busier a room is, the fewer system calls a message costs. That needs a little patience
 * when many wait to speak: each of them would run only after all deliverers he woke, and every message would be
 * written alone. When thousands come in at once this saves five sixths of the work.
 *
 * A member that does not read makes the write wait; meanwhile his queue fills up, and the room throws him out by
 * aborting the stream (room.c), which fails the write. In a quiet room, where the queue would take hours to fill,
 * the write's own time limit does it.
 *
 * Holds: the queue has one for each message in it, taking it out hands it to the batch, and it is dropped after the
 * write, whatever came of that. */
#include "servers/chat/member.h"

#include <coir/task.h>
#include <errno.h>
#include <sys/uio.h>

enum { PATIENT_ROUNDS = 16 }; /* of letting others run before a batch is written */

struct batch {
    struct cr_message *messages[CR_MEMBER_BATCH];
    struct iovec parts[CR_MEMBER_BATCH];
    size_t count;
};

int
cr_member_init(struct cr_member *member, struct coir_stream *stream, enum cr_message_form form, bool hears_himself,
               size_t capacity)
{
    *member = (struct cr_member){.stream = stream, .form = form, .hears_himself = hears_himself};
    cr_list_init(&member->door);
    member->queue = coir_queue_new(sizeof(struct cr_message *), capacity, NULL);
    return member->queue ? 0 : -ENOMEM;
}

void
cr_member_fini(struct cr_member *member)
{
    struct cr_message *message;
    while (coir_queue_get(member->queue, &message, COIR_NOW) == 0)
        cr_message_drop(message, 1);
    coir_queue_free(member->queue);
}

int
cr_member_put(struct cr_member *member, struct cr_message *message, coir_time deadline)
{
    return coir_queue_put(member->queue, &message, deadline);
}

int
cr_member_tell(struct cr_member *member, enum cr_message_kind kind, const char *text)
{
    struct cr_message *message = cr_message_to_one(kind, member->form, text);
    if (!message)
        return -ENOMEM;
    int error = cr_member_put(member, message, COIR_NEVER);
    if (error)
        cr_message_drop(message, 1);
    return error;
}

/* Takes what is queued now: whether it was anything. */
static bool
take_more(struct cr_member *member, struct batch *batch)
{
    size_t before = batch->count;
    while (batch->count < CR_MEMBER_BATCH &&
           coir_queue_get(member->queue, &batch->messages[batch->count], COIR_NOW) == 0)
        batch->count++;
    return batch->count > before;
}

/* Waits for the first, takes the others as they are. If somebody waits to say more, lets him do so first, as long as
 * that brings something. */
static int
gather(struct cr_member *member, struct batch *batch)
{
    int error = coir_queue_get(member->queue, &batch->messages[0], COIR_NEVER);
    if (error)
        return error;
    batch->count = 1;
    bool more = true;
    for (int round = 0; more && round < PATIENT_ROUNDS && cr_load_rlx(member->speakers); round++)
        more = coir_yield() == 0 && take_more(member, batch);
    (void)take_more(member, batch);
    return 0;
}

static int
write_batch(struct cr_member *member, struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        const struct cr_message_bytes *form = &batch->messages[i]->forms[member->form];
        batch->parts[i] = (struct iovec){(void *)(uintptr_t)form->bytes, form->size};
    }
    coir_time now = coir_now();
    cr_store_rlx(&member->writing_since, now); /* read by the room's pace(), which may be late */
    int error = coir_stream_write_parts(member->stream, batch->parts, batch->count,
                                        now + CR_MEMBER_WRITE_SECONDS * COIR_SECOND);
    cr_store_rlx(&member->writing_since, (coir_time)0);
    for (size_t i = 0; i < batch->count; i++)
        cr_message_drop(batch->messages[i], 1);
    return error;
}

int
cr_member_deliver(void *arg)
{
    struct cr_member *member = arg;
    struct batch batch;
    int error;
    while ((error = gather(member, &batch)) == 0)
        if ((error = write_batch(member, &batch)))
            return error;
    return error == -EPIPE ? -ESHUTDOWN : error;
}
