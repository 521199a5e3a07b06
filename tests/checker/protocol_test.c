/* protocol_test.c: every structure of coir under the interleaving checker: all schedules of its bodies within bounds, and
 * 10,000 random ones (PCT, depth 2 to 5) for each, with store buffers as on x86 and with C11's orders. */
#include <check.h>
#include <stdio.h>
#include <time.h>

#include "../core/core.h"
#include "bodies.h"

enum { SCHEDULES = 10000 };

static const char *const models[] = {"sc", "tso", "c11"};

static double
seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
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

static void
check_body(const struct body *body)
{
    for (enum cr_model model = CR_MODEL_TSO; model <= CR_MODEL_C11; model++) {
        search(body, model, CR_PCT, SCHEDULES);
        if (body->preemptions)
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
    tcase_set_timeout(cases, 120);
    tcase_add_loop_test(cases, protocol, 0, (int)count);
}

int
main(void)
{
    return core_main("protocol", add);
}
