/* once_test.c: what coir/once.h promises, for fibers of one worker, of four, for threads, and mixed. */
#include "core.h"

#include <coir/once.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>

struct making {
    struct coir_once once;
    struct coir_event go_on; /* the function waits for it */
    int calls, fail;         /* atomic: how often it was called; how many calls are to fail */
};

#define MAKING(failures)                             \
    {                                                \
        COIR_ONCE_INIT, COIR_EVENT_INIT, 0, failures \
    }

static int
make(void *arg)
{
    struct making *making = arg;
    int call = __atomic_add_fetch(&making->calls, 1, __ATOMIC_SEQ_CST);
    {
        COIR_SHIELD();
        MUST_BE(coir_event_wait(&making->go_on, core_soon()), 0);
    }
    return call <= making->fail ? -EIO : 40 + call;
}

static int
ask(void *arg)
{
    struct making *making = arg;
    return coir_once_run(&making->once, make, making);
}

/* ---- Done once ---- */

enum { ACTORS = 6 };

static int
ask_together(void *arg)
{
    struct making making = MAKING(0);
    struct core_actor actors[ACTORS];
    (void)arg;
    for (int i = 0; i < ACTORS; i++) {
        core_start(&actors[i], ask, &making);
        core_await_waiting(&actors[i]); /* the first in the function, the others for it */
    }
    coir_cancel(actors[1].self);
    for (int i = 0; i < 50; i++)
        MUST_BE(coir_yield(), 0); /* a cancel does not end the waiting */
    coir_event_set(&making.go_on);
    for (int i = 0; i < ACTORS; i++)
        MUST_BE(core_end(&actors[i]), 41);
    MUST_BE(ask(&making), 41);
    MUST_BE(making.calls, 1);
    coir_once_fini(&making.once);
    coir_once_init(&making.once);
    MUST_BE(ask(&making), 42);
    return 0;
}

START_TEST(it_runs_once_and_all_get_the_result)
{
    core_play((enum core_cast)_i, ask_together, NULL);
}
END_TEST

static int
fail_twice(void *arg)
{
    struct making making = MAKING(2);
    struct core_actor actors[ACTORS];
    (void)arg;
    for (int i = 0; i < ACTORS; i++) {
        core_start(&actors[i], ask, &making);
        core_await_waiting(&actors[i]);
    }
    coir_event_set(&making.go_on);
    for (int i = 0; i < ACTORS; i++)
        MUST_BE(core_end(&actors[i]), i < 2 ? -EIO : 43); /* its own failure to each that tried, in order */
    MUST_BE(making.calls, 3);
    coir_once_fini(&making.once);
    return 0;
}

START_TEST(after_a_failure_the_next_that_waits_tries_again)
{
    core_play((enum core_cast)_i, fail_twice, NULL);
}
END_TEST

static int
fail_alone(void *arg)
{
    struct making making = MAKING(2);
    (void)arg;
    coir_event_set(&making.go_on);
    MUST_BE(ask(&making), -EIO);
    coir_once_fini(&making.once); /* nothing is under way */
    MUST_BE(ask(&making), -EIO);
    MUST_BE(ask(&making), 43);
    MUST_BE(ask(&making), 43);
    return 0;
}

START_TEST(after_a_failure_the_next_that_comes_tries_again)
{
    core_play((enum core_cast)_i, fail_alone, NULL);
}
END_TEST

/* ---- From inside itself ---- */

static struct coir_once circle = COIR_ONCE_INIT;

static int
nothing(void *arg)
{
    (void)arg;
    return 0;
}

static int
ask_itself(void *arg)
{
    (void)arg;
    return coir_once_run(&circle, nothing, NULL);
}

static int
go_in_a_circle(void *arg)
{
    (void)arg;
    MUST_BE(coir_once_run(&circle, ask_itself, NULL), -EDEADLK);
    MUST(*coir_error_detail());
    MUST_BE(coir_once_run(&circle, nothing, NULL), 0);
    coir_once_init(&circle);
    return 0;
}

START_TEST(the_function_may_not_ask_for_itself)
{
    core_play((enum core_cast)_i, go_in_a_circle, NULL);
}
END_TEST

/* ---- Races ---- */

static int
make_quickly(void *arg)
{
    struct making *making = arg;
    int call = __atomic_add_fetch(&making->calls, 1, __ATOMIC_SEQ_CST);
    if (call % 2)
        (void)coir_yield();
    return call <= making->fail ? -EIO : 40 + call;
}

static int
ask_quickly(void *arg)
{
    struct making *making = arg;
    return coir_once_run(&making->once, make_quickly, making);
}

static int
race(void *arg)
{
    long rounds = core_rounds(4000);
    (void)arg;
    for (long i = 0; i < rounds; i++) {
        struct making *making = malloc(sizeof *making);
        struct core_actor actors[3];
        int failures = 0, wanted = (int)(i % 5); /* of four callers */
        MUST(making);
        *making = (struct making)MAKING(wanted);
        core_start_all(actors, 3, ask_quickly, making);
        if (i % 2)
            core_cancel(&actors[0]);
        failures += ask_quickly(making) < 0;
        for (int k = 0; k < 3; k++) {
            int result = core_end(&actors[k]);
            failures += result < 0;
            MUST_BE(result, result < 0 ? -EIO : 41 + wanted);
        }
        MUST_BE(failures, wanted);
        MUST_BE(making->calls, wanted < 4 ? wanted + 1 : 4);
        coir_once_fini(&making->once);
        free(making);
    }
    return 0;
}

START_TEST(each_failure_is_one_callers_and_success_is_everybodys)
{
    core_play((enum core_cast)_i, race, NULL);
}
END_TEST

static int
fini_under_way(void *arg)
{
    struct making making = MAKING(0);
    struct core_actor actor;
    (void)arg;
    core_start(&actor, ask, &making);
    core_await_waiting(&actor);
    coir_once_fini(&making.once);
    return 0;
}

static int
play_fini(void *arg)
{
    core_play(*(enum core_cast *)arg, fini_under_way, NULL);
    return 0;
}

START_TEST(misuse_stops_the_process)
{
    enum core_cast cast = (enum core_cast)_i;
    core_must_die(play_fini, &cast, SIGABRT, "coir_once_fini");
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_loop_test(cases, it_runs_once_and_all_get_the_result, 0, CORE_CASTS);
    tcase_add_loop_test(cases, after_a_failure_the_next_that_waits_tries_again, 0, CORE_CASTS);
    tcase_add_loop_test(cases, after_a_failure_the_next_that_comes_tries_again, 0, CORE_CASTS);
    tcase_add_loop_test(cases, the_function_may_not_ask_for_itself, 0, CORE_CASTS);
    tcase_add_loop_test(cases, each_failure_is_one_callers_and_success_is_everybodys, 0, CORE_CASTS);
    tcase_add_loop_test(cases, misuse_stops_the_process, 0, CORE_CASTS);
}

int
main(void)
{
    return core_main("once", add);
}
