/* sched/fork.h: what a fork may find here, and what it leaves in the child. */
#ifndef CR_FORK_H
#define CR_FORK_H

struct coir_task;

/* From now on the child of a plain fork, made while there is a runtime, is stopped at its first call that asks who calls. */
void cr_fork_look_for(void);

/* Before a fork: 0, the calling thread is alone (a sanitizer's own do not count). failure: there are others; -ENOTSUP: that
 * cannot be known here. With a sentence that begins with who and ends with the advice. */
int cr_fork_check(const char *who, int failure, const char *advice);

/* In the child of a fork by self, the only thread: what it must not share with its parent is exchanged. */
void cr_fork_part(struct coir_task *self);

#endif
