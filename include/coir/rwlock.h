/* coir/rwlock.h: many readers, or one writer. */
#ifndef COIR_RWLOCK_H
#define COIR_RWLOCK_H

#include <coir/base.h>

COIR_BEGIN

/* May be freed as soon as no call on it is to come: a task that has got or given it up no longer looks at it. */
struct coir_rwlock {
    uintptr_t words[3]; /* private */
    const char *place;  /* where it was made, for reports */
    uintptr_t held[2], readers[4];
};
/* clang-format off */
#define COIR_RWLOCK_INIT {{0, 0, 0}, COIR_HERE, {0, 0}, {0, 0, 0, 0}}
/* clang-format on */

COIR_EXPORT void coir_rwlock_init(struct coir_rwlock *lock);
COIR_EXPORT void coir_rwlock_fini(struct coir_rwlock *lock); /* held or waited for: stops the process */

/* Locked for reading, beside other readers. First come, first served: who comes while a writer waits waits behind it, and
 * when its turn has come all readers up to the next writer are let in together; so nobody starves. Cannot be canceled. A
 * task may read again while it reads. -EDEADLK: it writes; or it reads, and a writer waits without a deadline, which waits
 * for it; or the writer, by way of others perhaps, waits for the caller, and the log names them. (A task's own read locks are
 * remembered for that: eight of a task, 512 of the tasks of one thread; beyond that reading again behind a writer waits for
 * ever. A task that ends and still reads is named in the log, if it is remembered.) */
COIR_EXPORT COIR_MUSTCHECK int coir_rwlock_read(struct coir_rwlock *lock, coir_time deadline);

/* Locked for writing, alone. As above. -EDEADLK: the caller writes already, or it reads: a read lock is not turned into a
 * write lock, because two that tried would wait for each other; unlock first. Or waiting would close a circle, through the
 * writer or through any one of the readers (four of them are known). */
COIR_EXPORT COIR_MUSTCHECK int coir_rwlock_write(struct coir_rwlock *lock, coir_time deadline);

/* Gives one lock up, of either kind; by the task that got it. Not held by anybody, or written by another task: stops the
 * process. */
COIR_EXPORT void coir_rwlock_unlock(struct coir_rwlock *lock);

COIR_END

#endif
