/* base/atomic_checked.h: the checked body of base/atomic.h (build with CR_CHECKED).
 *
 * Every access becomes a call that says what it is about to do, and where in the source it stands. A checker installs
 * itself with cr_checker_install and may then switch "threads" at each of these points, delay stores, let loads find
 * older values, or check plain fields for races; without one the accesses are carried out as they stand. Values travel
 * as 64 bits whatever their size.
 *
 * Each use is a site: a static record that a checker may mark, and whose order it may weaken. All sites of a program lie
 * between cr_sites_begin and cr_sites_end. (A site of a static inline function in a header is one in each file that
 * includes it.) */
#ifndef CR_ATOMIC_CHECKED_H
#define CR_ATOMIC_CHECKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cr_order { CR_RLX, CR_ACQ, CR_REL, CR_AR, CR_SC };
enum cr_access {
    CR_LOAD,
    CR_STORE,
    CR_SWAP,
    CR_CAS,
    CR_ADD,
    CR_OR,
    CR_AND,
    CR_FENCE,
    CR_READ,  /* of a plain field that changes hands */
    CR_WRITE, /* to one */
    CR_PAUSE, /* in a loop that waits for another thread */
    CR_HOLD,  /* a lock that the checker does not know is about to be taken: nobody is let on until */
    CR_LET,   /* it was given back */
    CR_BORN,  /* memory has been allocated: size bytes */
    CR_FREED, /* it is about to be freed */
};

struct cr_site {
    const char *file, *function, *name, *place; /* name: the macro; place: its first argument, as written */
    int line;
    uint8_t access, order, failure; /* failure: a compare-and-swap's, when it fails */
    uint8_t weakened;               /* enum cr_weaker: parts of the order that are ignored */
    uint8_t marks;                  /* the checker's */
    uint32_t hits;                  /* the checker's: how often it was met */
};
enum cr_weaker { CR_NO_ACQ = 1, CR_NO_REL = 2, CR_NO_SC = 4, CR_NO_FAILURE = 8, CR_NO_FENCE = 16 };

/* One access: what, in which order, where, how wide; value is what goes in, expected is for CR_CAS. */
struct cr_access_record {
    struct cr_site *site;
    enum cr_access access;
    void *place;
    size_t size;
    uint64_t value, expected;
};

/* Carries one access out and returns what was there before (for CR_LOAD: what is there). */
typedef uint64_t cr_checker(const struct cr_access_record *record);

void cr_checker_install(cr_checker *checker); /* NULL: none. Before threads start. */
uint64_t cr_checked(struct cr_site *site, void *place, size_t size, uint64_t value);
bool cr_checked_cas(struct cr_site *site, void *place, void *expected, size_t size, uint64_t value);
/* The plain carrying out, for checkers to build on: reading, writing and adding as if there were one thread. */
uint64_t cr_access_carry_out(const struct cr_access_record *record);

extern struct cr_site *const cr_sites_begin[] __asm__("__start_cr_sites") __attribute__((weak, visibility("hidden")));
extern struct cr_site *const cr_sites_end[] __asm__("__stop_cr_sites") __attribute__((weak, visibility("hidden")));

#define CR_SITE(kind, in_order, if_not, macro, where)                                            \
    __extension__({                                                                              \
        static struct cr_site site_ = {.file = __FILE__,                                         \
                                       .function = __func__,                                     \
                                       .name = macro,                                            \
                                       .place = where,                                           \
                                       .line = __LINE__,                                         \
                                       .access = kind,                                           \
                                       .order = in_order,                                        \
                                       .failure = if_not};                                       \
        static struct cr_site *const entry_ __attribute__((section("cr_sites"), used)) = &site_; \
        (void)entry_;                                                                            \
        &site_;                                                                                  \
    })

