/* parity_accept.c: listening and accepting. */
#include "parity.h"

#include <coir/semaphore.h>
#include <stdlib.h>
#include <string.h>

static struct coir_stream *
dial(const char *address)
{
    struct coir_stream *stream;
    MUST_BE(coir_stream_dial(address, NULL, &stream, core_soon()), 0);
    return stream;
}

/* Accepts one, notes the byte it brings, closes it. */
static void
accept_and_note(struct parity *play, struct coir_listener *listener, coir_time deadline)
{
    struct coir_stream *stream;
    int result = coir_listener_accept(listener, &stream, deadline);
    MUST(!stream == (result != 0));
    if (result)
        parity_note(play, "accept", result);
    else
        parity_byte(play, "accept", parity_read_byte(stream));
    coir_stream_close(stream);
}

static void
nobody_comes(struct parity *play)
{
    char address[COIR_ADDRESS_TEXT];
    struct coir_listener *listener = parity_listen(play, NULL, address);
    accept_and_note(play, listener, COIR_NOW);
    accept_and_note(play, listener, core_past());
    accept_and_note(play, listener, coir_after(COIR_MS));
    accept_and_note(play, listener, COIR_NOW);
    coir_listener_close(listener);
}

/* Who is in the queue is accepted without waiting, whatever was answered before. A Unix socket is in it when dial has
 * returned. */
static void
somebody_is_there(struct parity *play)
{
    char address[COIR_ADDRESS_TEXT];
    struct coir_listener *listener = parity_listen(play, NULL, address);
    struct coir_stream *diallers[3];
    accept_and_note(play, listener, COIR_NOW);
    for (int i = 0; i < 3; i++) {
        diallers[i] = dial(address);
        parity_put(diallers[i], (const char *[]){"a", "b", "c"}[i]);
    }
    accept_and_note(play, listener, COIR_NOW);
    accept_and_note(play, listener, core_past());
    accept_and_note(play, listener, COIR_NOW);
    accept_and_note(play, listener, COIR_NOW);
    for (int i = 0; i < 3; i++)
        MUST_BE(coir_stream_close(diallers[i]), 0);
    coir_listener_close(listener);
}

static void
woken_by_a_dial(struct parity *play)
{
    char address[COIR_ADDRESS_TEXT];
    struct coir_listener *listener = parity_listen(play, NULL, address);
    struct core_actor accepter;
    struct coir_stream *dialler;
    core_start(&accepter, parity_accept_one, listener);
    core_await_waiting(&accepter);
    dialler = dial(address);
    parity_put(dialler, "d");
    parity_byte(play, "accept", core_end(&accepter));
    MUST_BE(coir_stream_close(dialler), 0);
    coir_listener_close(listener);
}

static void
canceled(struct parity *play)
{
    char address[COIR_ADDRESS_TEXT];
    struct coir_listener *listener = parity_listen(play, NULL, address);
    struct core_actor accepter;
    struct coir_stream *dialler;
    core_start(&accepter, parity_accept_one, listener);
    core_await_waiting(&accepter);
    coir_cancel(accepter.self);
    parity_note(play, "accept", core_end(&accepter));
    dialler = dial(address);
    parity_put(dialler, "x");
    accept_and_note(play, listener, core_soon()); /* nothing is lost with the canceled one */
    MUST_BE(coir_stream_close(dialler), 0);
    coir_listener_close(listener);
}

static void
first_come_first_served(struct parity *play)
{
    char address[COIR_ADDRESS_TEXT];
    struct coir_listener *listener = parity_listen(play, NULL, address);
    struct core_actor accepters[3];
    struct coir_stream *dialler;
    for (int i = 0; i < 3; i++) {
        core_start(&accepters[i], parity_accept_one, listener);
        core_await_waiting(&accepters[i]);
    }
    for (int i = 0; i < 3; i++) {
        dialler = dial(address);
        parity_put(dialler, (const char *[]){"1", "2", "3"}[i]);
        parity_byte(play, "accept", core_end(&accepters[i]));
        MUST_BE(coir_stream_close(dialler), 0);
    }
    coir_listener_close(listener);
}

