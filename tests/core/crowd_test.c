/* crowd_test.c: very many tasks that wait at once, and their memory afterwards. A million: tests/long/million_test.c. */
#include "crowd.h"

static const struct {
    int workers;
    long many;
} crowds[] = {{1, 20000}, {2, 20000}, {1, 100000}, {2, 100000}};

START_TEST(a_crowd_comes_and_goes)
{
    crowd_come_and_go(crowds[_i].workers, core_fibers(crowds[_i].many));
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_loop_test(cases, a_crowd_comes_and_goes, 0, sizeof crowds / sizeof crowds[0]);
}

int
main(void)
{
    return core_main("crowd", add);
}
