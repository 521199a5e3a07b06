/* coir/future.h: a result that comes later, once, and who waits for it. */
#ifndef COIR_FUTURE_H
#define COIR_FUTURE_H

#include <coir/base.h>

COIR_BEGIN

struct coir_future;
struct coir_task;

typedef void coir_future_callback(struct coir_future *future, void *arg);

/* For a value of size bytes (0 or more), which are zero until it is set; NULL: no memory. */
COIR_EXPORT struct coir_future *coir_future_new(size_t size);

/* One more holder, who frees it as well: the same future. */
COIR_EXPORT struct coir_future *coir_future_share(struct coir_future *future);

/* One holder less; of NULL nothing. With the last one it goes, and a failure that nobody got (coir_future_get) is logged,
 * unless it is that of coir_future_cancel. Still waited for: stops the process. */
COIR_EXPORT void coir_future_free(struct coir_future *future);

/* Says which task will set it (NULL: none in particular), so that a circle of waiting tasks is found with it in it, and so
 * that nobody waits for ever: if that task ends, or has ended, and nobody has made it done, a line in the log names both, and
 * it is done with the result -EOWNERDEAD. Who hands that duty on says so by another call before it ends. Before anybody
 * waits; not by two tasks at once. A job's is the worker's that runs it: nothing is changed then. */
COIR_EXPORT void coir_future_set_owner(struct coir_future *future, struct coir_task *task);

/* Makes it done: with a result, >= 0 or a failure (-errno), and a value, which is copied; value NULL: zeros. Wakes all that
 * wait, then calls the callbacks in the order in which they came. -EALREADY: it is done; -ECANCELED: it has been canceled;
 * -EBUSY: it belongs to a job that runs, or its owner is just ending. Does not suspend. */
COIR_EXPORT int coir_future_set(struct coir_future *future, int result, const void *value);

/* Whether it is done, well or not. */
COIR_EXPORT bool coir_future_is_done(const struct coir_future *future);

/* Until it is done, well or not: 0. -EDEADLK: its owner waits, perhaps through others, for the caller, or is the caller. */
COIR_EXPORT int coir_future_wait(struct coir_future *future, coir_time deadline);

/* Waits; its result, and if that is >= 0 the first size bytes of its value (more than it has: stops the process). As often
 * as wanted. -ETIMEDOUT, -ECANCELED and -EAGAIN may be the future's own result or this call's: who must know waits first.
 * A job's failure, and -EOWNERDEAD, bring their sentence (coir_error_detail) along. */
COIR_EXPORT int coir_future_get(struct coir_future *future, void *value, size_t size, coir_time deadline);

/* Makes it done with the result -ECANCELED, unless it is done or a job that runs will set it: 0, also if it has been
 * canceled before; -EALREADY; -EBUSY. Does not suspend. */
COIR_EXPORT int coir_future_cancel(struct coir_future *future);

/* Calls back once, when it is done: from the task that completes or cancels it, or by the end of its owner, after those that
 * wait were woken; or at once if it is done. The future is valid in the callback, which should be short and must not wait; it may add callbacks and free
 * the holder's share. -ENOMEM. Does not suspend. */
COIR_EXPORT int coir_future_on_done(struct coir_future *future, coir_future_callback *callback, void *arg);

/* Until all of them are done: 0. NULLs are skipped. -EDEADLK. */
COIR_EXPORT int coir_future_wait_all(struct coir_future *const *futures, size_t count, coir_time deadline);

/* Until one is done: the index of the first that is. NULLs are skipped; nothing but NULLs: -EPIPE. -ENOMEM (more than 8). */
COIR_EXPORT int coir_future_wait_any(struct coir_future *const *futures, size_t count, coir_time deadline);

COIR_END

#endif
