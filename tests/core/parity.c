/* parity.c: see parity.h. */
#include "parity.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

char parity_large[PARITY_LARGE + 1];
const struct parity_wire *parity_wire = &parity_real_wire;

void
parity_say(struct parity *play, const char *text)
{
    size_t length = strlen(play->text);
    MUST(length + strlen(text) + 3 < sizeof play->text);
    sprintf(play->text + length, "%s%s", length ? ", " : "", text);
}

void
parity_note(struct parity *play, const char *what, long long result)
{
    const char *name = result < 0 && result > -4096 ? strerrorname_np((int)-result) : NULL;
    char text[128];
    if (name)
        snprintf(text, sizeof text, "%s -%s", what, name);
    else
        snprintf(text, sizeof text, "%s %lld", what, result);
    parity_say(play, text);
}

void
parity_got(struct parity *play, const char *what, ssize_t count, const char *bytes)
{
    char text[128];
    if (count <= 0) {
        parity_note(play, what, count);
        return;
    }
    snprintf(text, sizeof text, "%s '%.*s'", what, (int)count, bytes);
    parity_say(play, text);
}

void
parity_byte(struct parity *play, const char *what, int result)
{
    char byte = (char)result;
    parity_got(play, what, result > 0 ? 1 : result, &byte);
}

void
parity_place(struct parity *play, char place[COIR_ADDRESS_TEXT])
{
    static int number;
    if (play->way == PARITY_UNIX)
        snprintf(place, COIR_ADDRESS_TEXT, "unix:@coir-parity-%d-%d", (int)getpid(), number++);
    else
        snprintf(place, COIR_ADDRESS_TEXT, "127.0.0.1:0");
}

struct coir_listener *
parity_listen(struct parity *play, const struct coir_listener_options *options, char address[COIR_ADDRESS_TEXT])
{
    struct coir_listener *listener;
    struct coir_address got;
    parity_place(play, address);
    MUST_BE(coir_listener_open(address, options, &listener), 0);
    MUST_BE(coir_listener_local(listener, &got), 0);
    coir_address_text(&got, address, COIR_ADDRESS_TEXT);
    return listener;
}

void
parity_open(struct parity *play, enum parity_buffers buffers, struct coir_stream *ends[2])
{
    int size = buffers == PARITY_LITTLE ? 8192 : 0; /* with less the kernel drops what comes in many short segments */
    struct coir_listener_options options = {.stream = {.receive_buffer = size, .send_buffer = size}};
    char address[COIR_ADDRESS_TEXT];
    struct coir_listener *listener;
    if (play->way == PARITY_PAIR) {
        MUST_BE(coir_stream_pair(ends), 0);
        return;
    }
    listener = parity_listen(play, &options, address);
    MUST_BE(coir_stream_dial(address, &options.stream, &ends[0], core_soon()), 0);
    MUST_BE(coir_listener_accept(listener, &ends[1], core_soon()), 0);
    coir_listener_close(listener);
}

void
parity_close(struct coir_stream *ends[2])
{
    for (int i = 0; i < 2; i++)
        MUST_BE(coir_stream_close(ends[i]), 0);
}

void
parity_put(struct coir_stream *stream, const char *text)
{
    MUST_BE(coir_stream_write(stream, text, strlen(text), core_soon()), 0);
}

int
parity_read_byte(void *stream)
{
    char byte;
    ssize_t count = coir_stream_read(stream, &byte, 1, COIR_NEVER);
    return count > 0 ? byte : (int)count;
}

int
parity_read_line(void *stream)
{
    char line[64];
    return (int)coir_stream_read_line(stream, line, sizeof line, COIR_NEVER);
}

int
parity_write_large(void *stream)
{
    return coir_stream_write(stream, parity_large, PARITY_LARGE, COIR_NEVER);
}

int
parity_write_byte(void *stream)
{
    return coir_stream_write(stream, "w", 1, COIR_NEVER);
}

int
parity_accept_one(void *listener)
{
    struct coir_stream *stream;
    int result = coir_listener_accept(listener, &stream, COIR_NEVER);
    if (result)
        return result;
    result = parity_read_byte(stream);
    MUST_BE(coir_stream_close(stream), 0);
    return result;
}
