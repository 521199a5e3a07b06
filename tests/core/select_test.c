/* select_test.c: what coir/select.h promises, for fibers of one worker, of four, for threads, and mixed: exactly one case is
 * done, the others are as if nothing had been; no item is lost or doubled, whatever races. */
#include "core.h"

#include <coir/future.h>
#include <coir/queue.h>
#include <coir/select.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"

static struct coir_queue *
new_queue(size_t capacity)
{
    struct coir_queue *queue = coir_queue_new(sizeof(int), capacity, NULL);
    MUST(queue);
    return queue;
}

/* ---- One task ---- */

static int
select_alone(void *arg)
{
    struct coir_queue *from = new_queue(2), *to = new_queue(1);
    struct coir_event event = COIR_EVENT_INIT;
    struct coir_future *future = coir_future_new(0);
    int got = -1, given = 5;
    struct coir_case cases[] = {coir_case_get(from, &got), coir_case_event(&event), coir_case_future(future),
                                coir_case_put(to, &given), coir_case_get(NULL, &got)};
    (void)arg;
    MUST_BE(coir_select(cases, 5, COIR_NOW), 3);
    MUST_BE(cases[3].result, 0);
    for (int again = 0; again < 3; again++) { /* now nothing is possible */
        MUST_BE(coir_select(cases, 5, COIR_NOW), -EAGAIN);
        MUST_BE(coir_select(cases, 5, core_past()), -ETIMEDOUT);
        MUST_BE(coir_select(cases, 5, coir_after(COIR_MS)), -ETIMEDOUT);
    }
    MUST_BE(coir_queue_size(to), 1);
    MUST_BE(coir_queue_put(from, &(int){8}, COIR_NOW), 0);
    MUST_BE(coir_select(cases, 5, COIR_NEVER), 0);
    MUST(got == 8 && !cases[0].result);
    coir_event_set(&event);
    MUST_BE(coir_select(cases, 5, COIR_NEVER), 1);
    coir_event_clear(&event);
    MUST_BE(coir_future_cancel(future), 0);
    MUST_BE(coir_select(cases, 5, core_past()), 2);
    cases[2].object = NULL;
    coir_queue_shutdown(from);
    MUST_BE(coir_select(cases, 5, COIR_NOW), 0);
    MUST_BE(cases[0].result, -EPIPE);
    cases[0].object = NULL;
    coir_queue_shutdown(to);
    MUST_BE(coir_select(cases, 5, COIR_NEVER), 3);
    MUST_BE(cases[3].result, -EPIPE);
    MUST_BE(coir_select(cases, 0, COIR_NEVER), -EPIPE);
    MUST_BE(coir_select(&cases[4], 1, COIR_NEVER), -EPIPE);
    coir_queue_free(from);
    coir_queue_free(to);
    coir_future_free(future);
    coir_event_fini(&event);
    return 0;
}

START_TEST(what_is_possible_is_done_at_once)
{
    core_play((enum core_cast)_i, select_alone, NULL);
}
END_TEST

/* Of several that are possible each has its turn. */
static int
select_by_chance(void *arg)
{
    enum { CASES = 5, ROUNDS = 2000 };
    struct coir_event events[CASES];
    struct coir_case cases[CASES + 2];
    int count[CASES + 2] = {0};
    (void)arg;
    memset(cases, 0, sizeof cases); /* the first two have no object */
    for (int i = 0; i < CASES; i++) {
        coir_event_init(&events[i]);
        coir_event_set(&events[i]);
        cases[i + 2] = coir_case_event(&events[i]);
    }
    coir_event_clear(&events[1]);
    for (int i = 0; i < ROUNDS; i++) {
        int which = coir_select(cases, CASES + 2, COIR_NEVER);
        MUST(which >= 0);
        count[which]++;
    }
    for (int i = 0; i < CASES + 2; i++)
        if (i < 2 || i == 3)
            MUST_BE(count[i], 0);
        else
            MUST(count[i] > ROUNDS / 8 && count[i] < ROUNDS * 3 / 8); /* 500, give or take 19 */
    return 0;
}

START_TEST(chance_decides_between_possible_ones)
{
    core_play((enum core_cast)_i, select_by_chance, NULL);
}
END_TEST

/* ---- Waiting, and woken by each kind ---- */

struct place {
    struct coir_queue *from, *to;
    struct coir_event event;
    struct coir_future *future;
    struct core_actor ender;
    struct coir_event end;
    int got, given, result;
};

