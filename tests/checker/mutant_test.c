/* mutant_test.c: the checker against coir with a fault in it, one of base/mutant.h at a time. A test that finds nothing
 * proves nothing by itself: here each body shows what it is for.
 *
 * Each row of the table is a search: a body, a memory model, so many schedules, random (PCT, depth 2 to 5) or the first of
 * all within the body's bounds. With the fault it must fail, in the way that is expected of that fault: a crash or an
 * assertion elsewhere does not count. Without it the same schedules must find nothing. Random ones with each of three
 * seeds, so that no fault is found by luck; the limits are several times what the slowest of ten seeds has needed. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "../core/core.h"
#include "base/mutant.h"
#include "bodies.h"

enum { SEEDS = 3 };

struct row {
    const char *mutant, *body;
    enum cr_model model;
    enum cr_strategy_kind strategy;
    uint64_t within;      /* schedules */
    const char *failures; /* what is said of it, or one of several things: "one|other" */
};

static const struct row rows[] = {
    {"NO_SPAWN_FENCE", "newborns", CR_MODEL_C11, CR_PCT, 500, "all wait"},
    {"NO_THREAD_FENCE", "cancel-2", CR_MODEL_TSO, CR_PCT, 1000, "all wait"},
    {"CLAIM_OUTSIDE_GUARD", "event-late-3", CR_MODEL_TSO, CR_PCT, 1000, "race"},
    {"WAKE_BEFORE_RELEASE", "semaphore-free", CR_MODEL_TSO, CR_PCT, 200, "race"},
    {"BARE_NUDGE", "newborns-again", CR_MODEL_TSO, CR_PCT, 200, "all wait"},
    {"EARLY_RETURN", "timeout-2x4", CR_MODEL_TSO, CR_PCT, 500, "race"},
    {"NO_EPOCH", "cancel-late", CR_MODEL_TSO, CR_PCT, 10000, "is -125, not -110"},
    {"RINGS_NOT_READ_AGAIN", "newborns-again", CR_MODEL_C11, CR_PCT, 2000, "all wait"},
    {"DRAIN_UNREVERSED", "inbox-2x4", CR_MODEL_TSO, CR_PCT, 100, "numbered->number"},
    {"TIMER_NOT_REKEYED", "deadlines", CR_MODEL_TSO, CR_PCT, 100, "all wait"},
    {"UNLINK_SKIPPED", "cancel-2", CR_MODEL_TSO, CR_PCT, 100, "!spot.event.words[1]"},
    {"CLAIM_BY_STORE", "timeout-2x4", CR_MODEL_C11, CR_PCT, 500, "race|spot.woken"},
    {"DOZE_BY_STORE", "inbox-2x4", CR_MODEL_TSO, CR_PCT, 200, "all wait"},
    {"RING_TAIL_FIRST", "ring-2x4", CR_MODEL_TSO, CR_PCT, 500, "item != NULL|.taken is"},
    {"RING_NO_LIMIT", "ring-full", CR_MODEL_TSO, CR_PCT, 100, "CR_RING_SLOTS"},
    {"PIPE_PUT_FIRST", "pipe-2x2", CR_MODEL_TSO, CR_PCT, 500, "race|byte is"},
    {"PIPE_DOZE_UNFENCED", "pipe-2x2", CR_MODEL_TSO, CR_PCT, 1000, "all wait"},
    {"STEAL_BEFORE_READ", "ring-full", CR_MODEL_TSO, CR_PCT, 1000, "race"},
    {"LOSER_TAKES_ALL", "timeout-2x4", CR_MODEL_TSO, CR_PCT, 500, "spot.woken"},
    {"CANCEL_BEFORE_FLAG", "cancel-2", CR_MODEL_TSO, CR_PCT, 500, "all wait"},
    {"JOINER_NOT_AWAITED", "join-late", CR_MODEL_C11, CR_PCT, 10000, "race"},
    {"SEARCHING_KEPT", "newborns-again", CR_MODEL_TSO, CR_PCT, 2000, "all wait"},
    {"ITEM_BEFORE_CLAIM", "queue-late", CR_MODEL_TSO, CR_PCT, 1000, "item is"},
    {"GIVE_BY_STORE", "mutex-2x4", CR_MODEL_TSO, CR_PCT, 500, "all wait"},
    {"NO_LOOK_BEFORE_SLEEP", "task-cancel-competing", CR_MODEL_TSO, CR_PCT, 100, "all wait"},
    {"FOUND_BY_STORE", "newborns-relay", CR_MODEL_TSO, CR_PCT, 20000, "all wait"},
    {"MUTEX_BEFORE_LIST", "condition-2x4", CR_MODEL_TSO, CR_PCT, 500, "all wait"},
    {"HALF_A_ROUND", "barrier-late", CR_MODEL_TSO, CR_PCT, 2000, "through == 0"},
    {"WRITER_LEAVES_QUIETLY", "rwlock-behind", CR_MODEL_TSO, CR_PCT, 500, "all wait"},
    {"NO_WALK_FENCE", "circle-2", CR_MODEL_C11, CR_PCT, 500, "all wait"},
    {"CIRCLE_BELIEVED", "circle-none", CR_MODEL_TSO, CR_EXHAUSTIVE, 5000, "told"},
    {"DONE_BEFORE_RESULT", "once-3", CR_MODEL_TSO, CR_PCT, 500, "race"},
    {"DONE_BEFORE_VALUE", "future-job", CR_MODEL_TSO, CR_PCT, 500, "value is|race"},
    {"CANCEL_WHAT_RUNS", "future-job", CR_MODEL_TSO, CR_PCT, 500, "race"},
    {"CALLBACK_FORGOTTEN", "future-callback", CR_MODEL_TSO, CR_PCT, 500, "called[0] is 0"},
    {"LOSERS_HANG", "future-any-free", CR_MODEL_TSO, CR_PCT, 100, "is waited for"},
    {"WON_BUT_READY", "future-any-late", CR_MODEL_TSO, CR_PCT, 1000, "race|is 0, not"},
    {"OWNER_HAD_ENDED", "future-owner", CR_MODEL_TSO, CR_PCT, 1000, "all wait"},
    {"OWNER_ENDS_BLINDLY", "future-owner", CR_MODEL_TSO, CR_PCT, 20000, "all wait"},
    {"DEAD_KEPT", "future-owner-free", CR_MODEL_TSO, CR_PCT, 5000, "race|freed"},
    {"DONE_NOT_SEEN", "future-free", CR_MODEL_TSO, CR_PCT, 200, "all wait"},
    {"HUNG_ON_DONE", "future-any", CR_MODEL_TSO, CR_PCT, 200, "all wait|is waited for"},
    {"CALLBACKS_UNSHARED", "future-callback-last", CR_MODEL_TSO, CR_PCT, 100, "freed"},
    {"PINS_OVERLOOKED", "circle-2", CR_MODEL_TSO, CR_EXHAUSTIVE, 3000, "race|all wait|Segmentation fault"},
    {"ROOM_FORGOTTEN", "pool-one", CR_MODEL_TSO, CR_PCT, 1000, "all wait"},
    {"LATE_JOB_LET_IN", "pool-late", CR_MODEL_TSO, CR_PCT, 2000, "race|ran[i]|freed"},
    {"REST_UNGUARDED", "pool-one", CR_MODEL_TSO, CR_PCT, 1000, "all wait"},
    {"CANCELED_IS_RUN", "pool-cancel", CR_MODEL_TSO, CR_PCT, 200, "race|ran[0]"},
    {"NEXT_NOT_CALLED", "pool-meet", CR_MODEL_TSO, CR_PCT, 1000, "all wait"},
    {"LOSERS_HANG", "select-get", CR_MODEL_TSO, CR_PCT, 1000, "race|is waited for"},
    {"WON_BUT_READY", "select-late", CR_MODEL_TSO, CR_PCT, 1000, "result is -4"},
    {"ITEM_BEFORE_CLAIM", "select-late", CR_MODEL_TSO, CR_PCT, 1000, "no_item is 0"},
    {"JOINER_NOT_AWAITED", "select-end-late", CR_MODEL_TSO, CR_PCT, 10000, "race"},
};
enum { ROWS = sizeof rows / sizeof rows[0] };

