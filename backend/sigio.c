/* backend/sigio.c: signal-driven readiness, the fourth of the five I/O models: F_SETSIG, F_SETOWN_EX, O_ASYNC.
 *
 * A descriptor that is waited for is told to send a real-time signal, with its number inside, to this worker's thread at
 * each change; as the change may have come before that, whatever is new is tried once more at the next wait. The signals
 * stay blocked and are read, many at a time, from a signalfd: no handler runs, no call is interrupted. They queue up to
 * RLIMIT_SIGPENDING; a change for which there is no room becomes a plain SIGIO, and then everything that waits is tried.
 *
 * It takes two signals, SIGRTMIN + 5 and SIGIO. They are blocked in all threads that coir makes, as all signals are, and
 * in the one that starts the runtime, where they stay blocked; what that thread executes later inherits it.
 *
 * A description has one owner: the worker that was attached to it last. It hears of each change, and sends the signal on
 * to the other workers that descriptor.h knows to be attached. A signal cannot say "and this was the last": a short read
 * never counts as drained (CR_EVENT_MORE), which costs one more system call for each message.
 *
 * What sends no signals (an eventfd, another poller) is asked about by the poll that waits for them, up to 32 descriptors.
 * Known: a Unix socket's peer that only stops reading sends no signal, so a writer that waits for room there does not learn it;
 * nor does who waits at a Unix datagram socket that is shut down, so a shared queue's shutdown (coir/shared.h) is not heard in
 * another worker. O_ASYNC and the owner belong to the description, which other processes may share: off unless chosen. Where a
 * queued signal does not come back (emulators), open answers -ENOSYS. */
#include "backend/descriptor.h"
#include "backend/level.h"
#include "base/fault.h"
#include "base/memory.h"
#include "base/time.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SLOTS = 64, SIGNALS = 64 /* read at once */, SILENT = 32, FIRST_PRUNE = 64 };

struct sigio {
    struct cr_level level; /* its list and its bell */
    int signals;           /* signalfd */
    size_t told;           /* of level.watched: who has been tried since it was attached */
    size_t prune_at;       /* length of the list at which those that are closed are taken out */
    struct cr_watched silent[SILENT];
    int silent_count;
    struct signalfd_siginfo read[SIGNALS];
};

/* By slot: the thread of the worker there; 0: it has not waited for anything yet. */
static CR_ATOMIC(uint32_t) threads[SLOTS];

static int
our_signal(void)
{
    return SIGRTMIN + 5;
}

/* ---- Being told ---- */

static void
prune(struct sigio *self)
{
    for (size_t i = 0; cr_level_interest(&self->level, i) >= 0; i++)
        continue;
    self->told = 0; /* they have changed places */
    self->prune_at = 2 * self->level.count + FIRST_PRUNE;
}

static int
sigio_attach(struct cr_ready *ready, int fd, uint32_t generation)
{
    struct sigio *self = (struct sigio *)ready;
    struct f_owner_ex owner = {F_OWNER_TID, gettid()};
    int on = 1, error;
    if (self->level.count >= self->prune_at)
        prune(self);
    cr_store_rel(&threads[ready->slot], (uint32_t)owner.pid); /* pairs with send_on */
    error = cr_level_attach(ready, fd, generation);
    if (error)
        return error;
    if (fcntl(fd, F_SETSIG, our_signal()) == 0 && fcntl(fd, F_SETOWN_EX, &owner) == 0 && ioctl(fd, FIOASYNC, &on) == 0)
        return 0;
    error = errno == ENOTTY ? -EPERM : -errno; /* its driver sends no signals */
    self->level.count--;
    if (error == -EPERM && self->silent_count < SILENT) {
        self->silent[self->silent_count++] = (struct cr_watched){fd, generation};
        error = 0;
    }
    return error;
}

static void
sigio_detach(struct cr_ready *ready, int fd)
{
    int off = 0;
    (void)ready;
    (void)ioctl(fd, FIOASYNC, &off); /* a duplicate of it may live on */
}

/* ---- What they say ---- */

/* To the other workers at this descriptor. One whose queue is full looks at everything. */
static void
send_on(const struct sigio *self, int fd)
{
    uint64_t others = cr_descriptor_attached(fd) & ~(UINT64_C(1) << self->level.ready.slot);
    siginfo_t info = {.si_code = SI_QUEUE, .si_value.sival_int = fd};
    for (int slot = 0; others; slot++, others >>= 1) {
        pid_t thread = others & 1 ? (pid_t)cr_load_acq(&threads[slot]) : 0; /* pairs with attach */
        if (thread && syscall(SYS_rt_tgsigqueueinfo, getpid(), thread, our_signal(), &info) && errno == EAGAIN)
            (void)syscall(SYS_tgkill, getpid(), thread, SIGIO);
    }
}

static unsigned
events_of(uint32_t band)
{
    return (band & POLLIN ? CR_EVENT_IN : 0u) | (band & POLLOUT ? CR_EVENT_OUT : 0u) |
           (band & (POLLERR | POLLHUP | POLLPRI) ? CR_EVENT_FINAL : 0u);
}

/* Whatever the list has from here on may have changed. */
static void
tell_from(struct sigio *self, size_t first)
{
    for (size_t i = first; i < self->level.count; i++)
        cr_ready_event(&self->level.ready, self->level.watched[i].fd, self->level.watched[i].generation,
                       CR_EVENT_IN | CR_EVENT_OUT | CR_EVENT_MORE);
    self->told = self->level.count;
}

