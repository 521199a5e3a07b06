/* parity_end.c: how connections end: half-close, reset, abort, close, and numbers that are used again. */
#include "parity.h"

#include <string.h>

static void
read_and_note(struct parity *play, const char *what, struct coir_stream *stream)
{
    char byte = 0;
    ssize_t count = coir_stream_read(stream, &byte, 1, core_soon());
    parity_got(play, what, count, &byte);
}

/* Makes the other side see a reset, where there is such a thing. */
static void
reset(struct coir_stream *stream)
{
    coir_stream_abort(stream);
    MUST_BE(coir_stream_close(stream), 0);
}

static void
half_close(struct parity *play)
{
    struct coir_stream *ends[2];
    parity_open(play, PARITY_USUAL, ends);
    parity_put(ends[0], "q");
    parity_note(play, "shutdown", coir_stream_shutdown(ends[0], core_soon()));
    parity_note(play, "again", coir_stream_shutdown(ends[0], core_soon()));
    parity_note(play, "write", coir_stream_write(ends[0], "x", 1, core_soon()));
    parity_note(play, "parts", coir_stream_write_parts(ends[0], &(struct iovec){"x", 1}, 1, core_soon()));
    parity_note(play, "print", coir_stream_print(ends[0], core_soon(), "x"));
    read_and_note(play, "read", ends[1]);
    read_and_note(play, "read", ends[1]);
    parity_put(ends[1], "r"); /* the other way is open */
    read_and_note(play, "back", ends[0]);
    parity_note(play, "shutdown", coir_stream_shutdown(ends[1], core_soon()));
    read_and_note(play, "back", ends[0]);
    parity_close(ends);
}

static int
shut_down(void *stream)
{
    return coir_stream_shutdown(stream, COIR_NEVER);
}

static void
shutdown_waits_for_writes(struct parity *play)
{
    struct coir_stream *ends[2];
    struct core_actor writer, ender;
    struct coir_buffer all = COIR_BUFFER_INIT(PARITY_LARGE);
    parity_open(play, PARITY_LITTLE, ends);
    core_start(&writer, parity_write_large, ends[0]);
    core_await_waiting(&writer);
    parity_note(play, "now", coir_stream_shutdown(ends[0], COIR_NOW));
    parity_note(play, "late", coir_stream_shutdown(ends[0], core_past()));
    core_start(&ender, shut_down, ends[0]);
    core_await_waiting(&ender);
    parity_note(play, "rest", coir_stream_read_rest(ends[1], &all, core_soon()));
    parity_note(play, "write", core_end(&writer));
    parity_note(play, "shutdown", core_end(&ender));
    parity_note(play, "bytes", (long long)all.size);
    coir_buffer_fini(&all);
    parity_close(ends);
}

/* Writes until it is told that nobody reads any more. */
static int
write_until_told(struct coir_stream *stream)
{
    int result;
    for (int i = 0; i < 1000000; i++)
        if ((result = coir_stream_write(stream, "gone", 4, core_soon())))
            return result;
    return 0;
}

static void
the_peer_is_gone(struct parity *play)
{
    struct coir_stream *ends[2];
    parity_open(play, PARITY_USUAL, ends);
    MUST_BE(coir_stream_close(ends[1]), 0);
    parity_note(play, "write", write_until_told(ends[0]));
    parity_note(play, "again", coir_stream_write(ends[0], "x", 1, core_soon()));
    parity_note(play, "now", coir_stream_write(ends[0], "x", 1, COIR_NOW));
    MUST_BE(coir_stream_close(ends[0]), 0);
}

static void
the_peer_goes_while_we_write(struct parity *play)
{
    struct coir_stream *ends[2];
    struct core_actor writer, second;
    parity_open(play, PARITY_LITTLE, ends);
    core_start(&writer, parity_write_large, ends[0]);
    core_await_waiting(&writer);
    core_start(&second, parity_write_byte, ends[0]);
    core_await_waiting(&second);
    MUST_BE(coir_stream_close(ends[1]), 0);
    parity_note(play, "write", core_end(&writer));
    parity_note(play, "the next", core_end(&second));
    MUST_BE(coir_stream_close(ends[0]), 0);
}

static void
closed_with_bytes_unread(struct parity *play)
{
    struct coir_stream *ends[2];
    parity_open(play, PARITY_USUAL, ends);
    parity_put(ends[0], "unread");
    parity_wire->await_arrived(ends[1], 6);
    MUST_BE(coir_stream_close(ends[1]), 0);
    read_and_note(play, "read", ends[0]);
    MUST_BE(coir_stream_close(ends[0]), 0);
}

