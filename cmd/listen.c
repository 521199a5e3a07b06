/* cmd/listen.c: where a program listens, with the command that comes in there. */
#include "cmd/listen.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

/* Splits "tcp://HOST:PORT" or "udp://HOST:PORT" in place: HOST without brackets, or "localhost" for any. NULL: not such an
 * address. */
static char *
split_host(char *text, char **port)
{
    static char localhost[] = "localhost";
    if (strncmp(text, "tcp://", 6) != 0 && strncmp(text, "udp://", 6) != 0)
        return NULL;
    char *host = text + 6, *colon = strrchr(host, ':');
    *colon = '\0';
    *port = colon + 1;
    if (host[0] == '[') {
        colon[-1] = '\0';
        host++;
    }
    return strcmp(host, "::") == 0 || strcmp(host, "0.0.0.0") == 0 ? localhost : host;
}

void
cr_listen_print(const char *kind, const struct coir_address *address)
{
    char text[COIR_ADDRESS_TEXT], *port;
    const char *datagrams = address->type == SOCK_DGRAM ? " -u" : "";
    printf("%s  %s", kind, coir_address_text(address, text, sizeof text));
    const char *host = split_host(text, &port);
    if (host)
        printf("   try: nc%s %s %s\n", datagrams, host, port);
    else
        printf("   try: nc%s -U %s\n", datagrams, text + strlen("unix:"));
}

void
cr_listen_allow(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit))
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit); /* else fewer connections */
}
