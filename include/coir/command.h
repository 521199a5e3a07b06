/* coir/command.h: another program, with streams to it.
 *
 * It has descriptors 0, 1 and 2 and no other, its signals as a program begins with, and a process group of its own, so that
 * what it starts can be ended with it. It ends by SIGKILL with the thread that has opened it (a worker is there until its
 * runtime ends), unless it is an orphan. One task at a time uses a command; its streams are streams like all others. */
#ifndef COIR_COMMAND_H
#define COIR_COMMAND_H

#include <coir/base.h>
#include <coir/buffer.h>
#include <coir/stream.h>
#include <sys/types.h>

COIR_BEGIN

struct coir_command;

enum coir_redirect {
    COIR_INHERIT,    /* it is this program's own */
    COIR_PIPE,       /* a stream: coir_command_input and its kin */
    COIR_DISCARD,    /* /dev/null */
    COIR_WITH_OUTPUT /* of error only: it goes where output goes */
};

struct coir_command_options {
    enum coir_redirect input, output, error;
    const char *directory;          /* to begin in; NULL: this program's */
    const char *const *environment; /* "NAME=value" ..., NULL; NULL: this program's */
    bool keep_group; /* no process group of its own: the terminal's keys reach it, and kill only itself */
    bool orphan; /* it may outlive this program, in a session of its own; how it ended is not known then (-ECHILD) */
    uint64_t reserved[4];
};

/* Starts argv[0], looked for in PATH unless it has a slash, with these arguments (argv ends with NULL); options may be NULL.
 * -ENOENT: no such program, or directory; -EACCES, -EAGAIN, -EMFILE, -ENOMEM ... The worker's thread waits while the kernel
 * copies page tables (fork). */
COIR_EXPORT int coir_command_open(const char *const *argv, const struct coir_command_options *options,
                                  struct coir_command **command, coir_time deadline);

/* Its streams: the command's own, closed with it; NULL unless COIR_PIPE. coir_stream_shutdown on its input tells it the end. */
COIR_EXPORT struct coir_stream *coir_command_input(struct coir_command *command);
COIR_EXPORT struct coir_stream *coir_command_output(struct coir_command *command);
COIR_EXPORT struct coir_stream *coir_command_error(struct coir_command *command);

/* Writes size bytes to its input and ends that, appends what it says to output and error (NULL: it is thrown away) up to their
 * ends, all at the same time, and waits until it has ended: 0. That it does not read its input is no failure. -EMSGSIZE: a
 * buffer's limit; -EINVAL: input without COIR_PIPE. After a failure the buffers have what came before. Once. In a plain thread
 * it runs a runtime of its own. */
COIR_EXPORT int coir_command_communicate(struct coir_command *command, const void *input, size_t size,
                                         struct coir_buffer *output, struct coir_buffer *error, coir_time deadline);

/* Until it has ended: 0, and *status (may be NULL) is its exit code, -(COIR_KILLED + signal), or -ECHILD: somebody else has
 * waited for it. As often as you like. Its number stays its own until coir_command_close: ps lists it as ended. */
COIR_EXPORT int coir_command_wait(struct coir_command *command, int *status, coir_time deadline);

/* Sends a signal to its whole group, from any task. -ESRCH: nobody is left there. */
COIR_EXPORT int coir_command_kill(struct coir_command *command, int signal);

COIR_EXPORT pid_t coir_command_pid(const struct coir_command *command);

/* Suspends, as long as the kernel takes: kills its whole group (an orphan is left alone), waits for its end, closes its
 * streams, frees. Of NULL nothing. */
COIR_EXPORT void coir_command_close(struct coir_command *command);

COIR_END

#endif
