/* backend/sigio.c: signal-driven readiness, the fourth of the five I/O models: F_SETSIG, F_SETOWN_EX, O_ASYNC.
 *
 * A descriptor that is waited for is told to send a real-time signal, with its number inside, to this worker's thread at
 * each change; as the change may have come before that, the thread sends itself the first one. The signals stay blocked
 * and are read, many at a time, from a signalfd: no handler runs, no call is interrupted. They queue up to
 * RLIMIT_SIGPENDING; a change for which there is no room becomes a plain SIGIO, and then everything that waits is tried, by
 * every worker.
 *
 * It takes two signals, SIGRTMIN + 5 and SIGIO. They are blocked in all threads that coir makes, as all signals are, and
 * in the one that starts the runtime, where they stay blocked; what that thread executes later inherits it.
 *
 * A description has one owner: the worker that was attached to it last. It hears of each change, and sends the signal on
 * to the other workers that descriptor.h knows to be attached. A signal cannot say "and this was the last": a short read
 * never counts as drained (CR_EVENT_MORE), which costs one more system call for each message.
 *
 * The worker sleeps in an epoll (epoll.h) that has the signalfd in it, and what sends no signals: an eventfd, another poller.
 * Known: a Unix socket's peer that only stops reading sends no signal, so a writer that waits for room there does not learn it;
 * nor does who waits at a Unix datagram socket that is shut down, so a shared queue's shutdown (coir/shared.h) is not heard in
 * another worker. O_ASYNC and the owner belong to the description, which other processes may share: off unless chosen. Where a
 * queued signal does not come back (emulators), open answers -ENOSYS. */
#include "backend/descriptor.h"
#include "backend/epoll.h"
#include "base/fault.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SLOTS = 64, SIGNALS = 16 /* read at once */ };

