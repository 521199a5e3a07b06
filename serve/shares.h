/* serve/shares.h: how many connections each process of a server has, in memory that they share, so that each takes its share.
 *
 * All wait at the same sockets, and the kernel wakes all of them: whoever is quickest would take whatever has come. So who has
 * more than another one waits a moment before he takes one more, longer the more he has; what is still there then is his. */
#ifndef CR_SERVE_SHARES_H
#define CR_SERVE_SHARES_H

#include <stdint.h>

#include "base/atomic.h"

enum { CR_SHARES = 512 };
enum cr_share_state {
    CR_SHARE_FREE,
    CR_SHARE_COUNTS,
    CR_SHARE_APART /* it takes none now, and is no measure for the others */
};

struct cr_shares {
    struct {
        CR_ATOMIC(uint32_t) count;
        CR_ATOMIC(uint32_t) state; /* the supervisor's */
    } places[CR_SHARES];
};

/* NULL: there is no memory for it; then each takes what he gets. */
struct cr_shares *cr_shares_open(void);
void cr_shares_close(struct cr_shares *shares); /* NULL: nothing */

/* The supervisor's: a place for a new process, which has no connection and is apart until it accepts; -1: none is free. And what
 * becomes of it: CR_SHARE_FREE only once the process is no more. */
int cr_shares_take(struct cr_shares *shares);
void cr_shares_turn(struct cr_shares *shares, int place, enum cr_share_state state);

/* The process's own: more or fewer; how many more it has than the one with the fewest. */
void cr_shares_add(struct cr_shares *shares, int place, int more);
uint32_t cr_shares_lead(const struct cr_shares *shares, int place);

#endif
