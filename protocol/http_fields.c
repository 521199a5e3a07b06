/* protocol/http_fields.c: looks things up in a request that has been read: fields, lists, parameters. */
#include <errno.h>
#include <string.h>

#include "protocol/http_bytes.h"
#include "protocol/http_request.h"

const char *
cr_http_request_field(const struct cr_http_request *request, const char *name)
{
    for (unsigned i = 0; i < request->field_count; i++)
        if (cr_http_is_same(request->fields[i].name, name))
            return request->fields[i].value;
    return NULL;
}

unsigned
cr_http_request_field_count(const struct cr_http_request *request, const char *name)
{
    unsigned count = 0;
    for (unsigned i = 0; i < request->field_count; i++)
        count += cr_http_is_same(request->fields[i].name, name);
    return count;
}

bool
cr_http_list_has(const char *value, const char *token)
{
    while (value && *value) {
        value += strspn(value, " \t,");
        size_t size = strcspn(value, ",");
        size_t trimmed = size;
        while (trimmed > 0 && (value[trimmed - 1] == ' ' || value[trimmed - 1] == '\t'))
            trimmed--;
        if (trimmed > 0 && cr_http_is_word(value, trimmed, token))
            return true;
        value += size;
    }
    return false;
}

/* One character of a query, decoded, into *byte: how many bytes it took, 0 for a bad one. */
static size_t
decode(const char *text, size_t size, char *byte)
{
    *byte = text[0] == '+' ? ' ' : text[0];
    if (text[0] != '%')
        return 1;
    if (size < 3 || !cr_http_is(text[1], CR_HTTP_HEX) || !cr_http_is(text[2], CR_HTTP_HEX))
        return 0;
    *byte = (char)(cr_http_hex(text[1]) << 4 | cr_http_hex(text[2]));
    return *byte == '\0' ? 0 : 3;
}

/* text, decoded, into room bytes with a NUL: its length. */
static int
decode_all(const char *text, size_t size, char *value, size_t room)
{
    size_t length = 0;
    while (size > 0) {
        if (length + 1 >= room)
            return -EMSGSIZE;
        size_t used = decode(text, size, &value[length++]);
        if (used == 0)
            return -EINVAL;
        text += used;
        size -= used;
    }
    if (room == 0)
        return -EMSGSIZE;
    value[length] = '\0';
    return (int)length;
}

/* Whether text, decoded, is name. */
static bool
decodes_to(const char *text, size_t size, const char *name)
{
    for (; size > 0 && *name; name++) {
        char byte;
        size_t used = decode(text, size, &byte);
        if (used == 0 || byte != *name)
            return false;
        text += used;
        size -= used;
    }
    return size == 0 && *name == '\0';
}

int
cr_http_request_parameter(const struct cr_http_request *request, const char *name, char *value, size_t size)
{
    const char *pair = request->query ? request->query : "";
    while (*pair) {
        size_t pair_size = strcspn(pair, "&");
        const char *equals = memchr(pair, '=', pair_size);
        size_t name_size = equals ? (size_t)(equals - pair) : pair_size;
        if (decodes_to(pair, name_size, name)) {
            const char *text = equals ? equals + 1 : "";
            return decode_all(text, equals ? pair_size - name_size - 1 : 0, value, size);
        }
        pair += pair_size + (pair[pair_size] == '&');
    }
    return -ENOENT;
}
