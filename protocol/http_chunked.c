/* protocol/http_chunked.c: the chunked coding, read strictly.
 *
 * llhttp can decode chunks, too. It is not used for that, because the places where servers have disagreed about where a
 * body ends are just these: a bare LF after the size, blanks behind it, sizes that overflow, extensions without end,
 * trailers that set framing fields. Here each of them is refused; the fuzzer holds that what is accepted here is accepted
 * by llhttp with the same body (but for lines with several extensions or quoted ones, which llhttp 8.1 misreads).
 *
 * The order: SIZE digits, perhaps extensions, CR LF, the chunk's DATA, CR LF, and again; after a size of 0 the
 * trailer lines and an empty line. */
#include "protocol/http_chunked.h"

#include <string.h>

#include "protocol/http_bytes.h"

enum phase {
    SIZE,
    EXTENSION_NAME,  /* ";" has come */
    EXTENSION_VALUE, /* "=" has come */
    QUOTED,          /* in a quoted value */
    ESCAPED,         /* behind a backslash in it */
    EXTENSION_END,   /* behind its second quote */
    SIZE_LF,
    DATA,
    DATA_CR,
    DATA_LF,
    TRAILER_START, /* at the beginning of a trailer line, or of the empty one */
    TRAILER_NAME,
    TRAILER_VALUE,
    TRAILER_LF,
    END_LF,
    ENDED,
    BROKEN
};

#define SIZE_DIGITS 16 /* more cannot be a 64-bit size */

void
cr_http_chunked_init(struct cr_http_chunked *chunked)
{
    memset(chunked, 0, sizeof(*chunked));
    chunked->phase = SIZE;
}

static void
refuse(struct cr_http_chunked *chunked, const char *reason)
{
    chunked->phase = BROKEN;
    chunked->reason = reason;
}

/* Goes on to the next phase if byte is the one that must come. */
static void
need(struct cr_http_chunked *chunked, char byte, char needed, enum phase next)
{
    if (byte == needed)
        chunked->phase = (uint8_t)next;
    else
        refuse(chunked, "chunk line does not end in CR LF");
}

static void
take_size(struct cr_http_chunked *chunked, char byte)
{
    if (cr_http_is(byte, CR_HTTP_HEX)) {
        if (chunked->digits == SIZE_DIGITS || chunked->left >> 59)
            refuse(chunked, "chunk size too large");
        chunked->left = chunked->left << 4 | cr_http_hex(byte);
        chunked->digits++;
    } else if (chunked->digits == 0) {
        refuse(chunked, "chunk size missing");
    } else if (byte == ';') {
        chunked->phase = EXTENSION_NAME;
    } else {
        need(chunked, byte, '\r', SIZE_LF);
    }
}

/* What follows an extension: another one, or the end of the line. */
static void
end_extension(struct cr_http_chunked *chunked, char byte)
{
    if (byte == ';')
        chunked->phase = EXTENSION_NAME;
    else if (byte == '\r')
        chunked->phase = SIZE_LF;
    else
        refuse(chunked, "bad chunk extension");
    chunked->part_size = 0;
}

static void
take_extension_name(struct cr_http_chunked *chunked, char byte)
{
    if (cr_http_is(byte, CR_HTTP_TOKEN)) {
        chunked->part_size = 1;
    } else if (chunked->part_size == 0) {
        refuse(chunked, "chunk extension without a name");
    } else if (byte == '=') {
        chunked->phase = EXTENSION_VALUE;
        chunked->part_size = 0;
    } else {
        end_extension(chunked, byte);
    }
}

static void
take_extension_value(struct cr_http_chunked *chunked, char byte)
{
    if (cr_http_is(byte, CR_HTTP_TOKEN))
        chunked->part_size = 1;
    else if (chunked->part_size == 0 && byte == '"')
        chunked->phase = QUOTED;
    else if (chunked->part_size == 0)
        refuse(chunked, "chunk extension without its value");
    else
        end_extension(chunked, byte);
}

static void
take_quoted(struct cr_http_chunked *chunked, char byte)
{
    if (byte == '"')
        chunked->phase = EXTENSION_END;
    else if (byte == '\\')
        chunked->phase = ESCAPED;
    else if (!cr_http_is(byte, CR_HTTP_VALUE))
        refuse(chunked, "control character in a chunk extension");
}

static void
take_escaped(struct cr_http_chunked *chunked, char byte)
{
    chunked->phase = QUOTED;
    if (!cr_http_is(byte, CR_HTTP_VALUE))
        refuse(chunked, "control character in a chunk extension");
}

