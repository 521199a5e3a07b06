/* queue_test.c: what coir/queue.h promises, for fibers of one worker, of four, for threads, and mixed: order, each item
 * once, deadlines and cancels, shutdown, join and done, freeing at once. */
#include "core.h"

#include <coir/queue.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* ---- One task ---- */

static const size_t item_sizes[] = {0, 1, 3, 8, 24, 4000};

static int
fill_and_empty(void *arg)
{
    signed char in[4000], out[4000]; /* plain char has no sign on aarch64 */
    (void)arg;
    for (size_t k = 0; k < sizeof item_sizes / sizeof item_sizes[0]; k++)
        for (size_t capacity = 1; capacity < 6; capacity++) {
            struct coir_queue *queue = coir_queue_new(item_sizes[k], capacity, NULL);
            signed char next_in = 0, next_out = 0;
            MUST(queue);
            for (size_t round = 0; round < 9; round++) {
                MUST(coir_queue_is_empty(queue) && coir_queue_size(queue) == 0);
                MUST_BE(coir_queue_get(queue, out, COIR_NOW), -EAGAIN);
                MUST_BE(coir_queue_get(queue, out, core_past()), -ETIMEDOUT);
                for (size_t i = 0; i < capacity; i++) {
                    MUST(!coir_queue_is_full(queue));
                    memset(in, next_in++, sizeof in);
                    MUST_BE(coir_queue_put(queue, in, i % 2 ? COIR_NOW : core_past()), 0);
                    MUST_BE(coir_queue_size(queue), i + 1);
                }
                MUST(coir_queue_is_full(queue));
                MUST_BE(coir_queue_put(queue, in, COIR_NOW), -EAGAIN);
                MUST_BE(coir_queue_put(queue, in, core_past()), -ETIMEDOUT);
                for (size_t i = 0; i < capacity; i++) {
                    memset(out, -1, sizeof out);
                    MUST_BE(coir_queue_get(queue, out, COIR_NEVER), 0);
                    if (item_sizes[k])
                        MUST(out[0] == next_out && out[item_sizes[k] - 1] == next_out);
                    MUST(item_sizes[k] == sizeof out || out[item_sizes[k]] == -1);
                    next_out++;
                }
            }
            coir_queue_free(queue);
        }
    coir_queue_free(NULL);
    return 0;
}

START_TEST(first_in_first_out)
{
    core_play((enum core_cast)_i, fill_and_empty, NULL);
}
END_TEST

static int
compare_numbers(const void *one, const void *other)
{
    int a = *(const int *)one, b = *(const int *)other;
    return (a > b) - (a < b);
}

START_TEST(more_than_there_is_memory_for)
{
    struct coir_queue_options ranked = {.order = COIR_PRIORITY, .compare = compare_numbers};
    ck_assert_ptr_null(coir_queue_new(0, SIZE_MAX, &ranked));
    ck_assert_ptr_null(coir_queue_new(0, SIZE_MAX / 16, &ranked));
    ck_assert_ptr_null(coir_queue_new(SIZE_MAX - 8, 1, &ranked));
    ck_assert_ptr_null(coir_queue_new(SIZE_MAX / 2, 3, NULL));
    ck_assert_ptr_null(coir_queue_new(16, SIZE_MAX / 8, NULL));
    ck_assert_ptr_null(coir_queue_new(SIZE_MAX, 1, NULL));
    ck_assert_ptr_null(coir_queue_new(1, SIZE_MAX, NULL));
}
END_TEST

/* ---- The other orders ---- */

static int
stack_up(void *arg)
{
    struct coir_queue_options last_first = {.order = COIR_LIFO};
    (void)arg;
    for (size_t k = 0; k < sizeof item_sizes / sizeof item_sizes[0]; k++) {
        struct coir_queue *queue = coir_queue_new(item_sizes[k], 4, &last_first);
        signed char in[4000], out[4000];
        MUST(queue);
        for (signed char round = 0; round < 3; round++) {
            for (signed char i = 0; i < 4; i++) {
                memset(in, i, sizeof in);
                MUST_BE(coir_queue_put(queue, in, COIR_NOW), 0);
            }
            MUST_BE(coir_queue_put(queue, in, COIR_NOW), -EAGAIN);
            for (signed char i = 3; i >= 0; i--) {
                MUST_BE(coir_queue_get(queue, out, COIR_NOW), 0);
                MUST(!item_sizes[k] || (out[0] == i && out[item_sizes[k] - 1] == i));
                if (i == 2) { /* one more on top */
                    memset(in, 9, sizeof in);
                    MUST_BE(coir_queue_put(queue, in, COIR_NOW), 0);
                    MUST_BE(coir_queue_get(queue, out, COIR_NOW), 0);
                    MUST(!item_sizes[k] || out[0] == 9);
                }
            }
            MUST_BE(coir_queue_get(queue, out, COIR_NOW), -EAGAIN);
        }
        coir_queue_free(queue);
    }
    return 0;
}

