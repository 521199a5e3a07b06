/* base/log.h: who receives the log of the calling task; floor 3 knows. */
#ifndef CR_LOG_H
#define CR_LOG_H

#include <coir/log.h>

/* Finds the sink of the calling task's runtime; leaves both as they are if it has none. Set once by sched/. */
extern void (*cr_log_find_sink)(coir_log_sink **sink, void **arg);

/* As coir_log, to this sink; NULL: standard error. */
__attribute__((format(printf, 4, 5))) void cr_log_to(coir_log_sink *sink, void *arg, enum coir_log_level level,
                                                     const char *format, ...);

#endif
