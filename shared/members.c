/* shared/members.c: see members.h. */
#include "shared/members.h"
#include "backend/descriptor.h"
#include "base/fault.h"
#include "base/time.h"
#include "shared/bag.h"

#include <errno.h>

#define BLIND (50 * COIR_MS) /* between two looks, where the end of a process cannot be watched */

/* ---- Who takes part ---- */

/* The process behind a number; pid 0: nobody, or it is just changing. */
static struct cr_life
read_member(const struct cr_member *member)
{
    struct cr_life process = {cr_load_acq(&member->pid), cr_load_acq(&member->born)}; /* pairs with enter */
    if (cr_load_acq(&member->pid) != process.pid)
        process.pid = 0;
    return process;
}

bool
cr_owner_has_ended(const struct cr_shared_memory *memory, uint64_t owner)
{
    size_t number = cr_owner_member(owner);
    struct cr_life process;
    if (number >= CR_MEMBERS)
        return true; /* nobody has such a number */
    process = read_member(&memory->members[number]);
    return process.pid != cr_owner_pid(owner) || cr_life_is_over(&process); /* of one that lives it does not change */
}

static uint64_t
hand_of(int32_t pid, uint32_t items)
{
    return (uint64_t)(uint32_t)pid << 32 | items;
}

/* What the process had in hand is lost, of which one is told once. Marked first: who ends in between has done half of it, and
 * the next does it again. Who is late leaves the hand of the next process with this number alone. */
static void
empty_hand(struct cr_shared_memory *memory, struct cr_member *member, int32_t pid)
{
    uint64_t hand = cr_load_acq(&member->hand);
    if (!cr_hand_items(hand) || hand != hand_of(pid, cr_hand_items(hand)))
        return;
    cr_store_rel(&memory->lost, 1); /* pairs with the swap of who joins */
    (void)cr_cas_ar(&member->hand, &hand, hand_of(pid, 0));
}

bool
cr_members_have(struct cr_shared_memory *memory)
{
    bool have = false;
    for (size_t i = 0; i < CR_MEMBERS; i++) {
        struct cr_member *member = &memory->members[i];
        struct cr_life process;
        if (!cr_hand_items(cr_load_acq(&member->hand)))
            continue;
        process = read_member(member);
        if (process.pid > 0 && cr_life_is_over(&process))
            empty_hand(memory, member, process.pid);
        else
            have = true;
    }
    return have;
}

/* Nobody is behind this number any more, if it was this process and does not own the mutex. */
static void
vacate(struct cr_shared_memory *memory, size_t number, const struct cr_life *process)
{
    struct cr_member *member = &memory->members[number];
    int32_t pid = process->pid;
    uint64_t born = process->born;
    empty_hand(memory, member, pid);
    if (born) /* else the next one is taken for this one until it has said when it began */
        (void)cr_cas_ar(&member->born, &born, 0);
    if (cr_owner_member(cr_load_acq(&memory->owner)) == number)
        (void)cr_cas_ar(&member->pid, &pid, CR_MEMBER_LEFT); /* whoever wants the mutex finds that */
    else
        (void)cr_cas_ar(&member->pid, &pid, 0);
}

/* A free number for this process; -EUSERS. */
static int
enter(struct cr_shared_memory *memory, const struct cr_life *self)
{
    for (int sweep = 0; sweep < 2; sweep++) {
        for (size_t i = 0; i < CR_MEMBERS; i++) {
            struct cr_member *member = &memory->members[i];
            struct cr_life process = read_member(member);
            int32_t nobody = 0;
            if (sweep && process.pid && cr_owner_member(cr_load_acq(&memory->owner)) != i && cr_life_is_over(&process))
                vacate(memory, i, &process);
            if (!cr_load_acq(&member->pid) && cr_cas_ar(&member->pid, &nobody, self->pid)) {
                cr_store_rel(&member->hand, hand_of(self->pid, 0));
                cr_store_rel(&member->born, self->born);
                return (int)i;
            }
        }
    }
    return -EUSERS;
}

int
cr_members_mine(struct cr_members *members)
{
    struct cr_life self = {.pid = cr_life_pid()};
    uint64_t mine = cr_load_acq(&members->mine), wanted;
    int number;
    if (mine >> 32 == (uint64_t)self.pid)
        return (int)(mine & UINT32_MAX);
    self.born = cr_life_born(self.pid);
    number = enter(members->memory, &self);
    if (number < 0)
        return number;
    wanted = (uint64_t)self.pid << 32 | (uint32_t)number;
    if (!cr_cas_ar(&members->mine, &mine, wanted)) { /* another thread was faster */
        vacate(members->memory, (size_t)number, &self);
        return (int)(mine & UINT32_MAX);
    }
    cr_members_ring(members); /* who watches all has one more to watch */
    return number;
}

void
cr_members_leave(struct cr_members *members)
{
    uint64_t mine = cr_load_acq(&members->mine);
    struct cr_life self = {.pid = cr_life_pid()};
    if (mine >> 32 != (uint64_t)self.pid)
        return; /* it is a parent's */
    self.born = cr_load_rlx(&members->memory->members[mine & UINT32_MAX].born);
    vacate(members->memory, mine & UINT32_MAX, &self);
    cr_members_ring(members);
}

/* ---- Sleeping and waking ---- */

void
cr_members_ring(const struct cr_members *members)
{
    cr_fence_sc(); /* pairs with cr_sleep_look: it sees the change, or we see it sleep */
    if (cr_load_rlx(&members->memory->sleepers))
        (void)cr_bell_ring(members->bell);
}

int
cr_sleep_begin(struct cr_sleep *sleep, struct cr_members *members, int post)
{
    int error = cr_watch_open(&sleep->watch, members->bell, post);
    if (error)
        return error;
    sleep->members = members;
    (void)cr_add_ar(&members->memory->sleepers, 1);
    return 0;
}

void
cr_sleep_look(struct cr_sleep *sleep)
{
    cr_watch_forget(&sleep->watch);
    cr_watch_take(&sleep->watch);
    sleep->is_blind = false;
    cr_fence_sc(); /* pairs with cr_members_ring */
}

void
cr_sleep_watch(struct cr_sleep *sleep, size_t number)
{
    struct cr_life process;
    if (number >= CR_MEMBERS)
        return;
    process = read_member(&sleep->members->memory->members[number]);
    if (process.pid > 0 && cr_watch_process(&sleep->watch, &process))
        sleep->is_blind = true;
}

void
cr_sleep_watch_all(struct cr_sleep *sleep)
{
    pid_t self = cr_life_pid();
    for (size_t i = 0; i < CR_MEMBERS; i++)
        if (cr_load_acq(&sleep->members->memory->members[i].pid) != self)
            cr_sleep_watch(sleep, i);
}

int
cr_sleep_wait(struct cr_sleep *sleep, coir_time deadline)
{
    coir_time soon = sleep->is_blind ? cr_now() + BLIND : COIR_NEVER;
    int result;
    cr_moment(CR_MOMENT_WAIT);
    if (deadline <= soon)
        return cr_await_readable(sleep->watch.fd, deadline);
    result = cr_await_readable(sleep->watch.fd, soon);
    return result == -ETIMEDOUT ? 0 : result;
}

void
cr_sleep_end(struct cr_sleep *sleep)
{
    cr_watch_forget(&sleep->watch);
    (void)cr_sub_ar(&sleep->members->memory->sleepers, 1);
    (void)cr_descriptor_close(sleep->watch.fd);
}
