/* condition.c: a ferry leaves when three cars are on board. It waits for a condition: what it looks at (how many) is
 * protected by a mutex, which is free while it waits and its own again when it goes on. So it looks, and waits, in a loop. */
#include <coir/condition.h>
#include <coir/runtime.h>
#include <coir/scope.h>
#include <stdio.h>

struct ferry {
    struct coir_mutex mutex;
    struct coir_condition changed;
    int aboard; /* under the mutex */
};

static int
drive_on(void *arg)
{
    struct ferry *ferry = arg;
    COIR_HOLD(&ferry->mutex);
    while (ferry->aboard == 3) /* full: the next one */
        if (coir_condition_wait(&ferry->changed, &ferry->mutex, coir_after(COIR_MINUTE)))
            return -1;
    ferry->aboard++;
    coir_condition_broadcast(&ferry->changed);
    return 0;
}

static int
sail(void *arg)
{
    struct ferry *ferry = arg;
    for (int trip = 1; trip <= 2; trip++) {
        COIR_HOLD(&ferry->mutex);
        while (ferry->aboard < 3) {
            int error = coir_condition_wait(&ferry->changed, &ferry->mutex, coir_after(COIR_MINUTE));
            if (error)
                return error;
        }
        printf("trip %d: %d cars\n", trip, ferry->aboard);
        ferry->aboard = 0;
        coir_condition_broadcast(&ferry->changed);
    }
    return 0;
}

static int
open_line(void *arg)
{
    struct ferry *ferry = arg;
    COIR_SCOPE(scope);
    coir_scope_go(&scope, sail, ferry, NULL);
    for (int i = 0; i < 6; i++)
        coir_scope_go(&scope, drive_on, ferry, NULL);
    return coir_scope_wait(&scope, coir_after(COIR_MINUTE));
}

int
main(void)
{
    static struct ferry ferry = {COIR_MUTEX_INIT, COIR_CONDITION_INIT, 0};
    return coir_run(open_line, &ferry, NULL) != 0;
}