static void
reset_while_reading(struct parity *play)
{
    struct coir_stream *ends[2];
    struct core_actor reader;
    parity_open(play, PARITY_USUAL, ends);
    core_start(&reader, parity_read_byte, ends[0]);
    core_await_waiting(&reader);
    reset(ends[1]);
    parity_byte(play, "read", core_end(&reader));
    read_and_note(play, "then", ends[0]);
    parity_note(play, "write", coir_stream_write(ends[0], "x", 1, core_soon()));
    MUST_BE(coir_stream_close(ends[0]), 0);
}

static void
reset_after_bytes(struct parity *play)
{
    struct coir_stream *ends[2];
    parity_open(play, PARITY_USUAL, ends);
    parity_put(ends[1], "ab");
    parity_wire->await_arrived(ends[0], 2);
    reset(ends[1]);
    for (int i = 0; i < 4; i++)
        read_and_note(play, "read", ends[0]);
    MUST_BE(coir_stream_close(ends[0]), 0);
}

static void
reset_while_writing(struct parity *play)
{
    struct coir_stream *ends[2];
    struct core_actor writer;
    parity_open(play, PARITY_LITTLE, ends);
    core_start(&writer, parity_write_large, ends[0]);
    core_await_waiting(&writer);
    reset(ends[1]);
    parity_note(play, "write", core_end(&writer));
    MUST_BE(coir_stream_close(ends[0]), 0);
}

static void
reset_in_a_line(struct parity *play)
{
    struct coir_stream *ends[2];
    struct core_actor reader;
    parity_open(play, PARITY_USUAL, ends);
    parity_put(ends[1], "half");
    core_start(&reader, parity_read_line, ends[0]);
    core_await_waiting(&reader);
    reset(ends[1]);
    parity_note(play, "line", core_end(&reader));
    MUST_BE(coir_stream_close(ends[0]), 0);
}

static void
abort_wakes(struct parity *play)
{
    struct coir_stream *ends[2];
    struct core_actor actors[5];
    static coir_function *const roles[] = {parity_read_byte, parity_write_large, parity_read_line, parity_write_byte,
                                           shut_down};
    parity_open(play, PARITY_LITTLE, ends);
    for (int i = 0; i < 5; i++) {
        core_start(&actors[i], roles[i], ends[0]);
        core_await_waiting(&actors[i]);
    }
    coir_stream_abort(ends[0]);
    for (int i = 0; i < 5; i++)
        parity_note(play, "it", core_end(&actors[i]));
    parity_close(ends);
}

static void
after_abort(struct parity *play)
{
    struct coir_stream *ends[2];
    char bytes[8];
    parity_open(play, PARITY_USUAL, ends);
    parity_put(ends[1], "unread");
    coir_stream_abort(ends[0]);
    coir_stream_abort(ends[0]);
    parity_note(play, "read", coir_stream_read(ends[0], bytes, 4, COIR_NEVER));
    parity_note(play, "now", coir_stream_read(ends[0], bytes, 4, COIR_NOW));
    parity_note(play, "full", coir_stream_read_full(ends[0], bytes, 4, core_past()));
    parity_note(play, "line", coir_stream_read_line(ends[0], bytes, sizeof bytes, COIR_NEVER));
    parity_note(play, "write", coir_stream_write(ends[0], bytes, 4, COIR_NEVER));
    parity_note(play, "shutdown", coir_stream_shutdown(ends[0], COIR_NEVER));
    parity_close(ends);
}

/* The peer of an aborted stream: over TCP it sees a reset. */
static void
the_other_side_of_abort(struct parity *play)
{
    struct coir_stream *ends[2];
    struct core_actor reader;
    parity_open(play, PARITY_USUAL, ends);
    core_start(&reader, parity_read_byte, ends[1]);
    core_await_waiting(&reader);
    reset(ends[0]);
    parity_byte(play, "read", core_end(&reader));
    MUST_BE(coir_stream_close(ends[1]), 0);
}

static void
closed_in_use(struct parity *play)
{
    struct coir_stream *ends[2];
    struct core_actor reader;
    parity_open(play, PARITY_USUAL, ends);
    core_start(&reader, parity_read_byte, ends[0]);
    core_await_waiting(&reader);
    (void)coir_stream_close(ends[0]);
}

