/* base/fault.c: counts the calls that pass a fault point while a test has them armed, and says which one fails. */
#include "base/fault.h"

CR_ATOMIC(uint32_t) cr_fault_armed;

/* Written by cr_fault_arm before the flag is set (release), read after it is seen. */
static struct {
    uint64_t sites, n;
    bool on;
    CR_ATOMIC(uint64_t) count;
} plan;

#define NAME(name, text) text,
static const char *const names[CR_FAULT_COUNT] = {CR_FAULT_SITES(NAME)};

void
cr_fault_arm(uint64_t sites, uint64_t n, bool on)
{
    plan.sites = sites ? sites : ~UINT64_C(0);
    plan.n = n;
    plan.on = on;
    cr_store_rlx(&plan.count, 0);
    cr_store_rel(&cr_fault_armed, 1); /* pairs with the acquire in cr_fault_hit */
}

uint64_t
cr_fault_disarm(void)
{
    cr_store_rel(&cr_fault_armed, 0);
    return cr_load_acq(&plan.count);
}

bool
cr_fault_hit(enum cr_fault_site site)
{
    uint64_t count;
    if (!cr_load_acq(&cr_fault_armed) || !(plan.sites >> site & 1))
        return false;
    count = cr_add_ar(&plan.count, 1) + 1;
    return plan.n && (count == plan.n || (plan.on && count > plan.n));
}

const char *
cr_fault_name(enum cr_fault_site site)
{
    return names[site];
}