static void
in_the_order_of_dialling(struct parity *play)
{
    char address[COIR_ADDRESS_TEXT];
    struct coir_listener *listener = parity_listen(play, NULL, address);
    struct coir_stream *diallers[4];
    for (int i = 0; i < 4; i++) {
        diallers[i] = dial(address);
        parity_put(diallers[i], (const char *[]){"1", "2", "3", "4"}[i]);
    }
    for (int i = 0; i < 4; i++)
        accept_and_note(play, listener, core_soon());
    for (int i = 0; i < 4; i++)
        MUST_BE(coir_stream_close(diallers[i]), 0);
    coir_listener_close(listener);
}

/* Nobody will ever accept them: they are reset. */
static void
closed_with_a_queue(struct parity *play)
{
    char address[COIR_ADDRESS_TEXT];
    struct coir_listener *listener = parity_listen(play, NULL, address);
    struct coir_stream *diallers[2], *late;
    struct core_actor readers[2];
    for (int i = 0; i < 2; i++) {
        diallers[i] = dial(address);
        core_start(&readers[i], parity_read_byte, diallers[i]);
        core_await_waiting(&readers[i]);
    }
    coir_listener_close(listener);
    for (int i = 0; i < 2; i++) {
        parity_byte(play, "read", core_end(&readers[i]));
        MUST_BE(coir_stream_close(diallers[i]), 0);
    }
    parity_note(play, "dial", coir_stream_dial(address, NULL, &late, core_soon()));
}

static void
aborted(struct parity *play)
{
    char address[COIR_ADDRESS_TEXT];
    struct coir_listener *listener = parity_listen(play, NULL, address);
    struct core_actor accepters[3];
    for (int i = 0; i < 3; i++) {
        core_start(&accepters[i], parity_accept_one, listener);
        core_await_waiting(&accepters[i]);
    }
    coir_listener_abort(listener);
    for (int i = 0; i < 3; i++)
        parity_note(play, "accept", core_end(&accepters[i]));
    accept_and_note(play, listener, COIR_NOW);
    accept_and_note(play, listener, core_past());
    accept_and_note(play, listener, COIR_NEVER);
    coir_listener_abort(listener);
    coir_listener_close(listener);
}

/* The connection for which there was no descriptor is closed, so that its client learns it; the next one is served. */
static void
no_descriptor(struct parity *play)
{
    char address[COIR_ADDRESS_TEXT];
    struct coir_listener *listener = parity_listen(play, NULL, address);
    struct core_actor accepter;
    struct coir_stream *first = dial(address), *second;
    parity_wire->lack_a_descriptor();
    core_start(&accepter, parity_accept_one, listener);
    parity_byte(play, "the first reads", parity_read_byte(first));
    second = dial(address);
    parity_put(second, "s");
    parity_byte(play, "accept", core_end(&accepter));
    parity_wire->lack_no_more();
    MUST_BE(coir_stream_close(first), 0);
    MUST_BE(coir_stream_close(second), 0);
    coir_listener_close(listener);
}

static void
a_taken_place(struct parity *play)
{
    char address[COIR_ADDRESS_TEXT];
    struct coir_listener *listener = parity_listen(play, NULL, address), *other;
    parity_note(play, "listen", coir_listener_open(address, NULL, &other));
    MUST(!other && strstr(coir_error_detail(), address));
    coir_listener_close(listener);
    parity_note(play, "after close", coir_listener_open(address, NULL, &other));
    coir_listener_close(other);
}

static void
a_port_of_its_own(struct parity *play)
{
    char address[COIR_ADDRESS_TEXT];
    struct coir_listener *listener = parity_listen(play, NULL, address);
    parity_say(play, atoi(strrchr(address, ':') + 1) > 0 ? "a port" : "no port");
    coir_listener_close(listener);
}

static void
no_place(struct parity *play)
{
    static const char *const texts[] = {"udp://127.0.0.1:0", "nonsense", "localhost:http", "unix:"};
    struct coir_listener *listener;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        parity_note(play, texts[i], coir_listener_open(texts[i], NULL, &listener));
        MUST(!listener);
    }
}

