/* parity_write.c: writing: when it waits, when it stops half-way, whose turn it is. */
#include "parity.h"

#include <stdlib.h>
#include <string.h>

/* Writes single bytes (which cannot stop half-way) until there is no more room: how many. */
static int
fill(struct coir_stream *stream, int *result)
{
    int count = 0;
    while (!(*result = coir_stream_write(stream, "f", 1, COIR_NOW)))
        MUST(++count < 4000000);
    return count;
}

static void
take(struct coir_stream *stream, int count)
{
    char bytes[4096];
    while (count > 0) {
        ssize_t got = coir_stream_read(stream, bytes, count < 4096 ? (size_t)count : sizeof bytes, core_soon());
        MUST(got > 0);
        count -= (int)got;
    }
}

/* Not over TCP, where a little room comes with each acknowledgement that was held back, 40 ms later. */
static void
no_room(struct parity *play)
{
    struct coir_stream *ends[2];
    struct core_actor writer;
    int result, count;
    parity_open(play, PARITY_LITTLE, ends);
    count = fill(ends[0], &result);
    MUST(count > 0);
    parity_note(play, "now", result);
    parity_note(play, "late", coir_stream_write(ends[0], "f", 1, core_past()));
    parity_note(play, "until the deadline", coir_stream_write(ends[0], "f", 1, coir_after(COIR_MS)));
    core_start(&writer, parity_write_byte, ends[0]);
    core_await_waiting(&writer);
    coir_cancel(writer.self);
    parity_note(play, "canceled", core_end(&writer)); /* nothing of any of these went out: the way is open */
    core_start(&writer, parity_write_byte, ends[0]);
    core_await_waiting(&writer);
    take(ends[1], count);
    parity_note(play, "woken", core_end(&writer));
    parity_byte(play, "read", parity_read_byte(ends[1]));
    parity_note(play, "write", coir_stream_write(ends[0], "x", 1, core_soon()));
    parity_byte(play, "read", parity_read_byte(ends[1]));
    parity_close(ends);
}

/* Room is found without waiting, whatever was answered before. A socket pair has it as soon as it has been read from. */
static void
room_again(struct parity *play)
{
    struct coir_stream *ends[2];
    int result, count;
    parity_open(play, PARITY_USUAL, ends);
    for (int i = 0; i < 2; i++) {
        count = fill(ends[0], &result);
        parity_note(play, "now", result);
        take(ends[1], count);
        parity_note(play, "now", coir_stream_write(ends[0], "x", 1, COIR_NOW));
        parity_byte(play, "read", parity_read_byte(ends[1]));
    }
    parity_close(ends);
}

static void
late_with_room(struct parity *play)
{
    struct coir_stream *ends[2];
    parity_open(play, PARITY_USUAL, ends);
    parity_note(play, "write", coir_stream_write(ends[0], "l", 1, core_past()));
    parity_byte(play, "read", parity_read_byte(ends[1]));
    parity_close(ends);
}

/* Nothing follows half a message; the other way stays open. */
static void
stopped_half_way(struct parity *play)
{
    struct coir_stream *ends[2];
    struct core_actor writer;
    for (int by_cancel = 0; by_cancel < 2; by_cancel++) {
        parity_open(play, PARITY_LITTLE, ends);
        if (by_cancel) {
            core_start(&writer, parity_write_large, ends[0]);
            core_await_waiting(&writer);
            coir_cancel(writer.self);
            parity_note(play, "large", core_end(&writer));
        } else {
            parity_note(play, "large", coir_stream_write(ends[0], parity_large, PARITY_LARGE, coir_after(5 * COIR_MS)));
        }
        parity_note(play, "next", coir_stream_write(ends[0], "x", 1, core_soon()));
        parity_put(ends[1], "b");
        parity_byte(play, "read", parity_read_byte(ends[0]));
        parity_close(ends);
    }
}

static void
half_way_now(struct parity *play)
{
    struct coir_stream *ends[2];
    parity_open(play, PARITY_LITTLE, ends);
    parity_note(play, "large", coir_stream_write(ends[0], parity_large, PARITY_LARGE, COIR_NOW));
    parity_note(play, "next", coir_stream_write(ends[0], "x", 1, COIR_NOW));
    parity_close(ends);
}

static void
a_turn_that_does_not_come(struct parity *play)
{
    struct coir_stream *ends[2];
    struct core_actor large, canceled, last;
    parity_open(play, PARITY_LITTLE, ends);
    core_start(&large, parity_write_large, ends[0]);
    core_await_waiting(&large);
    parity_note(play, "now", coir_stream_write(ends[0], "x", 1, COIR_NOW));
    parity_note(play, "until the deadline", coir_stream_write(ends[0], "x", 1, coir_after(COIR_MS)));
    core_start(&canceled, parity_write_byte, ends[0]);
    core_await_waiting(&canceled);
    coir_cancel(canceled.self);
    parity_note(play, "canceled", core_end(&canceled));
    core_start(&last, parity_write_byte, ends[0]);
    core_await_waiting(&last);
    take(ends[1], PARITY_LARGE);
    parity_note(play, "large", core_end(&large));
    parity_note(play, "last", core_end(&last));
    parity_byte(play, "read", parity_read_byte(ends[1]));
    parity_close(ends);
}

