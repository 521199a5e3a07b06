/* protocol/http_request_check.c: is this head one we can answer, and what does it say?
 *
 * A list of checks, each of which answers 0 or the status to refuse with. llhttp, built with LLHTTP_STRICT_MODE, is one of
 * them: it is handed the whole head, judges all of it and reads length and coding. The others are what it lets through or
 * does not look at: a Transfer-Encoding that is not just "chunked" (an unknown coding is 501, one after which the length is
 * unknown 400), a Content-Length like 007, Host missing, twice or not a host, a target whose host is another, a path that
 * is not UTF-8 or climbs ("..", also encoded), Expect. Where both read the same thing they must agree: "chunked" with a tab
 * behind it is no coding to llhttp, so it is refused.
 *
 * Refused although RFC 9112 would let us guess: Transfer-Encoding beside Content-Length or from HTTP/1.0, two equal
 * Content-Lengths, an empty Host. CONNECT is 501: this is no proxy. HTTP/1.2 and above are 505, as in llhttp.
 *
 * The strings a request shows are the head itself with NULs put in after llhttp has read it; the decoded path is built
 * behind the head. */
#include "protocol/http_request_check.h"

#include <llhttp.h>
#include <string.h>

#include "protocol/http_bytes.h"
#include "protocol/utf8.h"

static int
refuse(struct cr_http_request *request, int status, const char *reason)
{
    request->reason = reason;
    return status;
}

/* "HTTP/" digit "." digit, and of these 1.0 and 1.1. */
static int
check_version(struct cr_http_request *request)
{
    const char *version = request->text + request->version_at;
    if (strncmp(version, "HTTP/", 5) != 0 || !cr_http_is(version[5], CR_HTTP_DIGIT) || version[6] != '.' ||
        !cr_http_is(version[7], CR_HTTP_DIGIT) || version[8] != '\r')
        return refuse(request, 400, "bad version");
    if (version[5] != '1' || version[7] > '1')
        return refuse(request, 505, "version not 1.0 or 1.1");
    request->minor = version[7] - '0';
    return 0;
}

