/* tests/toys/toy_test.c: what the toys answer, to a line, over a stream, and to a datagram. */
#include <check.h>
#include <coir/buffer.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "servers/toys/toy.h"
#include "tests/core/core.h"

#define SECONDS (10 * COIR_SECOND)
#define NOT_WHOLE(word) "error: word " word " is no whole number from -9223372036854775808 to 9223372036854775807"

static const struct {
    cr_toy_answer *answer;
    const char *line, *expected;
} lines[] = {
    {cr_sum_of, "", "0"},
    {cr_sum_of, " \t ", "0"},
    {cr_sum_of, "1 2 3", "6"},
    {cr_sum_of, "  +7\t-10  ", "-3"},
    {cr_sum_of, "-0", "0"},
    {cr_sum_of, "9223372036854775807", "9223372036854775807"},
    {cr_sum_of, "-9223372036854775808", "-9223372036854775808"},
    {cr_sum_of, "9223372036854775807 9223372036854775807", "18446744073709551614"},
    {cr_sum_of, "-9223372036854775808 -9223372036854775808", "-18446744073709551616"},
    {cr_sum_of, "999999999999999999 1", "1000000000000000000"},
    {cr_sum_of, "1000000000000000000 7", "1000000000000000007"},
    {cr_sum_of, "1 9223372036854775808", NOT_WHOLE("2")},
    {cr_sum_of, "-9223372036854775809", NOT_WHOLE("1")},
    {cr_sum_of, "99999999999999999999999999", NOT_WHOLE("1")},
    {cr_sum_of, "1 2 x", NOT_WHOLE("3")},
    {cr_sum_of, "1.5", NOT_WHOLE("1")},
    {cr_sum_of, "0x10", NOT_WHOLE("1")},
    {cr_sum_of, "-", NOT_WHOLE("1")},
    {cr_sum_of, "+-1", NOT_WHOLE("1")},
    {cr_sum_of, "1\xC2\xA0", NOT_WHOLE("1")}, /* a no-break space is no blank here */
    {cr_upper_of, "", ""},
    {cr_upper_of, "Hello, 1 world", "HELLO, 1 WORLD"},
    {cr_upper_of, "gr\xC3\xBC\xC3\x9F", "GR\xC3\x9CSS"},                           /* gruess, with umlaut and sharp s */
    {cr_upper_of, "\xCE\xB1\xCF\x89", "\xCE\x91\xCE\xA9"},                         /* alpha, omega */
    {cr_upper_of, "\xF0\x9F\x90\xA2\xE5\xB1\xB1", "\xF0\x9F\x90\xA2\xE5\xB1\xB1"}, /* a turtle, a mountain */
    {cr_upper_of, "a\xC3", "error: that is not UTF-8 text"},
    {cr_upper_of, "\xFF", "error: that is not UTF-8 text"},
};

START_TEST(test_line)
{
    static char answer[CR_TOY_ANSWER];
    size_t size = lines[_i].answer(lines[_i].line, strlen(lines[_i].line), answer);
    ck_assert_msg(size == strlen(lines[_i].expected) && !memcmp(answer, lines[_i].expected, size),
                  "\"%s\" is answered by \"%.*s\", not \"%s\"", lines[_i].line, (int)size, answer, lines[_i].expected);
}
END_TEST

/* The longest line of what grows most: U+0390 has capitals of three characters, of six bytes together. */
START_TEST(test_longest)
{
    char line[CR_TOY_LINE];
    char *answer = malloc(CR_TOY_ANSWER); /* of its own, so that a sanitizer sees a byte too much */
    for (size_t i = 0; i < sizeof line; i += 2)
        memcpy(line + i, "\xCE\x90", 2);
    ck_assert_uint_eq(cr_upper_of(line, sizeof line, answer), CR_TOY_ANSWER);
    memset(line, '9', sizeof line);
    for (size_t i = 18; i < sizeof line; i += 19)
        line[i] = ' ';
    size_t size = cr_sum_of(line, sizeof line, answer); /* 215 times 10^18 - 1, and eleven nines */
    ck_assert_msg(size == 21 && !memcmp(answer, "215000000099999999784", 21), "%.*s", (int)size, answer);
    free(answer);
}
END_TEST

/* ---- Over a stream ---- */

static char long_line[CR_TOY_LINE + 2]; /* one byte more than may be, and its LF */

#define TEXT(literal) literal, sizeof literal - 1

static const struct {
    coir_handler *serve;
    const char *said;
    size_t said_size;
    const char *heard;
    size_t heard_size;
} visits[] = {
    {cr_echo_serve, TEXT("a\0b\n\nc"), TEXT("a\0b\n\nc")},
    {cr_echo_serve, TEXT(""), TEXT("")},
    {cr_upper_serve, TEXT("one\r\ntwo\n\nthree"), TEXT("ONE\nTWO\n\nTHREE\n")}, /* a last line without LF is one */
    {cr_upper_serve, TEXT("a\0b\n"), TEXT("A\0B\n")},
    {cr_upper_serve, TEXT(""), TEXT("")},
    {cr_upper_serve, long_line, sizeof long_line, TEXT("error: that is longer than 4096 bytes\n")},
    {cr_sum_serve, TEXT("1 2\n\n3\0 4\n5 6"), TEXT("3\n0\n" NOT_WHOLE("1") "\n11\n")},
};