enum { RECORD = 3000, RECORDS = 8 };

struct records {
    struct coir_stream *stream;
    char mark;
};

static int
write_records(void *arg)
{
    const struct records *own = arg;
    char record[RECORD];
    memset(record, own->mark, sizeof record);
    for (int i = 0; i < RECORDS; i++) {
        struct iovec parts[3] = {{record, 10}, {record + 10, 0}, {record + 10, RECORD - 10}};
        if (i % 2)
            MUST_BE(coir_stream_write(own->stream, record, sizeof record, core_soon()), 0);
        else
            MUST_BE(coir_stream_write_parts(own->stream, parts, 3, core_soon()), 0);
    }
    return 0;
}

static void
never_mixed(struct parity *play)
{
    struct coir_stream *ends[2];
    struct core_actor writers[3];
    struct records records[3];
    char record[RECORD];
    int whole = 0;
    parity_open(play, PARITY_LITTLE, ends);
    for (int i = 0; i < 3; i++) {
        records[i] = (struct records){ends[0], (char)('a' + i)};
        core_start(&writers[i], write_records, &records[i]);
    }
    for (int i = 0; i < 3 * RECORDS; i++) {
        int same = 1;
        MUST_BE(coir_stream_read_full(ends[1], record, sizeof record, core_soon()), RECORD);
        while (same < RECORD && record[same] == record[0])
            same++;
        whole += same == RECORD;
    }
    for (int i = 0; i < 3; i++)
        MUST_BE(core_end(&writers[i]), 0);
    parity_note(play, "whole records", whole);
    parity_close(ends);
}

static void
in_the_order_of_asking(struct parity *play)
{
    struct coir_stream *ends[2];
    struct core_actor large, small;
    char byte = 0;
    parity_open(play, PARITY_LITTLE, ends);
    core_start(&large, parity_write_large, ends[0]);
    core_await_waiting(&large);
    core_start(&small, parity_write_byte, ends[0]);
    core_await_waiting(&small);
    take(ends[1], PARITY_LARGE);
    parity_got(play, "behind the large one", coir_stream_read(ends[1], &byte, 1, core_soon()), &byte);
    MUST_BE(core_end(&large), 0);
    MUST_BE(core_end(&small), 0);
    parity_close(ends);
}

static void
parts(struct parity *play)
{
    struct coir_stream *ends[2];
    struct iovec many[200];
    char got[301];
    parity_open(play, PARITY_USUAL, ends);
    for (int i = 0; i < 200; i++)
        many[i] = (struct iovec){(char *)(uintptr_t) & "abcdefgh"[i % 5], (size_t)(i % 4)};
    parity_note(play, "parts", coir_stream_write_parts(ends[0], many, 200, core_soon()));
    parity_note(play, "none", coir_stream_write_parts(ends[0], NULL, 0, core_soon()));
    MUST_BE(coir_stream_read_full(ends[1], got, 300, core_soon()), 300);
    for (int i = 0, at = 0; i < 200; at += i++ % 4)
        MUST(!memcmp(got + at, &"abcdefgh"[i % 5], (size_t)(i % 4)));
    parity_note(play, "more", coir_stream_read(ends[1], got, 1, COIR_NOW));
    parity_close(ends);
}

static int
print_long(void *stream)
{
    return coir_stream_print(stream, core_soon(), "begin %0*d end", 100000, 7);
}

static void
long_text(struct parity *play)
{
    struct coir_stream *ends[2];
    struct core_actor writer;
    char *got = malloc(100010);
    parity_open(play, PARITY_LITTLE, ends);
    core_start(&writer, print_long, ends[0]);
    MUST_BE(coir_stream_read_full(ends[1], got, 100010, core_soon()), 100010);
    parity_note(play, "print", core_end(&writer));
    parity_got(play, "it begins", 7, got);
    parity_got(play, "and ends", 6, got + 100004);
    free(got);
    parity_close(ends);
}

static int
sum_up(void *stream)
{
    static unsigned char bytes[50000];
    ssize_t count;
    uint32_t sum = 0, length = 0;
    while ((count = coir_stream_read(stream, bytes, sizeof bytes, core_soon())) > 0)
        for (ssize_t i = 0; i < count; i++, length++)
            sum = sum * 31 + bytes[i];
    MUST_BE(count, 0);
    MUST_BE(length, PARITY_LARGE);
    return (int)(sum & 0xffffff);
}

