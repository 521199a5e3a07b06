/* context/context.h: a place to go on at: registers on a stack of its own.
 *
 * A worker's thread is either in its loop, on the thread's own stack, or in one fiber, on the fiber's stack. The loop
 * enters fibers (cr_context_loop), a fiber only ever goes back to its loop (cr_context_leave, cr_context_end). The
 * switch keeps the integer registers, the stack and the place; it does not keep mxcsr and the x87 control word, nor
 * signal masks: they belong to the thread. */
#ifndef CR_CONTEXT_H
#define CR_CONTEXT_H

#include "context/sanitizer.h"

#include <stddef.h>

struct cr_context {
    void *sp;                         /* while it does not run: where it goes on */
    struct cr_sanitizer_stack notice; /* what sanitizers want to know; empty in a normal build */
};

/* Makes the calling thread's own stack a loop. */
void cr_context_init_loop(struct cr_context *loop, void *bottom, size_t size);

/* Prepares a fiber on the stack from bottom up to top (16-byte aligned): when it is entered first, entry(arg) runs,
 * which must end with cr_context_end. */
void cr_context_init(struct cr_context *fiber, void *bottom, void *top, void (*entry)(void *arg), void *arg);

/* After its end, or if it was never entered. */
void cr_context_fini(struct cr_context *fiber);

/* Enters the fiber that next(arg) names, and when that one leaves asks again, until it answers NULL. */
void cr_context_loop(struct cr_context *loop, struct cr_context *(*next)(void *arg), void *arg);

/* The first act of entry. */
void cr_context_arrived(struct cr_context *self);

/* From the fiber self back to its loop; returns when self is entered again. */
void cr_context_leave(struct cr_context *self, struct cr_context *loop);

/* The same for good. */
__attribute__((noreturn)) void cr_context_end(struct cr_context *self, struct cr_context *loop);

#endif
