/* crowd_bodies.c: what several wait for together, between plain threads: read-write lock, condition, barrier, once. What
 * they order is plain, so that the checker sees a race where they do not. */
#include <coir/barrier.h>
#include <coir/condition.h>
#include <coir/event.h>
#include <coir/mutex.h>
#include <coir/once.h>
#include <coir/rwlock.h>
#include <errno.h>
#include <string.h>

#include "bodies.h"

static struct {
    struct coir_rwlock lock;
    struct coir_event has_read;
    struct coir_mutex mutex;
    struct coir_condition condition;
    struct coir_barrier barrier;
    struct coir_once once;
    uint32_t value, inside; /* under the lock, or the mutex, or ordered by what is tried */
    uint32_t came[3];       /* each written by one, read by all behind the barrier */
    int results[3];
    uint32_t runs, fails;
} plaza;

static void
clear_plaza(uint32_t parties)
{
    memset(&plaza, 0, sizeof plaza);
    coir_rwlock_init(&plaza.lock);
    coir_mutex_init(&plaza.mutex, COIR_MUTEX_PLAIN);
    coir_condition_init(&plaza.condition);
    coir_barrier_init(&plaza.barrier, parties);
    coir_once_init(&plaza.once);
}

/* ---- Read-write lock ---- */

static bool
write_one(coir_time deadline)
{
    int result = coir_rwlock_write(&plaza.lock, deadline);
    CR_CHECK_THAT(result == 0 || (deadline != COIR_NEVER && result == -ETIMEDOUT));
    if (result)
        return false;
    CR_CHECK_IS(CR_SHARED_WRITE(plaza.inside)++, 0);
    CR_SHARED_WRITE(plaza.value)++;
    CR_SHARED_WRITE(plaza.inside)--;
    coir_rwlock_unlock(&plaza.lock);
    return true;
}

static void
read_one(coir_time deadline)
{
    int result = coir_rwlock_read(&plaza.lock, deadline);
    CR_CHECK_THAT(result == 0 || (deadline != COIR_NEVER && result == -ETIMEDOUT));
    if (result)
        return;
    CR_CHECK_IS(CR_SHARED_READ(plaza.inside), 0);
    (void)CR_SHARED_READ(plaza.value);
    coir_rwlock_unlock(&plaza.lock);
}

static void
write_and_read(void *arg)
{
    (void)arg;
    CR_CHECK_THAT(write_one(COIR_NEVER));
    read_one(COIR_NEVER);
}

static void
read_and_write(void *arg)
{
    (void)arg;
    read_one(COIR_NEVER);
    CR_CHECK_THAT(write_one(COIR_NEVER));
}

static void
rwlock_2x4(void *arg)
{
    (void)arg;
    clear_plaza(2);
    play_two(write_and_read, read_and_write, NULL);
    CR_CHECK_IS(plaza.value, 2);
    coir_rwlock_fini(&plaza.lock);
}

static void
rwlock_3x3(void *arg)
{
    (void)arg;
    clear_plaza(2);
    play_three(write_and_read, read_and_write, read_and_write, NULL);
    CR_CHECK_IS(plaza.value, 3);
    coir_rwlock_fini(&plaza.lock);
}

static void
write_in_time(void *arg)
{
    (void)arg;
    (void)write_one(coir_after(COIR_MS));
    read_one(coir_after(2 * COIR_MS));
}

static void
rwlock_late(void *arg)
{
    (void)arg;
    clear_plaza(2);
    play_three(write_in_time, read_and_write, read_and_write, NULL);
    coir_rwlock_fini(&plaza.lock);
}

/* A writer that gives up lets in the readers behind it: one reads until another one has read. */
static void
read_long(void *arg)
{
    (void)arg;
    CR_CHECK_IS(coir_rwlock_read(&plaza.lock, COIR_NEVER), 0);
    CR_CHECK_IS(coir_event_wait(&plaza.has_read, COIR_NEVER), 0);
    coir_rwlock_unlock(&plaza.lock);
}

static void
read_and_say_so(void *arg)
{
    (void)arg;
    read_one(COIR_NEVER);
    coir_event_set(&plaza.has_read);
}

