/* sync_bodies.c: mutex, event and semaphore between plain threads. What is inside a lock is plain, so that the checker sees
 * a race if the lock does not order it; whoever is the last to need an object frees it at once. */
#include <coir/event.h>
#include <coir/mutex.h>
#include <coir/semaphore.h>
#include <coir/task.h>
#include <errno.h>
#include <string.h>

#include "bodies.h"

static struct {
    struct coir_mutex mutex;
    struct coir_event ping, pong;
    struct coir_semaphore semaphore;
    uint32_t inside, entered; /* under the mutex */
    uint32_t permits;         /* held, or on their way */
} stage;

static void
clear_stage(uint32_t permits)
{
    memset(&stage, 0, sizeof stage);
    coir_mutex_init(&stage.mutex, COIR_MUTEX_PLAIN);
    coir_event_init(&stage.ping);
    coir_event_init(&stage.pong);
    coir_semaphore_init(&stage.semaphore, permits, 0);
}

/* ---- Mutex ---- */

/* Inside the lock. */
static void
work(void)
{
    CR_CHECK_IS(CR_SHARED_WRITE(stage.inside)++, 0);
    CR_SHARED_WRITE(stage.entered)++;
    CR_SHARED_WRITE(stage.inside)--;
}

static bool
lock_and_work(coir_time deadline)
{
    int result = coir_mutex_lock(&stage.mutex, deadline);
    CR_CHECK_THAT(result == 0 || (deadline != COIR_NEVER && (result == -ETIMEDOUT || result == -EAGAIN)));
    if (result)
        return false;
    work();
    coir_mutex_unlock(&stage.mutex);
    return true;
}

static void
lock_twice(void *arg)
{
    (void)arg;
    CR_CHECK_THAT(lock_and_work(COIR_NEVER));
    CR_CHECK_THAT(lock_and_work(COIR_NEVER));
}

static void
mutex_2x4(void *arg)
{
    (void)arg;
    clear_stage(0);
    play_two(lock_twice, lock_twice, NULL);
    CR_CHECK_IS(stage.entered, 4);
    coir_mutex_fini(&stage.mutex);
}

static void
lock_and_try(void *arg)
{
    (void)arg;
    CR_CHECK_THAT(lock_and_work(COIR_NEVER));
    (void)lock_and_work(COIR_NOW);
}

static void
mutex_3x3(void *arg)
{
    (void)arg;
    clear_stage(0);
    play_three(lock_and_try, lock_and_try, lock_and_try, NULL);
    CR_CHECK_THAT(stage.entered >= 3);
    coir_mutex_fini(&stage.mutex);
}

static void
lock_in_time(void *arg)
{
    (void)arg;
    (void)lock_and_work(coir_after(COIR_MS));
    (void)lock_and_work(coir_after(2 * COIR_MS));
}

static void
mutex_late(void *arg)
{
    (void)arg;
    clear_stage(0);
    play_two(lock_in_time, lock_in_time, NULL);
    coir_mutex_fini(&stage.mutex);
}

static void
mutex_late_3(void *arg)
{
    (void)arg;
    clear_stage(0);
    play_three(lock_in_time, lock_twice, lock_in_time, NULL);
    coir_mutex_fini(&stage.mutex);
}

/* Who finds that all have been inside frees it, though others may still be on their way out. */
static void
lock_and_free(void *arg)
{
    const uint32_t *actors = arg;
    bool last;
    CR_CHECK_IS(coir_mutex_lock(&stage.mutex, COIR_NEVER), 0);
    work();
    last = CR_SHARED_READ(stage.entered) == *actors;
    coir_mutex_unlock(&stage.mutex);
    if (last)
        cr_tell_freed(&stage.mutex, sizeof stage.mutex);
}

static void
mutex_free(void *arg)
{
    uint32_t actors = 3;
    (void)arg;
    clear_stage(0);
    play_three(lock_and_free, lock_and_free, lock_and_free, &actors);
}

/* ---- Event ---- */

static void
set_ping(void *arg)
{
    (void)arg;
    for (int i = 0; i < 2; i++) {
        coir_event_set(&stage.ping);
        CR_CHECK_IS(coir_event_wait(&stage.pong, COIR_NEVER), 0);
        coir_event_clear(&stage.pong);
    }
}

static void
set_pong(void *arg)
{
    (void)arg;
    for (int i = 0; i < 2; i++) {
        CR_CHECK_IS(coir_event_wait(&stage.ping, COIR_NEVER), 0);
        coir_event_clear(&stage.ping);
        coir_event_set(&stage.pong);
    }
}

static void
event_2x4(void *arg)
{
    (void)arg;
    clear_stage(0);
    play_two(set_ping, set_pong, NULL);
    CR_CHECK_THAT(!coir_event_is_set(&stage.ping));
    coir_event_fini(&stage.ping);
    coir_event_fini(&stage.pong);
}

static void
set_clear_set(void *arg)
{
    (void)arg;
    CR_SHARED_WRITE(stage.entered) = 1;
    coir_event_set(&stage.ping);
    coir_event_clear(&stage.ping);
    coir_event_set(&stage.ping);
}

static void
wait_thrice(void *arg)
{
    (void)arg;
    for (int i = 0; i < 3; i++)
        CR_CHECK_IS(coir_event_wait(&stage.ping, COIR_NEVER), 0);
    CR_CHECK_IS(CR_SHARED_READ(stage.entered), 1);
}

static void
event_3x3(void *arg)
{
    (void)arg;
    clear_stage(0);
    play_three(set_clear_set, wait_thrice, wait_thrice, NULL);
    coir_event_fini(&stage.ping);
}

