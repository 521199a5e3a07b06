/* coir/once.h: done by whoever comes first. */
#ifndef COIR_ONCE_H
#define COIR_ONCE_H

#include <coir/base.h>

COIR_BEGIN

struct coir_once {
    uintptr_t words[2]; /* private */
};
/* clang-format off */
#define COIR_ONCE_INIT {{0, 0}}
/* clang-format on */

COIR_EXPORT void coir_once_init(struct coir_once *once);
COIR_EXPORT void coir_once_fini(struct coir_once *once); /* under way: stops the process */

/* Suspends; the waiting cannot be canceled. Runs function(arg), unless it has been run; who comes meanwhile waits. Its
 * result (>= 0) to all, now and later. If it fails, its caller gets the failure and the next caller tries again: one of
 * those that wait, or one that comes. -EDEADLK: called from inside the function, or whoever runs it waits for the caller. */
COIR_EXPORT int coir_once_run(struct coir_once *once, coir_function *function, void *arg);

COIR_END

#endif
