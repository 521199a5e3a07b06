/* servers/toys/upper.c: each line in capitals. Which those are depends on no language but on Unicode alone: an i has no dot
 * as a capital, in Turkish neither. */
#include <stdlib.h>
#include <string.h>
#include <unicase.h>

#include "protocol/utf8.h"
#include "servers/toys/toy.h"

static size_t
refuse(const char *why, char *answer)
{
    size_t size = strlen(why);
    memcpy(answer, why, size);
    return size;
}

size_t
cr_upper_of(const char *line, size_t size, char *answer)
{
    size_t made_size = CR_TOY_ANSWER;
    if (!cr_utf8_is_valid(line, size))
        return refuse("error: that is not UTF-8 text", answer);
    uint8_t *made = u8_toupper((const uint8_t *)line, size, NULL, NULL, (uint8_t *)answer, &made_size);
    if (made == (uint8_t *)answer)
        return made_size;
    free(made); /* it did not fit */
    return refuse("error: out of memory", answer);
}

int
cr_upper_serve(struct coir_stream *stream, void *arg)
{
    (void)arg;
    return cr_toy_answer_lines(stream, cr_upper_of);
}

int
cr_upper_reply(struct coir_datagram *datagram, const struct coir_address *from, const void *bytes, size_t size,
               void *arg)
{
    (void)arg;
    return cr_toy_answer_datagram(datagram, from, bytes, size, cr_upper_of);
}
