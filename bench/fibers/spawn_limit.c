/* spawn_limit.c: create, run and end an empty fiber, by the bare switch and a pool of one thread: ns. Nothing is shared,
 * nobody may wait for it, and it runs at once: the least a stack of its own can cost. */
#include "bench/fibers/bare.h"
#include "bench/measure.h"

#include <sys/mman.h>

enum { POOL = 64 };

static struct bare_fiber pool[POOL], *free_list, *current;
static char *tops[POOL];
static void *creator_sp;
static uint64_t ran;

static BARE_OPAQUE void
empty(void *arg)
{
    (void)arg;
    ran++;
}

static BARE_OPAQUE void
enter(void)
{
    current->function(current->arg);
    current->next = free_list;
    free_list = current;
    bare_jump(&current->sp, creator_sp);
}

static BARE_OPAQUE void
run(void (*function)(void *arg), void *arg)
{
    current = free_list;
    free_list = current->next;
    current->function = function;
    current->arg = arg;
    current->sp = bare_stack(tops[current - pool], enter);
    bare_jump(&creator_sp, current->sp);
}

int
main(void)
{
    char *stacks = mmap(NULL, POOL * (size_t)BARE_STRIDE, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    bench_check(stacks != MAP_FAILED, "mmap");
    for (size_t i = 0; i < POOL; i++) {
        tops[i] = stacks + (i + 1) * BARE_STRIDE - i % BARE_COLOURS * BARE_COLOUR;
        pool[i].next = free_list;
        free_list = &pool[i];
    }
    const long enough = 10000000;
    run(empty, NULL);
    int64_t start = bench_cpu();
    for (long i = 0; i < enough; i++)
        run(empty, NULL);
    bench_report((double)(bench_cpu() - start) / (double)enough);
    return ran != (uint64_t)enough + 1;
}