static int
check_method(struct cr_http_request *request)
{
    static const char *const methods[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"};
    char *method = request->text;
    size_t size = request->target_at - 1;
    request->method = method;
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
        if (strlen(methods[i]) == size && memcmp(methods[i], method, size) == 0)
            return 0;
    return refuse(request, 501, "method not known here");
}

static int
note_head_complete(llhttp_t *parser)
{
    *(bool *)parser->data = true;
    return HPE_PAUSED;
}

static int
check_with_llhttp(struct cr_http_request *request)
{
    static const llhttp_settings_t settings = {.on_headers_complete = note_head_complete};
    bool is_complete = false;
    llhttp_t parser;
    llhttp_init(&parser, HTTP_REQUEST, &settings);
    parser.data = &is_complete;
    llhttp_errno_t result = llhttp_execute(&parser, request->text, request->used);
    if (result != HPE_PAUSED || !is_complete) {
        const char *reason = llhttp_get_error_reason(&parser);
        return refuse(request, 400, reason ? reason : "head not understood");
    }
    request->is_chunked = parser.flags & F_CHUNKED;
    request->content_length = parser.flags & F_CONTENT_LENGTH ? parser.content_length : 0;
    request->has_body = request->is_chunked || request->content_length > 0;
    return 0;
}

static bool
is_blank(char byte)
{
    return byte == ' ' || byte == '\t';
}

/* Puts NULs behind names and values and takes the blanks off; llhttp must have seen the head before. */
static int
seal_fields(struct cr_http_request *request)
{
    request->text[request->target_at - 1] = '\0';
    request->text[request->version_at - 1] = '\0';
    for (unsigned i = 0; i < request->field_count; i++) {
        struct cr_http_field *field = &request->fields[i];
        size_t value_at = (size_t)(field->value - request->text);
        size_t end = value_at + (size_t)((char *)memchr(field->value, '\r', request->used - value_at) - field->value);
        request->text[value_at - 1] = '\0';
        while (value_at < end && is_blank(request->text[value_at]))
            value_at++;
        while (end > value_at && is_blank(request->text[end - 1]))
            end--;
        request->text[end] = '\0';
        field->value = request->text + value_at;
    }
    return 0;
}

static int
check_coding(struct cr_http_request *request)
{
    unsigned count = cr_http_request_field_count(request, "transfer-encoding");
    const char *coding = cr_http_request_field(request, "transfer-encoding");
    if (count == 0)
        return 0;
    size_t size = strlen(coding);
    if (request->minor == 0)
        return refuse(request, 400, "Transfer-Encoding from HTTP/1.0");
    if (cr_http_request_field_count(request, "content-length") > 0)
        return refuse(request, 400, "Transfer-Encoding beside Content-Length");
    if (count > 1)
        return refuse(request, 400, "Transfer-Encoding twice");
    if (size < 7 || !cr_http_is_word(coding + size - 7, 7, "chunked"))
        return refuse(request, 400, "Transfer-Encoding does not end in chunked");
    if (size == 7) /* llhttp must have seen it, too: it does not, with a tab behind it */
        return request->is_chunked ? 0 : refuse(request, 400, "bad coding");
    const char *before = coding + size - 8;
    while (before > coding && is_blank(*before))
        before--;
    bool is_list = *before == ',' && before > coding;
    return is_list ? refuse(request, 501, "transfer coding not known here") : refuse(request, 400, "bad coding");
}

/* Whether one of the Connection fields holds the option. */
static bool
has_option(const struct cr_http_request *request, const char *option)
{
    bool has = false;
    for (unsigned i = 0; i < request->field_count; i++) {
        const struct cr_http_field *field = &request->fields[i];
        has |= cr_http_is_same(field->name, "connection") && cr_http_list_has(field->value, option);
    }
    return has;
}

static int
note_connection(struct cr_http_request *request)
{
    request->keep_alive = !has_option(request, "close") && (request->minor > 0 || has_option(request, "keep-alive"));
    request->upgrade = has_option(request, "upgrade") && cr_http_request_field(request, "upgrade");
    return 0;
}

static int
check_length(struct cr_http_request *request)
{
    const char *length = cr_http_request_field(request, "content-length");
    if (!length)
        return 0;
    if (cr_http_request_field_count(request, "content-length") > 1)
        return refuse(request, 400, "Content-Length twice");
    size_t digits = 0;
    while (cr_http_is(length[digits], CR_HTTP_DIGIT))
        digits++;
    if (digits == 0 || length[digits] != '\0')
        return refuse(request, 400, "Content-Length is not a number");
    if (digits > 18 || (length[0] == '0' && digits > 1))
        return refuse(request, 400, "Content-Length too large, or with zeros before it");
    return 0;
}

/* How many bytes at the beginning of text are a host: a name, an IPv4 address, or an IPv6 address in brackets. */
static size_t
host_size(const char *text)
{
    size_t size = 0;
    if (text[0] != '[') {
        while (cr_http_is(text[size], CR_HTTP_HOST))
            size++;
        return size;
    }
    size = 1;
    while (cr_http_is(text[size], CR_HTTP_HEX) || text[size] == ':' || text[size] == '.')
        size++;
    return text[size] == ']' && size > 2 ? size + 1 : 0;
}

static bool
is_host(const char *text)
{
    size_t digits = 0;
    size_t size = host_size(text);
    if (size == 0 || text[size] != ':')
        return size > 0 && text[size] == '\0';
    while (cr_http_is(text[size + 1 + digits], CR_HTTP_DIGIT))
        digits++;
    return digits <= 5 && text[size + 1 + digits] == '\0';
}

static int
check_host(struct cr_http_request *request)
{
    unsigned count = cr_http_request_field_count(request, "host");
    if (count == 0 && request->minor == 0)
        return 0;
    if (count != 1)
        return refuse(request, 400, count == 0 ? "Host missing" : "Host twice");
    request->host = cr_http_request_field(request, "host");
    return is_host(request->host) ? 0 : refuse(request, 400, "Host is not a host");
}

static int
check_expectation(struct cr_http_request *request)
{
    unsigned count = cr_http_request_field_count(request, "expect");
    const char *expected = cr_http_request_field(request, "expect");
    if (count == 0 || request->minor == 0)
        return 0;
    if (count > 1 || !cr_http_is_same(expected, "100-continue"))
        return refuse(request, 417, "Expect other than 100-continue");
    request->expects_continue = true;
    return 0;
}

/* The size of "http://host" before the path of a target in absolute form; 0: it has none. */
static size_t
scheme_size(const char *target)
{
    static const char *const schemes[] = {"http://", "https://"};
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        size_t size = strlen(schemes[i]);
        if (strlen(target) > size && cr_http_is_word(target, size, schemes[i]))
            return size;
    }
    return 0;
}

