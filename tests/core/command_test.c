/* command_test.c: other programs: their ends, their streams, what they are given, and that nothing is left of them. What is to be seen
 * of processes that are not ours is seen by a pipe that they hold as standard error. */
#include "core.h"

#include <coir/command.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct coir_command_options all_pipes = {.input = COIR_PIPE, .output = COIR_PIPE, .error = COIR_PIPE};

/* "sh -c SCRIPT". */
static struct coir_command *
run(const char *script, const struct coir_command_options *options)
{
    const char *argv[] = {"sh", "-c", script, NULL};
    struct coir_command *command;
    int error = coir_command_open(argv, options, &command, core_soon());
    if (error)
        ck_abort_msg("%s: %d, %s", script, error, coir_error_detail());
    return command;
}

static int
status_of(struct coir_command *command)
{
    int status = -1;
    MUST_BE(coir_command_wait(command, &status, core_soon()), 0);
    return status;
}

static void
must_say(struct coir_command *command, const char *wanted)
{
    struct coir_buffer said = COIR_BUFFER_INIT(1000);
    MUST_BE(coir_command_communicate(command, NULL, 0, &said, NULL, core_soon()), 0);
    MUST(said.size);
    if (strcmp(said.bytes, wanted) != 0)
        ck_abort_msg("it said '%s', not '%s'", said.bytes, wanted);
    coir_buffer_fini(&said);
    coir_command_close(command);
}

/* What each body leaves behind is nothing; played by a fiber, and by a thread. */
static void
play(coir_function *body)
{
    int before = core_open_descriptors(), status;
    for (int cast = 0; cast < 2; cast++) {
        core_play(cast ? CORE_THREADS : CORE_DEFAULT, body, NULL);
        MUST_BE(waitpid(-1, &status, WNOHANG), -1);
        MUST_BE(errno, ECHILD);
    }
    MUST(core_open_descriptors() <= before + 1); /* this thread's bell */
}

/* ---- Ends ---- */

static int
see_ends(void *arg)
{
    struct coir_command *command = run("exit 7", NULL);
    int status;
    (void)arg;
    MUST(coir_command_pid(command) > 0);
    MUST_BE(status_of(command), 7);
    MUST_BE(status_of(command), 7);
    MUST(!coir_command_input(command) && !coir_command_output(command) && !coir_command_error(command));
    coir_command_close(command);
    command = run("kill -TERM $$; exit 1", NULL); /* not blocked, though our workers block it */
    MUST_BE(coir_killed_by(status_of(command)), SIGTERM);
    coir_command_close(command);
    command = run("exec sleep 100", NULL);
    MUST_BE(coir_command_wait(command, &status, COIR_NOW), -EAGAIN);
    MUST_BE(coir_command_wait(command, &status, coir_after(20 * COIR_MS)), -ETIMEDOUT);
    MUST_BE(coir_command_kill(command, SIGKILL), 0);
    MUST_BE(coir_killed_by(status_of(command)), SIGKILL);
    coir_command_close(command);
    coir_command_close(run("exec sleep 100", NULL)); /* at once */
    coir_command_close(NULL);
    return 0;
}

START_TEST(how_it_ended)
{
    play(see_ends);
}
END_TEST

static int
refuse(void *arg)
{
    static const char *const none[] = {"no-such-program-here", NULL};
    static const char *const folder[] = {"/", NULL};
    static const char *const sh[] = {"sh", "-c", "exit 0", NULL};
    struct coir_command *command = arg;
    MUST_BE(coir_command_open(none, NULL, &command, core_soon()), -ENOENT);
    MUST(!command);
    MUST(strstr(coir_error_detail(), "no-such-program-here"));
    MUST_BE(coir_command_open(folder, &all_pipes, &command, core_soon()), -EACCES);
    MUST_BE(
        coir_command_open(sh, &(struct coir_command_options){.directory = "/no/such/folder"}, &command, core_soon()),
        -ENOENT);
    MUST_BE(coir_command_open(sh, &(struct coir_command_options){.output = COIR_WITH_OUTPUT}, &command, core_soon()),
            -EINVAL);
    command = run("exit 0", NULL);
    MUST_BE(coir_command_communicate(command, "x", 1, NULL, NULL, core_soon()), -EINVAL);
    coir_command_close(command);
    return 0;
}

