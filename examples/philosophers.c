/* philosophers.c: five philosophers, five forks, and each takes the left one first. Nobody starves: who would close the circle
 * is told so, puts the left fork down and tries again; the log (standard error) names all five. */
#include <coir/mutex.h>
#include <coir/runtime.h>
#include <coir/scope.h>
#include <errno.h>
#include <stdio.h>

enum { SEATS = 5, MEALS = 100 };

static struct coir_mutex forks[SEATS];
static int eaten; /* atomic */

static int
dine(void *arg)
{
    int seat = *(int *)arg;
    struct coir_mutex *left = &forks[seat], *right = &forks[(seat + 1) % SEATS];
    for (int meals = 0; meals < MEALS;) {
        COIR_HOLD(left); /* who holds nothing cannot close a circle */
        coir_yield();
        int error = coir_mutex_lock(right, COIR_NEVER);
        if (error == -EDEADLK)
            continue; /* left is put down */
        if (error)
            return error;
        meals++;
        __atomic_add_fetch(&eaten, 1, __ATOMIC_RELAXED);
        coir_mutex_unlock(right);
    }
    return 0;
}

static int
lay_the_table(void *arg)
{
    int seats[SEATS], error;
    COIR_SCOPE(table);
    (void)arg;
    for (int i = 0; i < SEATS; i++) {
        seats[i] = i;
        coir_mutex_init(&forks[i], COIR_MUTEX_PLAIN);
    }
    for (int i = 0; i < SEATS; i++)
        coir_scope_go(&table, dine, &seats[i], &(struct coir_task_options){.name = "philosopher"});
    error = coir_scope_wait(&table, coir_after(COIR_MINUTE));
    printf("%d meals eaten\n", eaten);
    return error;
}

static void
keep_quiet(enum coir_log_level level, const char *line, void *arg)
{
    static int lines;
    (void)level, (void)arg;
    if (lines++ < 6) /* the first circle is told, the others are like it */
        fprintf(stderr, "%s\n", line);
}

int
main(void)
{
    return coir_run(lay_the_table, NULL, &(struct coir_runtime_options){.log = keep_quiet}) != 0;
}