/* Puts the target's path, size bytes from `from`, behind the head, decoded. */
static int
decode_path(struct cr_http_request *request, const char *from, size_t size)
{
    char *path = request->text + request->used;
    size_t length = 0;
    if (size == 0)
        path[length++] = '/'; /* http://host */
    for (size_t at = 0; at < size; at++) {
        char byte = from[at];
        if (byte == '%') {
            if (size - at < 3 || !cr_http_is(from[at + 1], CR_HTTP_HEX) || !cr_http_is(from[at + 2], CR_HTTP_HEX))
                return refuse(request, 400, "bad percent-encoding");
            byte = (char)(cr_http_hex(from[at + 1]) << 4 | cr_http_hex(from[at + 2]));
            if (byte == '/')
                return refuse(request, 400, "encoded slash");
            at += 2;
        }
        if ((unsigned char)byte < 0x20 || byte == 0x7F || byte == '\\')
            return refuse(request, 400, "control character or backslash in the path");
        path[length++] = byte;
    }
    path[length] = '\0';
    request->path = path;
    return cr_utf8_is_valid(path, length) ? 0 : refuse(request, 400, "path is not UTF-8");
}

/* Whether a segment of the path is "." or "..". */
static bool
climbs(const char *path)
{
    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        size_t size = strcspn(slash + 1, "/");
        if ((size == 1 || size == 2) && slash[1] == '.' && slash[size] == '.')
            return true;
    }
    return false;
}

static int
check_target(struct cr_http_request *request)
{
    const char *target = request->text + request->target_at;
    const char *path = target;
    request->target = target;
    if (strcmp(target, "*") == 0 && strcmp(request->method, "OPTIONS") == 0) {
        request->path = target;
        return 0;
    }
    size_t scheme = scheme_size(target);
    if (scheme > 0) {
        path += scheme + strcspn(target + scheme, "/?");
        size_t size = (size_t)(path - target) - scheme;
        if (size == 0 || !cr_http_is_word(target + scheme, size, request->host))
            return refuse(request, 400, "target and Host name different hosts");
    } else if (target[0] != '/') {
        return refuse(request, 400, "target is not a path");
    }
    size_t size = strcspn(path, "?");
    request->query = path[size] == '?' ? path + size + 1 : NULL;
    int status = decode_path(request, path, size);
    if (status == 0 && climbs(request->path))
        status = refuse(request, 400, "dot segment in the path");
    return status;
}

int
cr_http_request_check(struct cr_http_request *request)
{
    /* In this order: llhttp before the NULs are put in, fields by name after that, the target after Host. */
    static int (*const checks[])(struct cr_http_request *) = {
        check_version, check_method, check_with_llhttp, seal_fields,  note_connection,
        check_coding,  check_length, check_host,        check_target, check_expectation,
    };
    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
        int status = checks[i](request);
        if (status != 0)
            return status;
    }
    return 0;
}
