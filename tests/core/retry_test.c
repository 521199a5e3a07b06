/* retry_test.c: what coir/retry.h promises, for fibers of one worker, of four, for threads, and mixed: attempts, pauses that
 * are never too short, deadlines, what is final, a line for each attempt. */
#include "core.h"

#include <coir/retry.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 64 };

struct service {
    int up_at;   /* the attempt that succeeds; 0: none */
    int failure; /* of the others */
    int attempts;
    coir_time moments[MOST];
    struct coir_event called;
};

static int
knock(void *arg)
{
    struct service *service = arg;
    if (service->attempts < MOST)
        service->moments[service->attempts] = coir_now();
    service->attempts++;
    coir_event_set(&service->called);
    return service->attempts == service->up_at ? 42 : service->failure;
}

static int
count_attempts(void *arg)
{
    struct coir_retry_options quick = {.attempts = 5, .first = 100 * COIR_US};
    (void)arg;
    for (int up_at = 0; up_at <= 6; up_at++) {
        struct service service = {.up_at = up_at, .failure = -ECONNREFUSED};
        bool comes_up = up_at && up_at <= 5;
        MUST_BE(coir_retry(knock, &service, &quick, core_soon()), comes_up ? 42 : -ECONNREFUSED);
        MUST_BE(service.attempts, comes_up ? up_at : 5);
    }
    return 0;
}

START_TEST(until_it_succeeds_or_attempts_are_used_up)
{
    core_play((enum core_cast)_i, count_attempts, NULL);
}
END_TEST

/* Doubling from the first to the longest, each at least half of that. */
static int
pause_longer_and_longer(void *arg)
{
    struct coir_retry_options options = {.attempts = 8, .first = 100 * COIR_US, .longest = 800 * COIR_US};
    struct service service = {.failure = -EIO};
    coir_time pause = options.first;
    (void)arg;
    MUST_BE(coir_retry(knock, &service, &options, COIR_NEVER), -EIO);
    MUST_BE(service.attempts, 8);
    for (int i = 1; i < 8; i++) {
        MUST(service.moments[i] - service.moments[i - 1] >= pause / 2);
        pause = pause * 2 > options.longest ? options.longest : pause * 2;
    }
    return 0;
}

START_TEST(pauses_double_and_are_never_too_short)
{
    core_play((enum core_cast)_i, pause_longer_and_longer, NULL);
}
END_TEST

static int
keep_the_deadline(void *arg)
{
    struct coir_retry_options options = {.first = 1 * COIR_MS, .longest = 2 * COIR_MS};
    struct coir_retry_options late = {.first = 10 * COIR_MINUTE, .longest = 20 * COIR_MINUTE};
    struct service service = {.failure = -EIO};
    coir_time deadline = coir_after(10 * COIR_MS);
    (void)arg;
    MUST_BE(coir_retry(knock, &service, &options, deadline), -EIO); /* the last result, not -ETIMEDOUT */
    MUST(service.attempts >= 2 && coir_now() >= deadline);

    service = (struct service){.failure =
                                   -EIO}; /* a pause that would go beyond it is cut, and the attempt then is the last */
    deadline = coir_after(3 * COIR_MS);
    MUST_BE(coir_retry(knock, &service, &late, deadline), -EIO);
    MUST_BE(service.attempts, 2);
    MUST(service.moments[1] >= deadline);

    for (int i = 0; i < 2; i++) { /* now, and too late: once */
        service = (struct service){.failure = -EIO};
        MUST_BE(coir_retry(knock, &service, NULL, i ? core_past() : COIR_NOW), -EIO);
        MUST_BE(service.attempts, 1);
    }
    return 0;
}

START_TEST(the_deadline_is_the_end_and_the_last_result_stays)
{
    core_play((enum core_cast)_i, keep_the_deadline, NULL);
}
END_TEST

static bool
not_for_eacces(int result)
{
    return result != -EACCES;
}

static int
give_up_at_once(void *arg)
{
    struct coir_retry_options options = {.again = not_for_eacces, .first = 10 * COIR_US, .attempts = 3};
    struct service service = {.failure = -EACCES};
    (void)arg;
    MUST_BE(coir_retry(knock, &service, &options, COIR_NEVER), -EACCES);
    MUST_BE(service.attempts, 1);
    service = (struct service){.failure = -ECANCELED};
    MUST_BE(coir_retry(knock, &service, &options, COIR_NEVER), -ECANCELED); /* the function decides */
    MUST_BE(service.attempts, 3);
    service = (struct service){.failure = -ECANCELED};
    MUST_BE(coir_retry(knock, &service, NULL, COIR_NEVER), -ECANCELED);
    MUST_BE(service.attempts, 1);
    return 0;
}

START_TEST(a_final_failure_is_not_tried_again)
{
    core_play((enum core_cast)_i, give_up_at_once, NULL);
}
END_TEST

static int
retry_for_ever(void *arg)
{
    return coir_retry(knock, arg, &(struct coir_retry_options){.first = COIR_MINUTE, .longest = COIR_MINUTE},
                      COIR_NEVER);
}