enum { DIALLERS = 3, EACH = 8 };

static int
dial_each(void *address)
{
    for (int i = 0; i < EACH; i++) {
        struct coir_stream *stream = dial(address);
        parity_put(stream, "+");
        MUST_BE(coir_stream_close(stream), 0);
    }
    return 0;
}

struct accepting {
    struct coir_listener *listener;
    struct coir_semaphore accepted;
};

static int
accept_all(void *arg)
{
    struct accepting *own = arg;
    int result;
    while ((result = parity_accept_one(own->listener)) == '+')
        MUST_BE(coir_semaphore_release(&own->accepted), 0);
    return result;
}

static void
many_at_once(struct parity *play)
{
    char address[COIR_ADDRESS_TEXT];
    struct accepting own = {parity_listen(play, NULL, address), COIR_SEMAPHORE_INIT(0, 0)};
    struct core_actor diallers[DIALLERS], accepters[2];
    int sum = 0;
    core_start_all(accepters, 2, accept_all, &own);
    core_start_all(diallers, DIALLERS, dial_each, address);
    for (int i = 0; i < DIALLERS; i++)
        MUST_BE(core_end(&diallers[i]), 0);
    while (sum < DIALLERS * EACH && coir_semaphore_acquire(&own.accepted, core_soon()) == 0)
        sum++;
    parity_note(play, "accepted", sum);
    coir_listener_abort(own.listener);
    for (int i = 0; i < 2; i++)
        parity_note(play, "then", core_end(&accepters[i]));
    coir_listener_close(own.listener);
}

static void
close_in_use(struct parity *play)
{
    char address[COIR_ADDRESS_TEXT];
    struct coir_listener *listener = parity_listen(play, NULL, address);
    struct core_actor accepter;
    core_start(&accepter, parity_accept_one, listener);
    core_await_waiting(&accepter);
    coir_listener_close(listener);
}

const struct parity_row parity_accept[] = {
    {"accept when nobody comes", nobody_comes, "accept -EAGAIN, accept -ETIMEDOUT, accept -ETIMEDOUT, accept -EAGAIN",
     PARITY_NAMED},
    {"accept when somebody is there", somebody_is_there,
     "accept -EAGAIN, accept 'a', accept 'b', accept 'c', accept -EAGAIN", PARITY_UNIX},
    {"a dial wakes accept", woken_by_a_dial, "accept 'd'", PARITY_NAMED},
    {"a canceled accept", canceled, "accept -ECANCELED, accept 'x'", PARITY_NAMED},
    {"who accepts first is served first", first_come_first_served, "accept '1', accept '2', accept '3'", PARITY_NAMED},
    {"a queue keeps the order of dialling", in_the_order_of_dialling, "accept '1', accept '2', accept '3', accept '4'",
     PARITY_NAMED},
    {"a listener closed with connections in its queue", closed_with_a_queue,
     "read -ECONNRESET, read -ECONNRESET, dial -ECONNREFUSED", PARITY_NAMED},
    {"abort ends every accept", aborted,
     "accept -EPIPE, accept -EPIPE, accept -EPIPE, accept -EPIPE, accept -EPIPE, accept -EPIPE", PARITY_NAMED},
    {"no descriptor for a connection", no_descriptor, "the first reads 0, accept 's'", PARITY_NAMED},
    {"a place that is taken", a_taken_place, "listen -EADDRINUSE, after close 0", PARITY_NAMED},
    {"port 0 asks for any", a_port_of_its_own, "a port", PARITY_TCP},
    {"no place to listen", no_place,
     "udp://127.0.0.1:0 -EINVAL, nonsense -EINVAL, localhost:http -EINVAL, unix: -EINVAL", 0},
    {"many dial, many accept", many_at_once, "accepted 24, then -EPIPE, then -EPIPE", PARITY_NAMED},
    {"closing a listener that is in use", close_in_use, "coir_listener_close", PARITY_TCP | PARITY_DIES},
    {0}};
