/* coir/base.h: the words every other header uses: time, results, and how functions are marked.
 *
 * Results: 0 or a count on success, -errno on failure (errno itself is never used). On failure nothing changes hands,
 * and a handle that was asked for is NULL. Three results mean the same in every call that takes a deadline:
 *   -EAGAIN     with COIR_NOW: it would have had to wait
 *   -ETIMEDOUT  the deadline passed; nothing is broken
 *   -ECANCELED  the calling task has been canceled
 * Who may call what: every function may be called from any task on any carrier and from any thread, unless its
 * comment says otherwise. A call suspends its task exactly if it takes a deadline or its comment says "Suspends". */
#ifndef COIR_BASE_H
#define COIR_BASE_H

#include <errno.h> /* failures are its numbers, negated */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COIR_VERSION 100 /* 0.1.0: major * 10000 + minor * 100 + patch, for #if */

#ifdef __cplusplus
#define COIR_BEGIN extern "C" {
#define COIR_END }
#else
#define COIR_BEGIN
#define COIR_END
#endif

#define COIR_EXPORT __attribute__((visibility("default")))
#define COIR_MUSTCHECK __attribute__((warn_unused_result))
#define COIR_PRINTF(text, values) __attribute__((format(printf, text, values)))

/* For the guards that act at the end of a block, on every way out of it (in C++ also by an exception). */
#define COIR_UNTIL_END(function) __attribute__((cleanup(function), unused))
#define COIR_PASTE_(a, b) a##b
#define COIR_PASTE(a, b) COIR_PASTE_(a, b)
#define COIR_UNIQUE(name) COIR_PASTE(coir_##name##_, __LINE__)
#define COIR_QUOTE_(text) #text
#define COIR_QUOTE(text) COIR_QUOTE_(text)
#define COIR_HERE __FILE__ ":" COIR_QUOTE(__LINE__) /* "file:line", for reports */

COIR_BEGIN

/* Nanoseconds: a span, or a moment on coir's clock. */
typedef int64_t coir_time;
#define COIR_US ((coir_time)1000)
#define COIR_MS (1000 * COIR_US)
#define COIR_SECOND (1000 * COIR_MS)
#define COIR_MINUTE (60 * COIR_SECOND)
#define COIR_NOW ((coir_time)0) /* as a deadline: try; -EAGAIN instead of waiting */
#define COIR_NEVER INT64_MAX    /* as a deadline: wait for ever */

/* Everything that is run: a result >= 0, or a failure < 0 (-errno). */
typedef int coir_function(void *arg);

/* The number of the library that is loaded, to compare with COIR_VERSION. */
COIR_EXPORT int coir_version(void);

/* The moment now, monotonic. The clock starts at 2^60, so that no span looks like a moment: a span given where a
 * deadline belongs stops the process with a sentence. */
COIR_EXPORT coir_time coir_now(void);

/* Now + span nanoseconds; of COIR_NEVER COIR_NEVER; of a moment: stops the process. A span < 0 is a moment past. */
COIR_EXPORT coir_time coir_after(coir_time span);

/* Nanoseconds since 1970, for people and logs, never for deadlines. */
COIR_EXPORT int64_t coir_wall_time(void);

/* A number from 0 to below - 1 (below 0: all 64 bits). Good for jitter and sampling, not for keys. */
COIR_EXPORT uint64_t coir_random(uint64_t below);

/* A result of -(COIR_KILLED + n) says: ended by signal n. */
#define COIR_KILLED 4096
/* That n, or 0. */
COIR_EXPORT int coir_killed_by(int result);

/* What 0, -errno or -(COIR_KILLED + n) means, in words; static, never NULL. */
COIR_EXPORT const char *coir_error_text(int result);

/* The calling task's last failure as a sentence with what, where and the mend, or "" when the number says it all.
 * Borrowed; valid until the task's next failure. */
COIR_EXPORT const char *coir_error_detail(void);

COIR_END

#endif
