/* io/dial.c: connecting: the name is resolved on a helper thread, then its addresses are tried in turn. */
#include "backend/descriptor.h"
#include "io/stream.h"
#include "sched/operate.h"

#include <string.h>

enum { ADDRESSES = 16 }; /* of a name that are tried */

static int
bind_to(int fd, const char *local)
{
    struct coir_address address;
    int error = coir_address_parse(local, &address);
    return error ? error : cr_world.bind(fd, (struct sockaddr *)&address.storage, address.size);
}

/* The words of connect(2) that do not mean the caller's deadline. */
static int
map_failure(int result, bool kernel_failed)
{
    if (kernel_failed && (result == -ETIMEDOUT || result == -ENETUNREACH))
        return -EHOSTUNREACH;
    return result == -ENOENT ? -ECONNREFUSED : result; /* a Unix socket that is not there: nobody listens */
}

static int
dial_one(const struct coir_address *address, const struct coir_stream_options *options, struct coir_stream **stream,
         coir_time deadline)
{
    struct coir_address target = *address;
    bool is_tcp = target.storage.ss_family != AF_UNIX;
    struct cr_pending pending;
    int fd = cr_world.socket(target.storage.ss_family, SOCK_STREAM), error;
    if (fd < 0)
        return fd;
    error = cr_descriptor_check(fd);
    if (!error)
        error = cr_stream_settle(fd, is_tcp, options);
    if (!error && options && options->local)
        error = bind_to(fd, options->local);
    if (error)
        goto fail_close;
    pending.op = (struct cr_op){.kind = CR_OP_CONNECT, .fd = fd, .data = &target.storage, .length = target.size};
    error = cr_operate(&pending, NULL, deadline);
    if (error)
        error = map_failure(error, pending.kernel_failed);
    else
        error = cr_stream_open(fd, is_tcp, stream);
    if (!error)
        return 0;
fail_close:
    (void)cr_descriptor_close(fd);
    return error;
}

int
coir_stream_dial(const char *address, const struct coir_stream_options *options, struct coir_stream **stream,
                 coir_time deadline)
{
    struct coir_address addresses[ADDRESSES];
    int count, error = -EHOSTUNREACH;
    *stream = NULL;
    count = coir_address_resolve(address, addresses, ADDRESSES, deadline);
    if (count < 0)
        return count;
    for (int i = 0; i < count; i++) {
        error = dial_one(&addresses[i], options, stream, deadline);
        if (!error || error == -ETIMEDOUT || error == -ECANCELED || error == -EAGAIN)
            break;
    }
    if (error == -ERANGE) /* the better sentence is there already */
        return error;
    return error && error != -EAGAIN ? cr_fail(error, "cannot connect to %s: %s", address, coir_error_text(error))
                                     : error;
}
