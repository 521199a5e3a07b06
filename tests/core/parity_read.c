/* parity_read.c: bytes and blocks: deadlines, cancels, turns, ends. */
#include "parity.h"

#include <string.h>

static void
read_and_note(struct parity *play, struct coir_stream *stream, coir_time deadline)
{
    char byte = 0;
    ssize_t count = coir_stream_read(stream, &byte, 1, deadline);
    parity_got(play, "read", count, &byte);
}

static void
nothing_comes(struct parity *play)
{
    struct coir_stream *ends[2];
    parity_open(play, PARITY_USUAL, ends);
    read_and_note(play, ends[0], COIR_NOW);
    read_and_note(play, ends[0], core_past());
    read_and_note(play, ends[0], coir_after(COIR_MS));
    read_and_note(play, ends[0], COIR_NOW);
    parity_close(ends);
}

/* What has arrived is found without waiting, whatever was answered before. */
static void
something_is_there(struct parity *play)
{
    struct coir_stream *ends[2];
    parity_open(play, PARITY_USUAL, ends);
    read_and_note(play, ends[0], COIR_NOW);
    parity_put(ends[1], "abcd");
    parity_wire->await_arrived(ends[0], 4);
    read_and_note(play, ends[0], COIR_NOW);
    read_and_note(play, ends[0], core_past());
    read_and_note(play, ends[0], coir_after(COIR_MS));
    read_and_note(play, ends[0], COIR_NOW);
    read_and_note(play, ends[0], COIR_NOW);
    parity_put(ends[1], "e");
    parity_wire->await_arrived(ends[0], 1);
    read_and_note(play, ends[0], COIR_NOW);
    parity_close(ends);
}

/* The same after a wait has ended by its deadline: then a backend watches the descriptor. */
static void
there_after_a_wait(struct parity *play)
{
    struct coir_stream *ends[2];
    parity_open(play, PARITY_USUAL, ends);
    read_and_note(play, ends[0], coir_after(COIR_MS));
    for (int i = 0; i < 3; i++) {
        parity_put(ends[1], "a");
        parity_wire->await_arrived(ends[0], 1);
        read_and_note(play, ends[0], i == 1 ? core_past() : COIR_NOW);
        read_and_note(play, ends[0], COIR_NOW);
    }
    parity_close(ends);
}

static void
woken_by_a_write(struct parity *play)
{
    struct coir_stream *ends[2];
    struct core_actor reader;
    parity_open(play, PARITY_USUAL, ends);
    for (int i = 0; i < 3; i++) {
        core_start(&reader, parity_read_byte, ends[0]);
        core_await_waiting(&reader);
        parity_put(ends[1], (const char *[]){"a", "b", "c"}[i]);
        parity_byte(play, "read", core_end(&reader));
    }
    parity_close(ends);
}

static void
canceled(struct parity *play)
{
    struct coir_stream *ends[2];
    struct core_actor reader;
    parity_open(play, PARITY_USUAL, ends);
    core_start(&reader, parity_read_byte, ends[0]);
    core_await_waiting(&reader);
    coir_cancel(reader.self);
    coir_cancel(reader.self);
    parity_byte(play, "read", core_end(&reader));
    parity_put(ends[1], "x");
    read_and_note(play, ends[0], core_soon());
    parity_close(ends);
}

struct reading {
    struct parity *play;
    struct coir_stream *stream;
    struct coir_event go;
};

static int
read_canceled(void *arg)
{
    struct reading *own = arg;
    {
        COIR_SHIELD();
        MUST_BE(coir_event_wait(&own->go, core_soon()), 0);
        read_and_note(own->play, own->stream, core_soon());
    }
    parity_note(own->play, "canceled", coir_is_canceled());
    read_and_note(own->play, own->stream, core_soon());
    read_and_note(own->play, own->stream, COIR_NEVER);
    read_and_note(own->play, own->stream, COIR_NOW);
    return 0;
}