START_TEST(last_in_first_out)
{
    core_play((enum core_cast)_i, stack_up, NULL);
}
END_TEST

struct ranked {
    int rank;
    long number;       /* of its coming */
    char more[3 * 16]; /* a size that is no power of two: it travels whole */
};

static struct ranked
make_ranked(int rank, long number)
{
    struct ranked item = {rank, number, ""};
    memset(item.more, (int)number & 127, sizeof item.more);
    return item;
}

static int
compare_ranked(const void *one, const void *other)
{
    return compare_numbers(&((const struct ranked *)one)->rank, &((const struct ranked *)other)->rank);
}

/* Beside a plain list of what is inside: always the smallest, negatives too, and among equals the oldest. */
static int
rank_at_random(void *arg)
{
    enum { CAPACITY = 37 };
    struct coir_queue *queue =
        coir_queue_new(sizeof(struct ranked), CAPACITY,
                       &(struct coir_queue_options){.order = COIR_PRIORITY, .compare = compare_ranked});
    struct ranked inside[CAPACITY], item;
    size_t count = 0;
    (void)arg;
    MUST(queue);
    for (long i = 0; i < core_rounds(30000); i++) {
        bool put = coir_random(100) < (i / 1000 % 2 ? 35 : 65); /* it fills, it empties */
        size_t best = 0;
        MUST_BE(coir_queue_size(queue), count);
        if (put) {
            item = make_ranked((int)coir_random(11) - 5, i);
            MUST_BE(coir_queue_put(queue, &item, COIR_NOW), count == CAPACITY ? -EAGAIN : 0);
            if (count < CAPACITY)
                inside[count++] = item;
            continue;
        }
        MUST_BE(coir_queue_get(queue, &item, COIR_NOW), count ? 0 : -EAGAIN);
        if (!count)
            continue;
        for (size_t k = 1; k < count; k++) /* the list is in order of coming */
            if (inside[k].rank < inside[best].rank)
                best = k;
        MUST(memcmp(&item, &inside[best], sizeof item) == 0);
        memmove(&inside[best], &inside[best + 1], (--count - best) * sizeof item);
    }
    coir_queue_free(queue);
    return 0;
}

START_TEST(smaller_first_and_equals_as_they_came)
{
    core_play((enum core_cast)_i, rank_at_random, NULL);
}
END_TEST

struct putter {
    struct coir_queue *queue;
    int number;
};

static int
put_one(void *arg)
{
    struct putter *own = arg;
    return coir_queue_put(own->queue, &own->number, core_soon());
}

/* Those that wait to put get in in the order they came; what is inside comes out by the queue's order. */
static int
wait_beside_orders(void *arg)
{
    static const int wanted[][6] = {
        [COIR_FIFO] = {5, 3, 9, 1, 7, 2}, [COIR_LIFO] = {3, 9, 1, 7, 2, 5}, [COIR_PRIORITY] = {3, 5, 1, 7, 2, 9}};
    static const int numbers[6] = {5, 3, 9, 1, 7, 2};
    (void)arg;
    for (enum coir_queue_order order = COIR_FIFO; order <= COIR_PRIORITY; order++) {
        struct coir_queue *queue =
            coir_queue_new(sizeof(int), 2, &(struct coir_queue_options){.order = order, .compare = compare_numbers});
        struct core_actor actors[4];
        struct putter putters[4];
        int number;
        for (int i = 0; i < 2; i++)
            MUST_BE(coir_queue_put(queue, &numbers[i], COIR_NOW), 0);
        for (int i = 0; i < 4; i++) {
            putters[i] = (struct putter){queue, numbers[i + 2]};
            core_start(&actors[i], put_one, &putters[i]);
            core_await_waiting(&actors[i]);
        }
        for (int i = 0; i < 6; i++) {
            MUST_BE(coir_queue_get(queue, &number, COIR_NOW), 0);
            MUST_BE(number, wanted[order][i]);
            coir_queue_done(queue);
        }
        for (int i = 0; i < 4; i++)
            MUST_BE(core_end(&actors[i]), 0);
        MUST_BE(coir_queue_join(queue, COIR_NOW), 0);
        coir_queue_shutdown(queue);
        MUST_BE(coir_queue_get(queue, &number, COIR_NOW), -EPIPE);
        coir_queue_free(queue);
    }
    return 0;
}

