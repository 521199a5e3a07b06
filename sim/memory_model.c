/* sim/memory_model.c: see memory_model.h. */
#include "sim/memory_model.h"

#include "base/check.h"
#include "sim/thread.h"

#include <stdio.h>
#include <string.h>

enum { PLACES = 4096, KEEP = 8, PATIENCE = 2, BUFFER = 32, LOCKS = 4, SITES = 16 };

/* A value of a place. */
struct message {
    uint64_t value;
    struct cr_stamp released; /* what who acquires it knows */
    uint32_t clock;           /* of its thread, when it was stored */
    uint32_t sc;              /* by a sequentially consistent access: the number of the fence that would come next */
    uint32_t first_read[CR_CHECK_THREADS]; /* their clocks at their first reads; 0: none */
    uint8_t thread;
    bool follows; /* stored by a read-modify-write: nothing comes between it and the value before it */
};

struct place {
    char *address;
    uint64_t run; /* the memory it belongs to */
    uint32_t size, count;
    struct message messages[KEEP]; /* by the order of modification; the last is in the real memory */
    struct cr_place_use uses[CR_CHECK_THREADS];
    uint8_t overlooked[CR_CHECK_THREADS]; /* how often in a row the latest value was */
    uint8_t readers, writers;             /* bits; counted while more than one thread is alive, */
    uint32_t site_count;                  /* as are these */
    struct cr_site *sites[SITES];
};

/* A store on its way (tso). */
struct delayed {
    struct place *place;
    struct message message;
};

struct thread {
    struct cr_stamp now, pending, fence; /* knowledge; what relaxed reads add at a fence; as of the last fence */
    struct delayed buffer[BUFFER];
    uint32_t first, count; /* of the buffer */
    bool flushing;         /* its oldest store has left the buffer and waits for others to be first */
};

/* A lock that is no place: pthread's. */
struct lock {
    const void *address;
    struct cr_stamp released;
};

static struct place places[PLACES];
static uint32_t used[PLACES], used_count;
static struct thread threads[CR_CHECK_THREADS];
static enum cr_model model;
static bool placing, learned;
static cr_memory_choose *choose;
static struct cr_stamp fences; /* what threads knew at their sequentially consistent fences */
static uint32_t fence_count, alive;
static uint64_t run;
static struct lock locks[LOCKS];
static char remark[96];

/* ---- Places ---- */

static uint64_t
real(const struct place *place)
{
    uint64_t value = 0;
    memcpy(&value, place->address, place->size);
    return value;
}

static struct message *
latest(struct place *place)
{
    return &place->messages[place->count - 1];
}

/* As if it had always been there. */
static void
begin_place(struct place *place)
{
    place->run = run;
    place->count = 1;
    place->messages[0] = (struct message){.value = real(place)};
    memset(place->uses, 0, sizeof place->uses);
    memset(place->overlooked, 0, sizeof place->overlooked);
}

static struct place *
slot_of(const void *address)
{
    uint64_t at = (uint64_t)(uintptr_t)address * UINT64_C(0x9e3779b97f4a7c15) >> 52;
    while (places[at].run == run && places[at].address != address)
        at = (at + 1) % PLACES;
    return &places[at];
}

static bool
all_before(uint32_t thread, const struct place *place)
{
    for (uint32_t t = 0; t < CR_CHECK_THREADS; t++)
        if (place->uses[t].clock > threads[thread].now.before[t])
            return false;
    return true;
}

/* A place in the way of another one was in memory that is used anew; or the same bytes are touched in two widths. */
static void
retire(uint32_t thread, struct place *old, const struct cr_access_record *record)
{
    if (!all_before(thread, old))
        cr_sim_fail("%s:%d: %zu bytes (%s) are touched that others touch as %u bytes", record->site->file,
                    record->site->line, record->size, record->site->place, old->size);
    old->size = 0;
}

static struct place *
find(uint32_t thread, const struct cr_access_record *record)
{
    struct place *place = slot_of(record->place);
    if (cr_likely(place->run == run && place->size == record->size)) {
        if (cr_unlikely(real(place) != latest(place)->value))
            begin_place(place);
        return place;
    }
    if (place->run == run && place->size)
        retire(thread, place, record);
    for (intptr_t by = -7; by < (intptr_t)record->size; by++) {
        struct place *other = slot_of((char *)record->place + by);
        if (by && other->run == run && other->size && other->address + other->size > (char *)record->place)
            retire(thread, other, record);
    }
    if (place->run != run) {
        cr_always(used_count < PLACES * 3 / 4);
        used[used_count++] = (uint32_t)(place - places);
        place->readers = place->writers = 0;
        place->site_count = 0;
    }
    place->address = record->place;
    place->size = (uint32_t)record->size;
    begin_place(place);
    return place;
}