START_TEST(refusals)
{
    play(refuse);
}
END_TEST

/* ---- Streams ---- */

static int
talk(void *arg)
{
    struct coir_command *command = run("while read line; do echo \"<$line>\"; done; echo over >&2", &all_pipes);
    char line[100];
    (void)arg;
    for (int i = 0; i < 3; i++) {
        MUST_BE(coir_stream_print(coir_command_input(command), core_soon(), "line %d\n", i), 0);
        MUST_BE(coir_stream_read_line(coir_command_output(command), line, sizeof line, core_soon()), 8);
        MUST(strncmp(line, "<line ", 6) == 0 && line[6] == '0' + i);
    }
    MUST_BE(coir_stream_shutdown(coir_command_input(command), core_soon()), 0);
    MUST_BE(coir_stream_read_line(coir_command_output(command), line, sizeof line, core_soon()), -EPIPE);
    MUST_BE(coir_stream_read_line(coir_command_error(command), line, sizeof line, core_soon()), 4);
    MUST_BE(status_of(command), 0);
    coir_command_close(command);
    return 0;
}

START_TEST(streams_to_it)
{
    play(talk);
}
END_TEST

static int
give_things(void *arg)
{
    static const char *const environment[] = {"NAME=value", "PATH=/usr/bin:/bin", NULL};
    struct coir_command_options options = {
        .input = COIR_DISCARD, .output = COIR_PIPE, .error = COIR_WITH_OUTPUT, .directory = "/usr"};
    (void)arg;
    must_say(run("pwd; echo $HOME-$NAME >&2; read line || echo end",
                 &(struct coir_command_options){.input = COIR_DISCARD,
                                                .output = COIR_PIPE,
                                                .error = COIR_WITH_OUTPUT,
                                                .directory = "/usr",
                                                .environment = environment}),
             "/usr\n-value\nend\n");
    must_say(run("ls /proc/self/fd", &options), "0\n1\n2\n3\n"); /* 3 is the folder that ls reads */
    must_say(run("test $(cut -d' ' -f5 /proc/$$/stat) = $$ && echo own", &options), "own\n");
    options.keep_group = true;
    must_say(run("test $(cut -d' ' -f5 /proc/$$/stat) = $$ || echo shared", &options), "shared\n");
    return 0;
}

START_TEST(what_it_is_given)
{
    play(give_things);
}
END_TEST

/* More than pipes hold, both ways, and something else meanwhile. */
static int
communicate(void *arg)
{
    enum { SIZE = 1 << 20 };
    char *bytes = malloc(SIZE);
    struct coir_buffer output = COIR_BUFFER_INIT(2 * SIZE), error = COIR_BUFFER_INIT(2 * SIZE);
    struct coir_command *command = run("head -c 300000 /dev/zero >&2; cat; head -c 300000 /dev/zero >&2", &all_pipes);
    (void)arg;
    MUST(bytes);
    for (int i = 0; i < SIZE; i++)
        bytes[i] = (char)(i * 31 + i / 4096);
    MUST_BE(coir_command_communicate(command, bytes, SIZE, &output, &error, core_soon()), 0);
    MUST_BE(output.size, SIZE);
    MUST(memcmp(output.bytes, bytes, SIZE) == 0);
    MUST_BE(error.size, 600000);
    MUST_BE(status_of(command), 0);
    coir_command_close(command);

    command = run("exit 3", &all_pipes); /* it does not want its input */
    MUST_BE(coir_command_communicate(command, bytes, SIZE, NULL, NULL, core_soon()), 0);
    MUST_BE(status_of(command), 3);
    coir_command_close(command);

    output.limit = output.size + 1000;
    command = run("cat /dev/zero", &all_pipes);
    MUST_BE(coir_command_communicate(command, NULL, 0, &output, NULL, core_soon()), -EMSGSIZE);
    coir_command_close(command);

    coir_buffer_clear(&error);
    command = run("echo said >&2; exec sleep 100", &all_pipes);
    MUST_BE(coir_command_communicate(command, NULL, 0, NULL, &error, coir_after(300 * COIR_MS)), -ETIMEDOUT);
    MUST(error.size == 0 || strcmp(error.bytes, "said\n") == 0); /* it may not have come so far */
    coir_command_close(command);
    coir_buffer_fini(&output);
    coir_buffer_fini(&error);
    free(bytes);
    return 0;
}

