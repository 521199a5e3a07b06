/* other.h: other processes for tests: forked before there are threads, ended with the test whatever happens to it, and at the
 * latest by an alarm. */
#ifndef TESTS_OTHER_H
#define TESTS_OTHER_H

#include <coir/task.h>
#include <sys/types.h>

#include "base/fault.h"

/* Runs function(arg), which is to answer 0. */
pid_t other_start(coir_function *function, void *arg);
/* The same; at its first such moment it sends itself the signal. */
pid_t other_start_to(coir_function *function, void *arg, enum cr_moment moment, int signal);
/* Until it has stopped, or ended by the signal. */
void other_await(pid_t other, int signal);
/* Until it has ended, well. */
void other_end(pid_t other);
/* Ends it, if it has not ended. */
void other_kill(pid_t other);

#endif
