/* fuzz/websocket.c: libFuzzer target for the frame parser. The input's first bytes choose the rules and the cuts, the rest
 * is the stream. It is fed whole and cut; messages, control frames and the end must be the same, and after the end nothing
 * may come. */
#include <stdlib.h>
#include <string.h>

#include "protocol/websocket.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum { STREAM_LIMIT = 8192, TOLD_LIMIT = 4 * STREAM_LIMIT };

struct told {
    uint8_t bytes[TOLD_LIMIT];
    size_t size;
    bool is_over;
};

static void
hold(bool condition)
{
    if (!condition)
        abort();
}

static void
tell(struct told *told, const void *bytes, size_t size)
{
    hold(size <= sizeof(told->bytes) - told->size);
    if (size > 0)
        memcpy(told->bytes + told->size, bytes, size);
    told->size += size;
}

/* Data is told byte by byte as it is; the marks of everything else cannot be mistaken for it, as sizes are told, too. */
static void
tell_event(struct told *told, const struct cr_websocket_event *event)
{
    hold(!told->is_over);
    if (event->type != CR_WEBSOCKET_DATA || event->is_last) {
        int mark[] = {(int)event->type, (int)event->kind, event->is_last, event->code,
                      event->type == CR_WEBSOCKET_DATA ? 0 : (int)event->size};
        if (event->type == CR_WEBSOCKET_DATA)
            tell(told, event->bytes, event->size);
        tell(told, mark, sizeof(mark));
    }
    if (event->type != CR_WEBSOCKET_DATA || !event->is_last)
        tell(told, event->bytes, event->size);
    told->is_over = event->type == CR_WEBSOCKET_CLOSE || event->type == CR_WEBSOCKET_VIOLATION;
    hold(event->type != CR_WEBSOCKET_VIOLATION || cr_websocket_is_close_code(event->code));
}

static void
feed(struct cr_websocket_parser *parser, uint8_t *bytes, size_t size, struct told *told)
{
    struct cr_websocket_event event;
    size_t used = 0;
    do {
        used += cr_websocket_parse(parser, bytes + used, size - used, &event);
        hold(used <= size);
        if (event.type != CR_WEBSOCKET_MORE)
            tell_event(told, &event);
    } while (event.type != CR_WEBSOCKET_MORE);
    hold(used == size);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static uint8_t stream[STREAM_LIMIT];
    static struct told whole, cut;
    struct cr_websocket_parser parser;
    if (size < 3 || size - 3 > STREAM_LIMIT)
        return 0;
    struct cr_websocket_rules rules = {
        .message_limit = (uint64_t)bytes[0] * 16, .from_server = bytes[1] & 1, .text_only = bytes[1] & 2};
    size_t step = (size_t)bytes[2] % 16 + 1;
    bytes += 3;
    size -= 3;

    whole.size = cut.size = 0;
    whole.is_over = cut.is_over = false;
    memcpy(stream, bytes, size);
    cr_websocket_parser_init(&parser, &rules);
    feed(&parser, stream, size, &whole);
    bool is_inside = cr_websocket_parser_is_inside(&parser);

    memcpy(stream, bytes, size);
    cr_websocket_parser_init(&parser, &rules);
    for (size_t at = 0; at < size; at += step)
        feed(&parser, stream + at, size - at < step ? size - at : step, &cut);
    hold(whole.size == cut.size && memcmp(whole.bytes, cut.bytes, whole.size) == 0);
    hold(is_inside == cr_websocket_parser_is_inside(&parser));
    return 0;
}
