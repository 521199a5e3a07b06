/* crew.c: see crew.h. */
#include "crew.h"

#include <stdio.h>

static const char *const kinds[CREW_KINDS] = {"threads", "fibers"};

struct coir_pool *
crew_open(const struct crew *crew, int workers, const struct coir_pool_options *options)
{
    struct coir_pool *pool;
    char text[32];
    snprintf(text, sizeof text, workers ? "%s:%d" : "%s", crew->kind, workers);
    MUST_BE(coir_pool_open(text, options, &pool), 0);
    MUST(pool && coir_pool_workers(pool) > 0 && (!workers || coir_pool_workers(pool) == (size_t)workers));
    return pool;
}

void
crew_play(int number, coir_function *director)
{
    struct crew crew = {kinds[number / CORE_CASTS]};
    enum core_cast cast = (enum core_cast)(number % CORE_CASTS);
    if (cast != CORE_THREADS || number < CORE_CASTS)
        core_play(cast, director, &crew);
}

int
crew_add_up(void *arg)
{
    struct crew_sum *sum = arg;
    sum->answer = sum->a + sum->b;
    return sum->answer > 1000 ? -ERANGE : sum->answer;
}

void
crew_door_init(struct crew_door *door)
{
    *door = (struct crew_door){.open = COIR_EVENT_INIT, .inside = COIR_SEMAPHORE_INIT(0, 0)};
}

int
crew_wait_at_door(void *arg)
{
    struct crew_door *door = arg;
    int now = __atomic_add_fetch(&door->now, 1, __ATOMIC_SEQ_CST),
        most = __atomic_load_n(&door->most, __ATOMIC_SEQ_CST);
    while (now > most &&
           !__atomic_compare_exchange_n(&door->most, &most, now, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        continue;
    MUST_BE(coir_semaphore_release(&door->inside), 0);
    MUST_BE(coir_event_wait(&door->open, core_soon()), 0);
    __atomic_sub_fetch(&door->now, 1, __ATOMIC_SEQ_CST);
    return 7;
}