static int
wait_for_end(void *arg)
{
    return coir_event_wait(arg, core_soon());
}

static int
select_in(void *arg)
{
    struct place *place = arg;
    struct coir_case cases[] = {coir_case_get(place->from, &place->got), coir_case_put(place->to, &place->given),
                                coir_case_event(&place->event), coir_case_future(place->future),
                                coir_case_task(place->ender.task)};
    int which = coir_select(cases, 5, COIR_NEVER);
    place->result = which >= 0 ? cases[which].result : which;
    return which;
}

static void
wake_by(struct place *place, int kind)
{
    int number;
    switch (kind) {
    case 0:
        MUST_BE(coir_queue_put(place->from, &(int){77}, COIR_NOW), 0);
        break;
    case 1:
        MUST_BE(coir_queue_get(place->to, &number, COIR_NOW), 0);
        break;
    case 2:
        coir_event_set(&place->event);
        break;
    case 3:
        MUST_BE(coir_future_set(place->future, -EIO, NULL), 0);
        break;
    case 4:
        coir_event_set(&place->end);
        break;
    case 5:
        coir_queue_shutdown(place->from);
        break;
    case 6:
        coir_queue_shutdown(place->to);
        break;
    default:
        break;
    }
}

static int
select_and_be_woken(void *arg)
{
    (void)arg;
    for (int kind = 0; kind < 8; kind++) {
        static const int wanted[] = {0, 1, 2, 3, 4, 0, 1, -ECANCELED};
        struct place place = {new_queue(1), new_queue(1), COIR_EVENT_INIT, coir_future_new(0), .got = -1, .given = 9};
        struct core_actor actor;
        int number = 1;
        if (kind == 4 && core_cast() == CORE_THREADS) { /* ends of tasks are ends of fibers */
            coir_queue_free(place.from);
            coir_queue_free(place.to);
            coir_future_free(place.future);
            continue;
        }
        MUST_BE(coir_queue_put(place.to, &number, COIR_NOW), 0);
        if (core_cast() != CORE_THREADS)
            do { /* one that is a fiber */
                core_start(&place.ender, wait_for_end, &place.end);
                if (!place.ender.task) {
                    coir_event_set(&place.end);
                    MUST_BE(core_end(&place.ender), 0);
                    coir_event_clear(&place.end);
                }
            } while (!place.ender.task);
        core_start(&actor, select_in, &place);
        core_await_waiting(&actor);
        if (kind == 7)
            core_cancel(&actor);
        wake_by(&place, kind);
        MUST_BE(core_end(&actor), wanted[kind]);
        MUST_BE(place.result, kind == 7 ? -ECANCELED : kind > 4 ? -EPIPE : 0);
        MUST_BE(place.got, kind == 0 ? 77 : -1);
        MUST(coir_queue_is_empty(place.from));
        if (kind == 1) {
            MUST_BE(coir_queue_get(place.to, &number, COIR_NOW), 0);
            MUST_BE(number, 9);
        }
        coir_event_set(&place.end);
        if (place.ender.task)
            MUST_BE(core_end(&place.ender), 0); /* still to be joined */
        /* It hangs nowhere any more. */
        coir_queue_free(place.from);
        coir_queue_free(place.to);
        if (!coir_future_is_done(place.future))
            MUST_BE(coir_future_cancel(place.future), 0);
        (void)coir_future_get(place.future, NULL, 0, COIR_NOW);
        coir_future_free(place.future);
        coir_event_fini(&place.event);
    }
    return 0;
}

START_TEST(each_kind_wakes)
{
    core_play((enum core_cast)_i, select_and_be_woken, NULL);
}
END_TEST

/* Three wait for two things each, one thing comes: one gets it, the others wait on. */
static int
get_of_two(void *arg)
{
    struct coir_queue **queues = arg;
    int number = 0;
    struct coir_case cases[2] = {coir_case_get(queues[0], &number), coir_case_get(queues[1], &number)};
    int which = coir_select(cases, 2, core_soon());
    return which < 0 ? which : cases[which].result ? cases[which].result : number;
}

