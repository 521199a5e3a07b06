/* coir/signals.h: signals as something to wait for, in straight code instead of in a handler.
 *
 * While a set is open its signals do nothing else: TERM does not end the program, INT does not either. The system does not
 * count them: several of one kind that come before anybody waits may be one. Several sets with the same signal all get it. */
#ifndef COIR_SIGNALS_H
#define COIR_SIGNALS_H

#include <coir/base.h>

COIR_BEGIN

struct coir_signals;

/* From now on waits for these. At any time, from any task: threads need not block them, and one at least must not. -EINVAL: none,
 * or one that cannot be caught, or a fault of the program's own (SIGSEGV ...); -EMFILE, -ENOMEM. */
COIR_EXPORT int coir_signals_open(const int *signals, size_t count, struct coir_signals **set);

/* The number of one that has come. Any number of tasks may wait; each that has come goes to one of them. */
COIR_EXPORT COIR_MUSTCHECK int coir_signals_wait(struct coir_signals *set, coir_time deadline);

/* Readable once one has come: for a coir_poller; coir_signals_wait with COIR_NOW until -EAGAIN takes them. Borrowed. */
COIR_EXPORT int coir_signals_fd(const struct coir_signals *set);

/* The signals do again what they did before the first set that had them; what has come and was not waited for is lost. Of NULL
 * nothing. Nobody may wait. */
COIR_EXPORT void coir_signals_close(struct coir_signals *set);

COIR_END

#endif
