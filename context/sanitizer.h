/* context/sanitizer.h: telling AddressSanitizer and ThreadSanitizer about switches. Three bodies: one for each, and
 * nothing. CR_ASAN and CR_TSAN are set by the build, for all files alike (switch.c itself is not instrumented).
 *
 * The calls stand right before and after the switch, in functions that are not instrumented: from an instrumented one
 * __tsan_switch_to_fiber would underflow the shadow stack. */
#ifndef CR_SANITIZER_H
#define CR_SANITIZER_H

#include <stddef.h>

#if defined(CR_ASAN)

#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#include <sanitizer/lsan_interface.h>

struct cr_sanitizer_stack {
    void *fake;
    const void *bottom;
    size_t size;
};

static inline void
cr_sanitizer_init(struct cr_sanitizer_stack *stack, const void *bottom, size_t size)
{
    *stack = (struct cr_sanitizer_stack){NULL, bottom, size};
    __asan_unpoison_memory_region(bottom, size);
}

static inline void
cr_sanitizer_init_loop(struct cr_sanitizer_stack *stack, const void *bottom, size_t size)
{
    *stack = (struct cr_sanitizer_stack){NULL, bottom, size};
}

static inline void
cr_sanitizer_fini(struct cr_sanitizer_stack *stack)
{
    (void)stack;
}

static inline void
cr_sanitizer_leave(struct cr_sanitizer_stack *from, const struct cr_sanitizer_stack *to)
{
    __sanitizer_start_switch_fiber(&from->fake, to->bottom, to->size);
}

static inline void
cr_sanitizer_end(struct cr_sanitizer_stack *from, const struct cr_sanitizer_stack *to)
{
    (void)from;
    __sanitizer_start_switch_fiber(NULL, to->bottom, to->size);
}

static inline void
cr_sanitizer_arrive(struct cr_sanitizer_stack *self)
{
    __sanitizer_finish_switch_fiber(self->fake, NULL, NULL);
}

/* Pointers in this memory keep what they point to from being a leak. */
static inline void
cr_sanitizer_root(const void *memory, size_t size)
{
    __lsan_register_root_region(memory, size);
}

#elif defined(CR_TSAN)

#include <sanitizer/tsan_interface.h>

struct cr_sanitizer_stack {
    void *fiber;
};

static inline void
cr_sanitizer_init(struct cr_sanitizer_stack *stack, const void *bottom, size_t size)
{
    (void)bottom, (void)size;
    stack->fiber = __tsan_create_fiber(0);
}

static inline void
cr_sanitizer_init_loop(struct cr_sanitizer_stack *stack, const void *bottom, size_t size)
{
    (void)bottom, (void)size;
    stack->fiber = __tsan_get_current_fiber();
}

static inline void
cr_sanitizer_fini(struct cr_sanitizer_stack *stack)
{
    __tsan_destroy_fiber(stack->fiber);
    stack->fiber = NULL;
}

static inline void
cr_sanitizer_leave(struct cr_sanitizer_stack *from, const struct cr_sanitizer_stack *to)
{
    (void)from;
    __tsan_switch_to_fiber(to->fiber, 0);
}

#define cr_sanitizer_end cr_sanitizer_leave
#define cr_sanitizer_root(memory, size) ((void)(memory), (void)(size))

static inline void
cr_sanitizer_arrive(struct cr_sanitizer_stack *self)
{
    (void)self;
}

#else

struct cr_sanitizer_stack {
    char none[0];
};

#define cr_sanitizer_init(stack, bottom, size) ((void)(stack), (void)(bottom), (void)(size))
#define cr_sanitizer_init_loop cr_sanitizer_init
#define cr_sanitizer_fini(stack) ((void)(stack))
#define cr_sanitizer_leave(from, to) ((void)(from), (void)(to))
#define cr_sanitizer_end cr_sanitizer_leave
#define cr_sanitizer_arrive(self) ((void)(self))
#define cr_sanitizer_root(memory, size) ((void)(memory), (void)(size))

#endif

#endif
