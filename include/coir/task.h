/* coir/task.h: something that runs.
 *
 * A fiber never changes its thread once it runs, so errno and thread-locals (_Thread_local) are that thread's for all its
 * life, and their addresses stay. But they are shared: the thread's other fibers run whenever this one suspends, and may
 * write there. errno is read before the next call that suspends; what a task keeps is a struct coir_local. A plain thread's
 * are its own, as ever.
 *
 * In C++ a task throws and catches as any function does, and may suspend in between, also in a handler and in a destructor
 * on the way there: each fiber has exceptions of its own. None may leave a function that coir calls: one that leaves a
 * task's function ends the process (std::terminate). The C++ run time is there when the runtime starts: linked to the
 * program or to a library of it, not brought by dlopen later. */
#ifndef COIR_TASK_H
#define COIR_TASK_H

#include <coir/base.h>
#include <sys/types.h>

COIR_BEGIN

struct coir_task;

/* What a task runs on. A thread costs some ten microseconds to start, has its own stack (of the system's size), thread-locals
 * and errno, and may block in whatever it likes; fibers are for all else. All calls work on and between both.
 *
 * A process sees memory as it was when the runtime was started (coir_run), not as it is when coir_go is called: it is made by a
 * helper that was forked then (the runtime's option processes), and shares nothing with the program but 0 to 2, its copy of
 * the argument, and options.descriptors. It begins as a plain thread, in which it may call coir_run; chdir, limits and
 * signals that the program has changed since the start are not changed there. At the end it writes out what has been printed
 * and is gone: atexit functions are the program's. It is the program's child, but no wait() of the program's own sees it, and
 * SIGCHLD may be ignored. It ends by SIGKILL when the program does, unless it is an orphan. In the program it is a task like
 * all others; what it returns, or the code it calls exit with, is its result, or -(COIR_KILLED + n) if signal n ended it.
 * -ECHILD: the helper has been killed; -EMFILE: it may have no more descriptors. One that calls exec becomes a child like any other,
 * for so the kernel has it: SIGCHLD comes at its end, and a wait() for any child may take its status (-ECHILD then);
 * coir_command is made for programs. */
enum coir_carrier { COIR_ON_DEFAULT, COIR_ON_FIBER, COIR_ON_THREAD, COIR_ON_PROCESS };

struct coir_task_options {
    const char *name;          /* copied; 31 bytes are kept */
    enum coir_carrier carrier; /* 0: the runtime's default */
    size_t arg_size;         /* 0: the task gets arg itself; n (at most 65,536): its own copy of the n bytes there. For
                                  a process arg is NULL, or there is a size: else the program stops with a sentence */
    const int *descriptors;  /* duplicates of these go along with it, for coir_task_descriptor; */
    size_t descriptor_count; /* how many, at most 250 */
    bool daemon;             /* the run does not wait for it, but cancels it; a process gets SIGKILL a second later */
    bool orphan; /* a process that may outlive the program: the run does not wait for it, and leaves it alone. Its
                                  parent is not the program */
    uint64_t reserved[4];
};

/* Starts function(arg) as a task of the calling task's runtime. *task is the caller's, to be joined or detached; task
 * may be NULL. -ENOMEM; -EAGAIN: the runtime's task limit; -EINVAL: no runtime here; -ENOTSUP: a process, and the runtime has
 * been started without the option processes; -EBADF, -EMFILE: descriptors. Does not suspend. A stack, a thread or a process
 * that cannot be had is the task's result (-ENOMEM, -EAGAIN). */
COIR_EXPORT int coir_go(coir_function *function, void *arg, const struct coir_task_options *options,
                        struct coir_task **task);

/* The same, placed on the less loaded of two random workers instead of near the caller: for long-lived tasks, one for
 * each connection. */
COIR_EXPORT int coir_go_spread(coir_function *function, void *arg, const struct coir_task_options *options,
                               struct coir_task **task);

/* Waits for the task's end and frees the handle. *result (may be NULL): what its function returned. After a failure
 * the handle is still valid. -EDEADLK: a task that joins itself, or that the joined one waits for, by way of others
 * perhaps, without a deadline. */
COIR_EXPORT int coir_join(struct coir_task *task, int *result, coir_time deadline);

/* Gives the handle up unjoined; of NULL nothing. */
COIR_EXPORT void coir_detach(struct coir_task *task);

