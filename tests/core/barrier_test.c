/* barrier_test.c: what coir/barrier.h promises, for fibers of one worker, of four, for threads, and mixed. */
#include "core.h"

#include <coir/barrier.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>

enum { PARTIES = 5 };

/* ---- Nobody before all ---- */

struct march {
    struct coir_barrier barrier;
    long rounds;
    long arrived;      /* atomic: in all rounds */
    int seen[PARTIES]; /* atomic: how often each index was given */
};

static int
walk(void *arg)
{
    struct march *march = arg;
    for (long i = 0; i < march->rounds; i++) {
        int index;
        __atomic_add_fetch(&march->arrived, 1, __ATOMIC_SEQ_CST);
        index = coir_barrier_wait(&march->barrier, core_soon());
        MUST(index >= 0 && index < PARTIES);
        MUST(__atomic_load_n(&march->arrived, __ATOMIC_SEQ_CST) >= (i + 1) * PARTIES);
        __atomic_add_fetch(&march->seen[index], 1, __ATOMIC_SEQ_CST);
    }
    return 0;
}

static int
march(void *arg)
{
    struct march own = {.barrier = COIR_BARRIER_INIT(PARTIES), .rounds = core_rounds(4000)};
    struct core_actor actors[PARTIES];
    (void)arg;
    core_start_all(actors, PARTIES, walk, &own);
    for (int i = 0; i < PARTIES; i++)
        MUST_BE(core_end(&actors[i]), 0);
    for (int i = 0; i < PARTIES; i++)
        MUST_BE(own.seen[i], own.rounds); /* each to one, in every round */
    coir_barrier_fini(&own.barrier);
    return 0;
}

START_TEST(nobody_goes_on_before_all_have_come)
{
    core_play((enum core_cast)_i, march, NULL);
}
END_TEST

struct visitor {
    struct coir_barrier *barrier;
    coir_time deadline;
};

static int
visit(void *arg)
{
    struct visitor *own = arg;
    return coir_barrier_wait(own->barrier, own->deadline);
}

static int
come_in_order(void *arg)
{
    struct coir_barrier barrier, lonely = COIR_BARRIER_INIT(1);
    struct visitor visitor = {&barrier, COIR_NEVER};
    struct core_actor actors[PARTIES - 1];
    (void)arg;
    coir_barrier_init(&barrier, PARTIES);
    for (int i = 0; i < PARTIES - 1; i++) {
        MUST_BE(coir_barrier_wait(&barrier, COIR_NOW), -EAGAIN); /* has not come at all */
        core_start(&actors[i], visit, &visitor);
        core_await_waiting(&actors[i]);
        MUST_BE(barrier.arrived, i + 1);
    }
    MUST_BE(coir_barrier_wait(&barrier, COIR_NOW), PARTIES - 1); /* the last does not wait */
    for (int i = 0; i < PARTIES - 1; i++)
        MUST_BE(core_end(&actors[i]), i);
    MUST(!coir_barrier_is_broken(&barrier));
    coir_barrier_fini(&barrier);
    for (int i = 0; i < 3; i++)
        MUST_BE(coir_barrier_wait(&lonely, COIR_NOW), 0);
    return 0;
}

START_TEST(each_gets_the_number_of_its_coming)
{
    core_play((enum core_cast)_i, come_in_order, NULL);
}
END_TEST

/* ---- Broken ---- */

static void
start_waiters(struct core_actor *actors, struct visitor *visitor, int count)
{
    for (int i = 0; i < count; i++) {
        core_start(&actors[i], visit, visitor);
        core_await_waiting(&actors[i]);
    }
}

