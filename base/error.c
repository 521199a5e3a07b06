/* base/error.c: results in words. The sentence about a failure (coir_error_detail) is kept by each task: sched/task.c. */
#include <coir/base.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

int
coir_killed_by(int result)
{
    return result < -COIR_KILLED && result > -COIR_KILLED - 128 ? -result - COIR_KILLED : 0;
}

/* What coir means by these, where the C library's words would mislead. */
static const struct {
    int error;
    const char *text;
} own_words[] = {
    {0, "success"},
    {EAGAIN, "not now: it would have had to wait"},
    {ETIMEDOUT, "the deadline passed"},
    {ECANCELED, "the task has been canceled"},
    {EPIPE, "closed: the other side is gone, or it was shut down or aborted"},
    {EDEADLK, "waiting would close a circle of tasks that wait for each other"},
    {EOWNERDEAD, "who was to do it has ended"},
    {ENOENT, "no such name"},
    {EMSGSIZE, "too long"},
    {ERANGE, "its descriptor's number is too large for this backend"},
};

const char *
coir_error_text(int result)
{
    int number = coir_killed_by(result);
    const char *text;
    if (number) {
        text = sigdescr_np(number);
        return text ? text : "ended by a signal";
    }
    if (result > 0)
        return "success";
    if (result < -COIR_KILLED)
        return "unknown failure";
    for (size_t i = 0; i < sizeof own_words / sizeof own_words[0]; i++)
        if (own_words[i].error == -result)
            return own_words[i].text;
    text = strerrordesc_np(-result);
    return text ? text : "unknown failure";
}
