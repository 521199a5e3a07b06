/* protocol/http_chunked.h: a body sent in chunks (RFC 9112, 7.1), from bytes to pieces.
 *
 * Pure, without memory of its own, and the same for every cut. */
#ifndef CR_PROTOCOL_HTTP_CHUNKED_H
#define CR_PROTOCOL_HTTP_CHUNKED_H

#include <stddef.h>
#include <stdint.h>

enum {
    CR_HTTP_EXTENSION_LIMIT = 1024, /* bytes of all chunk extensions of a body together */
    CR_HTTP_TRAILER_LIMIT = 4096    /* bytes of all trailer lines; they are checked and thrown away */
};

enum cr_http_chunked_event {
    CR_HTTP_CHUNKED_MORE, /* all bytes are consumed, more are needed */
    CR_HTTP_CHUNKED_DATA, /* *piece, *piece_size */
    CR_HTTP_CHUNKED_END,  /* the body and its trailer are complete */
    CR_HTTP_CHUNKED_BAD   /* chunked->reason */
};

/* All members but reason are private. */
struct cr_http_chunked {
    const char *reason; /* with CR_HTTP_CHUNKED_BAD: a static sentence */
    uint64_t left;      /* bytes of the chunk still to come */
    uint16_t extension_size, trailer_size;
    uint8_t digits; /* of the size so far */
    uint8_t phase;
    uint8_t part_size; /* of the extension's name or value: 0, or 1 for any */
    uint8_t name_size; /* of the trailer's name; one that is longer than name is not kept */
    char name[20];
};

void cr_http_chunked_init(struct cr_http_chunked *chunked);

/* Feeds size bytes: how many were consumed. To be called until the event is MORE, END or BAD. */
size_t cr_http_chunked_feed(struct cr_http_chunked *chunked, const char *bytes, size_t size,
                            enum cr_http_chunked_event *event, const char **piece, size_t *piece_size);

#endif
