/* protocol/utf8.c: UTF-8, checked as it comes; and which characters a person can see.
 *
 * The check: a lead byte fixes how many bytes follow and the bounds of the first of them; that one rule covers overlong
 * forms (E0, F0 raise the lower bound), surrogates (ED lowers the upper one) and the end at U+10FFFF (F4 lowers it), so
 * there is nothing to look up afterwards and a bad byte is known when it is seen. Runs of ASCII go eight bytes at a time.
 *
 * What can be seen: `unseen` lists what a reader would not notice, or what would change how others read the text around
 * it. It is written by hand from Unicode 15's Default_Ignorable_Code_Point, White_Space, Bidi_Control and
 * Noncharacter_Code_Point, all of which are stable by policy or nearly so; the test holds it against those properties.
 * Known limits: unassigned numbers pass (they become characters every year); so do any number of combining marks on one
 * letter; letters that look alike are not compared. The flags of England, Scotland and Wales are written with tag
 * characters, which can hide a whole text, and are refused. */
#include "protocol/utf8.h"

#include <errno.h>
#include <string.h>

#define HIGH_BITS UINT64_C(0x8080808080808080)

struct range {
    uint32_t first, last;
    enum cr_utf8_use use; /* the laxest use it is refused for: LINE means everywhere */
};

/* In order; without the last two numbers of each plane, which is_unseen computes. */
static const struct range unseen[] = {
    {0x0000, 0x0008, CR_UTF8_LINE},   /* C0 */
    {0x0009, 0x0009, CR_UTF8_NAME},   /* tab */
    {0x000A, 0x001F, CR_UTF8_LINE},   /* C0 */
    {0x0020, 0x0020, CR_UTF8_NAME},   /* blank */
    {0x007F, 0x009F, CR_UTF8_LINE},   /* DEL, C1 */
    {0x00A0, 0x00A0, CR_UTF8_NAME},   /* no-break space */
    {0x00AD, 0x00AD, CR_UTF8_NAME},   /* soft hyphen */
    {0x034F, 0x034F, CR_UTF8_NAME},   /* combining grapheme joiner */
    {0x061C, 0x061C, CR_UTF8_LINE},   /* Arabic letter mark */
    {0x115F, 0x1160, CR_UTF8_NAME},   /* Hangul fillers */
    {0x1680, 0x1680, CR_UTF8_NAME},   /* Ogham space */
    {0x17B4, 0x17B5, CR_UTF8_NAME},   /* Khmer inherent vowels */
    {0x180B, 0x180F, CR_UTF8_NAME},   /* Mongolian selectors and separator */
    {0x2000, 0x200A, CR_UTF8_NAME},   /* spaces */
    {0x200B, 0x200B, CR_UTF8_LINE},   /* zero width space */
    {0x200C, 0x200D, CR_UTF8_NAME},   /* zero width non-joiner and joiner */
    {0x200E, 0x200F, CR_UTF8_LINE},   /* left-to-right and right-to-left mark */
    {0x2028, 0x202E, CR_UTF8_LINE},   /* line and paragraph separator, embeddings and overrides */
    {0x202F, 0x202F, CR_UTF8_NAME},   /* narrow no-break space */
    {0x205F, 0x205F, CR_UTF8_NAME},   /* mathematical space */
    {0x2060, 0x206F, CR_UTF8_LINE},   /* word joiner, invisible operators, isolates, old formatting */
    {0x2800, 0x2800, CR_UTF8_NAME},   /* Braille blank */
    {0x3000, 0x3000, CR_UTF8_NAME},   /* ideographic space */
    {0x3164, 0x3164, CR_UTF8_NAME},   /* Hangul filler */
    {0xE000, 0xF8FF, CR_UTF8_NAME},   /* private use */
    {0xFDD0, 0xFDEF, CR_UTF8_LINE},   /* no characters */
    {0xFE00, 0xFE0F, CR_UTF8_NAME},   /* variation selectors */
    {0xFEFF, 0xFEFF, CR_UTF8_LINE},   /* byte order mark */
    {0xFFA0, 0xFFA0, CR_UTF8_NAME},   /* halfwidth Hangul filler */
    {0xFFF0, 0xFFFB, CR_UTF8_LINE},   /* reserved, annotation marks */
    {0x1BCA0, 0x1BCA3, CR_UTF8_NAME}, /* shorthand format controls */
    {0x1D173, 0x1D17A, CR_UTF8_LINE}, /* musical format controls */
    {0xE0000, 0xE00FF, CR_UTF8_LINE}, /* tags */
    {0xE0100, 0xE01EF, CR_UTF8_NAME}, /* more variation selectors */
    {0xE01F0, 0xE0FFF, CR_UTF8_LINE}, /* reserved */
    {0xF0000, 0x10FFFF, CR_UTF8_NAME} /* private use */
};

