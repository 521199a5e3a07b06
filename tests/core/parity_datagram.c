/* parity_datagram.c: datagrams, by UDP (the way called TCP) and between Unix sockets. Not in a virtual world: its network has
 * none, and opening one says so. */
#include "parity.h"

#include <coir/datagram.h>
#include <stdio.h>
#include <string.h>

/* Open at a place of its own, whose address is filled in; peer: NULL, or the address of the only one it talks to. */
static struct coir_datagram *
open_one(struct parity *play, const char *peer, char address[COIR_ADDRESS_TEXT])
{
    struct coir_datagram_options options = {.peer = peer};
    struct coir_datagram *made;
    struct coir_address got;
    char place[COIR_ADDRESS_TEXT];
    parity_place(play, place);
    MUST_BE(coir_datagram_open(place, &options, &made), 0);
    MUST_BE(coir_datagram_local(made, &got), 0);
    coir_address_text(&got, address, COIR_ADDRESS_TEXT);
    return made;
}

struct talk {
    struct coir_datagram *server, *client; /* the client's peer is the server */
    char server_at[COIR_ADDRESS_TEXT], client_at[COIR_ADDRESS_TEXT];
};

static void
open_both(struct parity *play, struct talk *talk)
{
    talk->server = open_one(play, NULL, talk->server_at);
    talk->client = open_one(play, talk->server_at, talk->client_at);
}

static void
close_both(struct talk *talk)
{
    coir_datagram_close(talk->client);
    coir_datagram_close(talk->server);
}

static void
put(struct coir_datagram *from, const char *text)
{
    MUST_BE(coir_datagram_send(from, text, strlen(text), NULL, core_soon()), 0);
}

static void
take(struct parity *play, struct coir_datagram *at, size_t size, coir_time deadline)
{
    char bytes[64] = "";
    parity_got(play, "got", coir_datagram_receive(at, bytes, size, NULL, deadline), bytes);
}

static void
borders(struct parity *play)
{
    struct talk talk;
    open_both(play, &talk);
    put(talk.client, "one");
    put(talk.client, "");
    put(talk.client, "three");
    for (int i = 0; i < 3; i++)
        take(play, talk.server, 64, core_soon());
    take(play, talk.server, 64, COIR_NOW);
    close_both(&talk);
}

/* The rest of it is gone; what comes next is whole. */
static void
too_little_room(struct parity *play)
{
    struct talk talk;
    struct coir_address from;
    char bytes[3] = "", text[COIR_ADDRESS_TEXT];
    open_both(play, &talk);
    put(talk.client, "first");
    put(talk.client, "second");
    parity_note(play, "got", coir_datagram_receive(talk.server, bytes, 2, &from, core_soon()));
    parity_say(play, bytes);
    parity_say(play, strcmp(coir_address_text(&from, text, sizeof text) + 3, talk.client_at + 3) ? "?" : "the client");
    take(play, talk.server, 64, core_soon());
    put(talk.client, "third");
    take(play, talk.server, 0, core_soon());
    put(talk.client, "");
    take(play, talk.server, 0, core_soon());
    close_both(&talk);
}

static void
too_large(struct parity *play)
{
    struct talk talk;
    open_both(play, &talk);
    parity_note(play, "send", coir_datagram_send(talk.client, parity_large, PARITY_LARGE, NULL, core_soon()));
    put(talk.client, "small");
    take(play, talk.server, 64, core_soon());
    close_both(&talk);
}

static void
an_answer(struct parity *play)
{
    struct talk talk;
    struct coir_address from;
    char bytes[8];
    open_both(play, &talk);
    parity_note(play, "to nobody", coir_datagram_send(talk.server, "x", 1, NULL, core_soon()));
    put(talk.client, "ask");
    MUST_BE(coir_datagram_receive(talk.server, bytes, sizeof bytes, &from, core_soon()), 3);
    parity_note(play, "answer", coir_datagram_send(talk.server, bytes, 3, &from, core_soon()));
    take(play, talk.client, 64, core_soon());
    close_both(&talk);
}

/* The port is held by one that listens to somebody else, so that nobody gets it meanwhile. It is told once. */
static void
nobody_there_udp(struct parity *play)
{
    char other_at[COIR_ADDRESS_TEXT], held_at[COIR_ADDRESS_TEXT], client_at[COIR_ADDRESS_TEXT];
    struct coir_datagram *other = open_one(play, NULL, other_at), *held = open_one(play, other_at, held_at);
    struct coir_datagram *client = open_one(play, held_at, client_at);
    put(client, "anybody?");
    take(play, client, 64, core_soon());
    take(play, client, 64, COIR_NOW);
    put(client, "anybody?");
    parity_note(play, "send", coir_datagram_send(client, "?", 1, NULL, core_soon()));
    coir_datagram_close(client);
    coir_datagram_close(held);
    coir_datagram_close(other);
}

static void
nobody_there_unix(struct parity *play)
{
    struct talk talk;
    open_both(play, &talk);
    coir_datagram_close(talk.server);
    parity_note(play, "send", coir_datagram_send(talk.client, "x", 1, NULL, core_soon()));
    coir_datagram_close(talk.client);
}

