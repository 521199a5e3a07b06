/* hello.c: one task says hello, the first one waits for it. */
#include <coir/runtime.h>
#include <stdio.h>

static int
greet(void *arg)
{
    printf("hello from %s, %s\n", coir_task_name(coir_self()), (const char *)arg);
    return 42;
}

static int
first(void *arg)
{
    struct coir_task *task;
    int answer;
    int error = coir_go(greet, "world", &(struct coir_task_options){.name = "greeter"}, &task);
    (void)arg;
    if (error)
        return error;
    error = coir_join(task, &answer, coir_after(1 * COIR_SECOND));
    printf("it answered %d\n", error ? error : answer);
    return error;
}

int
main(void)
{
    return coir_run(first, NULL, NULL) != 0;
}
