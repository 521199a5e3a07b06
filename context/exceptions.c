/* context/exceptions.c: where a thread's exceptions are. The symbol is weak: it is there exactly if the program has brought
 * a C++ run time. */
#include "context/exceptions.h"

extern struct cr_exceptions *__cxa_get_globals(void) __attribute__((weak, visibility("default")));

struct cr_exceptions *
cr_exceptions_of_thread(void)
{
    return __cxa_get_globals ? __cxa_get_globals() : NULL;
}
