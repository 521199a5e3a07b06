/* backend/backend.h: the contract between a worker and the I/O model under it.
 *
 * A backend carries out operations (operation.h). One instance belongs to one worker; every function but wake and
 * detach is called on that worker's thread. A backend knows neither fibers nor timers: the worker says until when it may
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
 */
#ifndef CR_BACKEND_H
#define CR_BACKEND_H

#include "backend/operation.h"

struct cr_backend {
    const char *name;
    int (*open)(void **self, unsigned slot);
    void (*close)(void *self);
    int (*start)(void *self, struct cr_op *op);
    void (*cancel)(void *self, struct cr_op *op);
    void (*detach)(void *self, int fd);
    bool (*maybe_ready)(void *self);
    int (*reap)(void *self, coir_time until, struct cr_list *done);
    void (*wake)(void *self);
};

extern const struct cr_backend cr_backend_epoll, cr_backend_uring;

/* By name, NULL: the best here; NULL answers: no such backend. */
const struct cr_backend *cr_backend_find(const char *name);
/* One more, before all others: a simulation's. NULL: no more. Before runtimes start. */
void cr_backend_install(const struct cr_backend *backend);
/* All names, "epoll, ..." */
const char *cr_backend_names(void);

#endif
