/* litmus_test.c: the interleaving checker against small programs whose verdicts are known.
 *
 * Each program has a weak outcome. Where a model allows it, the exhaustive search must find it; where not, it must have
 * looked at every schedule and not found it. The verdicts are those of the published tables for x86-TSO and of herd7 and
 * GenMC for C11 as repaired (RC11); where the model of sim/memory_model.h differs it is said at the program. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "../core/core.h"
#include "base/atomic.h"
#include "sim/search.h"

enum { THREADS = 4 };
enum verdict { NEVER, MAY };

struct litmus {
    const char *name;
    void (*threads[THREADS])(void);
    bool (*weak)(void);
    enum verdict verdicts[CR_MODELS]; /* sc, tso, c11 */
};

/* The places, and what was read from them. */
static CR_ATOMIC(uint64_t) x, y, z;
static uint64_t r[8];

/* ---- Store buffering ---- */

static void
sb_0(void)
{
    cr_store_rlx(&x, 1);
    r[0] = cr_load_rlx(&y);
}
static void
sb_1(void)
{
    cr_store_rlx(&y, 1);
    r[1] = cr_load_rlx(&x);
}
static void
sb_fence_0(void)
{
    cr_store_rlx(&x, 1);
    cr_fence_sc();
    r[0] = cr_load_rlx(&y);
}
static void
sb_fence_1(void)
{
    cr_store_rlx(&y, 1);
    cr_fence_sc();
    r[1] = cr_load_rlx(&x);
}
static void
sb_ra_0(void)
{
    cr_store_rel(&x, 1);
    r[0] = cr_load_acq(&y);
}
static void
sb_ra_1(void)
{
    cr_store_rel(&y, 1);
    r[1] = cr_load_acq(&x);
}
static void
sb_swap_0(void)
{
    (void)cr_swap_ar(&x, 1);
    r[0] = cr_load_acq(&y);
}
static void
sb_swap_1(void)
{
    (void)cr_swap_ar(&y, 1);
    r[1] = cr_load_acq(&x);
}
static void
sb_swap_sc_0(void)
{
    (void)cr_swap_sc(&x, 1);
    r[0] = cr_load_acq(&y);
}
static void
sb_swap_sc_1(void)
{
    (void)cr_swap_sc(&y, 1);
    r[1] = cr_load_acq(&x);
}
static void
sb_sc_0(void)
{
    (void)cr_swap_sc(&x, 1);
    r[0] = cr_load_sc(&y);
}
static void
sb_sc_1(void)
{
    (void)cr_swap_sc(&y, 1);
    r[1] = cr_load_sc(&x);
}
static void
sb_both_0(void)
{
    (void)cr_swap_sc(&x, 1);
    r[0] = cr_swap_sc(&y, 0);
}
static bool
sb(void)
{
    return !r[0] && !r[1];
}

/* Each reads its own store before it is there for the other (forwarding). */
static void
sb_own_0(void)
{
    cr_store_rlx(&x, 1);
    r[2] = cr_load_rlx(&x);
    r[0] = cr_load_rlx(&y);
}
static void
sb_own_1(void)
{
    cr_store_rlx(&y, 1);
    r[3] = cr_load_rlx(&y);
    r[1] = cr_load_rlx(&x);
}
static bool
sb_own(void)
{
    return sb() && r[2] && r[3];
}

/* ---- Message passing ---- */