/* Cancel holds on, also for a call that need not wait, but for COIR_NOW and inside a shield. */
static void
canceled_before(struct parity *play)
{
    struct reading own = {.play = play};
    struct coir_stream *ends[2];
    struct core_actor reader;
    parity_open(play, PARITY_USUAL, ends);
    own.stream = ends[0];
    core_start(&reader, read_canceled, &own);
    core_cancel(&reader);
    parity_put(ends[1], "ab");
    parity_wire->await_arrived(ends[0], 2);
    coir_event_set(&own.go);
    MUST_BE(core_end(&reader), 0);
    parity_close(ends);
}

static int
read_shielded(void *stream)
{
    COIR_SHIELD();
    return parity_read_byte(stream);
}

static void
a_shield(struct parity *play)
{
    struct coir_stream *ends[2];
    struct core_actor reader;
    parity_open(play, PARITY_USUAL, ends);
    core_start(&reader, read_shielded, ends[0]);
    core_await_waiting(&reader);
    coir_cancel(reader.self);
    parity_put(ends[1], "s");
    parity_byte(play, "read", core_end(&reader));
    parity_close(ends);
}

static void
of_no_size(struct parity *play)
{
    struct coir_stream *ends[2];
    char byte;
    parity_open(play, PARITY_USUAL, ends);
    parity_note(play, "read", coir_stream_read(ends[0], &byte, 0, core_soon()));
    parity_note(play, "now", coir_stream_read(ends[0], &byte, 0, COIR_NOW));
    parity_note(play, "full", coir_stream_read_full(ends[0], &byte, 0, core_soon()));
    parity_note(play, "write", coir_stream_write(ends[1], &byte, 0, core_soon()));
    parity_note(play, "read", coir_stream_read(ends[0], &byte, 1, COIR_NOW));
    parity_close(ends);
}

static void
bytes_then_the_end(struct parity *play)
{
    struct coir_stream *ends[2];
    parity_open(play, PARITY_USUAL, ends);
    parity_put(ends[1], "ab");
    MUST_BE(coir_stream_close(ends[1]), 0);
    for (int i = 0; i < 4; i++)
        read_and_note(play, ends[0], core_soon());
    read_and_note(play, ends[0], COIR_NOW);
    MUST_BE(coir_stream_close(ends[0]), 0);
}

static void
the_end_wakes(struct parity *play)
{
    struct coir_stream *ends[2];
    struct core_actor readers[3];
    parity_open(play, PARITY_USUAL, ends);
    for (int i = 0; i < 3; i++) {
        core_start(&readers[i], parity_read_byte, ends[0]);
        core_await_waiting(&readers[i]);
    }
    MUST_BE(coir_stream_shutdown(ends[1], core_soon()), 0);
    for (int i = 0; i < 3; i++)
        parity_byte(play, "read", core_end(&readers[i]));
    parity_close(ends);
}

static void
blocks(struct parity *play)
{
    struct coir_stream *ends[2];
    char block[8];
    parity_open(play, PARITY_USUAL, ends);
    parity_put(ends[1], "12");
    parity_note(play, "too little now", coir_stream_read_full(ends[0], block, 5, COIR_NOW));
    parity_note(play, "until the deadline", coir_stream_read_full(ends[0], block, 5, coir_after(COIR_MS)));
    parity_put(ends[1], "345678");
    parity_got(play, "full", coir_stream_read_full(ends[0], block, 5, core_soon()), block);
    MUST_BE(coir_stream_shutdown(ends[1], core_soon()), 0);
    parity_note(play, "cut by the end", coir_stream_read_full(ends[0], block, 5, core_soon()));
    parity_got(play, "what there is", coir_stream_read_full(ends[0], block, 3, core_soon()), block);
    parity_note(play, "at the end", coir_stream_read_full(ends[0], block, 5, core_soon()));
    parity_close(ends);
}

