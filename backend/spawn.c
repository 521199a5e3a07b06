/* backend/spawn.c: see spawn.h.
 *
 * By fork and not by vfork: what the child does before its exec is then nobody's business but its own, also under tools that
 * look at memory. It copies page tables, which is what it costs (with 50,000 stacks some 26 ms). Between the two there are
 * system calls only: other threads may have had any lock at that moment. */
#include "backend/spawn.h"
#include "backend/helper.h"
#include "backend/process.h"
#include "base/fault.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_close_range
#define SYS_close_range 436
#endif
enum { BY_EXEC = 4 }; /* CLOSE_RANGE_CLOEXEC */

int
cr_spawn_pipe(int ends[2])
{
    if (CR_FAIL(CR_FAULT_DESCRIPTOR))
        return -EMFILE;
    return pipe2(ends, O_CLOEXEC) ? -errno : 0;
}

int
cr_spawn_nothing(void)
{
    int fd = CR_FAIL(CR_FAULT_DESCRIPTOR) ? (errno = EMFILE, -1) : open("/dev/null", O_RDWR | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static __attribute__((noreturn)) void
give_up(int line)
{
    (void)cr_word_say(line, CR_WORD_FAILED, -errno);
    _exit(127);
}

static void
begin_as_programs_do(void)
{
    sigset_t none;
    cr_process_drop_handlers();
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* The three, each above 2 first, so that none is overwritten before it has been put in place. */
static void
put_descriptors(const int fds[3], int line)
{
    int high[3];
    for (int i = 0; i < 3; i++)
        if ((high[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 3)) < 0)
            give_up(line);
    for (int i = 0; i < 3; i++)
        if (dup2(high[i], i) < 0)
            give_up(line);
    if (syscall(SYS_close_range, 3, ~0u, BY_EXEC))
        for (long i = 3, most = sysconf(_SC_OPEN_MAX); i < most; i++)
            (void)fcntl((int)i, F_SETFD, FD_CLOEXEC);
}

/* What a line that has ended does not say. */
static bool
is_told_to_go(int line)
{
    struct cr_word word;
    ssize_t size;
    do
        size = recv(line, &word, sizeof word, MSG_WAITALL);
    while (size < 0 && errno == EINTR);
    return size == (ssize_t)sizeof word && word.kind == CR_WORD_GO;
}

static __attribute__((noreturn)) void
become(const struct cr_spawn *spawn, int line, pid_t parent)
{
    /* The line may be where 0, 1 or 2 were. */
    line = fcntl(line, F_DUPFD_CLOEXEC, 3);
    if (line < 0)
        _exit(127);
    if (spawn->own_group && setpgid(0, 0))
        give_up(line);
    if (parent) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(127);
    }
    begin_as_programs_do();
    (void)cr_word_say(line, CR_WORD_STARTED, getpid());
    if (spawn->orphan && !is_told_to_go(line))
        _exit(127);
    put_descriptors(spawn->fds, line);
    if (spawn->directory && chdir(spawn->directory))
        give_up(line);
    execvpe(spawn->argv[0], (char *const *)(uintptr_t)spawn->argv,
            spawn->environment ? (char *const *)(uintptr_t)spawn->environment : environ);
    give_up(line);
}

int
cr_spawn(const struct cr_spawn *spawn, const int line[2], pid_t *pid)
{
    pid_t parent = spawn->orphan ? 0 : getpid();
    sigset_t all, before;
    sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before); /* no handler of ours runs in the child */
    *pid = CR_FAIL(CR_FAULT_THREAD) ? -EAGAIN : cr_process_fork();
    if (*pid == 0 && spawn->orphan) {
        (void)setsid();
        *pid = cr_process_fork();
        if (*pid) {
            if (*pid < 0)
                (void)cr_word_say(line[1], CR_WORD_FAILED, *pid);
            _exit(0);
        }
    }
    if (*pid == 0) {
        (void)close(line[0]); /* else it would not see that end */
        become(spawn, line[1], parent);
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return *pid < 0 ? *pid : 0;
}
