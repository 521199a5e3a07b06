/* once.c: five tasks need the same table, and the first that asks builds it while the others wait. Building fails the first
 * time: that caller is told, and the next one tries again. */
#include <coir/once.h>
#include <coir/runtime.h>
#include <coir/scope.h>
#include <errno.h>
#include <stdio.h>

static struct coir_once built = COIR_ONCE_INIT;

static int
build(void *arg)
{
    int *attempts = arg;
    printf("attempt %d\n", ++*attempts); /* one at a time */
    coir_sleep(coir_after(5 * COIR_MS));
    return *attempts < 2 ? -EIO : 7;
}

struct asking {
    int attempts, failed, got; /* failed, got: atomic */
};

static int
ask(void *arg)
{
    struct asking *asking = arg;
    int result = coir_once_run(&built, build, &asking->attempts);
    __atomic_add_fetch(result < 0 ? &asking->failed : &asking->got, 1, __ATOMIC_RELAXED);
    return result < 0 || result == 7 ? 0 : -EILSEQ;
}

static int
ask_all(void *arg)
{
    struct asking *asking = arg;
    COIR_SCOPE(scope);
    for (int i = 0; i < 5; i++)
        coir_scope_go(&scope, ask, asking, NULL);
    return coir_scope_wait(&scope, coir_after(COIR_MINUTE));
}

int
main(void)
{
    struct asking asking = {0, 0, 0};
    int error = coir_run(ask_all, &asking, NULL);
    printf("%d was told of the failure, %d have the table\n", asking.failed, asking.got);
    return error != 0;
}
