/* context/stack.c: slabs of guarded stacks.
 *
 * Guards are set in batches of 64 by one system call where the kernel has MADV_GUARD_INSTALL (6.13): that splits no
 * mapping, so a million stacks are a handful of mappings. Where it has not (or after mlockall) one page of each stack is
 * protected instead, which costs two mappings each; that is stopped at a third of vm.max_map_count with a sentence that
 * names the setting, because the limit is the whole process's.
 *
 * A slab knows its free stacks as a list of indexes (last in, first out: the pages used last are warm), and how many of
 * its stacks have been prepared (guarded) so far; the rest has never been touched. */
#include "context/stack.h"
#include "base/atomic.h"
#include "base/check.h"
#include "base/world.h"

#include <errno.h>
#include <sys/uio.h>

enum {
    SLAB = 64 << 20,  /* bytes */
    MOST = 1023,      /* stacks of a slab */
    GUARD = 64 << 10, /* bytes: larger frames than this jump it; a quarter of small strides */
    BATCH = 64,       /* guards set at once */
    COLOURS = 24,     /* staggering of tops: over 3 KiB, so the frames of a parked fiber still fit its one page */
    COLOUR = 128,     /* bytes */
    KEEP = 16,        /* free stacks kept warm whatever the peak was */
    BOOKS = 4096,     /* bytes behind the stacks of a slab, in place of its last one: struct cr_slab goes with it */
    NONE = 0xffff
};

struct cr_slab {
    struct cr_list link; /* in cr_stacks.slabs */
    char *base;
    uint32_t prepared;  /* stacks from 0 on that have their guard */
    uint32_t protected; /* of these, how many have a mapping of their own for it */
    uint32_t used;
    uint32_t hot;  /* free ones that have been used since their pages were given back */
    uint16_t free; /* head of the list of free prepared stacks; NONE */
    uint16_t next[MOST];
    uint8_t warm[MOST]; /* its pages may be present */
};

_Static_assert(sizeof(struct cr_slab) <= BOOKS, "a slab's books have their room");

static CR_ATOMIC(uint32_t) no_guard_install; /* this kernel refused once */
static CR_ATOMIC(uint32_t) protected_stacks; /* in the whole process */

int
cr_stack_stride_ok(size_t stride)
{
    return stride >= 64 << 10 && stride <= 64 << 20 && !(stride & (stride - 1)) ? 0 : -EINVAL;
}

void
cr_stacks_init(struct cr_stacks *stacks, size_t stride)
{
    *stacks = (struct cr_stacks){.stride = stride, .guard = stride / 4 < GUARD ? stride / 4 : GUARD};
    stacks->per_slab = SLAB / stride > 1 ? (uint32_t)(SLAB / stride) - 1 : 1;
    stacks->trim_at = COIR_NEVER;
    cr_list_init(&stacks->slabs);
}

static size_t
slab_bytes(const struct cr_stacks *stacks)
{
    return (stacks->per_slab + 1) * stacks->stride;
}

static void
free_slab(struct cr_stacks *stacks, struct cr_slab *slab)
{
    cr_list_remove(&slab->link);
    stacks->slab_count--;
    stacks->hot -= slab->hot;
    (void)cr_sub_ar(&protected_stacks, slab->protected);
    cr_world.unmap(slab->base, slab_bytes(stacks));
}

void
cr_stacks_fini(struct cr_stacks *stacks)
{
    cr_always(stacks->used == 0);
    while (!cr_list_is_empty(&stacks->slabs))
        free_slab(stacks, cr_container(stacks->slabs.next, struct cr_slab, link));
}

static struct cr_slab *
new_slab(struct cr_stacks *stacks, const char **why)
{
    char *base = cr_world.map(slab_bytes(stacks));
    struct cr_slab *slab;
    *why = "no address space for stacks: see ulimit -v and vm.overcommit_memory";
    if (!base)
        return NULL;
    slab = (struct cr_slab *)(void *)(base + stacks->per_slab * stacks->stride);
    slab->base = base;
    slab->prepared = slab->protected = slab->used = slab->hot = 0;
    slab->free = NONE;
    cr_list_append(stacks->slabs.next, &slab->link); /* before the first: at the front */
    stacks->slab_count++;
    return slab;
}

/* One page of each stack is protected: two mappings each. */
static int
protect_each(struct cr_stacks *stacks, struct cr_slab *slab, uint32_t count, const char **why)
{
    size_t page = cr_world.page_size();
    for (uint32_t i = 0; i < count; i++) {
        char *stack = slab->base + (slab->prepared + i) * stacks->stride;
        uint32_t before = cr_add_ar(&protected_stacks, 1);
        if (before >= (uint32_t)(cr_world.map_limit() / 3 / 2) ||
            cr_world.protect(stack + stacks->guard - page, page)) {
            (void)cr_sub_ar(&protected_stacks, 1);
            *why = "no more guarded stacks: raise vm.max_map_count, or use Linux 6.13, which needs no mapping for them";
            return i ? (int)i : -ENOMEM;
        }
        slab->protected ++;
    }
    return (int)count;
}

