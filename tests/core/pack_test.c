/* pack_test.c: packed bytes: a table of what Python's struct makes of values; sizes, values back, what is refused. Where
 * there is a python3 it is asked, too: about the table, and about formats and bytes it draws by itself. */
#include <coir/pack.h>

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core.h"
#include "io/format.h"

static const char *
hex(const void *bytes, ssize_t size)
{
    static char text[1024];
    MUST(size >= 0 && (size_t)size * 2 < sizeof text);
    for (ssize_t i = 0; i < size; i++)
        sprintf(text + 2 * i, "%02x", ((const unsigned char *)bytes)[i]);
    text[2 * size] = '\0';
    return text;
}

/* ---- The table ---- */

typedef void see_row(const char *python, const char *wanted, const void *got, ssize_t size, void *arg);

/* As arguments of Python's struct.pack, the bytes, and as arguments of coir_pack. */
#define ROW(python, wanted, ...)                        \
    do {                                                \
        memset(got, 0xee, sizeof got);                  \
        size = coir_pack(got, sizeof got, __VA_ARGS__); \
        see(python, wanted, got, size, arg);            \
    } while (0)

static void
whole_numbers(see_row *see, void *arg)
{
    char got[256];
    ssize_t size;
    ROW("''", "", "");
    ROW("'<'", "", "<");
    ROW("'4x'", "00000000", "4x");
    ROW("'>bB', -1, 255", "ffff", ">bB", -1, 255);
    ROW("'>bbBB', -128, 127, 0, 1", "807f0001", ">bbBB", -128, 127, 0, 1);
    ROW("'>hH', -2, 65535", "fffeffff", ">hH", -2, 65535);
    ROW("'<hH', -2, 258", "feff0201", "<hH", -2, 258);
    ROW("'!iI', -3, 4294967295", "fffffffdffffffff", "!iI", -3, 4294967295u);
    ROW("'>lL', -2147483648, 4294967295", "80000000ffffffff", ">lL", -2147483648L, 4294967295UL);
    ROW("'<lL', 2147483647, 1", "ffffff7f01000000", "<lL", 2147483647L, 1UL);
    ROW("'>qQ', -4, 18446744073709551615", "fffffffffffffffcffffffffffffffff", ">qQ", (int64_t)-4, UINT64_MAX);
    ROW("'<qQ', -9223372036854775808, 1", "00000000000000800100000000000000", "<qQ", INT64_MIN, UINT64_C(1));
    ROW("'>3H', 1, 2, 3", "000100020003", ">3H", 1, 2, 3);
    ROW("'> 2h\\t1b\\n0i x', 1, 2, 3", "000100020300", "> 2h\t1b\n0i x", 1, 2, 3);
    ROW("'>c?3c?', b'A', True, b'x', b'y', b'z', False",
        "4101"
        "78797a00",
        ">c?3c?", 'A', true, 'x', 'y', 'z', false);
    ROW("'>BHIxxQ', 1, 2, 3, 4",
        "01000200000003"
        "0000"
        "0000000000000004",
        ">BHIxxQ", 1, 2, 3u, UINT64_C(4));
    ROW("'@bhiq', 1, 2, 3, 4", "01000200030000000400000000000000", "@bhiq", 1, 2, 3, (int64_t)4);
    ROW("'=bhiq', 1, 2, 3, 4", "010200030000000400000000000000", "=bhiq", 1, 2, 3, (int64_t)4);
    ROW("'bhl', 1, 2, 3", "01000200000000000300000000000000", "bhl", 1, 2, 3L);
    ROW("'b0l', 7", "0700000000000000", "b0l", 7);
    ROW("'b3xnN', 1, -1, 2", "0100000000000000ffffffffffffffff0200000000000000", "b3xnN", 1, (ssize_t)-1, (size_t)2);
    ROW("'P', 4096", "0010000000000000", "P", (void *)4096);
}