#define NAME(name, text) #name,
#define TEXT(name, text) text,
static const char *const names[] = {CR_MUTANTS(NAME)}, *const texts[] = {CR_MUTANTS(TEXT)};

static int
number_of(const char *name)
{
    for (int i = 0; i < CR_MUTANT_COUNT; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    ck_abort_msg("base/mutant.h has no %s", name);
    return CR_MUTANT_COUNT;
}

static bool
is_expected(const char *text, const char *failures)
{
    char list[128], *rest = NULL;
    snprintf(list, sizeof list, "%s", failures);
    for (const char *one = strtok_r(list, "|", &rest); one; one = strtok_r(NULL, "|", &rest))
        if (strstr(text, one))
            return true;
    return false;
}

static struct cr_check_result
search(const struct row *row, uint64_t seed, int mutant)
{
    struct cr_check check = body_check(body_named(row->body), row->model, row->strategy, row->within);
    struct cr_check_result result;
    check.seed = seed;
    check.is_expected_to_fail = mutant != CR_MUTANT_COUNT;
    cr_mutant = mutant;
    result = cr_check(&check);
    cr_mutant = CR_MUTANT_COUNT;
    return result;
}

START_TEST(is_found)
{
    const struct row *row = &rows[_i];
    int mutant = number_of(row->mutant);
    printf("%-22s %-22s found in schedule", row->mutant, row->body);
    for (uint64_t seed = 1; seed <= (row->strategy == CR_PCT ? SEEDS : 1); seed++) {
        struct cr_check_result without = search(row, seed, CR_MUTANT_COUNT), with = search(row, seed, mutant);
        if (without.failed)
            ck_abort_msg("%s fails without any mutant: %s", row->body, without.text);
        if (!with.failed)
            ck_abort_msg("%s does not find %s (%s) in %llu schedules, seed %llu", row->body, row->mutant, texts[mutant],
                         (unsigned long long)row->within, (unsigned long long)seed);
        if (!is_expected(with.text, row->failures))
            ck_abort_msg("%s finds %s otherwise than by \"%s\": %s", row->body, row->mutant, row->failures, with.text);
        printf(" %llu", (unsigned long long)with.schedules);
    }
    printf("\n");
}
END_TEST

START_TEST(all_have_a_row)
{
    for (int i = 0; i < CR_MUTANT_COUNT; i++) {
        int count = 0;
        for (int at = 0; at < ROWS; at++)
            count += strcmp(rows[at].mutant, names[i]) == 0;
        if (!count)
            ck_abort_msg("no row for %s: %s", names[i], texts[i]);
    }
}
END_TEST

/* Each mutant is a case of its own name: CK_RUN_CASE=NO_EPOCH runs that one. */
int
main(void)
{
    Suite *suite = suite_create("mutant");
    TCase *whole = tcase_create("the table");
    tcase_add_test(whole, all_have_a_row);
    suite_add_tcase(suite, whole);
    for (int i = 0; i < ROWS; i++) {
        TCase *cases = tcase_create(rows[i].mutant);
        tcase_set_timeout(cases, 60);
        tcase_add_loop_test(cases, is_found, i, i + 1);
        suite_add_tcase(suite, cases);
    }
    return core_run_suite(suite);
}
