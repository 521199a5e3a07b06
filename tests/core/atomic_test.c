/* atomic_test.c: every row of base/atomic.h gives what its name says, for each width that is used: whichever of the two
 * bodies it was compiled with. Orders cannot be seen by one thread; lockfree_test.c has several. */
#include "core.h"

#include "base/atomic.h"

START_TEST(loads_and_stores)
{
    CR_ATOMIC(uint64_t) wide = 1;
    CR_ATOMIC(uint32_t) narrow[2] = {2, 3};
    CR_ATOMIC(bool) flag = false;
    CR_ATOMIC(void *) pointer = NULL;
    cr_store_rlx(&wide, UINT64_MAX - 1);
    MUST(cr_load_rlx(&wide) == UINT64_MAX - 1 && cr_load_acq(&wide) == UINT64_MAX - 1);
    cr_store_rel(&narrow[0], UINT32_MAX);
    MUST(cr_load_acq(&narrow[0]) == UINT32_MAX && cr_load_rlx(&narrow[1]) == 3); /* not more than its width */
    cr_store_rel(&flag, true);
    MUST(cr_load_rlx(&flag));
    cr_store_rel(&pointer, &wide);
    MUST(cr_load_acq(&pointer) == &wide);
    cr_bump(&wide);
    cr_bump(&wide);
    MUST(cr_load_rlx(&wide) == 0);
    CR_SHARED_WRITE(narrow[1]) = 7;
    MUST(CR_SHARED_READ(narrow[1]) == 7);
    cr_fence_sc();
    cr_relax();
}
END_TEST

START_TEST(swaps)
{
    CR_ATOMIC(uint64_t) wide = UINT64_C(1) << 63;
    CR_ATOMIC(uint32_t) narrow[2] = {2, 3};
    CR_ATOMIC(void *) pointer = &wide;
    MUST(cr_swap_ar(&wide, 5) == UINT64_C(1) << 63 && wide == 5);
    MUST(cr_swap_sc(&narrow[0], 9) == 2 && narrow[0] == 9 && narrow[1] == 3);
    MUST(cr_swap_sc(&pointer, NULL) == &wide && !pointer);
}
END_TEST

/* All compare-and-swaps do the same: once they succeed, once they fail and say what they found. */
#define CAS_ROW(cas)                                                                          \
    do {                                                                                      \
        CR_ATOMIC(uint64_t) wide = 1;                                                         \
        CR_ATOMIC(uint32_t) narrow[2] = {UINT32_MAX, 3};                                      \
        CR_ATOMIC(void *) pointer = &wide;                                                    \
        uint64_t wide_old = 1;                                                                \
        uint32_t narrow_old[2] = {UINT32_MAX, 77};                                            \
        void *pointer_old = NULL;                                                             \
        MUST(cas(&wide, &wide_old, UINT64_MAX) && wide == UINT64_MAX && wide_old == 1);       \
        MUST(!cas(&wide, &wide_old, 5) && wide == UINT64_MAX && wide_old == UINT64_MAX);      \
        MUST(cas(&narrow[0], &narrow_old[0], 8) && narrow[0] == 8 && narrow[1] == 3);         \
        MUST(!cas(&narrow[0], &narrow_old[0], 9) && narrow[0] == 8 && narrow_old[0] == 8);    \
        MUST(narrow_old[1] == 77);                                                            \
        MUST(!cas(&pointer, &pointer_old, NULL) && pointer == &wide && pointer_old == &wide); \
        MUST(cas(&pointer, &pointer_old, NULL) && !pointer);                                  \
    } while (0)

START_TEST(compares_and_swaps)
{
    CAS_ROW(cr_cas_acq);
    CAS_ROW(cr_cas_rel);
    CAS_ROW(cr_cas_ar);
}
END_TEST

START_TEST(arithmetic)
{
    CR_ATOMIC(uint64_t) wide = UINT64_MAX;
    CR_ATOMIC(uint32_t) narrow[2] = {1, 3};
    CR_ATOMIC(uintptr_t) word = 12;
    MUST(cr_add_ar(&wide, 2) == UINT64_MAX && wide == 1);
    MUST(cr_sub_ar(&wide, 3) == 1 && wide == UINT64_MAX - 1);
    MUST(cr_add_rlx(&narrow[0], UINT32_MAX) == 1 && narrow[0] == 0); /* what it uses to subtract */
    MUST(cr_sub_ar(&narrow[0], 1) == 0 && narrow[0] == UINT32_MAX);
    MUST(cr_add_ar(&narrow[0], 1) == UINT32_MAX && narrow[0] == 0 && narrow[1] == 3);
    MUST(cr_or_ar(&word, 3) == 12 && word == 15);
    MUST(cr_and_ar(&word, ~(uintptr_t)4) == 15 && word == 11);
    MUST(cr_or_sc(&wide, 1) == UINT64_MAX - 1 && wide == UINT64_MAX);
    MUST(cr_and_sc(&wide, UINT64_C(1) << 40) == UINT64_MAX && wide == UINT64_C(1) << 40);
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_test(cases, loads_and_stores);
    tcase_add_test(cases, swaps);
    tcase_add_test(cases, compares_and_swaps);
    tcase_add_test(cases, arithmetic);
}

int
main(void)
{
    return core_main("atomic", add);
}
