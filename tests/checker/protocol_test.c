/* protocol_test.c: every structure of coir under the interleaving checker, between plain threads: all schedules of its
 * bodies within bounds, and 10,000 random ones for each. */
#include <check.h>

#include "../core/core.h"
#include "protocol.h"

static const struct body *all[BODIES_MOST];

START_TEST(protocol)
{
    protocol_check(all[_i], true);
}
END_TEST

static void
add(TCase *cases)
{
    uint32_t count = bodies_all(all, BODIES_OF_THREADS);
    tcase_set_timeout(cases, 600);
    tcase_add_loop_test(cases, protocol, 0, (int)count);
}

int
main(void)
{
    return core_main("protocol", add);
}