static void
mark(struct cr_site *site)
{
    learned |= !site->marks;
    site->marks = 1;
}

/* Sites without a mark are kept until the place turns out to be shared. */
static void
note_site(struct place *place, struct cr_site *site)
{
    uint32_t all = place->readers | place->writers, i = 0;
    while (i < place->site_count && place->sites[i] != site)
        i++;
    if (!site->marks && i == SITES)
        mark(site);
    else if (!site->marks && i == place->site_count)
        place->sites[place->site_count++] = site;
    while (place->writers && all & (all - 1) && place->site_count)
        mark(place->sites[--place->site_count]);
}

static void
use(uint32_t thread, struct place *place, const struct cr_access_record *record)
{
    place->uses[thread] = (struct cr_place_use){threads[thread].now.before[thread], record->site};
    if (alive < 2)
        return;
    if (record->access == CR_LOAD)
        place->readers |= (uint8_t)(1 << thread);
    else
        place->writers |= (uint8_t)(1 << thread);
    note_site(place, record->site);
}

bool
cr_memory_learned(void)
{
    bool answer = learned;
    learned = false;
    return answer;
}

void
cr_memory_forget(const void *start, size_t size,
                 void (*see)(const void *place, const struct cr_place_use uses[CR_CHECK_THREADS], void *arg), void *arg)
{
    for (uint32_t i = 0; i < used_count; i++) {
        struct place *place = &places[used[i]];
        if (!place->size || place->address < (const char *)start || place->address >= (const char *)start + size)
            continue;
        see(place->address, place->uses, arg);
        place->size = 0;
    }
}

/* ---- What an access is ---- */

static bool
acquires(const struct cr_site *site)
{
    return (site->order == CR_ACQ || site->order >= CR_AR) && !(site->weakened & CR_NO_ACQ);
}

static bool
releases(const struct cr_site *site)
{
    return site->order >= CR_REL && !(site->weakened & CR_NO_REL);
}

static bool
is_sc(const struct cr_site *site)
{
    return site->order == CR_SC && !(site->weakened & CR_NO_SC);
}

static uint64_t
result_of(const struct cr_access_record *record, uint64_t old)
{
    switch (record->access) {
    case CR_ADD:
        return old + record->value;
    case CR_OR:
        return old | record->value;
    case CR_AND:
        return old & record->value;
    default:
        return record->value;
    }
}

static uint64_t
cut(const struct place *place, uint64_t value)
{
    return place->size == 8 ? value : value & ((UINT64_C(1) << 8 * place->size) - 1);
}

/* ---- Histories ---- */

/* Puts a value behind all others, or before the last so many. */
static struct message *
insert(struct place *place, uint32_t before, const struct message *message)
{
    uint32_t keep = model == CR_MODEL_C11 ? KEEP : 1, at;
    if (place->count == keep) {
        memmove(place->messages, place->messages + 1, (place->count - 1) * sizeof *message);
        place->count--;
    }
    at = place->count - (before < place->count ? before : place->count);
    memmove(place->messages + at + 1, place->messages + at, (place->count - at) * sizeof *message);
    place->messages[at] = *message;
    place->count++;
    if (at + 1 == place->count)
        memcpy(place->address, &message->value, place->size);
    return &place->messages[at];
}

/* The oldest value that may still be found by a thread that knows so much. */
static uint32_t
floor_of(const struct place *place, const struct cr_stamp *known, bool sc)
{
    uint32_t at = place->count - 1;
    for (; at > 0; at--) {
        const struct message *message = &place->messages[at];
        if (message->clock <= known->seen[message->thread] || (message->sc && (sc || message->sc <= known->fenced)))
            return at;
        for (int t = 0; t < CR_CHECK_THREADS; t++)
            if (message->first_read[t] && message->first_read[t] <= known->seen[t])
                return at;
    }
    return 0;
}

static uint32_t
floor_for(uint32_t thread, const struct place *place, const struct cr_site *site)
{
    struct cr_stamp known;
    if (!is_sc(site))
        return floor_of(place, &threads[thread].now, false);
    known = threads[thread].now;
    cr_stamp_join_seen(&known, &fences);
    return floor_of(place, &known, true);
}

static void
learn(uint32_t thread, struct message *message, bool acquire)
{
    if (!message->first_read[thread])
        message->first_read[thread] = threads[thread].now.before[thread];
    cr_stamp_join(acquire ? &threads[thread].now : &threads[thread].pending, &message->released);
}

static struct message
message_of(uint32_t thread, const struct cr_access_record *record, uint64_t value)
{
    const struct thread *self = &threads[thread];
    return (struct message){.value = value,
                            .released = releases(record->site) ? self->now : self->fence,
                            .clock = self->now.before[thread],
                            .sc = is_sc(record->site) ? fence_count + 1 : 0,
                            .thread = (uint8_t)thread};
}

