/* barrier.c: three painters paint a wall in three coats. Nobody begins a coat before the one below is finished
 * everywhere: at its end each waits for the others. The barrier gives each a number; number 0 speaks for all. */
#include <coir/barrier.h>
#include <coir/runtime.h>
#include <coir/scope.h>
#include <stdio.h>

enum { PAINTERS = 3, COATS = 3, FIELDS = 30 };

struct wall {
    struct coir_barrier dry;
    int next;          /* atomic: painters so far */
    int coats[FIELDS]; /* each field is one painter's */
};

static int
paint(void *arg)
{
    struct wall *wall = arg;
    int number = __atomic_fetch_add(&wall->next, 1, __ATOMIC_RELAXED);
    for (int coat = 1; coat <= COATS; coat++) {
        int index;
        for (int field = number; field < FIELDS; field += PAINTERS) {
            wall->coats[field]++;
            coir_yield();
        }
        index = coir_barrier_wait(&wall->dry, coir_after(COIR_MINUTE));
        if (index < 0)
            return index;
        if (index == 0) {
            int done = 0;
            for (int field = 0; field < FIELDS; field++)
                done += wall->coats[field] == coat;
            printf("coat %d: %d of %d fields\n", coat, done, FIELDS);
        }
        index = coir_barrier_wait(&wall->dry, coir_after(COIR_MINUTE)); /* until it has been looked at */
        if (index < 0)
            return index;
    }
    return 0;
}

static int
work(void *arg)
{
    COIR_SCOPE(scope);
    for (int i = 0; i < PAINTERS; i++)
        coir_scope_go(&scope, paint, arg, NULL);
    return coir_scope_wait(&scope, coir_after(COIR_MINUTE));
}

int
main(void)
{
    static struct wall wall = {.dry = COIR_BARRIER_INIT(PAINTERS)};
    return coir_run(work, &wall, NULL) != 0;
}
