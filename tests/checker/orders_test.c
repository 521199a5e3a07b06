/* orders_test.c: each memory order of the core is needed, or it is written down why it is not missed.
 *
 * orders.tsv has a row for each order made weaker (orders.h): file, function, access, what is left out; then the body that
 * fails then, or "-" and the reason why none does. Wrong are: an order without a row, a row without its order, a body that
 * does not fail within LIMIT random schedules with C11's orders. With COIR_TEST_LONG=1 each body must fail by each of three
 * seeds, and a row with a reason is wrong if any body fails after all within so many schedules as LIMIT_LONG.
 *
 *     CK_RUN_CASE=sched/park.c build-checked/tests/orders_test       the orders in one file
 *     COIR_ORDERS=find build-checked/tests/orders_test >table        the table anew: bodies are looked for where there is no row
 *     COIR_ORDERS=find:sched/park build-checked/tests/orders_test    the part of it whose files begin so */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core/core.h"
#include "orders.h"

enum { LIMIT = 30000, LIMIT_LONG = 3000, FIRST_LOOK = 200, SECOND_LOOK = 3000 };
enum { MOST_FILES = 64 };

/* A line of it, cut into pieces. */
struct row {
    char name[1024];
    const char *body, *why;
    bool used;
};

static struct weakening all[ORDERS_MOST];
static struct row rows[ORDERS_MOST];
static uint32_t count, row_count;
static char files[MOST_FILES][64];
static uint32_t file_count;
static const struct body *bodies[BODIES_MOST];
static uint32_t body_count;
static bool reached[BODIES_MOST][ORDERS_MOST];

/* ---- The table ---- */

/* Ends the text at its next tab: what is behind. */
static char *
cut(char *text)
{
    char *tab = text ? strchr(text, '\t') : NULL;
    if (!tab)
        return NULL;
    *tab = '\0';
    return tab + 1;
}

/* The first four columns are the name. */
static void
split(struct row *row)
{
    char *at = row->name;
    at[strcspn(at, "\n")] = '\0';
    for (int i = 0; i < 3 && at; i++)
        if ((at = strchr(at, '\t')))
            at++;
    row->body = at = cut(at);
    row->why = cut(at);
    if (!row->why)
        cr_misuse("orders.tsv: six columns are wanted: %s", row->name);
}

static void
read_table(void)
{
    FILE *file = fopen(COIR_TEST_SOURCE "/tests/checker/orders.tsv", "re");
    while (file && row_count < ORDERS_MOST && fgets(rows[row_count].name, sizeof rows[0].name, file))
        if (rows[row_count].name[0] != '#')
            split(&rows[row_count++]);
    if (file)
        fclose(file);
}

static struct row *
row_of(const struct weakening *weakening)
{
    for (uint32_t i = 0; i < row_count; i++)
        if (strcmp(rows[i].name, weakening->name) == 0)
            return &rows[i];
    return NULL;
}

/* ---- Searches ---- */

static void
look_who_meets_what(void)
{
    body_count = bodies_all(bodies, BODIES_OF_ALL);
    for (uint32_t i = 0; i < body_count; i++)
        orders_reached(bodies[i], all, count, reached[i]);
}

static struct cr_check_result
search(const struct weakening *weakening, const struct body *body, uint64_t schedules, uint64_t seed)
{
    struct cr_check check = body_check(body, CR_MODEL_C11, CR_PCT, schedules);
    struct cr_check_result result;
    check.seed = seed;
    check.is_expected_to_fail = true;
    orders_weaken(weakening);
    result = cr_check(&check);
    orders_weaken(NULL);
    return result;
}

/* ---- The tests ---- */

static void
check_killed(const struct weakening *weakening, const struct row *row)
{
    for (uint64_t seed = 1; seed <= (core_is_long() ? 3 : 1); seed++)
        if (!search(weakening, body_named(row->body), LIMIT, seed).failed)
            ck_abort_msg("%s: %s does not fail without it any more (seed %llu)", row->name, row->body,
                         (unsigned long long)seed);
}

