/* coir/log.h: lines for the people who run a program. */
#ifndef COIR_LOG_H
#define COIR_LOG_H

#include <coir/base.h>

COIR_BEGIN

enum coir_log_level { COIR_LOG_ERROR = 1, COIR_LOG_WARN, COIR_LOG_INFO, COIR_LOG_DEBUG };

/* Receives one line without its line feed. Called from any thread, one line at a time; must not wait and must not
 * log. */
typedef void coir_log_sink(enum coir_log_level level, const char *line, void *arg);

/* Logs one line (no line feed at its end; 1,023 bytes are kept; a line feed or another control character inside becomes
 * '?', so that nobody can forge a line). It goes to the sink of the calling task's runtime (also from coir_offload's
 * threads), else to standard error as "coir: LEVEL: line", and is dropped above the level of coir_log_set_level. Does not
 * suspend. */
COIR_EXPORT void coir_log(enum coir_log_level level, const char *format, ...) COIR_PRINTF(2, 3);

/* The last level that is still shown, for the whole process; COIR_LOG_INFO until set. */
COIR_EXPORT void coir_log_set_level(enum coir_log_level level);

COIR_END

#endif