START_TEST(communicate_with_full_pipes)
{
    play(communicate);
}
END_TEST

/* ---- Groups and those that are left ---- */

static int witness, former; /* what commands have as standard error is a pipe that we read */

static void
listen_to_errors(void)
{
    int ends[2];
    MUST_BE(pipe(ends), 0);
    witness = ends[0];
    former = dup(STDERR_FILENO);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
}

static void
listen_no_more(void)
{
    dup2(former, STDERR_FILENO);
    close(former);
}

/* What they say until all of them have ended. */
static void
must_end_saying(const char *wanted)
{
    struct pollfd poller = {.fd = witness, .events = POLLIN};
    char said[100];
    size_t length = 0;
    ssize_t count;
    do {
        MUST_BE(poll(&poller, 1, 20000), 1);
        count = read(witness, said + length, sizeof said - 1 - length);
        MUST(count >= 0);
        length += (size_t)count;
    } while (count);
    said[length] = '\0';
    close(witness);
    if (strcmp(said, wanted) != 0)
        ck_abort_msg("they said '%s', not '%s'", said, wanted);
}

static int
end_groups(void *arg)
{
    static const char *const scripts[] = {"sleep 100 & sleep 100 & echo >&1; wait", "sleep 100 & echo >&1; exit 0"};
    struct coir_command *command;
    char line[10];
    (void)arg;
    for (int i = 0; i < 4; i++) {
        listen_to_errors();
        command = run(scripts[i % 2], &(struct coir_command_options){.output = COIR_PIPE});
        listen_no_more();
        MUST_BE(coir_stream_read_line(coir_command_output(command), line, sizeof line, core_soon()), 0);
        if (i % 2)
            MUST_BE(status_of(command), 0); /* the first of them has ended, another one has not */
        if (i < 2)
            MUST_BE(coir_command_kill(command, SIGTERM), 0);
        else
            coir_command_close(command);
        must_end_saying("");
        if (i < 2)
            coir_command_close(command);
    }
    return 0;
}

START_TEST(groups_end_together)
{
    play(end_groups);
}
END_TEST

static int
leave_orphan(void *arg)
{
    struct coir_command *command;
    (void)arg;
    listen_to_errors();
    command =
        run("read line; echo still there >&2", &(struct coir_command_options){.input = COIR_PIPE, .orphan = true});
    listen_no_more();
    MUST(coir_command_pid(command) > 0);
    MUST_BE(coir_command_wait(command, NULL, coir_after(10 * COIR_MS)), -ETIMEDOUT);
    coir_command_close(command); /* which ends its input, and nothing else */
    must_end_saying("still there\n");
    listen_to_errors();
    command = run("exec sleep 100", &(struct coir_command_options){.orphan = true});
    listen_no_more();
    MUST_BE(coir_command_kill(command, SIGKILL), 0);
    must_end_saying("");
    MUST_BE(status_of(command), -ECHILD);
    coir_command_close(command);
    return 0;
}

START_TEST(orphans)
{
    play(leave_orphan);
}
END_TEST