static void
fractions(see_row *see, void *arg)
{
    char got[256];
    ssize_t size;
    ROW("'>d', 1.5", "3ff8000000000000", ">d", 1.5);
    ROW("'<d', -0.0", "0000000000000080", "<d", -0.0);
    ROW("'>f', 0.1", "3dcccccd", ">f", 0.1);
    ROW("'<f', -2.0", "000000c0", "<f", -2.0);
    ROW("'>f', float('inf')", "7f800000", ">f", (double)INFINITY);
    ROW("'>e', 1.0", "3c00", ">e", 1.0);
    ROW("'>e', -2.0", "c000", ">e", -2.0);
    ROW("'<e', 65504.0", "ff7b", "<e", 65504.0);
    ROW("'>e', 65519.99", "7bff", ">e", 65519.99);
    ROW("'>e', 0.1", "2e66", ">e", 0.1);
    ROW("'>e', 2.0 ** -14", "0400", ">e", 0x1p-14);
    ROW("'>e', 2.0 ** -24", "0001", ">e", 0x1p-24);
    ROW("'>e', 2.0 ** -25", "0000", ">e", 0x1p-25);
    ROW("'>e', 2.0 ** -25 * 1.01", "0001", ">e", 0x1p-25 * 1.01);
    ROW("'>e', 1.0 - 2.0 ** -12", "3c00", ">e", 1.0 - 0x1p-12);
    ROW("'>e', 1.0 + 2.0 ** -11", "3c00", ">e", 1.0 + 0x1p-11);
    ROW("'>e', 1.0 + 3 * 2.0 ** -11", "3c02", ">e", 1.0 + 3 * 0x1p-11);
    ROW("'>e', float('-inf')", "fc00", ">e", -(double)INFINITY);
    ROW("'>e', float('nan')", "7e00", ">e", (double)NAN);
    ROW("'>e', 1e-300", "0000", ">e", 1e-300);
    ROW("'bed', 1, 1.0, 2.0", "0100003c000000000000000000000040", "bed", 1, 1.0, 2.0);
}

static void
texts(see_row *see, void *arg)
{
    char got[512];
    ssize_t size;
    static char long_text[300];
    memset(long_text, 'a', sizeof long_text);
    ROW("'5s', b'abc'", "6162630000", "5s", "abc", 3);
    ROW("'2s', b'abc'", "6162", "2s", "abc", 3);
    ROW("'s', b'abc'", "61", "s", "abc", 3);
    ROW("'0s', b'abc'", "", "0s", "abc", 3);
    ROW("'4s', b'\\0a\\0b'", "00610062", "4s", "\0a\0b", 4);
    ROW("'>H4sB', 7, b'', 9", "00070000000009", ">H4sB", 7, "", 0, 9);
    ROW("'5p', b'abc'", "0361626300", "5p", "abc", 3);
    ROW("'3p', b'abc'", "026162", "3p", "abc", 3);
    ROW("'p', b'abc'", "00", "p", "abc", 3);
    ROW("'0p', b'abc'", "", "0p", "abc", 3);
    ROW("'b3pi', 1, b'xy', 2", "0102787902000000", "b3pi", 1, "xy", 2, 2);
    ROW("'300p', b'a' * 300 + b''", NULL, "300p", long_text, 300);
}

static void
all_rows(see_row *see, void *arg)
{
    whole_numbers(see, arg);
    fractions(see, arg);
    texts(see, arg);
}

static void
compare(const char *python, const char *wanted, const void *got, ssize_t size, void *arg)
{
    const unsigned char *bytes = got;
    (void)arg;
    if (size < 0)
        ck_abort_msg("%s: %zd, %s", python, size, coir_error_detail());
    if (!wanted) /* the long one */
        MUST(size == 300 && bytes[0] == 255 && bytes[1] == 'a' && bytes[299] == 'a');
    else if (strcmp(hex(got, size), wanted))
        ck_abort_msg("%s: %s, not %s", python, hex(got, size), wanted);
    MUST_BE(bytes[size], 0xee); /* nothing is written behind */
}

START_TEST(values_as_in_the_table)
{
    all_rows(compare, NULL);
}
END_TEST

/* ---- What Python says ---- */

/* A program's lines; NULL: there is no python3. */
static FILE *
ask_python(const char *program)
{
    static char command[8192];
    char line[16];
    FILE *lines;
    MUST(strlen(program) + 64 < sizeof command);
    sprintf(command, "python3 -c \"\nprint('ready')\n%s\" 2>/dev/null", program);
    lines = popen(command, "r");
    MUST(lines);
    if (fgets(line, sizeof line, lines) && !strcmp(line, "ready\n"))
        return lines;
    (void)pclose(lines);
    printf("SKIP: there is no python3\n");
    return NULL;
}

