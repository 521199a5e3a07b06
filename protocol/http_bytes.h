/* protocol/http_bytes.h: what each byte may be in HTTP (RFC 9110, 5.6.2 and 5.5), and comparing names. */
#ifndef CR_PROTOCOL_HTTP_BYTES_H
#define CR_PROTOCOL_HTTP_BYTES_H

#include <stdbool.h>
#include <stddef.h>

enum {
    CR_HTTP_TOKEN = 1,  /* tchar: methods and field names */
    CR_HTTP_VALUE = 2,  /* in a field's value: blank, tab, visible, 0x80 to 0xFF */
    CR_HTTP_TARGET = 4, /* in a request's target, somewhere */
    CR_HTTP_HEX = 8,
    CR_HTTP_DIGIT = 16,
    CR_HTTP_HOST = 32 /* in a host's name */
};

extern const unsigned char cr_http_bytes[256];

static inline bool
cr_http_is(char byte, int class)
{
    return cr_http_bytes[(unsigned char)byte] & class;
}

/* 0 to 15; of a byte that is HEX. */
static inline unsigned
cr_http_hex(char digit)
{
    unsigned value = (unsigned char)digit;
    return value <= '9' ? value - '0' : (value | 0x20) - 'a' + 10;
}

/* Whether size bytes of text are word, without regard to the case of ASCII letters. */
bool cr_http_is_word(const char *text, size_t size, const char *word);

/* The same of two strings. */
bool cr_http_is_same(const char *text, const char *word);

#endif
