/* io/pack.c: values into bytes and back. See coir/pack.h.
 *
 * The format is walked twice: for its size, so that nothing is written beyond the caller's memory nor stored half, and for
 * the values. An argument's C type depends on its letter only, so its size is that of the letter under @ (field->width). */
#include "io/format.h"
#include <coir/pack.h>

#include "sched/task.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

/* A va_list may be an array: this can be handed on and goes forward for everybody. */
struct values {
    va_list list;
};

static int
fail_at(int failure, const char *format, size_t column, const char *wrong)
{
    return cr_fail(failure, "format '%.200s': column %zu: %s", format, column, wrong);
}

ssize_t
coir_packed_size(const char *text)
{
    struct cr_format format;
    struct cr_field field;
    int more;
    cr_format_begin(&format, text);
    while ((more = cr_format_next(&format, &field)) > 0)
        ;
    return more ? fail_at(more, text, format.column, format.wrong) : (ssize_t)format.size;
}

/* Names the first field that is not within size bytes. */
static int
too_small(const char *text, size_t size)
{
    struct cr_format format;
    struct cr_field field;
    cr_format_begin(&format, text);
    while (cr_format_next(&format, &field) > 0 && format.size <= size)
        ;
    return cr_fail(-EMSGSIZE, "format '%.200s': column %zu: '%c' ends at byte %zu of %zu", text, field.column,
                   field.letter, format.size, size);
}

/* ---- Numbers as bytes ---- */

static void
put_bytes(unsigned char *at, uint64_t value, size_t size, bool is_little)
{
    for (size_t i = 0; i < size; i++)
        at[is_little ? i : size - 1 - i] = (unsigned char)(value >> 8 * i);
}

static uint64_t
get_bytes(const unsigned char *at, size_t size, bool is_little)
{
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++)
        value |= (uint64_t)at[is_little ? i : size - 1 - i] << 8 * i;
    return value;
}

enum { HALF_INFINITE = 0x7c00, HALF_BIAS = 15, DOUBLE_BIAS = 1023, DOUBLE_BITS = 52, DROPPED = DOUBLE_BITS - 10 };

/* To the nearest, of two as near to the even one. False: it is beyond 65504. */
static bool
half_of(double value, uint64_t *half)
{
    uint64_t bits, sign, fraction, low, middle;
    int exponent, shift = DROPPED;
    memcpy(&bits, &value, sizeof bits);
    sign = bits >> 63 << 15;
    exponent = (int)(bits >> DOUBLE_BITS & 0x7ff) - DOUBLE_BIAS + HALF_BIAS;
    fraction = bits & ((UINT64_C(1) << DOUBLE_BITS) - 1);
    if (exponent == 0x7ff - DOUBLE_BIAS + HALF_BIAS) { /* an infinity, or no number */
        *half = sign | HALF_INFINITE | (fraction ? 0x200 : 0);
        return true;
    }
    if (exponent > 30)
        return false;
    if (exponent > 0) { /* what rounding carries goes on into the exponent */
        fraction |= (uint64_t)exponent << DOUBLE_BITS;
    } else { /* below 2^-14: digits without an exponent */
        fraction |= UINT64_C(1) << DOUBLE_BITS;
        shift += 1 - exponent < 20 ? 1 - exponent : 20;
    }
    low = fraction & ((UINT64_C(1) << shift) - 1);
    middle = UINT64_C(1) << (shift - 1);
    *half = fraction >> shift;
    if (low > middle || (low == middle && *half & 1))
        ++*half;
    if (*half >= HALF_INFINITE)
        return false;
    *half |= sign;
    return true;
}