static void
nothing_comes(struct parity *play)
{
    struct talk talk;
    open_both(play, &talk);
    take(play, talk.server, 64, COIR_NOW);
    take(play, talk.server, 64, core_past());
    take(play, talk.server, 64, coir_after(COIR_MS));
    put(talk.client, "late");
    take(play, talk.server, 64, core_soon());
    close_both(&talk);
}

static int
receive_byte(void *datagram)
{
    char byte;
    ssize_t count = coir_datagram_receive(datagram, &byte, 1, NULL, COIR_NEVER);
    return count > 0 ? byte : (int)count;
}

static void
canceled(struct parity *play)
{
    struct talk talk;
    struct core_actor receiver;
    open_both(play, &talk);
    core_start(&receiver, receive_byte, talk.server);
    core_await_waiting(&receiver);
    core_cancel(&receiver);
    parity_byte(play, "got", core_end(&receiver));
    put(talk.client, "x");
    take(play, talk.server, 64, core_soon());
    close_both(&talk);
}

static void
aborted(struct parity *play)
{
    struct talk talk;
    struct core_actor receivers[2];
    open_both(play, &talk);
    for (int i = 0; i < 2; i++) {
        core_start(&receivers[i], receive_byte, talk.server);
        core_await_waiting(&receivers[i]);
    }
    coir_datagram_abort(talk.server);
    for (int i = 0; i < 2; i++)
        parity_byte(play, "got", core_end(&receivers[i]));
    take(play, talk.server, 64, core_soon());
    parity_note(play, "send", coir_datagram_send(talk.server, "x", 1, NULL, core_soon()));
    close_both(&talk);
}

static void
turns(struct parity *play)
{
    struct talk talk;
    struct core_actor receivers[3];
    open_both(play, &talk);
    for (int i = 0; i < 3; i++) {
        core_start(&receivers[i], receive_byte, talk.server);
        core_await_waiting(&receivers[i]);
    }
    put(talk.client, "a");
    put(talk.client, "b");
    put(talk.client, "c");
    for (int i = 0; i < 3; i++)
        parity_byte(play, "got", core_end(&receivers[i]));
    close_both(&talk);
}

static int
send_last(void *datagram)
{
    return coir_datagram_send(datagram, "last", 4, NULL, COIR_NEVER);
}

/* A Unix socket holds some messages; UDP drops what it has no room for. */
static void
a_full_receiver(struct parity *play)
{
    struct talk talk;
    struct core_actor sender;
    int result, sent = 0;
    char bytes[8];
    open_both(play, &talk);
    while ((result = coir_datagram_send(talk.client, "fill", 4, NULL, COIR_NOW)) == 0)
        sent++;
    MUST(sent > 0);
    parity_note(play, "send", result);
    parity_note(play, "send", coir_datagram_send(talk.client, "late", 4, NULL, coir_after(COIR_MS)));
    core_start(&sender, send_last, talk.client);
    core_await_waiting(&sender);
    for (int i = 0; i < sent; i++)
        MUST_BE(coir_datagram_receive(talk.server, bytes, sizeof bytes, NULL, core_soon()), 4);
    parity_note(play, "sender", core_end(&sender));
    take(play, talk.server, 64, core_soon());
    while (coir_datagram_send(talk.client, "fill", 4, NULL, COIR_NOW) == 0)
        continue;
    core_start(&sender, send_last, talk.client);
    core_await_waiting(&sender);
    core_cancel(&sender);
    parity_note(play, "sender", core_end(&sender));
    core_start(&sender, send_last, talk.client);
    core_await_waiting(&sender);
    coir_datagram_abort(talk.client);
    parity_note(play, "sender", core_end(&sender));
    close_both(&talk);
}

enum { BOTH = PARITY_NAMED | PARITY_REAL };

const struct parity_row parity_datagram[] = {
    {"datagrams have borders", borders, "got 'one', got 0, got 'three', got -EAGAIN", BOTH},
    {"a datagram larger than the room", too_little_room,
     "got -EMSGSIZE, fi, the client, got 'second', got -EMSGSIZE, got 0", BOTH},
    {"a datagram larger than any", too_large, "send -EMSGSIZE, got 'small'", BOTH},
    {"a datagram is answered", an_answer, "to nobody -EDESTADDRREQ, answer 0, got 'ask'", BOTH},
    {"a datagram to nobody, by UDP", nobody_there_udp, "got -ECONNREFUSED, got -EAGAIN, send -ECONNREFUSED",
     PARITY_TCP | PARITY_REAL},
    {"a datagram to nobody, Unix", nobody_there_unix, "send -ECONNREFUSED", PARITY_UNIX | PARITY_REAL},
    {"no datagram comes", nothing_comes, "got -EAGAIN, got -ETIMEDOUT, got -ETIMEDOUT, got 'late'", BOTH},
    {"who waits for a datagram is canceled", canceled, "got -ECANCELED, got 'x'", BOTH},
    {"abort wakes who waits for datagrams", aborted, "got -EPIPE, got -EPIPE, got -EPIPE, send -EPIPE", BOTH},
    {"who waits for datagrams takes turns", turns, "got 'a', got 'b', got 'c'", BOTH},
    {"a full receiver of datagrams", a_full_receiver,
     "send -EAGAIN, send -ETIMEDOUT, sender 0, got 'last', sender -ECANCELED, sender -EPIPE",
     PARITY_UNIX | PARITY_REAL},
    {0},
};