/* The line without its end, cut at its tabs. False: no more. */
static bool
next_line(FILE *lines, char line[4096], char *parts[3])
{
    if (!fgets(line, 4096, lines))
        return false;
    line[strcspn(line, "\n")] = '\0';
    for (int i = 0; i < 3; i++)
        parts[i] = strsep(&line, "\t");
    return true;
}

struct question {
    char text[16384];
    int rows;
};

static void
add_question(const char *python, const char *wanted, const void *got, ssize_t size, void *arg)
{
    struct question *question = arg;
    (void)wanted, (void)got, (void)size;
    strcat(strcat(strcat(question->text, "print(struct.pack("), python), ").hex())\n");
    question->rows++;
}

static void
see_answer(const char *python, const char *wanted, const void *got, ssize_t size, void *arg)
{
    char line[4096], *parts[3];
    (void)wanted;
    MUST(next_line(arg, line, parts));
    if (strcmp(hex(got, size), parts[0]))
        ck_abort_msg("%s: %s, python3 says %s", python, hex(got, size), parts[0]);
}

START_TEST(the_table_as_python_has_it)
{
    static struct question question = {.text = "import struct\n"};
    FILE *lines;
    all_rows(add_question, &question);
    MUST(question.rows > 50);
    lines = ask_python(question.text);
    if (!lines)
        return;
    all_rows(see_answer, lines);
    MUST_BE(pclose(lines), 0);
}
END_TEST

START_TEST(sizes_as_python_has_them)
{
    char line[4096], *parts[3];
    int count = 0, refused = 0;
    FILE *lines = ask_python("import random, struct\n"
                             "random.seed(7)\n"
                             "for n in range(6000):\n"
                             "    f = ''.join(random.choice('xcbB?hHiIlLqQnNefdspP0123 ' + 'z<' * (n % 9 == 0))\n"
                             "                for i in range(random.randrange(9)))\n"
                             "    f = random.choice(['', '@', '=', '<', '>', '!']) + f\n"
                             "    try: print(f, struct.calcsize(f), sep='\\t')\n"
                             "    except struct.error: print(f, -22, sep='\\t')\n");
    if (!lines)
        return;
    for (; next_line(lines, line, parts); count++) {
        ssize_t size = coir_packed_size(parts[0]);
        if (size != atol(parts[1]))
            ck_abort_msg("'%s': %zd, python3 says %s", parts[0], size, parts[1]);
        refused += size < 0;
    }
    MUST_BE(pclose(lines), 0);
    MUST(count == 6000 && refused > 300 && refused < 5000);
}
END_TEST

enum { SLOTS = 24, SLOT = 32 };

/* The values, as Python's program below prints them. */
static void
print_values(const char *format_text, char slots[SLOTS][SLOT], char *text)
{
    struct cr_format format;
    struct cr_field field;
    int next = 0;
    cr_format_begin(&format, format_text);
    while (cr_format_next(&format, &field) > 0)
        for (size_t i = 0; i < field.count && field.kind != CR_FIELD_PAD; i++) {
            char *slot = slots[next++];
            int64_t integer = 0;
            double number;
            float single;
            switch (field.kind) {
            case CR_FIELD_BYTES:
                text += sprintf(text, "%s ", hex(slot, (ssize_t)field.size));
                break;
            case CR_FIELD_COUNTED:
                text += sprintf(text, "%s ", hex(slot, *(int *)slots[next++]));
                break;
            case CR_FIELD_FLOAT:
                memcpy(&number, slot, sizeof number);
                memcpy(&single, slot, sizeof single);
                number = field.width < 8 ? (double)single : number;
                text += number != number ? sprintf(text, "nan ") : sprintf(text, "%.17g ", number);
                break;
            default: /* the slot is behind the value as it was: what is not the value's is 0xee */
                memcpy(&integer, slot, field.width);
                MUST_BE((unsigned char)slot[field.width], 0xee);
                if (field.kind == CR_FIELD_SIGNED)
                    integer = (int64_t)((uint64_t)integer << (64 - 8 * field.width)) >> (64 - 8 * field.width);
                text += field.kind == CR_FIELD_SIGNED ? sprintf(text, "%lld ", (long long)integer)
                                                      : sprintf(text, "%llu ", (unsigned long long)integer);
            }
        }
    *text = '\0';
}

