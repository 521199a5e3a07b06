/* tests/chat/faults/search.c: how many seeds it takes to find the fault this program was built with: each patch beside
 * this file makes the chat wrong in one way, and is built into a program of its own (target chat_faults). Exit code 0:
 * found within 10,000 seeds. */
#include <stdio.h>

#include "sim/net.h"
#include "tests/chat/town.h"

enum { SEEDS = 10000 };

int
main(void)
{
    struct cr_sim_tally tally;
    cr_net_install();
    tally = cr_sim_seeds(&cr_town_hostile, 1, SEEDS, true);
    if (tally.failures)
        printf("found by seed %llu: %s\n", (unsigned long long)tally.first_failure, tally.text);
    else
        printf("NOT FOUND by %llu seeds\n", (unsigned long long)tally.runs);
    return tally.failures ? 0 : 1;
}
