/* task_test.c: what coir/task.h promises of a task's beginning, and of what is its own: names, numbers, arguments, daemons,
 * and what a switch leaves alone. The rest: join, cancel, sleep, offload, local, errno, stack. */
#include "core.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int
answer(void *arg)
{
    return *(const int *)arg;
}

/* ---- Names, numbers, arguments ---- */

static int
same_name(void *arg)
{
    return strcmp(coir_task_name(coir_self()), arg);
}

static int
names(void *arg)
{
    static const struct {
        const char *given, *kept;
    } table[] = {{NULL, ""},
                 {"", ""},
                 {"reader", "reader"},
                 {"1234567890123456789012345678901", "1234567890123456789012345678901"},
                 {"12345678901234567890123456789012345", "1234567890123456789012345678901"}};
    (void)arg;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        char given[64] = "";
        struct coir_task *task;
        int result;
        if (table[i].given)
            strcpy(given, table[i].given);
        MUST_BE(coir_go(same_name, (void *)(uintptr_t)table[i].kept,
                        &(struct coir_task_options){.name = table[i].given ? given : NULL}, &task),
                0);
        memset(given, 'x', sizeof given - 1);
        MUST(!strcmp(coir_task_name(task), table[i].kept));
        MUST_BE(coir_join(task, &result, core_soon()), 0);
        MUST_BE(result, 0);
    }
    return 0;
}

START_TEST(names_are_copied_and_cut)
{
    core_run(1, names, NULL);
}
END_TEST

static int
compare_ids(const void *one, const void *other)
{
    uint64_t a = *(const uint64_t *)one, b = *(const uint64_t *)other;
    return a < b ? -1 : a > b;
}

static int
own_id(void *arg)
{
    *(uint64_t *)arg = coir_task_id(coir_self());
    return 0;
}

static int
ids(void *arg)
{
    enum { MANY = 10000 };
    static uint64_t seen[MANY];
    (void)arg;
    for (int i = 0; i < MANY; i += 10) {
        struct coir_task *tasks[10];
        for (int k = 0; k < 10; k++)
            MUST_BE((k % 2 ? coir_go : coir_go_spread)(own_id, &seen[i + k], NULL, &tasks[k]), 0);
        for (int k = 0; k < 10; k++) {
            uint64_t before = coir_task_id(tasks[k]);
            while (coir_task_is_alive(tasks[k]))
                MUST_BE(coir_yield(), 0);
            MUST(before == seen[i + k] && before == coir_task_id(tasks[k]));
            MUST_BE(coir_join(tasks[k], NULL, core_soon()), 0);
        }
    }
    qsort(seen, MANY, sizeof seen[0], compare_ids);
    for (int i = 1; i < MANY; i++)
        MUST(seen[i] && seen[i - 1] != seen[i]);
    return 0;
}

START_TEST(no_id_comes_twice)
{
    core_run(_i, ids, NULL);
}
END_TEST

static int
sum_bytes(void *arg)
{
    const unsigned char *bytes = arg;
    int sum = 0;
    for (int i = 0; i < 65536; i++)
        sum += bytes[i];
    return sum;
}

static int
copies(void *arg)
{
    struct coir_task *tasks[10], *task;
    static unsigned char large[65536];
    struct coir_task_options options = {.arg_size = sizeof(int)};
    int result;
    (void)arg;
    for (int i = 0; i < 10; i++)
        MUST_BE(coir_go(answer, &i, &options, &tasks[i]), 0);
    for (int i = 0; i < 10; i++) {
        MUST_BE(coir_join(tasks[i], &result, core_soon()), 0);
        MUST_BE(result, i);
    }
    memset(large, 1, sizeof large);
    options.arg_size = sizeof large;
    MUST_BE(coir_go(sum_bytes, large, &options, &task), 0);
    memset(large, 9, sizeof large);
    MUST_BE(coir_join(task, &result, core_soon()), 0);
    MUST_BE(result, 65536);
    options.arg_size = 65537;
    MUST_BE(coir_go(sum_bytes, large, &options, &task), -EINVAL);
    MUST(!task && *coir_error_detail());
    return 0;
}

