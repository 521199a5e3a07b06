/* command.c: another program. The first one is given bytes and says what it makes of them, both at the same time, so that
 * no pipe fills up; the second one is talked to line by line; the third one does not end in time, and then is ended with
 * all that it has started. */
#include <coir/command.h>
#include <coir/runtime.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static int
sort_words(void)
{
    static const char *const argv[] = {"sort", "-u", NULL};
    static const char *const environment[] = {"LC_ALL=C", "PATH=/usr/bin:/bin", NULL};
    static const char words[] = "pear\napple\npear\nquince\napple\n";
    struct coir_command_options options = {.input = COIR_PIPE, .output = COIR_PIPE, .environment = environment};
    struct coir_buffer sorted = COIR_BUFFER_INIT(1000);
    struct coir_command *command;
    int status = -1, error = coir_command_open(argv, &options, &command, COIR_NEVER);
    if (!error)
        error = coir_command_communicate(command, words, strlen(words), &sorted, NULL, coir_after(20 * COIR_SECOND));
    if (!error)
        error = coir_command_wait(command, &status, COIR_NOW);
    if (!error)
        printf("%sended with %d\n", sorted.bytes, status);
    coir_command_close(command);
    coir_buffer_fini(&sorted);
    return error;
}

static int
talk(void)
{
    static const char *const argv[] = {"sh", "-c", "while read name; do echo \"hello, $name\"; done", NULL};
    static const char *const names[] = {"Ada", "Grace"};
    struct coir_command *command;
    char line[100];
    int error = coir_command_open(argv, &(struct coir_command_options){.input = COIR_PIPE, .output = COIR_PIPE},
                                  &command, COIR_NEVER);
    for (int i = 0; !error && i < 2; i++) {
        error = coir_stream_print(coir_command_input(command), coir_after(20 * COIR_SECOND), "%s\n", names[i]);
        if (!error &&
            coir_stream_read_line(coir_command_output(command), line, sizeof line, coir_after(20 * COIR_SECOND)) < 0)
            error = -EIO;
        if (!error)
            printf("%s\n", line);
    }
    coir_command_close(command);
    return error;
}

static int
lose_patience(void)
{
    static const char *const argv[] = {"sh", "-c", "sleep 1000 & sleep 1000; wait", NULL};
    struct coir_command *command;
    int status = 0, error = coir_command_open(argv, NULL, &command, COIR_NEVER);
    if (error)
        return error;
    error = coir_command_wait(command, &status, coir_after(100 * COIR_MS));
    printf("after 100 ms: %s\n", coir_error_text(error));
    (void)coir_command_kill(command, SIGTERM); /* the shell and both that it has started */
    error = coir_command_wait(command, &status, coir_after(20 * COIR_SECOND));
    printf("ended by signal %d\n", coir_killed_by(status));
    coir_command_close(command);
    return error;
}

static int
first(void *arg)
{
    static const char *const argv[] = {"no-such-program", NULL};
    struct coir_command *command;
    int error = sort_words();
    (void)arg;
    if (!error)
        error = talk();
    if (!error)
        error = lose_patience();
    if (coir_command_open(argv, NULL, &command, COIR_NEVER))
        printf("%s\n", coir_error_detail());
    return error;
}

int
main(void)
{
    return coir_run(first, NULL, NULL) != 0;
}
