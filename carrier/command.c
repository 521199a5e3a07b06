/* carrier/command.c: another program, and the three streams to it.
 *
 * The child is forked (backend/spawn.c) and says on a line who it is, and why it could not become the program; the line ends
 * with its exec. Its status is looked at without taking it: until the command is closed its number, which is its group's,
 * cannot be anybody else's, so the group can be killed also after its first process has ended.
 *
 * To communicate is three tasks in a scope, so no pipe can be full because another one is read first. */
#include "backend/descriptor.h"
#include "backend/process.h"
#include "backend/spawn.h"
#include "base/memory.h"
#include "sched/runtime.h"
#include "sched/watch.h"
#include <coir/command.h>
#include <coir/scope.h>

#include <signal.h>

struct coir_command {
    struct cr_watched watched;
    struct coir_stream *streams[3]; /* input, output, error; NULL: none */
    bool own_group, orphan;
    bool has_ended; /* with this: */
    int status;
};

/* ---- Opening ---- */

/* The three descriptors of the child, and ours. -1: none. Those that have been opened are above 2: whatever is there, or is not,
 * is the child's to inherit. */
struct ends {
    int its[3], ours[3];
};

static int
above_two(int fd)
{
    int above;
    if (fd < 0 || fd > 2)
        return fd;
    above = cr_process_duplicate(fd);
    (void)cr_world.close(fd);
    return above;
}

static int
both_above_two(int ends[2])
{
    ends[0] = above_two(ends[0]);
    ends[1] = above_two(ends[1]);
    if (ends[0] >= 0 && ends[1] >= 0)
        return 0;
    for (int i = 0; i < 2; i++)
        if (ends[i] >= 0)
            (void)cr_world.close(ends[i]);
    return ends[0] < 0 ? ends[0] : ends[1];
}

static void
close_all(int fds[3])
{
    for (int i = 0; i < 3; i++)
        if (fds[i] > 2)
            (void)cr_world.close(fds[i]);
}

static int
open_end(struct ends *ends, int which, enum coir_redirect redirect)
{
    int pipe[2], error;
    switch (redirect) {
    case COIR_INHERIT:
        ends->its[which] = which;
        return 0;
    case COIR_PIPE:
        error = cr_spawn_pipe(pipe);
        if (!error)
            error = both_above_two(pipe);
        if (error)
            return error;
        ends->its[which] = pipe[which != 0];
        ends->ours[which] = pipe[which == 0];
        return 0;
    case COIR_DISCARD:
        ends->its[which] = above_two(cr_spawn_nothing());
        return ends->its[which] < 0 ? ends->its[which] : 0;
    case COIR_WITH_OUTPUT:
        break;
    }
    return cr_fail(-EINVAL, "coir_command_open: COIR_WITH_OUTPUT is for error only");
}

static int
open_ends(struct ends *ends, const struct coir_command_options *options)
{
    int error = open_end(ends, 0, options->input);
    if (!error)
        error = open_end(ends, 1, options->output);
    if (!error && options->error != COIR_WITH_OUTPUT)
        error = open_end(ends, 2, options->error);
    return error;
}

static int
make_streams(struct coir_command *command, struct ends *ends)
{
    for (int i = 0; i < 3; i++) {
        int error = ends->ours[i] < 0 ? 0 : coir_stream_from(ends->ours[i], &command->streams[i]);
        if (error)
            return error;
        ends->ours[i] = -1; /* the stream's */
    }
    return 0;
}

static void
close_streams(struct coir_command *command)
{
    for (int i = 0; i < 3; i++)
        (void)coir_stream_close(command->streams[i]);
}

static void
kill_all(struct coir_command *command)
{
    (void)cr_watch_kill(&command->watched, SIGKILL, command->own_group);
    (void)cr_watch_kill(&command->watched, SIGKILL, false); /* it may be before its setpgid */
}

/* Until the child has become the program: 0. An orphan becomes it when it is told to, and we know who it is: so it does not
 * without us, whatever fails here. */
static int
await_program(struct coir_command *command, int line, const char *name, coir_time deadline)
{
    static const struct cr_edge_kind kind = {.text = "a program to start"};
    static const struct cr_edge edge = {.kind = &kind};
    struct cr_words words = {.have = 0};
    const struct cr_word *word = &words.word;
    int came;
    while ((came = cr_words_await(line, &words, &edge, deadline)) == 1) {
        if (word->kind == CR_WORD_FAILED)
            return cr_fail(word->value, "coir_command_open: %s: %s", name, coir_error_text(word->value));
        if (command->orphan) { /* a child of ours was known before */
            cr_watch_begin(&command->watched, word->value);
            (void)cr_word_say(line, CR_WORD_GO, 0);
        }
    }
    if (came && command->orphan)
        kill_all(command);
    return came;
}

static int
start(struct coir_command *command, const struct cr_spawn *spawn, coir_time deadline)
{
    int line[2], status, error = cr_world.pair(line);
    pid_t pid;
    if (!error)
        error = both_above_two(line);
    if (error)
        return error;
    error = cr_descriptor_check(line[0]);
    if (!error)
        error = cr_spawn(spawn, line, &pid);
    (void)cr_world.close(line[1]);
    if (!error) {
        if (!spawn->orphan)
            cr_watch_begin(&command->watched, pid);
        error = await_program(command, line[0], spawn->argv[0], deadline);
        if (spawn->orphan) { /* the one between us and it */
            struct cr_watched between = {.fd = -1};
            COIR_SHIELD();
            cr_watch_begin(&between, pid);
            (void)cr_watch_await(&between, &status, COIR_NEVER);
            cr_watch_end(&between);
        }
    }
    (void)cr_descriptor_close(line[0]);
    return error;
}