/* Guards the next stacks of the slab: 0 or -ENOMEM. */
static int
prepare(struct cr_stacks *stacks, struct cr_slab *slab, const char **why)
{
    struct iovec guards[BATCH] = {{NULL, 0}};
    uint32_t count = stacks->per_slab - slab->prepared;
    int done;
    if (count > BATCH)
        count = BATCH;
    for (uint32_t i = 0; i < count; i++)
        guards[i] = (struct iovec){slab->base + (slab->prepared + i) * stacks->stride, stacks->guard};
    if (!cr_load_rlx(&no_guard_install) && cr_world.guard(guards, count) == 0) {
        done = (int)count;
    } else {
        cr_store_rlx(&no_guard_install, 1);
        done = protect_each(stacks, slab, count, why);
        if (done < 0)
            return done;
    }
    for (uint32_t i = (uint32_t)done; i-- > 0;) {
        uint16_t index = (uint16_t)(slab->prepared + i);
        slab->warm[index] = 0;
        slab->next[index] = slab->free;
        slab->free = index;
    }
    slab->prepared += (uint32_t)done;
    return 0;
}

int
cr_stack_get(struct cr_stacks *stacks, struct cr_stack *stack, const char **why)
{
    struct cr_slab *slab = cr_container(stacks->slabs.next, struct cr_slab, link);
    int error;
    if (cr_list_is_empty(&stacks->slabs) || (slab->free == NONE && slab->prepared == stacks->per_slab)) {
        slab = new_slab(stacks, why);
        if (!slab)
            return -ENOMEM;
    }
    if (slab->free == NONE && (error = prepare(stacks, slab, why)))
        return error;
    stack->slab = slab;
    stack->index = slab->free;
    slab->free = slab->next[stack->index];
    if (slab->warm[stack->index]) {
        slab->hot--;
        stacks->hot--;
    }
    slab->warm[stack->index] = 1;
    slab->used++;
    if (++stacks->used > stacks->peak)
        stacks->peak = stacks->used;
    if (slab->free == NONE && slab->prepared == stacks->per_slab && slab->link.next != &stacks->slabs) {
        cr_list_remove(&slab->link); /* full: behind those with free stacks */
        cr_list_append(&stacks->slabs, &slab->link);
    }
    return 0;
}

void
cr_stack_put(struct cr_stacks *stacks, struct cr_stack *stack)
{
    struct cr_slab *slab = stack->slab;
    if (slab->free == NONE && stacks->slabs.next != &slab->link) {
        cr_list_remove(&slab->link);
        cr_list_append(stacks->slabs.next, &slab->link);
    }
    slab->next[stack->index] = slab->free;
    slab->free = (uint16_t)stack->index;
    slab->used--;
    slab->hot++;
    stacks->hot++;
    stacks->used--;
    stack->slab = NULL;
}

void *
cr_stack_bottom(const struct cr_stacks *stacks, const struct cr_stack *stack)
{
    return stack->slab->base + stack->index * stacks->stride + stacks->guard;
}

void *
cr_stack_top(const struct cr_stacks *stacks, const struct cr_stack *stack)
{
    return stack->slab->base + (stack->index + 1) * stacks->stride - stack->index % COLOURS * COLOUR;
}

int
cr_stack_guards(const struct cr_stacks *stacks, const struct cr_stack *stack, const void *address)
{
    const char *bottom = cr_stack_bottom(stacks, stack), *at = address;
    return at >= bottom - stacks->guard && at < bottom;
}

size_t
cr_stack_used(const struct cr_stacks *stacks, const struct cr_stack *stack)
{
    char *bottom = cr_stack_bottom(stacks, stack), *end = stack->slab->base + (stack->index + 1) * stacks->stride;
    size_t present = cr_world.resident(bottom, (size_t)(end - bottom));
    const uint64_t *word = (const uint64_t *)(void *)(end - present), *top = cr_stack_top(stacks, stack);
    while (word < top && !*word)
        word++;
    return (size_t)((const char *)top - (const char *)word);
}

/* Gives back the pages of the slab's free stacks; neighbours together (guards in between stay). */
static void
cool(struct cr_stacks *stacks, struct cr_slab *slab)
{
    uint32_t first = MOST;
    uint8_t is_free[MOST] = {0};
    for (uint32_t i = slab->free; i != NONE; i = slab->next[i])
        is_free[i] = slab->warm[i];
    for (uint32_t i = 0; i <= slab->prepared; i++) {
        bool give = i < slab->prepared && is_free[i];
        if (give && first == MOST)
            first = i;
        if (give || first == MOST)
            continue;
        (void)cr_world.discard(slab->base + first * stacks->stride, (i - first) * stacks->stride);
        for (; first < i; first++)
            slab->warm[first] = 0;
        first = MOST;
    }
    stacks->hot -= slab->hot;
    slab->hot = 0;
}

int
cr_stacks_worth_trimming(const struct cr_stacks *stacks)
{
    return stacks->hot > 2 * KEEP;
}

void
cr_stacks_trim(struct cr_stacks *stacks, coir_time now)
{
    uint32_t keep = 2 * stacks->peak > stacks->used ? 2 * stacks->peak - stacks->used : 0;
    if (keep < KEEP)
        keep = KEEP;
    stacks->peak = stacks->used; /* of the next period */
    for (struct cr_list *link = stacks->slabs.prev, *before; link != &stacks->slabs; link = before) {
        struct cr_slab *slab = cr_container(link, struct cr_slab, link);
        before = link->prev;
        if (stacks->hot < keep + slab->hot || !slab->hot)
            continue;
        if (!slab->used && stacks->slab_count > 1)
            free_slab(stacks, slab);
        else
            cool(stacks, slab);
    }
    stacks->trim_at = cr_stacks_worth_trimming(stacks) ? now + COIR_SECOND : COIR_NEVER;
}
