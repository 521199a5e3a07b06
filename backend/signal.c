/* backend/signal.c: see signal.h.
 *
 * A handler and a bell for each set, instead of a signalfd: that would need the signals to be blocked in every thread, also
 * in those of which nobody here knows. The handler goes through the list of sets, which changes only while all signals
 * are blocked in whoever changes it, and under a lock; a set leaves the list only when no handler is under way. */
#include "backend/signal.h"
#include "backend/process.h"
#include "base/fault.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { NUMBERS = 65 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static CR_ATOMIC(struct cr_signal_set *) sets; /* written under lock */
static CR_ATOMIC(uint32_t) under_way;          /* handlers */
static unsigned listeners[NUMBERS];            /* under lock */
static struct sigaction former[NUMBERS];       /* what was before the first listener */
static sigset_t forked_mask;                   /* of a child of cr_signal_fork: what it is to have */

static uint64_t
bit_of(int number)
{
    return UINT64_C(1) << (number - 1);
}

static void catch (int number)
{
    uint64_t one = 1;
    int before = errno;
    /* Pairs with cr_signal_leave, which takes a set out and then looks here: all four steps are in one order, so either it
     * is not found any more, or we are seen. */
    (void)cr_add_sc(&under_way, 1);
    for (struct cr_signal_set *set = cr_load_sc(&sets); set; set = cr_load_sc(&set->next))
        if (set->wanted & bit_of(number) && !(cr_or_ar(&set->come, bit_of(number)) & bit_of(number)))
            (void)!write(set->bell, &one, sizeof one);
    (void)cr_sub_ar(&under_way, 1);
    errno = before;
}

void
cr_signal_begin(void)
{
    cr_store_rlx(&sets, NULL);
    cr_store_rlx(&under_way, 0);
    memset(listeners, 0, sizeof listeners);
}

/* Neither a handler on this thread nor another changer meanwhile. */
static void
hold(sigset_t *before)
{
    sigset_t all;
    sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, before);
    (void)pthread_mutex_lock(&lock);
}

static void
let(const sigset_t *before)
{
    (void)pthread_mutex_unlock(&lock);
    (void)pthread_sigmask(SIG_SETMASK, before, NULL);
}

pid_t
cr_signal_fork(void)
{
    sigset_t before;
    pid_t pid;
    (void)fflush(NULL);
    hold(&before);
    pid = cr_process_clone(false);
    if (pid == -ENOSYS || pid == -EINVAL)
        pid = cr_process_fork();
    if (pid == 0) {
        for (int number = 1; number < NUMBERS; number++)
            if (listeners[number])
                (void)sigaction(number, &former[number], NULL);
        cr_signal_begin();
        forked_mask = before;
        (void)pthread_mutex_unlock(&lock);
        return 0;
    }
    let(&before);
    return pid;
}

void
cr_signal_forked(void)
{
    (void)pthread_sigmask(SIG_SETMASK, &forked_mask, NULL);
}

static int
check(const int *signals, size_t count, uint64_t *wanted)
{
    static const int never[] = {SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT};
    *wanted = 0;
    for (size_t i = 0; i < count; i++) {
        if (signals[i] < 1 || signals[i] >= NUMBERS || (signals[i] > SIGSYS && signals[i] < SIGRTMIN))
            return -EINVAL;
        for (size_t k = 0; k < sizeof never / sizeof never[0]; k++)
            if (signals[i] == never[k])
                return -EINVAL;
        *wanted |= bit_of(signals[i]);
    }
    return *wanted ? 0 : -EINVAL;
}

int
cr_signal_listen(struct cr_signal_set *set, const int *signals, size_t count)
{
    struct sigaction action = {.sa_handler = catch, .sa_flags = SA_RESTART};
    sigset_t before;
    int error = check(signals, count, &set->wanted);
    if (error)
        return error;
    set->bell = CR_FAIL(CR_FAULT_DESCRIPTOR) ? (errno = EMFILE, -1) : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (set->bell < 0)
        return -errno;
    sigfillset(&action.sa_mask);
    hold(&before);
    cr_store_rlx(&set->next, cr_load_rlx(&sets));
    (void)cr_swap_sc(&sets, set); /* pairs with catch: the set is whole */
    for (int number = 1; number < NUMBERS; number++)
        if (set->wanted & bit_of(number) && !listeners[number]++)
            (void)sigaction(number, &action, &former[number]);
    let(&before);
    return 0;
}

int
cr_signal_take(struct cr_signal_set *set)
{
    uint64_t come = cr_load_acq(&set->come);
    while (come) {
        int number = __builtin_ctzll(come) + 1;
        if (cr_and_ar(&set->come, ~bit_of(number)) & bit_of(number))
            return number;
        come = cr_load_acq(&set->come);
    }
    return 0;
}

void
cr_signal_leave(struct cr_signal_set *set)
{
    struct cr_signal_set *other;
    sigset_t before;
    hold(&before);
    for (int number = 1; number < NUMBERS; number++)
        if (set->wanted & bit_of(number) && !--listeners[number])
            (void)sigaction(number, &former[number], NULL);
    other = cr_load_rlx(&sets);
    if (other == set) {
        (void)cr_swap_sc(&sets, cr_load_rlx(&set->next));
    } else {
        while (cr_load_rlx(&other->next) != set)
            other = cr_load_rlx(&other->next);
        (void)cr_swap_sc(&other->next, cr_load_rlx(&set->next));
    }
    let(&before);
    while (cr_load_sc(&under_way)) /* one that has begun before may have found the set */
        (void)sched_yield();
}
