/* servers/http/answer.c: writes answers, each in one write: head and body together.
 *
 * The head is put together in a buffer on the stack; the longest parts of it are the caller's own (fields, policy), and what
 * does not fit is -EMSGSIZE before anything is sent. Names of days and months are our own, as strftime's follow the
 * locale. */
#include <coir/base.h>
#include <errno.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "servers/http/connection.h"

#define SECURITY_POLICY "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
#define PLAIN_TEXT "text/plain; charset=utf-8"

static const struct {
    int status;
    const char *text;
} statuses[] = {
    {100, "Continue"},
    {101, "Switching Protocols"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {417, "Expectation Failed"},
    {426, "Upgrade Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {503, "Service Unavailable"},
    {505, "HTTP Version Not Supported"},
};

const char *
cr_http_status_text(int status)
{
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
        if (statuses[i].status == status)
            return statuses[i].text;
    return "";
}

struct head {
    char bytes[2048];
    size_t size;
    bool is_full; /* something did not fit */
};

static void
put_bytes(struct head *head, const char *bytes, size_t size)
{
    if (size > sizeof(head->bytes) - head->size) {
        head->is_full = true;
        return;
    }
    memcpy(head->bytes + head->size, bytes, size);
    head->size += size;
}

static void
put(struct head *head, const char *text)
{
    put_bytes(head, text, strlen(text));
}

static void
put_number(struct head *head, size_t number)
{
    char digits[20];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    put_bytes(head, digits + at, sizeof(digits) - at);
}

/* A header line; a value of NULL: none. */
static void
put_field(struct head *head, const char *name, const char *value)
{
    if (!value)
        return;
    put(head, name);
    put(head, ": ");
    put(head, value);
    put(head, "\r\n");
}

/* The date as HTTP writes it, made once in a second. */
static const char *
date(struct cr_http_connection *connection)
{
    static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    int64_t second = coir_wall_time() / COIR_SECOND;
    struct tm parts;
    time_t now = (time_t)second;
    if (second == connection->date_second)
        return connection->date;
    if (!gmtime_r(&now, &parts) || parts.tm_year > 9999 - 1900) {
        connection->date_second = -1;
        return NULL;
    }
    snprintf(connection->date, sizeof(connection->date), "%s, %02u %s %04u %02u:%02u:%02u GMT", days[parts.tm_wday % 7],
             (unsigned)parts.tm_mday % 100, months[parts.tm_mon % 12], (unsigned)(parts.tm_year + 1900) % 10000,
             (unsigned)parts.tm_hour % 100, (unsigned)parts.tm_min % 100, (unsigned)parts.tm_sec % 100);
    connection->date_second = second;
    return connection->date;
}

/* Whether an If-None-Match of the request names the tag, by the weak comparison (RFC 9110, 8.8.3.2). */
static bool
has_already(const struct cr_http_request *request, const char *etag)
{
    const char *value = etag ? cr_http_request_field(request, "if-none-match") : NULL;
    bool is_conditional = strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0;
    while (is_conditional && value && *value) {
        value += strspn(value, " \t,");
        value += strncmp(value, "W/", 2) == 0 ? 2 : 0;
        size_t size = strcspn(value, ", \t");
        if ((size == 1 && *value == '*') || (size == strlen(etag) && memcmp(value, etag, size) == 0))
            return true;
        value += size;
    }
    return false;
}

/* The lines about the connection; decides whether this answer is the last one. */
static void
put_connection(struct head *head, struct cr_http_connection *connection)
{
    if (!connection->request.keep_alive || cr_http_connection_busy(connection))
        connection->is_last = true;
    if (connection->is_last)
        put(head, "Connection: close\r\n");
    else if (connection->request.minor == 0)
        put(head, "Connection: keep-alive\r\n");
}

static void
put_head(struct head *head, struct cr_http_connection *connection, int status, const struct cr_http_answer *answer)
{
    const char *policy = connection->options.security_policy;
    const char *default_type = answer->size > 0 ? PLAIN_TEXT : NULL;
    bool has_content = status != 204 && status != 304;
    put(head, "HTTP/1.1 ");
    put_number(head, (size_t)status);
    put(head, " ");
    put(head, cr_http_status_text(status));
    put(head, "\r\n");
    put_field(head, "Date", date(connection));
    if (has_content) {
        put_field(head, "Content-Type", answer->type ? answer->type : default_type);
        put(head, "Content-Length: ");
        put_number(head, answer->size);
        put(head, "\r\n");
    }
    put_field(head, "ETag", answer->etag);
    put_field(head, "Cache-Control", answer->cache ? answer->cache : "no-store");
    put_field(head, "Content-Security-Policy", policy ? policy : SECURITY_POLICY);
    put(head, "X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n");
    put_connection(head, connection);
    if (answer->fields)
        put(head, answer->fields);
    put(head, "\r\n");
}

int
cr_http_answer(struct cr_http_exchange *exchange, const struct cr_http_answer *answer)
{
    struct cr_http_connection *connection = exchange->connection;
    struct head head;
    int status = answer->status ? answer->status : 200;
    if (exchange->is_answered)
        return -EALREADY;
    if (status == 200 && has_already(&connection->request, answer->etag))
        status = 304;
    head.size = 0;
    head.is_full = false;
    put_head(&head, connection, status, answer);
    if (head.is_full)
        return -EMSGSIZE;
    exchange->is_answered = true;
    bool has_body = status != 204 && status != 304 && strcmp(connection->request.method, "HEAD") != 0;
    struct iovec parts[] = {{head.bytes, head.size}, {(void *)(uintptr_t)answer->body, answer->size}};
    size_t count = has_body && answer->size > 0 ? 2 : 1;
    return coir_stream_write_parts(connection->stream, parts, count, coir_after(connection->options.write_time));
}

int
cr_http_answer_text(struct cr_http_exchange *exchange, int status, const char *text)
{
    struct cr_http_answer answer = {.status = status, .body = text, .size = strlen(text)};
    return cr_http_answer(exchange, &answer);
}

int
cr_http_answer_status(struct cr_http_exchange *exchange, int status, const char *fields)
{
    char text[64];
    int size = status == 204 ? 0 : snprintf(text, sizeof(text), "%d %s\n", status, cr_http_status_text(status));
    struct cr_http_answer answer = {.status = status, .fields = fields, .body = text, .size = (size_t)size};
    return cr_http_answer(exchange, &answer);
}

void
cr_http_content_prepare(struct cr_http_content *content)
{
    unsigned char hash[SHA256_DIGEST_LENGTH];
    char *next = content->etag;
    SHA256(content->bytes, content->size, hash);
    *next++ = '"';
    for (size_t i = 0; i < 16; i++, next += 2)
        snprintf(next, 3, "%02x", hash[i]);
    strcpy(next, "\"");
}

int
cr_http_answer_content(struct cr_http_exchange *exchange, void *arg)
{
    const struct cr_http_content *content = arg;
    struct cr_http_answer answer = {.type = content->type,
                                    .etag = content->etag[0] ? content->etag : NULL,
                                    .cache = content->cache ? content->cache : "no-cache",
                                    .body = content->bytes,
                                    .size = content->size};
    return cr_http_answer(exchange, &answer);
}

const struct cr_http_request *
cr_http_exchange_request(const struct cr_http_exchange *exchange)
{
    return &exchange->connection->request;
}

struct coir_stream *
cr_http_exchange_stream(const struct cr_http_exchange *exchange)
{
    return exchange->connection->stream;
}
