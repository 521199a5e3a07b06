/* servers/toys/time.c: the date and the time, by ISO 8601 in UTC: "2026-02-28T23:59:59Z". */
#include <time.h>

#include "servers/toys/toy.h"

enum {
    TEXT = 64,
    DISCARDED_READS = 16,
    DISCARDED_SIZE = 4096,
};
#define PATIENCE (5 * COIR_SECOND) /* for a client that does not take twenty bytes */

static size_t
write_time(char text[TEXT])
{
    time_t now = (time_t)(coir_wall_time() / COIR_SECOND);
    struct tm parts;
    return strftime(text, TEXT, "%Y-%m-%dT%H:%M:%SZ\n", gmtime_r(&now, &parts));
}

int
cr_time_serve(struct coir_stream *stream, void *arg)
{
    char text[TEXT], bytes[DISCARDED_SIZE];
    int error = coir_stream_write(stream, text, write_time(text), coir_after(PATIENCE));
    (void)arg;
    if (error)
        return error;
    /* What he had said stays unanswered; left unread it would turn the close into a reset. */
    error = coir_stream_shutdown(stream, COIR_NOW);
    for (int i = 0; i < DISCARDED_READS && !error; i++)
        if (coir_stream_read(stream, bytes, sizeof bytes, COIR_NOW) <= 0)
            break;
    return error;
}

int
cr_time_reply(struct coir_datagram *datagram, const struct coir_address *from, const void *bytes, size_t size,
              void *arg)
{
    char text[TEXT];
    (void)bytes;
    (void)size;
    (void)arg;
    return cr_toy_reply(datagram, from, text, write_time(text));
}