static int
read_block(void *stream)
{
    char block[8];
    ssize_t count = coir_stream_read_full(stream, block, 4, COIR_NEVER);
    return count == 4 && !memcmp(block, "full", 4) ? 'f' : (int)count;
}

static void
a_block_in_pieces(struct parity *play)
{
    struct coir_stream *ends[2];
    struct core_actor reader;
    parity_open(play, PARITY_USUAL, ends);
    core_start(&reader, read_block, ends[0]);
    for (int i = 0; i < 4; i++) {
        core_await_waiting(&reader);
        parity_put(ends[1], (const char *[]){"f", "u", "l", "l"}[i]);
        parity_wire->await_arrived(ends[0], 0);
    }
    parity_byte(play, "full", core_end(&reader));
    core_start(&reader, read_block, ends[0]);
    core_await_waiting(&reader);
    parity_put(ends[1], "fu");
    coir_cancel(reader.self);
    parity_byte(play, "canceled", core_end(&reader));
    parity_put(ends[1], "ll");
    parity_byte(play, "nothing was taken", read_block(ends[0]));
    parity_close(ends);
}

static void
the_rest(struct parity *play)
{
    struct coir_stream *ends[2];
    struct coir_buffer rest = COIR_BUFFER_INIT(64), small = COIR_BUFFER_INIT(3);
    parity_open(play, PARITY_USUAL, ends);
    parity_put(ends[1], "all of it");
    MUST_BE(coir_stream_shutdown(ends[1], core_soon()), 0);
    parity_note(play, "rest", coir_stream_read_rest(ends[0], &rest, core_soon()));
    parity_say(play, rest.bytes);
    parity_put(ends[0], "more");
    MUST_BE(coir_stream_shutdown(ends[0], core_soon()), 0);
    parity_note(play, "too much", coir_stream_read_rest(ends[1], &small, core_soon()));
    coir_buffer_fini(&rest);
    coir_buffer_fini(&small);
    parity_close(ends);
}

static void
turns(struct parity *play)
{
    struct coir_stream *ends[2];
    struct core_actor readers[3];
    parity_open(play, PARITY_USUAL, ends);
    for (int i = 0; i < 3; i++) {
        core_start(&readers[i], parity_read_byte, ends[0]);
        core_await_waiting(&readers[i]);
    }
    parity_note(play, "now", coir_stream_read(ends[0], (char[1]){0}, 1, COIR_NOW));
    parity_note(play, "late", coir_stream_read(ends[0], (char[1]){0}, 1, core_past()));
    parity_put(ends[1], "123");
    for (int i = 0; i < 3; i++)
        parity_byte(play, "read", core_end(&readers[i]));
    parity_close(ends);
}

/* The second in the queue goes: the third is not forgotten. */
static void
a_turn_given_up(struct parity *play)
{
    struct coir_stream *ends[2];
    struct core_actor readers[3];
    parity_open(play, PARITY_USUAL, ends);
    for (int i = 0; i < 3; i++) {
        core_start(&readers[i], parity_read_byte, ends[0]);
        core_await_waiting(&readers[i]);
    }
    coir_cancel(readers[1].self);
    parity_byte(play, "the second", core_end(&readers[1]));
    parity_put(ends[1], "ab");
    parity_byte(play, "the first", core_end(&readers[0]));
    parity_byte(play, "the third", core_end(&readers[2]));
    parity_close(ends);
}

/* The first, who waits for bytes, is canceled: the second waits for them then. */
static void
the_waiting_is_handed_over(struct parity *play)
{
    struct coir_stream *ends[2];
    struct core_actor readers[2];
    parity_open(play, PARITY_USUAL, ends);
    for (int i = 0; i < 2; i++) {
        core_start(&readers[i], parity_read_byte, ends[0]);
        core_await_waiting(&readers[i]);
    }
    coir_cancel(readers[0].self);
    parity_byte(play, "the first", core_end(&readers[0]));
    parity_put(ends[1], "a");
    parity_byte(play, "the second", core_end(&readers[1]));
    parity_close(ends);
}

