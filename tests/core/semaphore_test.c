/* semaphore_test.c: what coir/semaphore.h promises, for fibers of one worker, of four, for threads, and mixed. */
#include "core.h"

#include <coir/queue.h>
#include <coir/semaphore.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>

static int
permits(void *arg)
{
    struct coir_semaphore two = COIR_SEMAPHORE_INIT(2, 3), none;
    (void)arg;
    MUST_BE(coir_semaphore_acquire(&two, COIR_NOW), 0);
    MUST_BE(coir_semaphore_acquire(&two, core_past()), 0);
    MUST_BE(coir_semaphore_acquire(&two, COIR_NOW), -EAGAIN);
    MUST_BE(coir_semaphore_acquire(&two, core_past()), -ETIMEDOUT);
    MUST_BE(coir_semaphore_acquire(&two, coir_after(COIR_MS)), -ETIMEDOUT);
    for (int i = 0; i < 3; i++)
        MUST_BE(coir_semaphore_release(&two), 0);
    MUST_BE(coir_semaphore_release(&two), -EOVERFLOW);
    for (int i = 0; i < 3; i++)
        MUST_BE(coir_semaphore_acquire(&two, COIR_NOW), 0);
    MUST_BE(coir_semaphore_acquire(&two, COIR_NOW), -EAGAIN);
    coir_semaphore_fini(&two);
    coir_semaphore_init(&none, UINT32_MAX - 1, 0);
    MUST_BE(coir_semaphore_release(&none), 0);
    MUST_BE(coir_semaphore_release(&none), -EOVERFLOW);
    coir_semaphore_fini(&none);
    return 0;
}

START_TEST(permits_are_counted)
{
    core_play((enum core_cast)_i, permits, NULL);
}
END_TEST

/* ---- Order ---- */

struct line {
    struct coir_semaphore semaphore;
    int next; /* atomic */
};

struct place {
    struct line *line;
    int number;
    coir_time deadline;
};

static int
queue_up(void *arg)
{
    struct place *place = arg;
    int result = coir_semaphore_acquire(&place->line->semaphore, place->deadline);
    if (!result)
        MUST_BE(__atomic_fetch_add(&place->line->next, 1, __ATOMIC_SEQ_CST), place->number);
    return result;
}

static int
acquire_in_order(void *arg)
{
    enum { MANY = 16 };
    struct line line = {COIR_SEMAPHORE_INIT(0, 0), 0};
    struct core_actor actors[MANY];
    struct place places[MANY];
    (void)arg;
    for (int i = 0; i < MANY; i++) {
        places[i] = (struct place){&line, i, core_soon()};
        core_start(&actors[i], queue_up, &places[i]);
        core_await_waiting(&actors[i]);
    }
    for (int i = 0; i < MANY; i++) {
        MUST_BE(coir_semaphore_release(&line.semaphore), 0);
        MUST_BE(coir_semaphore_acquire(&line.semaphore, COIR_NOW), -EAGAIN); /* it went from hand to hand */
        MUST_BE(core_end(&actors[i]), 0);
    }
    coir_semaphore_fini(&line.semaphore);
    return 0;
}

START_TEST(first_come_first_served)
{
    core_play((enum core_cast)_i, acquire_in_order, NULL);
}
END_TEST

/* One in the middle gives up: its place closes. */
static int
give_up_in_the_middle(void *arg)
{
    struct line line = {COIR_SEMAPHORE_INIT(0, 0), 0};
    struct core_actor actors[4];
    struct place places[4] = {
        {&line, 0, core_soon()}, {&line, -1, COIR_NEVER}, {&line, 1, core_soon()}, {&line, 2, core_soon()}};
    (void)arg;
    for (int i = 0; i < 4; i++) {
        core_start(&actors[i], queue_up, &places[i]);
        core_await_waiting(&actors[i]);
    }
    coir_cancel(actors[1].self);
    MUST_BE(core_end(&actors[1]), -ECANCELED);
    for (int i = 0; i < 4; i++)
        if (i != 1) {
            MUST_BE(coir_semaphore_release(&line.semaphore), 0);
            MUST_BE(core_end(&actors[i]), 0);
        }
    coir_semaphore_fini(&line.semaphore);
    return 0;
}

START_TEST(one_in_the_middle_gives_up)
{
    core_play((enum core_cast)_i, give_up_in_the_middle, NULL);
}
END_TEST

/* ---- Races: permits are neither lost nor doubled ---- */

enum { PERMITS = 3, ACTORS = 8 };

struct crowd {
    struct coir_semaphore semaphore;
    long rounds;
    int inside; /* atomic */
};