/* Whenever its opener loses patience: then there is none. */
static int
call_orphans_off(void *arg)
{
    static const char *const argv[] = {"sh", "-c", "exec sleep 100", NULL};
    static const struct coir_command_options orphan = {.orphan = true};
    int called_off = 0;
    (void)arg;
    for (int i = 0; i < 20; i++) {
        struct coir_command *command;
        int error;
        listen_to_errors();
        error = coir_command_open(argv, &orphan, &command, coir_after(1 + i * 100 * COIR_US));
        listen_no_more();
        if (error) {
            MUST_BE(error, -ETIMEDOUT);
            MUST(!command);
            called_off++;
        } else {
            MUST_BE(coir_command_kill(command, SIGKILL), 0);
            coir_command_close(command);
        }
        must_end_saying("");
    }
    MUST(called_off);
    return 0;
}

START_TEST(orphans_that_are_called_off)
{
    unsetenv("COIR_CHAOS");
    play(call_orphans_off);
}
END_TEST

/* 0 and 1 are closed here: what is opened must not be taken for what is inherited. */
static int
run_without_the_first_two(void *arg)
{
    static const enum coir_redirect inputs[] = {COIR_PIPE, COIR_DISCARD};
    static const char *const argv[] = {"sh", "-c", "exit 0", NULL};
    int saved[2] = {dup(0), dup(1)}, before = core_open_descriptors();
    struct coir_command *command;
    (void)arg;
    close(0);
    close(1);
    for (int i = 0; i < 4; i++)
        must_say(run("echo x", &(struct coir_command_options){.input = inputs[i % 2], .output = COIR_PIPE}), "x\n");
    MUST_BE(coir_command_open(argv, NULL, &command, core_soon()), -EBADF); /* there is nothing to inherit */
    for (int i = 0; i < 2; i++) {
        dup2(saved[i], i);
        close(saved[i]);
    }
    MUST(core_open_descriptors() <= before - 2 + 1); /* this thread's bell */
    return 0;
}

START_TEST(without_standard_descriptors)
{
    play(run_without_the_first_two);
}
END_TEST

static int
ignore_children(void *arg)
{
    struct coir_command *command = run("exit 0", NULL);
    (void)arg;
    MUST_BE(status_of(command), -ECHILD);
    MUST(strstr(coir_error_detail(), "not known"));
    MUST_BE(coir_command_kill(command, SIGKILL), -ESRCH);
    coir_command_close(command);
    coir_command_close(run("exec sleep 100", NULL));
    return 0;
}

START_TEST(child_signals_ignored)
{
    signal(SIGCHLD, SIG_IGN);
    play(ignore_children);
}
END_TEST

static int
open_and_wait(void *arg)
{
    struct coir_command *command = run("echo begun >&2; exec sleep 100", NULL);
    (void)arg;
    return coir_command_wait(command, NULL, core_soon());
}

START_TEST(it_ends_with_the_program)
{
    pid_t program;
    char begun[6];
    int status;
    unsetenv("COIR_CHAOS"); /* it would be told there */
    listen_to_errors();
    program = fork();
    MUST(program >= 0);
    if (program == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(witness);
        core_run(1, open_and_wait, NULL);
        _exit(1);
    }
    listen_no_more();
    MUST_BE(read(witness, begun, sizeof begun), sizeof begun);
    MUST_BE(kill(program, SIGKILL), 0);
    must_end_saying("");
    MUST_BE(waitpid(program, &status, 0), program);
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_test(cases, how_it_ended);
    tcase_add_test(cases, refusals);
    tcase_add_test(cases, streams_to_it);
    tcase_add_test(cases, what_it_is_given);
    tcase_add_test(cases, communicate_with_full_pipes);
    tcase_add_test(cases, groups_end_together);
    tcase_add_test(cases, orphans);
    tcase_add_test(cases, orphans_that_are_called_off);
    tcase_add_test(cases, without_standard_descriptors);
    tcase_add_test(cases, child_signals_ignored);
    tcase_add_test(cases, it_ends_with_the_program);
}

int
main(void)
{
    return core_main("command", add);
}