static void
end(struct coir_command *command)
{
    int status;
    COIR_SHIELD();
    if (command->watched.number && !command->orphan) {
        kill_all(command);
        if (!command->has_ended)
            (void)cr_watch_await(&command->watched, &status, COIR_NEVER);
        cr_watch_reap(&command->watched);
    }
    cr_watch_end(&command->watched);
}

int
coir_command_open(const char *const *argv, const struct coir_command_options *wanted, struct coir_command **opened,
                  coir_time deadline)
{
    struct coir_command_options options = wanted ? *wanted : (struct coir_command_options){.input = COIR_INHERIT};
    struct cr_spawn spawn = {.argv = argv,
                             .environment = options.environment,
                             .directory = options.directory,
                             .own_group = !options.keep_group,
                             .orphan = options.orphan};
    struct ends ends = {{-1, -1, -1}, {-1, -1, -1}};
    struct coir_command *command;
    int error = cr_enter(cr_task_self(), deadline);
    *opened = NULL;
    if (error)
        return error;
    command = cr_alloc_zero(sizeof *command);
    if (!command)
        return -ENOMEM;
    command->own_group = spawn.own_group;
    command->orphan = options.orphan;
    command->watched = (struct cr_watched){.fd = -1, .is_strange = options.orphan, .is_left = true};
    error = open_ends(&ends, &options);
    if (!error)
        error = make_streams(command, &ends);
    if (!error) {
        for (int i = 0; i < 3; i++)
            spawn.fds[i] = ends.its[i] >= 0 ? ends.its[i] : ends.its[1];
        error = start(command, &spawn, deadline);
    }
    close_all(ends.its);
    close_all(ends.ours);
    if (error) {
        end(command);
        close_streams(command);
        cr_free(command);
        return error;
    }
    *opened = command;
    return 0;
}

/* ---- Its streams ---- */

struct coir_stream *
coir_command_input(struct coir_command *command)
{
    return command->streams[0];
}

struct coir_stream *
coir_command_output(struct coir_command *command)
{
    return command->streams[1];
}

struct coir_stream *
coir_command_error(struct coir_command *command)
{
    return command->streams[2];
}

/* What a task of communicate has to do. */
struct part {
    struct coir_stream *stream;
    const void *input;
    size_t size;
    struct coir_buffer *buffer;
};

struct talk {
    struct coir_command *command;
    struct part parts[3];
    coir_time deadline;
};

static int
feed(void *arg)
{
    struct part *part = arg;
    int error = part->size ? coir_stream_write(part->stream, part->input, part->size, COIR_NEVER) : 0;
    if (!error)
        error = coir_stream_shutdown(part->stream, COIR_NEVER);
    return error == -EPIPE ? 0 : error; /* it has read as much as it wanted */
}

static int
throw_away(struct coir_stream *stream)
{
    char bytes[4096];
    ssize_t count;
    do
        count = coir_stream_read(stream, bytes, sizeof bytes, COIR_NEVER);
    while (count > 0);
    return (int)count;
}

static int
collect(void *arg)
{
    struct part *part = arg;
    return part->buffer ? coir_stream_read_rest(part->stream, part->buffer, COIR_NEVER) : throw_away(part->stream);
}

static int
communicate(void *arg)
{
    struct talk *talk = arg;
    COIR_SCOPE(scope);
    int error = 0;
    for (int i = 0; i < 3 && !error; i++)
        if (talk->parts[i].stream)
            error = coir_scope_go(&scope, i ? collect : feed, &talk->parts[i], NULL);
    if (error)
        coir_scope_cancel(&scope); /* else the others would wait for the part that is missing */
    error = coir_scope_wait(&scope, talk->deadline);
    return error ? error : coir_command_wait(talk->command, NULL, talk->deadline);
}

int
coir_command_communicate(struct coir_command *command, const void *input, size_t size, struct coir_buffer *output,
                         struct coir_buffer *error, coir_time deadline)
{
    struct talk talk = {.command = command,
                        .parts = {{command->streams[0], input, size, NULL},
                                  {command->streams[1], NULL, 0, output},
                                  {command->streams[2], NULL, 0, error}},
                        .deadline = deadline};
    int result = cr_enter(cr_task_self(), deadline);
    if (result)
        return result;
    if (size && !command->streams[0])
        return cr_fail(-EINVAL, "coir_command_communicate: its input is no stream; open it with input COIR_PIPE");
    if (coir_runtime_self())
        return communicate(&talk);
    return coir_run(communicate, &talk, &(struct coir_runtime_options){.workers = 1, .no_overflow_report = true});
}

/* ---- Its end ---- */

int
coir_command_wait(struct coir_command *command, int *status, coir_time deadline)
{
    int error = cr_enter(cr_task_self(), deadline);
    if (!error && !command->has_ended) {
        error = cr_watch_await(&command->watched, &command->status, deadline);
        command->has_ended = !error;
    }
    if (!error && status)
        *status = command->status;
    return error;
}

int
coir_command_kill(struct coir_command *command, int signal)
{
    return cr_watch_kill(&command->watched, signal, command->own_group);
}

pid_t
coir_command_pid(const struct coir_command *command)
{
    return command->watched.number;
}

void
coir_command_close(struct coir_command *command)
{
    if (!command)
        return;
    end(command);
    close_streams(command);
    cr_free(command);
}
