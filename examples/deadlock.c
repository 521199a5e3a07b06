/* deadlock.c: two tasks take two locks in opposite orders. Nobody hangs: the call that would close the circle is told so, at that
 * moment, and the log (standard error) names both tasks, what each waits for, and where that was taken. */
#include <coir/barrier.h>
#include <coir/mutex.h>
#include <coir/runtime.h>
#include <coir/scope.h>
#include <stdio.h>

static struct coir_mutex plate = COIR_MUTEX_INIT, spoon = COIR_MUTEX_INIT;
static struct coir_barrier both = COIR_BARRIER_INIT(2);

static int
eat(const char *who, struct coir_mutex *first, struct coir_mutex *second)
{
    for (int attempt = 0;; attempt++) {
        COIR_HOLD(first);
        if (attempt == 0)
            coir_barrier_wait(&both, COIR_NEVER); /* so that it goes wrong: each has his first now */
        int error = coir_mutex_lock(second, COIR_NEVER);
        if (!error) {
            printf("%s eats\n", who);
            coir_mutex_unlock(second);
            return 0;
        }
        printf("%s gives way: %s\n", who, coir_error_text(error));
    } /* puts the first down, and tries again */
}

static int
ann(void *arg)
{
    (void)arg;
    return eat("ann", &plate, &spoon);
}

static int
bob(void *arg)
{
    (void)arg;
    return eat("bob", &spoon, &plate);
}

static int
dinner(void *arg)
{
    (void)arg;
    COIR_SCOPE(scope);
    coir_scope_go(&scope, ann, NULL, &(struct coir_task_options){.name = "ann"});
    coir_scope_go(&scope, bob, NULL, &(struct coir_task_options){.name = "bob"});
    return coir_scope_wait(&scope, coir_after(COIR_SECOND));
}

int
main(void)
{
    return coir_run(dinner, NULL, &(struct coir_runtime_options){.workers = 1}) != 0;
}
