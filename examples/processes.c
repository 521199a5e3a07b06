/* processes.c: a parent and its children. Each child is a task on a process: it has its own copy of what it is given and of all
 * memory, and its result comes back by join, whether it returned, left by exit, or was killed. Before all that, the old way: a
 * fork, after which both sides go on where they are. */
#include <coir/runtime.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHILDREN = 3 };
static int counter = 100; /* every process has one */

struct job {
    int from, to;
};

static int
add_up(void *arg)
{
    const struct job *job = arg;
    int sum = 0;
    for (int i = job->from; i < job->to; i++)
        sum += i;
    counter += sum; /* nobody else sees that */
    return sum;
}

static int
leave(void *arg)
{
    (void)arg;
    exit(3);
}

static int
sleep_on(void *arg)
{
    (void)arg;
    return coir_sleep(COIR_NEVER);
}

static int
start(coir_function *function, const struct job *job, struct coir_task **child)
{
    struct coir_task_options options = {.name = "child", .carrier = COIR_ON_PROCESS, .arg_size = job ? sizeof *job : 0};
    return coir_go(function, (void *)job, &options, child);
}

static int
end_of(struct coir_task *child)
{
    int result = 0, error = coir_join(child, &result, coir_after(20 * COIR_SECOND));
    return error ? error : result;
}

static int
parent(void *arg)
{
    struct coir_task *children[CHILDREN];
    int result, total = 0;
    (void)arg;
    for (int i = 0; i < CHILDREN; i++) /* they run at the same time */
        if (start(add_up, &(struct job){i * 100, (i + 1) * 100}, &children[i]))
            return -1;
    for (int i = 0; i < CHILDREN; i++) {
        result = end_of(children[i]);
        printf("child %d: %d\n", i, result);
        total += result;
    }
    printf("together %d; the parent's counter is still %d\n", total, counter);

    if (start(leave, NULL, &children[0]) || start(sleep_on, NULL, &children[1]) || start(sleep_on, NULL, &children[2]))
        return -1;
    printf("one left with code %d\n", end_of(children[0]));
    while (!coir_task_pid(children[1]) || !coir_task_pid(children[2]))
        coir_yield(); /* who is canceled before it has begun does not begin */
    coir_cancel(children[1]);
    printf("one was told to end: %s\n", coir_error_text(end_of(children[1])));
    coir_task_kill(children[2], SIGKILL);
    result = end_of(children[2]);
    printf("one was ended by signal %d: %s\n", coir_killed_by(result), coir_error_text(result));
    return 0;
}

static int
count_in_tasks(void *arg)
{
    struct coir_task *task;
    int result = 0;
    if (coir_go(add_up, arg, NULL, &task) || coir_join(task, &result, COIR_NEVER))
        return -1;
    return result;
}

/* Only where there is no runtime yet: each side may have its own then. */
static int
fork_plainly(void)
{
    int status = 0;
    pid_t child = coir_fork();
    if (child < 0)
        return child;
    if (child == 0)
        exit(coir_run(count_in_tasks, &(struct job){0, 10}, NULL)); /* a code has eight bits */
    if (waitpid(child, &status, 0) != child)
        return -1;
    printf("forked: code %d\n", WEXITSTATUS(status));
    return 0;
}

int
main(void)
{
    if (fork_plainly())
        return 1;
    return coir_run(parent, NULL, &(struct coir_runtime_options){.processes = true}) != 0;
}
