/* lockfree_bodies.c: the inbox, the ring and the pipe: nothing lost, nothing doubled, in order, a sleeper woken. */
#include <string.h>

#include "bodies.h"
#include "lockfree/inbox.h"
#include "lockfree/pipe.h"
#include "lockfree/ring.h"

/* ---- The inbox ---- */

enum { NOTES = 4, PUSHERS = 2 };

struct numbered {
    struct cr_note note;
    uint32_t pusher, number; /* published by the push */
};

static struct {
    struct cr_inbox inbox;
    struct numbered notes[PUSHERS][NOTES];
    uint32_t pushers, each; /* so many pushers with so many notes each */
    uint32_t wakes, sleeps;
    struct bell bell;
} post;

static void
push_all(uint32_t pusher)
{
    for (uint32_t i = 0; i < post.each; i++) {
        struct numbered *numbered = &post.notes[pusher][i];
        CR_SHARED_WRITE(numbered->pusher) = pusher;
        CR_SHARED_WRITE(numbered->number) = i;
        if (cr_inbox_push(&post.inbox, &numbered->note)) {
            post.wakes++;
            bell_ring(&post.bell);
        }
    }
}

static void
push_first(void *arg)
{
    (void)arg;
    push_all(0);
}

static void
push_second(void *arg)
{
    (void)arg;
    push_all(1);
}

static void
own_inbox(void *arg)
{
    uint32_t next[PUSHERS] = {0, 0}, got = 0;
    (void)arg;
    while (got < post.pushers * post.each) {
        struct cr_note *note = cr_inbox_drain(&post.inbox);
        if (!note && cr_inbox_doze(&post.inbox)) {
            post.sleeps++;
            bell_await(&post.bell);
            cr_inbox_wake_up(&post.inbox);
        }
        for (; note; note = CR_SHARED_READ(note->next), got++) {
            const struct numbered *numbered = (const struct numbered *)note;
            CR_CHECK_IS(CR_SHARED_READ(numbered->number), next[CR_SHARED_READ(numbered->pusher)]);
            next[numbered->pusher]++;
        }
    }
}

static void
inbox(uint32_t pushers, uint32_t each)
{
    memset(&post, 0, sizeof post);
    post.pushers = pushers;
    post.each = each;
    if (pushers == 1)
        play_two(own_inbox, push_first, NULL);
    else
        play_three(own_inbox, push_first, push_second, NULL);
    CR_CHECK_IS(post.wakes, post.sleeps);
}

static void
inbox_2x4(void *arg)
{
    (void)arg;
    inbox(1, 4);
}

static void
inbox_3x3(void *arg)
{
    (void)arg;
    inbox(2, 3);
}

/* ---- The ring ---- */

enum { ITEMS = CR_RING_SLOTS + 8 };

struct item {
    uint32_t number; /* published by the push */
    uint32_t taken;  /* how often */
};

static struct {
    struct cr_ring ring;
    struct item items[ITEMS];
    uint32_t pushed;
} stock;

/* A ring whose counters and slots are about to wrap around, with so many items in it. */
static void
stock_up(uint32_t filled)
{
    memset(&stock, 0, sizeof stock);
    stock.ring.head = UINT32_MAX - 1;
    stock.ring.tail = stock.ring.head + filled;
    for (uint32_t i = 0; i < ITEMS; i++)
        stock.items[i].number = i;
    for (uint32_t i = 0; i < filled; i++)
        stock.ring.slots[(stock.ring.head + i) % CR_RING_SLOTS] = &stock.items[i];
    stock.pushed = filled;
}

static bool
push(void)
{
    struct item *item = &stock.items[stock.pushed];
    CR_SHARED_WRITE(item->number) = stock.pushed;
    if (!cr_ring_push(&stock.ring, item))
        return false;
    stock.pushed++;
    return true;
}

/* What one thread takes is in order. */
static void
account(struct item *item, uint32_t *least)
{
    CR_CHECK_THAT(item != NULL);
    CR_CHECK_IS(++item->taken, 1);
    CR_CHECK_THAT(CR_SHARED_READ(item->number) >= *least);
    *least = item->number + 1;
}

static void
take(uint32_t *least)
{
    struct item *item = cr_ring_take(&stock.ring);
    if (item)
        account(item, least);
}

static void
steal(uint32_t *least)
{
    void *loot[2];
    uint32_t count = cr_ring_steal(&stock.ring, loot, 2);
    for (uint32_t i = 0; i < count; i++)
        account(loot[i], least);
}

static void
all_there(void)
{
    for (uint32_t at = stock.ring.head; at != stock.ring.tail; at++)
        ((struct item *)stock.ring.slots[at % CR_RING_SLOTS])->taken++;
    for (uint32_t i = 0; i < stock.pushed; i++)
        CR_CHECK_IS(stock.items[i].taken, 1);
}

