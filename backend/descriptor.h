/* backend/descriptor.h: what is known about each descriptor number of the process.
 *
 * A number is reused by the kernel at once after close, and epoll goes on reporting a closed descriptor while a duplicate
 * of it lives. So each number has a generation, which close moves on: what carries an older one speaks of somebody else.
 * And each number knows which backend instances are attached to it, so that close can detach them all before. */
#ifndef CR_DESCRIPTOR_H
#define CR_DESCRIPTOR_H

#include "backend/backend.h"

/* Takes a free number for an instance, 0 to 63; -EAGAIN: 64 workers run in this process already. */
int cr_descriptor_join(const struct cr_backend *backend);
void cr_descriptor_settle(unsigned slot, void *self); /* the instance is open */
void cr_descriptor_leave(unsigned slot);

/* From here on descriptors are a simulation's own: to the kernel they are bad. */
enum { CR_VIRTUAL = 1 << 20 };

/* -EMFILE: beyond the table (1,048,576 numbers, and as many virtual ones). */
int cr_descriptor_check(int fd);
uint32_t cr_descriptor_generation(int fd);
void cr_descriptor_attach(int fd, unsigned slot); /* by the instance's own thread */
uint64_t cr_descriptor_attached(int fd);          /* to which: a bit for each slot */

/* One that somebody else has made becomes close-on-exec and non-blocking; -EBADF. */
int cr_descriptor_inherit(int fd);

/* Detaches every instance, moves the generation on, closes. The owner's last act: no operation is pending. */
int cr_descriptor_close(int fd);
/* The same without closing, for those who close it themselves. */
void cr_descriptor_forget(int fd);

#endif
