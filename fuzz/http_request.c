/* fuzz/http_request.c: libFuzzer target for the request parser. The first byte chooses the cuts, the rest is a connection.
 *
 * Fed whole and cut, the same requests must come out. And llhttp, given the same bytes, must agree on all that we accept:
 * the same number of requests with the same bodies. (It may accept more; that is what our own rules are for.) */
#include <llhttp.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/http_request.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum { INPUT_LIMIT = 40000, TOLD_LIMIT = 400000, REQUEST_LIMIT = 5 };

struct told {
    char bytes[TOLD_LIMIT];
    size_t size;
    char bodies[INPUT_LIMIT];
    size_t bodies_size;
    size_t consumed; /* by complete requests */
    unsigned done;
    bool is_over;
};

static struct told whole, cut;
static struct cr_http_request request;
static char text[CR_HTTP_TEXT_SIZE];

static void
hold(bool condition)
{
    if (!condition)
        abort();
}

static void
tell(struct told *told, const void *bytes, size_t size)
{
    hold(size <= sizeof(told->bytes) - told->size);
    memcpy(told->bytes + told->size, bytes, size);
    told->size += size;
}

static void
tell_string(struct told *told, const char *string)
{
    tell(told, string, strlen(string) + 1);
}

static void
tell_head(struct told *told)
{
    uint64_t numbers[] = {request.keep_alive, request.upgrade,        request.expects_continue, (uint64_t)request.minor,
                          request.has_body,   request.content_length, request.field_count};
    tell(told, numbers, sizeof(numbers));
    tell_string(told, request.method);
    tell_string(told, request.target);
    tell_string(told, request.path);
    tell_string(told, request.query ? request.query : "\xff");
    for (unsigned i = 0; i < request.field_count; i++) {
        tell_string(told, request.fields[i].name);
        tell_string(told, request.fields[i].value);
    }
    hold(request.path[0] == '/' || strcmp(request.path, "*") == 0);
    hold(!strstr(request.path, "/../"));
    hold(!(request.is_chunked && request.content_length > 0));
}

static void
tell_event(struct told *told, enum cr_http_event event)
{
    switch (event) {
    case CR_HTTP_MORE:
        break;
    case CR_HTTP_HEAD:
        tell_head(told);
        break;
    case CR_HTTP_BODY:
        memcpy(told->bodies + told->bodies_size, request.body, request.body_size);
        told->bodies_size += request.body_size;
        break;
    case CR_HTTP_DONE:
        told->done++;
        told->is_over = told->done == REQUEST_LIMIT;
        tell(told, &told->bodies_size, sizeof(told->bodies_size));
        cr_http_request_init(&request, text);
        break;
    case CR_HTTP_REFUSED:
        hold(request.status >= 400 && request.status < 600 && request.reason);
        tell(told, &request.status, sizeof(request.status));
        told->is_over = true;
    }
}

static void
feed(struct told *told, const char *bytes, size_t size)
{
    enum cr_http_event event = CR_HTTP_DONE;
    size_t used = 0;
    while (!told->is_over && (used < size || (event != CR_HTTP_MORE && event != CR_HTTP_DONE))) {
        size_t taken = cr_http_request_feed(&request, bytes + used, size - used, &event);
        hold(taken <= size - used);
        used += taken;
        tell_event(told, event);
        if (event == CR_HTTP_DONE)
            told->consumed = used;
    }
}

static void
begin(struct told *told)
{
    told->size = told->bodies_size = told->consumed = 0;
    told->done = 0;
    told->is_over = false;
    cr_http_request_init(&request, text);
}

static int
note_body(llhttp_t *parser, const char *bytes, size_t size)
{
    struct told *told = parser->data;
    hold(told->bodies_size + size <= sizeof(told->bodies));
    memcpy(told->bodies + told->bodies_size, bytes, size);
    told->bodies_size += size;
    return 0;
}

static int
note_done(llhttp_t *parser)
{
    struct told *told = parser->data;
    told->done++;
    return 0;
}

/* llhttp 8.1 loses its way in chunk extensions: behind a quoted value, and where another one follows a value. */
static bool
llhttp_misreads(const char *bytes, size_t size)
{
    bool in_value = false;
    for (size_t at = 0; at < size; at++) {
        if (bytes[at] == '"' || (bytes[at] == ';' && in_value))
            return true;
        in_value = bytes[at] == '=' || (in_value && bytes[at] != '\n');
    }
    return false;
}

/* What we took for complete requests, read by llhttp. */
static void
compare_with_llhttp(const char *bytes, size_t size)
{
    static const llhttp_settings_t settings = {.on_body = note_body, .on_message_complete = note_done};
    llhttp_t parser;
    llhttp_init(&parser, HTTP_REQUEST, &settings);
    parser.data = &cut;
    begin(&cut);
    llhttp_errno_t result;
    /* After "Connection: close" it refuses to go on, after an upgrade it stops: both are the server's business. */
    llhttp_set_lenient_keep_alive(&parser, 1);
    const char *end = bytes + size;
    while ((result = llhttp_execute(&parser, bytes, (size_t)(end - bytes))) == HPE_PAUSED_UPGRADE) {
        bytes = llhttp_get_error_pos(&parser);
        llhttp_resume_after_upgrade(&parser);
        if (bytes == end)
            break;
    }
    if (result == HPE_PAUSED_UPGRADE)
        result = HPE_OK;
    hold(result == HPE_OK);
    hold(cut.done == whole.done && cut.bodies_size == whole.bodies_size);
    hold(memcmp(cut.bodies, whole.bodies, cut.bodies_size) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    if (size < 1 || size > INPUT_LIMIT)
        return 0;
    const char *bytes = (const char *)input + 1;
    size_t step = input[0] % 32u + 1;
    size--;
    begin(&whole);
    feed(&whole, bytes, size);
    begin(&cut);
    for (size_t at = 0; at < size && !cut.is_over; at += step)
        feed(&cut, bytes + at, size - at < step ? size - at : step);
    hold(whole.size == cut.size && memcmp(whole.bytes, cut.bytes, whole.size) == 0);
    hold(whole.done == cut.done && whole.bodies_size == cut.bodies_size);
    if (whole.done > 0 && !llhttp_misreads(bytes, size)) {
        begin(&cut); /* once more, so that bodies of an incomplete request are not counted */
        feed(&cut, bytes, whole.consumed);
        whole.bodies_size = cut.bodies_size;
        compare_with_llhttp(bytes, whole.consumed);
    }
    return 0;
}
