/* context/stack.h: stacks for fibers, guarded, given back when they are no longer needed.
 *
 * One struct cr_stacks belongs to one worker: nothing here is locked. Address space comes in slabs of 64 MiB; a stack is
 * one stride of it (256 KiB), whose lowest part is guard. Tops are staggered in 24 steps of 128 bytes, so that the frames
 * of many parked fibers do not fall on the same cache sets. */
#ifndef CR_STACK_H
#define CR_STACK_H

#include "base/list.h"
#include <coir/base.h>

#include <stddef.h>
#include <stdint.h>

struct cr_slab; /* some stacks side by side */

/* A stack in use. */
struct cr_stack {
    struct cr_slab *slab; /* NULL: none */
    uint32_t index;
};

struct cr_stacks {
    struct cr_list slabs; /* those with a free stack come first */
    size_t stride, guard; /* bytes */
    uint32_t per_slab;
    uint32_t slab_count;
    uint32_t used;     /* stacks in use */
    uint32_t hot;      /* free ones whose pages may be present */
    uint32_t peak;     /* the most used since the last trim */
    coir_time trim_at; /* when to give back; COIR_NEVER: nothing to give */
};

/* stride: a power of two from 64 KiB to 64 MiB. */
void cr_stacks_init(struct cr_stacks *stacks, size_t stride);
void cr_stacks_fini(struct cr_stacks *stacks); /* none is in use */

/* 0; -ENOMEM: no address space, *why says which setting. */
int cr_stack_get(struct cr_stacks *stacks, struct cr_stack *stack, const char **why);
void cr_stack_put(struct cr_stacks *stacks, struct cr_stack *stack);

void *cr_stack_bottom(const struct cr_stacks *stacks, const struct cr_stack *stack); /* lowest usable byte */
void *cr_stack_top(const struct cr_stacks *stacks, const struct cr_stack *stack);
/* Whether the address lies in the stack's guard. */
int cr_stack_guards(const struct cr_stacks *stacks, const struct cr_stack *stack, const void *address);
/* Bytes from the lowest one ever written up to the top. */
size_t cr_stack_used(const struct cr_stacks *stacks, const struct cr_stack *stack);

/* For an idle worker: gives back what has not been needed for a second: empty slabs whole (only that returns page
 * tables, 513 B a stack), in others the pages of free stacks. Keeps twice the recent peak. Sets trim_at anew. */
void cr_stacks_trim(struct cr_stacks *stacks, coir_time now);

/* Whether there is enough to give back. */
int cr_stacks_worth_trimming(const struct cr_stacks *stacks);

/* What a new stride may be: 0 or -EINVAL. */
int cr_stack_stride_ok(size_t stride);

#endif