#define CR_CHECKED_FIELD(kind, macro, field)                                                                         \
    (*__extension__({                                                                                                \
        (void)cr_checked(CR_SITE(kind, CR_RLX, CR_RLX, macro, #field), (void *)(uintptr_t) & (field), sizeof(field), \
                         0);                                                                                         \
        &(field);                                                                                                    \
    }))
#define CR_SHARED_READ(field) CR_CHECKED_FIELD(CR_READ, "CR_SHARED_READ", field)
#define CR_SHARED_WRITE(field) CR_CHECKED_FIELD(CR_WRITE, "CR_SHARED_WRITE", field)
#define CR_SHARED_READ_BYTES(p, size) \
    ((void)cr_checked(CR_SITE(CR_READ, CR_RLX, CR_RLX, "CR_SHARED_READ_BYTES", #p), (void *)(uintptr_t)(p), size, 0))
#define CR_SHARED_WRITE_BYTES(p, size) \
    ((void)cr_checked(CR_SITE(CR_WRITE, CR_RLX, CR_RLX, "CR_SHARED_WRITE_BYTES", #p), (void *)(p), size, 0))

#define CR_CHECKED_OP(kind, order, macro, p, text, x)                                                           \
    ((__typeof__(*(p)))(uintptr_t)cr_checked(CR_SITE(kind, order, CR_RLX, macro, text), (void *)(uintptr_t)(p), \
                                             sizeof *(p), (uint64_t)(uintptr_t)(x)))
#define CR_CHECKED_CAS(order, if_not, macro, p, text, old, x) \
    cr_checked_cas(CR_SITE(CR_CAS, order, if_not, macro, text), (void *)(p), old, sizeof *(p), (uint64_t)(uintptr_t)(x))
#define CR_CHECKED_NOTE(kind, macro, p, size) \
    ((void)cr_checked(CR_SITE(kind, CR_RLX, CR_RLX, macro, #p), (void *)(p), size, 0))

#define cr_load_rlx(p) CR_CHECKED_OP(CR_LOAD, CR_RLX, "cr_load_rlx", p, #p, 0)
#define cr_load_acq(p) CR_CHECKED_OP(CR_LOAD, CR_ACQ, "cr_load_acq", p, #p, 0)
#define cr_load_sc(p) CR_CHECKED_OP(CR_LOAD, CR_SC, "cr_load_sc", p, #p, 0)
#define cr_store_rlx(p, x) ((void)CR_CHECKED_OP(CR_STORE, CR_RLX, "cr_store_rlx", p, #p, x))
#define cr_store_rel(p, x) ((void)CR_CHECKED_OP(CR_STORE, CR_REL, "cr_store_rel", p, #p, x))
#define cr_swap_ar(p, x) CR_CHECKED_OP(CR_SWAP, CR_AR, "cr_swap_ar", p, #p, x)
#define cr_swap_sc(p, x) CR_CHECKED_OP(CR_SWAP, CR_SC, "cr_swap_sc", p, #p, x)
#define cr_cas_acq(p, old, x) CR_CHECKED_CAS(CR_ACQ, CR_RLX, "cr_cas_acq", p, #p, old, x)
#define cr_cas_rel(p, old, x) CR_CHECKED_CAS(CR_REL, CR_RLX, "cr_cas_rel", p, #p, old, x)
#define cr_cas_ar(p, old, x) CR_CHECKED_CAS(CR_AR, CR_ACQ, "cr_cas_ar", p, #p, old, x)
#define cr_add_rlx(p, x) CR_CHECKED_OP(CR_ADD, CR_RLX, "cr_add_rlx", p, #p, x)
#define cr_add_ar(p, x) CR_CHECKED_OP(CR_ADD, CR_AR, "cr_add_ar", p, #p, x)
#define cr_add_sc(p, x) CR_CHECKED_OP(CR_ADD, CR_SC, "cr_add_sc", p, #p, x)
#define cr_sub_ar(p, x) CR_CHECKED_OP(CR_ADD, CR_AR, "cr_sub_ar", p, #p, 0 - (uint64_t)(x))
#define cr_or_ar(p, x) CR_CHECKED_OP(CR_OR, CR_AR, "cr_or_ar", p, #p, x)
#define cr_or_sc(p, x) CR_CHECKED_OP(CR_OR, CR_SC, "cr_or_sc", p, #p, x)
#define cr_and_ar(p, x) CR_CHECKED_OP(CR_AND, CR_AR, "cr_and_ar", p, #p, x)
#define cr_and_sc(p, x) CR_CHECKED_OP(CR_AND, CR_SC, "cr_and_sc", p, #p, x)
#define cr_fence_sc() ((void)cr_checked(CR_SITE(CR_FENCE, CR_SC, CR_RLX, "cr_fence_sc", ""), NULL, 0, 0))

#define cr_relax() CR_CHECKED_NOTE(CR_PAUSE, "cr_relax", NULL, 0)
#define cr_tell_held(lock) CR_CHECKED_NOTE(CR_HOLD, "cr_tell_held", lock, sizeof *(lock))
#define cr_tell_let(lock) CR_CHECKED_NOTE(CR_LET, "cr_tell_let", lock, sizeof *(lock))
#define cr_tell_born(memory, size) CR_CHECKED_NOTE(CR_BORN, "cr_tell_born", memory, size)
#define cr_tell_freed(memory, size) CR_CHECKED_NOTE(CR_FREED, "cr_tell_freed", memory, size)

#endif
