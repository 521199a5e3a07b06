/* sched/feed.h: the feed of a stream (backend/feed.h), for tasks that are not where it is armed. */
#ifndef CR_SCHED_FEED_H
#define CR_SCHED_FEED_H

#include "sched/operate.h"

/* What the feed of an operation's stream has to say before the operation is begun: CR_PENDING: nothing, go on. Else a
 * result as cr_operate's. A feed that is armed elsewhere is ended for that, which may have to be waited for. */
int cr_feed_come_first(struct cr_pending *pending, const struct cr_lock *side, coir_time deadline);

/* The caller holds the stream's way in: nothing is to be read ahead any more. */
void cr_feed_stop(struct cr_feeding *feeding);

/* The stream is being closed. Whether fd will be closed by the feed's home. */
bool cr_feed_leave(struct cr_feeding *feeding, int fd);

#endif
