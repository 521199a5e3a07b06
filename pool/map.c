/* pool/map.c: many items, in chunks of which a few are under way at a time: as many as keep the workers busy, so that a map
 * of any length needs little memory. Chunks are awaited in their order; so the first failure is the first in the order of
 * the items. */
#include "base/memory.h"
#include "pool/pool.h"

enum { EACH_WORKER = 2, SHARES = 4, CHUNK_MOST = 1024 };

struct map {
    struct coir_pool *pool;
    coir_function *function;
    char *items;
    size_t item_size, count, chunk;
    size_t begun, over;           /* items */
    struct coir_future **windows; /* a ring: the chunk that begins with item i is in i / chunk % size */
    size_t size;
};

static struct coir_future **
slot(const struct map *map, size_t item)
{
    return &map->windows[item / map->chunk % map->size];
}

static size_t
length_at(const struct map *map, size_t item)
{
    return map->count - item < map->chunk ? map->count - item : map->chunk;
}

static int
begin_chunk(struct map *map, coir_time deadline)
{
    size_t bytes = length_at(map, map->begun) * map->item_size;
    struct coir_future *job =
        cr_pool_job(map->pool, map->function, map->items + map->begun * map->item_size, bytes, map->item_size);
    int error = job ? cr_pool_submit(map->pool, job, deadline) : -ENOMEM;
    if (error) {
        coir_future_free(job);
        return error;
    }
    *slot(map, map->begun) = job;
    map->begun += length_at(map, map->begun);
    return 0;
}

static int
end_chunk(struct map *map, coir_time deadline)
{
    struct coir_future *job = *slot(map, map->over);
    size_t bytes = length_at(map, map->over) * map->item_size;
    int result = coir_future_wait(job, deadline);
    if (!result)
        result = coir_future_get(job, map->items + map->over * map->item_size, bytes, COIR_NOW);
    if (result < 0)
        return result;
    map->over += length_at(map, map->over);
    coir_future_free(job);
    return 0;
}

/* What is under way is not wanted any more. */
static void
give_up(struct map *map)
{
    while (map->over < map->begun) {
        struct coir_future *job = *slot(map, map->over);
        map->over += length_at(map, map->over);
        cr_pool_abandon(job);
    }
}

static size_t
chunk_for(const struct coir_pool *pool, size_t count)
{
    size_t shares = pool->limit * SHARES, chunk = pool->options.chunk;
    if (!chunk)
        chunk = count / shares + (count % shares != 0);
    return chunk > CHUNK_MOST && !pool->options.chunk ? CHUNK_MOST : chunk;
}

int
coir_pool_map(struct coir_pool *pool, coir_function *function, void *items, size_t item_size, size_t count,
              coir_time deadline)
{
    struct map map = {.pool = pool, .function = function, .items = items, .item_size = item_size, .count = count};
    int result = cr_enter(cr_task_self(), deadline);
    if (!item_size || (count && item_size > SIZE_MAX / 2 / count))
        cr_misuse("coir_pool_map: %zu items of %zu bytes", count, item_size);
    if (result || !count)
        return result;
    map.chunk = chunk_for(pool, count);
    map.size = pool->limit * EACH_WORKER;
    if (map.size > pool->options.capacity)
        map.size = pool->options.capacity;
    map.windows = cr_alloc(map.size * sizeof(struct coir_future *));
    if (!map.windows)
        return -ENOMEM;
    while (!result && map.over < count)
        if (map.begun < count && (map.begun - map.over) / map.chunk < map.size)
            result = begin_chunk(&map, deadline);
        else
            result = end_chunk(&map, deadline);
    give_up(&map);
    cr_free(map.windows);
    return result;
}