/* The task's waits fail with -ECANCELED from now on, each one, also when it need not wait; not with COIR_NOW, not for
 * locks, not inside COIR_SHIELD. Does not suspend. A process gets SIGTERM, which does the same to its first task: the function
 * it was started with, or the one it gives to coir_run; one that has not begun does not begin. */
COIR_EXPORT void coir_cancel(struct coir_task *task);

/* Whether the calling task has been canceled (by coir_cancel or by a scope it is inside). */
COIR_EXPORT bool coir_is_canceled(void);

/* Suspends. Lets others run; 0 or -ECANCELED. */
COIR_EXPORT int coir_yield(void);

/* Suspends. Until the deadline, never less: 0. COIR_NOW returns at once. COIR_NEVER sleeps until the task is canceled, and a
 * task that sleeps so is one of those that wait when "everyone waits" (coir/runtime.h). A program that is to stay until a
 * signal comes waits for that instead: it reads a pipe into which the signal's handler writes. -ECANCELED. */
COIR_EXPORT int coir_sleep(coir_time deadline);

/* Suspends; cannot be canceled. Runs a function that blocks on a helper thread; its result, or -EAGAIN if no helper
 * thread can be had. Outside a runtime it runs where it is. */
COIR_EXPORT int coir_offload(coir_function *function, void *arg);

COIR_EXPORT int coir_shield_enter(void);
COIR_EXPORT void coir_shield_leave(const int *shield);
/* To the end of the block the caller's waits work although it is canceled. */
#define COIR_SHIELD() int COIR_UNIQUE(shield) COIR_UNTIL_END(coir_shield_leave) = coir_shield_enter()

/* The calling task; never NULL, borrowed: threads that coir did not make have one, too. */
COIR_EXPORT struct coir_task *coir_self(void);

/* Its name, "" if it has none; lives as long as the handle. */
COIR_EXPORT const char *coir_task_name(const struct coir_task *task);

/* A number no other task of this process has had (36 bits of generation, 24 of slot). */
COIR_EXPORT uint64_t coir_task_id(const struct coir_task *task);

/* Whether its function has not returned yet. */
COIR_EXPORT bool coir_task_is_alive(const struct coir_task *task);

/* The process it runs in: of one on a process its own, 0 until it is there; of all others the program's. */
COIR_EXPORT pid_t coir_task_pid(const struct coir_task *task);

/* Sends a signal to a task on a process, SIGKILL for example. -ENOTSUP: it is on none; -ESRCH: it has ended, or not begun. */
COIR_EXPORT int coir_task_kill(struct coir_task *task, int signal);

/* The calling task's own duplicate of options.descriptors[index], close-on-exec; -EBADF: there is none. A fiber or thread
 * that has asked for it closes it; the others are closed at its end. */
COIR_EXPORT int coir_task_descriptor(size_t index);

/* fork(2) for two that both go on with coir: 0 in the child, its pid in the parent, whose child it is to wait for as ever
 * (waitpid). Only outside of runtimes and in a process with one thread, so that nothing is locked or half done that nobody
 * would finish in the child; each side may call coir_run afterwards. What has been printed is written out before. Memory is the
 * child's own, as it was at the call; descriptors are shared, so what waits on one by coir (struct coir_signals, a poller) is
 * opened after it. The child does not end with its parent by itself (prctl, PR_SET_PDEATHSIG). -EBUSY: there is a runtime,
 * in which tasks on processes are made for that; -ENOTSUP: other threads; -EAGAIN, -ENOMEM. Does not suspend. */
COIR_EXPORT pid_t coir_fork(void);

/* How many bytes of the calling fiber's stack have been used at most (the stack's high-water mark; earlier tasks on the
 * same stack count); 0 for a plain thread. Makes a system call: for tests and tuning. */
COIR_EXPORT size_t coir_stack_used(void);

/* A variable of which each task has its own value, not inherited. One static struct for each variable. */
struct coir_local {
    uintptr_t key;                /* private */
    void (*destroy)(void *value); /* may be NULL; runs when a task with a value other than NULL ends; may wait */
};
/* clang-format off */
#define COIR_LOCAL_INIT(destroy) {0, destroy}
/* clang-format on */

/* The caller's value; NULL until set. */
COIR_EXPORT void *coir_local_get(struct coir_local *local);
COIR_EXPORT int coir_local_set(struct coir_local *local, void *value); /* -ENOMEM */

COIR_END

#endif
