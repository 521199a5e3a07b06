/* simulation_test.c: the chat in a virtual world: hubs and citizens (town.h), 300 seeds in calm and in unrest together,
 * 10,000 with COIR_TEST_LONG=1. A failure prints the command that repeats it. */
#include "tests/chat/town.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "../core/core.h"
#include "sim/net.h"

enum { CALM = 50, HOSTILE = 250, LONG = 10000, REPEATED = 10 };

static void
run_seeds(const struct cr_sim_scenario *scenario, uint64_t count)
{
    const char *wanted = getenv("COIR_SIM_COUNT"); /* checks/repeats wants fewer */
    struct cr_sim_tally tally = cr_sim_seeds(scenario, 1,
                                             wanted           ? strtoull(wanted, NULL, 10)
                                             : core_is_long() ? LONG
                                                              : count,
                                             true);
    printf(
        "%s: %llu seeds, %.1f million choices, %.0f thousand a second; %.0f s of virtual time in %.1f s of CPU; hash "
        "%016llx\n",
        scenario->name, (unsigned long long)tally.runs, (double)tally.choices / 1e6,
        (double)tally.choices / 1e3 / ((double)tally.cpu_time / 1e9), (double)tally.virtual_time / 1e9,
        (double)tally.cpu_time / 1e9, (unsigned long long)tally.hash);
    ck_assert_msg(!tally.failures, "seed %llu: %s", (unsigned long long)tally.first_failure, tally.text);
}

START_TEST(calm_seeds)
{
    run_seeds(&cr_town_calm, CALM);
}
END_TEST

START_TEST(hostile_seeds)
{
    run_seeds(&cr_town_hostile, HOSTILE);
}
END_TEST

START_TEST(a_seed_repeats)
{
    MUST(cr_sim_repeats(&cr_town_hostile, (uint64_t)_i));
}
END_TEST

static void
add(TCase *cases)
{
    tcase_set_timeout(cases, 1500);
    tcase_add_test(cases, calm_seeds);
    tcase_add_test(cases, hostile_seeds);
    tcase_add_loop_test(cases, a_seed_repeats, 1, 1 + REPEATED);
}

int
main(void)
{
    cr_net_install();
    return core_main("chat_simulation", add);
}
