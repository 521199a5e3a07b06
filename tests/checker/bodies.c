/* bodies.c: see bodies.h. */
#include "bodies.h"

#include <check.h>
#include <coir/runtime.h>
#include <string.h>

#include "base/world.h"
#include "sim/idle.h"

uint32_t
bodies_all(const struct body *all[BODIES_MOST], enum bodies_kind kind)
{
    const struct {
        const struct body *bodies;
        uint32_t count;
        enum bodies_kind kind;
    } folders[] = {
        {lockfree_bodies, lockfree_count, BODIES_OF_THREADS}, {park_bodies, park_count, BODIES_OF_THREADS},
        {sync_bodies, sync_count, BODIES_OF_THREADS},         {crowd_bodies, crowd_count, BODIES_OF_THREADS},
        {queue_bodies, queue_count, BODIES_OF_THREADS},       {future_bodies, future_count, BODIES_OF_THREADS},
        {select_bodies, select_count, BODIES_OF_THREADS},     {pool_bodies, pool_count, BODIES_OF_THREADS},
        {task_bodies, task_count, BODIES_OF_RUNTIMES},        {worker_bodies, worker_count, BODIES_OF_RUNTIMES},
    };
    uint32_t count = 0;
    for (size_t folder = 0; folder < sizeof folders / sizeof folders[0]; folder++)
        for (uint32_t i = 0; folders[folder].kind & kind && i < folders[folder].count; i++) {
            cr_always(count < BODIES_MOST);
            all[count++] = &folders[folder].bodies[i];
        }
    return count;
}

const struct body *
body_named(const char *name)
{
    const struct body *all[BODIES_MOST];
    uint32_t count = bodies_all(all, BODIES_OF_ALL);
    for (uint32_t i = 0; i < count; i++)
        if (strcmp(all[i]->name, name) == 0)
            return all[i];
    ck_abort_msg("no body is called %s", name);
    return NULL;
}

struct cr_check
body_check(const struct body *body, enum cr_model model, enum cr_strategy_kind strategy, uint64_t schedules)
{
    return (struct cr_check){.name = body->name,
                             .body = body->play,
                             .run = {.model = model, .restless = body->restless},
                             .strategy = strategy,
                             .preemptions = body->preemptions,
                             .overlooked = body->overlooked,
                             .schedules = schedules,
                             .seed = 1};
}

void
play_two(void (*a)(void *arg), void (*b)(void *arg), void *arg)
{
    cr_check_together(2, (void (*const[])(void *)){a, b}, (void *const[]){arg, arg});
}

void
play_three(void (*a)(void *arg), void (*b)(void *arg), void (*c)(void *arg), void *arg)
{
    cr_check_together(3, (void (*const[])(void *)){a, b, c}, (void *const[]){arg, arg, arg});
}

static void
nothing(void *arg)
{
    (void)arg;
}

static int (*thread_start)(void (*run)(void *arg), void *arg, const char *name, struct cr_thread **thread);

/* The monitor mends what is lost after some milliseconds, so it would hide it. */
static int
start_without_monitor(void (*run)(void *arg), void *arg, const char *name, struct cr_thread **thread)
{
    return thread_start(strcmp(name, "coir-monitor") == 0 ? nothing : run, arg, name, thread);
}

static const struct coir_runtime_options *
simple(int workers)
{
    static struct coir_runtime_options options;
    thread_start = cr_world.thread_start;
    cr_world.thread_start = start_without_monitor;
    cr_backend_install(&cr_backend_idle);
    options = (struct coir_runtime_options){.workers = workers, .backend = "idle"};
    return &options;
}

void
play_run(int workers, int (*first)(void *arg), void *arg)
{
    CR_CHECK_IS(coir_run(first, arg, simple(workers)), 0);
}

void
play_start(int workers, struct coir_runtime **runtime)
{
    CR_CHECK_IS(coir_runtime_start(simple(workers), runtime), 0);
}

void
bell_ring(struct bell *bell)
{
    cr_check_touch(bell);
    bell->rung = true;
    cr_sim_wake(bell, 1);
}

void
bell_await(struct bell *bell)
{
    cr_check_touch(bell);
    while (!bell->rung)
        (void)cr_sim_wait(bell, COIR_NEVER, "the bell");
    bell->rung = false;
}
