/* parity_dial.c: connecting, and addresses as text. */
#include "parity.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int
dial_for_ever(void *address)
{
    struct coir_stream *stream;
    int result = coir_stream_dial(address, NULL, &stream, COIR_NEVER);
    MUST(!stream == (result != 0));
    coir_stream_close(stream);
    return result;
}

/* Nobody listens there any more. */
static void
refused(struct parity *play)
{
    char address[COIR_ADDRESS_TEXT];
    struct coir_stream *stream;
    coir_listener_close(parity_listen(play, NULL, address));
    parity_note(play, "dial", coir_stream_dial(address, NULL, &stream, core_soon()));
    MUST(!stream);
    parity_say(play, strstr(coir_error_detail(), address) ? "the address is in the sentence" : coir_error_detail());
}

/* Who listens but never accepts: its queue is full after a few. The streams that got in are kept. */
struct full {
    struct coir_listener *listener;
    char address[COIR_ADDRESS_TEXT];
    struct coir_stream *kept[8];
    int count;
};

static int
fill(struct parity *play, struct full *full)
{
    int result = 0;
    full->listener = parity_listen(play, &(struct coir_listener_options){.backlog = 1}, full->address);
    for (full->count = 0; full->count < 8 && !result; full->count += !result)
        result = coir_stream_dial(full->address, NULL, &full->kept[full->count], coir_after(50 * COIR_MS));
    MUST(full->count > 0);
    return result;
}

static void
empty(struct full *full)
{
    while (full->count)
        MUST_BE(coir_stream_close(full->kept[--full->count]), 0);
    coir_listener_close(full->listener);
}

static void
a_full_queue(struct parity *play)
{
    struct full full;
    struct core_actor dialler;
    struct coir_stream *stream;
    parity_note(play, "dial until it is full", fill(play, &full));
    parity_note(play, "now", coir_stream_dial(full.address, NULL, &stream, COIR_NOW));
    MUST(!stream);
    parity_note(play, "late", coir_stream_dial(full.address, NULL, &stream, core_past()));
    core_start(&dialler, dial_for_ever, full.address);
    core_await_waiting(&dialler);
    coir_cancel(dialler.self);
    parity_note(play, "canceled", core_end(&dialler));
    empty(&full);
}

/* A Unix socket says at once that its queue is full. */
static void
a_full_unix_queue(struct parity *play)
{
    struct full full;
    parity_note(play, "dial until it is full", fill(play, &full));
    empty(&full);
}

static void
by_name(struct parity *play)
{
    char address[COIR_ADDRESS_TEXT], name[COIR_ADDRESS_TEXT + 64];
    struct coir_listener *listener = parity_listen(play, NULL, address);
    struct coir_stream *ends[2];
    snprintf(name, sizeof name, "%s%s", parity_wire->known_name, strrchr(address, ':'));
    parity_note(play, "now", coir_stream_dial(name, NULL, &ends[0], COIR_NOW));
    parity_note(play, "dial", coir_stream_dial(name, NULL, &ends[0], core_soon()));
    parity_note(play, "accept", coir_listener_accept(listener, &ends[1], core_soon()));
    parity_put(ends[0], "n");
    parity_byte(play, "read", parity_read_byte(ends[1]));
    parity_close(ends);
    coir_listener_close(listener);
}

static void
by_unknown_name(struct parity *play)
{
    char name[COIR_ADDRESS_TEXT];
    struct coir_stream *stream;
    int result;
    snprintf(name, sizeof name, "%s:80", parity_wire->unknown_name);
    result = coir_stream_dial(name, NULL, &stream, core_soon());
    MUST(!stream && strstr(coir_error_detail(), parity_wire->unknown_name));
    parity_note(play, "dial", result == -EHOSTUNREACH ? -ENOENT : result); /* the first: there is no resolver here */
}

static void
bad_addresses(struct parity *play)
{
    static const char *const texts[] = {
        "no port", "http://127.0.0.1:80", "127.0.0.1:65536", "127.0.0.1:", "::1:80", "[::1:80", "unix:",
        ":80",     "127.0.0.1:x",         "127.0.0.1:-1"};
    struct coir_stream *stream;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        int result = coir_stream_dial(texts[i], NULL, &stream, core_soon());
        if (result != -EINVAL || stream || !strstr(coir_error_detail(), texts[i]))
            parity_note(play, texts[i], result);
    }
    parity_say(play, "each is -EINVAL with the address in the sentence");
}