static double
double_of_half(uint64_t half)
{
    uint64_t sign = half >> 15 << 63, exponent = half >> 10 & 31, fraction = half & 0x3ff, bits;
    double value;
    if (exponent == 0) {
        value = (double)fraction / (1 << 24);
        return sign ? -value : value;
    }
    exponent = exponent == 31 ? 0x7ff : exponent - HALF_BIAS + DOUBLE_BIAS;
    bits = sign | exponent << DOUBLE_BITS | fraction << DROPPED;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* The bits of e, f or d. False: a number beyond the largest. */
static bool
float_bits(double value, size_t size, uint64_t *bits)
{
    float single = (float)value;
    uint32_t single_bits;
    if (size == 2)
        return half_of(value, bits);
    if (size == 8) {
        memcpy(bits, &value, sizeof *bits);
        return true;
    }
    memcpy(&single_bits, &single, sizeof single_bits);
    *bits = single_bits;
    return isfinite(single) || !isfinite(value);
}

static double
float_of_bits(uint64_t bits, size_t size)
{
    uint32_t single_bits = (uint32_t)bits;
    float single;
    double value;
    if (size == 2)
        return double_of_half(bits);
    memcpy(&single, &single_bits, sizeof single);
    memcpy(&value, &bits, sizeof value);
    return size == 4 ? (double)single : value;
}

/* ---- Packing ---- */

/* The next value of a signed or unsigned letter, as 64 bits. False: it is beyond size bytes. */
static bool
next_integer(struct values *values, const struct cr_field *field, uint64_t *bits)
{
    unsigned spare = (unsigned)(64 - 8 * field->size);
    int64_t value;
    if (field->letter == 'P')
        value = (int64_t)(uintptr_t)va_arg(values->list, void *);
    else if (field->width == 8)
        value = va_arg(values->list, int64_t);
    else if (field->width == 4 && field->kind == CR_FIELD_UNSIGNED)
        value = va_arg(values->list, unsigned);
    else
        value = va_arg(values->list, int);
    *bits = (uint64_t)value;
    if (!spare)
        return true;
    return field->kind == CR_FIELD_UNSIGNED ? *bits >> (64 - spare) == 0 : value == (int64_t)(*bits << spare) >> spare;
}

/* s and p: what is too long is cut off. */
static void
pack_text(unsigned char *at, const struct cr_field *field, const void *bytes, int size)
{
    size_t skipped = field->kind == CR_FIELD_COUNTED, used = size > 0 ? (size_t)size : 0;
    if (field->size <= skipped)
        return;
    if (used > field->size - skipped)
        used = field->size - skipped;
    if (used)
        memcpy(at + skipped, bytes, used);
    if (skipped)
        *at = (unsigned char)(used < 255 ? used : 255);
}

static bool
pack_one(unsigned char *at, const struct cr_field *field, bool is_little, struct values *values)
{
    const void *bytes;
    uint64_t bits = 0;
    bool fits = true;
    switch (field->kind) {
    case CR_FIELD_PAD:
        return true;
    case CR_FIELD_SIGNED:
    case CR_FIELD_UNSIGNED:
        fits = next_integer(values, field, &bits);
        break;
    case CR_FIELD_CHAR:
        bits = (unsigned char)va_arg(values->list, int);
        break;
    case CR_FIELD_BOOL:
        bits = va_arg(values->list, int) != 0;
        break;
    case CR_FIELD_FLOAT:
        fits = float_bits(va_arg(values->list, double), field->size, &bits);
        break;
    default:
        bytes = va_arg(values->list, const void *);
        pack_text(at, field, bytes, va_arg(values->list, int));
        return true;
    }
    put_bytes(at, bits, field->size, is_little);
    return fits;
}

static ssize_t
pack(unsigned char *bytes, const char *text, struct values *values)
{
    struct cr_format format;
    struct cr_field field;
    cr_format_begin(&format, text);
    while (cr_format_next(&format, &field) > 0)
        for (size_t i = 0; i < field.count; i++)
            if (!pack_one(bytes + field.offset + i * field.size, &field, format.is_little, values))
                return cr_fail(-EOVERFLOW, "format '%.200s': column %zu: value %zu of '%c' is beyond its %zu bytes",
                               text, field.column, i + 1, field.letter, field.size);
    return (ssize_t)format.size;
}

ssize_t
coir_pack(void *bytes, size_t size, const char *format, ...)
{
    struct values values;
    ssize_t result = coir_packed_size(format);
    if (result < 0)
        return result;
    if ((size_t)result > size)
        return too_small(format, size);
    if (result)
        memset(bytes, 0, (size_t)result);
    va_start(values.list, format);
    result = pack(bytes, format, &values);
    va_end(values.list);
    return result;
}

/* ---- Unpacking ---- */

static void
store_integer(void *place, uint64_t bits, const struct cr_field *field)
{
    unsigned spare = (unsigned)(64 - 8 * field->size);
    if (field->kind == CR_FIELD_SIGNED)
        bits = (uint64_t)((int64_t)(bits << spare) >> spare);
    put_bytes(place, bits, field->width, __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);
}

static void
store_float(void *place, uint64_t bits, size_t size)
{
    double value = float_of_bits(bits, size);
    float single = (float)value;
    if (size == 8)
        memcpy(place, &value, sizeof value);
    else
        memcpy(place, &single, sizeof single);
}

/* The bytes of p, and how many; those beyond the field do not count. */
static void
unpack_counted(const unsigned char *at, size_t size, void *place, int *used)
{
    size_t length = size ? *at : 0;
    if (length && length > size - 1)
        length = size - 1;
    if (length)
        memcpy(place, at + 1, length);
    *used = (int)length;
}

static void
unpack_one(const unsigned char *at, const struct cr_field *field, bool is_little, struct values *values)
{
    void *place = field->kind == CR_FIELD_PAD ? NULL : va_arg(values->list, void *);
    switch (field->kind) {
    case CR_FIELD_PAD:
        break;
    case CR_FIELD_BYTES:
        if (field->size)
            memcpy(place, at, field->size);
        break;
    case CR_FIELD_COUNTED:
        unpack_counted(at, field->size, place, va_arg(values->list, int *));
        break;
    case CR_FIELD_FLOAT:
        store_float(place, get_bytes(at, field->size, is_little), field->size);
        break;
    case CR_FIELD_BOOL:
        *(bool *)place = get_bytes(at, field->size, is_little) != 0;
        break;
    default:
        store_integer(place, get_bytes(at, field->size, is_little), field);
    }
}

ssize_t
coir_unpack(const void *bytes, size_t size, const char *text, ...)
{
    struct cr_format format;
    struct cr_field field;
    struct values values;
    ssize_t result = coir_packed_size(text);
    if (result < 0)
        return result;
    if ((size_t)result > size)
        return too_small(text, size);
    va_start(values.list, text);
    cr_format_begin(&format, text);
    while (cr_format_next(&format, &field) > 0)
        for (size_t i = 0; i < field.count; i++)
            unpack_one((const unsigned char *)bytes + field.offset + i * field.size, &field, format.is_little, &values);
    va_end(values.list);
    return result;
}