static void
take_size_lf(struct cr_http_chunked *chunked, char byte)
{
    need(chunked, byte, '\n', chunked->left > 0 ? DATA : TRAILER_START);
    chunked->digits = 0;
}

static void
take_data_cr(struct cr_http_chunked *chunked, char byte)
{
    need(chunked, byte, '\r', DATA_LF);
}

static void
take_data_lf(struct cr_http_chunked *chunked, char byte)
{
    need(chunked, byte, '\n', SIZE);
}

/* Fields that would say after the fact how the message was framed or where it was to go. */
static bool
is_forbidden(const struct cr_http_chunked *chunked)
{
    static const char *const names[] = {"content-length", "transfer-encoding", "host", "content-encoding",
                                        "content-type",   "connection",        "te",   "trailer"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (cr_http_is_word(chunked->name, chunked->name_size, names[i]))
            return true;
    return false;
}

static void
take_trailer_name(struct cr_http_chunked *chunked, char byte)
{
    if (byte == ':' && chunked->name_size > 0) {
        chunked->phase = TRAILER_VALUE;
        if (is_forbidden(chunked))
            refuse(chunked, "trailer field that belongs in the header");
    } else if (!cr_http_is(byte, CR_HTTP_TOKEN)) {
        refuse(chunked, "bad trailer name");
    } else {
        if (chunked->name_size < sizeof(chunked->name))
            chunked->name[chunked->name_size++] = byte;
    }
}

static void
take_trailer_start(struct cr_http_chunked *chunked, char byte)
{
    chunked->name_size = 0;
    chunked->phase = byte == '\r' ? END_LF : TRAILER_NAME;
    if (chunked->phase == TRAILER_NAME)
        take_trailer_name(chunked, byte);
}

static void
take_trailer_value(struct cr_http_chunked *chunked, char byte)
{
    if (byte == '\r')
        chunked->phase = TRAILER_LF;
    else if (!cr_http_is(byte, CR_HTTP_VALUE))
        refuse(chunked, "control character in a trailer");
}

static void
take_trailer_lf(struct cr_http_chunked *chunked, char byte)
{
    need(chunked, byte, '\n', TRAILER_START);
}

static void
take_end_lf(struct cr_http_chunked *chunked, char byte)
{
    need(chunked, byte, '\n', ENDED);
}

static void (*const take_byte[])(struct cr_http_chunked *chunked, char byte) = {
    [SIZE] = take_size,
    [EXTENSION_NAME] = take_extension_name,
    [EXTENSION_VALUE] = take_extension_value,
    [QUOTED] = take_quoted,
    [ESCAPED] = take_escaped,
    [EXTENSION_END] = end_extension,
    [SIZE_LF] = take_size_lf,
    [DATA_CR] = take_data_cr,
    [DATA_LF] = take_data_lf,
    [TRAILER_START] = take_trailer_start,
    [TRAILER_NAME] = take_trailer_name,
    [TRAILER_VALUE] = take_trailer_value,
    [TRAILER_LF] = take_trailer_lf,
    [END_LF] = take_end_lf,
};

/* One byte of the lines around the chunks. */
static void
take_line_byte(struct cr_http_chunked *chunked, char byte)
{
    bool is_extension = chunked->phase >= EXTENSION_NAME && chunked->phase <= EXTENSION_END && byte != '\r';
    if (is_extension && ++chunked->extension_size > CR_HTTP_EXTENSION_LIMIT)
        refuse(chunked, "chunk extensions too long");
    else if (chunked->phase >= TRAILER_START && ++chunked->trailer_size > CR_HTTP_TRAILER_LIMIT)
        refuse(chunked, "trailer too long");
    else
        take_byte[chunked->phase](chunked, byte);
}

size_t
cr_http_chunked_feed(struct cr_http_chunked *chunked, const char *bytes, size_t size, enum cr_http_chunked_event *event,
                     const char **piece, size_t *piece_size)
{
    size_t used = 0;
    *event = CR_HTTP_CHUNKED_MORE;
    while (used < size && chunked->phase < ENDED && chunked->phase != DATA)
        take_line_byte(chunked, bytes[used++]);
    if (chunked->phase == ENDED) {
        *event = CR_HTTP_CHUNKED_END;
    } else if (chunked->phase == BROKEN) {
        *event = CR_HTTP_CHUNKED_BAD;
    } else if (chunked->phase == DATA && used < size) {
        size_t here = size - used < chunked->left ? size - used : (size_t)chunked->left;
        *event = CR_HTTP_CHUNKED_DATA;
        *piece = bytes + used;
        *piece_size = here;
        chunked->left -= here;
        if (chunked->left == 0)
            chunked->phase = DATA_CR;
        used += here;
    }
    return used;
}
