/* sched/debt.h: what a task owes others before it ends, so that the end of one that has not paid is noticed at that moment.
 *
 * A debt hangs in one of a few rows, by its owner's id, from begin to end; one count says whether there is any, and that is
 * all a task's end costs in a program that has none. A task that ends looks twice: first as itself, while it can still
 * run what the debt wants to be done; then after its end is published, for who has made it the owner in between. Whoever does
 * that looks at the life word after the debt hangs, by an exchange, as the end is one: so one of the two sees the other. */
#ifndef CR_DEBT_H
#define CR_DEBT_H

#include "base/mutant.h"
#include "sched/task.h"

struct cr_debt;

struct cr_debt_kind {
    /* Under the row's guard: whether unpaid may be called, for which the debt must stay. false: it is about to be ended. */
    bool (*keep)(struct cr_debt *debt);
    /* Its owner, who may be gone, has ended without paying it; it does not hang any more. name: of the owner. */
    void (*unpaid)(struct cr_debt *debt, const char *name);
};

struct cr_debt {
    struct cr_list link;         /* under the row's guard */
    struct cr_debt *next;        /* of those that are just found unpaid */
    CR_ATOMIC(uint64_t) owner;   /* its id; 0: nobody in particular */
    CR_ATOMIC(uint32_t) is_hung; /* written under the row's guard */
    const struct cr_debt_kind *kind;
};

extern CR_ATOMIC(uint32_t) cr_debt_count;

/* From here on task owes it, and whoever owed it before does not. If task has ended it is unpaid at once. */
void cr_debt_begin(struct cr_debt *debt, struct coir_task *task);

void cr_debt_drop(struct cr_debt *debt);

/* It is paid, or forgotten: after this nobody else knows it. */
static inline void
cr_debt_end(struct cr_debt *debt)
{
    if (cr_unlikely(cr_load_acq(&debt->is_hung))) /* pairs with debt.c's unhang */
        cr_debt_drop(debt);
}

/* The task with this id ends, or has ended: what it owes is unpaid. */
void cr_debts_tell(uint64_t id, const char *name);

static inline bool
cr_debts_any(void)
{
    return cr_load_rlx(&cr_debt_count);
}

/* Before a task's end is published, as that task. */
static inline void
cr_debts_before_end(const struct coir_task *self)
{
    if (cr_unlikely(cr_debts_any()))
        cr_debts_tell(cr_load_rlx(&self->id), self->name);
}

/* After that; nothing of the task may be touched any more. */
static inline void
cr_debts_after_end(uint64_t id)
{
    if (cr_unlikely(cr_debts_any()) && !CR_MUTANT(OWNER_ENDS_BLINDLY))
        cr_debts_tell(id, "");
}

#endif