static int
retry_when_canceled(void *arg)
{
    struct service *service = arg;
    while (!coir_is_canceled())
        (void)coir_yield();
    MUST_BE(coir_retry(knock, service, NULL, COIR_NEVER), -ECANCELED);
    MUST_BE(service->attempts, 0); /* not even once */
    MUST_BE(coir_retry(knock, service, NULL, COIR_NOW), -EIO);
    MUST_BE(service->attempts, 1);
    return 0;
}

static int
cancel_it(void *arg)
{
    struct service service = {.failure = -EIO};
    struct core_actor actor;
    (void)arg;
    core_start(&actor, retry_for_ever, &service);
    MUST_BE(coir_event_wait(&service.called, core_soon()), 0);
    core_await_waiting(&actor);
    core_cancel(&actor);
    MUST_BE(core_end(&actor), -ECANCELED);
    MUST_BE(service.attempts, 1);
    service = (struct service){.failure = -EIO};
    core_start(&actor, retry_when_canceled, &service);
    core_cancel(&actor);
    MUST_BE(core_end(&actor), 0);
    return 0;
}

START_TEST(a_cancel_ends_the_pause)
{
    core_play((enum core_cast)_i, cancel_it, NULL);
}
END_TEST

/* ---- What is logged ---- */

static struct {
    int lines;
    char text[16][256];
} log_seen;

static void
see_log(enum coir_log_level level, const char *line, void *arg)
{
    (void)arg;
    MUST(level == COIR_LOG_INFO || level == COIR_LOG_WARN);
    MUST(log_seen.lines < 16);
    snprintf(log_seen.text[log_seen.lines++], sizeof log_seen.text[0], "%s", line);
}

static void
line_begins_and_ends(int number, const char *begin, const char *end)
{
    const char *line = log_seen.text[number];
    if (strncmp(line, begin, strlen(begin)) != 0 || strlen(line) < strlen(end) ||
        strcmp(line + strlen(line) - strlen(end), end) != 0)
        ck_abort_msg("line %d is '%s', not '%s ... %s'", number, line, begin, end);
}

static int
retry_aloud(void *arg)
{
    struct coir_retry_options options = {.name = "redis", .attempts = 3, .first = 100 * COIR_US};
    struct service service = {.failure = -ECONNREFUSED, .up_at = 2};
    (void)arg;
    MUST_BE(coir_retry(knock, &service, &options, core_soon()), 42);
    MUST_BE(log_seen.lines, 2);
    line_begins_and_ends(0, "redis: attempt 1 of 3: Connection refused; again in ", " ms");
    line_begins_and_ends(1, "redis: attempt 2 of 3: ok", "ok");
    service = (struct service){.failure = -ECONNREFUSED};
    MUST_BE(coir_retry(knock, &service, &options, core_soon()), -ECONNREFUSED);
    MUST_BE(log_seen.lines, 5);
    line_begins_and_ends(4, "redis: attempt 3 of 3: Connection refused", "; giving up");
    options.attempts = 0;
    service = (struct service){.failure = -ECONNREFUSED};
    MUST_BE(coir_retry(knock, &service, &options, COIR_NOW), -ECONNREFUSED);
    line_begins_and_ends(5, "redis: attempt 1: Connection refused", "; giving up");
    MUST_BE(coir_go(NULL, NULL, &(struct coir_task_options){.arg_size = 1 << 20}, NULL),
            -EINVAL); /* leaves a sentence */
    MUST_BE(coir_retry(knock, &service, &options, COIR_NOW), -ECONNREFUSED);
    line_begins_and_ends(6, "redis: attempt 1: Connection refused; giving up", "refused; giving up"); /* not this one */
    options.name = NULL;                                                                              /* silent */
    MUST_BE(coir_retry(knock, &service, &options, COIR_NOW), -ECONNREFUSED);
    MUST_BE(log_seen.lines, 7);
    return 0;
}

START_TEST(each_attempt_is_a_line)
{
    MUST_BE(coir_run(retry_aloud, NULL, &(struct coir_runtime_options){.workers = 1, .log = see_log}), 0);
}
END_TEST

static int
negative(void *arg)
{
    return coir_retry(knock, arg, &(struct coir_retry_options){.attempts = -1}, COIR_NOW);
}

static int
span_for_deadline(void *arg)
{
    return coir_retry(knock, arg, NULL, 5 * COIR_SECOND);
}

START_TEST(misuse_stops_the_process)
{
    struct service service = {.failure = -EIO};
    core_must_die(negative, &service, SIGABRT, "0 or more");
    core_must_die(span_for_deadline, &service, SIGABRT, "coir_after");
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_loop_test(cases, until_it_succeeds_or_attempts_are_used_up, 0, CORE_CASTS);
    tcase_add_loop_test(cases, pauses_double_and_are_never_too_short, 0, CORE_CASTS);
    tcase_add_loop_test(cases, the_deadline_is_the_end_and_the_last_result_stays, 0, CORE_CASTS);
    tcase_add_loop_test(cases, a_final_failure_is_not_tried_again, 0, CORE_CASTS);
    tcase_add_loop_test(cases, a_cancel_ends_the_pause, 0, CORE_CASTS);
    tcase_add_test(cases, each_attempt_is_a_line);
    tcase_add_test(cases, misuse_stops_the_process);
}

int
main(void)
{
    return core_main("retry", add);
}
