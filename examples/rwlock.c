/* rwlock.c: a price list. Four clerks read it together; whoever changes a price is alone with it, and does not wait for
 * ever behind those that keep coming to read. */
#include <coir/barrier.h>
#include <coir/runtime.h>
#include <coir/rwlock.h>
#include <coir/scope.h>
#include <stdio.h>

enum { CLERKS = 4 };

struct list {
    struct coir_rwlock lock;
    struct coir_barrier together;
    int price;
    int reading; /* atomic */
};

static int
look_up(void *arg)
{
    struct list *list = arg;
    int error = coir_rwlock_read(&list->lock, COIR_NEVER), index = -1;
    if (error)
        return error;
    __atomic_add_fetch(&list->reading, 1, __ATOMIC_RELAXED);
    index = coir_barrier_wait(&list->together, coir_after(COIR_MINUTE)); /* all are inside now */
    if (index == 0)
        printf("%d clerks read: the price is %d\n", __atomic_load_n(&list->reading, __ATOMIC_RELAXED), list->price);
    coir_rwlock_unlock(&list->lock);
    return index < 0 ? index : 0;
}

static int
raise_price(void *arg)
{
    struct list *list = arg;
    int error = coir_rwlock_write(&list->lock, coir_after(COIR_MINUTE));
    if (error)
        return error;
    list->price += 5;
    printf("nobody reads while the price becomes %d\n", list->price);
    coir_rwlock_unlock(&list->lock);
    return 0;
}

static int
open_shop(void *arg)
{
    struct list *list = arg;
    int error = 0;
    for (int day = 0; !error && day < 2; day++) {
        COIR_SCOPE(scope);
        for (int i = 0; i < CLERKS; i++)
            coir_scope_go(&scope, look_up, list, NULL);
        error = coir_scope_wait(&scope, coir_after(COIR_MINUTE));
        list->reading = 0;
        if (!error && day == 0)
            error = raise_price(list);
    }
    return error;
}

int
main(void)
{
    static struct list list = {COIR_RWLOCK_INIT, COIR_BARRIER_INIT(CLERKS), 10, 0};
    return coir_run(open_shop, &list, NULL) != 0;
}
