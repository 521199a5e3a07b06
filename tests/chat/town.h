/* tests/chat/town.h: hubs and their visitors in a virtual world: the scenario of the chat's simulation.
 *
 * A seed makes a town: one to three hubs, each on a machine of its own, and some citizens, each on his. Until peace
 * comes they visit their hub, talk, listen, leave in every manner and come back, while the network does its worst. Then
 * all faults end, each citizen comes once more, all of a hub see each other, each says a last word and hears the last
 * word of every other. Then the hubs are told to stop, and everyone must be told so and sent home.
 *
 * What must hold: each visit of the last day works, within bounded time; what was heard can have been one truth
 * (witness.h); at the end nothing is left. */
#ifndef CR_TESTS_CHAT_TOWN_H
#define CR_TESTS_CHAT_TOWN_H

#include "sim/seed.h"

/* calm: without faults. The network must be installed (sim/net.h). */
extern const struct cr_sim_scenario cr_town_calm, cr_town_hostile;

#endif
