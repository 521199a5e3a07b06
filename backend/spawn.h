/* backend/spawn.h: another program in a process of its own. */
#ifndef CR_SPAWN_H
#define CR_SPAWN_H

#include <stdbool.h>
#include <sys/types.h>

struct cr_spawn {
    const char *const *argv;
    const char *const *environment; /* NULL: ours */
    const char *directory;          /* NULL: ours */
    int fds[3];                     /* what becomes 0, 1 and 2; the caller's; all else is closed */
    bool own_group;
    bool orphan; /* the child of nobody here, in a session of its own */
};

/* Forks. Its pid comes in a word (helper.h) on the line, at [0], then what exec failed with in another one; if it succeeds, the line's
 * end. Its own end, [1], goes along, and is the caller's to be closed. pid: our child, which for an orphan ends at once; an orphan
 * says its pid and goes on when it is told so (GO), not if the line ends. */
int cr_spawn(const struct cr_spawn *spawn, const int line[2], pid_t *pid);

/* A pipe, both ends close-on-exec: [0] to read from. */
int cr_spawn_pipe(int ends[2]);
/* /dev/null, for reading and writing. */
int cr_spawn_nothing(void);

#endif
