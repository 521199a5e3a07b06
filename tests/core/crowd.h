/* crowd.h: very many tasks that wait at once: what they cost, and that it comes back. */
#ifndef TESTS_CROWD_H
#define TESTS_CROWD_H

#include "core.h"

COIR_BEGIN

/* Parks so many tasks in a runtime of so many workers, looks at memory, page tables and mappings, lets them end, and looks
 * again three seconds later. Under sanitizers and emulators, whose memory it would be, it only parks them. */
void crowd_come_and_go(int workers, long many);

COIR_END

#endif
