/* raw_poll.c: echo with poll, without coir: as with select, but with a list in place of a set, so there is no largest
 * number; all of it is still handed over and looked at each time. */
#include "examples/raw.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CLIENTS = 64 };

int
main(void)
{
    struct pollfd asked[1 + CLIENTS] = {{.fd = listen_somewhere(), .events = POLLIN}};
    char bytes[1024];
    ssize_t size;
    nfds_t count = 1;
    while (asked[0].fd >= 0 && poll(asked, count, -1) >= 0) {
        for (nfds_t i = count - 1; i > 0; i--) {
            int fd = asked[i].fd;
            if (!asked[i].revents ||
                ((size = recv(fd, bytes, sizeof bytes, 0)) > 0 && send(fd, bytes, (size_t)size, MSG_NOSIGNAL) == size))
                continue;
            close(fd);
            asked[i] = asked[--count];
        }
        if (asked[0].revents) {
            int client = accept(asked[0].fd, NULL, NULL);
            if (client >= 0)
                asked[count++] = (struct pollfd){.fd = client, .events = POLLIN};
            asked[0].events = count <= CLIENTS ? POLLIN : 0; /* full: the others wait outside */
        } else if (count <= CLIENTS) {
            asked[0].events = POLLIN;
        }
    }
    return 1;
}
