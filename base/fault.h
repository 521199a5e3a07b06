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

#define CR_FAIL(site) (cr_unlikely(cr_load_rlx(&cr_fault_armed)) && cr_fault_hit(site))

#endif
