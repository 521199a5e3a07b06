/* base/time.h: coir's clock, and the guard against a span given as a deadline. */
#ifndef CR_TIME_H
#define CR_TIME_H

#include "base/check.h"
#include "base/world.h"

__attribute__((noreturn, cold)) void cr_span_as_deadline(coir_time deadline);

static inline coir_time
cr_now(void)
{
    return cr_world.clock();
}

/* A deadline is COIR_NOW, COIR_NEVER or a moment on coir's clock; everything else stops the process. A quarter of the
 * clock's start is the border: a moment a little before the clock began is a moment in the past, not a span. */
static inline void
cr_check_deadline(coir_time deadline)
{
    if (cr_unlikely(deadline != COIR_NOW && deadline < CR_CLOCK_START / 2))
        cr_span_as_deadline(deadline);
}

#endif
