/* backend/backend.h: the contract between a worker and the I/O model under it.
 *
 * A backend carries out operations (operation.h). One instance belongs to one worker; every function but wake,
 * detach and close is called on that worker's thread. A backend knows neither fibers nor timers: the worker says until when it may
 * wait.
 *
 *   open       makes an instance; slot is its number in the process, 0 to 63, for descriptor.h.
 *   start      begins an operation: its result at once, CR_PENDING, or CR_BLOCKS. May only queue.
 *   cancel     asks for the end of an operation that is pending; it still comes back once, by reap, with -ECANCELED or
 *              with the result that was faster: the kernel's result wins.
 *   detach     called before a descriptor is closed, from any thread, for each instance that was attached to it. No
 *              operation of its is pending then.
 *   maybe_ready  looks at user memory only: whether reap could have something now. False negatives are not allowed.
 *   reap       hands over what has come back, as a list through op->link; waits for it at most until (COIR_NOW: not at
 *              all). Returns early after wake. May hand over nothing.
 *   wake       from any thread: a reap that waits, or the next one that would, returns.
 *   end_feed   a feed armed here (feed.h) is over when this returns; or, where the kernel takes nothing at present, soon.
 *   leave      the last call on the thread: every feed armed here is over when it returns.
 *
 * Which one: by name, or by itself the first of the table (backend.c, best first) that opens and is not by name only.
 */
#ifndef CR_BACKEND_H
#define CR_BACKEND_H

#include "backend/operation.h"

struct cr_backend {
    const char *name;
    bool by_name_only; /* never chosen by itself */
    int numbers;       /* descriptors from this number on cannot be waited for: start answers CR_BEYOND; 0: all can */
    int (*open)(void **self, unsigned slot);
    void (*close)(void *self);
    int (*start)(void *self, struct cr_op *op);
    void (*cancel)(void *self, struct cr_op *op);
    void (*detach)(void *self, int fd);
    bool (*maybe_ready)(void *self);
    int (*reap)(void *self, coir_time until, struct cr_list *done);
    void (*wake)(void *self);
    void (*end_feed)(void *self, struct cr_feed *feed); /* NULL, and leave, too: it has no feeds */
    void (*leave)(void *self);
};

extern const struct cr_backend cr_backend_epoll, cr_backend_uring, cr_backend_poll, cr_backend_select,
    cr_backend_epoll_level, cr_backend_sigio, cr_backend_spin;

/* What to try for a name, in order from 0 on; NULL: no more. A name has one, or none: there is no such backend. Without a
 * name (NULL) it is all that may be chosen by themselves, best first. */
const struct cr_backend *cr_backend_choice(const char *name, size_t nth);
/* The n-th of the table, those by name only being the last; NULL: no more. */
const struct cr_backend *cr_backend_at(size_t nth);
/* One more, which is the only choice without a name: a simulation's. NULL: no more. Before runtimes start. */
void cr_backend_install(const struct cr_backend *backend);
/* All names, "epoll, ...", cut to size. */
void cr_backend_names(char *names, size_t size);

/* For tests that must know what they ran on: how many operations each backend has handed back, in the order of the table,
 * an installed one of another name last; counted when a worker ends. NULL: the process's own counts; else they are kept elsewhere. */
enum { CR_BACKEND_COUNTS = 16 };
void cr_backend_count_in(CR_ATOMIC(uint64_t) * counts);
void cr_backend_count(const struct cr_backend *backend, uint64_t operations);
uint64_t cr_backend_counted(const struct cr_backend *backend); /* NULL: the installed one */

#endif