static void
address_texts(struct parity *play)
{
    static const char *const texts[] = {"127.0.0.1:9000", "tcp://[::1]:1", "udp://10.1.2.3:53", "localhost:80", "*:0",
                                        "unix:/x/y",      "unix:@name"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct coir_address address;
        char text[COIR_ADDRESS_TEXT];
        MUST_BE(coir_address_parse(texts[i], &address), 0);
        parity_say(play, coir_address_text(&address, text, sizeof text));
    }
}

static void
both_ends(struct parity *play)
{
    struct coir_stream *ends[2];
    struct coir_address local, peer;
    char here[COIR_ADDRESS_TEXT], there[COIR_ADDRESS_TEXT];
    parity_open(play, PARITY_USUAL, ends);
    for (int i = 0; i < 2; i++) {
        MUST_BE(coir_stream_local(ends[i], &local), 0);
        MUST_BE(coir_stream_peer(ends[1 - i], &peer), 0);
        coir_address_text(&local, here, sizeof here);
        coir_address_text(&peer, there, sizeof there);
        parity_say(play, !strcmp(here, there) ? "alike" : "different");
    }
    parity_close(ends);
}

static void
from_an_address(struct parity *play)
{
    char address[COIR_ADDRESS_TEXT], text[COIR_ADDRESS_TEXT];
    struct coir_listener *listener = parity_listen(play, NULL, address);
    struct coir_stream_options options = {.local = "127.0.0.1:0"};
    struct coir_stream *ends[2];
    struct coir_address peer;
    parity_note(play, "dial", coir_stream_dial(address, &options, &ends[0], core_soon()));
    MUST_BE(coir_listener_accept(listener, &ends[1], core_soon()), 0);
    MUST_BE(coir_stream_peer(ends[1], &peer), 0);
    *strrchr(coir_address_text(&peer, text, sizeof text), ':') = '\0';
    parity_say(play, text);
    parity_close(ends);
    options.local = "nonsense";
    parity_note(play, "from nonsense", coir_stream_dial(address, &options, &ends[0], core_soon()));
    options.local = address;
    parity_note(play, "from a taken port", coir_stream_dial(address, &options, &ends[0], core_soon()));
    MUST(!ends[0]);
    coir_listener_close(listener);
}

struct canceled_dial {
    struct parity *play;
    struct coir_event go;
    char address[COIR_ADDRESS_TEXT];
};

static int
dial_canceled(void *arg)
{
    struct canceled_dial *own = arg;
    struct coir_stream *stream;
    {
        COIR_SHIELD();
        MUST_BE(coir_event_wait(&own->go, core_soon()), 0);
        parity_note(own->play, "dial in a shield", coir_stream_dial(own->address, NULL, &stream, core_soon()));
        coir_stream_close(stream);
    }
    return coir_stream_dial(own->address, NULL, &stream, core_soon());
}

static void
canceled_before(struct parity *play)
{
    struct canceled_dial own = {.play = play};
    struct coir_listener *listener = parity_listen(play, NULL, own.address);
    struct core_actor actor;
    core_start(&actor, dial_canceled, &own);
    core_cancel(&actor);
    coir_event_set(&own.go);
    parity_note(play, "dial outside", core_end(&actor));
    coir_listener_close(listener);
}

const struct parity_row parity_dial[] = {
    {"nobody listens", refused, "dial -ECONNREFUSED, the address is in the sentence", PARITY_NAMED},
    {"a full queue answers nothing", a_full_queue,
     "dial until it is full -ETIMEDOUT, now -EAGAIN, late -ETIMEDOUT, canceled -ECANCELED", PARITY_TCP},
    {"a full Unix queue refuses", a_full_unix_queue, "dial until it is full -ECONNREFUSED", PARITY_UNIX},
    {"dial by name", by_name, "now -EAGAIN, dial 0, accept 0, read 'n'", PARITY_TCP},
    {"dial by a name nobody has", by_unknown_name, "dial -ENOENT", 0},
    {"dial nonsense", bad_addresses, "each is -EINVAL with the address in the sentence", 0},
    {"addresses as text and back", address_texts,
     "tcp://127.0.0.1:9000, tcp://[::1]:1, udp://10.1.2.3:53, tcp://127.0.0.1:80, tcp://[::]:0, unix:/x/y, unix:@name",
     0},
    {"the addresses of both ends", both_ends, "alike, alike", PARITY_TCP},
    {"dial from an address", from_an_address,
     "dial 0, tcp://127.0.0.1, from nonsense -EINVAL, from a taken port -EADDRINUSE", PARITY_TCP},
    {"dial when canceled already", canceled_before, "dial in a shield 0, dial outside -ECANCELED", PARITY_NAMED},
    {0}};