static int
visit(void *arg)
{
    int number = *(int *)arg;
    struct coir_stream *ends[2];
    struct coir_buffer heard = COIR_BUFFER_INIT(65536);
    MUST_BE(coir_stream_pair(ends), 0);
    MUST_BE(coir_stream_write(ends[0], visits[number].said, visits[number].said_size, coir_after(SECONDS)), 0);
    MUST_BE(coir_stream_shutdown(ends[0], coir_after(SECONDS)), 0);
    MUST_BE(visits[number].serve(ends[1], NULL), 0);
    MUST_BE(coir_stream_close(ends[1]), 0);
    MUST_BE(coir_stream_read_rest(ends[0], &heard, coir_after(SECONDS)), 0);
    MUST_BE(heard.size, visits[number].heard_size);
    MUST(heard.size == 0 || !memcmp(heard.bytes, visits[number].heard, heard.size));
    coir_buffer_fini(&heard);
    return coir_stream_close(ends[0]);
}

START_TEST(test_visit)
{
    memset(long_line, 'x', CR_TOY_LINE + 1);
    long_line[CR_TOY_LINE + 1] = '\n';
    core_run(1, visit, &_i);
}
END_TEST

/* "2026-02-28T23:59:59Z\n", of a moment between before and after. */
static void
check_time(const char *text, size_t size, int64_t before, int64_t after)
{
    struct tm parts = {0};
    char *end;
    MUST_BE(size, 21);
    end = strptime(text, "%Y-%m-%dT%H:%M:%SZ\n", &parts);
    MUST(end && !*end);
    MUST(timegm(&parts) >= before / COIR_SECOND && timegm(&parts) <= after / COIR_SECOND);
}

/* He has said something, which is not answered, and hears the time and the end all the same. */
static int
ask_time(void *arg)
{
    struct coir_stream *ends[2];
    struct coir_buffer heard = COIR_BUFFER_INIT(65536);
    int64_t before = coir_wall_time();
    (void)arg;
    MUST_BE(coir_stream_pair(ends), 0);
    MUST_BE(coir_stream_print(ends[0], coir_after(SECONDS), "what time is it?\n"), 0);
    MUST_BE(cr_time_serve(ends[1], NULL), 0);
    MUST_BE(coir_stream_close(ends[1]), 0);
    MUST_BE(coir_stream_read_rest(ends[0], &heard, coir_after(SECONDS)), 0);
    MUST_BE(coir_buffer_append(&heard, "", 1), 0);
    check_time(heard.bytes, heard.size - 1, before, coir_wall_time());
    coir_buffer_fini(&heard);
    return coir_stream_close(ends[0]);
}

START_TEST(test_time)
{
    core_run(1, ask_time, NULL);
}
END_TEST

/* ---- Datagrams ---- */

static const struct {
    coir_datagram_handler *reply;
    const char *said;
    size_t size;
    const char *heard; /* NULL: the time */
} letters[] = {
    {cr_echo_reply, TEXT("as it is\r\n"), "as it is\r\n"},
    {cr_echo_reply, TEXT(""), ""},
    {cr_upper_reply, TEXT("one\r\n"), "ONE\n"},
    {cr_upper_reply, TEXT("one\ntwo"), "ONE\nTWO\n"},
    {cr_upper_reply, long_line, sizeof long_line - 1, "error: that is longer than 4096 bytes\n"},
    {cr_sum_reply, TEXT("1 2\n3\n"), "6\n"},
    {cr_sum_reply, TEXT(""), "0\n"},
    {cr_time_reply, TEXT("?"), NULL},
};

static int
write_letter(void *arg)
{
    int number = *(int *)arg;
    char text[COIR_ADDRESS_TEXT], bytes[256];
    struct coir_datagram *server, *client;
    struct coir_address here, from;
    int64_t before = coir_wall_time();
    ssize_t size;
    MUST_BE(coir_datagram_open("udp://127.0.0.1:0", NULL, &server), 0);
    MUST_BE(coir_datagram_local(server, &here), 0);
    MUST_BE(coir_datagram_open(
                NULL, &(struct coir_datagram_options){.peer = coir_address_text(&here, text, sizeof text)}, &client),
            0);
    MUST_BE(coir_datagram_local(client, &from), 0);
    MUST_BE(letters[number].reply(server, &from, letters[number].said, letters[number].size, NULL), 0);
    size = coir_datagram_receive(client, bytes, sizeof bytes - 1, NULL, coir_after(SECONDS));
    MUST(size >= 0);
    bytes[size] = '\0';
    if (letters[number].heard)
        ck_assert_str_eq(bytes, letters[number].heard);
    else
        check_time(bytes, (size_t)size, before, coir_wall_time());
    MUST_BE(letters[number].reply(server, &(struct coir_address){.size = 0}, "", 0, NULL), -EDESTADDRREQ);
    coir_datagram_close(client);
    coir_datagram_close(server);
    return 0;
}

START_TEST(test_letter)
{
    memset(long_line, 'x', CR_TOY_LINE + 1);
    core_run(1, write_letter, &_i);
}
END_TEST

START_TEST(test_names)
{
    ck_assert_ptr_null(cr_toy_find("nothing"));
    ck_assert_ptr_eq(cr_toy_find("sum")->serve, cr_sum_serve);
    for (size_t i = 0; cr_toy_at(i); i++)
        ck_assert_ptr_eq(cr_toy_find(cr_toy_at(i)->name), cr_toy_at(i));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("toy");
    TCase *cases = tcase_create("toy");
    tcase_add_loop_test(cases, test_line, 0, (int)(sizeof lines / sizeof lines[0]));
    tcase_add_test(cases, test_longest);
    tcase_add_loop_test(cases, test_visit, 0, (int)(sizeof visits / sizeof visits[0]));
    tcase_add_test(cases, test_time);
    tcase_add_loop_test(cases, test_letter, 0, (int)(sizeof letters / sizeof letters[0]));
    tcase_add_test(cases, test_names);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