static void
mp_0(void)
{
    cr_store_rlx(&x, 1);
    cr_store_rlx(&y, 1);
}
static void
mp_1(void)
{
    r[0] = cr_load_rlx(&y);
    r[1] = cr_load_rlx(&x);
}
static void
mp_rel_0(void)
{
    cr_store_rlx(&x, 1);
    cr_store_rel(&y, 1);
}
static void
mp_acq_1(void)
{
    r[0] = cr_load_acq(&y);
    r[1] = cr_load_rlx(&x);
}
static void
mp_fence_0(void)
{
    cr_store_rlx(&x, 1);
    cr_fence_sc();
    cr_store_rlx(&y, 1);
}
static void
mp_fence_1(void)
{
    r[0] = cr_load_rlx(&y);
    cr_fence_sc();
    r[1] = cr_load_rlx(&x);
}
static void
mp_swap_0(void)
{
    cr_store_rlx(&x, 1);
    (void)cr_swap_ar(&y, 1);
}
static void
mp_swap_1(void)
{
    r[0] = cr_swap_ar(&y, 2);
    r[1] = cr_load_rlx(&x);
}
/* A compare-and-swap that fails is a load: acquire in cr_cas_ar, relaxed in cr_cas_acq. */
static void
mp_failed_ar_1(void)
{
    uint64_t expected = 7;
    (void)cr_cas_ar(&y, &expected, 8);
    r[0] = expected;
    r[1] = cr_load_rlx(&x);
}
static void
mp_failed_acq_1(void)
{
    uint64_t expected = 7;
    (void)cr_cas_acq(&y, &expected, 8);
    r[0] = expected;
    r[1] = cr_load_rlx(&x);
}
static bool
mp(void)
{
    return r[0] == 1 && !r[1];
}

/* ---- Load buffering ---- */

static void
lb_0(void)
{
    r[0] = cr_load_rlx(&x);
    cr_store_rlx(&y, 1);
}
static void
lb_1(void)
{
    r[1] = cr_load_rlx(&y);
    cr_store_rlx(&x, 1);
}
static bool
lb(void)
{
    return r[0] && r[1];
}

/* ---- Coherence ---- */

static void
co_write_1(void)
{
    cr_store_rlx(&x, 1);
}
static void
co_write_2(void)
{
    cr_store_rlx(&x, 2);
}
static void
co_read_01(void)
{
    r[0] = cr_load_rlx(&x);
    r[1] = cr_load_rlx(&x);
}
static void
co_read_23(void)
{
    r[2] = cr_load_rlx(&x);
    r[3] = cr_load_rlx(&x);
}
static bool
corr(void)
{
    return r[0] == 1 && !r[1];
}
static bool
corr_apart(void)
{
    return r[0] == 1 && r[1] == 2 && r[2] == 2 && r[3] == 1;
}
static void
cowr_0(void)
{
    cr_store_rlx(&x, 1);
    r[0] = cr_load_rlx(&x);
}
static bool
cowr(void)
{
    return r[0] == 0;
}
static void
corw_0(void)
{
    r[0] = cr_load_rlx(&x);
    cr_store_rlx(&x, 1);
}
static bool
corw(void) /* it reads what another stores behind its own store */
{
    return r[0] == 2 && x == 2;
}
static void
coww_0(void)
{
    cr_store_rlx(&x, 1);
    cr_store_rlx(&x, 2);
}
static bool
coww(void)
{
    return x == 1;
}

/* ---- Two places, two writers ---- */

static void
w2_0(void)
{
    cr_store_rlx(&x, 1);
    cr_store_rlx(&y, 2);
}
static void
w2_1(void)
{
    cr_store_rlx(&y, 1);
    cr_store_rlx(&x, 2);
}
static void
w2_fence_0(void)
{
    cr_store_rlx(&x, 1);
    cr_fence_sc();
    cr_store_rlx(&y, 2);
}
static void
w2_fence_1(void)
{
    cr_store_rlx(&y, 1);
    cr_fence_sc();
    cr_store_rlx(&x, 2);
}
static bool
w2(void)
{
    return x == 1 && y == 1;
}
static void
r_1(void)
{
    cr_store_rlx(&y, 2);
    r[0] = cr_load_rlx(&x);
}
static void
r_fence_1(void)
{
    cr_store_rlx(&y, 2);
    cr_fence_sc();
    r[0] = cr_load_rlx(&x);
}
static bool
r_weak(void)
{
    return y == 2 && !r[0];
}
static void
s_0(void)
{
    cr_store_rlx(&x, 2);
    cr_store_rlx(&y, 1);
}
static void
s_rel_0(void)
{
    cr_store_rlx(&x, 2);
    cr_store_rel(&y, 1);
}
static void
s_1(void)
{
    r[0] = cr_load_rlx(&y);
    cr_store_rlx(&x, 1);
}
static void
s_acq_1(void)
{
    r[0] = cr_load_acq(&y);
    cr_store_rlx(&x, 1);
}
static bool
s_weak(void)
{
    return r[0] == 1 && x == 2;
}

