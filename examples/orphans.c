/* orphans.c: what becomes of processes when their program ends. The run does not wait for a daemon, but tells it to end; an
 * orphan is left alone, and goes on when the program is gone. The program is itself forked here, so that somebody is left
 * to hear what they say. */
#include <coir/runtime.h>
#include <coir/stream.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int
say(const char *what)
{
    return write(coir_task_descriptor(0), what, strlen(what)) == (ssize_t)strlen(what) ? 0 : -1;
}

static int
be_a_daemon(void *arg)
{
    (void)arg;
    if (say("daemon: here\n") || write(coir_task_descriptor(1), "!", 1) != 1)
        return -1;
    if (coir_sleep(coir_after(COIR_MINUTE)) != -ECANCELED)
        return -1;
    return say("daemon: told to end\n");
}

static int
be_an_orphan(void *arg)
{
    char byte;
    (void)arg;
    alarm(60);
    if (read(coir_task_descriptor(1), &byte, 1) != 0) /* it ends when nobody has the other end any more: the program */
        return -1;
    return say("orphan: the program is gone, and I am here\n");
}

/* What the program's tasks get. */
struct wires {
    int out, life, ready[2];
};

static int
program(void *arg)
{
    const struct wires *wires = arg;
    int to_daemon[2] = {wires->out, wires->ready[1]}, to_orphan[2] = {wires->out, wires->life};
    struct coir_task_options options = {.carrier = COIR_ON_PROCESS, .descriptor_count = 2};
    struct coir_stream *ready;
    char byte;
    int error;
    options.orphan = true;
    options.descriptors = to_orphan;
    error = coir_go(be_an_orphan, NULL, &options, NULL);
    options.orphan = false;
    options.daemon = true;
    options.descriptors = to_daemon;
    if (!error)
        error = coir_go(be_a_daemon, NULL, &options, NULL);
    if (!error)
        error = coir_stream_from(wires->ready[0], &ready);
    if (error)
        return error;
    error = coir_stream_read(ready, &byte, 1, coir_after(20 * COIR_SECOND)) == 1 ? 0 : -1;
    coir_stream_close(ready);
    return error; /* and so the run ends, but for daemons */
}

static int
be_the_program(int out)
{
    struct wires wires = {.out = out};
    int life[2], error;
    if (pipe(life) || pipe(wires.ready))
        return 1;
    wires.life = life[0];
    error = coir_run(program, &wires, &(struct coir_runtime_options){.processes = true});
    if (write(out, "program: the run is over\n", 25) != 25)
        error = -1;
    return error != 0;
}

int
main(void)
{
    char said[256];
    ssize_t size;
    int ends[2], status = -1;
    pid_t child;
    if (pipe(ends))
        return 1;
    child = fork();
    if (child == 0)
        _exit(be_the_program(ends[1]));
    close(ends[1]);
    while ((size = read(ends[0], said, sizeof said)) > 0) /* until all of them have ended */
        fwrite(said, 1, (size_t)size, stdout);
    if (child < 0 || waitpid(child, &status, 0) != child)
        return 1;
    return status != 0;
}
