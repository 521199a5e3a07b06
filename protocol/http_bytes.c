/* protocol/http_bytes.c: the table behind http_bytes.h, one row for sixteen bytes. The test says the rules again and
 * compares all 256. */
#include "protocol/http_bytes.h"

/* clang-format off */
const unsigned char cr_http_bytes[256] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    2, 7, 2, 3, 7, 7, 7, 7, 6, 6, 7, 7, 6, 39, 39, 6,
    63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 6, 6, 2, 6, 2, 6,
    6, 47, 47, 47, 47, 47, 47, 39, 39, 39, 39, 39, 39, 39, 39, 39,
    39, 39, 39, 39, 39, 39, 39, 39, 39, 39, 39, 6, 6, 6, 7, 39,
    7, 47, 47, 47, 47, 47, 47, 39, 39, 39, 39, 39, 39, 39, 39, 39,
    39, 39, 39, 39, 39, 39, 39, 39, 39, 39, 39, 6, 7, 6, 39, 0,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
};
/* clang-format on */

static char
lower(char byte)
{
    return byte >= 'A' && byte <= 'Z' ? (char)(byte + ('a' - 'A')) : byte;
}

bool
cr_http_is_word(const char *text, size_t size, const char *word)
{
    for (size_t i = 0; i < size; i++)
        if (word[i] == '\0' || lower(text[i]) != lower(word[i]))
            return false;
    return word[size] == '\0';
}

bool
cr_http_is_same(const char *text, const char *word)
{
    size_t i = 0;
    while (word[i] && lower(text[i]) == lower(word[i]))
        i++;
    return text[i] == word[i];
}