/* ---- Three and four threads ---- */

static void
wrc_0(void)
{
    cr_store_rlx(&x, 1);
}
static void
wrc_1(void)
{
    r[0] = cr_load_rlx(&x);
    cr_store_rlx(&y, 1);
}
static void
wrc_ra_1(void)
{
    r[0] = cr_load_acq(&x);
    cr_store_rel(&y, 1);
}
static void
wrc_ra_0(void)
{
    cr_store_rel(&x, 1);
}
static void
wrc_2(void)
{
    r[1] = cr_load_rlx(&y);
    r[2] = cr_load_rlx(&x);
}
static void
wrc_acq_2(void)
{
    r[1] = cr_load_acq(&y);
    r[2] = cr_load_rlx(&x);
}
static bool
wrc(void)
{
    return r[0] && r[1] && !r[2];
}
static void
isa2_1(void)
{
    r[0] = cr_load_acq(&y);
    cr_store_rel(&z, 1);
}
static void
isa2_rlx_1(void)
{
    r[0] = cr_load_rlx(&y);
    cr_store_rel(&z, 1);
}
static void
isa2_2(void)
{
    r[1] = cr_load_acq(&z);
    r[2] = cr_load_rlx(&x);
}
static void
iriw_y(void)
{
    cr_store_rel(&y, 1);
}
static void
iriw_2(void)
{
    r[0] = cr_load_acq(&x);
    r[1] = cr_load_acq(&y);
}
static void
iriw_3(void)
{
    r[2] = cr_load_acq(&y);
    r[3] = cr_load_acq(&x);
}
static void
iriw_fence_2(void)
{
    r[0] = cr_load_acq(&x);
    cr_fence_sc();
    r[1] = cr_load_acq(&y);
}
static void
iriw_fence_3(void)
{
    r[2] = cr_load_acq(&y);
    cr_fence_sc();
    r[3] = cr_load_acq(&x);
}
static void
iriw_sc_x(void)
{
    (void)cr_swap_sc(&x, 1);
}
static void
iriw_sc_y(void)
{
    (void)cr_swap_sc(&y, 1);
}
static void
iriw_sc_2(void)
{
    r[0] = cr_load_sc(&x);
    r[1] = cr_load_sc(&y);
}
static void
iriw_sc_3(void)
{
    r[2] = cr_load_sc(&y);
    r[3] = cr_load_sc(&x);
}
static bool
iriw(void)
{
    return r[0] && !r[1] && r[2] && !r[3];
}

/* ---- Release sequences ---- */

static void
sequence_add(void)
{
    r[0] = cr_add_rlx(&y, 1);
}
static void
sequence_store(void)
{
    r[0] = cr_load_rlx(&y);
    cr_store_rlx(&y, 2);
}
static void
sequence_2(void)
{
    r[1] = cr_load_acq(&y);
    r[2] = cr_load_rlx(&x);
}
static bool
sequence(void)
{
    return r[0] == 1 && r[1] == 2 && !r[2];
}
static void
sequence_own_0(void)
{
    cr_store_rlx(&x, 1);
    cr_store_rel(&y, 1);
    cr_store_rlx(&y, 2);
}
static bool
sequence_own(void)
{
    return r[1] == 2 && !r[2];
}

/* ---- Read-modify-writes ---- */

