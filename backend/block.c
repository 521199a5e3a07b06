/* backend/block.c: see block.h. */
#include "backend/block.h"
#include "base/fault.h"
#include "base/time.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

static int
bell_open(void)
{
    int bell = CR_FAIL(CR_FAULT_DESCRIPTOR) ? (errno = EMFILE, -1) : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return bell < 0 ? -errno : bell;
}

static void
bell_ring(int bell)
{
    uint64_t one = 1;
    (void)!write(bell, &one, sizeof one);
}

static void
bell_hush(int bell)
{
    struct pollfd poller = {.fd = bell, .events = POLLIN};
    uint64_t rings;
    while (read(bell, &rings, sizeof rings) < 0)
        (void)poll(&poller, 1, -1);
}

static void
bell_close(int bell)
{
    (void)close(bell);
}

static int
wait_in_ppoll(const struct cr_op *op, int bell, coir_time until)
{
    struct pollfd both[2] = {{.fd = op->fd, .events = cr_op_direction(op) == CR_OP_OUT ? POLLOUT : POLLIN},
                             {.fd = bell, .events = POLLIN}};
    struct timespec limit = {0, 0};
    if (until != COIR_NEVER) {
        coir_time left = until - cr_now();
        if (left <= 0)
            return -ETIMEDOUT;
        limit = (struct timespec){left / COIR_SECOND, left % COIR_SECOND};
    }
    (void)ppoll(both, 2, until == COIR_NEVER ? NULL : &limit, NULL);
    return 0;
}

struct cr_block cr_block = {
    .bell_open = bell_open,
    .bell_ring = bell_ring,
    .bell_hush = bell_hush,
    .bell_close = bell_close,
    .wait = wait_in_ppoll,
};
