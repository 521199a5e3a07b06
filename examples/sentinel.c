/* sentinel.c: a baker hands out buns by a queue, three guests eat; the end is said by an item, not by shutdown: one that
 * says "no more". A guest that gets it puts it back for the next, so one is enough for any number of guests. The tables
 * are cleared by priority: a queue that hands out the smallest number first, negative ones too. */
#include <coir/queue.h>
#include <coir/runtime.h>
#include <coir/scope.h>
#include <errno.h>
#include <stdio.h>

enum { NO_MORE = -1, BUNS = 30, GUESTS = 3 };

struct bakery {
    struct coir_queue *buns;
    int eaten; /* atomic */
};

static int
bake(void *arg)
{
    struct bakery *bakery = arg;
    for (int bun = 1; bun <= BUNS + 1; bun++) {
        int item = bun <= BUNS ? bun : NO_MORE;
        int error = coir_queue_put(bakery->buns, &item, COIR_NEVER); /* waits while two lie there */
        if (error)
            return error;
    }
    return 0;
}

static int
eat(void *arg)
{
    struct bakery *bakery = arg;
    int bun, error;
    while ((error = coir_queue_get(bakery->buns, &bun, COIR_NEVER)) == 0 && bun != NO_MORE)
        __atomic_add_fetch(&bakery->eaten, 1, __ATOMIC_RELAXED);
    return error ? error : coir_queue_put(bakery->buns, &bun, COIR_NEVER);
}

static int
smaller(const void *one, const void *other)
{
    int a = *(const int *)one, b = *(const int *)other;
    return (a > b) - (a < b);
}

static int
clear_tables(void)
{
    static const int tables[] = {7, -3, 12, 0, -8};
    struct coir_queue *queue =
        coir_queue_new(sizeof(int), 5, &(struct coir_queue_options){.order = COIR_PRIORITY, .compare = smaller});
    int table, error = queue ? 0 : -ENOMEM;
    for (int i = 0; !error && i < 5; i++)
        error = coir_queue_put(queue, &tables[i], COIR_NOW);
    while (!error && (error = coir_queue_get(queue, &table, COIR_NOW)) == 0)
        printf("table %d\n", table);
    coir_queue_free(queue);
    return error == -EAGAIN ? 0 : error; /* empty */
}

static int
open_bakery(void *arg)
{
    struct bakery bakery = {coir_queue_new(sizeof(int), 2, NULL), 0};
    int error;
    (void)arg;
    if (!bakery.buns)
        return -ENOMEM;
    {
        COIR_SCOPE(scope);
        coir_scope_go(&scope, bake, &bakery, NULL);
        for (int i = 0; i < GUESTS; i++)
            coir_scope_go(&scope, eat, &bakery, NULL);
        error = coir_scope_wait(&scope, coir_after(COIR_MINUTE));
    }
    printf("%d guests ate %d buns\n", GUESTS, bakery.eaten);
    coir_queue_free(bakery.buns);
    return error ? error : clear_tables();
}

int
main(void)
{
    return coir_run(open_bakery, NULL, NULL) != 0;
}
