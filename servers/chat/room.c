/* servers/chat/room.c: one mutex is the order; whoever holds it says what comes next.
 *
 * The happy path of a message: its speaker takes the mutex, the message is rendered once in the forms that somebody
 * here reads, and a pointer to it is put into the queue of each member, never waiting. So all members get all
 * messages in one order, and a message costs one block of memory however many hear it. Members stand in an array
 * sorted by their names' keys: it answers whether a name is free, it is the list in the welcome, and going through
 * it is what telling all means.
 *
 * Who does not read: the queue fills, a put answers -EAGAIN, and the member is thrown out: his queue is shut down,
 * so that later puts to it fail at once, and his stream aborted, so that his tasks end and take him out of the room.
 * Nobody waits.
 *
 * Who would read, but the hub has not come to writing to him: that must not cost him his membership. A burst of
 * lines from one client (a file, piped) is read and told much faster than a worker that is busy, or not running, can
 * deliver them. So speakers are held back while somebody who is not himself the reason is half a queue behind
 * (pace()). His own fault it is when a write to him has been waiting for WRITING_LIMIT. So a member that does not
 * read can hold up a burst once, for 50 ms, when he is 128 messages behind; below that rate never.
 *
 * The pause is made with the mutex held, on purpose: all who want to say something would have to make it. It is the
 * only thing waited for under the mutex; it is bounded (PACE_LIMIT) and ends at once when the room closes. Looking
 * again each millisecond is cheaper than having every deliverer tell the room how far it has come, and only one task
 * does so at a time. Rejected: a queue of speakers' messages with a task that tells them, which needs the same bound
 * once more; a window counted per message, which a member that gets stuck keeps for himself.
 *
 * Left out on purpose: limits on how much one member may say. */
#include "servers/chat/room.h"

#include <coir/log.h>
#include <coir/mutex.h>
#include <coir/task.h>
#include <errno.h>
#include <string.h>

#include "base/memory.h"
#include "protocol/utf8.h"

enum {
    DEFAULT_MEMBERS = 10000,
    DEFAULT_QUEUE = 256,
    FIRST_CAPACITY = 16, /* of the array of members; doubled up to the limit */
};

#define WRITING_LIMIT (50 * COIR_MS)
#define PACE_STEP (1 * COIR_MS)
#define PACE_LIMIT (1 * COIR_SECOND)

struct cr_room {
    struct coir_mutex order;          /* guards what has no other note */
    size_t limit, queue;              /* never change */
    CR_ATOMIC(bool) closed;           /* set before the mutex is taken for it, so that pace() ends; never cleared */
    CR_ATOMIC(size_t) speakers;       /* who wait for the mutex to tell something; read by deliverers, as advice */
    size_t count, capacity;           /* count: written under the mutex, read by anybody */
    struct cr_member **members;       /* sorted by name.key, no two alike */
    struct cr_list door;              /* members at the door; bounded by who limits connections */
    size_t readers[CR_MESSAGE_FORMS]; /* how many read this form, inside and at the door */
    size_t credit;                    /* messages that may be told before looking who is behind again */
};

/* Why somebody cannot come in, or cannot say this. */
static const struct {
    int error;
    const char *reason;
} reasons[] = {
    {-EEXIST, "that name is taken; choose another"},
    {-ENOSPC, "the room is full; try again later"},
    {-EPIPE, "the hub is stopping"},
    {-ENOMEM, "the hub is out of memory"},
    {-EMSGSIZE, "that was longer than 4096 bytes; nobody heard it"},
    {-EILSEQ, "that was not UTF-8 text; nobody heard it"},
    {-EINVAL, "that had control characters in it; nobody heard it"},
};

static int
refuse(int error, const char **reason)
{
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
        if (reasons[i].error == error)
            *reason = reasons[i].reason;
    return error;
}