static void
a_mebibyte(struct parity *play)
{
    struct coir_stream *ends[2];
    struct core_actor reader;
    uint32_t sum = 0, state = 1;
    for (int i = 0; i < PARITY_LARGE; i++) {
        state = state * 1664525 + 1013904223;
        parity_large[i] = (char)(state >> 24);
        sum = sum * 31 + (unsigned char)parity_large[i];
    }
    parity_open(play, PARITY_LITTLE, ends);
    core_start(&reader, sum_up, ends[1]);
    parity_note(play, "write", parity_write_large(ends[0]));
    parity_note(play, "shutdown", coir_stream_shutdown(ends[0], core_soon()));
    parity_say(play, core_end(&reader) == (int)(sum & 0xffffff) ? "alike" : "different");
    parity_close(ends);
}

/* parity_large, byte by byte: how many differ. */
static int
read_large(void *stream)
{
    char bytes[4096];
    int wrong = 0;
    for (int done = 0; done < PARITY_LARGE; done += (int)sizeof bytes) {
        MUST_BE(coir_stream_read_full(stream, bytes, sizeof bytes, core_soon()), sizeof bytes);
        wrong += memcmp(bytes, parity_large + done, sizeof bytes) != 0;
    }
    return wrong;
}

/* Each end is read by one task and written by another at the same time. */
static void
both_ways_at_once(struct parity *play)
{
    struct coir_stream *ends[2];
    struct core_actor readers[2], writers[2];
    for (int i = 0; i < PARITY_LARGE; i++)
        parity_large[i] = (char)(i * 7 ^ i >> 8);
    parity_open(play, PARITY_LITTLE, ends);
    for (int i = 0; i < 2; i++) {
        core_start(&writers[i], parity_write_large, ends[i]);
        core_start(&readers[i], read_large, ends[i]);
    }
    for (int i = 0; i < 2; i++) {
        parity_note(play, "write", core_end(&writers[i]));
        parity_note(play, "wrong", core_end(&readers[i]));
    }
    parity_close(ends);
}

struct canceled_write {
    struct parity *play;
    struct coir_stream *stream;
    struct coir_event go;
};

static int
write_canceled(void *arg)
{
    struct canceled_write *own = arg;
    {
        COIR_SHIELD();
        MUST_BE(coir_event_wait(&own->go, core_soon()), 0);
        parity_note(own->play, "in a shield", coir_stream_write(own->stream, "s", 1, core_soon()));
    }
    parity_note(own->play, "write", coir_stream_write(own->stream, "x", 1, core_soon()));
    parity_note(own->play, "shutdown", coir_stream_shutdown(own->stream, core_soon()));
    parity_note(own->play, "now", coir_stream_write(own->stream, "n", 1, COIR_NOW));
    return 0;
}

static void
canceled_before(struct parity *play)
{
    struct canceled_write own = {.play = play};
    struct coir_stream *ends[2];
    struct core_actor writer;
    parity_open(play, PARITY_USUAL, ends);
    own.stream = ends[0];
    core_start(&writer, write_canceled, &own);
    core_cancel(&writer);
    coir_event_set(&own.go);
    MUST_BE(core_end(&writer), 0);
    for (int i = 0; i < 2; i++)
        parity_byte(play, "read", parity_read_byte(ends[1]));
    parity_close(ends);
}

const struct parity_row parity_write[] = {
    {"write when there is no room", no_room,
     "now -EAGAIN, late -ETIMEDOUT, until the deadline -ETIMEDOUT, canceled -ECANCELED, woken 0, read 'w', write 0, "
     "read 'x'",
     PARITY_UNIX | PARITY_PAIR},
    {"room is found again", room_again, "now -EAGAIN, now 0, read 'x', now -EAGAIN, now 0, read 'x'", PARITY_PAIR},
    {"a late write with room", late_with_room, "write 0, read 'l'", PARITY_ANY},
    {"a write stopped half-way", stopped_half_way,
     "large -ETIMEDOUT, next -EPIPE, read 'b', large -ECANCELED, next -EPIPE, read 'b'", PARITY_ANY},
    {"a write that would have to wait half-way", half_way_now, "large -EAGAIN, next -EPIPE", PARITY_ANY},
    {"a writer's turn does not come", a_turn_that_does_not_come,
     "now -EAGAIN, until the deadline -ETIMEDOUT, canceled -ECANCELED, large 0, last 0, read 'w'", PARITY_ANY},
    {"writes are never mixed", never_mixed, "whole records 24", PARITY_ANY},
    {"writers take turns", in_the_order_of_asking, "behind the large one 'w'", PARITY_ANY},
    {"a write of many parts", parts, "parts 0, none 0, more -EAGAIN", PARITY_ANY},
    {"long text", long_text, "print 0, it begins 'begin 0', and ends '07 end'", PARITY_ANY},
    {"a mebibyte through little buffers", a_mebibyte, "write 0, shutdown 0, alike", PARITY_ANY},
    {"both ways at once", both_ways_at_once, "write 0, wrong 0, write 0, wrong 0", PARITY_ANY},
    {"write when canceled already", canceled_before,
     "in a shield 0, write -ECANCELED, shutdown -ECANCELED, now 0, read 's', read 'n'", PARITY_ANY},
    {0}};
