/* protocol.c: see protocol.h. */
#include "protocol.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* Preemptions of three threads with three calls each, memory being in order; where deadlines may pass at any time, too. */
enum { SCHEDULES = 10000, IN_ORDER = 3, IN_ORDER_RESTLESS = 2 };

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
    struct cr_check_result result;
    if (model == CR_MODEL_SC)
        check.preemptions = body->restless ? IN_ORDER_RESTLESS : IN_ORDER;
    result = cr_check(&check);
    if (result.failed)
        ck_abort_msg("%s, %s: %s", body->name, models[model], result.text);
    printf("%-22s %s  %-10s %9llu schedules, at most %4u steps%s, %.1f s\n", body->name, models[model],
           strategy == CR_PCT ? "pct" : "exhaustive", (unsigned long long)result.schedules, result.longest,
           result.complete ? ", complete" : "", seconds() - began);
}

void
protocol_check(const struct body *body, bool exhaustively)
{
    const char *only = getenv("COIR_CHECK_ONLY");
    if (only && strncmp(body->name, only, strlen(only)) != 0)
        return;
    if (exhaustively && strstr(body->name, "-3x3") && body->preemptions < IN_ORDER)
        search(body, CR_MODEL_SC, CR_EXHAUSTIVE, 0);
    for (enum cr_model model = CR_MODEL_TSO; model <= CR_MODEL_C11; model++) {
        search(body, model, CR_PCT, SCHEDULES);
        if (body->preemptions && exhaustively)
            search(body, model, CR_EXHAUSTIVE, 0);
    }
}
