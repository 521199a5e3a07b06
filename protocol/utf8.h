/* protocol/utf8.h: is it UTF-8, what does it say, and can it be seen?
 *
 * Strict (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF. Pure functions; the check keeps its state
 * in three bytes, so text may come in pieces. Not here: case folding and normalization, which need tables that change every
 * year; who wants names to be unique without regard to case takes libunistring (u8_casefold with UNINORM_NFKC, then
 * u8_cmp), as the chat does. */
#ifndef CR_PROTOCOL_UTF8_H
#define CR_PROTOCOL_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Between two bytes of a text. Invariant: left is 0, or the next byte must be from low to high. */
struct cr_utf8 {
    uint8_t left;      /* continuation bytes the character still needs */
    uint8_t low, high; /* bounds of the next one */
};
#define CR_UTF8_INIT  \
    {                 \
        0, 0x80, 0xBF \
    }

/* How many of the bytes can be part of valid text after what came before; if fewer than size, the byte there cannot, and
 * the state is as before that byte. */
size_t cr_utf8_accept(struct cr_utf8 *state, const void *bytes, size_t size);

/* Whether the text so far ends at the end of a character. */
bool cr_utf8_is_whole(const struct cr_utf8 *state);

/* Whether size bytes are valid text as they stand. */
bool cr_utf8_is_valid(const void *bytes, size_t size);

/* The first character: how many bytes it takes, 1 to 4, and its number in *point; 0: none, cut off or invalid. */
size_t cr_utf8_decode(const void *bytes, size_t size, uint32_t *point);

/* The size of the longest beginning of at most limit bytes that does not cut a character; of valid text. */
size_t cr_utf8_cut(const void *bytes, size_t size, size_t limit);

enum cr_utf8_use {
    CR_UTF8_LINE, /* a line of talk: blanks and tabs may be inside, and the joiners and variation selectors that emoji and
                     several scripts need */
    CR_UTF8_NAME /* a name: what is seen only, so no blanks of any kind and nothing without a shape of its own */
};

/* Whether all of it can be shown to others as such a text: how many characters it has. Refused are controls (C0, C1, DEL),
 * line and paragraph separators, marks that turn the direction of writing, zero-width and other characters without a shape,
 * and numbers that are no characters. -EILSEQ: not UTF-8; -EINVAL: not for this use. */
ssize_t cr_utf8_visible(const void *bytes, size_t size, enum cr_utf8_use use);

#endif
