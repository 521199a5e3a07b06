/* sched/fork.c: forks of a program that uses coir.
 *
 * While a runtime is there, the child of a fork has one of its threads and a picture of the rest, which is good for exec and
 * nothing else: it is marked, and cr_task_attach stops it. With no runtime and one thread both sides can go on: nobody else
 * can have held anything. What the child then must not share with its parent is exchanged here: the calling task's bell, by
 * which each would wake the other, and the state that random numbers come from. */
#include "sched/fork.h"
#include "backend/block.h"
#include "backend/process.h"
#include "base/choose.h"
#include "sched/quiet.h"
#include "sched/runtime.h"

#include <pthread.h>

#ifdef CR_TSAN
enum { ALONE = 64 }; /* it has a thread of its own, and one more after each fork */
#else
enum { ALONE = 1 };
#endif
#define THREADS_GO (100 * COIR_MS)

/* In the child of any fork: of all our threads there is the one that called it. */
static void
forked(void)
{
    if (!cr_runtimes_first())
        return;
    cr_task_forked = true;
    cr_here = (struct cr_here){.task = NULL};
}

static void
look_for_forks(void)
{
    (void)pthread_atfork(NULL, NULL, forked);
}

void
cr_fork_look_for(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, look_for_forks);
}

int
cr_fork_check(const char *who, int failure, const char *advice)
{
    coir_time until = cr_now() + THREADS_GO;
    int threads;
    if (!cr_world.threads)
        return cr_fail(-ENOTSUP, "%s: there are no processes here", who);
    if (cr_process_is_single())
        return 0;
    while (((threads = cr_world.threads()) > ALONE || threads == -EAGAIN) &&
           cr_now() < until) /* one that has been joined may be listed still; -EAGAIN: their number is just changing */
        cr_world.thread_pause();
    return threads <= ALONE && threads != -EAGAIN
               ? 0
               : cr_fail(failure,
                         "%s: this process has %d threads, and what the others have locked would stay locked "
                         "in its children; %s",
                         who, threads, advice);
}

/* Whether a fork is good for both sides now. */
static int
check(void)
{
    bool have_runtime;
    cr_runtimes_hold();
    have_runtime = cr_runtimes_first() != NULL;
    cr_runtimes_let();
    if (have_runtime)
        return cr_fail(-EBUSY, "coir_fork: there is a runtime, of which a child would have a part only; tasks on "
                               "processes (COIR_ON_PROCESS) are made for that");
    return cr_fork_check("coir_fork", -ENOTSUP, "fork before there are threads");
}

void
cr_fork_part(struct coir_task *self)
{
    if (self->bell >= 0)
        cr_block.bell_close(self->bell);
    self->bell = -1;
    cr_choose_anew();
    cr_quiet_begin();
    cr_quiet_in();
    cr_quiet_know(1);
}

pid_t
coir_fork(void)
{
    struct coir_task *self = cr_task_self();
    pid_t pid = check();
    if (pid)
        return pid;
    pid = cr_process_fork_both();
    if (pid == 0)
        cr_fork_part(self);
    return pid;
}
