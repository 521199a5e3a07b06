/* base/choose.c: a small generator for each thread (xorshift64*, Vigna 2016), seeded from the world. */
#include "base/choose.h"
#include "base/world.h"

static uint32_t (*installed)(uint32_t n, const char *label);
static _Thread_local uint64_t state;

static uint64_t
next(void)
{
    if (!state)
        state = cr_world.entropy() | 1;
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return state * UINT64_C(0x2545f4914f6cdd1d);
}

uint32_t
cr_choose(uint32_t n, const char *label)
{
    if (installed)
        return installed(n, label);
    return (uint32_t)((next() >> 32) * n >> 32);
}

void
cr_choose_install(uint32_t (*chooser)(uint32_t n, const char *label))
{
    installed = chooser;
}

uint64_t
coir_random(uint64_t below)
{
    uint64_t number;
    if (installed)
        number = (uint64_t)installed(UINT32_MAX, "random") << 32 | installed(UINT32_MAX, "random");
    else
        number = next();
    return below ? (uint64_t)((__extension__(unsigned __int128) number * below) >> 64) : number;
}
