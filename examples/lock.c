/* lock.c: eight tasks sell tickets from one counter. Between reading and writing it each lets the others run, as a slow
 * database would: without the lock tickets are sold twice, with it never. One worker is enough to show it, and there the
 * sellers take turns at each yield, so that it goes wrong every time; on several they may miss each other by luck. */
#include <coir/mutex.h>
#include <coir/runtime.h>
#include <coir/scope.h>
#include <stdio.h>

enum { SELLERS = 8, EACH = 100 };

struct office {
    struct coir_mutex *lock; /* NULL: none */
    int sold;                /* atomic, so that what goes wrong is the counting, not the machine */
};

static void
sell_one(struct office *office)
{
    int number = __atomic_load_n(&office->sold, __ATOMIC_RELAXED);
    coir_yield();
    __atomic_store_n(&office->sold, number + 1, __ATOMIC_RELAXED);
}

static int
sell(void *arg)
{
    struct office *office = arg;
    for (int i = 0; i < EACH; i++)
        if (office->lock) {
            COIR_HOLD(office->lock); /* to the end of this block */
            sell_one(office);
        } else {
            sell_one(office);
        }
    return 0;
}

static int
open_office(void *arg)
{
    struct office *office = arg;
    COIR_SCOPE(scope);
    for (int i = 0; i < SELLERS; i++)
        coir_scope_go(&scope, sell, office, NULL);
    return coir_scope_wait(&scope, coir_after(COIR_MINUTE));
}

static int
both(void *arg)
{
    static struct coir_mutex lock = COIR_MUTEX_INIT;
    struct office without = {NULL, 0}, with = {&lock, 0};
    int error = open_office(&without);
    (void)arg;
    if (!error)
        error = open_office(&with);
    printf("without a lock: %s\n", without.sold < SELLERS * EACH ? "some tickets were sold twice" : "lucky");
    printf("with a lock: %d of %d tickets\n", with.sold, SELLERS * EACH);
    return error;
}

int
main(void)
{
    return coir_run(both, NULL, &(struct coir_runtime_options){.workers = 1}) != 0;
}
