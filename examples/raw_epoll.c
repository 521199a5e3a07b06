/* raw_epoll.c: echo with epoll, without coir: the kernel keeps the list, and a wait brings only those that are ready, so
 * that what it costs does not depend on how many are silent. */
#include "examples/raw.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static int
watch(int poller, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    return epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
}

int
main(void)
{
    struct epoll_event ready[64];
    char bytes[1024];
    ssize_t size;
    int count, listener = listen_somewhere(), poller = epoll_create1(0);
    if (listener < 0 || poller < 0 || watch(poller, listener))
        return 1;
    while ((count = epoll_wait(poller, ready, 64, -1)) >= 0)
        for (int i = 0; i < count; i++) {
            int fd = ready[i].data.fd;
            if (fd == listener) {
                int client = accept(listener, NULL, NULL);
                if (client >= 0 && watch(poller, client))
                    close(client);
            } else if ((size = recv(fd, bytes, sizeof bytes, 0)) <= 0 ||
                       send(fd, bytes, (size_t)size, MSG_NOSIGNAL) != size) {
                close(fd); /* which also takes it out of the list */
            }
        }
    return 1;
}
