/* base/fault.h: numbered places where a call may fail, so that tests can make the n-th one fail.
 *
 * CR_FAIL(CR_FAULT_x) stands before each fallible call: true means "act as if it had failed". It is compiled in always
 * and costs one predictable branch on a flag that tests set. Which fail is decided by cr_fault_arm. */
#ifndef CR_FAULT_H
#define CR_FAULT_H

#include "base/atomic.h"
#include "base/check.h"

#include <stddef.h>

/* The table of sites: what fails there. Used for the enum and for the names. */
#define CR_FAULT_SITES(SITE)                     \
    SITE(MEMORY, "malloc")                       \
    SITE(MAP, "mmap")                            \
    SITE(GUARD, "guard page")                    \
    SITE(THREAD, "thread start")                 \
    SITE(DESCRIPTOR, "epoll, io_uring, eventfd") \
    SITE(SOCKET, "socket")                       \
    SITE(BIND, "bind, listen")                   \
    SITE(CONNECT, "connect")                     \
    SITE(ACCEPT, "accept")                       \
    SITE(ATTACH, "epoll_ctl")                    \
    SITE(RECEIVE, "recv, read")                  \
    SITE(SEND, "send, write")                    \
    SITE(ENTER, "io_uring_enter")                \
    SITE(RESOLVE, "name resolution")             \
    SITE(FILE, "open, fsync, rename ...")

#define CR_FAULT_ENUM(name, text) CR_FAULT_##name,
enum cr_fault_site { CR_FAULT_SITES(CR_FAULT_ENUM) CR_FAULT_COUNT };

extern CR_ATOMIC(uint32_t) cr_fault_armed;

bool cr_fault_hit(enum cr_fault_site site);
/* From now on the n-th call (from 1) of those in sites (a bit for each; 0: all) fails, and if on also all after it;
 * n 0: none fails, calls are counted. */
void cr_fault_arm(uint64_t sites, uint64_t n, bool on);
/* Ends it: how many calls were counted since. */
uint64_t cr_fault_disarm(void);
const char *cr_fault_name(enum cr_fault_site site);

/* ---- Moments ----
 *
 * Steps between which a process may be stopped or killed. A test has one of them told to it, and does that there. */
#define CR_MOMENTS(MOMENT)                                    \
    MOMENT(PUT, "before it is in the queue")                  \
    MOMENT(PUT_SENT, "in the queue, not counted")             \
    MOMENT(GET, "before it asks for one")                     \
    MOMENT(GET_HAND, "its hand is out")                       \
    MOMENT(GET_TAKEN, "taken, nobody told of the room")       \
    MOMENT(DONE, "before it is done")                         \
    MOMENT(DONE_TOLD, "done, nobody told")                    \
    MOMENT(WAIT, "about to sleep")                            \
    MOMENT(LOCKED, "the lock has just been taken")            \
    MOMENT(UNLOCKED, "the lock is free, nobody told")         \
    MOMENT(JOB_FIRST, "a pool's worker has begun")            \
    MOMENT(JOB_START, "it is told to run the start function") \
    MOMENT(JOB_STARTED, "it has run that")                    \
    MOMENT(JOB_HEAD, "it has the beginning of an order")      \
    MOMENT(JOB, "it has a job, and has not begun")            \
    MOMENT(JOB_DONE, "the job is done, and not answered")     \
    MOMENT(JOB_HALF, "a part of the answer is given")         \
    MOMENT(JOB_ANSWERED, "it has answered")                   \
    MOMENT(JOB_LAST, "it is told that there is no more")      \
    MOMENT(STEP_0, "a task reads")                            \
    MOMENT(STEP_1, "the backend has its operation")           \
    MOMENT(STEP_2, "the backend hands it over")               \
    MOMENT(STEP_3, "a fiber is entered")                      \
    MOMENT(STEP_4, "its wait is over")                        \
    MOMENT(STEP_5, "it has its bytes")

#define CR_MOMENT_ENUM(name, text) CR_MOMENT_##name,
enum cr_moment { CR_MOMENTS(CR_MOMENT_ENUM) CR_MOMENT_COUNT };

typedef void cr_moment_function(enum cr_moment moment);
extern CR_ATOMIC(cr_moment_function *) cr_moment_told; /* NULL: nobody listens */
const char *cr_moment_name(enum cr_moment moment);

static inline void
cr_moment(enum cr_moment moment)
{
    cr_moment_function *told = cr_load_rlx(&cr_moment_told);
    if (cr_unlikely(told != NULL))
        told(moment);
}

/* The way of a byte (ARCHITECTURE.md), from 0 to 5: every message goes it, so only builds with a sanitizer tell of it. */
#if defined CR_ASAN || defined CR_TSAN
#define CR_STEP(number) cr_moment(CR_MOMENT_STEP_##number)
#else
#define CR_STEP(number) ((void)0)
#endif

#define CR_FAIL(site) (cr_unlikely(cr_load_rlx(&cr_fault_armed)) && cr_fault_hit(site))

#endif
