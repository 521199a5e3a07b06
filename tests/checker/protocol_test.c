/* protocol_test.c: every structure of coir under the interleaving checker, between plain threads: all schedules of its
 * bodies within bounds, and 10,000 random ones for each. COIR_TEST_HALF: 0 or 1, every other one of them. */
#include <check.h>
#include <stdlib.h>

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
    const char *half = getenv("COIR_TEST_HALF");
    uint32_t count = bodies_all(all, BODIES_OF_THREADS);
    if (half) {
        uint32_t kept = 0;
        for (uint32_t i = atoi(half) != 0; i < count; i += 2)
            all[kept++] = all[i];
        count = kept;
    }
    tcase_set_timeout(cases, 600);
    tcase_add_loop_test(cases, protocol, 0, (int)count);
}

int
main(void)
{
    return core_main("protocol", add);
}