/* ---- Buffers (tso) ---- */

static uint32_t
delayed_for(const struct thread *thread, const struct place *place)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < thread->count; i++)
        count += thread->buffer[(thread->first + i) % BUFFER].place == place;
    return count;
}

/* The oldest store of the thread's takes effect, behind those of others for the same place that are to be first. */
static void
flush_one(struct thread *thread)
{
    struct delayed delayed = thread->buffer[thread->first];
    struct place *place = delayed.place;
    thread->first = (thread->first + 1) % BUFFER;
    thread->count--;
    thread->flushing = true;
    for (struct thread *other = threads; other < threads + CR_CHECK_THREADS; other++) {
        uint32_t theirs = other->flushing ? 0 : delayed_for(other, place), left;
        for (left = theirs - (theirs ? choose(theirs + 1) : 0); theirs > left; theirs = delayed_for(other, place))
            flush_one(other);
    }
    thread->flushing = false;
    if (place->size && real(place) == latest(place)->value) /* else its thread has reused that memory since */
        (void)insert(place, 0, &delayed.message);
}

bool
cr_memory_drain(uint32_t thread)
{
    bool some = threads[thread].count != 0;
    while (threads[thread].count)
        flush_one(&threads[thread]);
    return some;
}

bool
cr_memory_delays(uint32_t thread, const void *place, uint32_t other)
{
    const struct thread *self = &threads[thread];
    for (uint32_t i = 0; i < self->count; i++) {
        const struct place *at = self->buffer[(self->first + i) % BUFFER].place;
        if (place ? at->address == place : delayed_for(&threads[other], at) != 0)
            return true;
    }
    return false;
}

/* Whether the latest value of a place was overlooked: not too often in a row. */
static void
count_overlooked(uint32_t thread, struct place *place, bool overlooked)
{
    place->overlooked[thread] = overlooked ? (uint8_t)(place->overlooked[thread] + 1) : 0;
}

/* What others have stored there and is on its way: has come, but for so much as is overlooked. */
static void
settle(uint32_t thread, struct place *place)
{
    bool overlooked = false;
    if (model != CR_MODEL_TSO)
        return;
    for (struct thread *other = threads; other < threads + CR_CHECK_THREADS; other++) {
        uint32_t theirs = other == &threads[thread] ? 0 : delayed_for(other, place), left = 0;
        if (theirs && place->overlooked[thread] < PATIENCE)
            left = choose(theirs + 1);
        if (left)
            snprintf(remark, sizeof remark, "; overlooks %u in a store buffer", left);
        overlooked |= left != 0;
        while (delayed_for(other, place) > left)
            flush_one(other);
    }
    count_overlooked(thread, place, overlooked);
}

/* The thread's own latest store there, if it is on its way. */
static const struct message *
forwarded(const struct thread *thread, const struct place *place)
{
    for (uint32_t i = thread->count; i-- > 0;)
        if (thread->buffer[(thread->first + i) % BUFFER].place == place)
            return &thread->buffer[(thread->first + i) % BUFFER].message;
    return NULL;
}

/* ---- Accesses ---- */

/* The value a load finds, of those it may find (and in a compare-and-swap: by which it fails). */
static struct message *
find_value(uint32_t thread, struct place *place, const struct cr_access_record *record)
{
    struct message *found[KEEP];
    uint32_t count = 1, choice = 0, floor;
    found[0] = latest(place);
    if (model != CR_MODEL_C11)
        return found[0];
    if (place->overlooked[thread] < PATIENCE) {
        floor = floor_for(thread, place, record->site);
        for (uint32_t at = place->count - 1; at-- > floor;)
            if (record->access == CR_LOAD || place->messages[at].value != record->expected)
                found[count++] = &place->messages[at];
        choice = count > 1 ? choose(count) : 0;
    }
    if (choice)
        snprintf(remark, sizeof remark, "; overlooks the latest, %#llx", (unsigned long long)found[0]->value);
    count_overlooked(thread, place, choice != 0);
    return found[choice];
}

static uint64_t
load(uint32_t thread, struct place *place, const struct cr_access_record *record)
{
    const struct message *own = forwarded(&threads[thread], place);
    struct message *found;
    if (own)
        return own->value;
    settle(thread, place);
    found = find_value(thread, place, record);
    learn(thread, found, acquires(record->site));
    return found->value;
}