/* Deadlines in between: the last set is never lost. */
static void
wait_in_bits(void *arg)
{
    (void)arg;
    for (int i = 0; i < 2; i++) {
        int result = coir_event_wait(&stage.ping, coir_after(COIR_MS));
        CR_CHECK_THAT(result == 0 || result == -ETIMEDOUT);
    }
    CR_CHECK_IS(coir_event_wait(&stage.ping, COIR_NEVER), 0);
}

static void
event_late(void *arg)
{
    (void)arg;
    clear_stage(0);
    play_two(set_clear_set, wait_in_bits, NULL);
    coir_event_fini(&stage.ping);
}

static void
event_late_3(void *arg)
{
    (void)arg;
    clear_stage(0);
    play_three(set_clear_set, wait_in_bits, wait_in_bits, NULL);
    coir_event_fini(&stage.ping);
}

static void
set_once(void *arg)
{
    (void)arg;
    coir_event_set(&stage.ping);
}

static void
wait_and_free(void *arg)
{
    (void)arg;
    CR_CHECK_IS(coir_event_wait(&stage.ping, COIR_NEVER), 0);
    cr_tell_freed(&stage.ping, sizeof stage.ping);
}

static void
event_free(void *arg)
{
    (void)arg;
    clear_stage(0);
    play_two(set_once, wait_and_free, NULL);
}

/* ---- Semaphore ---- */

static void
acquire_and_release(void *arg)
{
    (void)arg;
    for (int i = 0; i < 2; i++) {
        CR_CHECK_IS(coir_semaphore_acquire(&stage.semaphore, COIR_NEVER), 0);
        work();
        CR_CHECK_IS(coir_semaphore_release(&stage.semaphore), 0);
    }
}

static void
semaphore_2x4(void *arg)
{
    (void)arg;
    clear_stage(1);
    play_two(acquire_and_release, acquire_and_release, NULL);
    CR_CHECK_IS(stage.semaphore.permits, 1);
    coir_semaphore_fini(&stage.semaphore);
}

static void
release_thrice(void *arg)
{
    (void)arg;
    for (int i = 0; i < 3; i++)
        CR_CHECK_IS(coir_semaphore_release(&stage.semaphore), 0);
}

static void
acquire_try_acquire(void *arg)
{
    (void)arg;
    CR_CHECK_IS(coir_semaphore_acquire(&stage.semaphore, COIR_NEVER), 0);
    if (coir_semaphore_acquire(&stage.semaphore, COIR_NOW) == 0)
        CR_CHECK_IS(coir_semaphore_release(&stage.semaphore), 0);
}

static void
semaphore_3x3(void *arg)
{
    (void)arg;
    clear_stage(0);
    play_three(release_thrice, acquire_try_acquire, acquire_try_acquire, NULL);
    CR_CHECK_IS(stage.semaphore.permits, 1);
    coir_semaphore_fini(&stage.semaphore);
}

/* A permit is never lost with a sleeper whose deadline passes while it is handed over. */
static void
acquire_in_time(void *arg)
{
    (void)arg;
    for (int i = 0; i < 2; i++) {
        int result = coir_semaphore_acquire(&stage.semaphore, coir_after(COIR_MS));
        CR_CHECK_THAT(result == 0 || result == -ETIMEDOUT);
        stage.permits += result == 0;
    }
}

static void
semaphore_late(void *arg)
{
    (void)arg;
    clear_stage(0);
    play_two(acquire_in_time, release_thrice, NULL);
    CR_CHECK_IS(stage.permits + stage.semaphore.permits, 3);
    coir_semaphore_fini(&stage.semaphore);
}

static void
semaphore_late_3(void *arg)
{
    (void)arg;
    clear_stage(0);
    play_three(acquire_in_time, release_thrice, acquire_in_time, NULL);
    CR_CHECK_IS(stage.permits + stage.semaphore.permits, 3);
    coir_semaphore_fini(&stage.semaphore);
}

static void
release_once(void *arg)
{
    (void)arg;
    CR_CHECK_IS(coir_semaphore_release(&stage.semaphore), 0);
}

static void
acquire_and_free(void *arg)
{
    (void)arg;
    CR_CHECK_IS(coir_semaphore_acquire(&stage.semaphore, COIR_NEVER), 0);
    cr_tell_freed(&stage.semaphore, sizeof stage.semaphore);
}

static void
semaphore_free(void *arg)
{
    (void)arg;
    clear_stage(0);
    play_two(release_once, acquire_and_free, NULL);
}

const struct body sync_bodies[] = {
    {"mutex-2x4", mutex_2x4, false, 3, 1},           {"mutex-3x3", mutex_3x3, false, 1, 1},
    {"mutex-late", mutex_late, true, 2, 1},          {"mutex-late-3", mutex_late_3, true, 1, 0},
    {"mutex-free", mutex_free, false, 1, 1},         {"event-2x4", event_2x4, false, 3, 1},
    {"event-3x3", event_3x3, false, 1, 1},           {"event-late", event_late, true, 2, 1},
    {"event-late-3", event_late_3, true, 1, 0},      {"event-free", event_free, false, 3, 3},
    {"semaphore-2x4", semaphore_2x4, false, 3, 1},   {"semaphore-3x3", semaphore_3x3, false, 1, 1},
    {"semaphore-late", semaphore_late, true, 2, 1},  {"semaphore-late-3", semaphore_late_3, true, 1, 0},
    {"semaphore-free", semaphore_free, false, 3, 3},
};
const uint32_t sync_count = sizeof sync_bodies / sizeof sync_bodies[0];
