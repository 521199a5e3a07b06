/* raw_selectors.c: echo with coir's poller, which is to select, poll and epoll what Python's selectors is: the best of them, or
 * the one that is named, behind the same calls. Still a plain loop, without runtime and tasks. */
#include "examples/raw.h"

#include <coir/poller.h>
#include <sys/socket.h>
#include <unistd.h>

int
main(void)
{
    struct coir_poller *poller;
    struct coir_ready ready[64];
    char bytes[1024];
    ssize_t size;
    int count, listener = listen_somewhere();
    if (listener < 0 || coir_poller_open(NULL, &poller) || coir_poller_add(poller, listener, COIR_READABLE, NULL))
        return 1;
    while ((count = coir_poller_wait(poller, ready, 64, COIR_NEVER)) >= 0)
        for (int i = 0; i < count; i++) {
            int fd = ready[i].fd;
            if (fd == listener) {
                int client = accept(listener, NULL, NULL);
                if (client >= 0 && coir_poller_add(poller, client, COIR_READABLE, NULL))
                    close(client);
            } else if ((size = recv(fd, bytes, sizeof bytes, 0)) <= 0 ||
                       send(fd, bytes, (size_t)size, MSG_NOSIGNAL) != size) {
                coir_poller_remove(poller, fd);
                close(fd);
            }
        }
    return 1;
}
