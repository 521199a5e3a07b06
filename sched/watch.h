/* sched/watch.h: the end of a process, and what is said on the line to it, as something to wait for. */
#ifndef CR_WATCH_H
#define CR_WATCH_H

#include "backend/helper.h"
#include "sched/operate.h"

#include <sys/types.h>

struct cr_watched {
    CR_ATOMIC(uintptr_t) word; /* the guard of the following */
    pid_t pid;                 /* to send signals to; 0: not yet, or no more */
    pid_t number;              /* the same, for good */
    int fd;                    /* of cr_process_watch; negative: there is none */
    /* Written before it is watched. */
    bool is_strange; /* no child of ours: how it ended will not be known */
    bool is_left;    /* its number stays its own after its end, until cr_watch_reap */
};

void cr_watch_begin(struct cr_watched *watched, pid_t pid); /* is_strange and is_left are set */

/* Until it has ended: 0, and *result is its exit code, -(COIR_KILLED + signal), or -ECHILD (with a sentence): not known. Else
 * as cr_operate. One task at a time. */
int cr_watch_await(struct cr_watched *watched, int *result, coir_time deadline);

int cr_watch_kill(struct cr_watched *watched, int signal, bool group); /* -ESRCH */

/* One that has ended and is left: its number is anybody's now. */
void cr_watch_reap(struct cr_watched *watched);
void cr_watch_end(struct cr_watched *watched); /* what is open is closed */

/* What has come of the next word; it may come in parts. */
struct cr_words {
    struct cr_word word;
    size_t have; /* bytes of it */
};

/* The next word of the line: 1, and it is in words->word; 0: the line has ended; else as cr_operate. edge: what is waited for. */
int cr_words_await(int line, struct cr_words *words, const struct cr_edge *edge, coir_time deadline);

#endif