static uint64_t
store(uint32_t thread, struct place *place, const struct cr_access_record *record)
{
    struct message message = message_of(thread, record, cut(place, record->value));
    struct thread *self = &threads[thread];
    uint32_t most;
    if (model == CR_MODEL_TSO) {
        if (self->count == BUFFER)
            flush_one(self);
        self->buffer[(self->first + self->count++) % BUFFER] = (struct delayed){place, message};
        return 0;
    }
    if (!placing || model != CR_MODEL_C11 || is_sc(record->site)) {
        (void)insert(place, 0, &message);
        return 0;
    }
    /* Before values its thread need not know, but not between what a read-modify-write read and what it wrote. */
    most = place->count - 1 - floor_for(thread, place, record->site);
    for (uint32_t i = 0; i < most; i++)
        if (place->messages[place->count - 1 - i].follows)
            most = i;
    (void)insert(place, most ? choose(most + 1) : 0, &message);
    return 0;
}

static uint64_t
modify(uint32_t thread, struct place *place, const struct cr_access_record *record)
{
    struct message message, *found;
    uint64_t old;
    (void)cr_memory_drain(thread);
    settle(thread, place);
    found = record->access == CR_CAS ? find_value(thread, place, record) : latest(place);
    if (record->access == CR_CAS && found->value != record->expected) {
        learn(thread, found, record->site->failure == CR_ACQ && !(record->site->weakened & CR_NO_FAILURE));
        return found->value;
    }
    old = found->value;
    learn(thread, found, acquires(record->site));
    message = message_of(thread, record, cut(place, result_of(record, old)));
    cr_stamp_join(&message.released, &found->released); /* the release sequence goes on */
    message.follows = true;
    (void)insert(place, 0, &message);
    return old;
}

static void
fence(uint32_t thread, const struct cr_site *site)
{
    struct thread *self = &threads[thread];
    if (site->weakened & CR_NO_FENCE)
        return;
    if (!(site->weakened & CR_NO_SC))
        (void)cr_memory_drain(thread);
    cr_stamp_join(&self->now, &self->pending);
    if (!(site->weakened & CR_NO_SC)) {
        cr_stamp_join_seen(&self->now, &fences);
        cr_stamp_join_seen(&fences, &self->now);
        self->now.fenced = ++fence_count;
    }
    self->fence = self->now;
}

static void
tick(uint32_t thread)
{
    threads[thread].now.seen[thread] = ++threads[thread].now.before[thread];
}

uint64_t
cr_memory_access(uint32_t thread, const struct cr_access_record *record)
{
    struct place *place;
    remark[0] = '\0';
    tick(thread);
    if (record->access == CR_FENCE) {
        fence(thread, record->site);
        return 0;
    }
    place = find(thread, record);
    use(thread, place, record);
    return record->access == CR_LOAD    ? load(thread, place, record)
           : record->access == CR_STORE ? store(thread, place, record)
                                        : modify(thread, place, record);
}

uint64_t
cr_memory_peek(uint32_t thread, const struct cr_access_record *record)
{
    struct place *place = find(thread, record);
    tick(thread);
    use(thread, place, record);
    (void)cr_memory_drain(thread);
    for (uint32_t t = 0; t < CR_CHECK_THREADS; t++)
        while (delayed_for(&threads[t], place))
            flush_one(&threads[t]);
    return latest(place)->value;
}

static struct lock *
lock_of(const void *address)
{
    uint32_t at = 0;
    while (at < LOCKS - 1 && locks[at].address && locks[at].address != address)
        at++; /* the last is all others */
    locks[at].address = address;
    return &locks[at];
}

void
cr_memory_held(uint32_t thread, const struct cr_access_record *record)
{
    tick(thread);
    cr_stamp_join(&threads[thread].now, &lock_of(record->place)->released);
}

void
cr_memory_let(uint32_t thread, const struct cr_access_record *record)
{
    tick(thread);
    lock_of(record->place)->released = threads[thread].now;
}

const char *
cr_memory_remark(void)
{
    return remark;
}

/* ---- Threads ---- */

struct cr_stamp *
cr_memory_stamp(uint32_t thread)
{
    return &threads[thread].now;
}

void
cr_memory_begin(enum cr_model new_model, bool may_place, cr_memory_choose *chooser)
{
    model = new_model;
    placing = may_place;
    choose = chooser;
    run++;
    alive = 1;
    used_count = fence_count = 0;
    memset(locks, 0, sizeof locks);
    memset(&fences, 0, sizeof fences);
    memset(threads, 0, sizeof threads);
}

void
cr_memory_thread_started(uint32_t parent, uint32_t child)
{
    struct thread *self = &threads[child];
    memset(self, 0, offsetof(struct thread, buffer));
    (void)cr_memory_drain(parent);
    self->now = threads[parent].now;
    tick(parent);
    alive++;
    self->first = self->count = 0;
}

void
cr_memory_thread_joined(uint32_t thread, uint32_t ended)
{
    alive--;
    (void)cr_memory_drain(ended);
    cr_stamp_join(&threads[thread].now, &threads[ended].now);
}