static size_t
read_hex(const char *text, unsigned char *bytes)
{
    size_t size = 0;
    for (; text[0] && text[1]; text += 2)
        MUST_BE(sscanf(text, "%2hhx", &bytes[size++]), 1);
    return size;
}

static ssize_t
unpack_all(const unsigned char *bytes, size_t size, const char *format, char s[SLOTS][SLOT])
{
    return coir_unpack(bytes, size, format, s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7], s[8], s[9], s[10], s[11],
                       s[12], s[13], s[14], s[15], s[16], s[17], s[18], s[19], s[20], s[21], s[22], s[23]);
}

START_TEST(values_back_as_python_has_them)
{
    char line[4096], *parts[3];
    int count = 0;
    FILE *lines =
        ask_python("import random, struct\n"
                   "def show(v):\n"
                   "    if isinstance(v, bytes): return v.hex() if L in 'sp' else str(v[0])\n"
                   "    if isinstance(v, float): return 'nan' if v != v else '%.17g' % v\n"
                   "    return '%d' % v\n"
                   "random.seed(11)\n"
                   "for n in range(3000):\n"
                   "    mark = random.choice(['', '@', '=', '<', '>', '!'])\n"
                   "    fields = []\n"
                   "    for i in range(random.randrange(7)):\n"
                   "        L = random.choice('xcbB?hHiIlLqQefdsp' + 'nNP' * (mark in ('', '@')))\n"
                   "        c = random.randrange(1, 20) if L in 'sp' else random.choice([1, 1, 1, 0, 2, 3])\n"
                   "        fields.append((L, c))\n"
                   "    f = mark + ''.join(str(c) * (c != 1) + L for L, c in fields)\n"
                   "    b = bytes(random.choice([0, 255, random.randrange(256)]) for i in range(struct.calcsize(f)))\n"
                   "    letters = [L for L, c in fields if L != 'x' for i in range(1 if L in 'sp' else c)]\n"
                   "    out = ''\n"
                   "    for L, v in zip(letters, struct.unpack(f, b)): out += show(v) + ' '\n"
                   "    print(f, b.hex(), out, sep='\\t')\n");
    if (!lines)
        return;
    for (; next_line(lines, line, parts); count++) {
        unsigned char bytes[512];
        char slots[SLOTS][SLOT], text[2048];
        size_t size = read_hex(parts[1], bytes);
        memset(slots, 0xee, sizeof slots);
        MUST_BE(unpack_all(bytes, size, parts[0], slots), size);
        print_values(parts[0], slots, text);
        if (strcmp(text, parts[2]))
            ck_abort_msg("'%s' of %s: %s, python3 says %s", parts[0], parts[1], text, parts[2]);
        if (size)
            MUST_BE(unpack_all(bytes, size - 1, parts[0], slots), -EMSGSIZE);
    }
    MUST_BE(pclose(lines), 0);
    MUST_BE(count, 3000);
}
END_TEST

/* ---- Without Python ---- */

START_TEST(values_back)
{
    static const unsigned char bytes[] = {0xff, 0x80, 0xff, 0xfe, 0xff, 0xff, 0xff, 0xfd, 2,    'h', 'i',
                                          '!',  'a',  'b',  0,    1,    0x3c, 0,    0xc0, 0x20, 0,   0};
    signed char small = 1;
    unsigned char byte = 1;
    short two = 1;
    long four = 1;
    char counted[3] = "zzz", exact[3] = "zzz";
    int used = 1;
    bool no = true, yes = false;
    float half = 0, single = 0;
    MUST_BE(coir_unpack(bytes, sizeof bytes, ">bBhl4p2s??ef", &small, &byte, &two, &four, counted, &used, exact, &no,
                        &yes, &half, &single),
            sizeof bytes);
    MUST(small == -1 && byte == 128 && two == -2 && four == -3);
    MUST(used == 2 && !memcmp(counted, "hiz", 3) && !memcmp(exact, "abz", 3));
    MUST(!no && yes && half == 1.0f && single == -2.5f);
    /* More bytes than needed; too few, and nothing is stored. */
    MUST_BE(coir_unpack(bytes, sizeof bytes, ">B", &byte), 1);
    MUST_BE(coir_unpack(bytes, 2, ">BH", &byte, &two), -EMSGSIZE);
    MUST(byte == 255 && two == -2);
    /* p whose length is beyond its field. */
    MUST_BE(coir_unpack("\xff"
                        "ab",
                        3, "3p", counted, &used),
            3);
    MUST(used == 2 && !memcmp(counted, "abz", 3));
    MUST_BE(coir_unpack("", 0, "0p", counted, &used), 0);
    MUST_BE(used, 0);
}
END_TEST

