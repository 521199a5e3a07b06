/* coir/shared.h: what tasks of several processes wait for: a mutex, a semaphore, an event, a queue.
 *
 * Each is one descriptor to its user. Open it, let the other processes have the descriptor (over a fork, to a process task, through
 * a Unix socket), and open it there with "from", which takes the descriptor over. All of them may be used by fibers, which do
 * not keep their worker from running others, and by plain threads, inside a runtime and without one. A process that is
 * forked may go on using the handles of its parent; it closes its own copies.
 *
 * Who dies (SIGKILL) or is stopped (SIGSTOP), at whatever moment, does not keep the others from going on, but for what it had:
 * a mutex is got with -EOWNERDEAD once its holder has died; a permit goes with who has died with it; an item that was put is in the
 * queue as a whole or not at all; one that was got goes with who has died with it, of which join tells. They do not wait in
 * line: of several that wait, whoever comes first.
 *
 * All that open and from need is the kernel's: -EMFILE, -ENFILE, -ENOMEM; -ETOOMANYREFS: a user without privileges may have
 * about a third as many of these objects as one process may have descriptors. from answers -EINVAL and a sentence for what is
 * something else, damaged or of another version, -EXDEV where process ids mean something else (a mutex or a queue of another pid
 * namespace); the descriptor is the caller's then, as before. The processes must trust each other: each can spoil what they share. */
#ifndef COIR_SHARED_H
#define COIR_SHARED_H

#include <coir/base.h>
#include <sys/types.h>

COIR_BEGIN

/* ---- One at a time ---- */

struct coir_shared_mutex;

COIR_EXPORT int coir_shared_mutex_open(struct coir_shared_mutex **mutex);
COIR_EXPORT int coir_shared_mutex_from(int fd, struct coir_shared_mutex **mutex);
COIR_EXPORT int coir_shared_mutex_fd(const struct coir_shared_mutex *mutex); /* borrowed */
COIR_EXPORT void coir_shared_mutex_close(struct coir_shared_mutex *mutex);   /* of NULL nothing */

/* 0; -EOWNERDEAD: it is the caller's now, but the process that had it has ended, or closed it, without giving it up: what it
 * guards may be half done. -EDEADLK: the caller has it already; circles through several processes are not seen, so have a
 * deadline. Cannot be canceled, so that clean-up can lock. -EUSERS: 256 processes use it. */
COIR_EXPORT COIR_MUSTCHECK int coir_shared_mutex_lock(struct coir_shared_mutex *mutex, coir_time deadline);

/* Its owner only: another task stops the process. Does not suspend. */
COIR_EXPORT void coir_shared_mutex_unlock(struct coir_shared_mutex *mutex);

/* ---- So many at a time ---- */

struct coir_shared_semaphore;

/* permits: free ones now; limit: the most there may be, 0: none. -EINVAL: permits beyond the limit. */
COIR_EXPORT int coir_shared_semaphore_open(uint32_t permits, uint32_t limit, struct coir_shared_semaphore **semaphore);
COIR_EXPORT int coir_shared_semaphore_from(int fd, struct coir_shared_semaphore **semaphore);
COIR_EXPORT int coir_shared_semaphore_fd(const struct coir_shared_semaphore *semaphore); /* borrowed */
COIR_EXPORT void coir_shared_semaphore_close(struct coir_shared_semaphore *semaphore);

COIR_EXPORT COIR_MUSTCHECK int coir_shared_semaphore_acquire(struct coir_shared_semaphore *semaphore,
                                                             coir_time deadline);
/* Gives one back, or a new one. -EOVERFLOW beyond its limit (nothing changes). Does not suspend. */
COIR_EXPORT int coir_shared_semaphore_release(struct coir_shared_semaphore *semaphore);

/* ---- Something that has happened, or not yet ---- */

struct coir_shared_event;

COIR_EXPORT int coir_shared_event_open(struct coir_shared_event **event);
COIR_EXPORT int coir_shared_event_from(int fd, struct coir_shared_event **event);
COIR_EXPORT int coir_shared_event_fd(const struct coir_shared_event *event); /* borrowed */
COIR_EXPORT void coir_shared_event_close(struct coir_shared_event *event);

/* These do not suspend. What is set and cleared again at once may be missed by who waits. */
COIR_EXPORT void coir_shared_event_set(struct coir_shared_event *event);
COIR_EXPORT void coir_shared_event_clear(struct coir_shared_event *event);
COIR_EXPORT bool coir_shared_event_is_set(const struct coir_shared_event *event);

COIR_EXPORT int coir_shared_event_wait(struct coir_shared_event *event, coir_time deadline);

/* ---- Items of bytes, first in, first out ---- */

struct coir_shared_queue;

/* bytes: what is inside may have so many, each item counting 512 more than its size; there is room for these at least. At
 * most what net.core.wmem_max allows (212,992, if nobody has changed it): -ENOBUFS, and the sentence says so. */
COIR_EXPORT int coir_shared_queue_open(size_t bytes, struct coir_shared_queue **queue);
COIR_EXPORT int coir_shared_queue_from(int fd, struct coir_shared_queue **queue);
COIR_EXPORT int coir_shared_queue_fd(const struct coir_shared_queue *queue); /* borrowed */
COIR_EXPORT void coir_shared_queue_close(struct coir_shared_queue *queue);

/* Copies the item of size (0 or more) bytes in; waits while the queue is full. -EPIPE after shutdown; -EMSGSIZE: it is larger
 * than the queue; -ENOBUFS, -ENOMEM: the kernel has no memory for it. */
COIR_EXPORT int coir_shared_queue_put(struct coir_shared_queue *queue, const void *item, size_t size,
                                      coir_time deadline);

/* Copies the next item out and answers its size; waits while the queue is empty. After shutdown what is inside, then -EPIPE.
 * -EMSGSIZE: it was larger than size, the rest is lost; it counts as got. -EUSERS: 256 processes use it. */
COIR_EXPORT COIR_MUSTCHECK ssize_t coir_shared_queue_get(struct coir_shared_queue *queue, void *item, size_t size,
                                                         coir_time deadline);

/* One that this process has got has been dealt with. More often than it got some: stops the process. Does not suspend. */
COIR_EXPORT void coir_shared_queue_done(struct coir_shared_queue *queue);

/* Until all that were put are done; at once if there is none. -EOWNERDEAD, once: a process has ended, or closed the queue, that
 * was not done with all it had got: those items are nobody's any more; the next call waits for the rest. */
COIR_EXPORT int coir_shared_queue_join(struct coir_shared_queue *queue, coir_time deadline);

/* Nothing more goes in, what is inside still comes out, in all processes. Does not suspend. */
COIR_EXPORT void coir_shared_queue_shutdown(struct coir_shared_queue *queue);

/* How many items there are. Advice: old at once, and one too many or too few for each process that was killed in a put or a get. */
COIR_EXPORT size_t coir_shared_queue_size(const struct coir_shared_queue *queue);

COIR_END

#endif