static void
write_in_time_only(void *arg)
{
    (void)arg;
    (void)write_one(coir_after(COIR_MS));
}

static void
rwlock_behind(void *arg)
{
    (void)arg;
    clear_plaza(2);
    play_three(read_long, write_in_time_only, read_and_say_so, NULL);
    coir_rwlock_fini(&plaza.lock);
}

static void
write_and_free(void *arg)
{
    bool last;
    (void)arg;
    CR_CHECK_IS(coir_rwlock_write(&plaza.lock, COIR_NEVER), 0);
    last = ++CR_SHARED_WRITE(plaza.value) == 2;
    coir_rwlock_unlock(&plaza.lock);
    if (last)
        cr_tell_freed(&plaza.lock, sizeof plaza.lock);
}

static void
rwlock_free(void *arg)
{
    (void)arg;
    clear_plaza(2);
    play_two(write_and_free, write_and_free, NULL);
}

/* ---- Condition ---- */

static void
take_one(coir_time deadline)
{
    CR_CHECK_IS(coir_mutex_lock(&plaza.mutex, COIR_NEVER), 0);
    while (!CR_SHARED_READ(plaza.value)) {
        int result = coir_condition_wait(&plaza.condition, &plaza.mutex, deadline);
        CR_CHECK_THAT(result == 0 || (deadline != COIR_NEVER && result == -ETIMEDOUT));
        if (result)
            deadline = COIR_NEVER; /* once in time is enough */
    }
    CR_SHARED_WRITE(plaza.value)--;
    coir_mutex_unlock(&plaza.mutex);
}

static void
take_two(void *arg)
{
    (void)arg;
    take_one(COIR_NEVER);
    take_one(COIR_NEVER);
}

static void
take_one_of_two(void *arg)
{
    (void)arg;
    take_one(COIR_NEVER);
}

static void
take_one_in_time(void *arg)
{
    (void)arg;
    take_one(coir_after(COIR_MS));
}

static void
give_two(void *arg)
{
    (void)arg;
    for (int i = 0; i < 2; i++) {
        CR_CHECK_IS(coir_mutex_lock(&plaza.mutex, COIR_NEVER), 0);
        CR_SHARED_WRITE(plaza.value)++;
        coir_mutex_unlock(&plaza.mutex);
        coir_condition_signal(&plaza.condition); /* without the mutex: allowed, and harder */
    }
}

static void
give_two_at_once(void *arg)
{
    (void)arg;
    CR_CHECK_IS(coir_mutex_lock(&plaza.mutex, COIR_NEVER), 0);
    CR_SHARED_WRITE(plaza.value) += 2;
    coir_condition_broadcast(&plaza.condition);
    coir_mutex_unlock(&plaza.mutex);
}

static void
end_condition(void)
{
    CR_CHECK_IS(plaza.value, 0);
    coir_condition_fini(&plaza.condition);
    coir_mutex_fini(&plaza.mutex);
}

static void
condition_2x4(void *arg)
{
    (void)arg;
    clear_plaza(2);
    play_two(take_two, give_two, NULL);
    end_condition();
}

static void
condition_all(void *arg)
{
    (void)arg;
    clear_plaza(2);
    play_three(take_one_of_two, take_one_of_two, give_two_at_once, NULL);
    end_condition();
}

/* A signal is never lost with a sleeper whose deadline passes. */
static void
condition_late(void *arg)
{
    (void)arg;
    clear_plaza(2);
    play_three(take_one_in_time, take_one_of_two, give_two, NULL);
    end_condition();
}

/* ---- Barrier ---- */

static void
meet(uint32_t who, uint32_t parties, uint32_t rounds)
{
    for (uint32_t round = 1; round <= rounds; round++) {
        int result;
        CR_SHARED_WRITE(plaza.came[who]) = round;
        result = coir_barrier_wait(&plaza.barrier, COIR_NEVER);
        CR_CHECK_THAT(result >= 0 && result < (int)parties);
        for (uint32_t i = 0; i < parties; i++)
            CR_CHECK_IS(CR_SHARED_READ(plaza.came[i]), round);
        CR_CHECK_THAT(coir_barrier_wait(&plaza.barrier, COIR_NEVER) >= 0); /* all have looked */
    }
}

