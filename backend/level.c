/* backend/level.c: see level.h. */
#include "backend/level.h"
#include "base/fault.h"
#include "base/memory.h"
#include "base/time.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { FIRST_ROOM = 64, REST = 4 /* times as long as the look took */ };
#define LONGEST_REST (10 * COIR_MS) /* the thread may have lost its processor while it looked */

int
cr_level_open(struct cr_level *level, const struct cr_source *source, unsigned slot)
{
    int error = cr_ready_init(&level->ready, source, slot);
    if (error)
        return error;
    level->bell = CR_FAIL(CR_FAULT_DESCRIPTOR) ? (errno = EMFILE, -1) : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (level->bell < 0) {
        error = -errno;
        cr_ready_fini(&level->ready);
    }
    return error;
}

void
cr_level_close(struct cr_level *level)
{
    close(level->bell);
    cr_free(level->watched);
    cr_ready_fini(&level->ready);
}

int
cr_level_attach(struct cr_ready *ready, int fd, uint32_t generation)
{
    struct cr_level *level = (struct cr_level *)ready;
    if (level->count == level->room) {
        size_t room = level->room ? 2 * level->room : FIRST_ROOM;
        struct cr_watched *watched = cr_realloc(level->watched, room * sizeof *watched);
        if (!watched)
            return -ENOMEM;
        level->watched = watched;
        level->room = room;
    }
    level->watched[level->count++] = (struct cr_watched){fd, generation};
    return 0;
}

void
cr_level_detach(struct cr_ready *ready, int fd)
{
    (void)ready, (void)fd; /* see level.h */
}

void
cr_level_wake(struct cr_ready *ready)
{
    struct cr_level *level = (struct cr_level *)ready;
    uint64_t one = 1;
    (void)!write(level->bell, &one, sizeof one);
}

void
cr_level_hush(struct cr_level *level)
{
    uint64_t rings;
    (void)!read(level->bell, &rings, sizeof rings);
}

int
cr_level_interest(struct cr_level *level, size_t at)
{
    while (at < level->count) {
        const struct cr_watched *watched = &level->watched[at];
        int interest = cr_ready_interest(&level->ready, watched->fd, watched->generation);
        if (interest >= 0)
            return interest;
        level->watched[at] = level->watched[--level->count];
    }
    return -1;
}

bool
cr_level_may_look(const struct cr_level *level, coir_time until)
{
    return until != COIR_NOW || cr_now() >= level->rest;
}

void
cr_level_looked(struct cr_level *level, coir_time began, coir_time until)
{
    coir_time now, rest;
    if (until != COIR_NOW) /* how long it slept is not known */
        return;
    now = cr_now();
    rest = REST * (now - began);
    level->rest = now + (rest < LONGEST_REST ? rest : LONGEST_REST);
}

const struct timespec *
cr_level_limit(coir_time until, coir_time now, struct timespec *limit)
{
    coir_time left = until == COIR_NOW || until < now ? 0 : until - now;
    if (until == COIR_NEVER)
        return NULL;
    *limit = (struct timespec){left / COIR_SECOND, left % COIR_SECOND};
    return limit;
}
