/* base/atomic_checked.h: the checked body of base/atomic.h (build with CR_CHECKED).
 *
 * Every access becomes a call that says what it is about to do. A checker installs itself with cr_checker_install and
 * may then switch "threads" at each of these points, delay stores, or check plain fields for races; without one the
 * accesses are carried out as they stand. Values travel as 64 bits whatever their size. */
#ifndef CR_ATOMIC_CHECKED_H
#define CR_ATOMIC_CHECKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cr_order { CR_RLX, CR_ACQ, CR_REL, CR_AR, CR_SC };
enum cr_access { CR_LOAD, CR_STORE, CR_SWAP, CR_CAS, CR_ADD, CR_OR, CR_AND, CR_FENCE, CR_PLAIN };

/* One access: what, in which order, where, how wide; value is what goes in, expected is for CR_CAS. */
struct cr_access_record {
    enum cr_access access;
    enum cr_order order;
    void *place;
    size_t size;
    uint64_t value, expected;
};

/* Carries one access out and returns what was there before (for CR_LOAD: what is there). */
typedef uint64_t cr_checker(const struct cr_access_record *record);

void cr_checker_install(cr_checker *checker); /* NULL: none. Before threads start. */
uint64_t cr_checked(enum cr_access access, enum cr_order order, void *place, size_t size, uint64_t value);
bool cr_checked_cas(enum cr_order order, void *place, void *expected, size_t size, uint64_t value);
/* The plain carrying out, for checkers to build on. */
uint64_t cr_access_carry_out(const struct cr_access_record *record);

#define CR_SHARED(field)                                                        \
    (*({                                                                        \
        (void)cr_checked(CR_PLAIN, CR_RLX, (void *)&(field), sizeof(field), 0); \
        &(field);                                                               \
    }))

#define CR_CHECKED_VALUE(p, call) ((__typeof__(*(p)))(uintptr_t)(call))
#define CR_CHECKED_OP(access, order, p, x) \
    CR_CHECKED_VALUE(p, cr_checked(access, order, (void *)(p), sizeof *(p), (uint64_t)(uintptr_t)(x)))

#define cr_load_rlx(p) CR_CHECKED_OP(CR_LOAD, CR_RLX, p, 0)
#define cr_load_acq(p) CR_CHECKED_OP(CR_LOAD, CR_ACQ, p, 0)
#define cr_store_rlx(p, x) ((void)CR_CHECKED_OP(CR_STORE, CR_RLX, p, x))
#define cr_store_rel(p, x) ((void)CR_CHECKED_OP(CR_STORE, CR_REL, p, x))
#define cr_swap_ar(p, x) CR_CHECKED_OP(CR_SWAP, CR_AR, p, x)
#define cr_swap_sc(p, x) CR_CHECKED_OP(CR_SWAP, CR_SC, p, x)
#define cr_cas_acq(p, old, x) cr_checked_cas(CR_ACQ, (void *)(p), old, sizeof *(p), (uint64_t)(uintptr_t)(x))
#define cr_cas_rel(p, old, x) cr_checked_cas(CR_REL, (void *)(p), old, sizeof *(p), (uint64_t)(uintptr_t)(x))
#define cr_cas_ar(p, old, x) cr_checked_cas(CR_AR, (void *)(p), old, sizeof *(p), (uint64_t)(uintptr_t)(x))
#define cr_add_rlx(p, x) CR_CHECKED_OP(CR_ADD, CR_RLX, p, x)
#define cr_add_ar(p, x) CR_CHECKED_OP(CR_ADD, CR_AR, p, x)
#define cr_sub_ar(p, x) CR_CHECKED_OP(CR_ADD, CR_AR, p, 0 - (uint64_t)(x))
#define cr_or_ar(p, x) CR_CHECKED_OP(CR_OR, CR_AR, p, x)
#define cr_or_sc(p, x) CR_CHECKED_OP(CR_OR, CR_SC, p, x)
#define cr_and_ar(p, x) CR_CHECKED_OP(CR_AND, CR_AR, p, x)
#define cr_and_sc(p, x) CR_CHECKED_OP(CR_AND, CR_SC, p, x)
#define cr_fence_sc() ((void)cr_checked(CR_FENCE, CR_SC, NULL, 0, 0))

#endif
