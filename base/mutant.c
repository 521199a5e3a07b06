/* base/mutant.c: see mutant.h. */
#include "base/mutant.h"

#ifdef CR_CHECKED

#include <string.h>

static const char *planted;

void
cr_mutant_plant(const char *name)
{
    planted = name;
}

bool
cr_mutant_is(const char *name)
{
    return planted && strcmp(planted, name) == 0;
}

#else

typedef int cr_no_mutants; /* a file of its own may not be empty */

#endif
