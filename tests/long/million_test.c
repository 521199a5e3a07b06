/* million_test.c: a million tasks that wait at once, and their memory afterwards. */
#include "tests/core/crowd.h"

START_TEST(a_million_come_and_go)
{
    crowd_come_and_go(_i, core_fibers(1000000));
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_loop_test(cases, a_million_come_and_go, 1, 3);
}

int
main(void)
{
    return core_main("million", add);
}
