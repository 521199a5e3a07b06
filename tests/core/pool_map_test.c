/* pool_map_test.c: coir_pool_map: items in place, failures, giving up, many at once. */
#include "crew.h"

static int
map_some(void *arg)
{
    static const size_t counts[] = {0, 1, 2, 7, 64, 1000, 4096}, chunks[] = {0, 1, 3, 5000}, capacities[] = {0, 1, 5};
    static struct crew_sum sums[4096];
    for (size_t k = 0; k < sizeof chunks / sizeof chunks[0]; k++)
        for (size_t c = 0; c < 3; c++) {
            struct coir_pool_options options = {.chunk = chunks[k], .capacity = capacities[c]};
            struct coir_pool *pool = crew_open(arg, c ? 2 : 0, &options);
            for (size_t n = 0; n < sizeof counts / sizeof counts[0]; n++) {
                for (int i = 0; i < (int)counts[n]; i++)
                    sums[i] = (struct crew_sum){i % 500, i % 300, -1};
                MUST_BE(coir_pool_map(pool, crew_add_up, sums, sizeof sums[0], counts[n], core_soon()), 0);
                for (int i = 0; i < (int)counts[n]; i++)
                    MUST(sums[i].a == i % 500 && sums[i].answer == i % 500 + i % 300);
            }
            coir_pool_close(pool);
        }
    return 0;
}

START_TEST(a_map_changes_each_item_in_place)
{
    crew_play(_i, map_some);
}
END_TEST

struct number {
    int number, *calls; /* atomic */
};

static int
fail_at_some(void *arg)
{
    struct number *own = arg;
    __atomic_add_fetch(own->calls, 1, __ATOMIC_SEQ_CST);
    return own->number < 0 ? own->number : 0;
}

/* The first failure in the order of the items, whichever comes first in time; the rest is canceled. */
static int
fail_in_a_map(void *arg)
{
    enum { MANY = 2000 };
    struct coir_pool *pool = crew_open(arg, 2, &(struct coir_pool_options){.chunk = 2});
    static struct number numbers[MANY];
    int calls = 0;
    for (int i = 0; i < MANY; i++)
        numbers[i] = (struct number){i > 100 ? -EIO : i == 100 ? -ERANGE : i, &calls};
    MUST_BE(coir_pool_map(pool, fail_at_some, numbers, sizeof numbers[0], MANY, core_soon()), -ERANGE);
    MUST_BE(coir_pool_shutdown(pool, core_soon()), 0);
    MUST(calls >= 101 && calls < 200); /* not one by one to the end */
    coir_pool_close(pool);
    return 0;
}

START_TEST(the_first_failure_ends_a_map)
{
    crew_play(_i, fail_in_a_map);
}
END_TEST

struct slow {
    struct crew_door *door;
    int done;
};

static int
wait_if_last(void *arg)
{
    struct slow *slow = arg;
    if (slow->door)
        (void)crew_wait_at_door(slow->door);
    slow->done = 1;
    return 0;
}

static int
map_too_late(void *arg)
{
    struct coir_pool *pool = crew_open(arg, 1, &(struct coir_pool_options){.chunk = 1});
    struct slow items[20] = {{NULL, 0}};
    struct crew_door door;
    crew_door_init(&door);
    items[10].door = &door;
    MUST_BE(coir_pool_map(pool, wait_if_last, items, sizeof items[0], 20, coir_after(20 * COIR_MS)), -ETIMEDOUT);
    coir_event_set(&door.open);
    MUST_BE(coir_pool_shutdown(pool, core_soon()), 0);
    for (int i = 10; i < 20; i++)
        MUST(!items[i].done); /* as it was: the job had a copy */
    coir_pool_close(pool);
    return 0;
}

START_TEST(a_map_that_gives_up_leaves_no_half_items)
{
    crew_play(_i, map_too_late);
}
END_TEST

static int
map_one(void *arg)
{
    struct crew_sum sums[40];
    for (int i = 0; i < 40; i++)
        sums[i] = (struct crew_sum){i, i, -1};
    MUST_BE(coir_pool_map(arg, crew_add_up, sums, sizeof sums[0], 40, core_soon()), 0);
    for (int i = 0; i < 40; i++)
        MUST_BE(sums[i].answer, 2 * i);
    return 0;
}

static int
map_together(void *arg)
{
    struct coir_pool *pool = crew_open(arg, 2, &(struct coir_pool_options){.capacity = 3});
    for (long round = 0; round < core_rounds(200); round++) {
        struct core_actor actors[4];
        core_start_all(actors, 4, map_one, pool);
        for (int i = 0; i < 4; i++)
            MUST_BE(core_end(&actors[i]), 0);
    }
    coir_pool_close(pool);
    return 0;
}

START_TEST(many_may_map_at_once)
{
    crew_play(_i, map_together);
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_loop_test(cases, a_map_changes_each_item_in_place, 0, CREW_PLAYS);
    tcase_add_loop_test(cases, the_first_failure_ends_a_map, 0, CREW_PLAYS);
    tcase_add_loop_test(cases, a_map_that_gives_up_leaves_no_half_items, 0, CREW_PLAYS);
    tcase_add_loop_test(cases, many_may_map_at_once, 0, CREW_PLAYS);
}

int
main(void)
{
    return core_main("pool_map", add);
}