/* Takes the lead byte in; false: no character begins so. */
static bool
begin_character(struct cr_utf8 *state, uint8_t byte)
{
    if (byte < 0xC2 || byte > 0xF4)
        return byte < 0x80;
    state->left = (uint8_t)(1 + (byte >= 0xE0) + (byte >= 0xF0));
    state->low = byte == 0xE0 ? 0xA0 : byte == 0xF0 ? 0x90 : 0x80;
    state->high = byte == 0xED ? 0x9F : byte == 0xF4 ? 0x8F : 0xBF;
    return true;
}

static bool
accept_byte(struct cr_utf8 *state, uint8_t byte)
{
    if (state->left == 0)
        return begin_character(state, byte);
    if (byte < state->low || byte > state->high)
        return false;
    *state = (struct cr_utf8){(uint8_t)(state->left - 1), 0x80, 0xBF};
    return true;
}

/* How many bytes at the beginning come in groups of eight ASCII ones. */
static size_t
ascii_groups(const uint8_t *bytes, size_t size)
{
    size_t at = 0;
    for (; size - at >= 8; at += 8) {
        uint64_t word;
        memcpy(&word, bytes + at, 8);
        if (word & HIGH_BITS)
            break;
    }
    return at;
}

size_t
cr_utf8_accept(struct cr_utf8 *state, const void *bytes, size_t size)
{
    const uint8_t *next = bytes;
    size_t at = 0;
    while (at < size) {
        if (state->left == 0 && next[at] < 0x80)
            at += ascii_groups(next + at, size - at);
        if (at < size && !accept_byte(state, next[at]))
            break;
        at += at < size;
    }
    return at;
}

bool
cr_utf8_is_whole(const struct cr_utf8 *state)
{
    return state->left == 0;
}

bool
cr_utf8_is_valid(const void *bytes, size_t size)
{
    struct cr_utf8 state = CR_UTF8_INIT;
    return cr_utf8_accept(&state, bytes, size) == size && state.left == 0;
}

size_t
cr_utf8_decode(const void *bytes, size_t size, uint32_t *point)
{
    static const uint8_t lead_bits[] = {0x7F, 0x1F, 0x0F, 0x07};
    const uint8_t *next = bytes;
    struct cr_utf8 state = CR_UTF8_INIT;
    if (size == 0 || !begin_character(&state, next[0]))
        return 0;
    size_t length = (size_t)state.left + 1;
    if (size < length)
        return 0;
    uint32_t value = next[0] & lead_bits[length - 1];
    for (size_t at = 1; at < length; at++) {
        if (!accept_byte(&state, next[at]))
            return 0;
        value = value << 6 | (next[at] & 0x3Fu);
    }
    *point = value;
    return length;
}

size_t
cr_utf8_cut(const void *bytes, size_t size, size_t limit)
{
    const uint8_t *next = bytes;
    if (size <= limit)
        return size;
    while (limit > 0 && (next[limit] & 0xC0) == 0x80)
        limit--;
    return limit;
}

static bool
is_unseen(uint32_t point, enum cr_utf8_use use)
{
    size_t low = 0, high = sizeof(unseen) / sizeof(unseen[0]);
    if ((point & 0xFFFE) == 0xFFFE)
        return true;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (point > unseen[middle].last)
            low = middle + 1;
        else if (point < unseen[middle].first)
            high = middle;
        else
            return use >= unseen[middle].use;
    }
    return false;
}

ssize_t
cr_utf8_visible(const void *bytes, size_t size, enum cr_utf8_use use)
{
    const uint8_t *next = bytes;
    ssize_t count = 0;
    for (size_t at = 0; at < size; count++) {
        uint32_t point;
        size_t length = cr_utf8_decode(next + at, size - at, &point);
        if (length == 0)
            return -EILSEQ;
        if (is_unseen(point, use))
            return -EINVAL;
        at += length;
    }
    return count;
}