static void
refused(ssize_t result, int error, const char *sentence)
{
    if (result != error || strcmp(coir_error_detail(), sentence))
        ck_abort_msg("%zd, '%s'; not %d, '%s'", result, coir_error_detail(), error, sentence);
}

START_TEST(what_is_wrong_is_named)
{
    char bytes[8] = "unseen!";
    refused(coir_packed_size(">Iz"), -EINVAL,
            "format '>Iz': column 3: letters are x c b B ? h H i I l L q Q n N e f d s p P");
    refused(coir_packed_size(" <I"), -EINVAL,
            "format ' <I': column 2: letters are x c b B ? h H i I l L q Q n N e f d s p P");
    refused(coir_packed_size("3 i"), -EINVAL,
            "format '3 i': column 2: letters are x c b B ? h H i I l L q Q n N e f d s p P");
    refused(coir_packed_size("<n"), -EINVAL, "format '<n': column 2: n, N and P have a size with the mark @ only");
    refused(coir_packed_size("i12"), -EINVAL, "format 'i12': column 2: a letter is missing after the count");
    refused(coir_packed_size("b99999999999999999999x"), -EINVAL,
            "format 'b99999999999999999999x': column 2: the count is too large");
    refused(coir_packed_size("b4611686018427387904h"), -EINVAL,
            "format 'b4611686018427387904h': column 2: all together is too large");
    refused(coir_packed_size("9223372036854775807xb"), -EINVAL,
            "format '9223372036854775807xb': column 21: all together is too large");
    MUST_BE(coir_packed_size("9223372036854775807x"), INT64_MAX);
    refused(coir_pack(bytes, 7, ">BI2H", 1, 2u, 3, 4), -EMSGSIZE, "format '>BI2H': column 4: 'H' ends at byte 9 of 7");
    refused(coir_unpack(bytes, 3, ">hh", NULL, NULL), -EMSGSIZE, "format '>hh': column 3: 'h' ends at byte 4 of 3");
    MUST(!strcmp(bytes, "unseen!"));
}
END_TEST

static void
overflows(ssize_t result)
{
    MUST_BE(result, -EOVERFLOW);
}

START_TEST(values_beyond_their_bytes)
{
    char bytes[16];
    refused(coir_pack(bytes, sizeof bytes, "<x2h", 1, 32768), -EOVERFLOW,
            "format '<x2h': column 3: value 2 of 'h' is beyond its 2 bytes");
    overflows(coir_pack(bytes, sizeof bytes, "b", 128));
    overflows(coir_pack(bytes, sizeof bytes, "b", -129));
    overflows(coir_pack(bytes, sizeof bytes, "B", 256));
    overflows(coir_pack(bytes, sizeof bytes, "B", -1));
    overflows(coir_pack(bytes, sizeof bytes, "h", -32769));
    overflows(coir_pack(bytes, sizeof bytes, "H", 65536));
    overflows(coir_pack(bytes, sizeof bytes, ">l", 2147483648L));
    overflows(coir_pack(bytes, sizeof bytes, ">l", -2147483649L));
    overflows(coir_pack(bytes, sizeof bytes, "<L", 4294967296UL));
    overflows(coir_pack(bytes, sizeof bytes, "<e", 65520.0));
    overflows(coir_pack(bytes, sizeof bytes, "<e", -1e300));
    overflows(coir_pack(bytes, sizeof bytes, "<f", 3.5e38));
    MUST_BE(coir_pack(bytes, sizeof bytes, "l", 4294967296L), 8); /* as large as the compiler has it */
}
END_TEST

static void
add(TCase *cases)
{
    tcase_add_test(cases, values_as_in_the_table);
    tcase_add_test(cases, the_table_as_python_has_it);
    tcase_add_test(cases, sizes_as_python_has_them);
    tcase_add_test(cases, values_back_as_python_has_them);
    tcase_add_test(cases, values_back);
    tcase_add_test(cases, what_is_wrong_is_named);
    tcase_add_test(cases, values_beyond_their_bytes);
}

int
main(void)
{
    return core_main("pack", add);
}