START_TEST(those_who_wait_to_put_get_in_as_they_came)
{
    core_play((enum core_cast)_i, wait_beside_orders, NULL);
}
END_TEST

/* ---- Many tasks: each item once, and each producer's items in order ---- */

enum { SIDES = 4 };

struct item {
    int producer;
    long number;
};

struct market {
    struct coir_queue *queue;
    long rounds;
    bool in_bits, in_order;
};

struct seller {
    struct market *market;
    int number;
};

static coir_time
some_deadline(const struct market *market, long i)
{
    if (!market->in_bits)
        return core_soon();
    return i % 3 ? coir_after((coir_time)coir_random(40) * COIR_US) : COIR_NOW;
}

static int
sell(void *arg)
{
    struct seller *own = arg;
    struct item item = {own->number, 0};
    for (long i = 0; item.number < own->market->rounds; i++) {
        int result = coir_queue_put(own->market->queue, &item, some_deadline(own->market, i));
        if (!result)
            item.number++;
        else
            MUST((result == -EAGAIN || result == -ETIMEDOUT) && own->market->in_bits && !coir_yield());
    }
    return 0;
}

struct buyer {
    struct market *market;
    long last[SIDES], count, sum;
};

static int
buy(void *arg)
{
    struct buyer *own = arg;
    memset(own->last, -1, sizeof own->last);
    for (long i = 0;; i++) {
        struct item item;
        int result = coir_queue_get(own->market->queue, &item, some_deadline(own->market, i));
        if (result == -EPIPE)
            return 0;
        if (result) {
            MUST((result == -EAGAIN || result == -ETIMEDOUT) && own->market->in_bits && !coir_yield());
            continue;
        }
        MUST(!own->market->in_order || item.number > own->last[item.producer]);
        own->last[item.producer] = item.number;
        own->sum += item.number;
        own->count++;
        coir_queue_done(own->market->queue);
    }
}

struct market_play {
    size_t capacity;
    bool in_bits;
    enum coir_queue_order order;
};

static int
compare_items(const void *one, const void *other)
{
    long a = ((const struct item *)one)->number, b = ((const struct item *)other)->number;
    return (a > b) - (a < b);
}

static int
trade(void *arg)
{
    const struct market_play *play = arg;
    struct coir_queue_options options = {.order = play->order, .compare = compare_items};
    struct market market = {coir_queue_new(sizeof(struct item), play->capacity, &options), core_rounds(6000),
                            play->in_bits, play->order != COIR_LIFO};
    struct core_actor sellers[SIDES], buyers[SIDES];
    struct seller seller_args[SIDES];
    struct buyer buyer_args[SIDES];
    long count = 0, sum = 0;
    for (int i = 0; i < SIDES; i++) {
        seller_args[i] = (struct seller){&market, i};
        buyer_args[i] = (struct buyer){.market = &market};
        core_start(&sellers[i], sell, &seller_args[i]);
        core_start(&buyers[i], buy, &buyer_args[i]);
    }
    for (int i = 0; i < SIDES; i++)
        MUST_BE(core_end(&sellers[i]), 0);
    MUST_BE(coir_queue_join(market.queue, core_soon()), 0);
    coir_queue_shutdown(market.queue);
    for (int i = 0; i < SIDES; i++) {
        MUST_BE(core_end(&buyers[i]), 0);
        count += buyer_args[i].count;
        sum += buyer_args[i].sum;
    }
    MUST_BE(count, SIDES * market.rounds);
    MUST_BE(sum, SIDES * (market.rounds * (market.rounds - 1) / 2));
    coir_queue_free(market.queue);
    return 0;
}

