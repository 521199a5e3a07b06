/* protocol/websocket_encode.c: what goes out, and what both ways share: masking and close codes.
 *
 * Masking is an exclusive or with four bytes that repeat. It is done eight bytes at a time with the mask turned to the
 * offset and doubled; a word keeps its bytes in memory order on every machine, because mask and payload are loaded the
 * same way. */
#include "protocol/websocket.h"

#include <string.h>

void
cr_websocket_mask(uint8_t *bytes, size_t size, const uint8_t mask[4], uint64_t offset)
{
    uint8_t turned[8];
    uint64_t mask_word;
    size_t at = 0;
    for (size_t i = 0; i < sizeof(turned); i++)
        turned[i] = mask[(offset + i) % 4];
    memcpy(&mask_word, turned, sizeof(mask_word));
    for (; size - at >= sizeof(mask_word); at += sizeof(mask_word)) {
        uint64_t word;
        memcpy(&word, bytes + at, sizeof(word));
        word ^= mask_word;
        memcpy(bytes + at, &word, sizeof(word));
    }
    for (; at < size; at++)
        bytes[at] ^= turned[at % 4];
}

bool
cr_websocket_is_close_code(int code)
{
    static const struct {
        int first, last;
    } ranges[] = {
        {1000, 1003}, /* RFC 6455 */
        {1007, 1011}, /* RFC 6455 */
        {1012, 1014}, /* registered with IANA since */
        {3000, 4999}, /* for libraries, for applications */
    };
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
        if (code >= ranges[i].first && code <= ranges[i].last)
            return true;
    return false;
}

/* The low count bytes of value, the highest first. */
static void
put_big_endian(uint8_t *bytes, uint64_t value, size_t count)
{
    for (size_t i = 0; i < count; i++)
        bytes[i] = (uint8_t)(value >> 8 * (count - 1 - i));
}

size_t
cr_websocket_encode_header(uint8_t header[CR_WEBSOCKET_HEADER_SIZE], unsigned opcode, bool is_final,
                           uint64_t payload_size, const uint8_t *mask)
{
    size_t long_size = payload_size <= 125 ? 0 : payload_size <= 65535 ? 2 : 8;
    unsigned length = long_size == 0 ? (unsigned)payload_size : long_size == 2 ? 126 : 127;
    header[0] = (uint8_t)((is_final ? 0x80u : 0) | (opcode & 0x0Fu));
    header[1] = (uint8_t)((mask ? 0x80u : 0) | length);
    put_big_endian(header + 2, payload_size, long_size);
    if (mask)
        memcpy(header + 2 + long_size, mask, 4);
    return 2 + long_size + (mask ? 4 : 0);
}

size_t
cr_websocket_encode_close(uint8_t payload[CR_WEBSOCKET_CONTROL_LIMIT], int code, const char *reason)
{
    size_t size = reason ? cr_utf8_cut(reason, strlen(reason), CR_WEBSOCKET_REASON_LIMIT) : 0;
    put_big_endian(payload, (uint64_t)code, 2);
    if (size > 0)
        memcpy(payload + 2, reason, size);
    return 2 + size;
}
