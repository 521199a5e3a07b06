/* servers/toys/lines.c: a line in, a line out, over streams and datagrams. */
#include <errno.h>
#include <string.h>

#include "servers/toys/toy.h"

#define PATIENCE (5 * COIR_SECOND) /* for room at a Unix socket that answers are not read from */

static const char too_long[] = "error: that is longer than 4096 bytes";
_Static_assert(CR_TOY_LINE == 4096, "the sentence above names it");

/* size < 0: there was a line, but too long a one. With its line end. */
static size_t
make_answer(cr_toy_answer *answer, const char *line, ssize_t size, char made[CR_TOY_ANSWER + 1])
{
    size_t length = sizeof too_long - 1;
    if (size < 0)
        memcpy(made, too_long, length);
    else
        length = answer(line, (size_t)size, made);
    made[length] = '\n';
    return length + 1;
}

int
cr_toy_answer_lines(struct coir_stream *stream, cr_toy_answer *answer)
{
    char line[CR_TOY_LINE + 1], made[CR_TOY_ANSWER + 1];
    for (;;) {
        ssize_t size = coir_stream_read_line(stream, line, sizeof line, COIR_NEVER);
        if (size < 0 && size != -EMSGSIZE)
            return size == -EPIPE ? 0 : (int)size;
        int error = coir_stream_write(stream, made, make_answer(answer, line, size, made), COIR_NEVER);
        if (error)
            return error;
    }
}

int
cr_toy_answer_datagram(struct coir_datagram *datagram, const struct coir_address *from, const void *bytes, size_t size,
                       cr_toy_answer *answer)
{
    char made[CR_TOY_ANSWER + 1];
    const char *line = bytes;
    size -= size && line[size - 1] == '\n';
    size -= size && line[size - 1] == '\r';
    return cr_toy_reply(datagram, from, made, make_answer(answer, line, size > CR_TOY_LINE ? -1 : (ssize_t)size, made));
}

int
cr_toy_reply(struct coir_datagram *datagram, const struct coir_address *from, const void *bytes, size_t size)
{
    return from->size ? coir_datagram_send(datagram, bytes, size, from, coir_after(PATIENCE)) : -EDESTADDRREQ;
}
