/* other.c: see other.h. */
#include "other.h"
#include "core.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LIFE = 100 }; /* seconds */

static enum cr_moment chosen;
static int with_signal;

static void
at_moment(enum cr_moment moment)
{
    if (moment != chosen)
        return;
    cr_store_rlx(&cr_moment_told, NULL);
    (void)raise(with_signal);
}

static void
live(pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    alarm(LIFE);
}

pid_t
other_start_to(coir_function *function, void *arg, enum cr_moment moment, int signal)
{
    pid_t parent = getpid(), other = fork();
    MUST(other >= 0);
    if (other)
        return other;
    live(parent);
    if (signal) {
        chosen = moment;
        with_signal = signal;
        cr_store_rlx(&cr_moment_told, at_moment);
    }
    _exit(function(arg) ? 1 : 0);
}

pid_t
other_start(coir_function *function, void *arg)
{
    return other_start_to(function, arg, CR_MOMENT_COUNT, 0);
}

static int
status_of(pid_t other, int options)
{
    int status;
    while (waitpid(other, &status, options) < 0)
        MUST(errno == EINTR);
    return status;
}

void
other_await(pid_t other, int signal)
{
    int status = status_of(other, WUNTRACED);
    MUST_BE(signal == SIGSTOP ? WIFSTOPPED(status) : WIFSIGNALED(status), 1);
    MUST_BE(signal == SIGSTOP ? WSTOPSIG(status) : WTERMSIG(status), signal);
}

void
other_end(pid_t other)
{
    MUST_BE(status_of(other, 0), 0);
}

void
other_kill(pid_t other)
{
    if (waitpid(other, &(int){0}, WNOHANG) != 0)
        return;
    MUST_BE(kill(other, SIGKILL), 0);
    (void)status_of(other, 0);
}
