/* coir/runtime.h: what tasks run in: some workers (threads), each with its own loop over one I/O model. */
#ifndef COIR_RUNTIME_H
#define COIR_RUNTIME_H

#include <coir/base.h>
#include <coir/log.h>
#include <coir/task.h>

COIR_BEGIN

struct coir_runtime;

/* fork() is allowed while a runtime is there (system(3) and libraries do it), for what follows it with exec or _exit: the child has one
 * of the runtime's threads only. The first call of coir in such a child that has to do with tasks stops it with a sentence.
 * Before a runtime, or after it, coir_fork is for both sides; in it tasks on processes are. */

/* What happens when a call would close a circle of tasks that wait for each other for ever; and when everyone waits, which
 * is when no task runs, no timer is set, no operation is under way, no helper thread is at work, and every thread of the
 * process that has called coir waits in it without a deadline. In each case the log names all of them, what they wait for,
 * and where that was taken. Threads that have never called coir make it a suspicion, which is one line in the log and
 * nothing else. (Signal handlers must not call coir.) */
enum coir_on_deadlock {
    COIR_DEADLOCK_ERROR, /* the call answers -EDEADLK, the others go on waiting; everyone waits: the process ends, code 3 */
    COIR_DEADLOCK_REPORT, /* the call waits, too; all wait on: for a debugger */
    COIR_DEADLOCK_ABORT   /* the process stops */
};

/* Zero in every member is the default; so is NULL for the options. COIR_CHAOS in the environment, for example "again=10
 * short_read=30 short_write=30 seed=1" (percent; the seed repeats the choices), makes sockets behave as badly as a kernel
 * may: for testing programs. */
struct coir_runtime_options {
    const char *name; /* copied; for logs and thread names */
    int workers;      /* 1 to 64; 0: one for each CPU this process may use (COIR_WORKERS in the environment overrides
                         a 0) */
    /* The I/O model under fibers: "epoll", "uring" (io_uring, where the library was built with it), "poll" (a wait looks at
     * all descriptors), "select" (the same, and only numbers below 1,024: else waits fail with -ERANGE); NULL: COIR_BACKEND
     * from the environment, else the best of these that the kernel does not refuse. By name only, to be looked at and
     * compared: "epoll-level" (level-triggered), "sigio" (real-time signals: takes SIGRTMIN + 5 and SIGIO, which stay
     * blocked in the calling thread, and changes O_ASYNC and the owner of descriptors it waits for), "spin" (no waiting call:
     * tries all operations again and again; a processor for each worker that waits for one). */
    const char *backend;
    /* Of tasks that do not say. COIR_CARRIER=thread in the environment runs all tasks, whatever they say, on threads: for
     * debuggers and profilers that do not know fibers. */
    enum coir_carrier carrier;
    size_t stack_size;  /* bytes of address space for a fiber, its guard included, a power of two from 64 KiB to
                            64 MiB; 0: 256 KiB, of which 64 KiB are guard */
    size_t task_limit;  /* tasks alive at once, at most 16,777,215; 0: that many */
    coir_log_sink *log; /* NULL: standard error */
    void *log_arg;
    enum coir_on_deadlock on_deadlock;
    bool processes; /* start the helper from which tasks on processes are forked. -EBUSY: there are other threads */
    bool no_overflow_report; /* do not install the handler that names a task whose stack overflows */
    uint64_t reserved[4];
};

/* Suspends its thread. Runs function as the first task of a new runtime, the calling thread being its first worker. Its
 * result, when all tasks but daemons have ended; or the -errno that kept it from starting, with a sentence in
 * coir_error_detail: -EINVAL (an option, or the environment), -EBUSY (called from a fiber), -ENOMEM, -EAGAIN (no thread), -EMFILE, and what
 * the kernel says of a named backend that it refuses. */
COIR_EXPORT int coir_run(coir_function *function, void *arg, const struct coir_runtime_options *options);

/* The same for a program with its own main loop: all workers are new threads. */
COIR_EXPORT int coir_runtime_start(const struct coir_runtime_options *options, struct coir_runtime **runtime);

/* Starts a task in it, from any thread; as coir_go. -EPIPE: the runtime is being stopped. A call that has begun before
 * coir_runtime_stop is through is waited for by it, and so is its task; after that there is no runtime to call. */
COIR_EXPORT int coir_runtime_go(struct coir_runtime *runtime, coir_function *function, void *arg,
                                const struct coir_task_options *options, struct coir_task **task);

/* Cancels all tasks, waits for their end, frees the runtime. -ETIMEDOUT: some still run, and the runtime is still there.
 * Handles of its tasks must have been joined or detached; handles left are valid for coir_join until then. Not from one
 * of its own tasks (-EBUSY). */
COIR_EXPORT int coir_runtime_stop(struct coir_runtime *runtime, coir_time deadline);

/* The current task's runtime, or NULL. */
COIR_EXPORT struct coir_runtime *coir_runtime_self(void);

/* The one that runs: "epoll" ...; static. */
COIR_EXPORT const char *coir_runtime_backend(const struct coir_runtime *runtime);

/* How many workers it has. */
COIR_EXPORT int coir_runtime_workers(const struct coir_runtime *runtime);

/* The number of the worker the calling fiber is on, from 0; -1 for a plain thread. A fiber never changes its worker once
 * it runs. */
COIR_EXPORT int coir_worker_self(void);

COIR_END

#endif
