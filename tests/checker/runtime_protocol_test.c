/* runtime_protocol_test.c: whole runtimes under the interleaving checker: 10,000 random schedules of each body. They have
 * too many to go through all of them each time: those within the bounds are with COIR_TEST_LONG=1. */
#include <check.h>

#include "../core/core.h"
#include "protocol.h"

static const struct body *all[BODIES_MOST];

START_TEST(runtime_protocol)
{
    protocol_check(all[_i], core_is_long());
}
END_TEST

static void
add(TCase *cases)
{
    uint32_t count = bodies_all(all, BODIES_OF_RUNTIMES);
    tcase_set_timeout(cases, 600);
    tcase_add_loop_test(cases, runtime_protocol, 0, (int)count);
}

int
main(void)
{
    return core_main("runtime_protocol", add);
}
