/* protocol/http_request.c: collects a request's head, hands it to be judged, then counts its body.
 *
 * Collecting keeps to the line discipline that parsers have disagreed about and been smuggled through: every line ends in
 * CR LF and neither byte stands anywhere else; one blank separates the parts of the request line; a header line begins with
 * a name (so nothing is folded), its colon follows the name at once; no control byte anywhere. Each phase takes the
 * bytes of one class as a run; the first byte outside of it is for the phase's `stop`. Once the empty line is in, the head
 * lies in one piece in the caller's memory and http_request_check.c has llhttp and our own rules judge it. So nothing
 * depends on the cut, and fields are pointers into that memory.
 *
 * One empty line before the request is skipped (RFC 9112, 2.2), not two. Limits are counted as the bytes come: a head
 * that is too long is refused before it is there. */
#include "protocol/http_request.h"

#include <errno.h>
#include <string.h>

#include "protocol/http_bytes.h"
#include "protocol/http_request_check.h"

enum phase {
    START,    /* nothing has come: an empty line, or METHOD */
    START_LF, /* in that empty line */
    METHOD,
    TARGET,
    VERSION,
    LINE_LF,    /* after any line's CR; to LINE_START */
    LINE_START, /* to NAME, or HEAD_LF */
    NAME,
    VALUE,
    HEAD_LF,      /* to HEAD_JUDGED, REFUSED */
    HEAD_JUDGED,  /* to LENGTH_BODY, CHUNKED_BODY */
    LENGTH_BODY,  /* to COMPLETE */
    CHUNKED_BODY, /* to COMPLETE, REFUSED */
    COMPLETE,
    REFUSED
};

#define VERSION_LIMIT 8

static void
refuse(struct cr_http_request *request, int status, const char *reason)
{
    request->phase = REFUSED;
    request->status = status;
    request->reason = reason;
}

void
cr_http_request_init(struct cr_http_request *request, char text[CR_HTTP_TEXT_SIZE])
{
    request->method = request->target = request->path = request->host = "";
    request->query = request->reason = NULL;
    request->minor = 1;
    request->keep_alive = request->upgrade = request->expects_continue = request->has_body = request->is_chunked =
        false;
    request->content_length = request->body_left = 0;
    request->field_count = 0;
    request->status = 0;
    request->text = text;
    request->used = request->mark = 0;
    request->phase = START;
}

/* There is room: the limits of the parts, with what stands between them, add up to less than CR_HTTP_TEXT_SIZE. */
static void
put(struct cr_http_request *request, const char *bytes, size_t size)
{
    memcpy(request->text + request->used, bytes, size);
    request->used += size;
}

/* Ends a part at byte, the only one that may end it. */
static void
end_part(struct cr_http_request *request, char byte, char needed, enum phase next)
{
    if (byte != needed) {
        refuse(request, 400, "byte that must not be there");
        return;
    }
    put(request, &byte, 1);
    request->phase = (uint8_t)next;
}

/* Ends a part of the request line, which must not be empty. */
static void
end_word(struct cr_http_request *request, char byte, char needed, enum phase next, size_t *next_at)
{
    if (request->used == request->mark)
        refuse(request, 400, "empty part in the request line");
    else
        end_part(request, byte, needed, next);
    request->mark = *next_at = request->used;
}

static void
stop_start(struct cr_http_request *request, char byte)
{
    if (byte == '\r')
        request->phase = START_LF;
    else
        refuse(request, 400, "bad method");
}

static void
stop_start_lf(struct cr_http_request *request, char byte)
{
    if (byte == '\n')
        request->phase = METHOD;
    else
        refuse(request, 400, "CR without LF");
}

static void
stop_method(struct cr_http_request *request, char byte)
{
    end_word(request, byte, ' ', TARGET, &request->target_at);
}

static void
stop_target(struct cr_http_request *request, char byte)
{
    end_word(request, byte, ' ', VERSION, &request->version_at);
}

static void
stop_version(struct cr_http_request *request, char byte)
{
    size_t after;
    end_word(request, byte, '\r', LINE_LF, &after);
    request->fields_at = after + 1;
}

static void
stop_line_lf(struct cr_http_request *request, char byte)
{
    end_part(request, byte, '\n', LINE_START);
    request->mark = request->fields_at;
}

static void
stop_line_start(struct cr_http_request *request, char byte)
{
    if (byte == ' ' || byte == '\t')
        refuse(request, 400, "folded header line");
    else
        end_part(request, byte, '\r', HEAD_LF);
}

static void
stop_name(struct cr_http_request *request, char byte)
{
    end_part(request, byte, ':', VALUE);
    request->fields[request->field_count - 1].value = request->text + request->used;
}

static void
stop_value(struct cr_http_request *request, char byte)
{
    end_part(request, byte, '\r', LINE_LF);
}

static void
stop_head_lf(struct cr_http_request *request, char byte)
{
    end_part(request, byte, '\n', HEAD_JUDGED);
    if (request->phase == REFUSED)
        return;
    int status = cr_http_request_check(request);
    if (status != 0)
        refuse(request, status, request->reason);
}