START_TEST(copies_its_argument)
{
    core_run(_i, copies, NULL);
}
END_TEST

/* ---- Daemons ---- */

static int daemons_canceled;

static int
serve_for_ever(void *arg)
{
    (void)arg;
    while (coir_sleep(coir_after(COIR_MS)) == 0)
        continue;
    __atomic_add_fetch(&daemons_canceled, 1, __ATOMIC_SEQ_CST);
    return -ECANCELED;
}

static int
leave_daemons(void *arg)
{
    struct coir_task_options options = {.daemon = true};
    (void)arg;
    for (int i = 0; i < 10; i++)
        MUST_BE((i % 2 ? coir_go : coir_go_spread)(serve_for_ever, NULL, &options, NULL), 0);
    return 0;
}

START_TEST(daemons_do_not_hold_the_run)
{
    core_run(_i, leave_daemons, NULL);
    ck_assert_int_eq(daemons_canceled, 10);
}
END_TEST

static int
end_late(void *arg)
{
    MUST_BE(coir_sleep(coir_after(5 * COIR_MS)), 0);
    *(int *)arg = 1;
    return 0;
}

static int
leave_others(void *arg)
{
    MUST_BE(coir_go_spread(end_late, arg, NULL, NULL), 0);
    return 0;
}

START_TEST(the_run_waits_for_detached_tasks)
{
    int ended = 0;
    core_run(_i, leave_others, &ended);
    ck_assert_int_eq(ended, 1);
}
END_TEST

/* ---- What a switch must leave alone ---- */

static _Thread_local int thread_number;

static int
switch_and_look(void *arg)
{
    for (int i = 0; i < 1000; i++) {
        int *place = &thread_number, before;
        errno = (int)(uintptr_t)arg;
        before = ++thread_number;
        MUST(coir_yield() == 0);
        MUST(place == &thread_number); /* fibers do not move */
        MUST(thread_number >= before);
    }
    return 0;
}

static int
look_across_switches(void *arg)
{
    struct coir_task *tasks[8];
    (void)arg;
    for (int i = 0; i < 8; i++)
        MUST_BE(coir_go_spread(switch_and_look, (void *)(uintptr_t)(i + 1), NULL, &tasks[i]), 0);
    for (int i = 0; i < 8; i++)
        MUST_BE(coir_join(tasks[i], NULL, core_soon()), 0);
    return 0;
}

START_TEST(a_fiber_stays_on_its_thread)
{
    core_run(_i, look_across_switches, NULL);
}
END_TEST

/* A double in a register and the rounding mode's neighbours must survive. */
static int
compute(void *arg)
{
    double sum = 0;
    for (int i = 0; i < 1000; i++) {
        sum += (double)(uintptr_t)arg * 0.5;
        (void)coir_yield();
    }
    return sum == (double)(uintptr_t)arg * 500 ? 0 : -1;
}

static int
compute_together(void *arg)
{
    struct coir_task *tasks[8];
    (void)arg;
    for (int i = 0; i < 8; i++)
        MUST_BE(coir_go(compute, (void *)(uintptr_t)(i + 1), NULL, &tasks[i]), 0);
    for (int i = 0; i < 8; i++) {
        int result;
        MUST_BE(coir_join(tasks[i], &result, core_soon()), 0);
        MUST_BE(result, 0);
    }
    return 0;
}

START_TEST(registers_survive_switches)
{
    core_run(1, compute_together, NULL);
}
END_TEST

/* Loop numbers of those that take one are counts of workers; 0 is the default. */
static void
add(TCase *cases)
{
    tcase_add_test(cases, names_are_copied_and_cut);
    tcase_add_loop_test(cases, no_id_comes_twice, 0, 3);
    tcase_add_loop_test(cases, copies_its_argument, 0, 3);
    tcase_add_loop_test(cases, daemons_do_not_hold_the_run, 0, 3);
    tcase_add_loop_test(cases, the_run_waits_for_detached_tasks, 0, 3);
    tcase_add_loop_test(cases, a_fiber_stays_on_its_thread, 0, 3);
    tcase_add_test(cases, registers_survive_switches);
}

int
main(void)
{
    return core_main("task", add);
}
