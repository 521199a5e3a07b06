/* tests/protocol/utf8_test.c: the UTF-8 check against a second, slower statement of RFC 3629, at every cut; which
 * characters can be seen, against the properties of Unicode. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/utf8.h"

struct text {
    const char *bytes;
    size_t size, good; /* good: how many bytes are accepted */
    bool is_whole;     /* the accepted ones end a character */
};
#define TEXT(bytes, good, is_whole)              \
    {                                            \
        bytes, sizeof(bytes) - 1, good, is_whole \
    }

static const struct text texts[] = {
    TEXT("", 0, true),
    TEXT("hello", 5, true),
    TEXT("\x00", 1, true),
    TEXT("\x7f", 1, true),
    TEXT("\xc2\x80", 2, true),
    TEXT("\xdf\xbf", 2, true),
    TEXT("\xe0\xa0\x80", 3, true),
    TEXT("\xed\x9f\xbf", 3, true),
    TEXT("\xee\x80\x80", 3, true),
    TEXT("\xef\xbf\xbf", 3, true),
    TEXT("\xf0\x90\x80\x80", 4, true),
    TEXT("\xf4\x8f\xbf\xbf", 4, true),
    TEXT("\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5", 11, true),
    TEXT("\x80", 0, true),
    TEXT("\xbf", 0, true),
    TEXT("\xc0\x80", 0, true),
    TEXT("\xc0\xaf", 0, true),
    TEXT("\xc1\xbf", 0, true),
    TEXT("\xe0\x80\x80", 1, false),
    TEXT("\xe0\x9f\xbf", 1, false),
    TEXT("\xed\xa0\x80", 1, false),
    TEXT("\xed\xbf\xbf", 1, false),
    TEXT("\xf0\x80\x80\x80", 1, false),
    TEXT("\xf0\x8f\xbf\xbf", 1, false),
    TEXT("\xf4\x90\x80\x80", 1, false),
    TEXT("\xf5\x80\x80\x80", 0, true),
    TEXT("\xf8\x88\x80\x80\x80", 0, true),
    TEXT("\xfe", 0, true),
    TEXT("\xff", 0, true),
    TEXT("a\xc2", 2, false),
    TEXT("a\xe2\x82", 3, false),
    TEXT("a\xf0\x9f\x98", 4, false),
    TEXT("\xe2\x82\xac\xe2(\xa1", 4, false),
    TEXT("\xf0\x28\x8c\xbc", 1, false),
    TEXT("abcdefgh\xc3\xa9ijklmnopq", 19, true),
    TEXT("abcdefgh\xff", 8, true),
    TEXT("abcdefghijklmnop\x80", 16, true),
};

START_TEST(accepts_up_to_the_first_bad_byte)
{
    const struct text *text = &texts[_i];
    struct cr_utf8 state = CR_UTF8_INIT;
    ck_assert_uint_eq(cr_utf8_accept(&state, text->bytes, text->size), text->good);
    ck_assert(cr_utf8_is_whole(&state) == text->is_whole);
    ck_assert(cr_utf8_is_valid(text->bytes, text->size) == (text->good == text->size && text->is_whole));
}
END_TEST

START_TEST(does_not_depend_on_the_cut)
{
    const struct text *text = &texts[_i];
    for (size_t cut = 0; cut <= text->size; cut++) {
        struct cr_utf8 state = CR_UTF8_INIT;
        size_t good = cr_utf8_accept(&state, text->bytes, cut);
        if (good == cut)
            good += cr_utf8_accept(&state, text->bytes + cut, text->size - cut);
        ck_assert_uint_eq(good, text->good);
        ck_assert(cr_utf8_is_whole(&state) == text->is_whole);
    }
}
END_TEST

static size_t
encode(uint32_t point, uint8_t bytes[4])
{
    if (point < 0x80) {
        bytes[0] = (uint8_t)point;
        return 1;
    }
    size_t size = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    for (size_t at = size - 1; at > 0; at--, point >>= 6)
        bytes[at] = (uint8_t)(0x80 | (point & 0x3F));
    bytes[0] = (uint8_t)((0xF0 << (4 - size) & 0xFF) | point);
    return size;
}

