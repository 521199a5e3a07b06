/* poller.c: an echo server in a plain loop, as Python's selectors has it: one thread, no runtime, no tasks. Beside it a
 * client, here in the same loop: it says three things and counts what comes back. */
#include <coir/poller.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *const words[] = {"one", "two", "three"};

static int
echo(int fd)
{
    char bytes[64];
    ssize_t count = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
    return count > 0 && send(fd, bytes, (size_t)count, MSG_NOSIGNAL) == count ? 0 : -1;
}

/* What came back for one word; then says the next. */
static int
go_on(int fd)
{
    static int said;
    char bytes[64];
    if (said > 0)
        printf("%.*s\n", (int)recv(fd, bytes, sizeof bytes, MSG_DONTWAIT), bytes);
    if (said == 3)
        return -1;
    return send(fd, words[said], strlen(words[said]), MSG_NOSIGNAL) < 0 || ++said > 3;
}

int
main(void)
{
    int ends[2], (*handlers[2])(int fd) = {echo, go_on};
    struct coir_poller *poller;
    struct coir_ready ready[8];
    int count, over = 0;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) || coir_poller_open(NULL, &poller))
        return 1;
    for (int i = 0; i < 2; i++)
        if (coir_poller_add(poller, ends[i], COIR_READABLE, &handlers[i]))
            return 1;
    over = go_on(ends[1]);
    while (!over && (count = coir_poller_wait(poller, ready, 8, coir_after(10 * COIR_SECOND))) > 0)
        for (int i = 0; i < count; i++)
            over |= (*(int (**)(int fd))ready[i].data)(ready[i].fd);
    coir_poller_close(poller);
    close(ends[0]);
    close(ends[1]);
    return !over;
}
