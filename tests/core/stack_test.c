/* stack_test.c: fibers' stacks: what fits, and that nobody writes past an end unseen: the process dies, and says which task
 * it was. */
#include "core.h"

#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/world.h"
#include "sched/worker.h"

/* ---- Overflow ---- */

__attribute__((noinline)) static int
descend(int depth)
{
    volatile char frame[1000];
    frame[0] = (char)depth;
    return depth > 1000000 ? 0 : descend(depth + 1) + frame[0];
}

static int
overflow(void *arg)
{
    (void)arg;
    return descend(0);
}

static int
start_overflow(void *arg)
{
    struct coir_task *task;
    (void)arg;
    MUST_BE(coir_go(overflow, NULL, &(struct coir_task_options){.name = "deep one"}, &task), 0);
    return coir_join(task, NULL, COIR_NEVER);
}

static int
run_overflow(void *arg)
{
    return coir_run(start_overflow, NULL, &(struct coir_runtime_options){.workers = *(int *)arg});
}

START_TEST(an_overflow_is_named)
{
    static const int workers[] = {1, 4};
    if (CORE_ASAN || CORE_TSAN) {
        printf("SKIP: the sanitizers handle SIGSEGV themselves\n");
        return;
    }
    for (int i = 0; i < 2; i++)
        core_must_die(run_overflow, (void *)(uintptr_t)&workers[i], SIGSEGV, "'deep one'");
}
END_TEST

/* ---- A hundred guards ---- */

enum { GUARDED = 100 };
static int
send_itself(void *arg)
{
    (void)arg;
    (void)raise(SIGSEGV);
    return 0;
}

static int
run_send_itself(void *arg)
{
    (void)arg;
    return coir_run(send_itself, NULL, NULL);
}

/* No instruction faults again then. */
START_TEST(a_fault_that_somebody_sends_ends_the_program)
{
    if (CORE_ASAN || CORE_TSAN) {
        printf("SKIP: the sanitizers handle SIGSEGV themselves\n");
        return;
    }
    core_must_die(run_send_itself, NULL, SIGSEGV, "");
}
END_TEST

/* How a guard is met: by its own task's overflow, or by a write of its own task or of another one. */
enum way { OVERFLOW, OWN_FIRST, OWN_MIDDLE, OWN_LAST, OTHERS_FIRST, OTHERS_MIDDLE, OTHERS_LAST, WAYS };

/* One child's: 100 tasks are parked; one of them goes on and meets the guard of victim. */
static struct attack {
    int victim, attacker, workers;
    enum way way;
    bool one_page; /* the guards are one protected page each, as before Linux 6.13 */
    volatile char *target;
    struct coir_event go_on[GUARDED];
    struct coir_task *tasks[GUARDED];
} attack;

static int
stay_guarded(void *arg)
{
    int number = *(const int *)arg, result = coir_event_wait(&attack.go_on[number], COIR_NEVER);
    if (result || attack.way == OVERFLOW)
        return result ? result : descend(0);
    *attack.target = 1;
    return 0;
}

static volatile char *
target_of(const struct coir_task *task)
{
    const struct cr_stacks *stacks = &cr_load_acq(&task->worker)->stacks;
    char *bottom = cr_stack_bottom(stacks, &task->stack);
    size_t guard = attack.one_page ? cr_world.page_size() : stacks->guard;
    static const int halves[WAYS] = {[OWN_MIDDLE] = 1, [OTHERS_MIDDLE] = 1, [OWN_LAST] = 2, [OTHERS_LAST] = 2};
    return halves[attack.way] == 2 ? bottom - 1 : bottom - guard + guard / 2 * (size_t)halves[attack.way];
}

static int
meet_a_guard(void *arg)
{
    (void)arg;
    for (int i = 0; i < GUARDED; i++) {
        char name[32];
        struct coir_task_options options = {.name = name, .arg_size = sizeof i};
        snprintf(name, sizeof name, "guarded %d", i);
        MUST_BE((i % 2 ? coir_go : coir_go_spread)(stay_guarded, &i, &options, &attack.tasks[i]), 0);
    }
    for (int i = 0; i < GUARDED; i++)
        core_await_parked(attack.tasks[i]);
    attack.target = target_of(attack.tasks[attack.victim]);
    coir_event_set(&attack.go_on[attack.attacker]);
    (void)coir_join(attack.tasks[attack.attacker], NULL, COIR_NEVER);
    _exit(98); /* nothing stopped it */
}

static int
run_attack(void *arg)
{
    (void)arg;
    if (attack.one_page)
        cr_fault_arm(UINT64_C(1) << CR_FAULT_GUARD, 1, false); /* the kernel refuses: the next way is taken */
    return coir_run(meet_a_guard, NULL, &(struct coir_runtime_options){.workers = attack.workers});
}

/* Whether this kernel guards the whole of a range at once. */
static bool
guards_whole_ranges(void)
{
    size_t size = 16 * cr_world.page_size();
    void *memory = cr_world.map(size);
    struct iovec range = {memory, size};
    bool guarded = memory && cr_world.guard(&range, 1) == 0;
    cr_world.unmap(memory, size);
    return guarded;
}

START_TEST(each_of_a_hundred_guards_stops_who_meets_it)
{
    char sentence[64];
    if (CORE_ASAN || CORE_TSAN) {
        printf("SKIP: the sanitizers handle SIGSEGV themselves\n");
        return;
    }
    for (int i = 0; i < GUARDED; i++) {
        attack = (struct attack){.victim = i, .way = (enum way)(i % WAYS), .workers = 1 << i % 3};
        attack.attacker = attack.way >= OTHERS_FIRST ? (i + 37) % GUARDED : i;
        attack.one_page = i / WAYS % 2 || !guards_whole_ranges();
        snprintf(sentence, sizeof sentence, "%s 'guarded %d' (",
                 attack.way >= OTHERS_FIRST ? "has touched the guard below the stack of task" : "coir: task", i);
        core_must_die(run_attack, NULL, SIGSEGV, sentence);
    }
}
END_TEST

/* ---- What fits ---- */

static int
call_the_library(void *arg)
{
    struct addrinfo *list = NULL;
    char text[20000];
    (void)arg;
    MUST_BE(snprintf(text, sizeof text, "%5000d %.3000f %s", 5, 1e300, "x") > 8000, 1);
    if (getaddrinfo("localhost", "80", NULL, &list) == 0)
        freeaddrinfo(list);
    (void)getaddrinfo("nobody.invalid", "80", NULL, &list);
    MUST(coir_stack_used() > sizeof text);
    return 0;
}

START_TEST(the_c_library_fits_the_default_stack)
{
    core_run(_i, call_the_library, NULL);
}
END_TEST

__attribute__((noinline)) static int
use_stack(void *arg)
{
    volatile char large[40000];
    for (size_t i = 0; i < sizeof large; i++)
        large[i] = 1;
    (void)coir_yield();
    (void)arg;
    return large[0] + (coir_stack_used() >= sizeof large ? 0 : 1) - 1;
}

START_TEST(stack_used_is_a_high_water_mark)
{
    core_run(1, use_stack, NULL);
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_test(cases, an_overflow_is_named);
    tcase_add_test(cases, a_fault_that_somebody_sends_ends_the_program);
    tcase_add_test(cases, each_of_a_hundred_guards_stops_who_meets_it);
    tcase_add_loop_test(cases, the_c_library_fits_the_default_stack, 1, 3);
    tcase_add_test(cases, stack_used_is_a_high_water_mark);
}

int
main(void)
{
    return core_main("stack", add);
}
