/* sim/kept.c: see kept.h. A piece comes from the real rows and is never given back to them. Its guards stay, too: pieces
 * of one size are divided alike, and guarded from the bottom up. */
#include "sim/kept.h"

#include "base/world.h"

enum { PIECES = 16 };

struct piece {
    char *start, *guarded; /* up to there */
    size_t size;
    bool used;
};

static struct piece pieces[PIECES];
static void *(*map)(size_t size);
static void (*unmap)(void *memory, size_t size);
static int (*guard)(const struct iovec *ranges, size_t count);

static struct piece *
piece_of(const char *address)
{
    for (struct piece *piece = pieces; piece < pieces + PIECES; piece++)
        if (piece->start && address >= piece->start && address < piece->start + piece->size)
            return piece;
    return NULL;
}

static void *
kept_map(size_t size)
{
    struct piece *unused = NULL;
    for (struct piece *piece = pieces; piece < pieces + PIECES; piece++) {
        if (piece->start && !piece->used && piece->size == size) {
            piece->used = true;
            return piece->start;
        }
        if (!piece->start && !unused)
            unused = piece;
    }
    if (!unused)
        return map(size);
    *unused = (struct piece){.start = map(size), .size = size, .used = true};
    unused->guarded = unused->start;
    return unused->start;
}

static void
kept_unmap(void *memory, size_t size)
{
    struct piece *piece = piece_of(memory);
    if (piece)
        piece->used = false;
    else
        unmap(memory, size);
}

static int
kept_guard(const struct iovec *ranges, size_t count)
{
    struct piece *piece = piece_of(ranges[0].iov_base);
    char *end = (char *)ranges[count - 1].iov_base + ranges[count - 1].iov_len;
    int error;
    if (piece && end <= piece->guarded)
        return 0;
    error = guard(ranges, count);
    if (piece && !error)
        piece->guarded = end;
    return error;
}

void
cr_sim_keep_stacks(void)
{
    map = cr_world.map;
    unmap = cr_world.unmap;
    guard = cr_world.guard;
    cr_world.map = kept_map;
    cr_world.unmap = kept_unmap;
    cr_world.guard = kept_guard;
}
