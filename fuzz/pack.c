/* fuzz/pack.c: libFuzzer target for coir_pack's formats. Up to the first zero the input is a format, the rest the bytes. A
 * format has a size or is refused; what is unpacked field by field and packed again must be the same bytes, and nothing
 * outside of the caller's memory may be touched (the sanitizers see to that). */
#include <coir/pack.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/format.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum { TEXT_LIMIT = 64, FIELD_LIMIT = 512 };

static void
hold(bool condition)
{
    if (!condition)
        abort();
}

/* One value to C and back, by a format of its own. */
static void
there_and_back(const char *format, const uint8_t *bytes, const struct cr_field *field)
{
    size_t room = field->letter == 'e' ? sizeof(float) : field->width > field->size ? field->width : field->size + 1;
    uint8_t *place = malloc(room), back[FIELD_LIMIT];
    ssize_t size = (ssize_t)field->size;
    int64_t integer = 0;
    int used = (int)size;
    double number;
    float single;
    hold(place);
    if (size) { /* one byte too few: nothing is read or written */
        hold(coir_unpack(bytes, field->size - 1, format, place, &used) == -EMSGSIZE);
        hold(coir_pack(back, field->size - 1, format, 0, 0) == -EMSGSIZE);
    }
    hold(coir_unpack(bytes, field->size, format, place, &used) == size);
    memcpy(&integer, place, field->width);
    switch (field->kind) {
    case CR_FIELD_BYTES:
        hold(coir_pack(back, sizeof back, format, place, used) == size);
        break;
    case CR_FIELD_COUNTED: /* bytes beyond its length are not kept */
        hold(used >= 0 && (used < size || !size));
        hold(coir_pack(back, sizeof back, format, place, used) == size);
        size = size ? used + 1 : 0;
        if (size && bytes[0] > used)
            back[0] = bytes[0];
        break;
    case CR_FIELD_FLOAT:
        if (field->width == 8)
            memcpy(&number, place, sizeof number);
        else
            memcpy(&single, place, sizeof single), number = (double)single;
        hold(coir_pack(back, sizeof back, format, number) == size);
        if (number != number)
            size = 0; /* not all bits of what is no number need be kept */
        break;
    case CR_FIELD_BOOL:
        hold(coir_pack(back, sizeof back, format, place[0]) == 1 && back[0] == !!bytes[0]);
        size = 0;
        break;
    default:
        if (field->kind == CR_FIELD_SIGNED && field->width < 8)
            integer = (int64_t)((uint64_t)integer << (64 - 8 * field->width)) >> (64 - 8 * field->width);
        hold(coir_pack(back, sizeof back, format, integer) == size);
    }
    hold(!memcmp(back, bytes, (size_t)size));
    free(place);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    char text[TEXT_LIMIT], alone[TEXT_LIMIT];
    const uint8_t *end = memchr(bytes, 0, size < TEXT_LIMIT ? size : TEXT_LIMIT);
    struct cr_format format;
    struct cr_field field;
    ssize_t whole;
    int more;
    if (!end)
        return 0;
    memcpy(text, bytes, (size_t)(end - bytes) + 1);
    size -= (size_t)(end - bytes) + 1;
    bytes = end + 1;
    whole = coir_packed_size(text);
    hold(whole >= 0 || whole == -EINVAL);
    cr_format_begin(&format, text);
    while ((more = cr_format_next(&format, &field)) > 0) {
        hold(field.column >= 1 && field.column <= strlen(text));
        for (size_t i = 0; i < field.count && i < 64 && field.kind != CR_FIELD_PAD; i++) {
            size_t at = field.offset + i * field.size;
            if (at > size || size - at < field.size || field.size > FIELD_LIMIT)
                break;
            if (field.kind == CR_FIELD_BYTES || field.kind == CR_FIELD_COUNTED)
                snprintf(alone, sizeof alone, "%zu%c", field.size, field.letter);
            else
                snprintf(alone, sizeof alone, "%c%c",
                         format.is_native   ? '@'
                         : format.is_little ? '<'
                                            : '>',
                         field.letter);
            there_and_back(alone, bytes + at, &field);
        }
    }
    hold(more < 0 ? whole < 0 && *coir_error_detail() : (size_t)whole == format.size);
    return 0;
}
