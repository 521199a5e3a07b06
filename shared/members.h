/* shared/members.h: memory of several processes, with the list of those that use it, and how to sleep until one of them rings.
 *
 * A member is a process, not a handle: a forked child is one of its own as soon as it takes part. What is written here is
 * written by single atomic steps, so that whoever is stopped or killed between two leaves nothing half done. Who has ended is
 * found by those that wait for what it had; nobody is told.
 *
 * To sleep: be counted among the sleepers, have a watch on the bell, and then, again and again: forget what the watch has
 * told, look whether there is still something to wait for, wait. Whoever changes something rings if there are sleepers: the
 * count and the look are ordered by a fence on both sides, so one of the two sees the other. A sleeper that has been killed is
 * counted for ever: then some rings are for nobody. */
#ifndef CR_MEMBERS_H
#define CR_MEMBERS_H

#include "base/atomic.h"
#include "base/world_shared.h"
#include <coir/base.h>

enum { CR_MEMBERS = CR_WATCHED_MOST };

struct cr_member {
    CR_ATOMIC(int32_t) pid;   /* 0: nobody; CR_MEMBER_LEFT */
    CR_ATOMIC(uint64_t) born; /* as struct cr_life has it */
    CR_ATOMIC(uint64_t)
    hand; /* pid << 32 | items of a queue that it has got, or is trying to get, and is not done with */
};
enum { CR_MEMBER_LEFT = -1 }; /* but it had something */

/* All of it may be spoilt by another process: nothing is taken for granted. Numbers are used again: a word that others than
 * the member itself may change when it has ended, its hand and the owner, says whose it is, and they change what they have looked
 * at or nothing. */
struct cr_shared_memory {
    CR_ATOMIC(uint64_t) owner;    /* of a mutex, see below; 0: free */
    CR_ATOMIC(uint32_t) sleepers; /* there are, or were */
    CR_ATOMIC(uint32_t) lost;     /* 1: somebody has ended with items in its hand */
    CR_ATOMIC(int64_t) inside;    /* items of a queue */
    struct cr_member members[CR_MEMBERS];
};

struct cr_members {
    struct cr_shared_memory *memory;
    int bell;
    CR_ATOMIC(uint64_t) mine; /* pid << 32 | this process's number; 0: not yet */
};

/* An owner is its member's number + 1, its pid (Linux has none of more bits), and which task of that process: a slot, and what is
 * left of room for its generation. */
enum { CR_OWNER_NUMBER = 55, CR_OWNER_PID = 33, CR_PID_BITS = CR_OWNER_NUMBER - CR_OWNER_PID };

static inline uint64_t
cr_owner_name(size_t number, int32_t pid, uint64_t task)
{
    return ((uint64_t)number + 1) << CR_OWNER_NUMBER | (uint64_t)pid << CR_OWNER_PID |
           (task & ((UINT64_C(1) << CR_OWNER_PID) - 1));
}

static inline size_t
cr_owner_member(uint64_t owner)
{
    return (owner >> CR_OWNER_NUMBER) - 1; /* at most 511: see cr_owner_has_ended */
}

static inline int32_t
cr_owner_pid(uint64_t owner)
{
    return (int32_t)(owner >> CR_OWNER_PID & ((1u << CR_PID_BITS) - 1));
}

static inline uint32_t
cr_hand_items(uint64_t hand)
{
    return (uint32_t)hand;
}

/* The calling process's number; it becomes a member if it is none. -EUSERS: there are too many. */
int cr_members_mine(struct cr_members *members);
/* The calling process leaves, if it is a member. */
void cr_members_leave(struct cr_members *members);

bool cr_owner_has_ended(const struct cr_shared_memory *memory, uint64_t owner);
/* What those that have ended had in hand is marked as lost; whether anybody has something in hand still. */
bool cr_members_have(struct cr_shared_memory *memory);

/* Wakes the sleepers, if there are some; after a change that they wait for. */
void cr_members_ring(const struct cr_members *members);

/* A sleep, from its first look to its end. */
struct cr_sleep {
    struct cr_watch watch;
    struct cr_members *members;
    bool is_blind; /* not all that matters can be watched: it has to look from time to time */
};
int cr_sleep_begin(struct cr_sleep *sleep, struct cr_members *members, int post);
/* From here on what comes ends the wait; then one looks. */
void cr_sleep_look(struct cr_sleep *sleep);
/* The end of this member, or of each but the caller, is news, too. */
void cr_sleep_watch(struct cr_sleep *sleep, size_t number);
void cr_sleep_watch_all(struct cr_sleep *sleep);
/* Until there is news: 0, -EAGAIN, -ETIMEDOUT, -ECANCELED. */
int cr_sleep_wait(struct cr_sleep *sleep, coir_time deadline);
void cr_sleep_end(struct cr_sleep *sleep);

#endif