static void
meet_0_of_2(void *arg)
{
    (void)arg;
    meet(0, 2, 2);
}

static void
meet_1_of_2(void *arg)
{
    (void)arg;
    meet(1, 2, 2);
}

static void
barrier_2x4(void *arg)
{
    (void)arg;
    clear_plaza(2);
    play_two(meet_0_of_2, meet_1_of_2, NULL);
    coir_barrier_fini(&plaza.barrier);
}

static void
meet_0_of_3(void *arg)
{
    (void)arg;
    meet(0, 3, 1);
}

static void
meet_1_of_3(void *arg)
{
    (void)arg;
    meet(1, 3, 1);
}

static void
meet_2_of_3(void *arg)
{
    (void)arg;
    meet(2, 3, 1);
}

static void
barrier_3x2(void *arg)
{
    (void)arg;
    clear_plaza(3);
    play_three(meet_0_of_3, meet_1_of_3, meet_2_of_3, NULL);
    coir_barrier_fini(&plaza.barrier);
}

static void
come_in_time(void *arg)
{
    int *result = arg;
    *result = coir_barrier_wait(&plaza.barrier, coir_after(COIR_MS));
    CR_CHECK_THAT(*result >= 0 || *result == -ETIMEDOUT || *result == -EPIPE);
}

/* A round gets through as a whole or not at all. */
static void
barrier_late(void *arg)
{
    static void (*const comers[])(void *) = {come_in_time, come_in_time, come_in_time};
    int through = 0;
    (void)arg;
    clear_plaza(3);
    cr_check_together(3, comers, (void *const[]){&plaza.results[0], &plaza.results[1], &plaza.results[2]});
    for (int i = 0; i < 3; i++)
        through += plaza.results[i] >= 0;
    CR_CHECK_THAT(through == 0 || through == 3);
    CR_CHECK_IS(coir_barrier_is_broken(&plaza.barrier), through == 0);
    coir_barrier_fini(&plaza.barrier);
}

/* ---- Once ---- */

static int
write_seven(void *arg)
{
    (void)arg;
    CR_CHECK_IS(++CR_SHARED_WRITE(plaza.runs), plaza.fails + 1);
    if (plaza.fails < plaza.inside) { /* so many times it fails */
        CR_SHARED_WRITE(plaza.fails)++;
        return -EIO;
    }
    CR_SHARED_WRITE(plaza.value) = 7;
    return 7;
}

static void
run_once(void *arg)
{
    int result;
    (void)arg;
    while ((result = coir_once_run(&plaza.once, write_seven, NULL)) == -EIO)
        continue;
    CR_CHECK_IS(result, 7);
    CR_CHECK_IS(CR_SHARED_READ(plaza.value), 7);
}

static void
once_3(void *arg)
{
    (void)arg;
    clear_plaza(2);
    play_three(run_once, run_once, run_once, NULL);
    CR_CHECK_IS(plaza.runs, 1);
    coir_once_fini(&plaza.once);
}

/* Who fails hands the turn on. */
static void
once_fails(void *arg)
{
    (void)arg;
    clear_plaza(2);
    plaza.inside = 2;
    play_three(run_once, run_once, run_once, NULL);
    CR_CHECK_IS(plaza.runs, 3);
    coir_once_fini(&plaza.once);
}

const struct body crowd_bodies[] = {
    {"rwlock-2x4", rwlock_2x4, false, 3, 1},       {"rwlock-3x3", rwlock_3x3, false, 2, 0},
    {"rwlock-late", rwlock_late, true, 2, 0},      {"rwlock-behind", rwlock_behind, true, 2, 0},
    {"rwlock-free", rwlock_free, false, 3, 2},     {"condition-2x4", condition_2x4, false, 3, 1},
    {"condition-all", condition_all, false, 2, 0}, {"condition-late", condition_late, true, 1, 0},
    {"barrier-2x4", barrier_2x4, false, 2, 1},     {"barrier-3x2", barrier_3x2, false, 1, 1},
    {"barrier-late", barrier_late, true, 1, 1},    {"once-3", once_3, false, 2, 1},
    {"once-fails", once_fails, false, 1, 1},
};
const uint32_t crowd_count = sizeof crowd_bodies / sizeof crowd_bodies[0];
