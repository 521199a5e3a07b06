/* fault_loop.h: the n-th call that can fail fails, for every n, in a program that does real work: it may not crash, hang,
 * lose memory or descriptors, nor take wrong for right. */
#ifndef TESTS_FAULT_LOOP_H
#define TESTS_FAULT_LOOP_H

#include "core.h"

COIR_BEGIN

enum { FAULT_MOST = 200 };

struct fault_program {
    const char *name;
    /* The first task: 0, and then all of its work is done and right; or what some call of its said when it failed, but
     * never -ETIMEDOUT: that is somebody who was not told. What is wrong it ends the process for (MUST). */
    coir_function *run;
    uint64_t fewest; /* so many calls can fail in it, at least */
};

/* Runs it with so many workers for each n from 1 to FAULT_MOST, or until it no longer gets to n, each in a process of
 * its own with a time limit: first well, then with the n-th call failing (on: and all after it), then well again. */
void fault_loop(const struct fault_program *program, int workers, bool on);

/* Whether faults may hit now, and whether they go on. */
bool fault_is_lasting(void);

COIR_END

#endif
