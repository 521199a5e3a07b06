/* base/choose.c: a small generator for each thread (xorshift64*, Vigna 2016), seeded from the world or by a number. */
#include "base/choose.h"
#include "base/world.h"

static uint32_t (*installed)(uint32_t n, const char *label);
static _Thread_local uint64_t state;

static CR_ATOMIC(uint32_t) seeded; /* from then on threads take their state from seed */
static CR_ATOMIC(uint32_t) threads;
static uint64_t seed;

/* A finaliser (SplitMix64, Steele 2014): threads with neighbouring numbers get states that are nothing alike. */
static uint64_t
state_from_seed(void)
{
    uint64_t mixed = seed + (cr_add_rlx(&threads, 1) + 1) * UINT64_C(0x9e3779b97f4a7c15);
    mixed = (mixed ^ mixed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
    return mixed ^ mixed >> 31;
}

static uint64_t
next(void)
{
    if (!state)
        state = (cr_load_acq(&seeded) ? state_from_seed() : cr_world.entropy()) | 1; /* pairs with cr_choose_seed */
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
cr_choose_seed(uint64_t number)
{
    seed = number;
    cr_store_rlx(&threads, 0);
    cr_store_rel(&seeded, 1);
    state = 0;
}

void
cr_choose_anew(void)
{
    state = 0;
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