static void
hear(struct sigio *self, const struct signalfd_siginfo *signal)
{
    bool is_sent_on = signal->ssi_code == SI_QUEUE;
    int fd = is_sent_on ? signal->ssi_int : signal->ssi_fd;
    if ((int)signal->ssi_signo != our_signal()) {
        tell_from(self, 0);
        return;
    }
    if (cr_descriptor_check(fd)) /* somebody else's signal */
        return;
    cr_ready_event(&self->level.ready, fd, cr_descriptor_generation(fd),
                   CR_EVENT_MORE | (is_sent_on ? CR_EVENT_IN | CR_EVENT_OUT : events_of(signal->ssi_band)));
    if (!is_sent_on)
        send_on(self, fd);
}

static void
hear_all(struct sigio *self)
{
    ssize_t size = read(self->signals, self->read, sizeof self->read);
    for (ssize_t i = 0; size > 0 && i < size / (ssize_t)sizeof self->read[0]; i++)
        hear(self, &self->read[i]);
}

/* Those that are closed leave. As in poll.c: a direction in which nobody waits is not asked about. */
static void
ask_silent(struct sigio *self, struct pollfd *asked)
{
    for (int i = 0; i < self->silent_count;) {
        int interest = cr_ready_interest(&self->level.ready, self->silent[i].fd, self->silent[i].generation);
        if (interest < 0) {
            self->silent[i] = self->silent[--self->silent_count];
            continue;
        }
        asked[i] = (struct pollfd){
            .fd = interest ? self->silent[i].fd : -1,
            .events = (short)((interest & CR_EVENT_IN ? POLLIN : 0) | (interest & CR_EVENT_OUT ? POLLOUT : 0))};
        i++;
    }
}

static int
sigio_wait(struct cr_ready *ready, coir_time until)
{
    struct sigio *self = (struct sigio *)ready;
    struct pollfd asked[2 + SILENT] = {{.fd = self->signals, .events = POLLIN},
                                       {.fd = self->level.bell, .events = POLLIN}};
    struct timespec limit;
    int count;
    if (self->told < self->level.count) {
        tell_from(self, self->told);
        until = COIR_NOW;
    }
    ask_silent(self, asked + 2);
    count = ppoll(asked, 2 + (nfds_t)self->silent_count, cr_level_limit(until, cr_now(), &limit), NULL);
    if (count < 0)
        return errno == EINTR ? 0 : -errno;
    for (int i = 0; i < self->silent_count; i++)
        if (asked[2 + i].revents)
            cr_ready_event(ready, self->silent[i].fd, self->silent[i].generation,
                           CR_EVENT_MORE |
                               events_of((uint32_t)asked[2 + i].revents & (POLLIN | POLLOUT | POLLERR | POLLHUP)));
    if (asked[0].revents)
        hear_all(self);
    if (asked[1].revents)
        cr_level_hush(&self->level);
    return 0;
}

static const struct cr_source source = {
    .attach = sigio_attach,
    .detach = sigio_detach,
    .wait = sigio_wait,
    .wake = cr_level_wake,
};

/* ---- Opening and closing ---- */

/* A descriptor that lives on goes to another worker that is attached to it and still runs, or stops sending. */
static void
give_up(struct sigio *self, int fd)
{
    uint64_t others = cr_descriptor_attached(fd) & ~(UINT64_C(1) << self->level.ready.slot);
    for (int slot = 0; others; slot++, others >>= 1) {
        struct f_owner_ex owner = {F_OWNER_TID, others & 1 ? (pid_t)cr_load_acq(&threads[slot]) : 0};
        if (owner.pid && fcntl(fd, F_SETOWN_EX, &owner) == 0) {
            send_on(self, fd);
            return;
        }
    }
    sigio_detach(&self->level.ready, fd);
}

static void
sigio_close(void *opened)
{
    struct sigio *self = opened;
    for (size_t i = 0; cr_level_interest(&self->level, i) >= 0; i++)
        give_up(self, self->level.watched[i].fd);
    cr_store_rel(&threads[self->level.ready.slot], 0);
    close(self->signals);
    cr_level_close(&self->level);
    cr_free(self);
}

/* A signal that is sent to this thread comes back from there. */
static int
probe(int signals)
{
    siginfo_t info = {.si_code = SI_QUEUE, .si_value.sival_int = -1};
    struct signalfd_siginfo back;
    if (syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), our_signal(), &info))
        return errno == EAGAIN ? -EAGAIN : -ENOSYS;
    return read(signals, &back, sizeof back) == (ssize_t)sizeof back ? 0 : -ENOSYS;
}

static int
open_signals(void)
{
    sigset_t set;
    int signals, error;
    sigemptyset(&set);
    sigaddset(&set, our_signal());
    sigaddset(&set, SIGIO);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signals = CR_FAIL(CR_FAULT_DESCRIPTOR) ? (errno = EMFILE, -1) : signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signals < 0)
        return -errno;
    error = probe(signals);
    if (error)
        close(signals);
    return error ? error : signals;
}

static int
sigio_open(void **opened, unsigned slot)
{
    struct sigio *self = cr_alloc_zero(sizeof *self);
    int error = self ? cr_level_open(&self->level, &source, slot) : -ENOMEM;
    if (error)
        goto fail_free;
    self->prune_at = FIRST_PRUNE;
    self->signals = open_signals();
    if (self->signals < 0) {
        error = self->signals;
        goto fail_close;
    }
    *opened = self;
    return 0;

fail_close:
    cr_level_close(&self->level);
fail_free:
    cr_free(self);
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
