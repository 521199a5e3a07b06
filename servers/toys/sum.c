/* servers/toys/sum.c: the sum of the numbers in a line.
 *
 * A line of 4 KiB has some 2,000 numbers at most: below 2^63 each, their sum fits into 128 bits with room to spare, so that
 * nothing can overflow but a number itself, which is told. A line without numbers has the sum 0. */
#include <inttypes.h>
#include <stdio.h>

#include "servers/toys/toy.h"

typedef __int128 wide;

static bool
is_blank(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

/* "-12" as a number. False: it is none, or not of 64 bits. */
static bool
read_number(const char *word, size_t size, int64_t *number)
{
    int sign = size && *word == '-' ? -1 : 1;
    size_t first = size && (*word == '-' || *word == '+');
    *number = 0;
    for (size_t i = first; i < size; i++)
        if (word[i] < '0' || word[i] > '9' || __builtin_mul_overflow(*number, 10, number) ||
            __builtin_add_overflow(*number, sign * (word[i] - '0'), number))
            return false;
    return size > first;
}

static size_t
write_sum(wide sum, char *answer)
{
    const uint64_t split = 1000000000000000000; /* 18 digits */
    unsigned __int128 rest = sum < 0 ? -(unsigned __int128)sum : (unsigned __int128)sum;
    uint64_t high = (uint64_t)(rest / split), low = (uint64_t)(rest % split);
    const char *sign = sum < 0 ? "-" : "";
    return (size_t)(high ? sprintf(answer, "%s%" PRIu64 "%018" PRIu64, sign, high, low)
                         : sprintf(answer, "%s%" PRIu64, sign, low));
}

size_t
cr_sum_of(const char *line, size_t size, char *answer)
{
    wide sum = 0;
    size_t words = 0;
    for (size_t place = 0;;) {
        while (place < size && is_blank(line[place]))
            place++;
        if (place == size)
            return write_sum(sum, answer);
        size_t begin = place;
        while (place < size && !is_blank(line[place]))
            place++;
        int64_t number;
        words++;
        if (!read_number(line + begin, place - begin, &number))
            return (size_t)sprintf(answer, "error: word %zu is no whole number from %" PRId64 " to %" PRId64, words,
                                   INT64_MIN, INT64_MAX);
        sum += number;
    }
}

int
cr_sum_serve(struct coir_stream *stream, void *arg)
{
    (void)arg;
    return cr_toy_answer_lines(stream, cr_sum_of);
}

int
cr_sum_reply(struct coir_datagram *datagram, const struct coir_address *from, const void *bytes, size_t size, void *arg)
{
    (void)arg;
    return cr_toy_answer_datagram(datagram, from, bytes, size, cr_sum_of);
}
