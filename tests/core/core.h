/* core.h: what the tests of the core share: a stage on which actors play, as fibers, as threads, or both; a way to see
 * that an actor has lain down; a way to see that a program dies with a sentence. */
#ifndef TESTS_CORE_H
#define TESTS_CORE_H

#include <check.h>
#include <coir/event.h>
#include <coir/runtime.h>
#include <coir/task.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#if defined(__SANITIZE_THREAD__)
#define CORE_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define CORE_TSAN 1
#endif
#endif
#ifndef CORE_TSAN
#define CORE_TSAN 0
#endif

#if defined(__SANITIZE_ADDRESS__)
#define CORE_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CORE_ASAN 1
#endif
#endif
#ifndef CORE_ASAN
#define CORE_ASAN 0
#endif

COIR_BEGIN /* for the tests in C++ */

/* As ck_assert, but cheap when it holds: libcheck writes a record for each of its own. From any fiber or thread. */
#define MUST(condition)                                        \
    do {                                                       \
        if (!(condition))                                      \
            ck_abort_msg("line %d: %s", __LINE__, #condition); \
    } while (0)
#define MUST_BE(value, wanted) core_must_be((long long)(value), (long long)(wanted), #value, #wanted, __LINE__)
void core_must_be(long long value, long long wanted, const char *text, const char *wanted_text, int line);

/* Who plays. The director (the function given to core_play) is a fiber, or in CORE_THREADS the calling thread. */
enum core_cast { CORE_ONE, CORE_FOUR, CORE_DEFAULT, CORE_THREADS, CORE_MIXED, CORE_CASTS };

struct cr_sim_thread;

struct core_actor {
    coir_function *function;
    void *arg;
    struct coir_task *self; /* once it has begun */
    struct coir_event begun, done;
    struct coir_task *task; /* NULL: a thread */
    pthread_t thread;
    struct cr_sim_thread *virtual_thread; /* NULL, but in a virtual world */
    int result;
};

/* Runs director(arg) with this cast and fails unless it answers 0. */
void core_play(enum core_cast cast, coir_function *director, void *arg);
/* The same in a runtime with these options; threads have none. */
void core_play_with(enum core_cast cast, const struct coir_runtime_options *options, coir_function *director,
                    void *arg);
enum core_cast core_cast(void); /* of the play under way */
void core_start(struct core_actor *actor, coir_function *function, void *arg);
void core_start_all(struct core_actor *actors, size_t count, coir_function *function, void *arg);
/* Until it has ended: its result. */
int core_end(struct core_actor *actor);
void core_cancel(struct core_actor *actor);
/* Until it waits for something; fails after ten seconds. */
void core_await_waiting(struct core_actor *actor);
void core_await_parked(struct coir_task *task);

/* runs function(arg) in coir_run with so many workers; fails unless it answers 0. */
void core_run(int workers, coir_function *function, void *arg);

/* Runs function(arg) in a process of its own, which then ends with 99: its wait status, and what it said on standard error. */
int core_aside(coir_function *function, void *arg, char *said, size_t size);

/* Whether function(arg), in a process of its own, ends by the signal and says the sentence on standard error. */
void core_must_die(coir_function *function, void *arg, int signal, const char *sentence);

/* A count: many in a normal build, fewer under a sanitizer; times ten for COIR_TEST_LONG=1. */
long core_rounds(long many);
/* The same for a test that frees objects as soon as a call on them has returned: as many in each of its loops as make
 * COIR_TEST_FREED in all, if that is set. */
long core_freed(long many, int loops);
long core_fibers(long many); /* at most COIR_TEST_FIBERS (under TSan 4,000 unless set) */
bool core_is_long(void);
bool core_is_emulated(void); /* COIR_EMULATED: another processor's instructions, ten to twenty times slower */

int core_open_descriptors(void);
/* How many descriptors may be used, at most so many: the process's limit is raised as far as needed and possible; the
 * calling fiber's backend may have another one. */
long core_numbers(long many);
/* Whether the calling fiber's backend has this name. */
bool core_backend_is(const char *name);
/* Whether this backend is refused here (which is then said, as a SKIP); NULL, "": no. */
bool core_refused(const char *backend);
coir_time core_past(void); /* a moment that has passed */
coir_time core_soon(void); /* 20 s from now: nothing in a healthy test takes so long */

/* Runs the suite, frees it, and says on which backend how many operations were done. What main is to answer. 77, all
 * skipped: the backend that COIR_BACKEND names is refused here. */
int core_run_suite(Suite *suite);

/* The main function of a test program with one list of cases. */
int core_main(const char *name, void (*add)(TCase *cases));

COIR_END

#endif
