/* coir/scope.h: tasks that cannot outlive a block. */
#ifndef COIR_SCOPE_H
#define COIR_SCOPE_H

#include <coir/base.h>
#include <coir/task.h>

COIR_BEGIN

struct coir_scope {
    uint64_t words[10]; /* private; not to be moved */
};

/* Declares a scope that ends with the block, on every way out. */
#define COIR_SCOPE(name)                                    \
    struct coir_scope name COIR_UNTIL_END(coir_scope_fini); \
    coir_scope_init(&name)

/* The calling task owns it and is inside it from now on. Scopes end in the reverse order of their beginning. */
COIR_EXPORT void coir_scope_init(struct coir_scope *scope);

/* Starts a task that cannot outlive the scope; as coir_go. If it cannot start, coir_scope_wait answers so, too, but
 * nothing is canceled. By the owner or by a task inside. */
COIR_EXPORT int coir_scope_go(struct coir_scope *scope, coir_function *function, void *arg,
                              const struct coir_task_options *options);

/* From the deadline on all that is inside is canceled, the owner too, and coir_scope_wait answers -ETIMEDOUT. Owner
 * only. */
COIR_EXPORT void coir_scope_limit(struct coir_scope *scope, coir_time deadline);

/* Cancels all that is inside, on purpose: no failure, coir_scope_wait answers 0. By the owner or by a task inside. */
COIR_EXPORT void coir_scope_cancel(struct coir_scope *scope);

/* Owner only. Waits until all its tasks have ended; at the deadline cancels them and goes on waiting. 0; the first
 * failure of a task (it canceled all others, and the owner's own waits up to this call); -ETIMEDOUT; -ECANCELED: the
 * owner was canceled from outside, and so were they. A task that ends with -ECANCELED because it was canceled is no
 * failure. -EDEADLK: a task of it waits for what the owner has, for ever: nothing has happened, give that back and wait
 * again. */
COIR_EXPORT int coir_scope_wait(struct coir_scope *scope, coir_time deadline);

/* Suspends. Ends it: cancels and waits, unless it has been waited for. A deadlock stops the process here. */
COIR_EXPORT void coir_scope_fini(struct coir_scope *scope);

COIR_END

#endif
