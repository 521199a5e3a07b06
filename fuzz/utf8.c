/* fuzz/utf8.c: libFuzzer target for protocol/utf8.c. Three ways to the same verdict must agree: the check in one go, the
 * check cut at a place the input chooses, and decoding one character after the other. */
#include <stdlib.h>

#include "protocol/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void
hold(bool condition)
{
    if (!condition)
        abort();
}

static size_t
decode_all(const uint8_t *bytes, size_t size)
{
    uint32_t point;
    size_t at = 0, length;
    while ((length = cr_utf8_decode(bytes + at, size - at, &point)) > 0)
        at += length;
    return at;
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (size == 0)
        return 0;
    size_t cut = bytes[0] % size;
    struct cr_utf8 state = CR_UTF8_INIT, cut_state = CR_UTF8_INIT;
    bytes++;
    size--;
    if (cut > size)
        cut = size;
    size_t good = cr_utf8_accept(&state, bytes, size);
    size_t cut_good = cr_utf8_accept(&cut_state, bytes, cut);
    if (cut_good == cut)
        cut_good += cr_utf8_accept(&cut_state, bytes + cut, size - cut);
    hold(good == cut_good && state.left == cut_state.left);

    size_t decoded = decode_all(bytes, size);
    bool is_valid = cr_utf8_is_valid(bytes, size);
    hold(is_valid == (decoded == size));
    hold(decoded <= good && good - decoded < 4);
    ssize_t in_line = cr_utf8_visible(bytes, size, CR_UTF8_LINE), in_name = cr_utf8_visible(bytes, size, CR_UTF8_NAME);
    hold(is_valid || in_line < 0);
    hold(in_name < 0 || in_name == in_line);
    hold(!is_valid || cr_utf8_is_valid(bytes, cr_utf8_cut(bytes, size, cut)));
    return 0;
}
