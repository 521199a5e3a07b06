/* base/time.c: the public clock. */
#include "base/time.h"

int
coir_version(void)
{
    return COIR_VERSION;
}

coir_time
coir_now(void)
{
    return cr_now();
}

coir_time
coir_after(coir_time span)
{
    coir_time now;
    if (span == COIR_NEVER)
        return COIR_NEVER;
    if (span >= CR_CLOCK_START / 2)
        cr_misuse("coir_after(%lld): that is a moment already; give it as the deadline as it is", (long long)span);
    now = cr_now();
    return span < -(now - CR_CLOCK_START) ? CR_CLOCK_START : now + span;
}

int64_t
coir_wall_time(void)
{
    return cr_world.wall_clock();
}

void
cr_span_as_deadline(coir_time deadline)
{
    cr_misuse("a deadline of %lld is a span; write coir_after(%lld)", (long long)deadline, (long long)deadline);
}
