/* raw_blocking.c: echo with blocking calls only, without coir: one client after the other. While one is silent, all others
 * wait, whatever they have to say. */
#include "examples/raw.h"

#include <sys/socket.h>
#include <unistd.h>

int
main(void)
{
    char bytes[1024];
    ssize_t count;
    int client, listener = listen_somewhere();
    while (listener >= 0 && (client = accept(listener, NULL, NULL)) >= 0) {
        while ((count = recv(client, bytes, sizeof bytes, 0)) > 0)
            if (send(client, bytes, (size_t)count, MSG_NOSIGNAL) != count)
                break;
        close(client);
    }
    return 1;
}
