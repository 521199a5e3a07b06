/* carrier/retry.c: attempts, and pauses between them that grow. */
#include "sched/park.h"
#include <coir/log.h>
#include <coir/retry.h>

#include <stdio.h>

#define FIRST (100 * COIR_MS)
#define LONGEST (10 * COIR_SECOND)

static bool
is_not_cancel(int result)
{
    return result != -ECANCELED;
}

/* Defaults filled in. */
static struct coir_retry_options
resolve(const struct coir_retry_options *options)
{
    struct coir_retry_options wanted = {0};
    if (options)
        wanted = *options;
    if (wanted.attempts < 0 || wanted.first < 0 || wanted.longest < 0)
        cr_misuse("coir_retry: attempts, first and longest are 0 or more");
    if (!wanted.first)
        wanted.first = wanted.longest && wanted.longest < FIRST ? wanted.longest : FIRST;
    if (!wanted.longest)
        wanted.longest = wanted.first > LONGEST ? wanted.first : LONGEST;
    if (!wanted.again)
        wanted.again = is_not_cancel;
    return wanted;
}

/* When the next attempt is due; the deadline at the latest. pause doubles. */
static coir_time
next_moment(coir_time *pause, coir_time longest, coir_time deadline)
{
    coir_time this = *pause < longest ? *pause : longest, now = cr_now();
    this -= (coir_time)coir_random((uint64_t)(this / 2) + 1);
    *pause = *pause < longest / 2 ? *pause * 2 : longest;
    return deadline - now < this ? deadline : now + this;
}

/* "redis: attempt 3 of 10: Connection refused (what could not be reached); again in 412 ms" */
static void
tell(const struct coir_retry_options *options, int attempt, int result, coir_time moment)
{
    char of[16] = "", why[768] = "ok", then[32] = "";
    const char *detail = coir_error_detail();
    if (!options->name)
        return;
    if (options->attempts)
        snprintf(of, sizeof of, " of %d", options->attempts);
    if (result < 0) {
        snprintf(why, sizeof why, "%s%s%s%s", coir_error_text(result), *detail ? " (" : "", detail, *detail ? ")" : "");
        if (moment)
            snprintf(then, sizeof then, "; again in %lld ms", (long long)((moment - cr_now() + COIR_MS - 1) / COIR_MS));
        else
            snprintf(then, sizeof then, "; giving up");
    }
    coir_log(result < 0 && !moment ? COIR_LOG_WARN : COIR_LOG_INFO, "%s: attempt %d%s: %s%s", options->name, attempt,
             of, why, then);
}

int
coir_retry(coir_function *function, void *arg, const struct coir_retry_options *options, coir_time deadline)
{
    struct coir_retry_options wanted = resolve(options);
    struct coir_task *self = cr_task_self();
    coir_time pause = wanted.first;
    int error = cr_enter(self, deadline);
    for (int attempt = 1; !error; attempt++) {
        coir_time moment = 0;
        bool more;
        int result;
        cr_detail_clear(self);
        result = function(arg);
        more = result < 0 && attempt != wanted.attempts && wanted.again(result) && deadline > cr_now();
        if (more)
            moment = next_moment(&pause, wanted.longest, deadline);
        tell(&wanted, attempt, result, moment);
        if (!more)
            return result;
        error = coir_sleep(moment);
    }
    return error;
}