static void
win(void *which)
{
    uint64_t none = 0;
    if (cr_cas_ar(&x, &none, 1))
        ++*(uint64_t *)which;
}
static void
win_0(void)
{
    win(&r[0]);
}
static void
win_1(void)
{
    win(&r[1]);
}
static bool
not_one_winner(void)
{
    return r[0] + r[1] != 1;
}
static void
add_twice(void)
{
    (void)cr_add_rlx(&x, 1);
    (void)cr_add_rlx(&x, 1);
}
static bool
lost_addition(void)
{
    return x != 4;
}

/* A fence on one side, a read-modify-write on the other: what cr_go and a worker that goes to sleep do. */
static void
idle_acq_1(void)
{
    (void)cr_or_sc(&y, 1);
    r[1] = cr_load_acq(&x);
}
static void
idle_sc_1(void)
{
    (void)cr_or_sc(&y, 1);
    r[1] = cr_load_sc(&x);
}

/* ---- Locks ---- */

enum turn_taking { PLAINLY, WITH_A_FENCE, WITH_A_SWAP };

static void
peterson(CR_ATOMIC(uint64_t) * mine, const CR_ATOMIC(uint64_t) * other, uint64_t turn, enum turn_taking how)
{
    cr_store_rlx(mine, 1);
    if (how == WITH_A_SWAP)
        (void)cr_swap_ar(&z, turn);
    else
        cr_store_rel(&z, turn);
    if (how == WITH_A_FENCE)
        cr_fence_sc();
    while (cr_load_acq(other) && cr_load_acq(&z) == turn)
        cr_relax();
    r[0] += ++r[1] > 1; /* both are inside */
    (void)cr_add_ar(&x, 0x100);
    r[1]--;
    cr_store_rel(mine, 0);
}
static CR_ATOMIC(uint64_t) flags[2];
static void
peterson_0(void)
{
    peterson(&flags[0], &flags[1], 1, PLAINLY);
}
static void
peterson_1(void)
{
    peterson(&flags[1], &flags[0], 2, PLAINLY);
}
static void
peterson_fence_0(void)
{
    peterson(&flags[0], &flags[1], 1, WITH_A_FENCE);
}
static void
peterson_fence_1(void)
{
    peterson(&flags[1], &flags[0], 2, WITH_A_FENCE);
}
static void
peterson_swap_0(void)
{
    peterson(&flags[0], &flags[1], 1, WITH_A_SWAP);
}
static void
peterson_swap_1(void)
{
    peterson(&flags[1], &flags[0], 2, WITH_A_SWAP);
}
static bool
both_inside(void)
{
    return r[0] != 0;
}

