/* log_test.c: where lines go, how they are cut and cleaned, and that they come one at a time. */
#include "core.h"

#include <coir/log.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
    char line[2048];
    enum coir_log_level level;
    int count, inside;
    void *arg;
} seen;

static void
keep(enum coir_log_level level, const char *line, void *arg)
{
    MUST(!seen.inside++); /* one line at a time */
    strcpy(seen.line, line);
    seen.level = level;
    seen.arg = arg;
    seen.count++;
    seen.inside--;
}

static int
log_some(void *arg)
{
    char text[3000];
    (void)arg;
    coir_log(COIR_LOG_INFO, "%s and %d", "one", 2);
    MUST(!strcmp(seen.line, "one and 2") && seen.level == COIR_LOG_INFO && seen.arg == &seen);
    coir_log(COIR_LOG_WARN, "a\nb\tc\x7f"
                            "d\x1b[0m\re\xc3\xa9");
    MUST(!strcmp(seen.line, "a?b?c?d?[0m?e\xc3\xa9"));
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    coir_log(COIR_LOG_ERROR, "%s", text);
    MUST_BE(strlen(seen.line), 1023);
    coir_log(COIR_LOG_DEBUG, "hidden");
    MUST_BE(seen.count, 3);
    coir_log_set_level(COIR_LOG_DEBUG);
    coir_log(COIR_LOG_DEBUG, "shown");
    MUST_BE(seen.count, 4);
    coir_log_set_level(COIR_LOG_ERROR);
    coir_log(COIR_LOG_WARN, "hidden");
    MUST_BE(seen.count, 4);
    return 0;
}

START_TEST(a_runtime_has_its_sink)
{
    struct coir_runtime_options options = {.workers = _i, .log = keep, .log_arg = &seen};
    ck_assert_int_eq(coir_run(log_some, NULL, &options), 0);
}
END_TEST

/* What the monitor has to say, and what is said on helper threads. */
static bool is_stalled; /* atomic: the sink has heard of it */

static void
keep_stall(enum coir_log_level level, const char *line, void *arg)
{
    char wanted[64];
    snprintf(wanted, sizeof wanted, "task %llu has kept worker 0",
             (unsigned long long)__atomic_load_n((uint64_t *)arg, __ATOMIC_SEQ_CST));
    MUST(level == COIR_LOG_WARN && strstr(line, wanted));
    __atomic_store_n(&is_stalled, true, __ATOMIC_SEQ_CST);
}

static int
stall(void *arg)
{
    coir_time end = core_soon();
    __atomic_store_n((uint64_t *)arg, coir_task_id(coir_self()), __ATOMIC_SEQ_CST);
    while (!__atomic_load_n(&is_stalled, __ATOMIC_SEQ_CST)) /* half a second */
        MUST(coir_now() < end);
    return 0;
}

START_TEST(a_stall_is_told_to_the_sink)
{
    uint64_t id;
    struct coir_runtime_options options = {.workers = 1, .log = keep_stall, .log_arg = &id};
    ck_assert_int_eq(coir_run(stall, &id, &options), 0);
}
END_TEST

static int
log_one(void *arg)
{
    (void)arg;
    coir_log(COIR_LOG_INFO, "from a helper");
    return 3;
}

static int
offload_log(void *arg)
{
    return coir_offload(log_one, arg);
}

START_TEST(a_helper_has_the_sink_of_its_runtime)
{
    struct coir_runtime_options options = {.workers = _i, .log = keep, .log_arg = &seen};
    ck_assert_int_eq(coir_run(offload_log, NULL, &options), 3);
    ck_assert_int_eq(seen.count, 1);
    ck_assert_str_eq(seen.line, "from a helper");
}
END_TEST

static int
log_much(void *arg)
{
    for (int i = 0; i < 200; i++) {
        coir_log(COIR_LOG_INFO, "%s %d", (const char *)arg, i);
        MUST_BE(coir_yield(), 0);
    }
    return 0;
}

static int
log_together(void *arg)
{
    struct coir_task *tasks[8];
    for (int i = 0; i < 8; i++)
        MUST_BE(coir_go_spread(log_much, arg, NULL, &tasks[i]), 0);
    for (int i = 0; i < 8; i++)
        MUST_BE(coir_join(tasks[i], NULL, core_soon()), 0);
    return 0;
}

START_TEST(one_line_at_a_time)
{
    struct coir_runtime_options options = {.workers = 4, .log = keep, .log_arg = &seen};
    ck_assert_int_eq(coir_run(log_together, "x", &options), 0);
    ck_assert_int_eq(seen.count, 1600);
}
END_TEST

static int
log_and_abort(void *arg)
{
    coir_log(COIR_LOG_WARN, "for %s", (const char *)arg);
    abort();
}

static int
run_log_and_abort(void *arg)
{
    return coir_run(log_and_abort, arg, NULL);
}

START_TEST(else_it_is_standard_error)
{
    core_must_die(log_and_abort, "people", SIGABRT, "coir: warning: for people\n");
    core_must_die(run_log_and_abort, "people", SIGABRT, "coir: warning: for people\n");
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_loop_test(cases, a_runtime_has_its_sink, 0, 3);
    tcase_add_test(cases, a_stall_is_told_to_the_sink);
    tcase_add_loop_test(cases, a_helper_has_the_sink_of_its_runtime, 0, 3);
    tcase_add_test(cases, one_line_at_a_time);
    tcase_add_test(cases, else_it_is_standard_error);
}

int
main(void)
{
    return core_main("log", add);
}