START_TEST(decodes_every_character)
{
    for (uint32_t point = 0; point <= 0x10FFFF; point++) {
        uint8_t bytes[4];
        uint32_t back = 0xFFFFFFFF;
        size_t size = encode(point, bytes);
        bool is_surrogate = point >= 0xD800 && point <= 0xDFFF;
        size_t used = cr_utf8_decode(bytes, size, &back);
        if (used != (is_surrogate ? 0 : size) || (used > 0 && back != point) ||
            cr_utf8_is_valid(bytes, size) == is_surrogate || cr_utf8_decode(bytes, size - 1, &back) != 0)
            ck_abort_msg("U+%04X", point); /* an assertion each would take a minute */
    }
}
END_TEST

/* Every sequence of three bytes, against "some character encodes to just that". */
START_TEST(accepts_no_other_three_bytes)
{
    size_t valid = 0;
    for (uint32_t number = 0x800000; number <= 0xFFFFFF; number++) {
        uint8_t bytes[3] = {(uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number};
        if (bytes[0] >= 0xE0)
            valid += cr_utf8_is_valid(bytes, 3);
    }
    ck_assert_uint_eq(valid, 0x10000 - 0x800 - 0x800); /* all of the plane but two-byte characters and surrogates */
}
END_TEST

START_TEST(cuts_between_characters)
{
    const char *text = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80";
    const size_t expected[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 10};
    for (size_t limit = 0; limit < sizeof(expected) / sizeof(expected[0]); limit++)
        ck_assert_uint_eq(cr_utf8_cut(text, 10, limit), expected[limit]);
}
END_TEST

struct sight {
    const char *text;
    ssize_t line, name; /* what cr_utf8_visible answers */
};

static const struct sight sights[] = {
    {"", 0, 0},
    {"alice", 5, 5},
    {"J\xc3\xbcrgen", 6, 6},
    {"\xe5\xb1\xb1\xe7\x94\xb0", 2, 2},
    {"\xf0\x9f\x98\x80", 1, 1},
    {"two words", 9, -EINVAL},
    {"a\tb", 3, -EINVAL},
    {"a\nb", -EINVAL, -EINVAL},
    {"a\rb", -EINVAL, -EINVAL},
    {"a\x1b[31m", -EINVAL, -EINVAL},
    {"a\x7f", -EINVAL, -EINVAL},
    {"a\xc2\x85", -EINVAL, -EINVAL},     /* next line */
    {"a\xc2\x9b", -EINVAL, -EINVAL},     /* C1: control sequence introducer */
    {"a\xc2\xa0", 2, -EINVAL},           /* no-break space */
    {"a\xe3\x80\x80", 2, -EINVAL},       /* ideographic space */
    {"a\xe2\x80\x8b", -EINVAL, -EINVAL}, /* zero width space */
    {"a\xe2\x80\x8d"
     "b",
     3, -EINVAL},                           /* joiner */
    {"a\xe2\x80\x8e", -EINVAL, -EINVAL},    /* left-to-right mark */
    {"a\xe2\x80\xa8", -EINVAL, -EINVAL},    /* line separator */
    {"a\xe2\x80\xae", -EINVAL, -EINVAL},    /* right-to-left override */
    {"a\xe2\x81\xa6", -EINVAL, -EINVAL},    /* isolate */
    {"a\xe2\x81\xa0", -EINVAL, -EINVAL},    /* word joiner */
    {"a\xef\xbb\xbf", -EINVAL, -EINVAL},    /* byte order mark */
    {"a\xef\xb8\x8f", 2, -EINVAL},          /* variation selector */
    {"\xe3\x85\xa4", 1, -EINVAL},           /* Hangul filler */
    {"\xee\x80\x80", 1, -EINVAL},           /* private use */
    {"\xef\xb7\x90", -EINVAL, -EINVAL},     /* no character */
    {"\xef\xbf\xbf", -EINVAL, -EINVAL},     /* no character */
    {"\xf0\x9f\xbf\xbe", -EINVAL, -EINVAL}, /* no character */
    {"\xf3\xa0\x81\xa1", -EINVAL, -EINVAL}, /* tag */
    {"\xff", -EILSEQ, -EILSEQ},
    {"a\xe2\x82", -EILSEQ, -EILSEQ},
};

START_TEST(knows_what_can_be_seen)
{
    const struct sight *sight = &sights[_i];
    ck_assert_int_eq(cr_utf8_visible(sight->text, strlen(sight->text), CR_UTF8_LINE), sight->line);
    ck_assert_int_eq(cr_utf8_visible(sight->text, strlen(sight->text), CR_UTF8_NAME), sight->name);
}
END_TEST

/* Unicode's White_Space, Bidi_Control and Default_Ignorable_Code_Point (version 15), once more and in their own words. */
struct property {
    uint32_t first, last;
};
static const struct property never_in_names[] = {
    {0x09, 0x0D},     {0x20, 0x20},     {0x85, 0x85},       {0xA0, 0xA0},       {0x1680, 0x1680},   {0x2000, 0x200A},
    {0x2028, 0x2029}, {0x202F, 0x202F}, {0x205F, 0x205F},   {0x3000, 0x3000},   {0x061C, 0x061C},   {0x200E, 0x200F},
    {0x202A, 0x202E}, {0x2066, 0x2069}, {0x00AD, 0x00AD},   {0x034F, 0x034F},   {0x115F, 0x1160},   {0x17B4, 0x17B5},
    {0x180B, 0x180F}, {0x200B, 0x200F}, {0x2060, 0x206F},   {0x3164, 0x3164},   {0xFE00, 0xFE0F},   {0xFEFF, 0xFEFF},
    {0xFFA0, 0xFFA0}, {0xFFF0, 0xFFF8}, {0x1BCA0, 0x1BCA3}, {0x1D173, 0x1D17A}, {0xE0000, 0xE0FFF},
};

static bool
is_seen(uint32_t point, enum cr_utf8_use use)
{
    uint8_t bytes[4];
    return cr_utf8_visible(bytes, encode(point, bytes), use) == 1;
}

START_TEST(names_hold_nothing_unseen)
{
    for (size_t i = 0; i < sizeof(never_in_names) / sizeof(never_in_names[0]); i++)
        for (uint32_t point = never_in_names[i].first; point <= never_in_names[i].last; point++)
            if (is_seen(point, CR_UTF8_NAME))
                ck_abort_msg("U+%04X", point);
    for (uint32_t plane = 0; plane <= 0x10; plane++) {
        ck_assert(!is_seen(plane << 16 | 0xFFFE, CR_UTF8_LINE));
        ck_assert(!is_seen(plane << 16 | 0xFFFF, CR_UTF8_LINE));
    }
}
END_TEST

START_TEST(what_a_name_may_hold_a_line_may)
{
    size_t in_names = 0;
    for (uint32_t point = 0; point <= 0x10FFFF; point++) {
        if (point == 0xD800)
            point = 0xE000;
        bool in_name = is_seen(point, CR_UTF8_NAME);
        if (in_name && !is_seen(point, CR_UTF8_LINE))
            ck_abort_msg("U+%04X", point);
        in_names += in_name;
    }
    ck_assert_uint_gt(in_names, 900000); /* the table has not grown to refuse everything */
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("utf8");
    TCase *bytes = tcase_create("bytes");
    TCase *sight = tcase_create("sight");
    int count = (int)(sizeof(texts) / sizeof(texts[0]));
    tcase_add_loop_test(bytes, accepts_up_to_the_first_bad_byte, 0, count);
    tcase_add_loop_test(bytes, does_not_depend_on_the_cut, 0, count);
    tcase_add_test(bytes, decodes_every_character);
    tcase_add_test(bytes, accepts_no_other_three_bytes);
    tcase_add_test(bytes, cuts_between_characters);
    tcase_set_timeout(bytes, 60);
    tcase_add_loop_test(sight, knows_what_can_be_seen, 0, (int)(sizeof(sights) / sizeof(sights[0])));
    tcase_add_test(sight, names_hold_nothing_unseen);
    tcase_add_test(sight, what_a_name_may_hold_a_line_may);
    suite_add_tcase(suite, bytes);
    suite_add_tcase(suite, sight);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
