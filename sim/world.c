/* sim/world.c: see world.h. */
#include "sim/world.h"

#include "sim/thread.h"

static struct cr_world before;

static coir_time
sim_clock(void)
{
    return cr_sim_now();
}

static int64_t
sim_wall_clock(void)
{
    return CR_SIM_EPOCH + (cr_sim_now() - CR_CLOCK_START);
}

static uint64_t
sim_entropy(void)
{
    return (uint64_t)cr_sim_chance(UINT32_MAX, "entropy") << 32 | cr_sim_chance(UINT32_MAX, "entropy");
}

static int
sim_thread_start(void (*run)(void *arg), void *arg, const char *name, struct cr_thread **thread)
{
    *thread = (struct cr_thread *)cr_sim_start(run, arg, name);
    return 0;
}

static void
sim_thread_join(struct cr_thread *thread)
{
    cr_sim_join((struct cr_sim_thread *)thread);
}

static int
sim_thread_bounds(void **bottom, size_t *size)
{
    cr_sim_bounds(bottom, size);
    return 0;
}

/* The kernel compares under a lock: it sees the latest value, and what its caller has stored is stored. */
static int
sim_futex_wait(CR_ATOMIC(uint32_t) * word, uint32_t value, coir_time until)
{
    uint32_t found = value;
    if (!cr_cas_ar(word, &found, value))
        return 0;
    return cr_sim_wait(word, until, "a futex");
}

static void
sim_futex_wake(CR_ATOMIC(uint32_t) * word, int count)
{
    cr_sim_wake(word, (uint32_t)count);
}

/* One: nobody spins for what another one does meanwhile. How many workers there are is said by options. */
static int
sim_processors(void)
{
    return 1;
}

static const char *
sim_environment(const char *name)
{
    (void)name;
    return NULL;
}

static int
sim_fault_handler(void (*handler)(const void *address))
{
    (void)handler;
    return -EBUSY;
}

static void *
sim_fault_stack_open(void)
{
    return NULL;
}

static void
sim_fault_stack_close(void *stack)
{
    (void)stack;
}

void
cr_sim_world_enter(void)
{
    before = cr_world;
    cr_world.clock = sim_clock;
    cr_world.wall_clock = sim_wall_clock;
    cr_world.entropy = sim_entropy;
    cr_world.thread_start = sim_thread_start;
    cr_world.thread_join = sim_thread_join;
    cr_world.thread_bounds = sim_thread_bounds;
    cr_world.thread_pause = cr_sim_pause;
    cr_world.thread_leaving = cr_sim_leaving;
    cr_world.turn = cr_sim_point;
    cr_world.futex_wait = sim_futex_wait;
    cr_world.futex_wake = sim_futex_wake;
    cr_world.threads = NULL; /* the world itself sees when everyone waits */
    cr_world.processors = sim_processors;
    cr_world.environment = sim_environment;
    cr_world.fault_handler = sim_fault_handler;
    cr_world.fault_stack_open = sim_fault_stack_open;
    cr_world.fault_stack_close = sim_fault_stack_close;
}

void
cr_sim_world_leave(void)
{
    cr_world = before;
}
