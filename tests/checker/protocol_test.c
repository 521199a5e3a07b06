/* protocol_test.c: every structure of coir under the interleaving checker: all schedules of its bodies within bounds, and
 * 10,000 random ones (PCT, depth 2 to 5) for each, with store buffers as on x86 and with C11's orders. Of whole runtimes
 * all schedules only with COIR_TEST_LONG=1. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "../core/core.h"
#include "bodies.h"

enum { SCHEDULES = 10000 };

static const char *const models[] = {"sc", "tso", "c11"};

/* Of processor time, of the checks so far. */
static double
seconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_CHILDREN, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void
search(const struct body *body, enum cr_model model, enum cr_strategy_kind strategy, uint64_t limit)
{
    struct cr_check check = body_check(body, model, strategy, limit);
    double began = seconds();
    struct cr_check_result result = cr_check(&check);
    if (result.failed)
        ck_abort_msg("%s, %s: %s", body->name, models[model], result.text);
    printf("%-18s %s  %-10s %9llu schedules, at most %3u steps%s, %.1f s\n", body->name, models[model],
           strategy == CR_PCT ? "pct" : "exhaustive", (unsigned long long)result.schedules, result.longest,
           result.complete ? ", complete" : "", seconds() - began);
}

/* Whole runtimes have too many schedules to go through all of them each time. */
static bool
has_workers(const struct body *body)
{
    return (body >= task_bodies && body < task_bodies + task_count) ||
           (body >= worker_bodies && body < worker_bodies + worker_count);
}

/* COIR_CHECK_ONLY=PREFIX: only those bodies. */
static void
check_body(const struct body *body)
{
    const char *only = getenv("COIR_CHECK_ONLY");
    if (only && strncmp(body->name, only, strlen(only)) != 0)
        return;
    for (enum cr_model model = CR_MODEL_TSO; model <= CR_MODEL_C11; model++) {
        search(body, model, CR_PCT, SCHEDULES);
        if (body->preemptions && (!has_workers(body) || core_is_long()))
            search(body, model, CR_EXHAUSTIVE, 0);
    }
}

static const struct body *all[BODIES_MOST];
static uint32_t count;

START_TEST(protocol)
{
    check_body(all[_i]);
}
END_TEST

static void
add(TCase *cases)
{
    count = bodies_all(all);
    tcase_set_timeout(cases, 600);
    tcase_add_loop_test(cases, protocol, 0, (int)count);
}

int
main(void)
{
    return core_main("protocol", add);
}
