/* sim/race.h: plain fields that change hands, and memory that goes: what must be ordered by something.
 *
 * Two accesses of one plain field, of which one is a write, are a race unless one happened before the other, by the
 * orders that the code names: in every memory model, and whether or not they come together in this run. Freeing is a
 * write of all that was there. */
#ifndef CR_SIM_RACE_H
#define CR_SIM_RACE_H

#include "base/atomic_checked.h"

#include <stdint.h>

void cr_race_begin(void);
/* CR_READ, CR_WRITE, CR_BORN or CR_FREED; fails the run (cr_sim_fail) if it is a race. */
void cr_race_access(uint32_t thread, const struct cr_access_record *record);
/* Fails the run if this memory has been freed. */
void cr_race_alive(uint32_t thread, const struct cr_access_record *record);

#endif
