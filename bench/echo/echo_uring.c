/* echo_uring.c CONNECTIONS MESSAGES: the other limit: io_uring(7) by hand, through liburing. One multishot accept; one
 * multishot receive for each connection, into buffers that all share (a ring of them); completions are made when this
 * thread asks for them (DEFER_TASKRUN); all that are there are taken, their buffers given back at once, and one call
 * hands in what is new and waits. The answer is a plain send: a send that is handed in costs as much, and its completion
 * ends the next wait early. */
#include "bench/echo/listen.h"

#include <errno.h>
#include <liburing.h>

enum { ENTRIES = 4096, COMPLETIONS = 65536, BUFFERS = 4096, GROUP = 0 };
#define LISTENER UINT64_MAX /* as a token; else it is a descriptor */

static struct io_uring ring;
static struct io_uring_buf_ring *buffers;
static char bytes[BUFFERS][ECHO_BUFFER];

static struct io_uring_sqe *
entry(void)
{
    struct io_uring_sqe *made = io_uring_get_sqe(&ring);
    if (!made) {
        io_uring_submit(&ring);
        made = io_uring_get_sqe(&ring);
    }
    bench_check(made != NULL, "io_uring_get_sqe");
    return made;
}

static void
receive(int fd)
{
    struct io_uring_sqe *made = entry();
    io_uring_prep_recv_multishot(made, fd, NULL, 0, 0);
    io_uring_sqe_set_data64(made, (unsigned)fd);
    made->ioprio |= IORING_RECVSEND_POLL_FIRST; /* nothing is there yet */
    made->flags |= IOSQE_BUFFER_SELECT;
    made->buf_group = GROUP;
}

static void
accept_all(int listener)
{
    struct io_uring_sqe *made = entry();
    io_uring_prep_multishot_accept(made, listener, NULL, NULL, SOCK_CLOEXEC);
    io_uring_sqe_set_data64(made, LISTENER);
}

static void
make_ring(void)
{
    struct io_uring_params params = {.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                                              IORING_SETUP_CQSIZE | IORING_SETUP_SUBMIT_ALL,
                                     .cq_entries = COMPLETIONS};
    struct io_uring_buf_reg registration = {.ring_entries = BUFFERS, .bgid = GROUP};
    bench_check(!io_uring_queue_init_params(ENTRIES, &ring, &params), "io_uring_queue_init");
    (void)io_uring_register_ring_fd(&ring);
    bench_check(!posix_memalign((void **)&buffers, 4096, BUFFERS * sizeof(struct io_uring_buf)), "memory");
    registration.ring_addr = (uintptr_t)buffers;
    bench_check(!io_uring_register_buf_ring(&ring, &registration, 0), "io_uring_register_buf_ring");
    io_uring_buf_ring_init(buffers);
    for (int i = 0; i < BUFFERS; i++)
        io_uring_buf_ring_add(buffers, bytes[i], ECHO_BUFFER, (unsigned short)i, io_uring_buf_ring_mask(BUFFERS), i);
    io_uring_buf_ring_advance(buffers, BUFFERS);
}

static void
received(int fd, int got, unsigned flags)
{
    if (flags & IORING_CQE_F_BUFFER) {
        unsigned short number = (unsigned short)(flags >> IORING_CQE_BUFFER_SHIFT);
        bench_check(send(fd, bytes[number], (size_t)got, MSG_NOSIGNAL) == got, "send");
        echo_answered();
        io_uring_buf_ring_add(buffers, bytes[number], ECHO_BUFFER, number, io_uring_buf_ring_mask(BUFFERS), 0);
        io_uring_buf_ring_advance(buffers, 1);
    }
    if (!(flags & IORING_CQE_F_MORE)) {
        if (got > 0 || got == -ENOBUFS)
            receive(fd);
        else
            close(fd);
    }
}

int
main(int argc, char **argv)
{
    echo_expect(argc, argv);
    int listener = echo_listen(), on = 1;
    make_ring();
    accept_all(listener);
    for (;;) {
        struct io_uring_cqe *done;
        unsigned head, count = 0;
        io_uring_submit_and_wait(&ring, 1);
        io_uring_for_each_cqe(&ring, head, done)
        {
            uint64_t token = io_uring_cqe_get_data64(done);
            count++;
            if (token != LISTENER) {
                received((int)token, done->res, done->flags);
                continue;
            }
            bench_check(done->res >= 0, "accept");
            setsockopt(done->res, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            receive(done->res);
            if (!(done->flags & IORING_CQE_F_MORE))
                accept_all(listener);
        }
        io_uring_cq_advance(&ring, count);
    }
}
