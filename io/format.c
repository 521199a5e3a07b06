/* io/format.c: see format.h. The language is that of Python's struct module (docs.python.org/3/library/struct.html). */
#include "io/format.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

/* A letter's size as the compiler has it, its alignment there, and its size with any other mark; 0: there is none. */
static const struct letter {
    char letter;
    unsigned char width, alignment, standard;
    enum cr_field_kind kind;
} letters[] = {
    {'x', 1, 1, 1, CR_FIELD_PAD},
    {'c', 1, 1, 1, CR_FIELD_CHAR},
    {'b', 1, 1, 1, CR_FIELD_SIGNED},
    {'B', 1, 1, 1, CR_FIELD_UNSIGNED},
    {'?', sizeof(bool), _Alignof(bool), 1, CR_FIELD_BOOL},
    {'h', sizeof(short), _Alignof(short), 2, CR_FIELD_SIGNED},
    {'H', sizeof(short), _Alignof(short), 2, CR_FIELD_UNSIGNED},
    {'i', sizeof(int), _Alignof(int), 4, CR_FIELD_SIGNED},
    {'I', sizeof(int), _Alignof(int), 4, CR_FIELD_UNSIGNED},
    {'l', sizeof(long), _Alignof(long), 4, CR_FIELD_SIGNED},
    {'L', sizeof(long), _Alignof(long), 4, CR_FIELD_UNSIGNED},
    {'q', sizeof(int64_t), _Alignof(int64_t), 8, CR_FIELD_SIGNED},
    {'Q', sizeof(int64_t), _Alignof(int64_t), 8, CR_FIELD_UNSIGNED},
    {'n', sizeof(ssize_t), _Alignof(ssize_t), 0, CR_FIELD_SIGNED},
    {'N', sizeof(size_t), _Alignof(size_t), 0, CR_FIELD_UNSIGNED},
    {'e', 2, 2, 2, CR_FIELD_FLOAT},
    {'f', sizeof(float), _Alignof(float), 4, CR_FIELD_FLOAT},
    {'d', sizeof(double), _Alignof(double), 8, CR_FIELD_FLOAT},
    {'s', 1, 1, 1, CR_FIELD_BYTES},
    {'p', 1, 1, 1, CR_FIELD_COUNTED},
    {'P', sizeof(void *), _Alignof(void *), 0, CR_FIELD_UNSIGNED},
};

void
cr_format_begin(struct cr_format *format, const char *text)
{
    static const char marks[] = "@=<>!";
    bool has_mark = *text && strchr(marks, *text);
    char mark = has_mark ? *text : '@';
    *format = (struct cr_format){.text = text, .at = text + has_mark, .is_native = mark == '@'};
    format->is_little = mark == '<' || ((mark == '@' || mark == '=') && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);
}

static int
refuse(struct cr_format *format, const char *at, const char *wrong)
{
    format->wrong = wrong;
    format->column = (size_t)(at - format->text) + 1;
    return -EINVAL;
}

static bool
is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/* The count before a letter, 1 if there is none. False: it is too large. */
static bool
read_count(struct cr_format *format, size_t *count)
{
    *count = is_digit(*format->at) ? 0 : 1;
    for (; is_digit(*format->at); format->at++) {
        size_t digit = (size_t)(*format->at - '0');
        if (*count > (PTRDIFF_MAX - digit) / 10)
            return false;
        *count = *count * 10 + digit;
    }
    return true;
}

static const struct letter *
find_letter(const struct cr_format *format, char wanted)
{
    for (size_t i = 0; i < sizeof letters / sizeof letters[0]; i++)
        if (letters[i].letter == wanted)
            return format->is_native || letters[i].standard ? &letters[i] : NULL;
    return NULL;
}

int
cr_format_next(struct cr_format *format, struct cr_field *field)
{
    const struct letter *letter;
    const char *begin;
    size_t count, alignment;
    format->at += strspn(format->at, " \t\n\v\f\r");
    if (!*format->at)
        return 0;
    begin = format->at;
    if (!read_count(format, &count))
        return refuse(format, begin, "the count is too large");
    if (!*format->at)
        return refuse(format, begin, "a letter is missing after the count");
    letter = find_letter(format, *format->at);
    if (!letter)
        return refuse(format, format->at,
                      strchr("nNP", *format->at) ? "n, N and P have a size with the mark @ only"
                                                 : "letters are x c b B ? h H i I l L q Q n N e f d s p P");
    format->at++;
    *field = (struct cr_field){.kind = letter->kind,
                               .letter = letter->letter,
                               .column = (size_t)(begin - format->text) + 1,
                               .count = count,
                               .size = format->is_native ? letter->width : letter->standard,
                               .width = letter->width};
    alignment = format->is_native ? letter->alignment : 1;
    field->offset = (format->size + alignment - 1) / alignment * alignment;
    if (field->offset > PTRDIFF_MAX || (PTRDIFF_MAX - field->offset) / field->size < count)
        return refuse(format, begin, "all together is too large");
    format->size = field->offset + count * field->size;
    if (field->kind == CR_FIELD_BYTES || field->kind == CR_FIELD_COUNTED) {
        field->size = count;
        field->count = 1;
    }
    return 1;
}