static const struct market_play market_plays[] = {
    {1, false, COIR_FIFO}, {1, true, COIR_FIFO},     {7, false, COIR_FIFO},
    {7, true, COIR_FIFO},  {1000, false, COIR_FIFO}, {7, true, COIR_LIFO},
    {1, true, COIR_LIFO},  {7, true, COIR_PRIORITY}, {1, true, COIR_PRIORITY}};

START_TEST(each_item_once_and_in_order)
{
    for (size_t i = 0; i < sizeof market_plays / sizeof market_plays[0]; i++)
        core_play((enum core_cast)_i, trade, (void *)(uintptr_t)&market_plays[i]);
}
END_TEST

/* ---- Cancels at any moment: what was put is got, and nothing else ---- */

struct account {
    struct coir_queue *queue;
    long put, got; /* atomic: sums of numbers */
    long next;     /* atomic */
};

static int
put_until_canceled(void *arg)
{
    struct account *account = arg;
    for (;;) {
        long number = __atomic_add_fetch(&account->next, 1, __ATOMIC_SEQ_CST);
        int result = coir_queue_put(account->queue, &number, COIR_NEVER);
        if (result)
            return result;
        __atomic_add_fetch(&account->put, number, __ATOMIC_SEQ_CST);
    }
}

static int
get_until_canceled(void *arg)
{
    struct account *account = arg;
    for (;;) {
        long number = 0;
        int result = coir_queue_get(account->queue, &number, COIR_NEVER);
        if (result)
            return result;
        __atomic_add_fetch(&account->got, number, __ATOMIC_SEQ_CST);
    }
}

static int
cancel_traders(void *arg)
{
    long rounds = core_rounds(600);
    struct account account = {.queue = coir_queue_new(sizeof(long), 2, NULL)};
    long number;
    (void)arg;
    for (long i = 0; i < rounds; i++) {
        struct core_actor actors[4];
        for (int k = 0; k < 4; k++)
            core_start(&actors[k], k % 2 ? get_until_canceled : put_until_canceled, &account);
        for (int k = 0; k < 4; k++)
            core_cancel(&actors[(k + i) % 4]);
        for (int k = 0; k < 4; k++)
            MUST_BE(core_end(&actors[k]), -ECANCELED);
    }
    while (coir_queue_get(account.queue, &number, COIR_NOW) == 0)
        account.got += number;
    MUST_BE(account.put, account.got);
    coir_queue_free(account.queue);
    return 0;
}

START_TEST(a_cancel_loses_no_item)
{
    core_play((enum core_cast)_i, cancel_traders, NULL);
}
END_TEST

/* ---- The waiting line ---- */

struct customer {
    struct coir_queue *queue;
    int number;
};

static int
get_own_number(void *arg)
{
    struct customer *own = arg;
    int number;
    int result = coir_queue_get(own->queue, &number, core_soon());
    return result ? result : number == own->number ? 0 : -EILSEQ;
}

static int
put_own_number(void *arg)
{
    struct customer *own = arg;
    return coir_queue_put(own->queue, &own->number, core_soon());
}

static int
stand_in_line(void *arg)
{
    enum { MANY = 10 };
    struct coir_queue *queue = coir_queue_new(sizeof(int), 1, NULL);
    struct core_actor actors[MANY];
    struct customer customers[MANY];
    int number = -1;
    (void)arg;
    for (int i = 0; i < MANY; i++) {
        customers[i] = (struct customer){queue, i};
        core_start(&actors[i], get_own_number, &customers[i]);
        core_await_waiting(&actors[i]);
    }
    for (int i = 0; i < MANY; i++)
        MUST_BE(coir_queue_put(queue, &i, COIR_NOW), 0); /* into the hands of who waits: never full */
    for (int i = 0; i < MANY; i++)
        MUST_BE(core_end(&actors[i]), 0);
    MUST_BE(coir_queue_put(queue, &number, COIR_NOW), 0);
    for (int i = 0; i < MANY; i++) {
        core_start(&actors[i], put_own_number, &customers[i]);
        core_await_waiting(&actors[i]);
    }
    for (int i = -1; i < MANY; i++) {
        MUST_BE(coir_queue_get(queue, &number, COIR_NOW), 0);
        MUST_BE(number, i);
    }
    for (int i = 0; i < MANY; i++)
        MUST_BE(core_end(&actors[i]), 0);
    coir_queue_free(queue);
    return 0;
}

