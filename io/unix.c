/* io/unix.c: see unix.h. A Unix socket's file stays when its process dies; whether somebody still has it open is found out by
 * connecting to it. */
#include "io/unix.h"

#include "backend/operation.h"

#include <sys/un.h>

enum { USUAL_MODE = 0600 };

/* NULL: it is none with a file. */
static const char *
path_of(const struct coir_address *address)
{
    const struct sockaddr_un *place = (const struct sockaddr_un *)&address->storage;
    return place->sun_family == AF_UNIX && place->sun_path[0] ? place->sun_path : NULL;
}

/* -EADDRINUSE: somebody has it open, or it is no socket. */
static int
replace_left_over(const struct coir_address *address, int type)
{
    int fd = cr_world.socket(AF_UNIX, type), answer;
    struct coir_address target = *address;
    struct cr_op op = {.kind = CR_OP_CONNECT, .fd = fd, .data = &target.storage, .length = target.size};
    if (fd < 0)
        return fd;
    answer = cr_operation_try(&op);
    (void)cr_world.close(fd);
    return answer == -ECONNREFUSED ? cr_world.unlink_socket(path_of(address)) : -EADDRINUSE;
}

int
cr_unix_bind(int fd, const struct coir_address *address, int type, unsigned mode)
{
    const struct sockaddr *place = (const struct sockaddr *)&address->storage;
    const char *path = path_of(address);
    int error = cr_world.bind(fd, place, address->size);
    if (error == -EADDRINUSE && path && replace_left_over(address, type) == 0)
        error = cr_world.bind(fd, place, address->size);
    if (!error && path && (error = cr_world.set_mode(path, mode ? mode : USUAL_MODE)))
        (void)cr_world.unlink_socket(path);
    return error;
}

void
cr_unix_leave(const struct coir_address *address)
{
    if (path_of(address))
        (void)cr_world.unlink_socket(path_of(address));
}