static void
must_be_broken(struct coir_barrier *barrier, struct core_actor *actors, int count)
{
    for (int i = 0; i < count; i++)
        MUST_BE(core_end(&actors[i]), -EPIPE);
    MUST(coir_barrier_is_broken(barrier));
    MUST_BE(coir_barrier_wait(barrier, COIR_NOW), -EPIPE);
    MUST_BE(coir_barrier_wait(barrier, COIR_NEVER), -EPIPE);
    coir_barrier_reset(barrier);
    MUST(!coir_barrier_is_broken(barrier));
    MUST_BE(coir_barrier_wait(barrier, COIR_NOW), -EAGAIN);
}

static int
come_canceled(void *arg)
{
    struct visitor *own = arg;
    coir_cancel(coir_self());
    return coir_barrier_wait(own->barrier, own->deadline);
}

static int
break_it(void *arg)
{
    struct coir_barrier barrier = COIR_BARRIER_INIT(3);
    struct visitor patient = {&barrier, COIR_NEVER}, hasty = {&barrier, coir_after(2 * COIR_MS)};
    struct core_actor actors[2], actor;
    (void)arg;
    start_waiters(actors, &patient, 1); /* by a deadline of one that waits */
    core_start(&actor, visit, &hasty);
    MUST_BE(core_end(&actor), -ETIMEDOUT);
    must_be_broken(&barrier, actors, 1);

    start_waiters(actors, &patient, 1); /* by one that had passed when it came */
    MUST_BE(coir_barrier_wait(&barrier, core_past()), -ETIMEDOUT);
    must_be_broken(&barrier, actors, 1);

    start_waiters(actors, &patient, 2); /* by a cancel */
    coir_cancel(actors[0].self);
    MUST_BE(core_end(&actors[0]), -ECANCELED);
    must_be_broken(&barrier, &actors[1], 1);

    start_waiters(actors, &patient, 1); /* by one that comes canceled */
    core_start(&actor, come_canceled, &patient);
    MUST_BE(core_end(&actor), -ECANCELED);
    must_be_broken(&barrier, actors, 1);

    start_waiters(actors, &patient, 2);
    coir_barrier_abort(&barrier);
    must_be_broken(&barrier, actors, 2);
    coir_barrier_abort(&barrier); /* nobody there */
    must_be_broken(&barrier, actors, 0);
    coir_barrier_fini(&barrier);
    return 0;
}

START_TEST(who_gives_up_breaks_it)
{
    core_play((enum core_cast)_i, break_it, NULL);
}
END_TEST

static int
reset_it(void *arg)
{
    struct coir_barrier barrier = COIR_BARRIER_INIT(3);
    struct visitor patient = {&barrier, COIR_NEVER};
    struct core_actor actors[2], others[2];
    (void)arg;
    start_waiters(actors, &patient, 2);
    coir_barrier_reset(&barrier);
    start_waiters(others, &patient, 2); /* a new round, while the old ones leave */
    MUST_BE(coir_barrier_wait(&barrier, COIR_NOW), 2);
    for (int i = 0; i < 2; i++) {
        MUST_BE(core_end(&actors[i]), -EPIPE);
        MUST_BE(core_end(&others[i]), i);
    }
    coir_barrier_fini(&barrier);
    return 0;
}

START_TEST(reset_begins_anew)
{
    core_play((enum core_cast)_i, reset_it, NULL);
}
END_TEST

/* ---- All of a round or none, whoever gives up when ---- */

static int
visit_briefly(void *arg)
{
    return coir_barrier_wait(arg, coir_after((coir_time)coir_random(30) * COIR_US));
}