START_TEST(those_who_wait_are_served_in_order)
{
    core_play((enum core_cast)_i, stand_in_line, NULL);
}
END_TEST

/* ---- Shutdown, join, done ---- */

static int
get_any(void *queue)
{
    int number;
    return coir_queue_get(queue, &number, core_soon());
}

static int
put_any(void *queue)
{
    int number = 5;
    return coir_queue_put(queue, &number, core_soon());
}

static int
join_any(void *queue)
{
    return coir_queue_join(queue, core_soon());
}

static int
shut_down(void *arg)
{
    struct coir_queue *empty = coir_queue_new(sizeof(int), 2, NULL), *full = coir_queue_new(sizeof(int), 2, NULL);
    struct core_actor getters[3], putters[3];
    int number;
    (void)arg;
    for (int i = 0; i < 2; i++)
        MUST_BE(coir_queue_put(full, &i, COIR_NOW), 0);
    core_start_all(getters, 3, get_any, empty);
    core_start_all(putters, 3, put_any, full);
    for (int i = 0; i < 3; i++) {
        core_await_waiting(&getters[i]);
        core_await_waiting(&putters[i]);
    }
    coir_queue_shutdown(empty);
    coir_queue_shutdown(full);
    for (int i = 0; i < 3; i++) {
        MUST_BE(core_end(&getters[i]), -EPIPE);
        MUST_BE(core_end(&putters[i]), -EPIPE);
    }
    for (int again = 0; again < 2; again++) {
        MUST_BE(coir_queue_put(empty, &again, COIR_NOW), -EPIPE);
        MUST_BE(coir_queue_put(full, &again, COIR_NEVER), -EPIPE);
        MUST_BE(coir_queue_get(empty, &number, COIR_NOW), -EPIPE);
        coir_queue_shutdown(empty);
    }
    for (int i = 0; i < 2; i++) {
        MUST_BE(coir_queue_get(full, &number, COIR_NEVER), 0);
        MUST_BE(number, i);
    }
    MUST_BE(coir_queue_get(full, &number, COIR_NEVER), -EPIPE);
    coir_queue_free(empty);
    coir_queue_free(full);
    return 0;
}

START_TEST(shutdown_lets_out_what_is_inside)
{
    core_play((enum core_cast)_i, shut_down, NULL);
}
END_TEST

static int
join_and_done(void *arg)
{
    struct coir_queue *queue = coir_queue_new(sizeof(int), 2, NULL);
    struct core_actor putter, joiners[2];
    int number;
    (void)arg;
    MUST_BE(coir_queue_join(queue, COIR_NOW), 0);
    for (int i = 0; i < 2; i++)
        MUST_BE(coir_queue_put(queue, &i, COIR_NOW), 0);
    core_start(&putter, put_any, queue);
    core_await_waiting(&putter);
    core_start_all(joiners, 2, join_any, queue);
    for (int i = 0; i < 2; i++)
        core_await_waiting(&joiners[i]);
    MUST_BE(coir_queue_join(queue, COIR_NOW), -EAGAIN);
    MUST_BE(coir_queue_join(queue, coir_after(COIR_MS)), -ETIMEDOUT);
    for (int i = 0; i < 3; i++) {
        MUST_BE(coir_queue_get(queue, &number, COIR_NOW), 0);
        MUST_BE(coir_queue_join(queue, COIR_NOW), -EAGAIN); /* got is not done */
        coir_queue_done(queue);
    }
    MUST_BE(core_end(&putter), 0);
    for (int i = 0; i < 2; i++)
        MUST_BE(core_end(&joiners[i]), 0);
    MUST_BE(coir_queue_join(queue, COIR_NOW), 0);
    coir_queue_free(queue);
    return 0;
}

START_TEST(join_waits_until_all_are_done)
{
    core_play((enum core_cast)_i, join_and_done, NULL);
}
END_TEST

/* ---- Freed at once by who got the last item ---- */

