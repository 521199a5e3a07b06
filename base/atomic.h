/* base/atomic.h: every atomic access of coir, with its order in its name.
 *
 * A field that several threads touch is declared CR_ATOMIC(type) and is only touched through these macros, by its
 * address. rlx: no order; acq, rel, ar: acquire, release, both; sc: sequentially consistent. Each use names what it
 * pairs with. Plain fields that change hands between threads (published by an atomic) are wrapped in CR_SHARED_READ or
 * CR_SHARED_WRITE, so that the checker sees races on them; in a normal build these are nothing.
 *
 * There are two bodies: the compiler's atomics, and (CR_CHECKED) calls into base/atomic_checked.h, where a checker may
 * reorder threads and delay stores. ThreadSanitizer does not know fences: there a fence is an exchange on one word,
 * which is stronger.
 *
 * All compare-and-swaps are strong: (address, address of the expected value, new value); on failure the expected value
 * is replaced by what was found. */
#ifndef CR_ATOMIC_H
#define CR_ATOMIC_H

#include <stdbool.h>
#include <stdint.h>

#define CR_ATOMIC(type) type

#ifdef CR_CHECKED
#include "base/atomic_checked.h"
#else

#define CR_SHARED_READ(field) (field)
#define CR_SHARED_WRITE(field) (field)
#define CR_SHARED_READ_BYTES(p, size) ((void)0)  /* so many bytes at p are about to be read, */
#define CR_SHARED_WRITE_BYTES(p, size) ((void)0) /* written */

/* For the checker's ears only: a lock that it does not know is about to be taken, or was given back; memory came or
 * goes. */
#define cr_tell_held(lock) ((void)0)
#define cr_tell_let(lock) ((void)0)
#define cr_tell_born(memory, size) ((void)0)
#define cr_tell_freed(memory, size) ((void)0)

#define cr_load_rlx(p) __atomic_load_n(p, __ATOMIC_RELAXED)
#define cr_load_acq(p) __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define cr_load_sc(p) __atomic_load_n(p, __ATOMIC_SEQ_CST)
#define cr_store_rlx(p, x) __atomic_store_n(p, x, __ATOMIC_RELAXED)
#define cr_store_rel(p, x) __atomic_store_n(p, x, __ATOMIC_RELEASE)
#define cr_swap_ar(p, x) __atomic_exchange_n(p, x, __ATOMIC_ACQ_REL)
#define cr_swap_sc(p, x) __atomic_exchange_n(p, x, __ATOMIC_SEQ_CST)
#define cr_cas_acq(p, old, x) __atomic_compare_exchange_n(p, old, x, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)
#define cr_cas_rel(p, old, x) __atomic_compare_exchange_n(p, old, x, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED)
#define cr_cas_ar(p, old, x) __atomic_compare_exchange_n(p, old, x, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)
#define cr_add_rlx(p, x) __atomic_fetch_add(p, x, __ATOMIC_RELAXED)
#define cr_add_ar(p, x) __atomic_fetch_add(p, x, __ATOMIC_ACQ_REL)
#define cr_add_sc(p, x) __atomic_fetch_add(p, x, __ATOMIC_SEQ_CST)
#define cr_sub_ar(p, x) __atomic_fetch_sub(p, x, __ATOMIC_ACQ_REL)
#define cr_or_ar(p, x) __atomic_fetch_or(p, x, __ATOMIC_ACQ_REL)
#define cr_or_sc(p, x) __atomic_fetch_or(p, x, __ATOMIC_SEQ_CST)
#define cr_and_ar(p, x) __atomic_fetch_and(p, x, __ATOMIC_ACQ_REL)
#define cr_and_sc(p, x) __atomic_fetch_and(p, x, __ATOMIC_SEQ_CST)

#ifdef CR_TSAN
extern uint32_t cr_fence_word;
#define cr_fence_sc() ((void)__atomic_exchange_n(&cr_fence_word, 1, __ATOMIC_SEQ_CST))
#else
#define cr_fence_sc() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#endif

/* In a loop that waits for another thread. */
static inline void
cr_relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield" ::: "memory");
#endif
}

#endif

/* A counter that one thread writes and others may read: no locked instruction. */
#define cr_bump(p) cr_store_rlx(p, cr_load_rlx(p) + 1)
#define cr_bump_rel(p) cr_store_rel(p, cr_load_rlx(p) + 1)

#endif