static void
from_a_pipe(struct parity *play)
{
    struct coir_stream *ends[2];
    struct core_actor reader;
    parity_wire->pipe(ends);
    read_and_note(play, ends[0], COIR_NOW);
    read_and_note(play, ends[0], coir_after(COIR_MS));
    core_start(&reader, parity_read_byte, ends[0]);
    core_await_waiting(&reader);
    parity_put(ends[1], "pq");
    parity_byte(play, "read", core_end(&reader));
    read_and_note(play, ends[0], COIR_NOW);
    core_start(&reader, parity_read_byte, ends[0]);
    core_await_waiting(&reader);
    MUST_BE(coir_stream_close(ends[1]), 0);
    parity_byte(play, "at the end", core_end(&reader));
    MUST_BE(coir_stream_close(ends[0]), 0);
}

static void
a_span(struct parity *play)
{
    struct coir_stream *ends[2];
    parity_open(play, PARITY_USUAL, ends);
    (void)!coir_stream_read(ends[0], (char[1]){0}, 1, 500 * COIR_MS);
}

const struct parity_row parity_read[] = {
    {"read when nothing comes", nothing_comes, "read -EAGAIN, read -ETIMEDOUT, read -ETIMEDOUT, read -EAGAIN",
     PARITY_ANY},
    {"read when something is there", something_is_there,
     "read -EAGAIN, read 'a', read 'b', read 'c', read 'd', read -EAGAIN, read 'e'", PARITY_ANY},
    {"the same after a wait", there_after_a_wait,
     "read -ETIMEDOUT, read 'a', read -EAGAIN, read 'a', read -EAGAIN, read 'a', read -EAGAIN", PARITY_ANY},
    {"a write wakes read", woken_by_a_write, "read 'a', read 'b', read 'c'", PARITY_ANY},
    {"a canceled read, twice", canceled, "read -ECANCELED, read 'x'", PARITY_ANY},
    {"read when canceled already", canceled_before, "read 'a', canceled 1, read -ECANCELED, read -ECANCELED, read 'b'",
     PARITY_ANY},
    {"a shield around read", a_shield, "read 's'", PARITY_ANY},
    {"read and write of no size", of_no_size, "read 0, now 0, full 0, write 0, read -EAGAIN", PARITY_ANY},
    {"bytes, then the end", bytes_then_the_end, "read 'a', read 'b', read 0, read 0, read 0", PARITY_ANY},
    {"the end wakes all readers", the_end_wakes, "read 0, read 0, read 0", PARITY_ANY},
    {"blocks", blocks,
     "too little now -EAGAIN, until the deadline -ETIMEDOUT, full '12345', cut by the end -EPIPE, what there is '678', "
     "at the end 0",
     PARITY_ANY},
    {"a block in pieces", a_block_in_pieces, "full 'f', canceled -ECANCELED, nothing was taken 'f'", PARITY_ANY},
    {"the rest", the_rest, "rest 0, all of it, too much -EMSGSIZE", PARITY_ANY},
    {"readers take turns", turns, "now -EAGAIN, late -ETIMEDOUT, read '1', read '2', read '3'", PARITY_ANY},
    {"a reader gives its turn up", a_turn_given_up, "the second -ECANCELED, the first 'a', the third 'b'", PARITY_ANY},
    {"the waiting is handed over", the_waiting_is_handed_over, "the first -ECANCELED, the second 'a'", PARITY_ANY},
    {"read from a pipe", from_a_pipe, "read -EAGAIN, read -ETIMEDOUT, read 'p', read 'q', at the end 0", 0},
    {"a span as a deadline", a_span, "write coir_after(500000000)", PARITY_PAIR | PARITY_DIES},
    {0}};
