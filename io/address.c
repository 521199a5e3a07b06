/* io/address.c: addresses as text and back, and names, resolved on a helper thread. */
#include <coir/address.h>

#include "sched/runtime.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

enum { HOST = 256, PORT = 8 }; /* bytes of text; a host name has at most 253 */

struct parts {
    char host[HOST], port[PORT];
    int type;
};

static int
refuse(const char *text, const char *why)
{
    return cr_fail(-EINVAL, "address '%.200s': %s", text, why);
}

/* What stands before "://". */
static const char *
skip_scheme(const char *text, int *type)
{
    *type = SOCK_STREAM;
    if (!strncmp(text, "tcp://", 6))
        return text + 6;
    if (!strncmp(text, "udp://", 6)) {
        *type = SOCK_DGRAM;
        return text + 6;
    }
    return text;
}

/* HOST:PORT or [HOST]:PORT. */
static int
split(const char *text, struct parts *parts)
{
    const char *rest = skip_scheme(text, &parts->type), *host = rest, *end, *port;
    char *stop;
    long number;
    if (strstr(rest, "://"))
        return refuse(text, "only tcp://, udp:// and unix: are known");
    if (*rest == '[') {
        host = rest + 1;
        end = strchr(host, ']');
        port = end && end[1] == ':' ? end + 2 : NULL;
    } else {
        end = strrchr(rest, ':');
        port = end ? end + 1 : NULL;
        if (end && memchr(rest, ':', (size_t)(end - rest)))
            return refuse(text, "an IPv6 address stands in brackets: [::1]:9000");
    }
    if (!port)
        return refuse(text, "a port is missing: HOST:PORT");
    number = strtol(port, &stop, 10);
    if (*port < '0' || *port > '9' || *stop || number > 65535)
        return refuse(text, "the port is a number from 0 to 65535");
    if (end == host || (size_t)(end - host) >= sizeof parts->host)
        return refuse(text, "a host is missing or too long; * is any address");
    memcpy(parts->host, host, (size_t)(end - host));
    parts->host[end - host] = '\0';
    snprintf(parts->port, sizeof parts->port, "%u", (unsigned)number & 65535u);
    return 0;
}

static int
parse_unix(const char *text, const char *path, struct coir_address *address)
{
    struct sockaddr_un *place = (struct sockaddr_un *)&address->storage;
    size_t length = strlen(path);
    if (!length || length >= sizeof place->sun_path)
        return refuse(text, "a Unix socket's path has 1 to 107 bytes");
    place->sun_family = AF_UNIX;
    memcpy(place->sun_path, path, length);
    if (*path == '@')
        place->sun_path[0] = '\0';
    address->size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + (*path == '@' ? 0 : 1));
    address->type = SOCK_STREAM;
    return 0;
}

int
coir_address_parse(const char *text, struct coir_address *address)
{
    struct sockaddr_in *four = (struct sockaddr_in *)&address->storage;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)&address->storage;
    struct parts parts;
    const char *host;
    in_port_t port;
    int error;
    memset(address, 0, sizeof *address);
    if (!strncmp(text, "unix:", 5))
        return parse_unix(text, text + 5, address);
    error = split(text, &parts);
    if (error)
        return error;
    host = !strcmp(parts.host, "localhost") ? "127.0.0.1" : !strcmp(parts.host, "*") ? "::" : parts.host;
    port = htons((in_port_t)strtoul(parts.port, NULL, 10));
    address->type = parts.type;
    if (inet_pton(AF_INET, host, &four->sin_addr) == 1) {
        four->sin_family = AF_INET;
        four->sin_port = port;
        address->size = sizeof *four;
        return 0;
    }
    memset(&address->storage, 0, sizeof address->storage);
    if (inet_pton(AF_INET6, host, &six->sin6_addr) == 1) {
        six->sin6_family = AF_INET6;
        six->sin6_port = port;
        address->size = sizeof *six;
        return 0;
    }
    return refuse(text, "the host is a number, localhost or *; names are for coir_address_resolve and dial");
}

static void
text_unix(const struct coir_address *address, char *text, size_t size)
{
    const struct sockaddr_un *place = (const struct sockaddr_un *)&address->storage;
    int length = (int)address->size - (int)offsetof(struct sockaddr_un, sun_path);
    if (length <= 0)
        snprintf(text, size, "unix:");
    else if (!place->sun_path[0])
        snprintf(text, size, "unix:@%.*s", length - 1, place->sun_path + 1);
    else
        snprintf(text, size, "unix:%.*s", length, place->sun_path);
}

char *
coir_address_text(const struct coir_address *address, char *text, size_t size)
{
    const struct sockaddr_in *four = (const struct sockaddr_in *)&address->storage;
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)&address->storage;
    const char *scheme = address->type == SOCK_DGRAM ? "udp" : "tcp";
    char host[INET6_ADDRSTRLEN] = "?";
    switch (address->storage.ss_family) {
    case AF_INET:
        inet_ntop(AF_INET, &four->sin_addr, host, sizeof host);
        snprintf(text, size, "%s://%s:%u", scheme, host, ntohs(four->sin_port));
        break;
    case AF_INET6:
        inet_ntop(AF_INET6, &six->sin6_addr, host, sizeof host);
        snprintf(text, size, "%s://[%s]:%u", scheme, host, ntohs(six->sin6_port));
        break;
    case AF_UNIX:
        text_unix(address, text, size);
        break;
    default:
        snprintf(text, size, "unknown address");
    }
    return text;
}

/* ---- Names ---- */

/* The job of the helper thread. The caller waits for it also beyond its deadline: the resolver has its own time limit (man
 * resolv.conf: 5 s twice), and what it writes lies in the caller. */
struct look_up {
    struct parts parts;
    struct addrinfo *list;
    const char *reason;
};

static int
look_up(void *arg)
{
    struct look_up *job = arg;
    return cr_world.resolve(job->parts.host, job->parts.port, &job->list, &job->reason);
}

static size_t
fill(const struct addrinfo *list, struct coir_address *addresses, size_t capacity)
{
    size_t count = 0;
    for (; list && count < capacity; list = list->ai_next) {
        struct coir_address *address = &addresses[count];
        if (list->ai_addrlen > sizeof address->storage)
            continue;
        memset(address, 0, sizeof *address);
        memcpy(&address->storage, list->ai_addr, list->ai_addrlen);
        address->size = list->ai_addrlen;
        address->type = SOCK_STREAM;
        count++;
    }
    return count;
}

int
coir_address_resolve(const char *text, struct coir_address *addresses, size_t capacity, coir_time deadline)
{
    struct look_up job = {.list = NULL, .reason = ""};
    size_t count;
    int error = cr_enter(cr_task_self(), deadline);
    if (error || !capacity)
        return error;
    if (coir_address_parse(text, addresses) == 0)
        return 1;
    if (!strncmp(text, "unix:", 5))
        return -EINVAL;
    error = split(text, &job.parts);
    if (error)
        return error;
    if (deadline == COIR_NOW)
        return -EAGAIN;
    error = cr_offload(look_up, &job);
    if (error)
        return cr_fail(error, "name '%s': %s", job.parts.host, *job.reason ? job.reason : coir_error_text(error));
    count = fill(job.list, addresses, capacity);
    cr_world.resolve_free(job.list);
    return deadline <= cr_now() ? -ETIMEDOUT : (int)count;
}
