/* protocol/http_request.h: one HTTP/1.x request, from bytes to a struct.
 *
 * The caller gives memory for the head once and feeds bytes as they come. The parser answers with events, always in the
 * order HEAD, BODY..., DONE, or at any point REFUSED; the result does not depend on how the bytes were cut. It does no
 * I/O and allocates nothing. After DONE the bytes behind the consumed ones belong to the next request. */
#ifndef CR_PROTOCOL_HTTP_REQUEST_H
#define CR_PROTOCOL_HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/http_chunked.h"

enum {
    CR_HTTP_METHOD_LIMIT = 32,    /* bytes; longer: 501 */
    CR_HTTP_TARGET_LIMIT = 8192,  /* bytes of the request's target; longer: 414 */
    CR_HTTP_FIELDS_LIMIT = 64,    /* header fields; more: 431 */
    CR_HTTP_HEADER_LIMIT = 16384, /* bytes of all header lines together; more: 431 */
    CR_HTTP_TEXT_SIZE = 33 * 1024 /* room for any head within these limits and for its path, decoded */
};

enum cr_http_event {
    CR_HTTP_MORE,   /* all bytes are consumed, more are needed */
    CR_HTTP_HEAD,   /* the head is complete: everything but the body can be read */
    CR_HTTP_BODY,   /* request->body, request->body_size: some bytes of the body, within the bytes just fed */
    CR_HTTP_DONE,   /* the request is complete */
    CR_HTTP_REFUSED /* request->status is the answer, request->reason says why; nothing can follow on this connection */
};

struct cr_http_field {
    const char *name;  /* as sent; compare without regard to case */
    const char *value; /* without the blanks around it */
};

/* The strings end with NUL, hold no other NUL and live in the caller's memory until the next cr_http_request_init. */
struct cr_http_request {
    const char *method;    /* "GET": one of the methods of RFC 9110 and PATCH */
    const char *target;    /* as sent */
    const char *path;      /* begins with '/', percent-decoded, valid UTF-8, without dot segments; or "*" (OPTIONS *) */
    const char *query;     /* what follows '?', as sent; NULL: no '?' */
    const char *host;      /* the Host field's value; "" when HTTP/1.0 sent none */
    int minor;             /* HTTP/1.minor: 0 or 1 */
    bool keep_alive;       /* the client would use the connection again */
    bool upgrade;          /* it sent Upgrade and Connection: upgrade */
    bool expects_continue; /* it waits for 100 Continue before it sends the body */
    bool has_body;         /* a Content-Length above 0, or chunks */
    bool is_chunked;
    uint64_t content_length; /* 0 when is_chunked */
    unsigned field_count;
    struct cr_http_field fields[CR_HTTP_FIELDS_LIMIT];

    int status;         /* with CR_HTTP_REFUSED: the answer, for example 400 */
    const char *reason; /* and why, a static sentence for the log */
    const char *body;   /* with CR_HTTP_BODY */
    size_t body_size;

    /* private */
    char *text; /* the head, as it is collected */
    size_t used;
    size_t mark; /* where in text the part being collected began */
    size_t target_at, version_at, fields_at;
    uint64_t body_left;
    struct cr_http_chunked chunks;
    uint8_t phase;
};

/* Makes it ready for a new request; text stays the caller's. */
void cr_http_request_init(struct cr_http_request *request, char text[CR_HTTP_TEXT_SIZE]);

/* Feeds size bytes: how many of them were consumed; *event says what came of it. Call again with the rest until the
 * event is MORE, DONE or REFUSED (an event may come although nothing is left to consume). */
size_t cr_http_request_feed(struct cr_http_request *request, const char *bytes, size_t size, enum cr_http_event *event);

/* Whether a byte of this request has come. */
bool cr_http_request_has_begun(const struct cr_http_request *request);

/* The value of the first field of that name (no regard to case), or NULL. */
const char *cr_http_request_field(const struct cr_http_request *request, const char *name);

/* How many fields have that name. */
unsigned cr_http_request_field_count(const struct cr_http_request *request, const char *name);

/* Whether the comma-separated list value holds token (no regard to case); of NULL false. */
bool cr_http_list_has(const char *value, const char *token);

/* The value of name in the query (a=b&c=d), percent-decoded ('+' is a blank), into size bytes: its length; -ENOENT: not
 * there; -EMSGSIZE: does not fit; -EINVAL: badly encoded, or holds a NUL. */
int cr_http_request_parameter(const struct cr_http_request *request, const char *name, char *value, size_t size);

#endif
