/* context/switch.c: from the loop into a fiber and back.
 *
 * The functions that hold a switch are noipa and in a file of their own, which the build keeps out of link-time
 * optimisation and instrumentation: in its callers' file gcc -O2 keeps a file-static variable in a register across the
 * switch (its address never escapes, so "memory" does not cover it). The loop stays in one function for as long as there
 * are fibers to enter, and calls next() in between, which returns: so the return predictor stays in step. It has two
 * bodies: one written out for the processor, and one for sanitizers, which want to hear of each switch, and for
 * processors that have none of their own. */
#include "context/context.h"

#include <stdint.h>

#if defined(__x86_64__)
#include "context/registers_x86_64.h"
#elif defined(__aarch64__)
#include "context/registers_aarch64.h"
#else
#error "coir switches fibers on x86-64 and aarch64 only"
#endif

#if defined(__clang__)
#define ALONE __attribute__((noinline)) /* clang has no noipa; what it may infer across files ends with -fno-lto */
#else
#define ALONE __attribute__((noipa))
#endif

void
cr_context_init_loop(struct cr_context *loop, void *bottom, size_t size)
{
    loop->sp = NULL;
    cr_sanitizer_init_loop(&loop->notice, bottom, size);
}

void
cr_context_init(struct cr_context *fiber, void *bottom, void *top, void (*entry)(void *arg), void *arg)
{
    cr_sanitizer_init(&fiber->notice, bottom, (size_t)((char *)top - (char *)bottom));
    fiber->sp = lay_first_frame(top, entry, arg);
}

void
cr_context_fini(struct cr_context *fiber)
{
    cr_sanitizer_fini(&fiber->notice);
    fiber->sp = NULL;
}

#if defined(CR_LOOP_STACKS) && !defined(CR_ASAN) && !defined(CR_TSAN)

/* loop_stacks takes a fiber's context for where it rests. */
_Static_assert(offsetof(struct cr_context, sp) == 0, "a context begins with where it rests");

void
cr_context_loop(struct cr_context *loop, struct cr_context *(*next)(void *arg), void *arg)
{
    loop_stacks(&loop->sp, next, arg);
}

#else

ALONE void
cr_context_loop(struct cr_context *loop, struct cr_context *(*next)(void *arg), void *arg)
{
    struct cr_context *fiber;
    while ((fiber = next(arg))) {
        cr_sanitizer_leave(&loop->notice, &fiber->notice);
        switch_stacks(&loop->sp, fiber->sp);
        cr_sanitizer_arrive(&loop->notice);
    }
}

#endif

ALONE void
cr_context_leave(struct cr_context *self, struct cr_context *loop)
{
    cr_sanitizer_leave(&self->notice, &loop->notice);
    switch_stacks(&self->sp, loop->sp);
    cr_sanitizer_arrive(&self->notice);
}

ALONE void
cr_context_end(struct cr_context *self, struct cr_context *loop)
{
    cr_sanitizer_end(&self->notice, &loop->notice);
    switch_stacks(&self->sp, loop->sp);
    __builtin_unreachable();
}

void
cr_context_arrived(struct cr_context *self)
{
    cr_sanitizer_arrive(&self->notice);
}
