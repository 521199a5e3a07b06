/* tests/chat/name_test.c: which names are names, how they are shown, and which are the same. */
#include <check.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "servers/chat/name.h"

#define TEN "aaaaaaaaaa"

static const struct {
    const char *typed, *shown; /* shown NULL: refused */
} names[] = {
    {"ann", "ann"},
    {"  ann ", "ann"},
    {"Ann-Kathrin_7", "Ann-Kathrin_7"},
    {"administrators", "administrators"},
    {"*", "*"},
    {"ann:", "ann:"},
    {TEN TEN "aaaa", TEN TEN "aaaa"},
    {"J\xC3\xBCrgen", "J\xC3\xBCrgen"},
    {"Ju\xCC\x88rgen", "J\xC3\xBCrgen"},                      /* u and a combining diaeresis */
    {"\xE5\xB1\xB1\xE7\x94\xB0", "\xE5\xB1\xB1\xE7\x94\xB0"}, /* Yamada */
    {"\xF0\x9F\x90\xA2", "\xF0\x9F\x90\xA2"},                 /* a turtle */
    {"", NULL},
    {"   ", NULL},
    {TEN TEN "aaaaa", NULL},
    {"two words", NULL},
    {"tab\tbed", NULL},
    {"no\xC2\xA0"
     "break",
     NULL}, /* U+00A0 */
    {"bell\x07", NULL},
    {"\x1b[31mred", NULL},
    {"\xC2\x9Bred", NULL}, /* C1: CSI */
    {"a\xE2\x80\x8B"
     "b",
     NULL}, /* zero-width space */
    {"a\xE2\x80\xAE"
     "b",
     NULL},                 /* right-to-left override */
    {"\xE3\x85\xA4", NULL}, /* Hangul filler: a letter without a shape */
    {"\xCC\x88"
     "a",
     NULL}, /* begins with a mark */
    {"\xFF", NULL},
    {"\xC3", NULL},
    {"\xC0\xAF", NULL},
    {"\xED\xA0\x80", NULL}, /* a surrogate */
    {"administrator", NULL},
    {"AdminISTRATOR", NULL},
    {"\xEF\xBD\x81"
     "dministrator",
     NULL}, /* its first letter full-width */
};

START_TEST(test_names)
{
    struct cr_name name;
    const char *reason = NULL;
    int error = cr_name_read(names[_i].typed, strlen(names[_i].typed), &name, &reason);
    if (names[_i].shown) {
        ck_assert_msg(error == 0, "\"%s\" was refused: %s", names[_i].typed, reason);
        ck_assert_str_eq(name.text, names[_i].shown);
    } else {
        ck_assert_msg(error == -EINVAL, "\"%s\" was taken", names[_i].typed);
        ck_assert_ptr_nonnull(reason);
    }
}
END_TEST

static const struct {
    const char *one, *other;
    bool same;
} pairs[] = {
    {"ann", "ANN", true},
    {"stra\xC3\x9F"
     "e",
     "STRASSE", true},
    {"J\xC3\xBCrgen", "JU\xCC\x88RGEN", true},
    {"\xCE\xA3\xCE\xAF\xCF\x83\xCF\x85\xCF\x86\xCE\xBF\xCF\x82",
     "\xCF\x83\xCE\xAF\xCF\x83\xCF\x85\xCF\x86\xCE\xBF\xCF\x83", true}, /* Sisyphus, with both small sigmas */
    {"ann", "\xEF\xBD\x81\xEF\xBD\x8E\xEF\xBD\x8E", true},              /* full-width */
    {"\xEF\xAC\x81n", "FIN", true},                                     /* a ligature */
    {"ann", "anne", false},
    {"ann", "\xD0\xB0nn", false}, /* a Cyrillic a */
    {"\xC3\xBC", "u", false},
};

START_TEST(test_same_names)
{
    struct cr_name one, other;
    const char *reason;
    ck_assert_int_eq(cr_name_read(pairs[_i].one, strlen(pairs[_i].one), &one, &reason), 0);
    ck_assert_int_eq(cr_name_read(pairs[_i].other, strlen(pairs[_i].other), &other, &reason), 0);
    ck_assert_int_eq(strcmp(one.key, other.key) == 0, pairs[_i].same);
}
END_TEST

START_TEST(test_nul_inside)
{
    struct cr_name name;
    const char *reason;
    ck_assert_int_eq(cr_name_read("a\0b", 3, &name, &reason), -EINVAL);
}
END_TEST

START_TEST(test_key_has_a_bound)
{
    /* U+FDFA, one character, is 18 when taken apart. */
    char typed[24 * 3 + 1] = "";
    struct cr_name name;
    const char *reason;
    for (int i = 0; i < 24; i++)
        strcat(typed, "\xEF\xB7\xBA");
    ck_assert_int_eq(cr_name_read(typed, strlen(typed), &name, &reason), -EINVAL);
}
END_TEST

START_TEST(test_longest_that_shrinks)
{
    /* 24 letters with a mark each are 48 characters as typed, 24 as shown; one more is too many. */
    char typed[25 * 3 + 1] = "";
    struct cr_name name;
    const char *reason;
    for (int i = 0; i < 24; i++)
        strcat(typed, "u\xCC\x88");
    ck_assert_int_eq(cr_name_read(typed, strlen(typed), &name, &reason), 0);
    strcat(typed, "u\xCC\x88");
    ck_assert_int_eq(cr_name_read(typed, strlen(typed), &name, &reason), -EINVAL);
}
END_TEST

START_TEST(test_megabyte)
{
    size_t size = 1 << 20;
    char *typed = malloc(size);
    struct cr_name name;
    const char *reason;
    memset(typed, 'a', size);
    ck_assert_int_eq(cr_name_read(typed, size, &name, &reason), -EINVAL);
    free(typed);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("name");
    TCase *cases = tcase_create("name");
    tcase_add_loop_test(cases, test_names, 0, (int)(sizeof names / sizeof names[0]));
    tcase_add_loop_test(cases, test_same_names, 0, (int)(sizeof pairs / sizeof pairs[0]));
    tcase_add_test(cases, test_nul_inside);
    tcase_add_test(cases, test_key_has_a_bound);
    tcase_add_test(cases, test_longest_that_shrinks);
    tcase_add_test(cases, test_megabyte);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