static const struct litmus programs[] = {
    {"SB", {sb_0, sb_1}, sb, {NEVER, MAY, MAY}},
    {"SB+release/acquire", {sb_ra_0, sb_ra_1}, sb, {NEVER, MAY, MAY}},
    {"SB+fences", {sb_fence_0, sb_fence_1}, sb, {NEVER, NEVER, NEVER}},
    {"SB+one fence", {sb_fence_0, sb_1}, sb, {NEVER, MAY, MAY}},
    {"SB+swaps ar", {sb_swap_0, sb_swap_1}, sb, {NEVER, NEVER, MAY}},
    {"SB+swaps sc, loads acquire", {sb_swap_sc_0, sb_swap_sc_1}, sb, {NEVER, NEVER, MAY}},
    {"SB+swaps and loads sc", {sb_sc_0, sb_sc_1}, sb, {NEVER, NEVER, NEVER}},
    {"SB+reading by a swap", {sb_both_0, sb_sc_1}, sb, {NEVER, NEVER, NEVER}},
    {"SB+fence, swap sc and load acquire", {sb_fence_0, idle_acq_1}, sb, {NEVER, NEVER, MAY}},
    {"SB+fence, swap and load sc", {sb_fence_0, idle_sc_1}, sb, {NEVER, NEVER, NEVER}},
    {"SB+own reads", {sb_own_0, sb_own_1}, sb_own, {NEVER, MAY, MAY}},
    {"MP", {mp_0, mp_1}, mp, {NEVER, NEVER, MAY}},
    {"MP+release/acquire", {mp_rel_0, mp_acq_1}, mp, {NEVER, NEVER, NEVER}},
    {"MP+release/relaxed", {mp_rel_0, mp_1}, mp, {NEVER, NEVER, MAY}},
    {"MP+relaxed/acquire", {mp_0, mp_acq_1}, mp, {NEVER, NEVER, MAY}},
    {"MP+fences", {mp_fence_0, mp_fence_1}, mp, {NEVER, NEVER, NEVER}},
    {"MP+fence/acquire", {mp_fence_0, mp_acq_1}, mp, {NEVER, NEVER, NEVER}},
    {"MP+release/fence", {mp_rel_0, mp_fence_1}, mp, {NEVER, NEVER, NEVER}},
    {"MP+fence/relaxed", {mp_fence_0, mp_1}, mp, {NEVER, NEVER, MAY}},
    {"MP+swaps", {mp_swap_0, mp_swap_1}, mp, {NEVER, NEVER, NEVER}},
    {"MP+failed cas, acquire", {mp_rel_0, mp_failed_ar_1}, mp, {NEVER, NEVER, NEVER}},
    {"MP+failed cas, relaxed", {mp_rel_0, mp_failed_acq_1}, mp, {NEVER, NEVER, MAY}},
    {"LB", {lb_0, lb_1}, lb, {NEVER, NEVER, NEVER /* C11 allows it; it is never found here */}},
    {"CoRR", {co_write_1, co_read_01}, corr, {NEVER, NEVER, NEVER}},
    {"CoRR, two readers", {co_write_1, co_write_2, co_read_01, co_read_23}, corr_apart, {NEVER, NEVER, NEVER}},
    {"CoWR", {cowr_0, co_write_2}, cowr, {NEVER, NEVER, NEVER}},
    {"CoRW", {corw_0, co_write_2}, corw, {NEVER, NEVER, NEVER}},
    {"CoWW", {coww_0}, coww, {NEVER, NEVER, NEVER}},
    {"2+2W", {w2_0, w2_1}, w2, {NEVER, NEVER, MAY}},
    {"2+2W+fences", {w2_fence_0, w2_fence_1}, w2, {NEVER, NEVER, NEVER}},
    {"R", {mp_0, r_1}, r_weak, {NEVER, MAY, MAY}},
    {"R+fences", {mp_fence_0, r_fence_1}, r_weak, {NEVER, NEVER, NEVER}},
    {"S", {s_0, s_1}, s_weak, {NEVER, NEVER, MAY}},
    {"S+release/acquire", {s_rel_0, s_acq_1}, s_weak, {NEVER, NEVER, NEVER}},
    {"WRC", {wrc_0, wrc_1, wrc_2}, wrc, {NEVER, NEVER, MAY}},
    {"WRC+release/acquire", {wrc_ra_0, wrc_ra_1, wrc_acq_2}, wrc, {NEVER, NEVER, NEVER}},
    {"ISA2+release/acquire", {mp_rel_0, isa2_1, isa2_2}, wrc, {NEVER, NEVER, NEVER}},
    {"ISA2+relaxed in the middle", {mp_rel_0, isa2_rlx_1, isa2_2}, wrc, {NEVER, NEVER, MAY}},
    {"IRIW+release/acquire", {wrc_ra_0, iriw_y, iriw_2, iriw_3}, iriw, {NEVER, NEVER, MAY}},
    {"IRIW+fences", {wrc_ra_0, iriw_y, iriw_fence_2, iriw_fence_3}, iriw, {NEVER, NEVER, NEVER}},
    {"IRIW+one fence", {wrc_ra_0, iriw_y, iriw_fence_2, iriw_3}, iriw, {NEVER, NEVER, MAY}},
    {"IRIW+sc", {iriw_sc_x, iriw_sc_y, iriw_sc_2, iriw_sc_3}, iriw, {NEVER, NEVER, NEVER}},
    {"release sequence", {mp_rel_0, sequence_add, sequence_2}, sequence, {NEVER, NEVER, NEVER}},
    {"release sequence, broken by a store", {mp_rel_0, sequence_store, sequence_2}, sequence, {NEVER, NEVER, MAY}},
    {"release sequence, of one thread", {sequence_own_0, sequence_2}, sequence_own, {NEVER, NEVER, MAY /* C++20 */}},
    {"one winner", {win_0, win_1}, not_one_winner, {NEVER, NEVER, NEVER}},
    {"no addition lost", {add_twice, add_twice}, lost_addition, {NEVER, NEVER, NEVER}},
    {"Peterson", {peterson_0, peterson_1}, both_inside, {NEVER, MAY, MAY}},
    {"Peterson+fences",
     {peterson_fence_0, peterson_fence_1},
     both_inside,
     {NEVER, NEVER, MAY /* the turns' order alone orders nothing */}},
    {"Peterson+swaps", {peterson_swap_0, peterson_swap_1}, both_inside, {NEVER, NEVER, NEVER}},
};
enum { PROGRAMS = sizeof programs / sizeof programs[0] };

