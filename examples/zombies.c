/* zombies.c: a child that has ended stays in the process table until its parent has asked how: a zombie. Here is one, then the
 * three ways to have none that every Unix programmer knows, and then coir, where there is nothing to think of. */
#include <coir/runtime.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

/* The letter of its state in /proc; '-': there is no such process. */
static char
state_of(pid_t pid)
{
    char path[32], state = '-';
    FILE *file;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    file = fopen(path, "r");
    if (!file)
        return '-';
    if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
        state = '?';
    fclose(file);
    return state;
}

static pid_t
child_that_ends(void)
{
    siginfo_t end;
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    (void)waitid(P_PID, (id_t)child, &end, WEXITED | WNOWAIT); /* until it has, without taking its status */
    return child;
}

static void
wait_for_it(void)
{
    pid_t child = child_that_ends();
    printf("nobody has waited: state %c, a zombie\n", state_of(child));
    (void)waitpid(child, NULL, 0);
    printf("1. waited for: state %c\n", state_of(child));
}

/* The child forks again and ends; whose parent has ended is init's, which waits. */
static void
fork_twice(void)
{
    int ends[2];
    char said = '?';
    pid_t self = getpid(), child;
    if (pipe(ends))
        return;
    child = fork();
    if (child == 0) {
        pid_t middle = getpid();
        if (fork() == 0) {
            while (getppid() == middle)
                usleep(100);
            _exit(write(ends[1], getppid() == self ? "y" : "n", 1) != 1);
        }
        _exit(0);
    }
    (void)waitpid(child, NULL, 0);
    if (read(ends[0], &said, 1) == 1)
        printf("2. forked twice: is the grandchild ours to wait for? %c\n", said);
    close(ends[0]);
    close(ends[1]);
}

static void
ignore_the_signal(void)
{
    pid_t child;
    signal(SIGCHLD, SIG_IGN);
    child = fork();
    if (child == 0)
        _exit(0);
    if (waitpid(child, NULL, 0) < 0 && errno == ECHILD) /* which first waits until it has ended */
        printf("3. SIGCHLD ignored: state %c, and how it ended nobody knows\n", state_of(child));
    signal(SIGCHLD, SIG_DFL);
}

static int
answer(void *arg)
{
    (void)arg;
    return 42;
}

static int
first(void *arg)
{
    struct coir_task *task;
    int result = 0, error = coir_go(answer, NULL, &(struct coir_task_options){.carrier = COIR_ON_PROCESS}, &task);
    pid_t pid;
    (void)arg;
    if (error)
        return error;
    while (coir_task_is_alive(task)) /* nobody joins it */
        coir_yield();
    pid = coir_task_pid(task);
    printf("coir, not even joined: state %c\n", state_of(pid));
    error = coir_join(task, &result, COIR_NEVER);
    printf("and how it ended is known: %d\n", result);
    return error;
}

int
main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0); /* a child has no lines of ours to print */
    wait_for_it();
    fork_twice();
    ignore_the_signal();
    return coir_run(first, NULL, &(struct coir_runtime_options){.processes = true}) != 0;
}
