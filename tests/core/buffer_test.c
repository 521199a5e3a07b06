/* buffer_test.c: bytes that grow up to a limit, and results in words. */
#include "core.h"

#include <coir/buffer.h>
#include <errno.h>
#include <limits.h>
#include <string.h>

START_TEST(grows_to_its_limit)
{
    struct coir_buffer buffer = COIR_BUFFER_INIT(1000);
    char text[1001];
    memset(text, 'x', sizeof text);
    ck_assert_ptr_null(buffer.bytes);
    ck_assert_int_eq(coir_buffer_append(&buffer, text, 0), 0);
    for (size_t i = 0; i < 100; i++) {
        ck_assert_int_eq(coir_buffer_append(&buffer, "0123456789", 10), 0);
        ck_assert_uint_eq(buffer.size, 10 * (i + 1));
        ck_assert(buffer.capacity > buffer.size && !buffer.bytes[buffer.size]);
    }
    ck_assert_int_eq(coir_buffer_append(&buffer, "!", 1), -EMSGSIZE);
    ck_assert_int_eq(coir_buffer_append(&buffer, text, SIZE_MAX), -EMSGSIZE);
    ck_assert_int_eq(coir_buffer_print(&buffer, "%d", 1), -EMSGSIZE);
    ck_assert_int_eq(coir_buffer_append(&buffer, NULL, 0), 0);
    ck_assert_uint_eq(buffer.size, 1000);
    ck_assert(!memcmp(buffer.bytes, "01234567890123456789", 20) && !buffer.bytes[1000]);
    coir_buffer_clear(&buffer);
    ck_assert_uint_eq(buffer.size, 0);
    ck_assert_str_eq(buffer.bytes, "");
    ck_assert_int_eq(coir_buffer_append(&buffer, text, 1001), -EMSGSIZE);
    ck_assert_int_eq(coir_buffer_append(&buffer, text, 1000), 0);
    coir_buffer_fini(&buffer);
    ck_assert_ptr_null(buffer.bytes);
    coir_buffer_fini(&buffer);
}
END_TEST

START_TEST(prints)
{
    struct coir_buffer buffer;
    char text[5000];
    memset(text, 'y', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    coir_buffer_init(&buffer, 10000);
    coir_buffer_clear(&buffer);
    ck_assert_int_eq(coir_buffer_print(&buffer, "%s", ""), 0);
    ck_assert_int_eq(coir_buffer_print(&buffer, "%d-%s", 42, "x"), 0);
    ck_assert_str_eq(buffer.bytes, "42-x");
    ck_assert_int_eq(coir_buffer_print(&buffer, "%s", text), 0);
    ck_assert_uint_eq(buffer.size, 5003);
    ck_assert_int_eq(coir_buffer_print(&buffer, "%s", text), -EMSGSIZE);
    ck_assert_uint_eq(buffer.size, 5003);
    ck_assert_uint_eq(strlen(buffer.bytes), 5003);
    coir_buffer_fini(&buffer);
}
END_TEST

START_TEST(nothing_fits_without_a_limit)
{
    struct coir_buffer buffer = COIR_BUFFER_INIT(0);
    ck_assert_int_eq(coir_buffer_append(&buffer, "x", 1), -EMSGSIZE);
    ck_assert_int_eq(coir_buffer_print(&buffer, "x"), -EMSGSIZE);
    ck_assert_uint_eq(buffer.size, 0);
    coir_buffer_fini(&buffer);
}
END_TEST

START_TEST(results_in_words)
{
    static const int results[] = {0, 1, -EAGAIN, -ETIMEDOUT, -ECANCELED, -EPIPE, -EDEADLK, -99999, INT_MIN, INT_MAX};
    for (size_t i = 0; i < sizeof results / sizeof results[0]; i++)
        ck_assert(coir_error_text(results[i]) && *coir_error_text(results[i]));
    ck_assert_str_eq(coir_error_text(0), coir_error_text(5));
    ck_assert_str_ne(coir_error_text(-EAGAIN), coir_error_text(-ETIMEDOUT));
    ck_assert_int_eq(coir_killed_by(-(COIR_KILLED + 9)), 9);
    ck_assert_int_eq(coir_killed_by(-(COIR_KILLED + 64)), 64);
    ck_assert_int_eq(coir_killed_by(-COIR_KILLED), 0);
    ck_assert_int_eq(coir_killed_by(-EPIPE), 0);
    ck_assert_int_eq(coir_killed_by(INT_MIN), 0);
    ck_assert_int_eq(coir_killed_by(COIR_KILLED + 9), 0);
    ck_assert_ptr_nonnull(strstr(coir_error_text(-(COIR_KILLED + 9)), "ill"));
}
END_TEST

START_TEST(time_and_chance)
{
    coir_time before = coir_now(), moment = coir_after(COIR_SECOND);
    int seen[10] = {0};
    ck_assert_int_eq(coir_version(), COIR_VERSION);
    ck_assert(before >= (coir_time)1 << 60 && coir_now() >= before);
    ck_assert(moment >= before + COIR_SECOND && moment < before + 2 * COIR_SECOND);
    ck_assert(coir_after(COIR_NEVER) == COIR_NEVER);
    ck_assert(coir_after(-COIR_SECOND) < before + COIR_SECOND && coir_after(INT64_MIN) <= before);
    ck_assert(coir_wall_time() > INT64_C(1700000000) * COIR_SECOND);
    for (int i = 0; i < 10000; i++) {
        uint64_t number = coir_random(10);
        MUST(number < 10);
        seen[number]++;
    }
    for (int i = 0; i < 10; i++)
        ck_assert(seen[i] > 700 && seen[i] < 1300);
    ck_assert_uint_eq(coir_random(1), 0);
    ck_assert(coir_random(0) != coir_random(0));
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_test(cases, grows_to_its_limit);
    tcase_add_test(cases, prints);
    tcase_add_test(cases, nothing_fits_without_a_limit);
    tcase_add_test(cases, results_in_words);
    tcase_add_test(cases, time_and_chance);
}

int
main(void)
{
    return core_main("buffer", add);
}