static int
put_into_each(void *arg)
{
    struct coir_queue *queue, *queues = *(struct coir_queue **)arg;
    while (coir_queue_get(queues, &queue, COIR_NEVER) == 0) {
        int number = 7;
        MUST_BE(coir_queue_put(queue, &number, core_soon()), 0);
    }
    return 0;
}

static int
free_at_once(void *arg)
{
    struct coir_queue *queues = coir_queue_new(sizeof(struct coir_queue *), 4, NULL);
    long rounds = core_freed(40000, CORE_CASTS);
    struct core_actor putter;
    (void)arg;
    core_start(&putter, put_into_each, &queues);
    for (long i = 0; i < rounds; i++) {
        struct coir_queue *queue = coir_queue_new(sizeof(int), 1, NULL);
        int number = 0;
        MUST_BE(coir_queue_put(queues, &queue, core_soon()), 0);
        if (i % 3 == 0)
            while (coir_queue_is_empty(queue))
                (void)coir_yield();
        MUST_BE(coir_queue_get(queue, &number, core_soon()), 0);
        MUST_BE(number, 7);
        coir_queue_free(queue);
    }
    coir_queue_shutdown(queues);
    MUST_BE(core_end(&putter), 0);
    coir_queue_free(queues);
    return 0;
}

START_TEST(who_got_the_last_item_frees_it)
{
    core_play((enum core_cast)_i, free_at_once, NULL);
}
END_TEST

/* ---- Misuse ---- */

static int
done_too_often(void *arg)
{
    struct coir_queue *queue = coir_queue_new(1, 1, &(struct coir_queue_options){.name = "jobs"});
    (void)arg;
    coir_queue_done(queue);
    return 0;
}

static int
free_waited_for(void *arg)
{
    struct coir_queue *queue = coir_queue_new(sizeof(int), 1, &(struct coir_queue_options){.name = "jobs"});
    struct core_actor actor;
    (void)arg;
    core_start(&actor, get_any, queue);
    core_await_waiting(&actor);
    coir_queue_free(queue);
    return 0;
}

static int
play_free(void *arg)
{
    core_play(*(enum core_cast *)arg, free_waited_for, NULL);
    return 0;
}

static int
capacity_zero(void *arg)
{
    (void)arg;
    return coir_queue_new(1, 0, NULL) != NULL;
}

static int
no_compare(void *arg)
{
    (void)arg;
    coir_queue_free(coir_queue_new(1, 1, &(struct coir_queue_options){.order = COIR_PRIORITY}));
    return 0;
}

START_TEST(misuse_stops_the_process)
{
    enum core_cast one = CORE_ONE, threads = CORE_THREADS;
    core_must_die(done_too_often, NULL, SIGABRT, "'jobs'");
    core_must_die(play_free, &one, SIGABRT, "'jobs'");
    core_must_die(play_free, &threads, SIGABRT, "'jobs'");
    core_must_die(no_compare, NULL, SIGABRT, "compare");
    core_must_die(capacity_zero, NULL, SIGABRT, "capacity");
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_loop_test(cases, first_in_first_out, 0, CORE_CASTS);
    tcase_add_test(cases, more_than_there_is_memory_for);
    tcase_add_loop_test(cases, last_in_first_out, 0, CORE_CASTS);
    tcase_add_loop_test(cases, smaller_first_and_equals_as_they_came, 0, CORE_CASTS);
    tcase_add_loop_test(cases, those_who_wait_to_put_get_in_as_they_came, 0, CORE_CASTS);
    tcase_add_loop_test(cases, each_item_once_and_in_order, 0, CORE_CASTS);
    tcase_add_loop_test(cases, a_cancel_loses_no_item, 0, CORE_CASTS);
    tcase_add_loop_test(cases, those_who_wait_are_served_in_order, 0, CORE_CASTS);
    tcase_add_loop_test(cases, shutdown_lets_out_what_is_inside, 0, CORE_CASTS);
    tcase_add_loop_test(cases, join_waits_until_all_are_done, 0, CORE_CASTS);
    tcase_add_loop_test(cases, who_got_the_last_item_frees_it, 0, CORE_CASTS);
    tcase_add_test(cases, misuse_stops_the_process);
}

int
main(void)
{
    return core_main("queue", add);
}
