/* base/fault.c: counts the calls that pass a fault point while a test has them armed, and says which one fails. */
#include "base/fault.h"

CR_ATOMIC(uint32_t) cr_fault_armed;
CR_ATOMIC(cr_moment_function *) cr_moment_told;

/* Written by cr_fault_arm before the flag is set (release), read after it is seen; by a worker that was just asking when
 * the last plan ended, perhaps a little later. */
static struct {
    CR_ATOMIC(uint64_t) sites, n, count;
    CR_ATOMIC(bool) on;
} plan;

#define NAME(name, text) text,
static const char *const names[CR_FAULT_COUNT] = {CR_FAULT_SITES(NAME)};
static const char *const moments[CR_MOMENT_COUNT] = {CR_MOMENTS(NAME)};

void
cr_fault_arm(uint64_t sites, uint64_t n, bool on)
{
    cr_store_rlx(&plan.sites, sites ? sites : ~UINT64_C(0));
    cr_store_rlx(&plan.n, n);
    cr_store_rlx(&plan.on, on);
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
    uint64_t count, n;
    if (!cr_load_acq(&cr_fault_armed) || !(cr_load_rlx(&plan.sites) >> site & 1))
        return false;
    count = cr_add_ar(&plan.count, 1) + 1;
    n = cr_load_rlx(&plan.n);
    return n && (count == n || (cr_load_rlx(&plan.on) && count > n));
}

const char *
cr_fault_name(enum cr_fault_site site)
{
    return names[site];
}

const char *
cr_moment_name(enum cr_moment moment)
{
    return moments[moment];
}