/* What each phase of the head takes as a run: bytes of a class, counted from mark (0: none), and what it answers when there
 * are more of them; then, what ends it. */
struct rule {
    int class;
    size_t limit;
    int status;
    const char *reason;
    void (*stop)(struct cr_http_request *request, char byte);
};

static const struct rule rules[] = {
    [START] = {0, 0, 0, NULL, stop_start},
    [START_LF] = {0, 0, 0, NULL, stop_start_lf},
    [METHOD] = {CR_HTTP_TOKEN, CR_HTTP_METHOD_LIMIT, 501, "method too long", stop_method},
    [TARGET] = {CR_HTTP_TARGET, CR_HTTP_TARGET_LIMIT, 414, "target too long", stop_target},
    [VERSION] = {CR_HTTP_TARGET, VERSION_LIMIT, 400, "bad version", stop_version},
    [LINE_LF] = {0, 0, 0, NULL, stop_line_lf},
    [LINE_START] = {0, 0, 0, NULL, stop_line_start},
    [NAME] = {CR_HTTP_TOKEN, CR_HTTP_HEADER_LIMIT, 431, "header too long", stop_name},
    [VALUE] = {CR_HTTP_VALUE, CR_HTTP_HEADER_LIMIT, 431, "header too long", stop_value},
    [HEAD_LF] = {0, 0, 0, NULL, stop_head_lf},
};

/* The phase that byte begins, where a run may begin one. */
static void
begin_run(struct cr_http_request *request, char byte)
{
    if (!cr_http_is(byte, CR_HTTP_TOKEN))
        return;
    if (request->phase == START) {
        request->phase = METHOD;
    } else if (request->phase == LINE_START) {
        if (request->field_count == CR_HTTP_FIELDS_LIMIT) {
            refuse(request, 431, "too many header fields");
            return;
        }
        request->fields[request->field_count++].name = request->text + request->used;
        request->phase = NAME;
    }
}

/* A run, or the byte that ends one: how many were consumed. */
static size_t
collect(struct cr_http_request *request, const char *bytes, size_t size)
{
    begin_run(request, bytes[0]);
    if (request->phase == REFUSED)
        return 1;
    const struct rule *rule = &rules[request->phase];
    size_t run = 0;
    while (run < size && cr_http_is(bytes[run], rule->class))
        run++;
    if (run > 0 && request->used - request->mark + run > rule->limit) {
        refuse(request, rule->status, rule->reason);
        return run;
    }
    if (run > 0)
        put(request, bytes, run);
    else
        rule->stop(request, bytes[run++]);
    return run;
}

static size_t
count_body(struct cr_http_request *request, const char *bytes, size_t size, enum cr_http_event *event)
{
    size_t here = size < request->body_left ? size : (size_t)request->body_left;
    request->body_left -= here;
    if (request->body_left == 0)
        request->phase = COMPLETE;
    if (here > 0) {
        *event = CR_HTTP_BODY;
        request->body = bytes;
        request->body_size = here;
    }
    return here;
}

static size_t
count_chunks(struct cr_http_request *request, const char *bytes, size_t size, enum cr_http_event *event)
{
    enum cr_http_chunked_event chunk_event;
    size_t used =
        cr_http_chunked_feed(&request->chunks, bytes, size, &chunk_event, &request->body, &request->body_size);
    if (chunk_event == CR_HTTP_CHUNKED_DATA)
        *event = CR_HTTP_BODY;
    else if (chunk_event == CR_HTTP_CHUNKED_END)
        request->phase = COMPLETE;
    else if (chunk_event == CR_HTTP_CHUNKED_BAD)
        refuse(request, 400, request->chunks.reason);
    return used;
}

static void
begin_body(struct cr_http_request *request)
{
    cr_http_chunked_init(&request->chunks);
    request->body_left = request->content_length;
    request->phase = request->is_chunked ? CHUNKED_BODY : LENGTH_BODY;
}

size_t
cr_http_request_feed(struct cr_http_request *request, const char *bytes, size_t size, enum cr_http_event *event)
{
    size_t used = 0;
    while (request->phase < HEAD_JUDGED) {
        if (used == size) {
            *event = CR_HTTP_MORE;
            return used;
        }
        used += collect(request, bytes + used, size - used);
        if (request->phase == HEAD_JUDGED) {
            begin_body(request);
            *event = CR_HTTP_HEAD;
            return used;
        }
    }
    *event = CR_HTTP_MORE;
    if (request->phase == LENGTH_BODY)
        used += count_body(request, bytes + used, size - used, event);
    else if (request->phase == CHUNKED_BODY)
        used += count_chunks(request, bytes + used, size - used, event);
    if (*event == CR_HTTP_MORE && request->phase == COMPLETE)
        *event = CR_HTTP_DONE;
    else if (request->phase == REFUSED)
        *event = CR_HTTP_REFUSED;
    return used;
}

bool
cr_http_request_has_begun(const struct cr_http_request *request)
{
    return request->phase != START;
}
