/* coir/retry.h: something that may fail for a while: a service that is still coming up, a lock file, a name. */
#ifndef COIR_RETRY_H
#define COIR_RETRY_H

#include <coir/base.h>

COIR_BEGIN

/* Zero in every member is the default; so is NULL for the options. */
struct coir_retry_options {
    const char *name; /* NULL: silent; else a log line for each attempt */
    int attempts;     /* at most so many; 0: until the deadline */
    coir_time first,
        longest; /* pauses, ns: the first, doubling up to the longest; 0: 100 ms, 10 s. Each is cut short by
                                  chance, by up to a half, so that those that failed together do not come together again */
    bool (*again)(
        int result); /* whether after this failure another attempt makes sense; NULL: after any but -ECANCELED */
    uint64_t reserved[4];
};

/* Calls function(arg) until its result is >= 0, or attempts or deadline are used up, or the failure is final: the last
 * result. A pause does not go beyond the deadline: what would is cut, and the attempt after it is the last. COIR_NOW: one
 * attempt. -ECANCELED in a pause. The function has deadlines of its own: an attempt under way is not ended. */
COIR_EXPORT int coir_retry(coir_function *function, void *arg, const struct coir_retry_options *options,
                           coir_time deadline);

COIR_END

#endif
