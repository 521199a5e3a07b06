/* servers/http/handshake.c: checks the request that would become a WebSocket.
 *
 * A browser lets any page open a WebSocket to us and sends the user's cookies along; what it does not let the page do is lie
 * about its origin. So an Origin must name the host the request was sent to (the scheme is not compared: TLS may have
 * ended before us), or be allowed by name. Programs that are not browsers send none, and are taken. Known limit: a name
 * an attacker points at our address passes, since Host and Origin agree; where that matters the server must check Host.
 *
 * A version other than 13 is 426 (the answer then says 13), a request without the upgrade likewise; what is malformed is
 * 400; an origin that is not ours 403. */
#include "servers/http/handshake.h"

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <string.h>

#include "protocol/http_bytes.h"

#define KEY_SIZE 24 /* base64 of 16 bytes */

static const char handshake_guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; /* RFC 6455, 1.3 */

static bool
is_key(const char *key)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    return strlen(key) == KEY_SIZE && strspn(key, digits) == KEY_SIZE - 2 && strcmp(key + KEY_SIZE - 2, "==") == 0;
}

static bool
is_own_origin(const char *origin, const char *host)
{
    const char *authority = strstr(origin, "://");
    return authority && cr_http_is_same(authority + 3, host);
}

static bool
is_allowed_origin(const char *origin, const char *const *origins)
{
    for (; origins && *origins; origins++)
        if (strcmp(*origins, "*") == 0 || cr_http_is_same(origin, *origins))
            return true;
    return false;
}

/* The value of a field that must be there once; NULL else. */
static const char *
sole_field(const struct cr_http_request *request, const char *name)
{
    return cr_http_request_field_count(request, name) == 1 ? cr_http_request_field(request, name) : NULL;
}

static int
refuse(const char **reason, int status, const char *why)
{
    *reason = why;
    return status;
}

int
cr_handshake_check(const struct cr_http_request *request, const char *const *origins, const char **reason)
{
    const char *version = sole_field(request, "sec-websocket-version");
    const char *key = sole_field(request, "sec-websocket-key");
    const char *origin = sole_field(request, "origin");
    if (!request->upgrade || !cr_http_list_has(cr_http_request_field(request, "upgrade"), "websocket"))
        return refuse(reason, 426, "only by WebSocket");
    if (strcmp(request->method, "GET") != 0 || request->minor == 0 || request->has_body)
        return refuse(reason, 400, "a handshake is a GET of HTTP/1.1 without a body");
    if (!version || strcmp(version, "13") != 0)
        return refuse(reason, 426, "WebSocket version other than 13");
    if (!key || !is_key(key))
        return refuse(reason, 400, "bad Sec-WebSocket-Key");
    if (cr_http_request_field_count(request, "origin") == 0)
        return 0;
    if (!origin || (!is_own_origin(origin, request->host) && !is_allowed_origin(origin, origins)))
        return refuse(reason, 403, "a page from elsewhere");
    return 0;
}

void
cr_handshake_accept(const char *key, char accept[CR_HANDSHAKE_ACCEPT_SIZE])
{
    unsigned char text[KEY_SIZE + sizeof(handshake_guid) - 1], hash[SHA_DIGEST_LENGTH];
    memcpy(text, key, KEY_SIZE);
    memcpy(text + KEY_SIZE, handshake_guid, sizeof(handshake_guid) - 1);
    SHA1(text, sizeof(text), hash);
    EVP_EncodeBlock((unsigned char *)accept, hash, sizeof(hash));
}
