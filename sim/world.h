/* sim/world.h: the rows of cr_world that are virtual while a run is under way: clock, chance, threads, futexes,
 * environment. Memory stays real; descriptors are sim/net.h's. */
#ifndef CR_SIM_WORLD_H
#define CR_SIM_WORLD_H

#include "base/world.h"

void cr_sim_world_enter(void);
void cr_sim_world_leave(void); /* as it was before */

/* Virtual wall clocks begin here: 2026-01-01, in nanoseconds since 1970. */
#define CR_SIM_EPOCH (INT64_C(1767225600) * COIR_SECOND)

#endif
