/* raw_select.c: echo with select, without coir: one call waits for all, is told all descriptors each time, looks at each of
 * them, and takes only numbers below 1,024. */
#include "examples/raw.h"

#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

int
main(void)
{
    char bytes[1024];
    ssize_t count;
    int listener = listen_somewhere(), last = listener;
    fd_set all, ready;
    if (listener < 0)
        return 1;
    FD_ZERO(&all);
    FD_SET(listener, &all);
    for (ready = all; select(last + 1, &ready, NULL, NULL, NULL) >= 0; ready = all) {
        for (int fd = 0, end = last; fd <= end; fd++) {
            if (!FD_ISSET(fd, &ready))
                continue;
            if (fd == listener) {
                int client = accept(listener, NULL, NULL);
                if (client >= FD_SETSIZE)
                    close(client); /* it would be written past the set */
                else if (client >= 0)
                    FD_SET(client, &all);
                last = client > last && client < FD_SETSIZE ? client : last;
            } else if ((count = recv(fd, bytes, sizeof bytes, 0)) <= 0 ||
                       send(fd, bytes, (size_t)count, MSG_NOSIGNAL) != count) {
                FD_CLR(fd, &all);
                close(fd);
            }
        }
    }
    return 1;
}
