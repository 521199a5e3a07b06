/* backend/helper.h: the small process that process tasks are made from.
 *
 * It is cloned while the program has one thread, keeps nothing open but 0 to 2 and its end of a socket, and makes a child for
 * each request. So a child never sees a lock that some other thread held, nor a descriptor nobody meant for it; and it sees
 * memory as it was when the helper began.
 *
 * A child is the program's own: getppid says so, and the program waits for it. Where the kernel or a sanitizer does not allow
 * that, and for orphans, the child is the helper's, which waits for it and reports: "kept".
 *
 * With each request goes one end of a line (a socket pair); what is said on it are struct cr_word's:
 *
 *     helper:  STARTED or KEPT with the child's pid, or FAILED;  later, if it is kept, ENDED
 *     child:   RETURNED, if its function has, just before it ends
 *     program: KILL, if it is kept
 *
 * (A command has such a line, too: backend/spawn.h.) */
#ifndef CR_HELPER_H
#define CR_HELPER_H

#include "base/function.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { CR_HELPER_BYTES = 65536, CR_HELPER_DESCRIPTORS = 250 }; /* with one request, at most */

enum cr_word_kind {
    CR_WORD_STARTED = 1,
    CR_WORD_KEPT,
    CR_WORD_FAILED,
    CR_WORD_RETURNED,
    CR_WORD_ENDED,
    CR_WORD_KILL,
    CR_WORD_GO
};
struct cr_word {
    int32_t kind, value; /* a pid, a result, a signal */
};

struct cr_request {
    struct cr_function_name function;
    char name[32];
    bool keep, orphan; /* an orphan is kept, too */
    uint32_t size;     /* of its argument */
    uint32_t count;    /* of its descriptors */
};

/* In the child: what is to be done. The end of the line is its own. */
struct cr_errand {
    const struct cr_request *request;
    void *arg;              /* a copy, aligned for anything; NULL: there is none */
    const int *descriptors; /* close-on-exec */
    int line;
    pid_t parent; /* whose end is to be its own; 0: nobody's */
};

struct cr_helper {
    int fd; /* -1: there is none */
    pid_t pid;
    int watch; /* of cr_process_watch */
};

/* From a process with one thread. siblings: the calling thread stays as long as the helper does, so that children may be
 * the program's (they end with the thread that is their parent). child does what it is ordered to, and does not return. */
int cr_helper_start(struct cr_helper *helper, bool siblings, void (*child)(const struct cr_errand *errand));

/* From any thread. Descriptors: count of them, behind the end of the line. -EAGAIN: it has much to do; -ECHILD: it is gone. */
int cr_helper_ask(const struct cr_helper *helper, const struct cr_request *request, const void *arg, int line,
                  const int *descriptors);

/* One word on a line, from whichever side. -EAGAIN, -EPIPE. */
int cr_word_say(int line, enum cr_word_kind kind, int value);

/* Ends it; kept children but orphans end with it. */
void cr_helper_stop(struct cr_helper *helper);

#endif
