/* reader_test.c: readers of a rwlock have no name in it; still a circle through any of four is told, and a read lock that is
 * left behind. For fibers of one worker, of four, for threads, and mixed. */
#include "core.h"

#include <coir/log.h>
#include <coir/mutex.h>
#include <coir/rwlock.h>
#include <coir/semaphore.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- A circle through one of several readers ---- */

enum { READERS = 4 };

struct hall {
    struct coir_rwlock lock;
    struct coir_mutex mutex;
    struct coir_semaphore inside;
    struct coir_event written, go;
    int chosen; /* who of the readers wants what the writer has */
    int told;   /* atomic */
};

struct reader {
    struct hall *hall;
    int number;
};

/* Whether a call that may close the circle did not. */
static bool
went(struct hall *hall, int result)
{
    if (!result)
        return true;
    MUST_BE(result, -EDEADLK);
    MUST(strstr(coir_error_detail(), "leads back to it"));
    __atomic_add_fetch(&hall->told, 1, __ATOMIC_SEQ_CST);
    return false;
}

static int
read_and_want(void *arg)
{
    const struct reader *reader = arg;
    struct hall *hall = reader->hall;
    MUST_BE(coir_rwlock_read(&hall->lock, COIR_NEVER), 0);
    MUST_BE(coir_semaphore_release(&hall->inside), 0);
    MUST_BE(coir_event_wait(&hall->go, core_soon()), 0);
    if (reader->number == hall->chosen && went(hall, coir_mutex_lock(&hall->mutex, COIR_NEVER)))
        coir_mutex_unlock(&hall->mutex);
    coir_rwlock_unlock(&hall->lock);
    return 0;
}

static int
write_with_mutex(void *arg)
{
    struct hall *hall = arg;
    MUST_BE(coir_mutex_lock(&hall->mutex, COIR_NEVER), 0);
    coir_event_set(&hall->written);
    if (went(hall, coir_rwlock_write(&hall->lock, COIR_NEVER)))
        coir_rwlock_unlock(&hall->lock);
    coir_mutex_unlock(&hall->mutex);
    return 0;
}

static int
fill_the_hall(void *arg)
{
    struct hall *hall = arg;
    struct core_actor actors[READERS], writer;
    struct reader readers[READERS];
    *hall = (struct hall){.lock = COIR_RWLOCK_INIT,
                          .mutex = COIR_MUTEX_INIT,
                          .inside = COIR_SEMAPHORE_INIT(0, 0),
                          .written = COIR_EVENT_INIT,
                          .go = COIR_EVENT_INIT,
                          .chosen = hall->chosen};
    for (int i = 0; i < READERS; i++) { /* one after the other: two at once may take one place to be shown in */
        readers[i] = (struct reader){hall, i};
        core_start(&actors[i], read_and_want, &readers[i]);
        MUST_BE(coir_semaphore_acquire(&hall->inside, core_soon()), 0);
    }
    core_start(&writer, write_with_mutex, hall);
    MUST_BE(coir_event_wait(&hall->written, core_soon()), 0);
    core_await_waiting(&writer);
    coir_event_set(&hall->go);
    for (int i = 0; i < READERS; i++)
        MUST_BE(core_end(&actors[i]), 0);
    MUST_BE(core_end(&writer), 0);
    MUST_BE(hall->told, 1);
    coir_mutex_fini(&hall->mutex);
    coir_rwlock_fini(&hall->lock);
    return 0;
}

START_TEST(a_circle_through_any_reader_is_told)
{
    struct hall hall = {.chosen = _i % READERS};
    core_play((enum core_cast)(_i / READERS), fill_the_hall, &hall);
}
END_TEST

/* ---- Read locks that are left behind ---- */

static char report[4096];

static void
write_down(enum coir_log_level level, const char *line, void *arg)
{
    size_t length = strlen(report);
    (void)arg;
    if (level == COIR_LOG_ERROR)
        snprintf(report + length, sizeof report - length, "%s\n", line);
}

static struct coir_rwlock one = COIR_RWLOCK_INIT;
static struct coir_rwlock other = COIR_RWLOCK_INIT;

static int
forget_one(void *arg)
{
    (void)arg;
    MUST_BE(coir_rwlock_read(&one, COIR_NEVER), 0);
    MUST_BE(coir_rwlock_read(&other, COIR_NEVER), 0);
    coir_rwlock_unlock(&other);
    return 0;
}

static int
forget_an_own(void *arg)
{
    struct coir_rwlock own = COIR_RWLOCK_INIT;
    (void)arg;
    return coir_rwlock_read(&own, COIR_NEVER);
}

static int
read_well(void *arg)
{
    (void)arg;
    for (int i = 0; i < 20; i++) {
        MUST_BE(coir_rwlock_read(&other, COIR_NEVER), 0);
        MUST_BE(coir_rwlock_read(&other, COIR_NEVER), 0);
        (void)coir_yield();
        coir_rwlock_unlock(&other);
        coir_rwlock_unlock(&other);
    }
    return 0;
}

static int
let_forget(void *arg)
{
    struct coir_task_options careless = {.name = "careless"}, careful = {.name = "careful"};
    coir_function *functions[] = {forget_one, forget_an_own, read_well};
    struct coir_task *tasks[3];
    for (int i = 0; i < 3; i++)
        MUST_BE(coir_go(functions[i], arg, i == 2 ? &careful : &careless, &tasks[i]), 0);
    for (int i = 0; i < 3; i++)
        MUST_BE(coir_join(tasks[i], NULL, COIR_NEVER), 0);
    return 0;
}

START_TEST(what_is_left_behind_is_named)
{
    char line[200];
    MUST_BE(coir_run(let_forget, NULL, &(struct coir_runtime_options){.workers = _i + 1, .log = write_down}), 0);
    snprintf(line, sizeof line, "'careless' has ended and still reads the rwlock made at %s", one.place);
    MUST(strstr(report, line));
    MUST(strstr(report, "'careless' has ended and still reads the rwlock made at a place of its own"));
    MUST(!strstr(report, other.place) && !strstr(report, "careful"));
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_loop_test(cases, a_circle_through_any_reader_is_told, 0, CORE_CASTS * READERS);
    tcase_add_loop_test(cases, what_is_left_behind_is_named, 0, 3);
}

int
main(void)
{
    return core_main("reader", add);
}
