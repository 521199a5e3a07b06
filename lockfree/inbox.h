/* lockfree/inbox.h: notes from any thread to one owner, who may be asleep.
 *
 *   who            what                       beside whom
 *   any thread     cr_inbox_push              everyone
 *   owner only     cr_inbox_drain             pushers
 *   owner only     cr_inbox_doze, cr_inbox_wake_up   pushers
 *
 * One word: NULL (empty), ASLEEP, or the newest note; each note leads to the one before it. Sleeping is entered by a
 * compare-and-swap from NULL, so a push either comes before it and keeps the owner awake, or finds ASLEEP and is told to
 * wake the owner: exactly one pusher is told so. A note belongs to its pusher until pushed, then to the owner. */
#ifndef CR_INBOX_H
#define CR_INBOX_H

#include "base/atomic.h"
#include "base/mutant.h"

#include <stddef.h>

struct cr_note {
    struct cr_note *next;
    uint32_t kind; /* the owner's business */
};

struct cr_inbox {
    CR_ATOMIC(struct cr_note *) head;
};

#define CR_INBOX_ASLEEP ((struct cr_note *)1)

/* Whether the owner has to be woken by the caller. */
static inline bool
cr_inbox_push(struct cr_inbox *inbox, struct cr_note *note)
{
    struct cr_note *old = cr_load_rlx(&inbox->head);
    do
        CR_SHARED_WRITE(note->next) = old == CR_INBOX_ASLEEP ? NULL : old;
    while (!cr_cas_rel(&inbox->head, &old, note)); /* pairs with the swap in drain: the note and what it speaks of */
    return old == CR_INBOX_ASLEEP;
}

/* All notes, oldest first; NULL if there are none. */
static inline struct cr_note *
cr_inbox_drain(struct cr_inbox *inbox)
{
    struct cr_note *list, *oldest = NULL;
    if (!cr_load_rlx(&inbox->head))
        return NULL;
    list = cr_swap_ar(&inbox->head, NULL); /* pairs with push */
    if (list == CR_INBOX_ASLEEP)
        return NULL;
    if (CR_MUTANT(DRAIN_UNREVERSED))
        return list;
    while (list) {
        struct cr_note *next = CR_SHARED_READ(list->next);
        CR_SHARED_WRITE(list->next) = oldest;
        oldest = list;
        list = next;
    }
    return oldest;
}

/* Says "asleep"; false: a note has come. */
static inline bool
cr_inbox_doze(struct cr_inbox *inbox)
{
    struct cr_note *empty = NULL;
    if (CR_MUTANT(DOZE_BY_STORE) && !cr_load_acq(&inbox->head)) {
        cr_store_rel(&inbox->head, CR_INBOX_ASLEEP);
        return true;
    }
    return cr_cas_ar(&inbox->head, &empty, CR_INBOX_ASLEEP);
}

/* Whether its owner sleeps, or is about to, and has not been woken. From any thread. */
static inline bool
cr_inbox_is_dozing(const struct cr_inbox *inbox)
{
    return cr_load_acq(&inbox->head) == CR_INBOX_ASLEEP;
}

static inline void
cr_inbox_wake_up(struct cr_inbox *inbox)
{
    struct cr_note *asleep = CR_INBOX_ASLEEP;
    (void)cr_cas_ar(&inbox->head, &asleep, NULL);
}

#endif
