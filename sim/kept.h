/* sim/kept.h: address space for the stacks of fibers that is kept from run to run: mapping it, guarding it and giving it
 * back took four fifths of a whole runtime's schedule. What is in it is as the run before has left it, but for stacks
 * that nobody reads before having written them. */
#ifndef CR_SIM_KEPT_H
#define CR_SIM_KEPT_H

/* Takes over cr_world's rows map, unmap and guard. */
void cr_sim_keep_stacks(void);

#endif
