/* bare.c: the loop, the queue and the stacks of bare.h.
 *
 * The loop and bare_yield each hold their own copy of the jump, so that the loop always arrives in bare_yield and a
 * fiber always in the loop, both by one well predicted indirect jump, and every ret meets the call it belongs to. */
#include "bench/fibers/bare.h"

#include "bench/measure.h"

#include <sys/mman.h>

static struct bare_fiber *fibers, *current, *head, **tail = &head;
static size_t room, made;
static char *stacks;
static void *loop_sp;

void
bare_open(size_t count)
{
    room = count;
    fibers = mmap(NULL, count * sizeof *fibers, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    bench_check(fibers != MAP_FAILED, "mmap");
    stacks = mmap(NULL, count * BARE_STRIDE, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    bench_check(stacks != MAP_FAILED, "mmap");
    madvise(stacks, count * BARE_STRIDE, MADV_NOHUGEPAGE);
}

void *
bare_stack(char *top, void (*enter)(void))
{
    void **sp = (void **)(void *)top;
    *--sp = NULL; /* where a return address would be: aligned as after a call */
    *--sp = (void *)(uintptr_t)enter;
    return sp;
}

static void
enter(void)
{
    current->function(current->arg);
    bench_check(0, "a bare fiber's end");
}

static void
queue(struct bare_fiber *fiber)
{
    fiber->next = NULL;
    *tail = fiber;
    tail = &fiber->next;
}

void
bare_go(void (*function)(void *arg), void *arg)
{
    bench_check(made < room, "room for a bare fiber");
    size_t i = made++;
    fibers[i].function = function;
    fibers[i].arg = arg;
    fibers[i].sp = bare_stack(stacks + (i + 1) * BARE_STRIDE - i % BARE_COLOURS * BARE_COLOUR, enter);
    queue(&fibers[i]);
}

BARE_OPAQUE void
bare_yield(void)
{
    struct bare_fiber *me = current;
    queue(me);
    bare_jump(&me->sp, loop_sp);
}

BARE_OPAQUE void
bare_loop(void)
{
    while ((current = head)) {
        head = current->next;
        if (!head)
            tail = &head;
        bare_jump(&loop_sp, current->sp);
    }
}

BARE_OPAQUE void
bare_stop(void)
{
    head = NULL;
    tail = &head;
    bare_jump(&current->sp, loop_sp);
}
