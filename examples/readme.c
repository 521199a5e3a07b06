/* The program of the README: two tasks count, in a scope that waits for both. */
#include <coir/runtime.h>
#include <coir/scope.h>
#include <stdio.h>

static int
count(void *arg)
{
    for (int i = 1; i <= 3; i++) {
        printf("%s %d\n", (const char *)arg, i);
        coir_sleep(coir_after(20 * COIR_MS));
    }
    return 0;
}

static int
first(void *arg)
{
    COIR_SCOPE(scope); /* nothing started in it outlives this block */
    coir_scope_go(&scope, count, "sheep", NULL);
    coir_scope_go(&scope, count, arg, NULL);
    return coir_scope_wait(&scope, coir_after(COIR_SECOND));
}

int
main(void)
{
    return coir_run(first, "goat", &(struct coir_runtime_options){.workers = 1}) != 0;
}