/* The way to close a stream that somebody reads. */
static void
abort_then_close(struct parity *play)
{
    struct coir_stream *ends[2];
    struct core_actor reader;
    parity_open(play, PARITY_USUAL, ends);
    core_start(&reader, parity_read_byte, ends[0]);
    core_await_waiting(&reader);
    coir_stream_abort(ends[0]);
    parity_byte(play, "read", core_end(&reader));
    parity_note(play, "close", coir_stream_close(ends[0]));
    MUST_BE(coir_stream_close(ends[1]), 0);
}

/* A number that was waited at, with bytes left behind, is used again at once: the new connection sees its own bytes
 * only, and is woken by them. */
static void
a_number_used_again(struct parity *play)
{
    struct coir_stream *ends[2], *again[2];
    struct core_actor reader;
    int same = 0, wrong = 0;
    for (int i = 0; i < 20; i++) {
        int number;
        parity_open(play, PARITY_USUAL, ends);
        number = coir_stream_fd(ends[0]);
        MUST_BE(coir_stream_read(ends[0], (char[1]){0}, 1, coir_after(10 * COIR_US)), -ETIMEDOUT);
        parity_put(ends[1], "old");
        MUST_BE(coir_stream_close(ends[0]), 0);
        parity_open(play, PARITY_USUAL, again);
        same += coir_stream_fd(again[0]) == number || coir_stream_fd(again[1]) == number;
        core_start(&reader, parity_read_byte, again[0]);
        core_await_waiting(&reader);
        parity_put(again[1], "n");
        wrong += core_end(&reader) != 'n';
        parity_close(again);
        MUST_BE(coir_stream_close(ends[1]), 0);
    }
    parity_say(play, same > 0 ? "numbers were used again" : "no number was used again");
    parity_note(play, "wrong", wrong);
}

static void
a_pipe_nobody_reads(struct parity *play)
{
    struct coir_stream *ends[2];
    struct core_actor writer;
    parity_wire->pipe(ends);
    core_start(&writer, parity_write_large, ends[1]);
    core_await_waiting(&writer);
    MUST_BE(coir_stream_close(ends[0]), 0);
    parity_note(play, "write", core_end(&writer));
    parity_note(play, "again", coir_stream_write(ends[1], "x", 1, core_soon()));
    MUST_BE(coir_stream_close(ends[1]), 0);
}

const struct parity_row parity_end[] = {
    {"half-close both ways", half_close,
     "shutdown 0, again 0, write -EPIPE, parts -EPIPE, print -EPIPE, read 'q', read 0, back 'r', shutdown 0, back 0",
     PARITY_ANY},
    {"shutdown waits for writes", shutdown_waits_for_writes,
     "now -EAGAIN, late -ETIMEDOUT, rest 0, write 0, shutdown 0, bytes 1048576", PARITY_ANY},
    {"the peer is gone", the_peer_is_gone, "write -EPIPE, again -EPIPE, now -EPIPE", PARITY_ANY},
    {"the peer goes while we write", the_peer_goes_while_we_write, "write -EPIPE, the next -EPIPE", PARITY_ANY},
    {"closed with bytes unread", closed_with_bytes_unread, "read -ECONNRESET", PARITY_ANY},
    {"a reset while reading", reset_while_reading, "read -ECONNRESET, then 0, write -EPIPE", PARITY_TCP},
    {"a reset after bytes", reset_after_bytes, "read 'a', read 'b', read -ECONNRESET, read 0", PARITY_TCP},
    {"a reset while writing", reset_while_writing, "write -EPIPE", PARITY_TCP},
    {"a reset in the middle of a line", reset_in_a_line, "line -ECONNRESET", PARITY_TCP},
    {"abort wakes all", abort_wakes, "it -EPIPE, it -EPIPE, it -EPIPE, it -EPIPE, it -EPIPE", PARITY_ANY},
    {"calls after abort", after_abort,
     "read -EPIPE, now -EPIPE, full -EPIPE, line -EPIPE, write -EPIPE, shutdown -EPIPE", PARITY_ANY},
    {"the other side of an abort", the_other_side_of_abort, "read -ECONNRESET", PARITY_TCP},
    {"closing a stream that is in use", closed_in_use, "coir_stream_close", PARITY_PAIR | PARITY_DIES},
    {"abort, then close", abort_then_close, "read -EPIPE, close 0", PARITY_ANY},
    {"a number is used again at once", a_number_used_again, "numbers were used again, wrong 0", PARITY_ANY},
    {"a pipe nobody reads", a_pipe_nobody_reads, "write -EPIPE, again -EPIPE", 0},
    {0}};
