/* servers/toys/echo.c: gives back what it gets, as it comes, up to the end. */
#include "servers/toys/toy.h"

enum { PIECE = 16 * 1024 };

int
cr_echo_serve(struct coir_stream *stream, void *arg)
{
    char bytes[PIECE];
    ssize_t count;
    (void)arg;
    while ((count = coir_stream_read(stream, bytes, sizeof bytes, COIR_NEVER)) > 0) {
        int error = coir_stream_write(stream, bytes, (size_t)count, COIR_NEVER);
        if (error)
            return error;
    }
    return (int)count;
}

int
cr_echo_reply(struct coir_datagram *datagram, const struct coir_address *from, const void *bytes, size_t size,
              void *arg)
{
    (void)arg;
    return cr_toy_reply(datagram, from, bytes, size);
}