static void
own_ring_4(void *arg)
{
    uint32_t least = 0;
    (void)arg;
    CR_CHECK_THAT(push());
    CR_CHECK_THAT(push());
    take(&least);
    CR_CHECK_THAT(push());
}

static void
rob_ring_4(void *arg)
{
    uint32_t least = 0;
    (void)arg;
    steal(&least);
    take(&least);
    steal(&least);
    take(&least);
}

static void
ring_2x4(void *arg)
{
    (void)arg;
    stock_up(0);
    play_two(own_ring_4, rob_ring_4, NULL);
    all_there();
}

static void
own_ring_3(void *arg)
{
    uint32_t least = 0;
    (void)arg;
    CR_CHECK_THAT(push());
    CR_CHECK_THAT(push());
    take(&least);
}

static void
rob_ring_3(void *arg)
{
    uint32_t least = 0;
    (void)arg;
    steal(&least);
    take(&least);
    steal(&least);
}

static void
ring_3x3(void *arg)
{
    (void)arg;
    stock_up(1);
    play_three(own_ring_3, rob_ring_3, rob_ring_3, NULL);
    all_there();
}

static void
push_into_full(void *arg)
{
    (void)arg;
    for (int i = 0; i < 4; i++)
        (void)push();
}

static void
ring_full(void *arg)
{
    (void)arg;
    stock_up(CR_RING_SLOTS);
    play_two(push_into_full, rob_ring_3, NULL);
    CR_CHECK_THAT(stock.ring.tail - stock.ring.head <= CR_RING_SLOTS);
    all_there();
}

/* ---- The pipe ---- */

enum { WRITER, READER, SMALL = 2 /* bytes of the pipe */ };

static struct {
    struct cr_pipe pipe;
    CR_ATOMIC(uint32_t) sleeps[2];
    struct bell bells[2];
    uint32_t count; /* bytes that are to go through, from the place 0 - 1 on */
} line;

static int
amount(const struct cr_pipe_end *end, int side)
{
    return side == WRITER ? cr_pipe_room(end) : cr_pipe_held(end);
}

/* As pool/channel.c does it: until there is room for the writer, or something for the reader. */
static void
await_amount(const struct cr_pipe_end *end, int side)
{
    while (!amount(end, side)) {
        cr_pipe_doze(&line.sleeps[side], side == WRITER ? CR_PIPE_FOR_ROOM : CR_PIPE_FOR_BYTES);
        if (!amount(end, side))
            bell_await(&line.bells[side]);
        cr_pipe_wake_up(&line.sleeps[side]);
    }
}

static void
rouse_other(int side)
{
    if (cr_pipe_rouse(&line.sleeps[!side], side == WRITER ? CR_PIPE_FOR_BYTES : CR_PIPE_FOR_ROOM))
        bell_ring(&line.bells[!side]);
}

static void
write_pipe(void *arg)
{
    struct cr_pipe_end end = {.pipe = &line.pipe, .place = UINT64_MAX, .size = SMALL};
    (void)arg;
    for (uint32_t i = 0; i < line.count; i++) {
        unsigned char byte = (unsigned char)(i + 1);
        await_amount(&end, WRITER);
        cr_pipe_put(&end, &byte, 1);
        rouse_other(WRITER);
    }
}

static void
read_pipe(void *arg)
{
    struct cr_pipe_end end = {.pipe = &line.pipe, .place = UINT64_MAX, .size = SMALL};
    (void)arg;
    for (uint32_t i = 0; i < line.count; i++) {
        unsigned char byte;
        await_amount(&end, READER);
        cr_pipe_take(&end, &byte, 1);
        CR_CHECK_IS(byte, i + 1);
        rouse_other(READER);
    }
}

static void
pipe_of(uint32_t count)
{
    memset(&line, 0, sizeof line);
    line.pipe.put = line.pipe.got = UINT64_MAX;
    line.count = count;
    play_two(write_pipe, read_pipe, NULL);
    CR_CHECK_IS(line.pipe.put, line.pipe.got);
}

static void
pipe_2x4(void *arg)
{
    (void)arg;
    pipe_of(4);
}

static void
pipe_2x2(void *arg)
{
    (void)arg;
    pipe_of(2);
}

const struct body lockfree_bodies[] = {
    {"inbox-2x4", inbox_2x4, false, 3, 3}, {"inbox-3x3", inbox_3x3, false, 3, 1}, {"ring-2x4", ring_2x4, false, 3, 3},
    {"ring-3x3", ring_3x3, false, 3, 1},   {"ring-full", ring_full, false, 3, 2}, {"pipe-2x2", pipe_2x2, false, 3, 3},
    {"pipe-2x4", pipe_2x4, false, 3, 1},
};
const uint32_t lockfree_count = sizeof lockfree_bodies / sizeof lockfree_bodies[0];