static void
run_thread(void *arg)
{
    void (*const *run)(void) = arg;
    (*run)();
}

static void
play(void *arg)
{
    const struct litmus *litmus = arg;
    void (*threads[THREADS])(void *arg) = {run_thread, run_thread, run_thread, run_thread};
    void *args[THREADS];
    uint32_t count = 0;
    x = y = z = flags[0] = flags[1] = 0;
    memset(r, 0, sizeof r);
    for (; count < THREADS && litmus->threads[count]; count++)
        args[count] = (void *)(uintptr_t)&litmus->threads[count];
    cr_check_together(count, threads, args);
    if (litmus->weak())
        cr_check_seen(0);
}

static struct cr_check_result
look(const struct litmus *litmus, enum cr_model model, bool unpruned)
{
    struct cr_check_result result = cr_check(&(struct cr_check){
        .name = litmus->name,
        .body = play,
        .arg = (void *)(uintptr_t)litmus,
        .run = {.model = model, .placing = true, .unpruned = unpruned, .every_point = unpruned},
        .strategy = CR_EXHAUSTIVE,
        .preemptions = CR_UNBOUNDED,
        .overlooked = CR_UNBOUNDED,
    });
    if (result.failed)
        ck_abort_msg("%s: %s", litmus->name, result.text);
    return result;
}

static const char *const models[] = {"sc", "tso", "c11"};

START_TEST(verdict)
{
    const struct litmus *litmus = &programs[_i];
    for (enum cr_model model = CR_MODEL_SC; model < CR_MODELS; model++) {
        struct cr_check_result result = look(litmus, model, false);
        if (!result.complete)
            ck_abort_msg("%s, %s: not complete", litmus->name, models[model]);
        if ((result.seen & 1) != (litmus->verdicts[model] == MAY))
            ck_abort_msg("%s, %s: the weak outcome was %sfound in %llu schedules", litmus->name, models[model],
                         result.seen & 1 ? "" : "not ", (unsigned long long)result.schedules);
    }
}
END_TEST

/* Leaving out redundant schedules leaves out no outcome, and is worth it. */
START_TEST(pruning_loses_nothing)
{
    uint64_t pruned = 0, all = 0;
    for (int i = 0; i < PROGRAMS; i++)
        for (enum cr_model model = CR_MODEL_SC; model < CR_MODELS; model++) {
            struct cr_check_result one, other;
            if (programs[i].threads[3] || strncmp(programs[i].name, "Peterson", 8) == 0)
                continue; /* without pruning these take minutes */
            one = look(&programs[i], model, false);
            other = look(&programs[i], model, true);
            ck_assert(one.seen == other.seen);
            pruned += one.schedules;
            all += other.schedules;
        }
    printf("litmus: %llu schedules, unpruned %llu\n", (unsigned long long)pruned, (unsigned long long)all);
    ck_assert(pruned < all);
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_loop_test(cases, verdict, 0, PROGRAMS);
    tcase_add_test(cases, pruning_loses_nothing);
}

int
main(void)
{
    return core_main("litmus", add);
}
