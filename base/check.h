/* base/check.h: three ranks of assertion.
 *
 * cr_always(condition): cheap, on in every build; a fault in coir itself. cr_debug_check(condition): dear, in debug
 * builds only. cr_misuse(...): the program using coir made a mistake that must not go on: one sentence that names the
 * call and the mend, then abort. */
#ifndef CR_CHECK_H
#define CR_CHECK_H

#include <stdbool.h>

#define cr_likely(x) __builtin_expect(!!(x), 1)
#define cr_unlikely(x) __builtin_expect(!!(x), 0)

__attribute__((noreturn, cold)) void cr_check_failed(const char *condition, const char *file, int line);
__attribute__((noreturn, cold, format(printf, 1, 2))) void cr_misuse(const char *format, ...);

#define cr_always(condition)                                 \
    do {                                                     \
        if (cr_unlikely(!(condition)))                       \
            cr_check_failed(#condition, __FILE__, __LINE__); \
    } while (0)

#ifdef NDEBUG
#define cr_debug_check(condition) ((void)sizeof(condition))
#else
#define cr_debug_check(condition) cr_always(condition)
#endif

#endif
