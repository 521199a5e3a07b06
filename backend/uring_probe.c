/* backend/uring_probe.c: whether the three calls of io_uring may be made here without harm.
 *
 * Containers and sandboxes refuse io_uring, because its operations pass their filter of system calls unseen. Most answer
 * -EPERM or -ENOSYS, and the attempt itself finds that out. But a filter can also answer by SIGSYS, which ends the process
 * (a ring asked for on start-up has killed programs that way). To catch it, a library would have to put its own handler in
 * the place of the program's. So where a filter is in force, a child is made only to try; how it ends says it all. It
 * shares nothing, sends no signal when it ends, is no child that the program's own wait() would see, and leaves no core. It
 * makes all three calls: a ring that may be made and not entered would be found out by a worker that has tasks already.
 * Without a filter, which prctl tells, nothing is tried here. Not remembered, because a filter may come at any time: it
 * costs one fork for each runtime started under a filter, and nothing else.
 *
 * Known limit: a filter that ends the process for a fork, too, ends it here; COIR_BACKEND=epoll then helps. */
#include "backend/uring.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* In the child: only plain system calls, because other threads' locks were copied as they were. */
__attribute__((noreturn)) static void
try_and_exit(void)
{
    struct io_uring_params params = {.flags = IORING_SETUP_R_DISABLED};
    struct sigaction plain = {.sa_handler = SIG_DFL};
    long ring;
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    (void)sigaction(SIGSYS, &plain, NULL);
    ring = syscall(SYS_io_uring_setup, 1, &params);
    if (ring >= 0 && syscall(SYS_io_uring_register, ring, IORING_REGISTER_ENABLE_RINGS, NULL, 0) == 0 &&
        syscall(SYS_io_uring_enter, ring, 0, 0, 0, NULL, 0) == 0)
        errno = 0;
    for (;;)
        (void)syscall(SYS_exit_group, errno);
}

static int
try_in_child(void)
{
    int status;
    long child = syscall(SYS_clone, 0, NULL, NULL, NULL, 0); /* a fork whose end is told to nobody */
    if (child == 0)
        try_and_exit();
    if (child < 0)
        return -EPERM;
    while (waitpid((pid_t)child, &status, __WALL) < 0)
        if (errno != EINTR)
            return -EPERM;
    return WIFEXITED(status) ? -WEXITSTATUS(status) : -EPERM;
}

int
cr_uring_probe(void)
{
    return prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == 2 ? try_in_child() : 0;
}
