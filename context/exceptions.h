/* context/exceptions.h: the C++ exceptions of a fiber.
 *
 * A C++ run time keeps two words for each thread: a chain of the exceptions whose handlers are under way (what `throw;`
 * and std::current_exception() mean), and how many are thrown and not yet caught. Fibers of one worker share a thread: if
 * one of them switched inside a catch block, the next one's handler would end the first one's exception. So what is in
 * flight leaves the thread with its fiber and comes back with it; between two fibers both words are 0.
 *
 * The words are the Itanium C++ ABI's (2.2.2 Caught Exception Stack), the same in libstdc++ and libc++abi. The library
 * needs neither: without one of them a worker's loop does not even look (sched/worker.c). Limit: a C++ run time that a C
 * program brings in by dlopen later than a worker's start is not seen. */
#ifndef CR_EXCEPTIONS_H
#define CR_EXCEPTIONS_H

#include <stdbool.h>
#include <stddef.h>

/* __cxa_eh_globals. */
struct cr_exceptions {
    void *caught;
    unsigned uncaught;
};

/* The calling thread's, at an address that stays; NULL: there is no C++ run time. */
struct cr_exceptions *cr_exceptions_of_thread(void);

static inline bool
cr_exceptions_in_flight(const struct cr_exceptions *exceptions)
{
    return exceptions->caught || exceptions->uncaught;
}

/* Takes what is in flight off the thread. */
static inline struct cr_exceptions
cr_exceptions_take(struct cr_exceptions *exceptions)
{
    struct cr_exceptions taken = *exceptions;
    *exceptions = (struct cr_exceptions){NULL, 0};
    return taken;
}

#endif