static int
serve_selects_in_order(void *arg)
{
    struct coir_queue *queues[2] = {new_queue(1), new_queue(1)};
    struct core_actor actors[6];
    (void)arg;
    for (int i = 0; i < 6; i++) {
        core_start(&actors[i], get_of_two, queues);
        core_await_waiting(&actors[i]);
    }
    for (int i = 0; i < 4; i++) {
        MUST_BE(coir_queue_put(queues[i % 2], &(int){i + 10}, COIR_NOW), 0);
        MUST_BE(core_end(&actors[i]), i + 10);
        MUST(coir_queue_is_empty(queues[0]) && coir_queue_is_empty(queues[1]));
    }
    coir_queue_shutdown(queues[1]);
    MUST_BE(core_end(&actors[4]), -EPIPE);
    MUST_BE(core_end(&actors[5]), -EPIPE);
    coir_queue_free(queues[0]);
    coir_queue_free(queues[1]);
    return 0;
}

START_TEST(those_who_select_are_served_in_order)
{
    core_play((enum core_cast)_i, serve_selects_in_order, NULL);
}
END_TEST

/* ---- Races: what was put is got, once ---- */

enum { QUEUES = 3, SIDES = 3 };

struct fair {
    struct coir_queue *queues[QUEUES];
    struct coir_event over;
    long rounds;
    bool in_bits;
    long put, got; /* atomic: sums */
};

static coir_time
some_deadline(const struct fair *fair, long i)
{
    if (!fair->in_bits)
        return COIR_NEVER;
    return i % 3 ? coir_after((coir_time)coir_random(30) * COIR_US) : COIR_NOW;
}

/* Puts into whichever queue has room. */
static int
put_anywhere(void *arg)
{
    struct fair *fair = arg;
    for (long i = 1; i <= fair->rounds;) {
        struct coir_case cases[QUEUES];
        int number = (int)i, which;
        for (int k = 0; k < QUEUES; k++)
            cases[k] = coir_case_put(fair->queues[k], &number);
        which = coir_select(cases, QUEUES, some_deadline(fair, i + (long)coir_random(3)));
        if (which >= 0) {
            MUST_BE(cases[which].result, 0);
            __atomic_add_fetch(&fair->put, i++, __ATOMIC_SEQ_CST);
        } else {
            MUST((which == -EAGAIN || which == -ETIMEDOUT) && fair->in_bits && !coir_yield());
        }
    }
    return 0;
}

/* Gets from whichever has something, until told that it is over; some get by plain calls. */
static int
get_anywhere(void *arg)
{
    struct fair *fair = arg;
    for (long i = 0;; i++) {
        struct coir_case cases[QUEUES + 1];
        int numbers[QUEUES] = {0}, which;
        for (int k = 0; k < QUEUES; k++)
            cases[k] = coir_case_get(fair->queues[k], &numbers[k]);
        cases[QUEUES] = coir_case_event(&fair->over);
        which = coir_select(cases, QUEUES + 1, some_deadline(fair, i));
        if (which == QUEUES)
            return 0;
        for (int k = 0; k < QUEUES; k++)
            MUST((numbers[k] != 0) == (k == which)); /* the other places are untouched */
        if (which >= 0)
            __atomic_add_fetch(&fair->got, numbers[which], __ATOMIC_SEQ_CST);
        else
            MUST((which == -EAGAIN || which == -ETIMEDOUT) && fair->in_bits && !coir_yield());
    }
}

static int
move_between(void *arg)
{
    struct fair *fair = arg;
    for (long i = 0;; i++) {
        int number, which;
        struct coir_case cases[2] = {coir_case_get(fair->queues[i % QUEUES], &number), coir_case_event(&fair->over)};
        which = coir_select(cases, 2, some_deadline(fair, i));
        if (which == 1)
            return 0;
        if (which == 0)
            __atomic_add_fetch(&fair->got, number, __ATOMIC_SEQ_CST);
        else
            MUST(fair->in_bits && !coir_yield());
    }
}

static int
hold_fair(void *arg)
{
    struct fair fair = {.over = COIR_EVENT_INIT, .rounds = core_rounds(4000), .in_bits = *(const bool *)arg};
    struct core_actor putters[SIDES], getters[SIDES], mover;
    long left = 0;
    int number;
    for (int i = 0; i < QUEUES; i++)
        fair.queues[i] = new_queue((size_t)i + 1);
    core_start_all(getters, SIDES, get_anywhere, &fair);
    core_start_all(putters, SIDES, put_anywhere, &fair);
    core_start(&mover, move_between, &fair);
    for (int i = 0; i < SIDES; i++)
        MUST_BE(core_end(&putters[i]), 0);
    coir_event_set(&fair.over);
    for (int i = 0; i < SIDES; i++)
        MUST_BE(core_end(&getters[i]), 0);
    MUST_BE(core_end(&mover), 0);
    for (int i = 0; i < QUEUES; i++) {
        while (coir_queue_get(fair.queues[i], &number, COIR_NOW) == 0)
            left += number;
        coir_queue_free(fair.queues[i]);
    }
    MUST_BE(fair.put, SIDES * (fair.rounds * (fair.rounds + 1) / 2));
    MUST_BE(fair.got + left, fair.put);
    return 0;
}

