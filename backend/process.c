/* backend/process.c: see process.h.
 *
 * The clone is the bare system call, because the C library has none that leaves out the signal at the end. So it does what
 * the library would do for the child: the thread's number is written where the library keeps it (the kernel knows where:
 * PR_GET_TID_ADDRESS), and the list of robust mutexes is registered again. In a process with one thread nothing else is
 * to be mended: nobody else can have been inside malloc or a stream. */
#include "backend/process.h"
#include "base/fault.h"
#include <coir/base.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/single_threaded.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif
#ifndef PR_GET_TID_ADDRESS
#define PR_GET_TID_ADDRESS 40
#endif
#define BY_WATCH ((idtype_t)3) /* P_PIDFD */

#ifdef CR_TSAN
enum { CAN_CLONE = 0 }; /* it has a thread of its own, whose locks only fork knows to take */
#else
enum { CAN_CLONE = 1 };
#endif

static int
result_of(long answer)
{
    return answer < 0 ? -errno : (int)answer;
}

pid_t
cr_process_clone(bool sibling)
{
    long flags = CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | (sibling ? CLONE_PARENT : 0);
    void *thread_number = NULL, *robust = NULL;
    size_t robust_size = 0;
    int pid;
    if (!CAN_CLONE || prctl(PR_GET_TID_ADDRESS, &thread_number) ||
        syscall(SYS_get_robust_list, 0, &robust, &robust_size))
        return -ENOSYS;
    /* The last two are the child's number and the thread's storage, in an order that depends on the machine; the flags do
     * not speak of the storage. */
    pid = result_of(syscall(SYS_clone, flags, NULL, NULL, thread_number, thread_number));
    if (pid == 0)
        (void)syscall(SYS_set_robust_list, robust, robust_size);
    return pid;
}

pid_t
cr_process_fork(void)
{
    return result_of(fork());
}

pid_t
cr_process_fork_both(void)
{
    if (CR_FAIL(CR_FAULT_THREAD))
        return -EAGAIN;
    (void)fflush(NULL);
    return cr_process_fork();
}

int
cr_process_duplicate(int fd)
{
    return CR_FAIL(CR_FAULT_DESCRIPTOR) ? -EMFILE : result_of(fcntl(fd, F_DUPFD_CLOEXEC, 3));
}

pid_t
cr_process_self(void)
{
    return getpid();
}

bool
cr_process_is_single(void)
{
    return __libc_single_threaded;
}

bool
cr_process_is_first_thread(void)
{
    return syscall(SYS_gettid) == getpid();
}

int
cr_process_watch(pid_t pid)
{
    return result_of(syscall(SYS_pidfd_open, pid, 0));
}

int
cr_process_reap(pid_t pid, int watch, enum cr_reap how, int *result)
{
    static const int options[] = {[CR_REAP_NOW] = WNOHANG, [CR_REAP_WAIT] = 0, [CR_REAP_LEAVE] = WNOHANG | WNOWAIT};
    siginfo_t end = {.si_pid = 0};
    int answer;
    do
        answer = result_of(waitid(watch >= 0 ? BY_WATCH : P_PID, (id_t)(watch >= 0 ? watch : pid), &end,
                                  WEXITED | __WALL | options[how]));
    while (answer == -EINTR);
    if (answer)
        return answer;
    if (!end.si_pid)
        return -EAGAIN;
    *result = end.si_code == CLD_EXITED ? end.si_status : -(COIR_KILLED + end.si_status);
    return 0;
}

int
cr_process_kill(pid_t pid, int watch, int signal)
{
    return result_of(watch >= 0 ? syscall(SYS_pidfd_send_signal, watch, signal, NULL, 0) : kill(pid, signal));
}

int
cr_process_kill_group(pid_t group, int watch, int signal)
{
    int error = cr_process_kill(group, watch, 0);
    return error ? error : result_of(killpg(group, signal));
}

bool
cr_process_follow(pid_t parent, int signal)
{
    (void)prctl(PR_SET_PDEATHSIG, signal);
    return getppid() == parent; /* else it is too late to be told */
}

int
cr_process_stopped(pid_t pid, int watch)
{
    siginfo_t change = {.si_pid = 0};
    int error = result_of(waitid(watch >= 0 ? BY_WATCH : P_PID, (id_t)(watch >= 0 ? watch : pid), &change,
                                 WSTOPPED | WCONTINUED | __WALL | WNOHANG));
    return error ? error : !change.si_pid ? -EAGAIN : change.si_code == CLD_STOPPED;
}

void
cr_process_drop_handlers(void)
{
    struct sigaction action = {.sa_handler = SIG_DFL};
    for (int number = 1; number < NSIG; number++)
        (void)sigaction(number, &action, NULL); /* KILL and STOP say no */
}

void
cr_process_begin(const char *name, pid_t parent, void (*terminate)(int signal))
{
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigset_t none;
    (void)sigaction(SIGCHLD, &action, NULL);
    action.sa_handler = terminate;
    action.sa_flags = SA_RESTART;
    (void)sigaction(SIGTERM, &action, NULL);
    if (name[0])
        (void)prctl(PR_SET_NAME, name);
    if (parent && !cr_process_follow(parent, SIGKILL))
        _exit(1);
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

extern void __gcov_dump(void) __attribute__((weak));

void
cr_process_end(int result)
{
    (void)fflush(NULL);
    if (__gcov_dump)
        __gcov_dump();
    _exit(result >= 0 && result <= 255 ? result : 1);
}