/* By slot. */
static struct {
    CR_ATOMIC(uint32_t) thread; /* of the worker there; 0: it has not waited for anything yet */
    CR_ATOMIC(uint32_t) missed; /* a signal has: it is to look at everything */
    struct cr_ready *ready;     /* NULL: none; under the lock, but for the worker itself */
    int signals;                /* its signalfd; its own only */
} workers[SLOTS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* so that nobody is woken who is being closed */

static int
our_signal(void)
{
    return SIGRTMIN + 5;
}

/* ---- Being told ---- */

static void
wake_to_look(unsigned slot)
{
    pthread_mutex_lock(&lock);
    if (workers[slot].ready) {
        cr_store_rel(&workers[slot].missed, 1); /* pairs with the swap in sigio_wait, behind the bell */
        cr_epoll_wake(workers[slot].ready);
    }
    pthread_mutex_unlock(&lock);
}

/* A signal as the descriptor sends it: 0 or -errno. */
static int
queue(pid_t thread, int fd)
{
    siginfo_t info = {.si_code = SI_QUEUE, .si_value.sival_int = fd};
    return syscall(SYS_rt_tgsigqueueinfo, getpid(), thread, our_signal(), &info) ? -errno : 0;
}

/* The thread of the first of these workers, whose bit is taken out; *slot: where it is. 0: it waits for nothing yet. */
static pid_t
take_first(uint64_t *attached, unsigned *slot)
{
    *slot = (unsigned)__builtin_ctzll(*attached);
    *attached &= *attached - 1;
    return (pid_t)cr_load_acq(&workers[*slot].thread); /* pairs with attach */
}

static int
sigio_attach(struct cr_ready *ready, int fd, uint32_t generation)
{
    struct f_owner_ex owner = {F_OWNER_TID, gettid()};
    int on = 1;
    cr_store_rel(&workers[ready->slot].thread, (uint32_t)owner.pid); /* pairs with take_first */
    if (fcntl(fd, F_SETSIG, our_signal()) == 0 && fcntl(fd, F_SETOWN_EX, &owner) == 0 &&
        ioctl(fd, FIOASYNC, &on) == 0) {
        if (queue(owner.pid, fd))
            wake_to_look(ready->slot);
        return 0;
    }
    if (errno != ENOTTY) /* else its driver sends none */
        return -errno;
    return cr_epoll_register((struct cr_epoll_source *)ready, fd, generation, EPOLLIN | EPOLLOUT | EPOLLET);
}

static void
sigio_detach(struct cr_ready *ready, int fd)
{
    int off = 0;
    (void)ioctl(fd, FIOASYNC, &off); /* a duplicate of it may live on */
    cr_epoll_detach(ready, fd);
}

/* ---- What they say ---- */

static void
send_on(const struct cr_ready *ready, int fd)
{
    uint64_t others = cr_descriptor_attached(fd) & ~(UINT64_C(1) << ready->slot);
    while (others) {
        unsigned slot;
        pid_t thread = take_first(&others, &slot);
        if (thread && queue(thread, fd))
            wake_to_look(slot);
    }
}

static unsigned
events_of(uint32_t band)
{
    return (band & POLLIN ? CR_EVENT_IN : 0u) | (band & POLLOUT ? CR_EVENT_OUT : 0u) |
           (band & (POLLERR | POLLHUP | POLLPRI) ? CR_EVENT_FINAL : 0u);
}

static void
may_have_changed(struct cr_ready *ready, int fd, uint32_t generation)
{
    cr_ready_event(ready, fd, generation, CR_EVENT_IN | CR_EVENT_OUT | CR_EVENT_MORE);
}

static void
hear(struct cr_ready *ready, const struct signalfd_siginfo *signal)
{
    bool is_sent = signal->ssi_code == SI_QUEUE;
    int fd = is_sent ? signal->ssi_int : signal->ssi_fd;
    if ((int)signal->ssi_signo != our_signal()) { /* whose it was is not known */
        for (unsigned slot = 0; slot < SLOTS; slot++)
            wake_to_look(slot);
    } else if (cr_descriptor_check(fd)) {
        return; /* somebody else's signal */
    } else if (is_sent) {
        may_have_changed(ready, fd, cr_descriptor_generation(fd));
    } else {
        cr_ready_event(ready, fd, cr_descriptor_generation(fd), events_of(signal->ssi_band) | CR_EVENT_MORE);
        send_on(ready, fd);
    }
}

static void
hear_all(struct cr_ready *ready)
{
    struct signalfd_siginfo heard[SIGNALS];
    ssize_t size = read(workers[ready->slot].signals, heard, sizeof heard);
    for (ssize_t i = 0; size > 0 && i < size / (ssize_t)sizeof heard[0]; i++)
        hear(ready, &heard[i]);
}

static int
sigio_wait(struct cr_ready *ready, coir_time until)
{
    struct cr_epoll_source *self = (struct cr_epoll_source *)ready;
    int count = cr_epoll_take(self, until);
    for (int i = 0; i < count; i++) {
        int fd;
        uint32_t generation;
        unsigned events = cr_epoll_event(&self->events[i], &fd, &generation);
        if (events && fd == workers[ready->slot].signals)
            hear_all(ready);
        else if (events)
            cr_ready_event(ready, fd, generation, events | CR_EVENT_MORE);
    }
    if (cr_load_rlx(&workers[ready->slot].missed) && cr_swap_ar(&workers[ready->slot].missed, 0))
        cr_ready_each(ready, may_have_changed);
    return count < 0 ? count : 0;
}

static const struct cr_source source = {
    .attach = sigio_attach,
    .detach = sigio_detach,
    .wait = sigio_wait,
    .wake = cr_epoll_wake,
};

/* ---- Opening and closing ---- */

/* A descriptor that lives on goes to another worker that is attached to it and still runs, or stops sending. */
static void
give_up(struct cr_ready *ready, int fd, uint32_t generation)
{
    uint64_t others = cr_descriptor_attached(fd) & ~(UINT64_C(1) << ready->slot);
    (void)generation;
    while (others) {
        unsigned slot;
        struct f_owner_ex owner = {F_OWNER_TID, take_first(&others, &slot)};
        if (owner.pid && fcntl(fd, F_SETOWN_EX, &owner) == 0) {
            send_on(ready, fd);
            return;
        }
    }
    sigio_detach(ready, fd);
}

static void
sigio_close(void *opened)
{
    struct cr_ready *ready = opened;
    cr_ready_each(ready, give_up);
    pthread_mutex_lock(&lock);
    cr_store_rel(&workers[ready->slot].thread, 0);
    workers[ready->slot].ready = NULL;
    pthread_mutex_unlock(&lock);
    close(workers[ready->slot].signals);
    cr_epoll_close(opened);
}

/* The two signals are blocked here; what they are read from. */
static int
open_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, our_signal());
    sigaddset(&set, SIGIO);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    return CR_FAIL(CR_FAULT_DESCRIPTOR) ? (errno = EMFILE, -1) : signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* A signal that is sent to this thread comes back from there. */
static int
probe(int signals)
{
    struct signalfd_siginfo back;
    int error = queue(gettid(), -1);
    if (error)
        return error == -EAGAIN ? error : -ENOSYS;
    return read(signals, &back, sizeof back) == (ssize_t)sizeof back ? 0 : -ENOSYS;
}

static int
sigio_open(void **opened, unsigned slot)
{
    int signals = open_signals(), error = signals < 0 ? -errno : probe(signals);
    if (error)
        goto fail_close;
    error = cr_epoll_open(&source, slot, opened);
    if (error)
        goto fail_close;
    error = cr_epoll_register(*opened, signals, 0, EPOLLIN);
    if (error)
        goto fail_close_epoll;
    workers[slot].signals = signals;
    pthread_mutex_lock(&lock);
    workers[slot].ready = *opened;
    pthread_mutex_unlock(&lock);
    return 0;

fail_close_epoll:
    cr_epoll_close(*opened);
fail_close:
    if (signals >= 0)
        close(signals);
    return error;
}

const struct cr_backend cr_backend_sigio = {
    .name = "sigio",
    .by_name_only = true,
    .open = sigio_open,
    .close = sigio_close,
    .start = cr_ready_start,
    .cancel = cr_ready_cancel,
    .detach = cr_ready_detach,
    .maybe_ready = cr_ready_maybe,
    .reap = cr_ready_reap,
    .wake = cr_ready_wake,
};