START_TEST(no_item_is_lost_or_doubled)
{
    for (int in_bits = 0; in_bits < 2; in_bits++)
        core_play((enum core_cast)_i, hold_fair, &(bool){in_bits});
}
END_TEST

/* Each of two offers what the other wants, in both directions at once, over queues that both select on. */
struct exchange {
    struct coir_queue *there, *back;
    long rounds;
};

static int
exchange_one(struct coir_queue *in, struct coir_queue *out, long rounds)
{
    long sent = 0, received = 0;
    while (sent < rounds || received < rounds) {
        int give = (int)sent, take = -1;
        struct coir_case cases[2] = {coir_case_put(sent < rounds ? out : NULL, &give),
                                     coir_case_get(received < rounds ? in : NULL, &take)};
        int which = coir_select(cases, 2, core_soon());
        MUST(which == 0 || which == 1);
        MUST_BE(cases[which].result, 0);
        if (which == 0)
            sent++;
        else
            MUST_BE(take, received++);
    }
    return 0;
}

static int
exchange_back(void *arg)
{
    const struct exchange *exchange = arg;
    return exchange_one(exchange->there, exchange->back, exchange->rounds);
}

static int
exchange_both(void *arg)
{
    struct exchange exchange = {new_queue(1), new_queue(1), core_rounds(10000)};
    struct core_actor other;
    (void)arg;
    core_start(&other, exchange_back, &exchange);
    MUST_BE(exchange_one(exchange.back, exchange.there, exchange.rounds), 0);
    MUST_BE(core_end(&other), 0);
    coir_queue_free(exchange.there);
    coir_queue_free(exchange.back);
    return 0;
}

START_TEST(two_select_on_each_other)
{
    core_play((enum core_cast)_i, exchange_both, NULL);
}
END_TEST

/* A put and a get of the same queue: one of them, never with itself. */
static int
select_both_ends(void *arg)
{
    struct coir_queue *queue = new_queue(1);
    long in = 0, out = 0;
    (void)arg;
    for (int i = 0; i < 1000; i++) {
        int give = i, take = -1;
        struct coir_case cases[2] = {coir_case_put(queue, &give), coir_case_get(queue, &take)};
        int which = coir_select(cases, 2, COIR_NEVER);
        MUST_BE(which, i % 2);
        in += which == 0 ? give : 0;
        out += which == 1 ? take : 0;
    }
    MUST_BE(in, out);
    coir_queue_free(queue);
    return 0;
}

START_TEST(both_ends_of_one_queue)
{
    core_play((enum core_cast)_i, select_both_ends, NULL);
}
END_TEST

/* Canceled at any moment: what it has not got is still there. */
static int
get_of_two_for_ever(void *arg)
{
    struct fair *fair = arg;
    for (;;) {
        int number = 0;
        struct coir_case cases[2] = {coir_case_get(fair->queues[0], &number), coir_case_get(fair->queues[1], &number)};
        int which = coir_select(cases, 2, COIR_NEVER);
        if (which < 0)
            return which;
        __atomic_add_fetch(&fair->got, number, __ATOMIC_SEQ_CST);
    }
}

static int
cancel_selects(void *arg)
{
    struct fair fair = {.queues = {new_queue(2), new_queue(2)}};
    int number;
    (void)arg;
    for (long i = 0; i < core_rounds(1000); i++) {
        struct core_actor actors[2];
        core_start_all(actors, 2, get_of_two_for_ever, &fair);
        for (int k = 0; k < 4; k++)
            if (coir_queue_put(fair.queues[k % 2], &(int){k + 1}, COIR_NOW) == 0)
                fair.put += k + 1;
        core_cancel(&actors[0]);
        core_cancel(&actors[1]);
        MUST_BE(core_end(&actors[0]), -ECANCELED);
        MUST_BE(core_end(&actors[1]), -ECANCELED);
    }
    for (int k = 0; k < 2; k++) {
        while (coir_queue_get(fair.queues[k], &number, COIR_NOW) == 0)
            fair.got += number;
        coir_queue_free(fair.queues[k]);
    }
    MUST_BE(fair.got, fair.put);
    return 0;
}

