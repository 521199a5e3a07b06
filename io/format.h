/* io/format.h: the format language of packed bytes, one field at a time: coir_pack's parser, without memory or values. */
#ifndef CR_FORMAT_H
#define CR_FORMAT_H

#include <stdbool.h>
#include <stddef.h>

enum cr_field_kind {
    CR_FIELD_PAD,      /* x: zeros, no value */
    CR_FIELD_SIGNED,   /* b h i l q n */
    CR_FIELD_UNSIGNED, /* B H I L Q N P */
    CR_FIELD_CHAR,     /* c */
    CR_FIELD_BOOL,     /* ? */
    CR_FIELD_FLOAT,    /* e f d */
    CR_FIELD_BYTES,    /* s: the count is the size */
    CR_FIELD_COUNTED   /* p: the same; the first byte says how many of the others are in use */
};

/* "count" values of one letter, one behind the other. */
struct cr_field {
    enum cr_field_kind kind;
    char letter;
    size_t column; /* of its count or letter in the format, from 1 on */
    size_t offset; /* of the first, after what alignment has put before it */
    size_t count;  /* of s and p: 1 */
    size_t size;   /* of each, packed */
    size_t width;  /* of each with the mark @: of whole numbers that of the C type */
};

struct cr_format {
    const char *text, *at;
    bool is_native; /* sizes and alignment as the compiler has them (@) */
    bool is_little; /* the least byte comes first */
    size_t size;    /* of the fields up to here */
    const char *wrong;
    size_t column; /* where it is wrong */
};

void cr_format_begin(struct cr_format *format, const char *text);
/* 1 and the next field; 0: no more, size is that of all; -EINVAL: wrong says what, at column. */
int cr_format_next(struct cr_format *format, struct cr_field *field);

#endif
