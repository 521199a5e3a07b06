/* sim/memory_model.h: memory as virtual threads see it: three models, and what happened before what.
 *
 *   sc    one memory, every access at once.
 *   tso   x86: a store waits in its thread's buffer, first in, first out, and is seen by its own thread only; a
 *         read-modify-write, a fence and the end of a thread empty the buffer. When a store leaves its buffer matters
 *         only to who touches that place next, so it is chosen there.
 *   c11   each place has a history of values, in the order of modification. A load may find any value that its thread
 *         must not overlook (by what happened before, by what it has read, by sequentially consistent fences); acquire
 *         and release hand on what is known. Sequentially consistent accesses are as weak as C11 makes them: they are
 *         ordered with each other and with fences, and fence nothing else.
 *
 * In c11 these are never found, though the standard allows them: loads that find values stored later (load buffering:
 * no compiler or processor does it over the control dependencies that coir's code has), and read-modify-writes that are
 * not at the end of the order of modification. After a release store, a relaxed store of the same thread does not go on
 * with the release sequence (as in C++20, weaker than C11). A place's history holds its last 8 values, and who has
 * overlooked a place's latest value twice in a row finds it.
 *
 * The latest value is also in the real memory: what is initialised or read plainly works. A value found there that no
 * access has put there is a new beginning of that place. */
#ifndef CR_SIM_MEMORY_MODEL_H
#define CR_SIM_MEMORY_MODEL_H

#include "base/atomic_checked.h"
#include "sim/stamp.h"

enum cr_model { CR_MODEL_SC, CR_MODEL_TSO, CR_MODEL_C11, CR_MODELS };

/* A number below count; 0 is what a machine without buffers would do. */
typedef uint32_t cr_memory_choose(uint32_t count);

/* A new memory, in which thread 0 runs. placing: in c11 a store may also go before values its thread does not know. */
void cr_memory_begin(enum cr_model model, bool placing, cr_memory_choose *choose);
void cr_memory_thread_started(uint32_t parent, uint32_t child);
void cr_memory_thread_joined(uint32_t thread, uint32_t ended);
/* Its stores are there: whether any were on their way. */
bool cr_memory_drain(uint32_t thread);

/* One atomic access: what was there. Fails the run (cr_sim_fail) if it is wrong. */
uint64_t cr_memory_access(uint32_t thread, const struct cr_access_record *record);
/* The kernel's look at a word: the latest value, and nothing is known by it. */
uint64_t cr_memory_peek(uint32_t thread, const struct cr_access_record *record);
/* A lock that the checker does not know has been taken, or is about to be given back. */
void cr_memory_held(uint32_t thread, const struct cr_access_record *record);
void cr_memory_let(uint32_t thread, const struct cr_access_record *record);

/* What an access found and whether something newer was there, in words: for traces. */
const char *cr_memory_remark(void);

/* Sites that touch places which several threads touch, one of them by a write, get a mark; whether there was a new one
 * since the last question. */
bool cr_memory_learned(void);
/* Whether a store of the thread's for this place is on its way; NULL: for any place that another thread has one for. */
bool cr_memory_delays(uint32_t thread, const void *place, uint32_t other);

/* The thread's knowledge, for sim/race.c. */
struct cr_stamp *cr_memory_stamp(uint32_t thread);
/* Calls see(place) for each place known in the memory from start on; forgets it if told so. */
struct cr_place_use {
    uint32_t clock; /* of the thread's last access; 0: none */
    struct cr_site *site;
};
void cr_memory_forget(const void *start, size_t size,
                      void (*see)(const void *place, const struct cr_place_use uses[CR_CHECK_THREADS], void *arg),
                      void *arg);

#endif