START_TEST(a_cancel_loses_no_item)
{
    core_play((enum core_cast)_i, cancel_selects, NULL);
}
END_TEST

/* ---- Ends of tasks ---- */

static int
end_soon(void *arg)
{
    for (uint64_t i = coir_random(3); i; i--)
        (void)coir_yield();
    return *(int *)arg;
}

static int
take_as_they_end(void *arg)
{
    enum { MOST = 12 };
    (void)arg;
    for (long round = 0; round < core_rounds(1000); round++) {
        int count = round % 2 ? 3 : MOST, results[MOST];
        struct coir_task *tasks[MOST];
        struct coir_case cases[MOST];
        for (int i = 0; i < count; i++) {
            results[i] = i;
            MUST_BE(coir_go_spread(end_soon, &results[i], NULL, &tasks[i]), 0);
            cases[i] = coir_case_task(tasks[i]);
        }
        for (int i = 0; i < count; i++) {
            int result = -1;
            int which = coir_select(cases, (size_t)count, round % 3 ? COIR_NEVER : coir_after(20 * COIR_US));
            if (which == -ETIMEDOUT) {
                i--;
                continue;
            }
            MUST(which >= 0 && cases[which].object);
            cases[which].object = NULL;
            MUST_BE(coir_join(tasks[which], &result, COIR_NOW), 0); /* at once: the handle is gone */
            MUST_BE(result, which);
        }
    }
    return 0;
}

START_TEST(tasks_are_joined_as_they_end)
{
    static const enum core_cast casts[] = {CORE_ONE, CORE_FOUR, CORE_DEFAULT, CORE_MIXED};
    core_play(casts[_i], take_as_they_end, NULL);
}
END_TEST

/* ---- Faults and misuse ---- */

static int
lack_memory(void *arg)
{
    struct coir_event event = COIR_EVENT_INIT;
    struct coir_case cases[9];
    (void)arg;
    (void)coir_self();
    for (int i = 0; i < 9; i++)
        cases[i] = coir_case_event(&event);
    cr_fault_arm(1u << CR_FAULT_MEMORY, 1, true);
    MUST_BE(coir_select(cases, 9, COIR_NEVER), -ENOMEM);
    MUST_BE(coir_select(cases, 8, coir_after(COIR_MS)), -ETIMEDOUT); /* the same object in each */
    coir_event_set(&event);
    MUST(coir_select(cases, 8, COIR_NEVER) >= 0);
    (void)cr_fault_disarm();
    MUST(coir_select(cases, 9, COIR_NEVER) >= 0);
    return 0;
}

START_TEST(without_memory)
{
    core_play((enum core_cast)_i, lack_memory, NULL);
}
END_TEST

static int
no_such_kind(void *arg)
{
    struct coir_case one = {(enum coir_case_kind)9, 0, arg, NULL};
    return coir_select(&one, 1, COIR_NOW);
}

START_TEST(misuse_stops_the_process)
{
    core_must_die(no_such_kind, &(int){0}, SIGABRT, "of no kind there is");
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_loop_test(cases, what_is_possible_is_done_at_once, 0, CORE_CASTS);
    tcase_add_loop_test(cases, chance_decides_between_possible_ones, 0, CORE_CASTS);
    tcase_add_loop_test(cases, each_kind_wakes, 0, CORE_CASTS);
    tcase_add_loop_test(cases, those_who_select_are_served_in_order, 0, CORE_CASTS);
    tcase_add_loop_test(cases, no_item_is_lost_or_doubled, 0, CORE_CASTS);
    tcase_add_loop_test(cases, two_select_on_each_other, 0, CORE_CASTS);
    tcase_add_loop_test(cases, both_ends_of_one_queue, 0, CORE_CASTS);
    tcase_add_loop_test(cases, a_cancel_loses_no_item, 0, CORE_CASTS);
    tcase_add_loop_test(cases, tasks_are_joined_as_they_end, 0, 4);
    tcase_add_loop_test(cases, without_memory, 0, CORE_CASTS);
    tcase_add_test(cases, misuse_stops_the_process);
}

int
main(void)
{
    return core_main("select", add);
}
