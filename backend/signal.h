/* backend/signal.h: signals that are caught for whoever listens. */
#ifndef CR_SIGNAL_H
#define CR_SIGNAL_H

#include "base/atomic.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct cr_signal_set {
    CR_ATOMIC(struct cr_signal_set *) next;
    uint64_t wanted;          /* a bit for each number, from 1 */
    CR_ATOMIC(uint64_t) come; /* and of those that have come */
    int bell;                 /* an eventfd: rung for each */
};

/* From now on: 0; -EINVAL, -EMFILE. */
int cr_signal_listen(struct cr_signal_set *set, const int *signals, size_t count);
/* One that has come: its number; 0: none. */
int cr_signal_take(struct cr_signal_set *set);
void cr_signal_leave(struct cr_signal_set *set); /* the bell is its own to be closed */
/* As fork, from a process with one thread: in the child nobody listens, and the signals do what they did before anybody did;
 * what has been printed is printed once. No wait() of the program's own sees the child, where the kernel can do so. All signals
 * wait in the child until cr_signal_forked: so it can listen before the first one comes. */
pid_t cr_signal_fork(void);
void cr_signal_forked(void);
/* In a new process that has its program's memory but not its handlers: nobody listens. */
void cr_signal_begin(void);

#endif
