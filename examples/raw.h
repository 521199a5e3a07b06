/* raw.h: how the raw_* servers, which do without coir, begin: socket, bind, listen, at a port that the kernel chooses and
 * that is printed. */
#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>

static inline int
listen_somewhere(void)
{
    struct sockaddr_in place = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof place;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&place, size) || listen(fd, 16) ||
        getsockname(fd, (struct sockaddr *)&place, &size))
        return -1;
    printf("%d\n", ntohs(place.sin_port));
    fflush(stdout);
    return fd;
}
