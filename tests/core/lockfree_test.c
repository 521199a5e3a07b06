/* lockfree_test.c: the inbox and the ring with real threads: nothing lost, nothing doubled, order kept, a sleeper woken. */
#include "core.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "lockfree/inbox.h"
#include "lockfree/ring.h"

enum { PUSHERS = 4 };

struct numbered {
    struct cr_note note;
    int pusher;
    long number;
};

struct pusher {
    struct cr_inbox *inbox;
    struct numbered *notes;
    long count;
    int number;
    long *wakes; /* atomic: how often a pusher was told to wake the owner */
};

static void *
push_all(void *arg)
{
    struct pusher *own = arg;
    for (long i = 0; i < own->count; i++) {
        own->notes[i].pusher = own->number;
        own->notes[i].number = i;
        if (cr_inbox_push(own->inbox, &own->notes[i].note))
            __atomic_add_fetch(own->wakes, 1, __ATOMIC_SEQ_CST);
    }
    return NULL;
}

START_TEST(inbox_from_many_threads)
{
    struct cr_inbox inbox = {NULL};
    struct pusher pushers[PUSHERS];
    pthread_t threads[PUSHERS];
    long count = core_rounds(50000), last[PUSHERS], left = PUSHERS * count, wakes = 0, sleeps = 0;
    for (int i = 0; i < PUSHERS; i++) {
        last[i] = -1;
        pushers[i] = (struct pusher){&inbox, calloc((size_t)count, sizeof(struct numbered)), count, i, &wakes};
        MUST_BE(pthread_create(&threads[i], NULL, push_all, &pushers[i]), 0);
    }
    while (left) {
        struct cr_note *note = cr_inbox_drain(&inbox);
        if (!note && cr_inbox_doze(&inbox)) { /* asleep until exactly one pusher is told so */
            sleeps++;
            while (__atomic_load_n(&wakes, __ATOMIC_SEQ_CST) < sleeps)
                sched_yield();
            cr_inbox_wake_up(&inbox);
        }
        for (struct cr_note *next; note; note = next) {
            struct numbered *numbered = (struct numbered *)note;
            next = note->next;
            MUST_BE(numbered->number, last[numbered->pusher] + 1);
            last[numbered->pusher]++;
            left--;
        }
    }
    for (int i = 0; i < PUSHERS; i++) {
        MUST_BE(pthread_join(threads[i], NULL), 0);
        free(pushers[i].notes);
    }
    ck_assert_int_eq(wakes, sleeps);
    ck_assert_ptr_null(cr_inbox_drain(&inbox));
}
END_TEST

START_TEST(inbox_alone)
{
    struct cr_inbox inbox = {NULL};
    struct cr_note notes[3] = {{NULL, 0}};
    ck_assert(!cr_inbox_push(&inbox, &notes[0]));
    ck_assert(!cr_inbox_doze(&inbox));
    ck_assert(!cr_inbox_push(&inbox, &notes[1]));
    ck_assert_ptr_eq(cr_inbox_drain(&inbox), &notes[0]);
    ck_assert_ptr_eq(notes[0].next, &notes[1]);
    ck_assert_ptr_null(notes[1].next);
    ck_assert(cr_inbox_doze(&inbox));
    ck_assert(cr_inbox_push(&inbox, &notes[0])); /* only the first is told to wake */
    ck_assert(!cr_inbox_push(&inbox, &notes[2]));
    ck_assert_ptr_eq(cr_inbox_drain(&inbox), &notes[0]);
    ck_assert(cr_inbox_doze(&inbox));
    cr_inbox_wake_up(&inbox);
    ck_assert_ptr_null(cr_inbox_drain(&inbox));
    ck_assert(!cr_inbox_push(&inbox, &notes[0]));
}
END_TEST

/* ---- The ring ---- */

START_TEST(ring_alone)
{
    static struct cr_ring ring;
    int items[CR_RING_SLOTS + 1];
    void *loot[CR_RING_SLOTS];
    ring.head = ring.tail = 0u - 64u * (uint32_t)_i; /* the counters wrap around */
    ck_assert(cr_ring_is_empty(&ring) && !cr_ring_take(&ring) && !cr_ring_steal(&ring, loot, 8));
    for (int i = 0; i < CR_RING_SLOTS; i++)
        ck_assert(cr_ring_push(&ring, &items[i]));
    ck_assert(!cr_ring_push(&ring, &items[CR_RING_SLOTS]));
    ck_assert_ptr_eq(cr_ring_take(&ring), &items[0]);
    ck_assert_uint_eq(cr_ring_steal(&ring, loot, 5), 5);
    for (int i = 0; i < 5; i++)
        ck_assert_ptr_eq(loot[i], &items[i + 1]);
    ck_assert_uint_eq(cr_ring_steal(&ring, loot, CR_RING_SLOTS), 125); /* half of 250 */
    for (int i = 0; i < 125; i++)
        ck_assert_ptr_eq(cr_ring_take(&ring), &items[131 + i]);
    ck_assert(cr_ring_push(&ring, &items[7]));
    ck_assert_uint_eq(cr_ring_steal(&ring, loot, 8), 1); /* half of one is one */
    ck_assert(cr_ring_is_empty(&ring));
}
END_TEST

struct plunder {
    struct cr_ring *ring;
    unsigned char *seen; /* atomic: how often each item was got */
    bool over;           /* atomic */
};

static void
got(struct plunder *plunder, void *item)
{
    MUST_BE(__atomic_add_fetch(&plunder->seen[(uintptr_t)item], 1, __ATOMIC_SEQ_CST), 1);
}

static void *
steal_all(void *arg)
{
    struct plunder *plunder = arg;
    void *loot[CR_RING_SLOTS / 2];
    uintptr_t last = 0;
    while (!__atomic_load_n(&plunder->over, __ATOMIC_SEQ_CST) || !cr_ring_is_empty(plunder->ring)) {
        uint32_t count = cr_ring_steal(plunder->ring, loot, 1 + (uint32_t)last % (CR_RING_SLOTS / 2));
        for (uint32_t i = 0; i < count; i++) {
            MUST((uintptr_t)loot[i] > last);
            last = (uintptr_t)loot[i];
            got(plunder, loot[i]);
        }
        if (!count)
            sched_yield();
    }
    return NULL;
}

START_TEST(ring_with_thieves)
{
    static struct cr_ring ring;
    long items = core_rounds(200000);
    struct plunder plunder = {&ring, calloc((size_t)items + 1, 1), false};
    pthread_t thieves[3];
    for (int i = 0; i < 3; i++)
        MUST_BE(pthread_create(&thieves[i], NULL, steal_all, &plunder), 0);
    for (uintptr_t item = 1; item <= (uintptr_t)items;) {
        void *own;
        if (cr_ring_push(&ring, (void *)item))
            item++;
        if (item % 3 == 0 && (own = cr_ring_take(&ring)))
            got(&plunder, own);
    }
    __atomic_store_n(&plunder.over, true, __ATOMIC_SEQ_CST);
    for (int i = 0; i < 3; i++)
        MUST_BE(pthread_join(thieves[i], NULL), 0);
    for (long i = 1; i <= items; i++)
        MUST_BE(plunder.seen[i], 1);
    free(plunder.seen);
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_test(cases, inbox_alone);
    tcase_add_test(cases, inbox_from_many_threads);
    tcase_add_loop_test(cases, ring_alone, 0, 5);
    tcase_add_test(cases, ring_with_thieves);
}

int
main(void)
{
    return core_main("lockfree", add);
}
