/* coir/select.h: several things that a task waits for at once, of which exactly one is done. */
#ifndef COIR_SELECT_H
#define COIR_SELECT_H

#include <coir/base.h>

COIR_BEGIN

struct coir_queue;
struct coir_event;
struct coir_future;
struct coir_task;

enum coir_case_kind { COIR_CASE_GET, COIR_CASE_PUT, COIR_CASE_EVENT, COIR_CASE_FUTURE, COIR_CASE_TASK };

/* Made by the functions below; result is coir_select's. A case whose object is NULL is skipped, so that one may be left out
 * without moving the others. */
struct coir_case {
    enum coir_case_kind kind;
    int result;
    void *object, *item;
};

/* As coir_queue_get and coir_queue_put. The item belongs to the caller, and is read or written by the time coir_select
 * returns this case; else it is untouched. */
COIR_EXPORT struct coir_case coir_case_get(struct coir_queue *queue, void *item);
COIR_EXPORT struct coir_case coir_case_put(struct coir_queue *queue, const void *item);
/* It is set. */
COIR_EXPORT struct coir_case coir_case_event(struct coir_event *event);
/* It is done, well or not. */
COIR_EXPORT struct coir_case coir_case_future(struct coir_future *future);
/* It has ended, and is still to be joined. One at a time waits for a task: two of them, or one and coir_join, stop the
 * process. */
COIR_EXPORT struct coir_case coir_case_task(struct coir_task *task);

/* Does exactly one of the cases, of several that are possible one by chance, and answers its index. Its result is 0, or
 * -EPIPE: the queue has been shut down. All objects must live until the call returns; those of the other cases are as if it
 * had not been. Nothing but NULLs: -EPIPE. -ENOMEM (more than 8 cases). */
COIR_EXPORT int coir_select(struct coir_case *cases, size_t count, coir_time deadline);

COIR_END

#endif
