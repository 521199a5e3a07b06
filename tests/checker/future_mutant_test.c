/* future_mutant_test.c: the faults of base/mutant.h that are planted in futures and in waits in several places: with each of
 * them a body that passes without it fails, so the bodies prove something. */
#include <check.h>
#include <stdio.h>

#include "../core/core.h"
#include "base/mutant.h"
#include "bodies.h"

struct find {
    enum cr_mutant mutant;
    const char *body;
    enum cr_model model;
};

static const struct find finds[] = {
    {CR_MUTANT_DONE_BEFORE_VALUE, "future-job", CR_MODEL_TSO},
    {CR_MUTANT_CANCEL_WHAT_RUNS, "future-job", CR_MODEL_TSO},
    {CR_MUTANT_CALLBACK_FORGOTTEN, "future-callback", CR_MODEL_TSO},
    {CR_MUTANT_LOSERS_HANG, "future-any-free", CR_MODEL_TSO},
    {CR_MUTANT_WON_BUT_READY, "future-any-late", CR_MODEL_TSO},
    {CR_MUTANT_CLAIM_BY_STORE, "future-any", CR_MODEL_TSO},
    {CR_MUTANT_LOSER_TAKES_ALL, "future-any", CR_MODEL_TSO},
};
enum { FINDS = sizeof finds / sizeof finds[0], SCHEDULES = 20000 };

START_TEST(found)
{
    const struct find *find = &finds[_i];
    struct cr_check check = body_check(body_named(find->body), find->model, CR_PCT, SCHEDULES);
    struct cr_check_result result;
    check.is_expected_to_fail = true;
    cr_mutant = (int)find->mutant;
    result = cr_check(&check);
    cr_mutant = CR_MUTANT_COUNT;
    if (!result.failed)
        ck_abort_msg("%s does not find mutant %d in %d schedules", find->body, (int)find->mutant, SCHEDULES);
    printf("%s finds mutant %d in schedule %llu: %.100s\n", find->body, (int)find->mutant,
           (unsigned long long)result.schedules, result.text);
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_loop_test(cases, found, 0, FINDS);
}

int
main(void)
{
    return core_main("future_mutant", add);
}
