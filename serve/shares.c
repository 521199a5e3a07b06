/* serve/shares.c: see shares.h. The numbers are advice: nothing depends on their order, so all of it is relaxed. */
#include "serve/shares.h"

#include "base/world.h"
#include "base/world_shared.h"

struct cr_shares *
cr_shares_open(void)
{
    void *memory = NULL;
    int fd = cr_memory_open(sizeof(struct cr_shares)),
        error = fd < 0 ? fd : cr_memory_map(fd, sizeof(struct cr_shares), &memory);
    if (fd >= 0)
        (void)cr_world.close(fd);
    return error < 0 ? NULL : memory; /* zeroes: all are free */
}

void
cr_shares_close(struct cr_shares *shares)
{
    if (shares)
        cr_memory_unmap(shares, sizeof *shares);
}

int
cr_shares_take(struct cr_shares *shares)
{
    for (int i = 0; shares && i < CR_SHARES; i++)
        if (cr_load_rlx(&shares->places[i].state) == CR_SHARE_FREE) {
            cr_store_rlx(&shares->places[i].count, 0);
            cr_store_rlx(&shares->places[i].state, CR_SHARE_APART);
            return i;
        }
    return -1;
}

void
cr_shares_turn(struct cr_shares *shares, int place, enum cr_share_state state)
{
    if (shares && place >= 0)
        cr_store_rlx(&shares->places[place].state, state);
}

void
cr_shares_add(struct cr_shares *shares, int place, int more)
{
    if (shares && place >= 0)
        (void)cr_add_rlx(&shares->places[place].count, (uint32_t)more);
}

uint32_t
cr_shares_lead(const struct cr_shares *shares, int place)
{
    uint32_t mine = shares && place >= 0 ? cr_load_rlx(&shares->places[place].count) : 0, least = mine;
    for (int i = 0; mine && i < CR_SHARES; i++) {
        uint32_t count = cr_load_rlx(&shares->places[i].count);
        if (count < least && cr_load_rlx(&shares->places[i].state) == CR_SHARE_COUNTS)
            least = count;
    }
    return mine - least;
}
