/* coir/event.h: something that has happened, or not yet. */
#ifndef COIR_EVENT_H
#define COIR_EVENT_H

#include <coir/base.h>

COIR_BEGIN

/* May be freed as soon as no call on it is to come. */
struct coir_event {
    uintptr_t words[2]; /* private */
};
/* clang-format off */
#define COIR_EVENT_INIT {{0, 0}}
/* clang-format on */

COIR_EXPORT void coir_event_init(struct coir_event *event);
COIR_EXPORT void coir_event_fini(struct coir_event *event); /* waited for: stops the process */

/* Sets it and wakes all that wait. Does not suspend. */
COIR_EXPORT void coir_event_set(struct coir_event *event);
COIR_EXPORT void coir_event_clear(struct coir_event *event);
COIR_EXPORT bool coir_event_is_set(const struct coir_event *event);

/* Until it is set: 0. Who waited when it was set gets 0, also if it has been cleared since. */
COIR_EXPORT int coir_event_wait(struct coir_event *event, coir_time deadline);

COIR_END

#endif
