/* raw_busy.c: echo without waiting, without coir: each client is asked again and again, and so is the listener. All are
 * served, and the processor never rests: the script shows how much of it that takes. */
#include "examples/raw.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CLIENTS = 64 };

/* False: it is gone. (A client that does not read would lose bytes here: a real server has to keep them.) */
static bool
echo(int client)
{
    char bytes[1024];
    ssize_t count = recv(client, bytes, sizeof bytes, MSG_DONTWAIT);
    if (count < 0)
        return errno == EAGAIN;
    return count && send(client, bytes, (size_t)count, MSG_NOSIGNAL | MSG_DONTWAIT) == count;
}

int
main(void)
{
    int clients[CLIENTS], count = 0, client, listener = listen_somewhere();
    if (listener < 0 || fcntl(listener, F_SETFL, O_NONBLOCK))
        return 1;
    for (;;) {
        if (count < CLIENTS && (client = accept(listener, NULL, NULL)) >= 0)
            clients[count++] = client;
        for (int i = 0; i < count; i++)
            if (!echo(clients[i])) {
                close(clients[i]);
                clients[i--] = clients[--count];
            }
    }
}