struct cr_room *
cr_room_new(const struct cr_room_options *options)
{
    struct cr_room *room = cr_alloc_zero(sizeof *room);
    if (!room)
        return NULL;
    coir_mutex_init(&room->order, COIR_MUTEX_PLAIN);
    cr_list_init(&room->door);
    room->limit = options && options->members ? options->members : DEFAULT_MEMBERS;
    room->queue = options && options->queue ? options->queue : DEFAULT_QUEUE;
    return room;
}

void
cr_room_free(struct cr_room *room)
{
    if (!room)
        return;
    coir_mutex_fini(&room->order);
    cr_free(room->members);
    cr_free(room);
}

size_t
cr_room_queue(const struct cr_room *room)
{
    return room->queue;
}

size_t
cr_room_size(const struct cr_room *room)
{
    return cr_load_rlx(&room->count); /* pairs with nothing: advice */
}

bool
cr_room_is_closed(const struct cr_room *room)
{
    return cr_load_rlx(&room->closed);
}

/* Where a name with this key stands, or would stand. */
static size_t
find(const struct cr_room *room, const char *key)
{
    size_t low = 0, high = room->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(room->members[middle]->name.key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool
is_taken(const struct cr_room *room, size_t place, const char *key)
{
    return place < room->count && strcmp(room->members[place]->name.key, key) == 0;
}

static int
make_place(struct cr_room *room)
{
    if (room->count >= room->limit)
        return -ENOSPC;
    if (room->count < room->capacity)
        return 0;
    size_t capacity = room->capacity ? 2 * room->capacity : FIRST_CAPACITY;
    struct cr_member **members = cr_realloc(room->members, capacity * sizeof *members);
    if (!members)
        return -ENOMEM;
    room->members = members;
    room->capacity = capacity;
    return 0;
}

static void
insert(struct cr_room *room, size_t place, struct cr_member *member)
{
    struct cr_member **there = room->members + place;
    memmove(there + 1, there, (room->count - place) * sizeof *there);
    *there = member;
    cr_store_rlx(&room->count, room->count + 1);
    cr_list_remove(&member->door);
    member->place = CR_MEMBER_INSIDE;
}

static void
take_out(struct cr_room *room, struct cr_member *member)
{
    size_t place = find(room, member->name.key);
    struct cr_member **there = room->members + place;
    cr_store_rlx(&room->count, room->count - 1);
    memmove(there, there + 1, (room->count - place) * sizeof *there);
}

static unsigned
forms_read(const struct cr_room *room)
{
    unsigned forms = 0;
    for (unsigned form = 0; form < CR_MESSAGE_FORMS; form++)
        forms |= room->readers[form] ? 1u << form : 0;
    return forms;
}

/* Whether the room need not wait for him: he is on his way out, or does not read. */
static bool
is_his_own_fault(const struct cr_member *member, coir_time now)
{
    coir_time since = cr_load_rlx(&member->writing_since);
    return cr_load_rlx(&member->deaf) || (since && now - since > WRITING_LIMIT);
}

/* How many messages wait for the member that is most behind through no fault of his own. */
static size_t
longest_backlog(const struct cr_room *room)
{
    coir_time now = coir_now();
    size_t longest = 0;
    for (size_t i = 0; i < room->count; i++) {
        size_t size = coir_queue_size(room->members[i]->queue);
        if (size > longest && !is_his_own_fault(room->members[i], now))
            longest = size;
    }
    return longest;
}

/* First only lets others run: those that are behind may be on this very worker. 0 or -ECANCELED. */
static int
rest(int round)
{
    return round == 0 ? coir_yield() : coir_sleep(coir_after(PACE_STEP));
}

/* Waits until a message can be told without being the one that overruns a member who reads. Each message told makes
 * each queue longer by one at most, so looking once is good for as many messages as the longest of them has place
 * for in its first half. */
static void
pace(struct cr_room *room)
{
    size_t window = room->queue / 2 ? room->queue / 2 : 1;
    coir_time limit = coir_after(PACE_LIMIT);
    for (int round = 0; room->credit == 0; round++) {
        size_t backlog = longest_backlog(room);
        if (backlog < window)
            room->credit = window - backlog;
        else if (cr_load_rlx(&room->closed) || coir_now() >= limit || rest(round))
            room->credit = 1;
    }
    room->credit--;
}

/* Before the mutex is taken to tell something, and after. */
static void
want_turn(struct cr_room *room)
{
    cr_add_rlx(&room->speakers, 1);
}

static void
begin_turn(struct cr_room *room)
{
    cr_sub_ar(&room->speakers, 1);
    pace(room);
}

static void
throw_out(struct cr_room *room, struct cr_member *member)
{
    cr_store_rlx(&member->deaf, true);
    coir_queue_shutdown(member->queue);
    coir_stream_abort(member->stream);
    coir_log(COIR_LOG_WARN, "chat: %s does not read; disconnected with %zu messages waiting", member->name.text,
             room->queue);
}

/* Whether it is in his queue now, with one hold. */
static bool
hand(struct cr_room *room, struct cr_member *member, struct cr_message *message)
{
    int error = cr_member_put(member, message, COIR_NOW);
    if (error == -EAGAIN)
        throw_out(room, member);
    return error == 0;
}

/* To all inside but speaker (NULL: to all). 0; -ENOMEM: to nobody. */
static int
tell(struct cr_room *room, const struct cr_member *speaker, struct cr_message_facts facts)
{
    if (room->count == 0)
        return 0;
    facts.at = cr_message_time();
    struct cr_message *message = cr_message_new(&facts, forms_read(room));
    if (!message)
        return -ENOMEM;
    size_t holds = room->count + 1; /* taken for all at once: one locked instruction, not one for each */
    cr_message_hold(message, room->count);
    for (size_t i = 0; i < room->count; i++)
        if (room->members[i] != speaker || speaker->hears_himself)
            holds -= hand(room, room->members[i], message);
    cr_message_drop(message, holds);
    return 0;
}

/* The welcome to one who will stand at place. */
static struct cr_message *
compose_welcome(const struct cr_room *room, const struct cr_member *member, size_t place)
{
    const char **names = cr_alloc((room->count + 1) * sizeof *names);
    if (!names)
        return NULL;
    for (size_t i = 0; i < room->count; i++)
        names[i + (i >= place)] = room->members[i]->name.text;
    names[place] = member->name.text;
    struct cr_message_facts facts = {.kind = CR_MESSAGE_WELCOME,
                                     .at = cr_message_time(),
                                     .name = member->name.text,
                                     .members = names,
                                     .member_count = room->count + 1};
    struct cr_message *welcome = cr_message_new(&facts, 1u << member->form);
    cr_free(names);
    return welcome;
}

/* Under the mutex: welcomes him, tells the others, and lets him in, or does nothing. */
static int
let_in(struct cr_room *room, struct cr_member *member)
{
    size_t place = find(room, member->name.key);
    if (is_taken(room, place, member->name.key))
        return -EEXIST;
    int error = make_place(room);
    if (error)
        return error;
    struct cr_message *welcome = compose_welcome(room, member, place);
    if (!welcome)
        return -ENOMEM;
    error = tell(room, NULL, (struct cr_message_facts){.kind = CR_MESSAGE_CAME, .name = member->name.text});
    if (error || cr_member_put(member, welcome, COIR_NOW)) /* the queue is new: there is place */
        cr_message_drop(welcome, 1);
    if (!error)
        insert(room, place, member);
    return error;
}

int
cr_room_arrive(struct cr_room *room, struct cr_member *member)
{
    COIR_HOLD(&room->order);
    if (cr_load_rlx(&room->closed))
        return -EPIPE;
    cr_list_append(&room->door, &member->door);
    member->place = CR_MEMBER_AT_DOOR;
    member->speakers = &room->speakers;
    room->readers[member->form]++;
    return 0;
}

int
cr_room_enter(struct cr_room *room, struct cr_member *member, const char *name, size_t size, const char **reason)
{
    int error = cr_name_read(name, size, &member->name, reason);
    if (error)
        return error;
    want_turn(room);
    COIR_HOLD(&room->order);
    begin_turn(room);
    error = cr_load_rlx(&room->closed) ? -EPIPE : let_in(room, member);
    return error ? refuse(error, reason) : 0;
}

/* Under the mutex, from inside. */
static void
see_off(struct cr_room *room, struct cr_member *member)
{
    take_out(room, member);
    room->readers[member->form]--;
    if (cr_load_rlx(&room->closed))
        return;
    if (tell(room, NULL, (struct cr_message_facts){.kind = CR_MESSAGE_LEFT, .name = member->name.text}))
        coir_log(COIR_LOG_ERROR, "chat: out of memory; nobody was told that %s left", member->name.text);
}

void
cr_room_leave(struct cr_room *room, struct cr_member *member)
{
    cr_store_rlx(&member->deaf, true); /* before the mutex, so that a speaker who has it does not wait for him */
    coir_queue_shutdown(member->queue);
    COIR_SHIELD(); /* many leave because their streams failed, that is canceled, and they must be paced, too */
    if (member->place == CR_MEMBER_INSIDE) { /* changed by his own task only, and this is it */
        want_turn(room);
        COIR_HOLD(&room->order);
        begin_turn(room);
        see_off(room, member);
    } else {
        COIR_HOLD(&room->order);
        cr_list_remove(&member->door);
        room->readers[member->form]--;
    }
    member->place = CR_MEMBER_OUTSIDE;
}

int
cr_room_check_text(const char *text, size_t size, const char **reason)
{
    if (size > CR_ROOM_TEXT_LIMIT)
        return refuse(-EMSGSIZE, reason);
    ssize_t characters = cr_utf8_visible(text, size, CR_UTF8_LINE);
    return characters < 0 ? refuse((int)characters, reason) : 0;
}

static int
say(struct cr_room *room, const struct cr_member *speaker, const struct cr_message_facts *facts, const char **reason)
{
    int error = 0;
    if (facts->text[0] == '\0')
        return 0;
    want_turn(room);
    COIR_HOLD(&room->order);
    begin_turn(room);
    if (!cr_load_rlx(&room->closed))
        error = tell(room, speaker, *facts);
    return error ? refuse(error, reason) : 0;
}

int
cr_room_say(struct cr_room *room, struct cr_member *member, const char *text, size_t size, const char **reason)
{
    struct cr_message_facts facts = {.kind = CR_MESSAGE_SAID, .name = member->name.text, .text = text};
    int error = cr_room_check_text(text, size, reason);
    return error ? error : say(room, member, &facts, reason);
}

int
cr_room_say_as_administrator(struct cr_room *room, const char *text, size_t size, const char **reason)
{
    struct cr_message_facts facts = {.kind = CR_MESSAGE_ADMINISTRATOR, .text = text};
    int error = cr_room_check_text(text, size, reason);
    return error ? error : say(room, NULL, &facts, reason);
}

static void
turn_away(struct cr_member *member, const char *why)
{
    struct cr_message *closing = cr_message_to_one(CR_MESSAGE_CLOSING, member->form, why);
    if (closing && cr_member_put(member, closing, COIR_NOW)) /* full: he does not read */
        cr_message_drop(closing, 1);
    coir_queue_shutdown(member->queue);
}

void
cr_room_close(struct cr_room *room, const char *why)
{
    if (cr_swap_ar(&room->closed, true)) /* pairs with the loads under the mutex, and with pace()'s */
        return;
    COIR_HOLD(&room->order);
    (void)tell(room, NULL,
               (struct cr_message_facts){.kind = CR_MESSAGE_CLOSING, .text = why}); /* else it just closes */
    for (size_t i = 0; i < room->count; i++)
        coir_queue_shutdown(room->members[i]->queue);
    for (struct cr_list *link = room->door.next; link != &room->door; link = link->next)
        turn_away(cr_container(link, struct cr_member, door), why);
}