static int
go_in_and_out(void *arg)
{
    struct crowd *crowd = arg;
    for (long i = 0; i < crowd->rounds; i++) {
        coir_time deadline = i % 4 == 0   ? COIR_NOW
                             : i % 4 == 1 ? COIR_NEVER
                                          : coir_after((coir_time)coir_random(30) * COIR_US);
        int result = coir_semaphore_acquire(&crowd->semaphore, deadline);
        if (result) {
            MUST(result == -EAGAIN || result == -ETIMEDOUT || result == -ECANCELED);
            (void)coir_yield();
            continue;
        }
        MUST(__atomic_add_fetch(&crowd->inside, 1, __ATOMIC_SEQ_CST) <= PERMITS);
        if (i % 3)
            (void)coir_yield();
        __atomic_sub_fetch(&crowd->inside, 1, __ATOMIC_SEQ_CST);
        MUST_BE(coir_semaphore_release(&crowd->semaphore), 0);
    }
    return 0;
}

static int
race(void *arg)
{
    struct crowd crowd = {COIR_SEMAPHORE_INIT(PERMITS, PERMITS), core_rounds(5000), 0};
    struct core_actor actors[ACTORS];
    (void)arg;
    core_start_all(actors, ACTORS, go_in_and_out, &crowd);
    for (int i = 0; i < ACTORS; i += 2)
        core_cancel(&actors[i]);
    for (int i = 0; i < ACTORS; i++)
        MUST_BE(core_end(&actors[i]), 0);
    for (int i = 0; i < PERMITS; i++)
        MUST_BE(coir_semaphore_acquire(&crowd.semaphore, COIR_NOW), 0);
    MUST_BE(coir_semaphore_acquire(&crowd.semaphore, COIR_NOW), -EAGAIN);
    coir_semaphore_fini(&crowd.semaphore);
    return 0;
}

START_TEST(permits_survive_deadlines_and_cancels)
{
    core_play((enum core_cast)_i, race, NULL);
}
END_TEST

/* ---- Freed at once by the woken ---- */

static int
release_each(void *queue)
{
    struct coir_semaphore *semaphore;
    while (coir_queue_get(queue, &semaphore, COIR_NEVER) == 0)
        MUST_BE(coir_semaphore_release(semaphore), 0);
    return 0;
}

static int
free_at_once(void *arg)
{
    struct coir_queue *queue = coir_queue_new(sizeof(struct coir_semaphore *), 4, NULL);
    long rounds = core_freed(40000, CORE_CASTS);
    struct core_actor releaser;
    (void)arg;
    core_start(&releaser, release_each, queue);
    for (long i = 0; i < rounds; i++) {
        struct coir_semaphore *semaphore = malloc(sizeof *semaphore);
        MUST(semaphore);
        coir_semaphore_init(semaphore, 0, 1);
        MUST_BE(coir_queue_put(queue, &semaphore, core_soon()), 0);
        MUST_BE(coir_semaphore_acquire(semaphore, core_soon()), 0);
        free(semaphore);
    }
    coir_queue_shutdown(queue);
    MUST_BE(core_end(&releaser), 0);
    coir_queue_free(queue);
    return 0;
}

START_TEST(the_woken_frees_it)
{
    core_play((enum core_cast)_i, free_at_once, NULL);
}
END_TEST

static int
acquire(void *semaphore)
{
    return coir_semaphore_acquire(semaphore, COIR_NEVER);
}

static int
fini_waited_for(void *arg)
{
    struct coir_semaphore semaphore = COIR_SEMAPHORE_INIT(0, 0);
    struct core_actor actor;
    (void)arg;
    core_start(&actor, acquire, &semaphore);
    core_await_waiting(&actor);
    coir_semaphore_fini(&semaphore);
    return 0;
}

static int
play_fini(void *arg)
{
    core_play(*(enum core_cast *)arg, fini_waited_for, NULL);
    return 0;
}

START_TEST(misuse_stops_the_process)
{
    enum core_cast cast = (enum core_cast)_i;
    core_must_die(play_fini, &cast, SIGABRT, "coir_semaphore_fini");
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_loop_test(cases, permits_are_counted, 0, CORE_CASTS);
    tcase_add_loop_test(cases, first_come_first_served, 0, CORE_CASTS);
    tcase_add_loop_test(cases, one_in_the_middle_gives_up, 0, CORE_CASTS);
    tcase_add_loop_test(cases, permits_survive_deadlines_and_cancels, 0, CORE_CASTS);
    tcase_add_loop_test(cases, the_woken_frees_it, 0, CORE_CASTS);
    tcase_add_loop_test(cases, misuse_stops_the_process, 0, CORE_CASTS);
}

int
main(void)
{
    return core_main("semaphore", add);
}