/* number: of the weakening. */
static void
check_justified(uint32_t number, const struct row *row)
{
    if (strlen(row->why) < 10 || strstr(row->why, "why?"))
        ck_abort_msg("%s: neither a body nor a reason", row->name);
    for (uint32_t i = 0; core_is_long() && i < body_count; i++)
        if (reached[i][number] && search(&all[number], bodies[i], LIMIT_LONG, 1).failed)
            ck_abort_msg("%s: %s does fail without it: its reason is wrong", row->name, bodies[i]->name);
}

START_TEST(orders_of_file)
{
    size_t length = strlen(files[_i]);
    if (core_is_long())
        look_who_meets_what();
    for (uint32_t i = 0; i < count; i++) {
        const struct row *row;
        if (strncmp(all[i].name, files[_i], length) != 0 || all[i].name[length] != '\t')
            continue;
        row = row_of(&all[i]);
        if (!row)
            ck_abort_msg("orders.tsv has no row for %s (COIR_ORDERS=find writes it)", all[i].name);
        if (strcmp(row->body, "-") != 0)
            check_killed(&all[i], row);
        else
            check_justified(i, row);
    }
}
END_TEST

START_TEST(rows_have_orders)
{
    ck_assert_msg(row_count > 0, "there is no tests/checker/orders.tsv");
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t r = 0; r < row_count; r++)
            if (strcmp(rows[r].name, all[i].name) == 0) {
                if (rows[r].used)
                    ck_abort_msg("orders.tsv has two rows for %s", rows[r].name);
                rows[r].used = true;
            }
    for (uint32_t r = 0; r < row_count; r++)
        if (!rows[r].used)
            ck_abort_msg("orders.tsv: there is no such order: %s", rows[r].name);
}
END_TEST

/* ---- The table anew ---- */

/* The body that fails soonest, of those that meet the order; NULL: none. */
static const struct body *
find_body(uint32_t number)
{
    const struct body *best = NULL;
    for (uint64_t limit = FIRST_LOOK; !best && limit <= SECOND_LOOK; limit *= SECOND_LOOK / FIRST_LOOK)
        for (uint32_t i = 0, soonest = UINT32_MAX; i < body_count; i++) {
            struct cr_check_result result = {.failed = false};
            if (reached[i][number])
                result = search(&all[number], bodies[i], limit, 1);
            if (result.failed && result.schedules < soonest) {
                soonest = (uint32_t)result.schedules;
                best = bodies[i];
            }
        }
    return best;
}

static void
write_table(const char *prefix)
{
    look_who_meets_what();
    for (uint32_t i = 0; i < count; i++) {
        const struct row *row = row_of(&all[i]);
        const struct body *body = NULL;
        bool is_met = false;
        if (strncmp(all[i].name, prefix, strlen(prefix)) != 0)
            continue;
        for (uint32_t b = 0; b < body_count; b++)
            is_met |= reached[b][i];
        if (!row)
            body = find_body(i);
        printf("%s\t%s\t%s\n", all[i].name,
               row    ? row->body
               : body ? body->name
                      : "-",
               row      ? row->why
               : body   ? ""
               : is_met ? "found by no body: why?"
                        : "met by no body: why?");
        fflush(stdout);
    }
}

/* One case for each file. */
int
main(void)
{
    const char *wanted = getenv("COIR_ORDERS");
    Suite *suite = suite_create("orders");
    TCase *table = tcase_create("the table");
    count = orders_all(all);
    read_table();
    if (wanted && strncmp(wanted, "find", 4) == 0) {
        write_table(wanted[4] == ':' ? wanted + 5 : "");
        return 0;
    }
    tcase_add_test(table, rows_have_orders);
    suite_add_tcase(suite, table);
    for (uint32_t i = 0; i < count; i++) {
        int length = (int)strcspn(all[i].name, "\t");
        if (file_count && (int)strlen(files[file_count - 1]) == length &&
            strncmp(files[file_count - 1], all[i].name, (size_t)length) == 0)
            continue;
        snprintf(files[file_count++], sizeof files[0], "%.*s", length, all[i].name);
    }
    for (uint32_t i = 0; i < file_count; i++) {
        TCase *cases = tcase_create(files[i]);
        tcase_set_timeout(cases, 1800);
        tcase_add_loop_test(cases, orders_of_file, (int)i, (int)i + 1);
        suite_add_tcase(suite, cases);
    }
    return core_run_suite(suite);
}
