/* select.c: one task serves orders from two counters, the urgent one's too, until the shop closes: it waits for all three at
 * once, and exactly one of them is done each time. */
#include <coir/event.h>
#include <coir/queue.h>
#include <coir/runtime.h>
#include <coir/scope.h>
#include <coir/select.h>
#include <errno.h>
#include <stdio.h>

struct shop {
    struct coir_queue *counter, *telephone;
    struct coir_event closing;
};

static int
serve(void *arg)
{
    struct shop *shop = arg;
    int served[2] = {0, 0}, sum = 0;
    for (;;) {
        int order;
        struct coir_case cases[] = {coir_case_get(shop->counter, &order), coir_case_get(shop->telephone, &order),
                                    coir_case_event(&shop->closing)};
        int which = coir_select(cases, 3, coir_after(COIR_MINUTE));
        if (which < 0)
            return which;
        if (which == 2)
            break;
        served[which]++;
        sum += order;
    }
    printf("%d at the counter, %d by telephone, sum %d\n", served[0], served[1], sum);
    return 0;
}

static int
order(struct coir_queue *queue, int count)
{
    int error = 0;
    for (int number = 1; !error && number <= count; number++)
        error = coir_queue_put(queue, &number, coir_after(COIR_MINUTE));
    return error;
}

static int
come_in(void *arg)
{
    return order(((struct shop *)arg)->counter, 300);
}

static int
call(void *arg)
{
    return order(((struct shop *)arg)->telephone, 200);
}

static int
open_shop(void *arg)
{
    struct shop shop = {coir_queue_new(sizeof(int), 1, NULL), coir_queue_new(sizeof(int), 1, NULL), COIR_EVENT_INIT};
    int error = -ENOMEM;
    (void)arg;
    if (shop.counter && shop.telephone) {
        COIR_SCOPE(customers);
        COIR_SCOPE(staff);
        coir_scope_go(&staff, serve, &shop, NULL);
        coir_scope_go(&customers, come_in, &shop, NULL);
        coir_scope_go(&customers, call, &shop, NULL);
        error = coir_scope_wait(&customers, coir_after(COIR_MINUTE));
        while (!error && !(coir_queue_is_empty(shop.counter) && coir_queue_is_empty(shop.telephone)))
            error = coir_yield(); /* the last orders are served before the shop closes */
        coir_event_set(&shop.closing);
        if (!error)
            error = coir_scope_wait(&staff, coir_after(COIR_MINUTE));
    }
    coir_queue_free(shop.counter);
    coir_queue_free(shop.telephone);
    return error;
}

int
main(void)
{
    return coir_run(open_shop, NULL, NULL) != 0;
}
