/* base/mutant.h: faults planted on purpose, to see whether the tests that should find them do.
 *
 *     if (!CR_MUTANT("park: no fence before the flags are read"))
 *         cr_fence_sc();
 *
 * In a normal build CR_MUTANT(name) is false and costs nothing. In a checked build (CR_CHECKED) it is true while a test
 * has planted that name; one at a time. A name says where and what; it is a literal and stands once. */
#ifndef CR_MUTANT_H
#define CR_MUTANT_H

#include <stdbool.h>

#ifdef CR_CHECKED
bool cr_mutant_is(const char *name);
#define CR_MUTANT(name) cr_mutant_is(name)
/* From now on this one; NULL: none. For the whole process. */
void cr_mutant_plant(const char *name);
#else
#define CR_MUTANT(name) false
#endif

#endif