static int
race(void *arg)
{
    long rounds = core_rounds(5000);
    (void)arg;
    for (long i = 0; i < rounds; i++) {
        struct coir_barrier barrier = COIR_BARRIER_INIT(3);
        struct visitor patient = {&barrier, COIR_NEVER};
        struct core_actor actors[2];
        int results[3], through = 0, gave_up = 0, sum = 0;
        core_start(&actors[0], visit_briefly, &barrier);
        core_start(&actors[1], i % 2 ? visit_briefly : visit, i % 2 ? (void *)&barrier : &patient);
        if (i % 3 == 0)
            (void)coir_yield();
        if (i % 4 == 0)
            core_cancel(&actors[1]);
        results[2] = coir_barrier_wait(&barrier, i % 5 ? COIR_NEVER : coir_after((coir_time)coir_random(30) * COIR_US));
        for (int k = 0; k < 2; k++)
            results[k] = core_end(&actors[k]);
        for (int k = 0; k < 3; k++) {
            through += results[k] >= 0;
            sum += results[k] >= 0 ? results[k] : 0;
            gave_up += results[k] == -ETIMEDOUT || results[k] == -ECANCELED;
            MUST(results[k] >= 0 || results[k] == -ETIMEDOUT || results[k] == -ECANCELED || results[k] == -EPIPE);
        }
        MUST((through == 3 && sum == 3) || (through == 0 && gave_up > 0));
        MUST_BE(coir_barrier_is_broken(&barrier), through == 0);
        coir_barrier_fini(&barrier);
    }
    return 0;
}

START_TEST(a_round_gets_through_as_a_whole_or_not_at_all)
{
    core_play((enum core_cast)_i, race, NULL);
}
END_TEST

/* ---- Freed at once ---- */

struct shared {
    struct coir_barrier barrier;
    int inside; /* atomic */
};

static int
come_and_free(void *arg)
{
    struct shared *shared = arg;
    MUST(coir_barrier_wait(&shared->barrier, core_soon()) >= 0);
    if (__atomic_sub_fetch(&shared->inside, 1, __ATOMIC_SEQ_CST) == 0)
        free(shared);
    return 0;
}

static int
free_at_once(void *arg)
{
    long rounds = core_rounds(8000);
    (void)arg;
    for (long i = 0; i < rounds; i++) {
        struct shared *shared = malloc(sizeof *shared);
        struct core_actor actors[2];
        MUST(shared);
        *shared = (struct shared){COIR_BARRIER_INIT(3), 3};
        core_start_all(actors, 2, come_and_free, shared);
        MUST_BE(come_and_free(shared), 0);
        for (int k = 0; k < 2; k++)
            MUST_BE(core_end(&actors[k]), 0);
    }
    return 0;
}

START_TEST(the_last_to_leave_frees_it)
{
    core_play((enum core_cast)_i, free_at_once, NULL);
}
END_TEST

/* ---- Misuse ---- */

static int
nobody(void *arg)
{
    struct coir_barrier barrier = COIR_BARRIER_INIT(0);
    (void)arg;
    return coir_barrier_wait(&barrier, COIR_NEVER);
}

static int
fini_waited_for(void *arg)
{
    struct coir_barrier barrier = COIR_BARRIER_INIT(2);
    struct visitor patient = {&barrier, COIR_NEVER};
    struct core_actor actor;
    (void)arg;
    start_waiters(&actor, &patient, 1);
    coir_barrier_fini(&barrier);
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
    core_must_die(nobody, NULL, SIGABRT, "0 parties");
    core_must_die(play_fini, &cast, SIGABRT, "coir_barrier_fini");
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_loop_test(cases, nobody_goes_on_before_all_have_come, 0, CORE_CASTS);
    tcase_add_loop_test(cases, each_gets_the_number_of_its_coming, 0, CORE_CASTS);
    tcase_add_loop_test(cases, who_gives_up_breaks_it, 0, CORE_CASTS);
    tcase_add_loop_test(cases, reset_begins_anew, 0, CORE_CASTS);
    tcase_add_loop_test(cases, a_round_gets_through_as_a_whole_or_not_at_all, 0, CORE_CASTS);
    tcase_add_loop_test(cases, the_last_to_leave_frees_it, 0, CORE_CASTS);
    tcase_add_loop_test(cases, misuse_stops_the_process, 0, CORE_CASTS);
}

int
main(void)
{
    return core_main("barrier", add);
}
